"""Choice models: against brute force, in every arithmetic, sampled, and read back from JSON."""

from __future__ import annotations

import itertools
import json
import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from theory import Law, RetrainingLoop, curate, curation_factor
from theory.choice import (
    MODELS,
    AdversarialShare,
    BestOf,
    Cyclic,
    Heterogeneous,
    Noisy,
    OneOfSeveral,
    PlackettLuce,
    SumOfRewards,
    TopFraction,
    choice_from_json,
    enumerated_factor,
)
from theory.evidence.ball import BallArithmetic
from theory.evidence.floating import FloatArithmetic
from theory.evidence.instance import Instance
from theory.evidence.numeric import Scenario, float_run
from theory.evidence.precision import ball
from theory.evidence.rational import RationalArithmetic
from theory.evidence.run import run_loop

F = Fraction

DEVIATIONS = ((F(2), F(1, 3), F(1), F(4)), (F(1, 2), F(3), F(1), F(1, 4)))
THREE = ((F(4), F(9), F(1), F(1)), (F(1, 2), F(1, 3), F(1), F(1)))
OTHERS = ((F(2), F(5), F(1), F(1, 2)), (F(1), F(1, 7), F(3), F(1)))
ODDS = (
    (F(1), F(2), F(1, 3), F(1)),
    (F(1, 2), F(1), F(3), F(5)),
    (F(3), F(1, 3), F(1), F(1, 2)),
    (F(1), F(1, 5), F(2), F(1)),
)


# The models once more, written down from their descriptions and sharing no code with them: the
# probability that the first of some candidates is kept, given all their weights and labels.


def luce(weights):
    return weights[0] / sum(weights)


def one_of_the_best(m):
    def first_is_kept(weights, labels):
        # Every order of the candidates in which weights fall is equally likely to be the ranking.
        rankings = [
            order
            for order in itertools.permutations(range(len(weights)))
            if all(weights[a] >= weights[b] for a, b in itertools.pairwise(order))
        ]
        places = sum(0 in order[:m] for order in rankings)
        return F(places, len(rankings) * m)

    return first_is_kept


def noisy_luce(weights, labels):
    return F(4, 5) * luce(weights) + F(1, 5) / len(weights)


def adversarial(weights, labels):
    return F(3, 4) * luce(weights) + F(1, 4) * luce([1 / w for w in weights])


def seen_by(table, weights, labels):
    return luce([w * table[label] for w, label in zip(weights, labels, strict=True)])


def two_annotators(weights, labels):
    return sum(seen_by(row, weights, labels) for row in DEVIATIONS) / 2


def three_annotators(weights, labels):
    return (seen_by(THREE[0], weights, labels) + 2 * seen_by(THREE[1], weights, labels)) / 3


def one_of_three_rewards(weights, labels):
    own = F(1, 2) * luce(weights)
    first, second = (seen_by(row, weights, labels) for row in OTHERS)
    return own + F(1, 3) * first + F(1, 6) * second


def two_rewards(weights, labels):
    return seen_by(OTHERS[0], weights, labels)


def pairwise_odds(weights, labels):
    (w, v), (i, j) = weights, labels
    return w * ODDS[i][j] / (w * ODDS[i][j] + v)


CASES = {
    "plackett-luce": (PlackettLuce(), lambda w, labels: luce(w)),
    "best": (BestOf(), one_of_the_best(1)),
    "top 2": (TopFraction(2), one_of_the_best(2)),
    "noisy": (Noisy(F(1, 5)), noisy_luce),
    "noisy best": (
        Noisy(F(1, 3), BestOf()),
        lambda w, labels: F(2, 3) * one_of_the_best(1)(w, labels) + F(1, 3) / len(w),
    ),
    "adversarial": (AdversarialShare(F(1, 4)), adversarial),
    "heterogeneous": (Heterogeneous(DEVIATIONS), two_annotators),
    "three annotators": (Heterogeneous(THREE, counts=(1, 2)), three_annotators),
    "one of several": (OneOfSeveral((F(1, 3), F(1, 6)), OTHERS), one_of_three_rewards),
    "sum": (SumOfRewards(OTHERS[0]), two_rewards),
    "cyclic": (Cyclic(ODDS), pairwise_odds),
}
EVERY_CASE = pytest.mark.parametrize("case", CASES)
# Four atoms, two of one weight.
MASSES, WEIGHTS = [F(1, 10), F(2, 5), F(3, 10), F(1, 5)], [F(3), F(1), F(3), F(7, 2)]


