"""The command line: what it prints, what it writes and the exit status of each outcome."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
import tyro

from theory.__main__ import main
from theory.claims import Claim, FalseTwin, claims, lemma_2_2
from theory.command_line import told_in_one_line
from theory.evidence import ball, rational
from theory.evidence.family import Family
from theory.evidence.instance import Instance
from theory.evidence.run import Run
from theory.evidence.sides import Sides
from theory.evidence.verdict import Status

FEW = ["--quiet", "--instances", "2"]
INCREASE = claims["lemma-2.2"]
# Small enough that a search which finds nothing ends in about a second.
SMALL = Family(atoms=(2,), candidates=(2,), steps=1)


def library_of(*members: Claim) -> dict[str, Claim]:
    return {claim.id: claim for claim in members}


def test_list_names_every_claim(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in claims)


@pytest.mark.parametrize("name", claims)
def test_show_says_everything_about_a_claim(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", name]) == 0
    printed = capsys.readouterr().out
    claim = claims[name]
    for text in (claim.statement, claim.plain, claim.source, *claim.hypotheses):
        assert text in printed
    assert all(twin.says in printed for twin in claim.false_twins)


def test_verify_prints_a_row_per_claim(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "lemma-2.1", "lemma-2.2", *FEW]) == 0
    captured = capsys.readouterr()
    (row,) = (line for line in captured.out.splitlines() if "lemma-2.2" in line)
    # The Rocq proof where it is built, the polynomial core otherwise.
    assert "machine-checked" in row or "proved" in row
    assert "2/2" in row
    assert "holds" in row
    assert "lemma-2.1" in captured.out
    assert "theorem-2.1" not in captured.out
    assert captured.err == ""


@pytest.mark.parametrize("strength", ["exact", "certified", "numeric"])
def test_verify_at_one_strength_reports_that_strength(
    strength: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "out.json"
    arguments = ["verify", "theorem-2.4-sharp", "--strength", strength, "--json", str(path)]
    assert main([*arguments, *FEW]) == 0
    assert strength in capsys.readouterr().out
    verdicts = json.loads(path.read_text())["claims"][0]["verdicts"]
    assert {verdict["strength"] for verdict in verdicts} == {strength}


def test_a_claim_without_the_strength_is_left_out_of_the_library_and_said_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    mute = replace(INCREASE, id="mute", strengths=INCREASE.strengths[:1])
    assert main(["verify", "--strength", "numeric", *FEW], library_of(INCREASE, mute)) == 0
    printed = capsys.readouterr().out
    assert "mute is left out: it advertises machine-checked, proved, exact." in printed
    assert printed.count("holds") == 1
    # By name it is asked for what it does not have.
    arguments = ["verify", "mute", "--strength", "numeric", *FEW]
    assert main(arguments, library_of(INCREASE, mute)) == 1


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("verify") / "all.json"
    assert main(["verify", "--json", str(path), *FEW]) == 0
    result: dict[str, Any] = json.loads(path.read_text())
    return result


def test_json_holds_every_verdict_and_counterexample(document: dict[str, Any]) -> None:
    assert document["holds"] is True
    assert [entry["id"] for entry in document["claims"]] == list(claims)
    for entry in document["claims"]:
        claim = claims[entry["id"]]
        assert entry["problems"] == []
        assert {v["strength"] for v in entry["verdicts"]} == set(claim.strengths)
        assert all("margin" in c for v in entry["verdicts"] for c in v["comparisons"])
        assert [twin["name"] for twin in entry["twins"]] == [t.name for t in claim.false_twins]


def test_json_counterexamples_can_be_replayed(document: dict[str, Any]) -> None:
    for entry in document["claims"]:
        claim = claims[entry["id"]]
        twins = {twin.name: twin for twin in claim.false_twins}
        for record in entry["twins"] if isinstance(claim.family, Family) else []:
            instance = Instance.from_json(record["counterexample"])
            assert instance.to_json() == record["counterexample"]
            sides = twins[record["name"]].sides
            assert ball.check(sides, instance).status is Status.FAILS


def test_json_instances_can_be_replayed(document: dict[str, Any]) -> None:
    entry = document["claims"][1]
    for verdict in entry["verdicts"]:
        if verdict["strength"] == "exact":
            replayed = rational.check(
                claims[entry["id"]].sides, Instance.from_json(verdict["instance"])
            )
            assert replayed.to_json() == verdict


def test_the_same_seed_gives_the_same_json(tmp_path: Path) -> None:
    documents = []
    for stem in ("first", "second"):
        path = tmp_path / f"{stem}.json"
        main(["verify", "theorem-2.3-sharp", "--seed", "3", "--json", str(path), *FEW])
        documents.append(without_seconds(json.loads(path.read_text())))
    assert documents[0] == documents[1]


def without_seconds(value: Any) -> Any:
    if isinstance(value, dict):
        timings = {"seconds", "instances_per_second", "second_opinion"}
        return {key: without_seconds(v) for key, v in value.items() if key not in timings}
    return [without_seconds(v) for v in value] if isinstance(value, list) else value


# Verification must be able to fail.


@pytest.mark.parametrize("strength", ["exact", "certified", "numeric"])
def test_a_broken_claim_fails_at_every_strength(
    strength: str, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = replace(INCREASE, sides=partial(lemma_2_2.sides, constant=Fraction(3, 2)))
    assert main(["verify", "--strength", strength, *FEW], library_of(broken)) == 1
    captured = capsys.readouterr()
    assert "FAILS" in captured.out
    assert f"lemma-2.2: does not hold at {strength}: 'gain, from below' fails" in captured.err


@pytest.mark.parametrize(
    ("name", "nudge"),
    [
        ("lemma-2.1", {"first": Fraction(999, 1000)}),
        ("lemma-2.2", {"constant": Fraction(1001, 1000)}),
        ("theorem-2.3-sharp", {"constant": Fraction(1001, 1000)}),
        ("theorem-2.4-sharp", {"constant": Fraction(998, 1000)}),
    ],
)
def test_a_slightly_broken_claim_fails_on_its_extremal_instances(
    name: str, nudge: dict[str, Fraction], capsys: pytest.CaptureFixture[str]
) -> None:
    broken = replace(claims[name], sides=partial(claims[name].sides, **nudge))
    assert main(["verify", "--strength", "certified", *FEW], library_of(broken)) == 1
    assert "does not hold at certified" in capsys.readouterr().err


@pytest.mark.parametrize("seed", ["0", "1"])
def test_a_constant_that_is_false_for_some_K_only_fails(
    seed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    claim = claims["theorem-2.4-sharp"]

    def sides(run: Run) -> Iterator[Sides]:
        yield from claim.sides(run, Fraction(1) if run.K == 2 else Fraction(4, 5))

    broken = replace(claim, sides=sides)
    assert main(["verify", "--seed", seed, *FEW], library_of(broken)) == 1
    assert "'KL to the reference' fails" in capsys.readouterr().err


def test_a_claim_that_speaks_of_degenerate_cases_only_fails(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def sides(run: Run) -> Iterator[Sides]:
        if run.level_count == 1:
            yield from lemma_2_2.sides(run)

    silent = replace(INCREASE, sides=sides, tight=False, extremal=None)
    assert main(["verify", "--strength", "exact", *FEW], library_of(silent)) == 1
    assert "decides nothing on 2 of 2 random instances" in capsys.readouterr().err


def test_a_false_equality_fails(capsys: pytest.CaptureFixture[str]) -> None:
    def sides(run: Run) -> Iterator[Sides]:
        for comparison in lemma_2_2.sides(run):
            yield replace(comparison, left=comparison.left + run.number(Fraction(1, 10**6)))

    broken = replace(INCREASE, sides=sides)
    assert main(["verify", "--strength", "exact", *FEW], library_of(broken)) == 1
    assert "'gain, exactly' fails" in capsys.readouterr().err


def test_a_twin_that_is_true_fails_the_verification(capsys: pytest.CaptureFixture[str]) -> None:
    true_twin = FalseTwin(
        name="constant 2 % smaller",
        says="A weaker bound.",
        family=SMALL,
        sides=partial(lemma_2_2.sides, constant=Fraction(49, 50)),
    )
    claim = replace(INCREASE, false_twins=(INCREASE.false_twins[0], true_twin))
    assert main(["verify", "--strength", "exact", *FEW], library_of(claim)) == 1
    captured = capsys.readouterr()
    assert "1/2" in captured.out
    assert "false twin 'constant 2 % smaller' was not refuted" in captured.err


def test_a_bound_that_is_not_tight_fails_the_verification(
    capsys: pytest.CaptureFixture[str],
) -> None:
    loose = replace(INCREASE, sides=partial(lemma_2_2.sides, constant=Fraction(9, 10)))
    assert main(["verify", "--strength", "certified", *FEW], library_of(loose)) == 1
    assert "is not shown to be tight" in capsys.readouterr().err


def test_an_advertised_strength_is_what_verify_demands(
    capsys: pytest.CaptureFixture[str],
) -> None:
    claim = replace(INCREASE, strengths=INCREASE.strengths[:1])
    assert main(["verify", "--strength", "numeric", *FEW], library_of(claim)) == 1
    assert "no evidence of this strength: the claim advertises" in capsys.readouterr().err


# Usage errors: status 2, one sentence, before any work.


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["show", "lema2.2"], "There is no claim 'lema2.2': did you mean 'lemma-2.2'?"),
        (["verify", "theorem-2.4-s"], "did you mean 'theorem-2.4-sharp'?"),
        (["verify", "lemma-2.2", "thm"], "There is no claim 'thm': did you mean"),
        (["verify", "--instances", "0"], "--instances 0 checks nothing: give at least 1."),
        (["verify", "--seed", "-1"], "--seed -1 is negative"),
        (["verify", "--json", "/nowhere/at/all.json"], "cannot be written"),
        (["verify", "--json", "."], "cannot be written"),
    ],
)
def test_usage_errors_are_one_sentence(
    arguments: list[str],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_work(*_: Any, **__: Any) -> None:
        raise AssertionError("work was begun")

    monkeypatch.setattr("theory.__main__.verify_all", no_work)
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert sentence in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


@pytest.mark.parametrize(
    "arguments", [[], ["prove"], ["verify", "--strength", "certain"], ["verify", "--seed", "x"]]
)
def test_unreadable_commands_exit_with_status_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert capsys.readouterr().out == ""


# Falsification and the replay of what it finds.

NUDGED = "lemma-2.2:constant 2 % larger"


def test_falsify_prints_and_records_a_counterexample_that_verify_replays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "found.json"
    assert main(["falsify", NUDGED, "--json", str(path), "--quiet"]) == 0
    printed = capsys.readouterr().out
    assert "w = [25, 26], K = 2, λ = ∞, rounds = 1" in printed
    assert "0.00490196078431 ≥ 0.00490384615385 fails  (exact" in printed
    # The record names the twin, so the twin is what is replayed; the claim itself stands.
    assert main(["verify", "lemma-2.2", "--instance", str(path)]) == 1
    printed = capsys.readouterr().out
    assert "lemma-2.2, twin 'constant 2 % larger': does not hold" in printed
    assert "lemma-2.2: holds" in printed


def test_verify_on_an_instance_prints_every_part_at_every_strength(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, report = tmp_path / "instance.json", tmp_path / "report.json"
    path.write_text(json.dumps(Instance.of([1, 2], [1, 3], K=2, steps=2).to_json()))
    arguments = ["verify", "lemma-2.2", "--instance", str(path)]
    assert main([*arguments, "--json", str(report)]) == 0
    rows = [line.split()[0] for line in capsys.readouterr().out.splitlines()[2:]]
    assert rows == ["exact", "exact", "certified", "certified", "numeric", "numeric"]
    assert json.loads(report.read_text())["holds"] is True
    assert main([*arguments, "--strength", "numeric"]) == 0
    rows = [line.split()[0] for line in capsys.readouterr().out.splitlines()[2:]]
    assert rows == ["numeric", "numeric"]


def test_falsify_says_what_it_did_when_it_finds_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["falsify", "lemma-2.2", "--seconds", "0.5", "--quiet"]) == 1
    captured = capsys.readouterr()
    assert "No counterexample in " in captured.out
    assert "closest approach" in captured.out
    assert captured.err == ""


def test_falsify_takes_a_twin_by_option_and_a_claim_from_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.py"
    template = Path(__file__).parents[2] / "theory" / "claims" / "_template.py"
    path.write_text(template.read_text())
    assert main(["falsify", str(path), "--twin", "2 % per round", "--quiet"]) == 0
    assert main(["falsify", f"{path}:2 % per round", "--quiet"]) == 0
    assert "template, twin '2 % per round'" in capsys.readouterr().out
    assert main(["verify", str(path), "--quiet", "--instances", "2"]) == 0


def test_a_claim_with_rounded_constants_is_told_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.py"
    template = Path(__file__).parents[2] / "theory" / "claims" / "_template.py"
    text = template.read_text()
    rounded = text.replace("t, now, before, condition", "t, now, 1.02 * before, condition")
    assert rounded != text
    path.write_text(rounded)
    assert main(["falsify", str(path), "--quiet"]) == 2
    told = capsys.readouterr().err
    assert "write every constant as run.number(Fraction(…))" in told
    assert told.count("\n") == 1


def test_falsify_spreads_over_processes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["falsify", NUDGED, "--processes", "2", "--quiet"]) == 0
    assert "w = [25, 26]" in capsys.readouterr().out


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    instance = Instance.of([1, 1], [1, 2], K=2).to_json()
    contents = {
        "good.json": json.dumps(instance),
        "mass.json": json.dumps({**instance, "probabilities": ["1/2", "1/3"]}),
        "broken.json": "{",
        "record.json": json.dumps({"claim": "lemma-2.1", "twin": None, "instance": instance}),
        "raises.py": "raise RuntimeError('by me')",
        "empty.py": "x = 1",
    }
    for name, text in contents.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("falsify lema-2.2", "There is no claim 'lema-2.2': did you mean 'lemma-2.2'?"),
        ("falsify lemma-2.2 --twin constant", "did you mean 'constant 2 % larger'?"),
        ("falsify lemma-2.2:constant", "did you mean 'constant 2 % larger'?"),
        ("falsify lemma-2.2:a --twin b", "names a twin already"),
        ("falsify lemma-2.2 --seconds 0", "--seconds 0 leaves no time"),
        ("falsify lemma-2.2 --seconds nan", "--seconds nan leaves no time"),
        ("falsify lemma-2.2 --processes 0", "--processes 0 searches nothing"),
        ("falsify lemma-2.2 --seed -1", "--seed -1 is negative"),
        ("falsify lemma-2.2 --json /nowhere/at.json", "cannot be written"),
        ("falsify lemma-2.2 --processes 2 --scheduler tcp://a:1", "exclude each other"),
        ("falsify missing.py", "missing.py cannot be read (No such file or directory)"),
        ("falsify raises.py", "raises.py cannot be loaded (RuntimeError: by me)."),
        ("falsify empty.py", "empty.py defines 0 claims"),
        ("verify raises.py", "raises.py cannot be loaded"),
        ("verify lemma-2.2 --instance missing.json", "missing.json cannot be read"),
        ("verify lemma-2.2 --instance broken.json", "broken.json is not JSON"),
        ("verify lemma-2.2 --instance mass.json", "must be positive with sum 1"),
        ("verify lemma-2.2 --instance record.json", "is about 'lemma-2.1', not 'lemma-2.2'"),
        ("verify --instance good.json", "give the id of one claim"),
        ("verify lemma-2.2 lemma-2.1 --instance good.json", "give the id of one claim"),
        ("verify theorem-2.2 --instance good.json", "is not about loops"),
        ("verify lemma-2.2 --strength proved --instance good.json", "decides no instance"),
    ],
)
def test_falsification_errors_are_one_sentence(
    command: str, sentence: str, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command.split()) == 2
    captured = capsys.readouterr()
    assert sentence in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""
    assert sorted(path.suffix for path in files.iterdir()) == [".json"] * 4 + [".py"] * 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["prove"], "Unrecognized options: prove; see python -m theory --help."),
        (["verify", "--seed", "x"], "Error parsing --seed: invalid literal for int()"),
        ([], "Expected one of {list, show, verify, falsify"),
        (["show"], "(required); see python -m theory show --help."),
    ],
)
def test_unreadable_commands_are_told_in_one_line(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    told = capsys.readouterr().err
    assert sentence in told
    assert told.count("\n") == 1


def test_a_missing_option_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    def needs(*, to: Path) -> None:
        raise AssertionError(to)

    with pytest.raises(SystemExit), told_in_one_line():
        tyro.cli(needs, args=[], prog="python -m theory")
    told = capsys.readouterr().err
    assert "--to PATH" in told
    assert told.endswith("; see python -m theory --help.\n")
    assert told.count("\n") == 1


def children(group: int) -> list[str]:
    """Processes of a group that still run."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
    return found


