"""Falsification end to end, users' claim files, and the replay of instances."""

from __future__ import annotations

import json
import math
import re
from fractions import Fraction
from pathlib import Path

import pytest

from theory.claims import claims
from theory.evidence import rational
from theory.evidence.campaign import Outcome
from theory.evidence.falsify import BadInstanceFile, falsify, read_instance, replay
from theory.evidence.instance import Instance
from theory.evidence.target import BadClaimFile, Target, read_claim_file
from theory.evidence.verdict import INSTANCE_STRENGTHS, Status, Strength

NUDGED = Target("lemma-2.2", "constant 2 % larger")
TEMPLATE = Path(__file__).parents[3] / "theory" / "claims" / "_template.py"


def user_file(folder: Path, sides: str) -> Path:
    """A claim file like the template, with other sides."""
    text = TEMPLATE.read_text()
    head, rest = text.split("def sides(run: Run)", 1)
    _, tail = rest.split("def _twin_faster", 1)
    path = folder / "mine.py"
    path.write_text(f"{head}{sides}\n\n\ndef _twin_faster{tail}")
    return path


def test_a_twin_falls_to_a_small_counterexample_with_both_sides() -> None:
    found = falsify(NUDGED, NUDGED.statement(), 30.0)
    assert found.smallest == Instance.of([1, 1], [25, 26], K=2, steps=1)
    assert found.verdict is not None
    assert found.verdict.strength is Strength.EXACT
    text = "\n".join(found.lines())
    assert "w = [25, 26], K = 2, λ = ∞, rounds = 1" in text
    # 1/204 against 51/50 · 1/2 · (1/4)/26, by hand.
    assert "at t = 1: 0.00490196078431 ≥ 0.00490384615385 fails" in text


def test_a_truth_survives_and_says_how_close_it_came() -> None:
    target = Target("lemma-2.2")
    found = falsify(target, target.statement(), 1.0)
    assert found.found is None
    (_, line) = found.lines()
    assert line.startswith("No counterexample in ")
    assert "closest approach: ratio " in line


def test_the_record_is_json_that_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text(json.dumps(falsify(NUDGED, NUDGED.statement(), 30.0).to_json()))
    instance, claim, twin = read_instance(path)
    assert claim == "lemma-2.2"
    assert twin == NUDGED.twin
    report = replay(NUDGED.statement(), instance, INSTANCE_STRENGTHS)
    assert not report.holds
    assert [v.status for v in report.verdicts] == [Status.FAILS] * 3


def test_a_replay_decides_at_every_strength() -> None:
    instance = Instance.of([1, 2], [1, 3], K=2, steps=2)
    report = replay(Target("lemma-2.2").statement(), instance, INSTANCE_STRENGTHS)
    assert report.holds
    assert [v.strength for v in report.verdicts] == list(INSTANCE_STRENGTHS)
    assert report.verdicts[0] == rational.check(claims["lemma-2.2"].sides, instance)


def test_a_replay_outside_the_hypotheses_says_so() -> None:
    instance = Instance.of([1, 2], [1, 3], K=2, lam=1, steps=2)
    report = replay(Target("lemma-2.2").statement(), instance, INSTANCE_STRENGTHS)
    assert "outside its hypotheses: λ = 1 is finite" in report.lines()[0]


def test_a_user_file_is_attacked_like_any_claim(tmp_path: Path) -> None:
    path = user_file(
        tmp_path,
        "def sides(run):\n"
        "    for t in range(1, run.steps + 1):\n"
        "        half = run.number(Fraction(1, 2))\n"
        "        yield Sides.at_least('mass', t, half, run.level_mass(0, t))",
    )
    target = Target(str(path), text=read_claim_file(path))
    found = falsify(target, target.statement(), 30.0)
    assert found.smallest is not None
    assert found.smallest.to_json()["weights"] == ["1"]