def candidates(case):
    return [2] if case == "cyclic" else [2, 3, 4]


def brute_force(first_is_kept, masses, weights, K):
    """H by the definition: every ordered draw of the K - 1 rivals."""
    factors = []
    for atom in range(len(masses)):
        total = F(0)
        for rivals in itertools.product(range(len(masses)), repeat=K - 1):
            labels = [atom, *rivals]
            chance = math.prod((masses[j] for j in rivals), start=F(1))
            total += chance * first_is_kept([weights[label] for label in labels], labels)
        factors.append(K * total)
    return factors


def test_every_model_has_a_case():
    assert {type(choice) for choice, _ in CASES.values()} == set(MODELS.values())


@EVERY_CASE
def test_factor_is_the_definition_exactly(case):
    choice, first_is_kept = CASES[case]
    for K in candidates(case):
        expected = brute_force(first_is_kept, MASSES, WEIGHTS, K)
        law = np.array(MASSES, dtype=object)
        assert choice.factor(law, WEIGHTS, K, RationalArithmetic()).tolist() == expected
        assert enumerated_factor(choice, MASSES, WEIGHTS, K) == expected
        assert sum(p * h for p, h in zip(MASSES, expected, strict=True)) == 1


@pytest.mark.parametrize("wrong", ["best", "noisy", "adversarial", "two annotators", "cyclic"])
def test_a_wrong_model_is_told_apart(wrong):
    near = {
        "best": (TopFraction(2), one_of_the_best(1)),
        "noisy": (Noisy(F(21, 100)), noisy_luce),
        "adversarial": (AdversarialShare(F(26, 100)), adversarial),
        "two annotators": (Heterogeneous(DEVIATIONS[::-1], (1, 1)), three_annotators),
        "cyclic": (Cyclic(tuple(zip(*ODDS, strict=True))), pairwise_odds),
    }
    choice, first_is_kept = near[wrong]
    assert enumerated_factor(choice, MASSES, WEIGHTS, 2) != brute_force(
        first_is_kept, MASSES, WEIGHTS, 2
    )


@EVERY_CASE
def test_probabilities_sum_to_one_and_do_not_depend_on_the_order(case):
    choice, first_is_kept = CASES[case]
    labels = [2, 0, 1][: candidates(case)[-1]]
    weights = [WEIGHTS[label] for label in labels]
    kept = choice.probabilities(weights, labels)
    assert sum(kept) == 1
    assert kept == [
        first_is_kept(
            [weights[i], *weights[:i], *weights[i + 1 :]],
            [labels[i], *labels[:i], *labels[i + 1 :]],
        )
        for i in range(len(labels))
    ]


@EVERY_CASE
def test_runs_agree_in_every_arithmetic(case):
    choice, _ = CASES[case]
    K = candidates(case)[-1]
    instance = Instance.of(MASSES, WEIGHTS, K=K, lam=F(1, 2), steps=2, choice=choice)
    exact = run_loop(instance, RationalArithmetic())
    floats = run_loop(instance, FloatArithmetic())
    balls = run_loop(instance, BallArithmetic())
    library = float_run(Scenario.of(instance))
    for t in range(3):
        np.testing.assert_allclose(
            library.laws[t], [float(p) for p in exact.laws[t]], atol=1e-12, rtol=0
        )
        # Rounding of a few dozen operations on numbers below K.
        np.testing.assert_allclose(
            floats.laws[t], [float(p) for p in exact.laws[t]], atol=1e-14, rtol=0
        )
        for enclosure, number in zip(balls.laws[t], exact.laws[t], strict=True):
            assert (enclosure - ball(number)).contains(0)
            assert enclosure.rad() < 1e-12
    np.testing.assert_allclose(library.factor(1), exact.factor(1).astype(float), atol=1e-12)
    assert exact.factor(1).tolist() == enumerated_factor(choice, list(exact.laws[1]), WEIGHTS, K)
    # Another curator leads elsewhere: the field is read.
    other = run_loop(Instance.of(MASSES, WEIGHTS, K=K, lam=F(1, 2), steps=2), RationalArithmetic())
    assert (exact.laws[1].tolist() == other.laws[1].tolist()) == (case == "plackett-luce")


