"""The table of claims and choice models: honest cells, confirmed refutations, replayable files."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from rich.measure import Measurement

from theory.__main__ import main
from theory.choice import choice_from_json, enumerated_factor
from theory.claims import claims
from theory.evidence import ball, choice_proofs, choice_table, rational, tuples
from theory.evidence.choice_proofs import ALL, ARGUMENTS, EVERYONE, MONOTONE, Argument
from theory.evidence.choice_report import HEADINGS, details, problems, write_counterexamples
from theory.evidence.choice_report import choice_table as drawn
from theory.evidence.choice_table import Cell, Part, State, cell, table
from theory.evidence.curations import CURATIONS, Curation, curated
from theory.evidence.family import Family
from theory.evidence.instance import Instance
from theory.evidence.run import Run
from theory.evidence.sides import Sides
from theory.evidence.verdict import Status

BY_NAME = {curation.name: curation for curation in CURATIONS}
OTHERS = [curation for curation in CURATIONS if curation.draw is not None]
EVERY_OTHER = pytest.mark.parametrize("curation", OTHERS, ids=lambda curation: curation.name)
RUNS = 90


def few(name: str, model: str, runs: int = RUNS) -> Cell:
    return cell(claims[name], BY_NAME[model], runs)


# Families.


@EVERY_OTHER
def test_draws_are_instances_that_are_written_read_and_moved(curation: Curation) -> None:
    family = curated(Family(load=(Fraction(1, 100), Fraction(1)), free_start=True), curation)
    assert family is not None
    rng = np.random.default_rng(4)
    models = set()
    for _ in range(20):
        point = family.draw(rng)
        instance = family.rounded(point, 3)
        assert instance.choice is not None
        assert curation.allows(instance.K)
        assert Instance.from_json(json.loads(json.dumps(instance.to_json()))) == instance
        assert family.point(instance).choice == instance.choice
        assert point.moved_to(point.vector() * 1.01).choice == point.choice
        models.add(str(instance.choice))
    # Best-of-K alone has no parameters.
    assert (len(models) > 1) == (curation.name != "best-of-K")


@EVERY_OTHER
def test_extremes_are_the_same_in_every_call(curation: Curation) -> None:
    family = curated(Family(), curation)
    assert family is not None
    assert family.extremes() == family.extremes()
    assert all(instance.choice is not None for instance in family.extremes())


def test_columns_have_the_models_that_their_names_say() -> None:
    rng = np.random.default_rng(0)
    for K, _ in itertools.product([2, 3, 4, 8], range(20)):
        half: Any = BY_NAME["top-half"].draw(rng, 3, K)  # type: ignore[misc]
        most: Any = BY_NAME["top-most"].draw(rng, 3, K)  # type: ignore[misc]
        assert half.kept <= K / 2 < most.kept <= K


def test_families_without_the_models_candidates_are_left_out() -> None:
    assert curated(Family(candidates=(math.inf,)), BY_NAME["best-of-K"]) is None
    assert curated(Family(candidates=(1, 3)), BY_NAME["cyclic"]) is None
    pairs = curated(Family(candidates=(2, 3)), BY_NAME["cyclic"])
    assert pairs is not None
    assert pairs.candidates == (2,)
    noisy = curated(Family(candidates=(2, math.inf)), BY_NAME["noisy"])
    assert noisy is not None
    assert noisy.candidates == (2,)
    limit = curated(Family(candidates=(math.inf,)), BY_NAME["noisy"])
    assert limit is not None
    assert limit.candidates == (math.inf,)


def test_a_claim_about_something_else_has_no_cells() -> None:
    found = few("theorem-2.2", "noisy")
    assert found.state is State.NONE
    assert "no loops" in "\n".join(details([found]))


# Cells.


def test_a_false_argument_is_refuted_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted argument says that an adversarial share leaves dominance as it is."""
    planted = Argument("because I say so", ("adversarial",), {"dominance-pure": ALL})
    monkeypatch.setattr(choice_proofs, "ARGUMENTS", (*ARGUMENTS, planted))
    found = few("dominance-pure", "adversarial")
    assert found.broken
    (first, *_) = problems([found])
    assert "said to be proved (because I say so) and fails on p_ref" in first


