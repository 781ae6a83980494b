"""Instances: validation, one-line printing and the JSON round trip."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory.evidence.instance import Instance

masses = st.lists(st.integers(1, 50), min_size=1, max_size=5)


@st.composite
def instances(draw: st.DrawFn) -> Instance:
    reference = draw(masses)
    n = len(reference)
    start = draw(st.none() | st.lists(st.integers(0, 9), min_size=n, max_size=n).filter(any))
    return Instance.of(
        reference,
        draw(st.lists(st.fractions(Fraction(1, 99), 99), min_size=n, max_size=n)),
        K=draw(st.integers(1, 9) | st.just(math.inf)),
        lam=draw(st.fractions(0, 9) | st.just(math.inf)),
        steps=draw(st.integers(0, 5)),
        initial=start,
    )


@given(instances())
def test_json_round_trip_is_the_identity(instance: Instance) -> None:
    assert Instance.from_json(json.loads(json.dumps(instance.to_json()))) == instance


@given(instances())
def test_prints_in_one_line(instance: Instance) -> None:
    assert "\n" not in str(instance)
    assert f"rounds = {instance.steps}" in str(instance)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"probabilities": (Fraction(1, 2), Fraction(1, 3))}, "probabilities = .* sum 1"),
        ({"probabilities": (Fraction(1), Fraction(0))}, "must be positive"),
        ({"weights": (Fraction(1), Fraction(0))}, "weights = .* 2 positive"),
        ({"weights": (Fraction(1),)}, "weights = .* 2 positive"),
        ({"initial": (Fraction(1, 2), Fraction(1, 3))}, "initial = .* sum 1"),
        ({"K": 0}, "K = 0 must be"),
        ({"K": 1.5}, "K = 1.5 must be"),
        ({"lam": Fraction(-1)}, "lam = -1 must be"),
        ({"steps": -1}, "steps = -1 must be"),
    ],
)
def test_bad_fields_are_named(change: dict[str, object], message: str) -> None:
    half = (Fraction(1, 2), Fraction(1, 2))
    fields: dict[str, object] = {
        "probabilities": half,
        "weights": (Fraction(1), Fraction(2)),
        "K": 2,
        "lam": math.inf,
        "steps": 1,
    }
    with pytest.raises(ValueError, match=message):
        Instance(**{**fields, **change})  # type: ignore[arg-type]


def test_masses_without_total_are_refused() -> None:
    with pytest.raises(ValueError, match="positive total"):
        Instance.of([0, 0], [1, 2], K=2)


def test_terms_count_multisets_of_opponents_times_distinct_weights() -> None:
    assert Instance.of([1, 1, 1], [1, 2, 3], K=3).terms == 3 * 6
    assert Instance.of([1, 1, 1], [2, 2, 2], K=3).terms == 1
    assert Instance.of([1, 1, 1], [1, 2, 3], K=math.inf).terms == 3