@EVERY_CASE
def test_no_set_gains_more_than_that_a_candidate_is_in_it(case):
    choice, _ = CASES[case]
    K = candidates(case)[-1]
    H = enumerated_factor(choice, MASSES, WEIGHTS, K)
    assert all(0 <= h <= K for h in H)
    for size in range(1, 5):
        for members in itertools.combinations(range(4), size):
            before = sum(MASSES[i] for i in members)
            after = sum(MASSES[i] * H[i] for i in members)
            assert after <= 1 - (1 - before) ** K


@EVERY_CASE
def test_json_round_trip_and_one_line(case):
    choice, _ = CASES[case]
    assert choice_from_json(json.loads(json.dumps(choice.to_json()))) == choice
    K = candidates(case)[-1]
    instance = Instance.of(MASSES, WEIGHTS, K=K, steps=1, choice=choice)
    assert Instance.from_json(json.loads(json.dumps(instance.to_json()))) == instance
    assert f"choice = {choice.name}" in str(instance)
    assert "\n" not in str(instance)


def test_instances_written_without_a_choice_are_plackett_luce():
    data = Instance.of([1, 1], [1, 2], K=2).to_json()
    del data["choice"]
    assert Instance.from_json(data).choice is None


# Samples.

# Each test below rejects a right sampler with probability 1e-6; its seed is fixed.
FALSE_ALARM = 1e-6
GROUPS = 40_000


def kept_frequencies_pass(chosen, expected):
    """Chi-square test of the kept positions against their exact probabilities."""
    counts = np.bincount(chosen, minlength=len(expected))
    expected = np.array([float(p) for p in expected])
    assert counts[expected == 0].sum() == 0
    possible = expected > 0
    if possible.sum() == 1:
        return True
    result = stats.chisquare(counts[possible], GROUPS * expected[possible])
    return bool(result.pvalue > FALSE_ALARM)


@EVERY_CASE
def test_samples_have_the_stated_frequencies(case):
    choice, first_is_kept = CASES[case]
    labels = [1, 0, 2, 3][: candidates(case)[-1]]
    weights = [WEIGHTS[label] for label in labels]
    rewards = np.tile(np.log([float(w) for w in weights]), (GROUPS, 1))
    chosen = choice.select(rewards, np.random.default_rng(5), np.tile(labels, (GROUPS, 1)))
    assert chosen.shape == (GROUPS,)
    expected = [
        first_is_kept(
            [weights[i], *weights[:i], *weights[i + 1 :]],
            [labels[i], *labels[:i], *labels[i + 1 :]],
        )
        for i in range(len(labels))
    ]
    assert kept_frequencies_pass(chosen, expected)


@EVERY_CASE
def test_kept_samples_of_a_law_have_the_curated_law(case):
    choice, first_is_kept = CASES[case]
    K = candidates(case)[-1]
    rng = np.random.default_rng(8)
    drawn = rng.choice(4, size=(GROUPS, K), p=[float(p) for p in MASSES])
    rewards = np.log([float(w) for w in WEIGHTS])[drawn]
    kept = drawn[np.arange(GROUPS), choice.select(rewards, rng, drawn)]
    H = brute_force(first_is_kept, MASSES, WEIGHTS, K)
    assert kept_frequencies_pass(kept, [p * h for p, h in zip(MASSES, H, strict=True)])