@pytest.mark.parametrize("processes", ["1", "2"])
def test_an_interrupted_falsification_says_so_and_leaves_no_process(
    processes: str, tmp_path: Path
) -> None:
    path = tmp_path / "out.json"
    command = ["falsify", "lemma-2.2", "--processes", processes, "--json", str(path)]
    running = subprocess.Popen(
        [sys.executable, "-m", "theory", *command],
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    # The draft of the JSON file appears when the search begins; the workers a moment later.
    deadline = time.monotonic() + 60
    while not any(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(2)
    os.killpg(running.pid, signal.SIGINT)
    out, err = running.communicate(timeout=30)
    assert (running.returncode, out, err) == (130, "", "Interrupted.\n")
    assert list(tmp_path.iterdir()) == []
    deadline = time.monotonic() + 10
    while children(running.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert children(running.pid) == []


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = f"'{sys.executable}' -m theory list | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    # 1 is how the printer of tables leaves; 0 if the reader was still there.
    assert done.returncode in (0, 1, 128 + signal.SIGPIPE)
    assert done.stderr == ""


def test_an_interrupted_verification_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("theory.__main__.verify_all", interrupted)
    with pytest.raises(KeyboardInterrupt):
        main(["verify", "--json", str(tmp_path / "out.json"), *FEW])
    assert list(tmp_path.iterdir()) == []


def test_json_follows_links_and_leaves_devices_and_the_umask_alone(tmp_path: Path) -> None:
    target, link, device = tmp_path / "real.json", tmp_path / "link.json", tmp_path / "null"
    link.symlink_to(target)
    device.symlink_to("/dev/null")
    before = os.umask(0o077)
    try:
        for path in (link, device):
            assert main(["verify", "lemma-2.1", "--json", str(path), *FEW]) == 0
    finally:
        os.umask(before)
    assert link.is_symlink()
    assert device.is_symlink()
    assert Path("/dev/null").is_char_device()
    assert target.stat().st_mode & 0o777 == 0o600
    assert json.loads(target.read_text())["holds"] is True


def test_the_module_runs_as_a_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "theory", "verify", "lemma-2.1", "--instances", "1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "lemma-2.1" in done.stdout