@EVERY_OTHER
def test_a_wrong_kept_law_breaks_the_identity(
    curation: Curation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Draws counted as if none of them were alike: what is said to be proved is attacked."""
    monkeypatch.setattr(tuples, "_orders", lambda draws: math.factorial(len(draws)))
    found = few("price-identity", curation.name)
    assert {part.name for part in found.broken} == {part.name for part in found.parts}


def test_a_refuted_cell_is_not_broken_without_an_argument() -> None:
    found = few("dominance-pure", "adversarial")
    assert found.state is State.REFUTED
    assert found.broken == ()
    assert list(problems([found])) == []


@pytest.mark.parametrize(
    ("name", "model", "state"),
    [
        ("lemma-2.2", "plackett-luce", State.PROVED),
        ("lemma-2.2", "best-of-K", State.PARTLY),
        ("lemma-2.2", "top-half", State.PARTLY),
        ("lemma-2.2", "top-most", State.REFUTED),
        ("lemma-2.2", "noisy", State.REFUTED),
        ("theorem-2.4-sharp", "cyclic", State.PROVED),
        ("theorem-2.3-sharp", "best-of-K", State.PROVED),
        ("theorem-2.3-sharp", "heterogeneous", State.REFUTED),
        ("no-curation", "sum-of-two", State.PROVED),
        ("no-curation", "cyclic", State.NONE),
        ("monotone-dominance-mixed", "top-most", State.PROVED),
        ("monotone-dominance-mixed", "noisy", State.SURVIVED),
        ("price-identity", "one-of-two", State.PROVED),
    ],
)
def test_some_cells(name: str, model: str, state: State) -> None:
    found = few(name, model)
    assert found.state is state
    assert found.broken == ()


def test_parts_are_told_apart() -> None:
    found = few("lemma-2.2", "best-of-K")
    parts = {part.name: part for part in found.parts}
    assert parts["gain, exactly"].state is State.REFUTED
    assert parts["gain, from below"].state is State.PROVED
    assert parts["gain, from below"].reason
    assert parts["gain, from below"].counterexample is None


def test_refutations_are_confirmed_by_balls_and_by_rationals() -> None:
    for model in ("noisy", "adversarial", "heterogeneous", "cyclic"):
        (part,) = few("theorem-2.3-sharp", model).parts
        assert part.counterexample is not None
        sides = claims["theorem-2.3-sharp"].sides
        assert ball.check(sides, part.counterexample).status is Status.FAILS
        assert rational.check(sides, part.counterexample).status is Status.FAILS


@pytest.mark.parametrize("model", ["noisy", "adversarial", "heterogeneous", "cyclic", "sum-of-two"])
def test_refutations_of_the_first_round_by_the_definition(model: str) -> None:
    """Theorem 2.3, sharpened, on the counterexample found: rationals, and no code of the loop."""
    (part,) = few("theorem-2.3-sharp", model).parts
    instance = part.counterexample
    assert instance is not None
    assert instance.choice is not None
    p, w, lam, K = list(instance.probabilities), instance.weights, instance.lam, int(instance.K)
    mean = sum(a * b for a, b in zip(p, w, strict=True))
    variance = sum(a * (b - mean) ** 2 for a, b in zip(p, w, strict=True))
    share = Fraction(1) if lam == math.inf else Fraction(lam) / (1 + Fraction(lam))
    law = p
    for _ in range(instance.steps):
        H = enumerated_factor(instance.choice, law, w, K)
        kept = [a * h for a, h in zip(law, H, strict=True)]
        law = [(1 - share) * a + share * k for a, k in zip(p, kept, strict=True)]
    excess = sum(a * b for a, b in zip(law, w, strict=True)) - mean
    assert excess < share * Fraction(K - 1, K) * variance / max(w)


def test_the_same_seed_gives_the_same_table() -> None:
    chosen = [claims["lemma-2.2"], claims["dominance-pure"]]
    columns = [BY_NAME["noisy"], BY_NAME["best-of-K"]]

    def told(seed: int, processes: int) -> list[object]:
        cells = table(chosen, columns, RUNS, seed, processes=processes)
        return [
            [(p.name, p.state, p.counterexample) for p in found.parts] + [found.runs]
            for found in cells
        ]

    assert told(3, 1) == told(3, 2)
    assert told(3, 1) != told(4, 1)


def test_time_can_run_out() -> None:
    found = cell(claims["best-of-rounds"], BY_NAME["noisy"], 10**6, seconds=0.3)
    assert found.seconds < 5
    assert 0 < found.runs < 10**6
    assert found.state is State.PROVED


def test_states_of_parts_together() -> None:
    def together(*states: State) -> State:
        return Cell("", "", tuple(Part("", state) for state in states), 0, 0.0).state

    assert together() is State.NONE
    assert together(State.PROVED, State.PROVED) is State.PROVED
    assert together(State.PROVED, State.SURVIVED) is State.SURVIVED
    assert together(State.REFUTED, State.SURVIVED) is State.PARTLY
    assert together(State.REFUTED, State.PROVED) is State.PARTLY
    assert together(State.REFUTED, State.REFUTED) is State.REFUTED


def test_unproved_parts_that_no_search_refutes_have_survived() -> None:
    def never_false(run: Run) -> Iterator[Sides]:
        yield Sides.at_least("mass", 0, run.laws[0].sum() + 1, run.number(1))

    found = cell(replace(claims["lemma-2.2"], sides=never_false), BY_NAME["noisy"], RUNS)
    assert found.state is State.SURVIVED
    # What no argument proves is searched for longer.
    assert found.runs == RUNS * (1 + choice_table.STUBBORN)
    assert f"survived {found.runs} runs" in "\n".join(details([found]))


def test_what_is_proved_can_be_attacked_for_less_and_nothing_else_is() -> None:
    proved = cell(claims["theorem-2.4-sharp"], BY_NAME["cyclic"], RUNS, proved_runs=30)
    assert (proved.state, proved.runs) == (State.PROVED, 30)
    assert few("theorem-2.4-sharp", "cyclic").runs == RUNS
    # One part without an argument is enough for all of the runs.
    for name, model in (("monotone-reward-mixed", "noisy"), ("dominance-pure", "adversarial")):
        less = cell(claims[name], BY_NAME[model], RUNS, proved_runs=30)
        assert less.runs == few(name, model).runs
        assert less.state is few(name, model).state


# Arguments.


def test_arguments_name_claims_models_and_parts_that_there_are() -> None:
    for argument in ARGUMENTS:
        assert set(argument.models) <= set(EVERYONE)
        for name, parts in argument.claims.items():
            assert name in claims
            model = next(m for m in argument.models if few(name, m, 30).parts)
            if parts != ALL:
                seen = {part.name for part in few(name, model).parts}
                assert set(parts) <= seen
    assert set(EVERYONE) == {curation.name for curation in OTHERS}


def test_no_part_has_two_arguments_under_one_model() -> None:
    for name, model in itertools.product(claims, EVERYONE):
        parts = [
            part for parts, _ in choice_proofs.proofs(name, model) for part in (parts or ("ALL",))
        ]
        assert len(set(parts)) == len(parts), (name, model)
        assert "ALL" not in parts or len(parts) == 1, (name, model)


@pytest.mark.parametrize("name", MONOTONE)
def test_monotone_columns_have_monotone_factors(name: str) -> None:
    rng = np.random.default_rng(12)
    family = curated(Family(atoms=(3,), candidates=(2, 3, 4)), BY_NAME[name])
    assert family is not None
    for _ in range(15):
        instance = family.rounded(family.draw(rng), 2)
        assert instance.choice is not None
        H = enumerated_factor(
            instance.choice, list(instance.probabilities), instance.weights, int(instance.K)
        )
        ranked = [h for _, h in sorted(zip(instance.weights, H, strict=True))]
        assert ranked == sorted(ranked)


@pytest.mark.parametrize("K", range(2, 10))
def test_bernstein_coefficients_behind_the_filter(K: int) -> None:
    """min(j,m)/m − j/K against those of u(1−u) K/(K−1)·… for every m: exactly m ≤ K/2."""
    for m in range(1, K + 1):
        gain = [Fraction(min(j, m), m) - Fraction(j, K) for j in range(K + 1)]
        logistic = [Fraction(j * (K - j), K * (K - 1)) for j in range(K + 1)]
        enough = all(g >= v for g, v in zip(gain, logistic, strict=True))
        lemma = all(g >= Fraction(K - 1, K) * v for g, v in zip(gain, logistic, strict=True))
        assert enough == lemma == (m <= K / 2)


# The command.


def test_command_writes_a_table_and_files_that_verify_replays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record, folder = tmp_path / "table.json", tmp_path / "found"
    folder.mkdir()
    arguments = ["choices", "theorem-2.3-sharp", "--models", "best-of-K", "noisy", "--runs", "60"]
    options = ["--json", str(record), "--counterexamples", str(folder), "--quiet"]
    assert main([*arguments, *options, "--processes", "1"]) == 0
    told = capsys.readouterr().out
    assert "theorem-2.3-sharp under best-of-K: proved" in told
    assert "refuted on p_ref" in told
    data = json.loads(record.read_text(encoding="utf-8"))
    assert data["holds"] is True
    assert [entry["state"] for entry in data["cells"]] == ["proved", "refuted"]
    (path,) = folder.iterdir()
    assert path.name == "theorem-2.3-sharp--noisy--1.json"
    assert choice_from_json(json.loads(path.read_text())["instance"]["choice"]).name == "noisy"
    assert main(["verify", "theorem-2.3-sharp", "--instance", str(path)]) == 1
    assert "choice = noisy" in capsys.readouterr().out


def test_command_fails_when_what_is_proved_falls(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    planted = Argument("because I say so", ("noisy",), {"lemma-2.2": ALL})
    monkeypatch.setattr(choice_proofs, "ARGUMENTS", (planted,))
    arguments = ["choices", "--models", "noisy", "--runs", "60", "--processes", "1", "--quiet"]
    assert main(arguments, {"lemma-2.2": claims["lemma-2.2"]}) == 1
    captured = capsys.readouterr()
    assert "✗" in captured.out
    assert "said to be proved (because I say so)" in captured.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--models", "noisi"], "There is no choice model 'noisi': did you mean 'noisy'?"),
        (["lemma-2.3"], "There is no claim 'lemma-2.3'"),
        (["--runs", "0"], "--runs 0 leaves nothing to search"),
        (["--seconds", "-1"], "--seconds -1 leaves nothing to search"),
        (["--processes", "0"], "--processes 0 searches nothing"),
        (["--seed", "-1"], "--seed -1 is negative"),
        (["--counterexamples", "/nowhere"], "--counterexamples /nowhere is no folder"),
    ],
)
def test_bad_commands_say_what_would_do(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["choices", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_the_whole_table_fits_into_80_columns_and_explains_its_headings() -> None:
    cells = [
        Cell(name, curation.name, (Part("p", State.PROVED),), 1, 0.0)
        for name in claims
        for curation in CURATIONS
    ]
    rows = drawn(cells)
    assert set(HEADINGS) == {curation.name for curation in CURATIONS}
    assert len(set(HEADINGS.values())) == len(HEADINGS)
    console = Console(width=1000)
    assert Measurement.get(console, console.options, rows).maximum <= 80
    assert all(
        f"{HEADINGS[curation.name]} = {curation.name}" in str(rows.caption)
        for curation in CURATIONS
    )


def test_symbols_tell_all_states_apart(tmp_path: Path) -> None:
    cells = [
        Cell("c", str(state), (Part("p", state),) if state is not State.NONE else (), 1, 0.0)
        for state in (State.PROVED, State.SURVIVED, State.REFUTED, State.NONE)
    ]
    rows = drawn(cells)
    assert rows.row_count == 1
    assert len(rows.columns) == 5
    assert len(set(choice_table.State)) == 5
    assert write_counterexamples(tmp_path, cells) == []
