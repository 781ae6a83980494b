"""The retraining loop: the reward grid against exact rationals and against the plain recursion."""

from __future__ import annotations

import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory import Law, RetrainingLoop, curate
from theory.closed_forms import no_curation_law
from theory.divergences import kl, total_variation
from theory.quadrature import plain_log_factor
from theory.testing import candidate_numbers, laws, rational_laws, ratios

HALF = Fraction(1, 2)


def plain_loop(law, K, lam, steps, initial=None):
    """The recursion atom by atom with the plain quadrature; log-probabilities of the last law."""
    reference = law.log_probabilities
    log_p = reference if initial is None else initial.log_probabilities
    for _ in range(steps):
        curated = log_p + plain_log_factor(log_p, law.rewards, K)
        curated -= np.logaddexp.reduce(curated)
        if math.isinf(lam):
            log_p = curated
        else:
            with np.errstate(divide="ignore"):
                log_p = np.logaddexp(curated + np.log(lam / (1 + lam)), reference - math.log1p(lam))
    return log_p


@settings(max_examples=40)
@given(
    rational_laws(max_atoms=4, max_integer=50, lowest=True),
    st.integers(1, 3),
    ratios(),
    st.integers(0, 3),
)
def test_grid_iteration_agrees_with_exact_rationals(law, K, lam, steps):
    exact = RetrainingLoop(law, K, lam, arithmetic="exact").run(steps)
    grid = RetrainingLoop(law, K, lam, arithmetic="float64").run(steps)
    assert exact.is_exact
    assert not grid.is_exact
    for a, b in zip(exact.laws, grid.laws, strict=True):
        # Three rounds of the quadrature's 1e-13 each.
        assert np.allclose(a.probabilities, b.probabilities, rtol=1e-12, atol=0)
    for name in ("expected_weight", "weight_variance", "top_mass", "log_expected_weight"):
        a, b = getattr(exact, name).astype(float), getattr(grid, name)
        scale = max(1.0, float(max(law.exact_weights)) ** 2)
        assert np.allclose(a, b, rtol=1e-11, atol=1e-12 * scale), name


@pytest.mark.parametrize("lam", [math.inf, 0.0, 0.3, 1.0, 50.0])
@pytest.mark.parametrize("K", [2, 5, 1000])
def test_a_hundred_rounds_agree_with_the_plain_recursion(K, lam):
    rng = np.random.default_rng(1)
    rewards = np.concatenate([rng.uniform(-8, 0, 100), rng.uniform(-60, 0, 50), [0.0, -200.0]])
    law = Law(rng.dirichlet(np.ones(rewards.size)), rewards)
    computed = RetrainingLoop(law, K, lam).run(100).laws[100].log_probabilities
    expected = plain_loop(law, K, lam, 100)
    # ℓ1 error at most 1e-12 after many rounds; log-masses to the rounding of their own size,
    # a hundred times over (one ulp per round).
    assert np.abs(np.exp(computed) - np.exp(expected)).sum() < 1e-12
    assert (np.abs(computed - expected) <= 100 * 2.3e-16 * np.maximum(100, np.abs(expected))).all()


def test_a_start_elsewhere_is_followed():
    rng = np.random.default_rng(2)
    rewards = rng.uniform(-20, 0, 200)
    reference = Law(rng.dirichlet(np.ones(200)), rewards)
    initial = Law(rng.dirichlet(np.full(200, 0.1)), rewards)
    for lam in (0.7, math.inf):
        run = RetrainingLoop(reference, 3, lam, initial=initial).run(30)
        expected = np.exp(plain_loop(reference, 3, lam, 30, initial))
        assert np.abs(run.laws[30].probabilities - expected).sum() < 1e-12
        assert run.laws[0] is initial


@settings(max_examples=40)
@given(laws(max_range=60.0), candidate_numbers(), ratios(), st.integers(0, 30))
def test_every_law_is_normalised_and_stays_in_the_support(law, K, lam, steps):
    run = RetrainingLoop(law, K, lam).run(steps)
    last = run.laws[-1]
    assert last.probabilities.sum() == pytest.approx(1, abs=1e-12)
    assert (last.log_probabilities[law.log_probabilities == -np.inf] == -np.inf).all()
    assert np.abs(run.mass_defect).max() < 1e-12