@pytest.mark.parametrize("fault", ["temperature", "first of the tied", "no noise"])
def test_the_sampling_test_catches_a_wrong_sampler(fault):
    rng = np.random.default_rng(3)
    if fault == "temperature":
        rewards = np.tile(np.log([1.0, 3.0]), (GROUPS, 1))
        chosen = PlackettLuce().select(rewards / 1.1, rng)
        expected = PlackettLuce().probabilities([1, 3])
    elif fault == "first of the tied":
        chosen = np.tile([1.0, 3.0, 3.0], (GROUPS, 1)).argmax(axis=1)
        expected = BestOf().probabilities([1, 3, 3])
    else:
        chosen = PlackettLuce().select(np.tile(np.log([1.0, 3.0]), (GROUPS, 1)), rng)
        expected = Noisy(F(1, 20)).probabilities([1, 3])
    assert not kept_frequencies_pass(chosen, expected)


def test_groups_without_a_finite_reward_choose_at_random():
    rewards = np.full((GROUPS, 3), -np.inf)
    for choice in (PlackettLuce(), BestOf(), Noisy(F(1, 2)), AdversarialShare(F(1, 2))):
        chosen = choice.select(rewards, np.random.default_rng(1))
        assert kept_frequencies_pass(chosen, [F(1, 3)] * 3)
        assert choice.probabilities([0, 0, 0]) == [F(1, 3)] * 3


def test_pairs_without_a_finite_reward_are_compared_by_their_odds():
    rewards, labels = np.full((GROUPS, 2), -np.inf), np.tile([1, 2], (GROUPS, 1))
    for choice in (Cyclic(ODDS), SumOfRewards(OTHERS[0])):
        expected = choice.probabilities([1, 1], [1, 2])
        assert choice.probabilities([0, 0], [1, 2]) == expected
        chosen = choice.select(rewards, np.random.default_rng(1), labels)
        assert kept_frequencies_pass(chosen, expected)


def test_who_chooses_against_the_reward_picks_evenly_among_those_without_any():
    choice = AdversarialShare(F(1, 3))
    expected = [F(1, 6), F(1, 6), F(1, 6), F(1, 2)]
    assert choice.probabilities([0, 0, 1, 3]) == [F(1, 6), F(1, 6), F(1, 6), F(1, 2)]
    rewards = np.tile([-np.inf, -np.inf, 0.0, math.log(3)], (GROUPS, 1))
    assert kept_frequencies_pass(choice.select(rewards, np.random.default_rng(2)), expected)


def test_noise_on_a_model_of_the_order_takes_any_rewards():
    wide = Law([0.5, 0.5], [-math.inf, 400.0])
    assert Noisy(F(1, 5), BestOf()).ordinal
    assert not Noisy(F(1, 5)).ordinal
    kept = curate(wide, 2, Noisy(F(1, 5), BestOf())).probabilities
    np.testing.assert_allclose(kept, [0.3, 0.7], rtol=1e-14)
    exact = curate(Law.from_weights([F(1, 2)] * 2, [0, 1]), 2, Noisy(F(1, 5), BestOf()))
    assert exact.exact_probabilities == (F(3, 10), F(7, 10))


def test_the_same_seed_selects_the_same():
    rewards = np.random.default_rng(0).normal(size=(100, 5))
    for choice, _ in CASES.values():
        if choice.columns is None:
            one, other = (choice.select(rewards, np.random.default_rng(9)) for _ in range(2))
            assert one.tolist() == other.tolist()


# Order statistics with many candidates.


