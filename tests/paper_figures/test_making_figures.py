"""Making figures: what is trusted on disk, what is made again, and what the command answers."""

from __future__ import annotations

import dataclasses
import errno
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import numpy as np
import pytest

from paper_figures import figure, style
from paper_figures.__main__ import main
from paper_figures.figure import PaperFigure, produce
from paper_figures.registry import FIGURES, MISSING
from paper_figures.results import (
    _PACKAGES,
    LIBRARIES,
    _imports,
    load,
    read_results,
    results_key,
    save_results,
    source_files,
    write_atomically,
)
from theory.claims import claims


@dataclasses.dataclass(frozen=True)
class Parameters:
    height: float = 1.0


@pytest.fixture
def project(tmp_path):
    """A project of one figure, whose sources a test may change."""
    (tmp_path / "theory").mkdir()
    (tmp_path / "theory" / "__init__.py").write_text("")
    (tmp_path / "theory" / "law.py").write_text("MASS = 1\n")
    (tmp_path / "theory" / "other.py").write_text("UNUSED = 1\n")
    (tmp_path / "paper_figures").mkdir()
    for name in ("style", "shared", "lonely"):
        (tmp_path / "paper_figures" / f"{name}.py").write_text("")
    file = tmp_path / "paper_figures" / "toy.py"
    file.write_text(
        "from paper_figures import shared, style\n"
        "def compute():\n    from theory.law import MASS\n    return MASS\n"
    )
    return file


@pytest.fixture
def toy(project):
    """A figure that counts how often it is computed and drawn."""
    calls = {"compute": 0, "draw": 0}

    def compute(parameters):
        calls["compute"] += 1
        return {"x": np.arange(5.0), "y": parameters.height * np.arange(5.0)}

    def draw(results):
        calls["draw"] += 1
        figure = style.new_figure(2, 2)
        figure.subplots().plot(results["x"], results["y"])
        return figure

    return PaperFigure("toy", "A line", project, Parameters(), compute, draw), calls


@pytest.fixture
def make(toy, tmp_path):
    made, _ = toy

    def run(**changes):
        return produce(
            dataclasses.replace(made, **changes),
            tmp_path / "results",
            tmp_path / "runs",
            tmp_path / "figures",
        )

    return run


def test_a_second_run_does_nothing(make, toy):
    first, second = make(), make()
    assert (first.computed, first.drawn) == (True, True)
    assert (second.computed, second.drawn) == (False, False)
    assert toy[1] == {"compute": 1, "draw": 1}
    assert all(path.is_file() for path in second.paths)


def test_other_parameters_are_computed_anew(make):
    make()
    assert make(parameters=Parameters(height=2.0)).computed


@pytest.mark.parametrize("changed", ["theory/law.py", "theory/__init__.py", "paper_figures/toy.py"])
def test_changed_sources_are_computed_anew(make, project, changed):
    make()
    path = project.parents[1] / changed
    path.write_text(path.read_text() + "# changed\n")
    assert make().computed


def test_a_shared_module_counts_and_unused_ones_do_not(project):
    key = results_key(project, Parameters())
    root = project.parents[1]
    for unused in ("theory/other.py", "paper_figures/lonely.py", "paper_figures/style.py"):
        (root / unused).write_text("CHANGED = True\n")
    assert results_key(project, Parameters()) == key
    (root / "paper_figures" / "shared.py").write_text("CHANGED = True\n")
    assert results_key(project, Parameters()) != key


@pytest.mark.parametrize(
    ("what", "other"),
    [
        ("platform.python_version", lambda: "3.99.0"),
        ("installed", lambda library: f"another {library}"),
    ],
)
def test_another_python_or_another_library_is_computed_anew(project, monkeypatch, what, other):
    key = results_key(project, Parameters())
    monkeypatch.setattr(f"paper_figures.results.{what}", other)
    assert results_key(project, Parameters()) != key