@settings(max_examples=30)
@given(laws(max_range=15.0, massless=False), candidate_numbers(1000), ratios(), st.integers(1, 20))
def test_statistics_from_the_nodes_are_those_of_the_laws(law, K, lam, steps):
    run = RetrainingLoop(law, K, lam).run(steps)
    top = law.rewards.max()
    for t in (1, steps):
        p, r = run.laws[t].probabilities, law.rewards
        # Rewards up to 300 in size: moments of relative weights to 1e-12, of rewards to 300 eps.
        w = np.exp(r - top)
        assert run.log_expected_weight[t] - top == pytest.approx(math.log(p @ w), abs=1e-12)
        assert run.expected_reward[t] == pytest.approx(p @ r, abs=1e-12 * 300)
        assert run.reward_variance[t] == pytest.approx(p @ (r - p @ r) ** 2, abs=1e-10)
        assert run.top_mass[t] == pytest.approx(p[r == top].sum(), abs=1e-12)


@pytest.mark.parametrize("lam", [math.inf, 0.4])
def test_laws_on_demand_equal_the_streamed_ones_bit_for_bit(lam):
    rng = np.random.default_rng(3)
    law = Law(rng.dirichlet(np.ones(500)), rng.uniform(-30, 0, 500))
    run = RetrainingLoop(law, 4, lam).run(200)
    streamed = list(run.laws)
    assert len(streamed) == len(run.laws) == 201
    for t in (0, 1, 57, 123, 199, 200, -1):
        assert (run.laws[t].log_probabilities == streamed[t].log_probabilities).all()
    assert [len(law) for law in run.laws[3:6]] == [500] * 3


def test_few_laws_are_held_however_long_the_run():
    law = Law(np.full(1000, 1e-3), np.linspace(-10, 0, 1000))
    run = RetrainingLoop(law, 2, 0.5).run(2000)
    held = [value for value in vars(run).values() if isinstance(value, dict)]
    assert sum(len(snapshots) for snapshots in held) <= 5


def test_an_index_outside_the_run_says_the_range():
    run = RetrainingLoop(Law([0.5, 0.5], [0, 1]), 2).run(3)
    with pytest.raises(IndexError, match="indices go from 0 to 3"):
        run.laws[4]


def test_divergences_of_a_run_are_those_of_its_laws():
    law = Law([0.2, 0.3, 0.5], [0.0, 1.0, -1.0])
    run = RetrainingLoop(law, 3, 0.5).run(6)
    for t, p in enumerate(run.laws):
        assert run.kl_to_reference[t] == kl(p, law)
        assert run.reverse_kl_to_reference[t] == kl(law, p)
        assert run.tv_to_reference[t] == total_variation(p, law)
        masses = p.probabilities
        assert run.entropy[t] == pytest.approx(-(masses * np.log(masses)).sum(), abs=1e-14)


def test_differential_entropy_of_a_density():
    x = np.linspace(-10, 10, 801)
    normal = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    run = RetrainingLoop(Law.from_density(normal, np.zeros_like(x), (x,)), 2).run(1)
    assert run.entropy[0] == pytest.approx(0.5 * math.log(2 * math.pi * math.e), abs=1e-12)


def test_shares_of_named_groups_follow_the_laws():
    law = Law([0.2, 0.3, 0.5], [0.0, 1.0, 2.0])
    names, shares = RetrainingLoop(law, 2).run(5).shares(["b", "a", "b"])
    assert names == ["a", "b"]
    assert shares.sum(axis=1) == pytest.approx(np.ones(6))
    assert shares[0] == pytest.approx([0.3, 0.7])
    once = curate(law, 2).probabilities
    assert shares[1] == pytest.approx([once[1], once[0] + once[2]], abs=1e-13)
    with pytest.raises(ValueError, match="one label each"):
        RetrainingLoop(law, 2).run(1).shares(["a"])


