"""What is kept of runs as the record: as far as they go, never less than there is."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from gpu_experiments.parcel import content
from gpu_experiments.presets import PRESETS
from gpu_experiments.pretrained import FIRST_MODEL
from paper_figures import (
    image_choice,
    image_quality,
    image_repeats,
    image_rewards,
    image_runs,
    image_samples,
    image_seeds,
    style,
)
from paper_figures.exceptions import EXCEPTIONS, unexplained
from paper_figures.keep import Kept, keep, main
from sim.runs import CONFIG, ENVIRONMENT, METRICS, SECONDS
from tests.paper_figures.synthetic_images import write_run


def cut(run, rounds):
    """Cut a run short after so many rounds, in the midst of writing the next."""
    for name, last in ((METRICS, b'{"t": '), (SECONDS, b"")):
        lines = (run / name).read_bytes().splitlines(keepends=True)
        (run / name).write_bytes(b"".join(lines[:rounds]) + last)
    return run


def on_disk(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def run(tmp_path):
    """A run of four rounds of which the first three were completed."""
    return cut(write_run(tmp_path / "runs", "class", "pure", 0, 4, kept=20), 3)


def test_a_run_that_was_cut_short_is_kept_as_the_shorter_one(run, tmp_path):
    before = on_disk(run)
    kept = keep(run, "one computer", tmp_path / "record")
    assert on_disk(run) == before
    shorter = write_run(tmp_path / "shorter", "class", "pure", 0, 2, kept=20)
    expected = keep(shorter, "one computer", tmp_path / "expected")
    assert kept == Kept(tmp_path / "record" / "class-pure-0", 2, 4)
    assert expected == Kept(tmp_path / "expected" / "class-pure-0", 2, 2)
    found, wanted = on_disk(kept.path), on_disk(expected.path)
    provenance = {"hardware": "one computer", "rounds": 2}
    assert json.loads(found.pop("provenance.json")) == {**provenance, "planned": 4}
    assert json.loads(wanted.pop("provenance.json")) == {**provenance, "planned": 2}
    assert json.loads(found.pop(CONFIG)) == json.loads(wanted.pop(CONFIG))
    assert found == wanted
    assert found.keys() == {
        *(ENVIRONMENT, METRICS, SECONDS),
        *("samples/000.npz", "samples/002.npz"),
    }


def test_figures_say_which_runs_were_cut_short(run, tmp_path):
    whole = write_run(tmp_path / "runs", "class", "pure", 1, 4, kept=20)
    folders = {
        name: keep(path, "one computer", tmp_path / "record").path
        for name, path in (("class-pure-0", run), ("class-pure-1", whole))
    }
    told = str(image_runs.provenance(folders)["provenance"]).replace("\N{NO-BREAK SPACE}", " ")
    # 100 s in each of three rounds and of five.
    assert told.endswith("; 2 runs, seeds 0, 1; class-pure-0: 2 of 4 rounds; wall time 13 min")


def test_figures_are_drawn_of_the_shortest_runs_that_are_kept(tmp_path):
    folders = {}
    for reward in image_runs.REWARDS:
        for ratio in image_runs.RATIOS:
            path = cut(write_run(tmp_path / "runs", reward, ratio, 0, 3, kept=40), 2)
            folders[path.name] = keep(path, "one computer", tmp_path / "record").path
    with style.rc():
        for figure in (
            image_rewards.draw_class(image_rewards.compute(folders, "class")),
            image_rewards.draw_confidence(image_rewards.compute(folders, "confidence")),
            image_quality.draw(image_quality.compute(folders, image_runs.settings(("class",)))),
            image_repeats.draw(image_repeats.compute(folders)),
            image_seeds.draw(image_seeds.compute(folders)),
            image_choice.draw(image_choice.compute(folders)),
            image_samples.draw(image_samples.compute(folders)),
        ):
            figure.draw_without_rendering()
            assert ": 1 of 3 rounds" in " ".join(figure.get_supxlabel().split())


def test_a_longer_run_replaces_a_shorter_one_and_not_the_reverse(run, tmp_path):
    record = tmp_path / "record"
    whole = write_run(tmp_path / "whole", "class", "pure", 0, 4, kept=20)
    keep(run, "one computer", record)
    kept = keep(whole, "one computer", record)
    before = on_disk(kept.path)
    assert {name: before[name] for name in content(whole)} == content(whole)
    assert not (kept.path / "samples/002.npz").exists()
    with pytest.raises(ValueError, match=r"class-pure-0 has 4 rounds of this run and .* has 2, so"):
        keep(run, "one computer", record)
    assert on_disk(kept.path) == before
    # As long: what was said of it can be put right.
    keep(whole, "another computer", record)
    assert json.loads((kept.path / "provenance.json").read_text())["hardware"] == "another computer"


def test_runs_of_a_seed_begin_with_one_model(tmp_path):
    """On another machine the first model is trained again, to other numbers."""
    record, runs = tmp_path / "record", tmp_path / "runs"
    one = write_run(runs, "class", "pure", 0, 2, kept=20)
    other, further = (write_run(runs, "class", "mixed", seed, 2, kept=20) for seed in (0, 1))
    for path in (other, further):
        text = (path / METRICS).read_text()
        (path / METRICS).write_text(text.replace(f'"{FIRST_MODEL}": 1.5', f'"{FIRST_MODEL}": 1.25'))
    folders = {"class-pure-0": keep(one, "one computer", record).path}
    with pytest.raises(ValueError, match=r"class-mixed-0 begins with another model than .*pure-0"):
        keep(other, "one computer", record)
    assert [path.name for path in record.iterdir()] == ["class-pure-0"]
    assert "first models" not in str(image_runs.provenance(folders)["provenance"])
    # Another seed may have a model of its own, and figures say so.
    folders["class-mixed-1"] = keep(further, "one computer", record).path
    assert "; 2 first models; wall" in str(image_runs.provenance(folders)["provenance"])
    keep(one, "one computer", record)


def test_another_run_is_not_put_in_a_runs_place(run, tmp_path):
    keep(run, "one computer", tmp_path / "record")
    other = write_run(tmp_path / "other", "class", "pure", 0, 4, kept=30)
    with pytest.raises(ValueError, match=r"holds a run of another configuration than .*: remove"):
        keep(other, "one computer", tmp_path / "record")


def test_a_control_is_kept_under_its_own_name(run, tmp_path):
    config = json.loads((run / CONFIG).read_text())
    (run / CONFIG).write_text(json.dumps({**config, "selects": False}))
    assert keep(run, "one computer", tmp_path).path.name == "control-pure-0"
    # Every run of a preset has the name that the preset gives it.
    runs = PRESETS["cifar10-record"].runs
    assert [image_runs.name_of(each.as_json()) for each in runs.values()] == list(runs)


def test_hardware_is_that_which_the_run_names(run, tmp_path):
    with pytest.raises(ValueError, match="names no GPU: give its hardware"):
        keep(run, " ", tmp_path / "record")
    assert not (tmp_path / "record").exists()
    environment = json.loads((run / ENVIRONMENT).read_text())
    named = {**environment, "gpu": "made-up GPU", "cuda": "13.1"}
    (run / ENVIRONMENT).write_text(json.dumps(named))
    kept = keep(run, place=tmp_path / "record")
    told = " ".join(str(image_runs.provenance({"class-pure-0": kept.path})["provenance"]).split())
    assert "; one run, seed 0; " in told
    assert told.startswith("made-up GPU; Python 3.11.7, CUDA 13.1, torch 9.8.7")


@pytest.mark.parametrize("rounds", [0, 1])
def test_a_run_without_retraining_is_refused(run, tmp_path, rounds):
    cut(run, rounds)
    with pytest.raises(
        ValueError, match=f"has {rounds} of the 2 complete rounds that a loop is seen from"
    ):
        keep(run, "one computer", tmp_path / "record")
    assert not (tmp_path / "record").exists()


def test_other_data_are_no_part_of_the_record(run, tmp_path):
    config = json.loads((run / CONFIG).read_text())
    (run / CONFIG).write_text(json.dumps({**config, "data": "digits"}))
    with pytest.raises(ValueError, match="is no run on CIFAR-10"):
        keep(run, "one computer", tmp_path / "record")


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        (CONFIG, b"{", "is damaged: bring it again"),
        (ENVIRONMENT, b"", "is damaged: bring it again"),
        ("samples/000.npz", b"", "is damaged: bring it again"),
        ("samples/002.npz", b"no archive", "is damaged: bring it again"),
        ("samples/002.npz", b"PK\x03\x04 cut short", "is damaged: bring it again"),
        (ENVIRONMENT, None, "is not there: bring the whole run"),
        ("samples/002.npz", None, "is not there: bring the whole run"),
    ],
)
def test_what_did_not_come_whole_is_not_kept_and_the_others_are(
    run, tmp_path, capsys, name, data, told
):
    write_run(tmp_path / "runs", "class", "pure", 1, 2, kept=20)
    if data is None:
        (run / name).unlink()
    else:
        (run / name).write_bytes(data)
    record = tmp_path / "record"
    assert main([str(run.parent), "--hardware", "one computer", "--place", str(record)]) == 1
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"class-pure-0: not kept: {run / name} {told}."
    assert second.startswith("class-pure-1: kept")
    assert [path.name for path in record.iterdir()] == ["class-pure-1"]


def test_a_flipped_bit_in_samples_is_seen(run, tmp_path):
    file = run / "samples" / "002.npz"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(ValueError, match=r"002\.npz is damaged"):
        keep(run, "one computer", tmp_path / "record")


def test_a_record_is_not_kept_again(run, tmp_path):
    """How many rounds were meant is not known of its runs from their configuration."""
    kept = keep(run, "one computer", tmp_path / "record")
    with pytest.raises(ValueError, match="is in a record already"):
        keep(kept.path, "another computer", tmp_path / "record")


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"class-pure-0": ["weight"]}', '{"class-pure-0": {"weight": 1}}']
)
def test_causes_of_another_form_are_told_before_anything_is_kept(run, tmp_path, capsys, text):
    (tmp_path / EXCEPTIONS).write_text(text)
    words = [str(run), "--hardware", "one computer", "--place", str(tmp_path)]
    assert main(words) == 2
    assert f"{tmp_path / EXCEPTIONS} is not of the form" in capsys.readouterr().err
    assert not (tmp_path / "class-pure-0").exists()


def test_the_command_tells_of_every_run(run, tmp_path, capsys):
    record = tmp_path / "record"
    write_run(tmp_path / "runs", "class", "pure", 1, 2, kept=20)
    command = [str(run.parent), "--hardware", "one computer", "--place", str(record)]
    assert main(command) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"class-pure-0: kept, rounds 0 to 2 of 4, in {record / 'class-pure-0'}",
        f"class-pure-1: kept, rounds 0 to 2, in {record / 'class-pure-1'}",
    ]
    cut(run, 1)
    shutil.rmtree(record)
    assert main(command) == 1
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith(f"class-pure-0: not kept: {run} ")
    assert told[0].endswith(
        "has 1 of the 2 complete rounds that a loop is seen from: go on with it."
    )
    assert told[1].startswith("class-pure-1: kept, rounds 0 to 2")
    assert [path.name for path in record.iterdir()] == ["class-pure-1"]


def test_the_command_tells_what_needs_a_cause(tmp_path, capsys):
    runs, record = tmp_path / "runs", tmp_path / "record"
    write_run(runs, "confidence", "mixed", 0, 2, blurred=0.5, kept=100)
    assert main([str(runs), "--hardware", "one computer", "--place", str(record)]) == 0
    _, needed = capsys.readouterr().out.splitlines()
    assert needed.startswith(f"  To be explained in {record / EXCEPTIONS}, as not what the theory")
    assert "mean reward" in needed
    causes = dict.fromkeys(unexplained(record / "confidence-mixed-0"), "refits blur")
    (record / EXCEPTIONS).write_text(json.dumps({"confidence-mixed-0": causes}))
    assert main([str(runs), "--hardware", "one computer", "--place", str(record)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_the_command_keeps_with_the_code_unless_told_otherwise(run, tmp_path, monkeypatch):
    monkeypatch.setattr(image_runs, "RECORDED", tmp_path / "with the code")
    assert main([str(run), "--hardware", "one computer"]) == 0
    assert np.load(tmp_path / "with the code/class-pure-0/samples/000.npz")["rewards"].size


@pytest.mark.parametrize(
    ("words", "told"),
    [(["nowhere"], "nowhere holds no run: name a folder of runs."), ([], "RUNS")],
)
def test_a_command_that_makes_no_sense_is_told_in_one_line(words, told, capsys):
    try:
        status = main(words)
    except SystemExit as ended:
        status = ended.code
    assert status == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert told in lines[0]


def test_a_place_that_cannot_be_written_is_told(run, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    words = [str(run), "--hardware", "one computer", "--place", str(tmp_path / "file")]
    assert main(words) == 1
    assert str(tmp_path / "file") in capsys.readouterr().err
