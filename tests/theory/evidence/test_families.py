"""Families: affordable draws inside their hypotheses, coordinates that survive rounding."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory.evidence.family import Family
from theory.evidence.fixed_points import FixedPoints, settled
from theory.evidence.instance import Instance

SUBCRITICAL = Family(
    candidates=(1, 2, 4, math.inf), load=(Fraction(1, 100), Fraction(1)), free_start=True
)


@given(st.integers(0, 2**32), st.integers(1, 12))
def test_rounded_draws_obey_the_hypotheses(seed: int, digits: int) -> None:
    instance = SUBCRITICAL.rounded(SUBCRITICAL.draw(np.random.default_rng(seed)), digits)
    scale = 1 if instance.K in (1, math.inf) else instance.K - 1
    assert Fraction(1, 100) <= instance.lam * scale <= 1
    assert instance.K in SUBCRITICAL.candidates
    assert instance.initial is not None


@given(st.integers(0, 2**32))
def test_rounding_to_many_digits_keeps_the_point(seed: int) -> None:
    point = SUBCRITICAL.draw(np.random.default_rng(seed))
    back = SUBCRITICAL.point(SUBCRITICAL.rounded(point, 12))
    for ours, theirs in (
        (point.rewards, back.rewards),
        (point.logits, back.logits),
        (point.start, back.start),
    ):
        assert ours is not None
        assert theirs is not None
        # Coordinates are defined up to a shift.
        np.testing.assert_allclose(ours - ours.max(), theirs - theirs.max(), atol=1e-10)
    assert back.log_load == pytest.approx(point.log_load, abs=1e-10)


@pytest.mark.parametrize("lam", [Fraction(0), math.inf])
def test_instances_without_a_load_are_refused_by_a_mixed_family(lam: Fraction | float) -> None:
    with pytest.raises(ValueError, match="has no place in a family"):
        SUBCRITICAL.point(Instance.of([1, 1], [1, 2], K=2, lam=lam))


def test_vector_and_moved_to_are_inverse() -> None:
    point = SUBCRITICAL.draw(np.random.default_rng(0))
    moved = point.moved_to(point.vector() + 1)
    np.testing.assert_allclose(moved.vector(), point.vector() + 1)
    assert len(SUBCRITICAL.bounds(point)) == point.vector().size


def test_corners_cover_the_degenerate_cases() -> None:
    corners = SUBCRITICAL.corners()
    assert any(len(c.weights) == 1 for c in corners)
    assert any(len(c.weights) > 1 and len(set(c.weights)) == 1 for c in corners)
    assert any(c.K == 1 for c in corners)
    assert any(c.lam == 0 for c in corners)
    assert any(c.K == 2 and c.lam == 1 for c in corners)
    assert any(max(c.weights) == 10**12 for c in corners)
    assert any(0 < max(c.weights) / min(c.weights) - 1 < Fraction(1, 10**5) for c in corners)
    assert any(max(c.probabilities) > 1 - Fraction(1, 10**5) for c in corners)
    assert any(c.initial is not None and 0 in c.initial for c in corners)
    assert all(c.lam == math.inf for c in Family().corners())


def test_corners_leave_out_what_the_hypotheses_exclude() -> None:
    family = Family(
        candidates=(2, 3),
        load=(Fraction(1, 2), Fraction(1)),
        single_candidate=False,
        only_real_data=False,
    )
    assert {corner.K for corner in family.corners()} == {2}
    assert {corner.lam for corner in family.corners()} == {Fraction(1, 2), Fraction(1)}
    assert {family.objection(corner) for corner in family.corners()} == {""}
    (alone,) = {
        corner.K for corner in Family(candidates=(math.inf,), single_candidate=False).corners()
    }
    assert alone == math.inf


@pytest.mark.parametrize("family", [SUBCRITICAL, Family(), Family(candidates=(1,))])
def test_corners_extremes_and_draws_lie_in_the_family(family: Family) -> None:
    rng = np.random.default_rng(1)
    drawn = [family.rounded(family.draw(rng), 3) for _ in range(20)]
    for instance in (*family.corners(), *family.extremes(), *drawn):
        assert family.objection(instance) == ""


@pytest.mark.parametrize(
    ("change", "objection"),
    [
        ({"K": 3}, "K = 3 is none of 1, 2, 4, inf"),
        ({"lam": Fraction(1, 301)}, "λ = 1/301 is not between 1/300 and 1/3"),
        ({"lam": Fraction(1, 2)}, "λ = 1/2 is not between 1/300 and 1/3"),
        ({"lam": math.inf}, "λ = inf is not between 1/300 and 1/3"),
    ],
)
def test_what_lies_outside_is_said(change: dict[str, object], objection: str) -> None:
    inside = Instance.of([1, 1], [1, 2], K=4, lam=Fraction(1, 3))
    assert SUBCRITICAL.objection(inside) == ""
    outside = replace(inside, **change)  # type: ignore[arg-type]
    assert SUBCRITICAL.objection(outside) == objection


def test_a_start_of_its_own_needs_a_free_start_and_a_finite_ratio_a_load() -> None:
    started = Instance.of([1, 1], [1, 2], K=2, initial=[1, 2])
    assert Family().objection(started) == "p_0 is not p_ref"
    assert replace(Family(), free_start=True).objection(started) == ""
    assert Family().objection(Instance.of([1, 1], [1, 2], K=2, lam=3)) == "λ = 3 is finite"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"atoms": ()}, "leave no loop to draw"),
        ({"candidates": ()}, "leave no loop to draw"),
        ({"load": (Fraction(0), Fraction(1))}, "has no logarithmic scale"),
        ({"load": (Fraction(2), Fraction(1))}, "has no logarithmic scale"),
    ],
)
def test_a_family_without_loops_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Family(**fields)  # type: ignore[arg-type]


def test_rewards_beyond_float64_are_rounded_too() -> None:
    point = Family(atoms=(2,)).draw(np.random.default_rng(0))
    far = replace(point, rewards=np.array([-5000.0, 0.0]))
    low, high = Family().rounded(far, 3).weights
    assert low == 1
    assert high / 10**2171 == Fraction(297, 100)


def test_extremes_cover_every_K_at_both_ends_of_the_load() -> None:
    settings = {(e.K, e.lam) for e in SUBCRITICAL.extremes()}
    low, high = Fraction(1, 100), Fraction(1)
    assert settings == {
        (K, load / scale) for K, scale in ((2, 1), (4, 3), (math.inf, 1)) for load in (low, high)
    }


def test_extremes_have_fewer_levels_where_multisets_are_many() -> None:
    few = replace(SUBCRITICAL, candidates=(8,)).extremes()
    many = replace(SUBCRITICAL, candidates=(2,)).extremes()
    assert max(len(e.weights) for e in few) < max(len(e.weights) for e in many)


def test_a_fixed_point_is_refused_when_it_is_none() -> None:
    loop = settled(Instance.of([1, 2, 3], [1, 2, 4], K=math.inf, lam=1, steps=2), Fraction(1, 10))
    assert loop.initial is not None
    assert FixedPoints().objection(loop) == ""
    for other in (replace(loop, initial=loop.initial[::-1]), replace(loop, lam=2 * loop.lam)):
        assert FixedPoints().objection(other) == "p_0 is not the fixed point of K = ∞"


def test_the_pure_loop_belongs_to_a_family_with_a_load_only_where_it_says_so() -> None:
    family = replace(SUBCRITICAL, pure_loop=True)
    loop = Instance.of([1, 2], [1, 2], K=2, initial=[2, 1])
    assert family.objection(loop) == ""
    assert SUBCRITICAL.objection(loop) == "λ = inf is not between 1/100 and 1"
    assert family.rounded(family.point(loop), 3) == loop

    rng = np.random.default_rng(0)
    drawn = [family.rounded(family.draw(rng), 3) for _ in range(50)]
    assert 0 < sum(instance.lam == math.inf for instance in drawn) < 25
    assert all(not family.objection(instance) for instance in (*drawn, *family.corners()))
    assert any(corner.lam == math.inf for corner in family.corners())
    assert (4, math.inf) in family.settings()
    assert all(lam < math.inf for _, lam in SUBCRITICAL.settings())