@pytest.mark.parametrize(
    ("sides", "sentence"),
    [
        ("def sides(run):\n    return None", "its sides gave None at K = "),
        ("def sides(run):\n    yield 3", "its sides gave a int at K = "),
        ("def sides(run):\n    yield 1 / 0", "its sides raised ZeroDivisionError at K = "),
        ("def sides(run):\n    yield Sides.equal('a', 0, 'x', 'y')", "not numbers"),
        ("def sides(run):\n    return run.wieghts", "its sides raised AttributeError"),
        ("raise RuntimeError('by me')", "cannot be loaded (RuntimeError: by me)"),
        ("def sides(run: Run:", "cannot be loaded (SyntaxError"),
        ("raise SystemExit(3)", "cannot be loaded (SystemExit: 3)"),
        ("def sides(run):\n    raise SystemExit(0)", "its sides raised SystemExit"),
        ("def sides(run):\n    return iter(())", "its sides compare nothing on"),
        (
            "def sides(run):\n    yield Sides.equal('a', 0, float('nan'), 1)",
            "nothing that is a numb",
        ),
        (
            "def sides(run):\n    yield Sides.equal('a', 99, 1, 2)",
            "the round of its sides is 99 at",
        ),
        ("def sides(run):\n    yield Sides.equal('a', '1', 1, 2)", "the round of its sides is '1'"),
        ("def sides(run): yield\ndef Family(**_): return None", "its family is None"),
        (
            "real = Family\nFamily = lambda **_: real(atoms=(0,))\nsides = print",
            "its family has no loops",
        ),
        (
            "real = Family\nFamily = lambda **_: real(candidates=(0,))\nsides = print",
            "K = 0 must be",
        ),
    ],
)
def test_a_bad_claim_file_is_told_in_one_sentence(
    sides: str, sentence: str, tmp_path: Path
) -> None:
    path = user_file(tmp_path, sides)
    with pytest.raises(BadClaimFile) as caught:
        read_claim_file(path)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x = 1", "mine.py defines 0 claims"),
        (b"\xff\xfe", "not UTF-8 text"),
        (None, "No such file"),
    ],
)
def test_a_file_without_a_claim_is_told_in_one_sentence(
    text: str | bytes | None, sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / "mine.py"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BadClaimFile, match=sentence):
        read_claim_file(path)


GOOD = Instance.of([1, 1], [1, 2], K=2).to_json()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({**GOOD, "probabilities": ["1/2", "1/3"]}, "must be positive with sum 1"),
        ({k: v for k, v in GOOD.items() if k != "weights"}, "the key 'weights' is missing"),
        ({**GOOD, "K": "two"}, "holds no instance"),
        ({**GOOD, "weights": ["1", "1/0"]}, "holds no instance"),
        ({**GOOD, "probabilities": 7}, "holds no instance"),
        ([1, 2], "[1, 2] is no JSON object"),
        ({**GOOD, "K": 2.5}, "K = 5/2 must be a whole number"),
        ({**GOOD, "steps": "3/2"}, "steps = 3/2 must be a whole number"),
        ({**GOOD, "lam": -math.inf}, "holds no instance"),
        ({"instance": GOOD, "twin": 3}, "its twin is 3"),
        ({"instance": GOOD, "claim": ["lemma-2.2"]}, "its claim is ['lemma-2.2']"),
        ({"instance": None}, "found no counterexample"),
    ],
)
def test_a_file_without_an_instance_is_told_in_one_sentence(
    data: object, sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / "instance.json"
    path.write_text(json.dumps(data))
    with pytest.raises(BadInstanceFile) as caught:
        read_instance(path)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_not_json_is_told_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "instance.json"
    path.write_text("{")
    with pytest.raises(BadInstanceFile, match="is not JSON"):
        read_instance(path)


def test_nested_too_deep_is_told_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "instance.json"
    path.write_text("[" * 100_000)
    with pytest.raises(BadInstanceFile, match="is not JSON"):
        read_instance(path)


def test_decimals_are_read_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "instance.json"
    path.write_text(
        '{"probabilities": [0.1, 0.9], "weights": [1, 2.5], "K": 2, "lam": Infinity, "steps": 1}'
    )
    assert read_instance(path).instance == Instance.of(
        [1, 9], [1, Fraction(5, 2)], K=2, lam=math.inf
    )


def test_a_replay_that_decides_nothing_says_so() -> None:
    instance = Instance.of([1, 1], [1, 2], K=2, steps=10**30)
    told = replay(Target("lemma-2.2").statement(), instance, list(Strength)[2:])
    assert not told.holds
    assert told.lines()[0] == "lemma-2.2: not decided"


def test_a_claim_about_one_round_is_made_small(tmp_path: Path) -> None:
    """Fewer rounds than it reads are no reason to blame the claim."""
    path = user_file(
        tmp_path,
        "def sides(run):\n"
        "    yield Sides.at_most('mean', 1, run.expected_weight(1), run.expected_weight(0))",
    )
    target = Target(str(path), text=read_claim_file(path))
    found = falsify(target, target.statement(), 20.0)
    assert found.smallest == Instance.of([1, 1], [1, 2], K=2, steps=1)


def test_a_closest_approach_that_fails_is_a_counterexample(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = Instance.of([1, 1], [25, 26], K=2)
    missed = Outcome(searches=1, evaluations=7, seconds=1.0, closest=instance, margin=1e-9)
    monkeypatch.setattr("theory.evidence.falsify.campaign", lambda *_, **__: missed)
    target = Target("lemma-2.2", "constant 2 % larger")
    found = falsify(target, target.statement(), 5.0)
    assert found.found is not None
    assert found.smallest == instance
    held = Target("lemma-2.2")
    assert falsify(held, held.statement(), 5.0).found is None


def test_what_does_not_count_its_cases_claims_no_number() -> None:
    target = Target("theorem-2.2")
    (_, line) = falsify(target, target.statement(), 1.0).lines()
    assert re.fullmatch(r"No counterexample in [0-9.]+ s\.", line)
