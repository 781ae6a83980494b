"""More curators of the kinds that users write: right ones are left alone, wrong ones named."""

from __future__ import annotations

import sys
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import softmax

from theory.choice import BestOf, Cyclic, Noisy, PlackettLuce, TopFraction
from theory.testing import check_curator, curator
from theory.testing.choice_law import choice_law, kept_law
from theory.testing.curator import Select, _Check

FloatArray = NDArray[np.float64]
Rng = np.random.Generator
Indices = NDArray[np.int64]


def gumbel(rewards: FloatArray, rng: Rng) -> Indices:
    return (rewards + rng.gumbel(size=rewards.shape)).argmax(axis=1)


def from_law(law: FloatArray, rng: Rng) -> Indices:
    """One draw a row from unnormalised probabilities."""
    cumulative = law.cumsum(axis=1)
    return (cumulative <= cumulative[:, -1:] * rng.random((len(law), 1))).sum(axis=1)


def in_single_precision(rewards: FloatArray, rng: Rng) -> tuple[Indices, Any]:
    kept = gumbel(rewards.astype(np.float32), rng)
    return kept, rewards.astype(np.float32)[np.arange(len(kept)), kept]


def as_a_list(rewards: FloatArray, rng: Rng) -> Any:
    return gumbel(rewards, rng).tolist()


def unsigned(rewards: FloatArray, rng: Rng) -> Any:
    return gumbel(rewards, rng).astype(np.uint64)


@pytest.mark.parametrize("groups", [100, 101, 1003, 4999])
@pytest.mark.parametrize("K", [1, 2, 5, 500])
def test_correct_curators_conform_for_any_number_of_groups(groups: int, K: int) -> None:
    check_curator(gumbel, K, groups=groups).require()


@pytest.mark.parametrize("select", [in_single_precision, as_a_list, unsigned])
def test_types_of_results_do_not_matter(select: Select) -> None:
    check_curator(select, 3).require()