@pytest.mark.parametrize(("kept", "K"), [(1, 10), (3, 10), (10, 10), (1, 10**6), (50, 10**4)])
def test_order_statistics_of_many_candidates_in_floats(kept, K):
    """Against P(B' < m) integrated over each level in 40 digits."""
    rng = np.random.default_rng(kept)
    masses = 10.0 ** rng.uniform(-9, 0, 12)
    masses /= masses.sum()
    choice = BestOf() if kept == 1 else TopFraction(kept)
    H = choice.factor(masses, list(range(12)), K, FloatArithmetic())
    with mpmath.workdps(40):
        # The factor of a level: mean over its mass of (K/m) P(fewer than m of K - 1 lie above).
        def gain(u):
            def log_term(j):
                return mpmath.log(mpmath.binomial(K, j)) + j * mpmath.log(u)

            def term(j):
                return mpmath.exp(log_term(j) + (K - j) * mpmath.log1p(-u))

            # E min(B, m) = m - sum over b < m of (m - b) P(B = b)
            return (kept - mpmath.fsum((kept - j) * term(j) for j in range(kept))) / kept

        upper = [mpmath.fsum(map(mpmath.mpf, masses[i:])) for i in range(12)]
        upper[0] = mpmath.mpf(1) - mpmath.mpf(10) ** -35  # log1p(-1) is no number
        for i in range(12):
            above = gain(upper[i + 1]) if i < 11 else mpmath.mpf(0)
            expected = (gain(upper[i]) - above) / mpmath.mpf(masses[i])
            # Masses are rounded sums: K times 1e-16 of u, relative to a factor of at most K/m.
            assert H[i] == pytest.approx(float(expected), rel=1e-9, abs=1e-9 * K / kept)
    assert masses @ H == pytest.approx(1, abs=1e-12)


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5)), min_size=1, max_size=6).filter(
        lambda atoms: any(mass for mass, _ in atoms)
    ),
    st.integers(1, 6),
    st.data(),
)
def test_order_statistics_allow_ties_and_atoms_without_mass(atoms, K, data):
    kept = data.draw(st.integers(1, K))
    total = sum(mass for mass, _ in atoms)
    masses = [F(mass, total) for mass, _ in atoms]
    weights = [F(weight) for _, weight in atoms]
    choice = TopFraction(kept)
    exact = choice.factor(np.array(masses, dtype=object), weights, K, RationalArithmetic())
    assert exact.tolist() == enumerated_factor(choice, masses, weights, K)
    floats = choice.factor(np.array(masses, dtype=float), weights, K, FloatArithmetic())
    np.testing.assert_allclose(floats, exact.astype(float), atol=1e-12)


# Which of them select for the reward: the facts that the table's proofs rest on.


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 30)), min_size=2, max_size=5),
    st.integers(2, 4),
    st.sampled_from([BestOf(), TopFraction(2), Noisy(F(1, 3)), Noisy(F(1, 3), TopFraction(2))]),
)
def test_the_factor_of_a_monotone_model_does_not_fall_with_the_weight(atoms, K, choice):
    total = sum(mass for mass, _ in atoms)
    masses = [F(mass, total) for mass, _ in atoms]
    weights = [F(weight) for _, weight in atoms]
    pairs = sorted(zip(weights, enumerated_factor(choice, masses, weights, K), strict=True))
    assert all(a[1] <= b[1] for a, b in itertools.pairwise(pairs))


@pytest.mark.parametrize("case", ["adversarial", "heterogeneous", "one of several", "cyclic"])
def test_the_factor_of_the_others_falls_somewhere(case):
    choice, _ = CASES[case]
    K = 2
    masses, weights = MASSES, WEIGHTS
    if case == "adversarial":
        # Pairs hide it: there a share φ acts like noise 2φ. Of three, far below nearly all others,
        # those who choose by 1/w gain more from a lower w than those who choose by w lose.
        K, weights = 3, [F(800), F(1), F(2), F(4)]
        masses = [F(97, 100), F(1, 100), F(1, 100), F(1, 100)]
    factor = enumerated_factor(choice, masses, weights, K)
    assert any(
        a[0] < b[0] and a[1] > b[1]
        for a, b in itertools.permutations(zip(weights, factor, strict=True), 2)
    )


@pytest.mark.parametrize("K", range(2, 9))
def test_keeping_more_than_half_breaks_the_bound_of_lemma_2_2_and_no_less_does(K):
    """Top m of K: G(u) - u >= (K-1)/K u (1-u) on [0, 1] exactly when m = 1 or m (2K-1) <= K^2."""
    for kept in range(1, K + 1):
        holds = kept == 1 or kept * (2 * K - 1) <= K * K
        spare = []
        for u in [F(i, 1000) for i in range(1, 1000)]:
            # Two levels of masses 1 - u and u: the upper one gets G(u).
            factor = TopFraction(kept).factor(
                np.array([1 - u, u], dtype=object), [F(1), F(2)], K, RationalArithmetic()
            )
            spare.append(u * factor[1] - u - F(K - 1, K) * u * (1 - u))
        assert (min(spare) >= 0) == holds


# On laws.