def test_without_curation_the_loop_forgets_its_start_geometrically():
    law, start = Law([0.2, 0.8], [0.0, 1.0]), Law([0.9, 0.1], [0.0, 1.0])
    run = RetrainingLoop(law, 1, 2.0, initial=start).run(7)
    for t in (1, 7):
        expected = no_curation_law(start.probabilities, law.probabilities, 2.0, t)
        assert run.laws[t].probabilities == pytest.approx(expected, abs=1e-14)
    assert RetrainingLoop(law, 1).run(7).laws[7].probabilities == pytest.approx([0.2, 0.8])


def test_reward_minus_infinity_through_a_run():
    law = Law.from_weights([Fraction(1, 4)] * 4, [0, 0, 1, 2])
    for lam in (math.inf, HALF):
        exact = RetrainingLoop(law, 2, lam, arithmetic="exact").run(4)
        grid = RetrainingLoop(law, 2, lam, arithmetic="float64").run(4)
        for a, b in zip(exact.laws, grid.laws, strict=True):
            assert np.allclose(a.probabilities, b.probabilities, rtol=1e-12, atol=0)
        assert grid.expected_reward[0] == -math.inf
        assert math.isnan(grid.reward_variance[0])


@pytest.mark.parametrize("arithmetic", ["exact", "float64"])
def test_the_top_of_a_mixed_loop_is_that_of_its_real_data_too(arithmetic):
    reference = Law.from_weights([HALF, HALF], [1, 3])
    start = Law.from_weights([Fraction(1), Fraction(0)], [1, 3])
    run = RetrainingLoop(reference, 2, HALF, initial=start, arithmetic=arithmetic).run(2)
    assert run.top_mass[0] == 0
    assert run.top_mass[1] == pytest.approx(1 / 3, rel=1e-13)
    pure = RetrainingLoop(reference, 2, initial=start, arithmetic=arithmetic).run(2)
    assert pure.top_mass.astype(float) == pytest.approx([1, 1, 1])


@pytest.mark.parametrize(("K", "lam"), [(2, math.inf), (1000, math.inf), (1000, 5.0)])
def test_thousands_of_rounds_stay_normalised(K, lam):
    rng = np.random.default_rng(4)
    law = Law(rng.dirichlet(np.ones(300)), rng.uniform(-3, 0, 300))
    run = RetrainingLoop(law, K, lam).run(3000)
    assert np.abs(run.mass_defect).max() < 1e-13
    # Renormalised every round: nothing adds up beyond the rounding of one fresh deposit.
    assert run.laws[3000].probabilities.sum() == pytest.approx(1, abs=1e-13)
    assert run.laws[2999].probabilities.sum() == pytest.approx(1, abs=1e-13)


@pytest.mark.parametrize(
    ("probabilities", "rewards", "K", "lam"),
    [
        ([1 - 1e-15, 1e-15], [-0.499, 0.0], 20, math.inf),
        ([1 - 1e-8, 1e-8], [-0.999, 0.0], 10, math.inf),
        ([1 - 1e-60, 1e-60], [-1.499, 0.0], math.inf, 20.0),
        ([0.07, 0.93, 0.0], [0.0, 32.6, 33.1], 20, math.inf),
        ([0.07, 0.93, 0.0], [0.0, 32.6, 33.1], 20, 3.0),
    ],
)
def test_nearly_massless_atoms_above_the_others_do_no_harm(probabilities, rewards, K, lam):
    """The factor grows fastest where there is almost no mass; rounding there must not count."""
    law = Law(probabilities, rewards, normalise=True)
    run = RetrainingLoop(law, K, lam).run(60)
    top = law.rewards == law.top_reward
    for t, last in enumerate(run.laws):
        # AMPLIFICATION times a few roundings.
        assert last.probabilities.sum() == pytest.approx(1, abs=1e-13)
        assert run.top_mass[t] == pytest.approx(last.probabilities[top].sum(), abs=1e-13)
    if not math.isinf(K):
        expected = np.exp(plain_loop(law, K, lam, 60))
        assert np.abs(run.laws[60].probabilities - expected).sum() < 1e-12