# Of what the sources of figures import: it prints, reads options or files, starts processes, or is
# part of the look.
WITHOUT_NUMBERS = {
    "cloudpickle", "distributed", "joblib", "matplotlib", "pillow", "pooch", "pyarrow",
    "pytorch-lightning", "rich", "threadpoolctl", "tyro",
}  # fmt: skip


@pytest.mark.skipif(bool(MISSING), reason=f"figures are left out: {', '.join(MISSING)}")
def test_libraries_are_those_that_figures_import():
    files = {path for figure in FIGURES.values() for path in source_files(figure.file)}
    modules = {name.partition(".")[0] for path in files for name in _imports(path)}
    foreign = modules - sys.stdlib_module_names - set(_PACKAGES)
    of = packages_distributions()
    known = {name for module in foreign for name in of.get(module, [module])}
    assert {name.lower() for name in known} - WITHOUT_NUMBERS == set(LIBRARIES)


def test_what_is_written_can_be_read_by_others(tmp_path):
    write_atomically(tmp_path / "file", b"figure")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644


def test_a_package_that_loads_modules_by_name_counts_whole(project):
    root = project.parents[1]
    (root / "theory" / "law.py").write_text("import pkgutil\nMASS = 1\n")
    assert root / "theory" / "other.py" in source_files(project)


def test_the_sources_of_a_real_figure_reach_down_to_theory():
    root = Path(style.__file__).parents[1]
    files = source_files(FIGURES["digits_bias"].file)
    for name in ("gpu_experiments/digits.py", "theory/loop.py", "theory/quadrature.py"):
        assert root / name in files
    assert root / "paper_figures" / "style.py" not in files
    assert root / "paper_figures" / "iterates.py" in source_files(
        FIGURES["exact_iterates_moons"].file
    )


@pytest.mark.parametrize("kept", [0, 1, 100, 0.5, 0.99])
def test_a_result_file_cut_short_is_not_trusted(make, project, tmp_path, kept):
    make()
    path = tmp_path / "results" / "toy.npz"
    whole = path.read_bytes()
    path.write_bytes(whole[: kept if isinstance(kept, int) else int(kept * len(whole))])
    assert make().computed
    assert load(path, results_key(project, Parameters())) is not None


@pytest.mark.parametrize("position", [0.2, 0.4, 0.6, 0.8])
def test_a_damaged_result_file_is_not_trusted_or_holds_the_same_arrays(
    make, project, tmp_path, position
):
    make()
    path = tmp_path / "results" / "toy.npz"
    content = bytearray(path.read_bytes())
    content[int(position * len(content))] ^= 0xFF
    path.write_bytes(content)
    results = load(path, results_key(project, Parameters()))
    # A flipped byte may fall on padding or a time stamp, which no array depends on.
    assert results is None or (results["y"] == np.arange(5.0)).all()


def test_arrays_that_do_not_match_their_digest_are_refused(tmp_path):
    path = tmp_path / "r.npz"
    save_results(path, "key", {"x": np.arange(3.0)})
    with np.load(path) as archive:
        content = dict(archive)
    content["x"] = content["x"] + 1
    np.savez(path, **content)
    assert load(path, "key") is None
    with pytest.raises(ValueError, match="delete it"):
        read_results(path)


def test_results_come_back_as_saved(tmp_path):
    results = {"a": np.array(1.5), "b": np.array([[1, 2], [3, 4]]), "c": np.array([np.inf, -1])}
    save_results(tmp_path / "deep" / "r.npz", "key", results)
    loaded = load(tmp_path / "deep" / "r.npz", "key")
    assert set(loaded) == set(results)
    for name, array in results.items():
        np.testing.assert_array_equal(loaded[name], array)
        assert loaded[name].dtype == array.dtype
    assert load(tmp_path / "deep" / "r.npz", "another key") is None


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def fail(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_results_never_stand_beside_the_origin_of_others(make, tmp_path, monkeypatch):
    make()
    written = []

    def interrupted(path, content):
        written.append(path.name)
        if len(written) == 2:
            raise KeyboardInterrupt
        write_atomically(path, content)

    for module in ("figure", "results"):
        monkeypatch.setattr(f"paper_figures.{module}.write_atomically", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make(parameters=Parameters(height=2.0))
    assert written == ["toy.origin.json", "toy.npz"]
    monkeypatch.undo()
    assert make(parameters=Parameters(height=2.0)).computed
    origin = (tmp_path / "results" / "toy.origin.json").read_text()
    assert "Parameters(height=2.0)" in origin


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"%PDF-")])
def test_a_missing_or_changed_picture_is_drawn_again(make, toy, tmp_path, spoil):
    make()
    spoil(tmp_path / "figures" / "toy.pdf")
    again = make()
    assert (again.computed, again.drawn) == (False, True)


