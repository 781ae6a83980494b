"""The search refutes what is false, by confirmed small rationals, and leaves what is true alone."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest

from theory.evidence import rational
from theory.evidence.family import Family
from theory.evidence.instance import Instance
from theory.evidence.run import Run
from theory.evidence.search import Progress, hunt, refute
from theory.evidence.sides import Sides
from theory.evidence.verdict import Status

SMALL = Family(atoms=(2,), candidates=(2,), steps=1)


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def increase(run: Run) -> Iterator[Sides]:
    for t in range(1, run.steps + 1):
        yield Sides.at_least("increase", t, run.expected_weight(t), run.expected_weight(t - 1))


def decrease(run: Run) -> Iterator[Sides]:
    for t in range(1, run.steps + 1):
        yield Sides.at_most("decrease", t, run.expected_weight(t), run.expected_weight(t - 1))


def needle(run: Run) -> Iterator[Sides]:
    """False only where the lighter atom has between 73 % and 74 % of the mass."""
    mass = run.level_mass(1, 0)
    centre, radius = run.number(Fraction(147, 200)), run.number(Fraction(1, 200))
    distance = mass - centre
    yield Sides.at_least("outside", 0, distance * distance, radius * radius)


def test_a_false_statement_is_refuted_by_short_rationals() -> None:
    found = refute(decrease, SMALL, rng())
    assert found is not None
    assert found.stage == "random draws"
    assert rational.check(decrease, found.instance).status is Status.FAILS
    assert all(weight.denominator <= 10 for weight in found.instance.weights)


def test_a_true_statement_survives_every_stage() -> None:
    assert refute(increase, SMALL, rng()) is None


def test_what_fails_at_a_round_may_look_at_the_next_law() -> None:
    def leaves(run: Run) -> Iterator[Sides]:
        # Named after the law that it starts from, as identities of one round are.
        for t in range(run.steps):
            yield Sides.equal("stays", t, run.expected_weight(t + 1), run.expected_weight(t))

    found = hunt(leaves, SMALL, rng()).refutation
    assert found is not None
    assert found.stage == "random draws"
    assert found.instance.steps == 1
    # A hit of the first draws, and not one among hundreds that could not be confirmed.
    assert found.evaluations < 20


def test_given_instances_come_first() -> None:
    start = Instance.of([1, 1], [1, 3], K=2, steps=1)
    found = refute(decrease, SMALL, rng(), [start])
    assert found is not None
    assert found.stage == "given instances"
    assert found.instance == start


def test_local_minimisation_finds_what_draws_miss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("theory.evidence.search.DRAWS", 3)
    found = refute(needle, SMALL, rng())
    assert found is not None
    assert found.stage in ("L-BFGS-B", "dual annealing")
    assert (
        Fraction(73, 100)
        < found.instance.probabilities[
            int(np.argmin(np.array(found.instance.weights, dtype=float)))
        ]
        < Fraction(74, 100)
    )


def test_annealing_finds_what_local_minimisation_misses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("theory.evidence.search.DRAWS", 3)
    monkeypatch.setattr("theory.evidence.search.POLISHED", 0)
    found = refute(needle, SMALL, rng())
    assert found is not None
    assert found.stage == "dual annealing"


def test_the_search_stops_at_its_deadline() -> None:
    assert refute(increase, SMALL, rng(), deadline=0.0) is None


def test_the_same_seed_finds_the_same_counterexample() -> None:
    first, second = (refute(decrease, Family(), rng()) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.instance == second.instance


def test_a_search_that_finds_nothing_tells_how_close_it_came() -> None:
    found = hunt(increase, SMALL, rng())
    assert found.refutation is None
    assert found.evaluations > 1_000
    assert found.closest is not None
    verdict = rational.check(increase, found.closest)
    assert verdict.status is Status.HOLDS
    (nearest,) = verdict.comparisons
    # The margin is that of the point before it was rounded, within a factor of 2.
    assert 0 < nearest.margin / (nearest.left + nearest.right) <= 2 * found.margin < 1e-9


def test_progress_is_told_while_the_search_runs() -> None:
    told: list[Progress] = []
    found = hunt(increase, SMALL, rng(), watch=told.append)
    assert len(told) > 2
    evaluations = [progress.evaluations for progress in told]
    assert evaluations == sorted(evaluations)
    assert evaluations[-1] <= found.evaluations
    assert {progress.stage for progress in told} <= {
        "given instances", "random draws", "extremes", "L-BFGS-B", "dual annealing"
    }  # fmt: skip


def nearly_equal(run: Run) -> Iterator[Sides]:
    """A true statement whose sides differ by less than the rounding of what they are made of."""
    one = run.number(1)
    huge = run.number(10**17)
    yield Sides.at_most("sum", 0, (huge + one) - huge, one, condition=huge)


def test_rounding_is_not_mistaken_for_a_margin() -> None:
    found = hunt(nearly_equal, SMALL, rng(), deadline=1.0)
    assert found.refutation is None
    assert found.closest is None