@EVERY_CASE
@pytest.mark.parametrize("lam", [math.inf, F(1, 2), F(0)], ids=str)
def test_loops_on_laws(case, lam):
    choice, first_is_kept = CASES[case]
    K = candidates(case)[0]
    exact_law = Law.from_weights(MASSES, WEIGHTS)
    float_law = Law([float(p) for p in MASSES], exact_law.rewards)
    exact = RetrainingLoop(exact_law, K, lam, choice=choice).run(2)
    floats = RetrainingLoop(float_law, K, lam, choice=choice).run(2)
    assert exact.is_exact
    assert not floats.is_exact
    H = brute_force(first_is_kept, MASSES, WEIGHTS, K)
    kept = [p * h for p, h in zip(MASSES, H, strict=True)]
    first = (
        kept
        if lam == math.inf
        else [(p + lam * k) / (1 + lam) for p, k in zip(MASSES, kept, strict=True)]
    )
    assert list(exact.laws[1].exact_probabilities) == first
    assert list(curate(exact_law, K, choice).exact_probabilities) == kept
    for name in (
        "expected_weight",
        "weight_variance",
        "log_expected_weight",
        "expected_reward",
        "reward_variance",
        "top_mass",
        "kl_to_reference",
    ):
        np.testing.assert_allclose(
            getattr(floats, name).astype(float), getattr(exact, name).astype(float), atol=1e-12
        )
    # The masses before they are normalised: rounding of a few sums.
    assert np.abs(floats.mass_defect).max() < 1e-13
    np.testing.assert_allclose(
        curation_factor(float_law, K, choice=choice), [float(h) for h in H], atol=1e-12
    )


def test_infinitely_many_candidates_where_the_model_has_them():
    law = Law.from_weights(MASSES, WEIGHTS)
    choice = Noisy(F(1, 5))
    mean = sum(p * w for p, w in zip(MASSES, WEIGHTS, strict=True))
    expected = [F(4, 5) * w / mean + F(1, 5) for w in WEIGHTS]
    assert curation_factor(law, math.inf, choice=choice).tolist() == expected
    in_floats = curation_factor(Law(law.probabilities, law.rewards), math.inf, choice=choice)
    np.testing.assert_allclose(in_floats, [float(h) for h in expected], rtol=1e-14)


def test_ordinal_models_take_any_rewards():
    law = Law([0.5, 0.25, 0.25], [-np.inf, 0.0, 5000.0])
    np.testing.assert_allclose(
        curate(law, 2, BestOf()).probabilities, [1 / 4, 5 / 16, 7 / 16], rtol=1e-14
    )