@pytest.mark.parametrize(
    "source",
    [
        "style.py", "curated_loops.mplstyle", "labels.py", "figure.py", "notation.py",
        "claim.py", "lemma_2_2.py",
    ],
)  # fmt: skip
def test_another_look_or_other_words_are_drawn_and_not_computed(make, monkeypatch, source):
    make()
    content = figure._hash
    monkeypatch.setattr(
        figure, "_hash", lambda path: "changed" if path.name == source else content(path)
    )
    again = make()
    assert (again.computed, again.drawn) == (False, True)


def test_another_matplotlib_draws_anew(make, monkeypatch):
    make()
    monkeypatch.setattr(figure, "version", lambda library: f"another {library}")
    again = make()
    assert (again.computed, again.drawn) == (False, True)


def test_another_folder_gets_its_own_pictures(make, toy, tmp_path):
    make()
    done = produce(toy[0], tmp_path / "results", tmp_path / "runs", tmp_path / "elsewhere")
    assert (done.computed, done.drawn) == (False, True)
    assert done.paths[0].read_bytes() == (tmp_path / "figures" / "toy.pdf").read_bytes()


@pytest.fixture
def gallery(toy, monkeypatch, tmp_path):
    """The command with the toy figure alone and no claims, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("paper_figures.__main__.FIGURES", {"toy": toy[0]})
    monkeypatch.setattr("paper_figures.__main__.MISSING", {})
    monkeypatch.setattr("paper_figures.__main__.claims", {})
    return tmp_path


def test_the_command_makes_all_figures_and_says_where(gallery, capsys):
    assert main([]) == 0
    page = gallery / "build" / "figures" / "index.html"
    assert capsys.readouterr().out.strip() == f"1 figure drawn: {page}"
    assert sorted(path.name for path in page.parent.iterdir()) == [
        "data",
        "index.html",
        "toy.pdf",
        "toy.png",
        "toy.svg",
    ]


def test_the_command_takes_names_and_a_folder(gallery, capsys):
    assert main(["toy", "--out", "here", "--quiet"]) == 0
    output = capsys.readouterr()
    assert output.out.strip() == f"1 figure drawn: {gallery / 'here' / 'index.html'}"
    assert output.err == ""
    assert (gallery / "here" / "toy.png").is_file()


def test_the_command_says_what_it_will_do_and_what_it_did(gallery, toy, capsys):
    main([])
    first = capsys.readouterr().err.splitlines()
    told = r"1 figure to compute, 1 figure to draw: about [\w ]+?( on \d+ processes)?\."
    assert re.fullmatch(told, first[0])
    assert re.fullmatch(r"toy: computed and drawn \(\d+\.\d s\)", first[1])
    main([])
    assert capsys.readouterr().err.splitlines() == ["Nothing to compute: all is saved."]
    assert toy[1] == {"compute": 1, "draw": 1}


@pytest.mark.parametrize("formats", ["jpg", "pdf,jpg", "", "pdf;png"])
def test_a_format_that_there_is_not_is_refused_before_any_work(gallery, formats, capsys):
    assert main(["--format", formats]) == 2
    told = capsys.readouterr().err.strip()
    assert told.endswith("name some of pdf, svg, png.")
    assert len(told.splitlines()) == 1
    assert not (gallery / "build").exists()


def linked(gallery):
    page = (gallery / "build/figures/index.html").read_text(encoding="utf-8")
    return sorted(set(re.findall(r'href="toy\.(\w+)" download', page)))


def test_formats_are_added_to_those_that_are_there(gallery, toy):
    assert main(["--format", "png"]) == 0
    assert linked(gallery) == ["png"]
    picture = gallery / "build/figures/toy.png"
    before = picture.stat().st_mtime_ns
    assert main(["--format", "svg,png"]) == 0
    assert linked(gallery) == ["png", "svg"]
    assert picture.stat().st_mtime_ns == before
    assert toy[1]["compute"] == 1


def test_files_of_an_earlier_version_stay_and_are_not_handed_out(gallery, toy, project):
    assert main([]) == 0
    project.write_text(project.read_text() + "# changed\n")
    assert main(["--format", "svg"]) == 0
    assert linked(gallery) == ["svg"]
    assert 'src="toy.svg"' in (gallery / "build/figures/index.html").read_text(encoding="utf-8")
    assert (gallery / "build/figures/toy.pdf").is_file()
    assert (gallery / "build/figures/toy.png").is_file()


def test_a_figure_that_fails_keeps_its_last_picture_and_says_so(gallery, toy, monkeypatch):
    main([])
    picture = (gallery / "build/figures/toy.png").read_bytes()

    def fail(results):
        raise RuntimeError("no <room> left")

    changed = dataclasses.replace(toy[0], parameters=Parameters(height=3.0), draw=fail)
    monkeypatch.setattr("paper_figures.__main__.FIGURES", {"toy": changed})
    assert main([]) == 1
    assert (gallery / "build/figures/toy.png").read_bytes() == picture
    page = (gallery / "build/figures/index.html").read_text(encoding="utf-8")
    assert "could not be made: RuntimeError: no &lt;room&gt; left" in page.replace("Could", "could")
    assert 'src="toy.png"' in page
    assert linked(gallery) == []


def test_the_page_is_written_when_the_work_is_broken_off(gallery, toy, monkeypatch):
    def interrupted(results):
        raise KeyboardInterrupt

    broken = dataclasses.replace(toy[0], draw=interrupted)
    monkeypatch.setattr("paper_figures.__main__.FIGURES", {"toy": broken})
    with pytest.raises(KeyboardInterrupt):
        main([])
    page = (gallery / "build/figures/index.html").read_text(encoding="utf-8")
    assert "Not drawn yet" in page
    assert page.rstrip().endswith("</html>")


HOLDS = claims["no-curation"]
# Without false twins nothing shows that its check could fail.
FALLS = dataclasses.replace(HOLDS, id="twinless", title="without twins", false_twins=())


def test_a_claim_that_does_not_stand_makes_the_command_fail(gallery, monkeypatch, capsys):
    monkeypatch.setattr("paper_figures.__main__.claims", {"twinless": FALLS, HOLDS.id: HOLDS})
    assert main(["--processes", "1"]) == 1
    output = capsys.readouterr()
    assert "twinless: has 0 false twins" in output.err
    assert "2 claims checked: 1 theorem stands, 1 did not stand." in output.out
    assert (gallery / "build/figures/toy.pdf").is_file()
    # A saved verdict counts as much, and is said to be one.
    assert main(["--processes", "1"]) == 1
    output = capsys.readouterr()
    assert "Nothing to compute" in output.err
    assert "twinless: has 0 false twins" in output.err
    assert re.search(
        r"1 did not stand \(checked before, [-\d]+ [:\d]+ .+, by the same code\)", output.out
    )
    page = (gallery / "build/figures/index.html").read_text(encoding="utf-8")
    assert "Without twins</strong> does not stand" in page


def test_a_named_figure_asks_for_its_own_claims_alone(gallery, toy, monkeypatch, capsys):
    showing = dataclasses.replace(toy[0], claims=(HOLDS.id,))
    monkeypatch.setattr("paper_figures.__main__.FIGURES", {"toy": showing})
    monkeypatch.setattr("paper_figures.__main__.claims", {"twinless": FALLS, HOLDS.id: HOLDS})
    assert main(["toy", "--processes", "1"]) == 0
    assert "1 claim checked: 1 theorem stands." in capsys.readouterr().out
    # What is known already is told apart from what was checked now.
    assert main(["--processes", "1"]) == 1
    told = capsys.readouterr().out
    assert "1 did not stand (1 of them checked before, " in told


@pytest.mark.parametrize("option", ["--out", "--results", "--runs"])
@pytest.mark.parametrize(
    ("place", "reason"), [("note.txt", "is a file"), ("note.txt/deep", "is below the file ")]
)
def test_a_folder_that_is_none_is_refused_before_any_work(gallery, option, place, reason, capsys):
    (gallery / "note.txt").write_text("kept")
    assert main(["toy", option, place]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"{option} {place} {reason}")
    assert told.endswith(": name another folder.\n")
    assert (gallery / "note.txt").read_text() == "kept"
    assert not (gallery / "build").exists()


def test_a_folder_without_the_right_to_write_is_refused(gallery, monkeypatch, capsys):
    # Asked of the system, not tried: for an administrator no folder is closed.
    monkeypatch.setattr("paper_figures.__main__.os.access", lambda path, mode: False)
    assert main(["toy", "--out", "here"]) == 2
    assert capsys.readouterr().err == "--out here cannot be written to: name another folder.\n"


def test_a_full_disk_is_told_in_one_line(gallery, monkeypatch, capsys):
    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("paper_figures.gallery.write_atomically", full)
    assert main(["toy", "--quiet"]) == 1
    assert capsys.readouterr().err == f"[Errno {errno.ENOSPC}] No space left on device.\n"


def test_list_stands_alone(gallery, capsys):
    assert main(["list", "toy"]) == 2
    assert capsys.readouterr().err == "'list' takes no names: leave it out, or give it alone.\n"


def test_an_unknown_name_is_answered_with_the_nearest(capsys):
    assert main(["digit_bais"]) == 2
    assert capsys.readouterr().err.strip() == (
        "There is no figure named 'digit_bais': did you mean 'digits_bias'?"
    )


def test_nothing_is_made_when_one_name_is_unknown(gallery):
    assert main(["toy", "tyo"]) == 2
    assert not (gallery / "build").exists()


def test_figures_are_where_the_command_was_given(gallery, toy, monkeypatch):
    """Also the second time, when the processes that draw are those of the first."""
    figures = {name: dataclasses.replace(toy[0], name=name) for name in ("one", "two")}
    monkeypatch.setattr("paper_figures.__main__.FIGURES", figures)
    for place in ("here", "there"):
        (gallery / place).mkdir()
        monkeypatch.chdir(gallery / place)
        assert main(["--processes", "2"]) == 0
        assert {path.stem for path in (gallery / place / "build/figures").glob("*.pdf")} == {
            "one",
            "two",
        }


def test_a_figure_that_fails_makes_the_command_fail_but_not_the_others(
    gallery, toy, monkeypatch, capsys
):
    def fail(parameters):
        raise RuntimeError("no such law")

    broken = dataclasses.replace(toy[0], name="broken", compute=fail)
    monkeypatch.setattr("paper_figures.__main__.FIGURES", {"broken": broken, "toy": toy[0]})
    assert main([]) == 1
    error = capsys.readouterr().err
    assert "no such law" in error
    assert "Not made: broken." in error
    assert (gallery / "build/figures/toy.pdf").is_file()


def test_an_unknown_option_is_refused(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["--colour"])
    assert exit_.value.code == 2
    assert capsys.readouterr().err == (
        "Unrecognized options: --colour; see python -m paper_figures --help.\n"
    )


def test_the_list_shows_brackets_of_a_caption(toy, monkeypatch, capsys):
    bracketed = dataclasses.replace(toy[0], caption="reweighting by w/E[w]")
    monkeypatch.setattr("paper_figures.__main__.FIGURES", {"toy": bracketed})
    assert main(["list"]) == 0
    assert "w/E[w]" in capsys.readouterr().out


def test_the_list_names_every_figure():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "paper_figures", "list"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in FIGURES)