@pytest.mark.parametrize("height", [40.0, 400.0, 900.0])
@pytest.mark.parametrize(("K", "lam"), [(math.inf, math.inf), (math.inf, 0.5), (10**18, 0.5)])
def test_massless_atoms_far_above_the_others_overflow_nothing(height, K, lam):
    """Their factor is e^height in every round; nobody has it."""
    law = Law([0.07, 0.93, 0.0], [0.0, 0.3, height])
    alone = Law([0.07, 0.93], [0.0, 0.3])
    last = RetrainingLoop(law, K, lam).run(60).laws[60].probabilities
    expected = RetrainingLoop(alone, K, lam).run(60).laws[60].probabilities
    assert last[:2] == pytest.approx(expected, rel=1e-12)
    assert last[2] == 0


def test_huge_rewards_overflow_to_infinity_and_keep_their_logarithm():
    run = RetrainingLoop(Law([0.5, 0.5], [800.0, 800.0]), 2).run(2)
    assert not np.isnan(run.weight_variance).any()
    assert run.expected_weight[0] == math.inf
    assert run.log_expected_weight == pytest.approx([800, 800, 800])


def test_auto_is_exact_only_while_denominators_stay_short():
    law = Law.from_weights([Fraction(1, 3), Fraction(2, 3)], [1, 2])
    assert RetrainingLoop(law, 2, HALF).run(3).is_exact
    assert not RetrainingLoop(law, 2, HALF).run(60).is_exact
    assert not RetrainingLoop(law, 2, 0.5).run(1).is_exact


def test_progress_is_reported_every_round():
    seen = []
    RetrainingLoop(Law([0.5, 0.5], [0.0, 1.0]), 2).run(4, progress=seen.append)
    assert seen == [1, 2, 3, 4]


LAW = Law([0.5, 0.5], [0.0, 1.0])


@pytest.mark.parametrize(
    ("arguments", "options", "sentence"),
    [
        ((LAW, 0), {}, "K = 0 is below 1"),
        ((LAW, 2, -0.1), {}, "lam = -0.1 is negative"),
        ((LAW, 2, math.nan), {}, "lam = nan is not a ratio"),
        ((LAW, 2, "1"), {}, "lam = '1' is not a ratio"),
        ((LAW, 2), {"initial": Law([1.0], [0.0])}, "initial law has 1 atoms, the reference 2"),
        ((LAW, 2), {"initial": Law([0.5, 0.5], [0.0, 2.0])}, "atom 1 has reward 2.0 under the ini"),
        ((LAW, 2, 10**400), {}, "lam is above 1e\\+300"),
        ((LAW, 2), {"initial": Law([0.5, 0.5], [0.0, 1.0], [3, 4])}, "other atom coordinates"),
        (
            (Law.from_weights([HALF, HALF], [10**30, 10**30 + 1]), 2),
            {"initial": Law.from_weights([HALF, HALF], [10**30, 10**30 + 2])},
            "other exact weights",
        ),
        ((LAW, 2), {"arithmetic": "exact"}, "exact arithmetic needs laws made by Law.from_weights"),
        ((LAW, 2), {"arithmetic": "float"}, "'float' is none of"),
    ],
)
def test_bad_loops_are_refused_in_one_sentence(arguments, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        RetrainingLoop(*arguments, **options)


def test_a_list_is_not_a_law():
    with pytest.raises(TypeError, match="the reference is of type list: give a Law"):
        RetrainingLoop([0.5, 0.5], 2)


@pytest.mark.parametrize("steps", [-1, 1.5, True, "3"])
def test_bad_numbers_of_rounds_are_refused(steps):
    with pytest.raises(ValueError, match="steps = "):
        RetrainingLoop(LAW, 2).run(steps)


@pytest.mark.parametrize("arithmetic", ["exact", "float64"])
def test_trajectories_travel_between_processes(arithmetic):
    law = Law.from_weights([HALF, HALF], [1, 3])
    run = RetrainingLoop(law, 2, HALF, arithmetic=arithmetic).run(3)
    copy = pickle.loads(pickle.dumps(run))
    assert [law.probabilities.tolist() for law in copy.laws] == [
        law.probabilities.tolist() for law in run.laws
    ]
    assert (copy.expected_weight == run.expected_weight).all()