def test_unsigned_indices_into_all_candidates() -> None:
    def flat(rewards: FloatArray, rng: Rng) -> Any:
        places = gumbel(rewards.reshape(-1, 4), rng) + 4 * np.arange(rewards.size // 4)
        return places.astype(np.uint64)

    check_curator(flat, 4, layout="flat").require()
    off = check_curator(lambda r, rng: np.roll(flat(r, rng), 1), 4, layout="flat")
    assert "off by 4 candidates" in off.failures[0].message


# Wrong ones.


def softmax_over_groups(rewards: FloatArray, rng: Rng) -> Indices:
    return from_law(softmax(rewards, axis=0), rng)


def other_rows(rewards: FloatArray, rng: Rng) -> Indices:
    return gumbel(rng.permutation(rewards), rng)


def shuffled(rewards: FloatArray, rng: Rng) -> Indices:
    return gumbel(rng.permuted(rewards, axis=1), rng)


def normal_noise(rewards: FloatArray, rng: Rng) -> Indices:
    return (rewards + rng.normal(size=rewards.shape)).argmax(axis=1)


def half_greedy(rewards: FloatArray, rng: Rng) -> Indices:
    top = rewards == rewards.max(axis=1, keepdims=True)
    best = from_law(top.astype(float), rng)
    return np.where(rng.random(len(rewards)) < 0.5, best, gumbel(rewards, rng))


def first_dropped(rewards: FloatArray, rng: Rng) -> Indices:
    return 1 + gumbel(rewards[:, 1:], rng)


def neighbours_share_noise(rewards: FloatArray, rng: Rng) -> Indices:
    noise = rng.gumbel(size=((len(rewards) + 1) // 2, rewards.shape[1]))
    return (rewards + np.repeat(noise, 2, axis=0)[: len(rewards)]).argmax(axis=1)


def batches_share_noise(rewards: FloatArray, rng: Rng) -> Indices:
    noise = rng.gumbel(size=(64, rewards.shape[1]))
    return (rewards + noise[np.arange(len(rewards)) % 64]).argmax(axis=1)


def antithetic(rewards: FloatArray, rng: Rng) -> Indices:
    uniform = rng.random(((len(rewards) + 1) // 2, rewards.shape[1]))
    pairs = np.stack([uniform, 1 - uniform], axis=1).reshape(-1, rewards.shape[1])
    return (rewards - np.log(-np.log(pairs[: len(rewards)]))).argmax(axis=1)


def fixed_seed(rewards: FloatArray, rng: Rng) -> Indices:
    return gumbel(rewards, np.random.default_rng(0))


def last_group_forgotten(rewards: FloatArray, rng: Rng) -> Indices:
    kept = np.zeros(len(rewards), dtype=np.int64)
    kept[:-1] = gumbel(rewards[:-1], rng)
    return kept


def squeezed(rewards: FloatArray, rng: Rng) -> Any:
    return gumbel(rewards, rng).squeeze()


def clipped(rewards: FloatArray, rng: Rng) -> Indices:
    return gumbel(rewards.clip(-10, 10), rng)


def single_overflow(rewards: FloatArray, rng: Rng) -> Indices:
    return from_law(np.exp(rewards.astype(np.float32)), rng)


def values_first(rewards: FloatArray, rng: Rng) -> Any:
    kept = gumbel(rewards, rng)
    return rewards[np.arange(len(rewards)), kept], kept


def mask(rewards: FloatArray, rng: Rng) -> Any:
    return gumbel(rewards, rng)[:, None] == np.arange(rewards.shape[1])


def nothing(rewards: FloatArray, rng: Rng) -> Any:
    gumbel(rewards, rng)


def three_things(rewards: FloatArray, rng: Rng) -> Any:
    return 1, 2, 3


def ragged(rewards: FloatArray, rng: Rng) -> Any:
    return [[1], [1, 2]]


def words(rewards: FloatArray, rng: Rng) -> Any:
    return ["a"] * len(rewards)


def misused(rewards: FloatArray, rng: Rng) -> Any:
    return rewards.argmax(dim=1)  # type: ignore[call-overload]


def over_all_candidates(rewards: FloatArray, rng: Rng) -> Indices:
    return gumbel(rewards, rng) + rewards.shape[1] * np.arange(len(rewards))


@pytest.mark.parametrize(
    ("select", "check", "named"),
    [
        (softmax_over_groups, "choice law", "softmax runs over the groups (axis 0)"),
        (other_rows, "choice law", "rewards of other groups"),
        (shuffled, "choice law", "ignores the rewards"),
        (normal_noise, "choice law", "normal, not Gumbel"),
        (half_greedy, "choice law", "of the choices takes the largest reward outright"),
        (first_dropped, "choice law", "only 3 of the 4 candidates"),
        (neighbours_share_noise, "independent groups", "groups 1 apart keep the same place"),
        (batches_share_noise, "choice law", "groups 64 apart keep the same place"),
        (antithetic, "independent groups", "groups 1 apart"),
        (fixed_seed, "other generator, other choices", "the one passed in is ignored"),
        (last_group_forgotten, "law at the ends of small batches", "of a batch does not follow"),
        (squeezed, "law at the ends of small batches", "for 1 group returned shape ()"),
        (clipped, "law unchanged at rewards +1000", "a constant added to every reward"),
        (single_overflow, "law unchanged at rewards +1000", "subtract the largest"),
        (values_first, "one index per group", "the indices come first"),
        (mask, "one index per group", "not a mask"),
        (nothing, "runs", "returned None"),
        (three_things, "runs", "returned 3 things"),
        (ragged, "runs", "a list that is no array"),
        (words, "runs", "no array of numbers"),
        (misused, "runs", "raised TypeError"),
        (over_all_candidates, "kept from its own group", "these count all candidates"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_wrong_curators_are_caught_and_named(select: Select, check: str, named: str) -> None:
    report = check_curator(select, 4)
    assert report.failures[0].check == check
    assert named in report.failures[0].message


def test_what_is_raised_is_placed() -> None:
    message = check_curator(misused, 4).failures[0].message
    assert f"test_curator_audit.py:{misused.__code__.co_firstlineno + 1}" in message


def strided(rewards: FloatArray, rng: Rng) -> Indices:
    groups = rewards.reshape(4, -1).T
    return gumbel(groups, rng) * len(groups) + np.arange(len(groups))


def places_only(rewards: FloatArray, rng: Rng) -> Indices:
    return gumbel(rewards.reshape(-1, 4), rng)


def last_off_by_one(rewards: FloatArray, rng: Rng) -> Indices:
    kept = places_only(rewards, rng) + 4 * np.arange(rewards.size // 4)
    kept[-1] = 0
    return kept


@pytest.mark.parametrize(
    ("select", "named"),
    [
        (strided, "reshape to (groups, K), not (K, groups)"),
        (places_only, "add iK"),
        (last_off_by_one, "this happens in 1 of 30000 groups"),
    ],
)
def test_wrong_groups_are_named(select: Select, named: str) -> None:
    report = check_curator(select, 4, layout="flat")
    assert named in report.failures[0].message


# Other choice laws.

MODELS = [BestOf(), TopFraction(2), Noisy(Fraction(1, 10), PlackettLuce())]


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_choice_models_are_accepted_and_told_from_each_other(model: Any) -> None:
    check_curator(model.select, 4, choice=model).require()
    # The method takes weights, not rewards; handed over, it means its model.
    check_curator(model.select, 4, choice=model.probabilities).require()
    for other in (*MODELS, PlackettLuce()):
        if other != model:
            assert not check_curator(other.select, 4, choice=model).passed


def test_another_choice_law_in_groups_of_its_own() -> None:
    def select(rewards: FloatArray, rng: Rng) -> Indices:
        groups = rng.permutation(rewards.size).reshape(-1, 3)
        return groups[np.arange(len(groups)), BestOf().select(rewards[groups], rng)]

    options: Any = {"layout": "flat", "grouping": "any"}
    check_curator(select, 3, choice=BestOf(), **options).require()
    assert "are kept with shares" in check_curator(select, 3, **options).failures[0].message


def test_the_law_of_the_kept_by_enumeration_and_by_the_curation_factor() -> None:
    levels, masses = np.array([0.0, 0.4, 2.0]), np.array([0.5, 0.3, 0.2])
    assert kept_law(softmax, masses, levels, 5) == pytest.approx(
        kept_law(None, masses, levels, 5), rel=1e-12, abs=0
    )
    # The best of K is a power of the distribution function.
    below = np.cumsum(masses)
    assert kept_law(BestOf(), masses, levels, 5) == pytest.approx(
        np.diff(below**5, prepend=0.0), rel=1e-12, abs=0
    )


def test_the_largest_gap_is_to_the_law_asked_for() -> None:
    def alternating(rewards: FloatArray, rng: Rng) -> Indices:
        """First or last, whichever has the larger reward, else the second."""
        return np.where(rewards[:, 0] > rewards[:, 3], 0, rng.integers(1, 3, len(rewards)))

    report = check_curator(alternating, 4, choice=BestOf())
    assert "the law says 1.000" in report.failures[0].message


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"layout": "row"}, ValueError, "neither 'rows' nor 'flat'"),
        ({"layout": "flat", "grouping": "Any"}, ValueError, "neither 'consecutive' nor 'any'"),
        ({"groups": 1000.5}, ValueError, "not a whole number"),
        ({"groups": 10**8}, ValueError, "do not fit in memory"),
        ({"choice": 3}, TypeError, "choice is 3"),
        ({"choice": lambda r: r[:1]}, ValueError, "give 2 probabilities"),
        ({"choice": lambda r: np.exp(r)}, ValueError, "with sum 2"),
        ({"choice": Cyclic(((Fraction(1),),))}, ValueError, "table"),
        ({"choice": TopFraction(3)}, ValueError, "cannot be kept"),
        (
            {"layout": "flat", "grouping": "any", "K": 51, "choice": BestOf()},
            ValueError,
            "too many candidates",
        ),
    ],
)
def test_bad_requests_are_refused(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    def never(rewards: FloatArray, rng: Rng) -> Indices:
        sys.exit("called")

    with pytest.raises(error, match=message):
        check_curator(never, **{"K": 2, **arguments})


def test_select_must_be_a_function() -> None:
    with pytest.raises(TypeError, match="select is 'gumbel'"):
        check_curator("gumbel", 2)  # type: ignore[arg-type]


def test_a_choice_law_is_that_of_the_rewards() -> None:
    rewards = np.array([0.0, 1.0, 2.5])
    assert choice_law(PlackettLuce(), 3)(rewards) == pytest.approx(softmax(rewards), rel=1e-12)


def with_replacement(rewards: FloatArray, rng: Rng) -> Indices:
    return rng.integers(rewards.size, size=rewards.size)


def test_the_rate_of_false_alarms_is_kept_with_replacement() -> None:
    # K = 1, where the candidates' own spread is as large as that of the draws: against p itself the
    # rate would be five times the one stated. More than 24 of 200 at 5 % has probability 1e-4.
    options: Any = {"layout": "flat", "grouping": "any", "reuse": True, "shift_invariant": False}
    failures = sum(
        not check_curator(
            with_replacement, 1, groups=600, false_alarm=0.05, seed=seed, **options
        ).passed
        for seed in range(200)
    )
    assert failures <= 24


def test_the_rate_of_false_alarms_is_kept_by_all_tests_together() -> None:
    failures = sum(
        not check_curator(gumbel, 3, groups=300, false_alarm=0.05, seed=seed).passed
        for seed in range(1000, 1120)
    )
    # 17 of 120 at 5 % has probability 1e-4.
    assert failures <= 17


def test_the_lags_share_one_level() -> None:
    # Each lag at the full level would fail most of these; 13 of 60 at 5 % has probability 1e-5.
    failures = 0
    for seed in range(60):
        check = _Check(gumbel, 2, "rows", "consecutive", False, None, 3000, seed)
        places = gumbel(check.patterns[check.assignment], np.random.default_rng(seed))
        failures += not check._independence(places, 0.05, check.law).passed
    assert failures < 13


@pytest.mark.parametrize(("pvalue", "passed"), [(0.0101, True), (0.0099, False)])
def test_five_tests_share_the_rate(
    pvalue: float, passed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(curator, "multinomial_pvalue", lambda counts, law: pvalue)
    monkeypatch.setattr(curator, "pattern_pvalue", lambda patterns, counts, law: pvalue)
    assert check_curator(gumbel, 3, false_alarm=0.05).passed is passed


@pytest.mark.parametrize("K", [2, 20, 500])
def test_a_wrong_temperature_is_named_at_any_number_of_candidates(K: int) -> None:
    report = check_curator(lambda rewards, rng: gumbel(rewards / 2, rng), K)
    assert "rewards multiplied by 0." in report.failures[0].message


@pytest.mark.parametrize("seed", range(8))
def test_two_candidates_are_shown_in_both_orders(seed: int) -> None:
    def in_sorted(rewards: FloatArray, rng: Rng) -> Indices:
        return gumbel(np.sort(rewards, axis=1), rng)

    def loser(rewards: FloatArray, rng: Rng) -> Indices:
        return gumbel(-rewards, rng)

    named = check_curator(in_sorted, 2, seed=seed).failures[0].message
    assert "sorted in ascending order" in named
    named = check_curator(loser, 2, seed=seed).failures[0].message
    assert "rewards multiplied by -" in named