# Bad input.


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Noisy(F(3, 2)), "epsilon = 3/2 must be a probability"),
        (lambda: AdversarialShare(F(-1)), "share = -1 must be a probability"),
        (lambda: TopFraction(0), "kept = 0 must be a whole number"),
        (lambda: TopFraction(True), "kept = True must be a whole number"),
        (lambda: Heterogeneous(((F(2), F(1)),)), "label 0 have the product 2, not 1"),
        (lambda: Heterogeneous(DEVIATIONS, (1,)), r"counts = \[1\] must be a positive whole"),
        (lambda: Heterogeneous(((F(1),), (F(1), F(2)))), "rows of one length"),
        (lambda: OneOfSeveral((F(2),), (OTHERS[0],)), r"shares = \[2\] must be"),
        (lambda: SumOfRewards((F(1), F(0))), "other contain 0: give positive"),
        (lambda: Cyclic(((F(1), F(2)), (F(2), F(1)))), r"odds\[1\]\[0\] = 2 .* product 1"),
        (lambda: Cyclic(((F(1), F(2)),)), "1 rows and 2 columns"),
        (lambda: Cyclic.from_probabilities([["1/2", "1"], ["0", "1/2"]]), r"0 over 1 is 1 .* \(0"),
        (lambda: Cyclic(ODDS).check(3), "K = 3, but 'cyclic' compares pairs: give K = 2"),
        (lambda: Cyclic(ODDS).check(2, 3), "table for 4 labels and there are 3 atoms"),
        (lambda: BestOf().check(math.inf), "give a finite K"),
        (lambda: TopFraction(3).check(2), "the 3 best of K = 2 cannot be kept"),
        (lambda: Cyclic(ODDS).probabilities([1, 2]), "give the 2 candidates' labels"),
        (lambda: AdversarialShare("1/2"), "share = 1/2 must be a probability"),
        (lambda: Noisy(F(1, 2), BestOf), "inner = .* is no choice model"),
        (lambda: OneOfSeveral(F(1), (OTHERS[0],)), "shares = 1 must be"),
        (lambda: SumOfRewards(("1", "2")), "other contain 1: give positive"),
        (lambda: Heterogeneous((F(1), F(2))), "rows of one length, tuples"),
        (lambda: Heterogeneous(DEVIATIONS, (1.5, 1.5)), r"counts = \[1.5, 1.5\] must be"),
        (lambda: PlackettLuce().probabilities([]), "no candidates: give the weight"),
        (lambda: PlackettLuce().probabilities([-1, 2]), "weight -1 is no finite number of at"),
        (lambda: Noisy(F(1, 2)).probabilities([math.inf, 2]), "weight inf is no finite number"),
        (lambda: BestOf().probabilities([math.nan, 2]), "weight nan is no finite number"),
        (lambda: Cyclic(ODDS).probabilities([1, 2], [0, -1]), "label -1 is outside the table"),
        (lambda: Cyclic(ODDS).probabilities([1, 2], [0, 4]), "label 4 is outside the table"),
        (lambda: SumOfRewards(OTHERS[0]).probabilities([1, 2], [0]), "the 2 candidates' labels"),
        (lambda: choice_from_json({"model": ["noisy"]}), "none of: plackett-luce"),
        (lambda: choice_from_json({"model": "worst"}), "none of: plackett-luce, best-of-K"),
        (lambda: choice_from_json(3), "none of: plackett-luce"),
        (lambda: choice_from_json({"model": "noisy", "eps": "1"}), "no parameter 'eps'"),
        (lambda: choice_from_json({"model": "noisy"}), "do not fit it"),
        (lambda: choice_from_json({"model": "noisy", "epsilon": "1/0"}), "'1/0' .* not a rational"),
        (
            lambda: Instance.of([1, 1], [1, 2], K=3, choice=TopFraction(4)),
            "the 4 best of K = 3",
        ),
        (
            lambda: Instance.of([1, 1], [1, 2], K=2, choice=SumOfRewards((F(1),))),
            "table for 1 labels and there are 2 atoms",
        ),
    ],
)
def test_bad_models_say_what_would_do(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize(
    ("select", "message"),
    [
        (lambda rng: BestOf().select([1.0, 2.0], rng), r"shape \(2,\): give K of them"),
        (lambda rng: PlackettLuce().select([[1.0, math.nan]], rng), "contain NaN"),
        (lambda rng: TopFraction(3).select([[1.0, 2.0]], rng), "the 3 best of K = 2"),
        (lambda rng: Cyclic(ODDS).select([[1.0, 2.0]], rng), r"labels, of shape \(1, 2\)"),
        (
            lambda rng: SumOfRewards(OTHERS[0]).select([[1.0, 2.0]], rng, np.array([[0, 4]])),
            "label 4 is outside the table, whose labels are 0 to 3",
        ),
    ],
)
def test_bad_groups_are_refused(select, message):
    with pytest.raises(ValueError, match=message):
        select(np.random.default_rng(0))


def test_laws_that_a_model_cannot_have_are_refused():
    wide = Law([0.5, 0.5], [0.0, 400.0])
    with pytest.raises(ValueError, match="rewards span 400, more than 300"):
        curate(wide, 2, Noisy(F(1, 2)))
    with pytest.raises(ValueError, match='give method="auto" with best-of-K'):
        curation_factor(wide, 2, "quadrature", BestOf())
    with pytest.raises(ValueError, match="table for 4 labels and there are 2 atoms"):
        RetrainingLoop(wide, 2, choice=Cyclic(ODDS))
    lowest = Law.from_weights([F(1, 2), F(1, 2)], [0, 1])
    with pytest.raises(ValueError, match="weights of 0 are not supported under noisy"):
        curate(lowest, 2, Noisy(F(1, 2)))
