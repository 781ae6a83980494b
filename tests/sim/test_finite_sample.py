"""Bands, shifts and losses of the loop with finitely many samples, against runs of the loop itself.

The predictions use laws and integrals; the runs use :class:`sim.loop.Loop`, with samples alone. Two
atoms give a Markov chain that is solved exactly.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.stats import binom, binomtest, chi2, hypergeom

from sim import GaussianMixture, LineMixture
from sim.comparison import on_samples
from sim.curation import KChoice
from sim.finite_sample import SampledLoop, influence, merged
from sim.generators.exact import EmpiricalLaw
from sim.loop import Loop, LoopSettings
from sim.streams import Streams
from theory import Law, curate
from theory.rewards import ClippedDistance

RNG = np.random.default_rng


def random_law(seed, atoms=6, spread=1.0):
    rng = RNG(seed)
    return Law(rng.dirichlet(np.ones(atoms)), spread * rng.normal(size=atoms))


def two_atoms(share, gain):
    return Law([1 - share, share], [0.0, gain])


def curated_share(q, gain, K):
    """Share of the better of two atoms after K-choice, by adding up all groups."""
    better = np.arange(K + 1)
    kept = better * math.exp(gain) / (better * math.exp(gain) + K - better)
    return binom.pmf(better, K, np.asarray(q)[..., None]) @ kept


def exact_chain(loop, gain, steps):
    """The loop on two atoms as a Markov chain of counts of the better one, given that count among
    the real data: mean and variance of its share, and probability of none, at every round."""
    n, m, N = loop.kept, loop.real, loop.data
    start = np.arange(N + 1)
    prior = binom.pmf(start, N, float(loop.reference.probabilities[1]))
    # Without real data in later rounds, their count matters at the start alone.
    cases = [(0, prior)] if m == 0 else [(d, prior * (start == d)) for d in start]
    moments = np.zeros((steps + 1, 3))
    kernel = None
    for d, law in cases:
        shares = start / N
        chosen = hypergeom.pmf(np.arange(m + 1), N, d, m) if m else np.ones(1)
        mixing = np.array([np.convolve(row, chosen) for row in np.eye(n + 1)])
        for t in range(steps + 1):
            moments[t] += law @ shares, law @ shares**2, law[0]
            if t == steps:
                break
            if t == 1 and kernel is None:
                kernel = kept_law(shares, gain, loop)
            law = law @ (kept_law(shares, gain, loop) if t == 0 else kernel) @ mixing
            shares = np.arange(n + m + 1) / (n + m)
    mean, square, none = moments.T
    return np.column_stack([mean, square - mean**2, none])


def kept_law(shares, gain, loop):
    chances = np.clip(curated_share(shares, gain, loop.K), 0, 1)
    return binom.pmf(np.arange(loop.kept + 1), loop.kept, chances[:, None])


@pytest.mark.parametrize("K", [1, 2, 3, 8, 100])
@pytest.mark.parametrize("spread", [0.1, 1.0, 6.0])
def test_influence_is_the_derivative_of_the_curated_law(K, spread):
    law, f = random_law(K, spread=spread), RNG(9).normal(size=(3, 6))
    expected = np.empty((3, 6))
    size = 1e-4 / K
    for atom in range(6):
        direction = -law.probabilities
        direction[atom] += 1
        ends = [
            f
            @ curate(
                law.with_probabilities(law.probabilities + sign * size * direction), K
            ).probabilities
            for sign in (1, -1)
        ]
        expected[:, atom] = (ends[0] - ends[1]) / (2 * size)
    found = influence(law, K, f)
    # Central differences err by the third derivative, of order K^3, times size^2, and by rounding.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8 * K * np.abs(f).max())
    np.testing.assert_allclose(found @ law.probabilities, 0, atol=1e-13 * K * np.abs(f).max())


@pytest.mark.parametrize("lam", [math.inf, 1.0, 0.5])
@pytest.mark.parametrize("K", [2, 5])
def test_two_roads_to_the_variance_agree(lam, K):
    loop = SampledLoop(random_law(3), K, kept=300, data=900, lam=lam)
    f = RNG(1).normal(size=(4, 6))
    bands = loop.bands(f, 6, measured=0)
    # Rounding of 1e-13, on the scale of round 0, in variances that fall up to 1e7-fold.
    np.testing.assert_allclose(loop.shift(f, 6)[1], bands.std**2, rtol=1e-7)
    # Each source is there, and those of a pure loop are not.
    assert (bands.kept[1:] > 0).all()
    assert ((bands.real[1:] > 0) == (not math.isinf(lam))).all()
    assert (bands.data > 0).all()


def test_a_loop_without_selection_is_neutral_drift():
    """K = 1: the variance of a share is that of Wright and Fisher, and its mean does not move."""
    law = two_atoms(0.3, 0.0)
    loop = SampledLoop(law, 1, kept=50, data=200)
    shift, variance = loop.shift([[0.0, 1.0]], 4)
    first_order = 0.21 * (1 / 200 + np.arange(5) / 50)
    np.testing.assert_allclose(variance[:, 0], first_order, rtol=1e-10)
    np.testing.assert_allclose(shift, 0, atol=1e-15)
    exact = exact_chain(loop, 0.0, 4)
    np.testing.assert_allclose(exact[:, 0], 0.3, atol=1e-12)
    # The exact variance is 0.21 (1 - (1 - 1/N)(1 - 1/n)^t): smaller in second order.
    np.testing.assert_allclose(
        exact[:, 1], 0.21 * (1 - (1 - 1 / 200) * (1 - 1 / 50) ** np.arange(5)), rtol=1e-9
    )


@pytest.mark.parametrize(("K", "gain", "share"), [(2, 0.5, 0.3), (4, -1.0, 0.6), (3, 2.0, 0.05)])
@pytest.mark.parametrize("lam", [math.inf, 2.0])
def test_shift_and_variance_are_those_of_the_exact_chain_to_first_order(K, gain, share, lam):
    """Their errors, against the chain solved exactly, fall fourfold when all sizes double."""
    errors = []
    for n in (40, 80, 160):
        loop = SampledLoop(two_atoms(share, gain), K, kept=n, data=n, lam=lam)
        shift, variance = loop.shift([[0.0, 1.0]], 3)
        exact = exact_chain(loop, gain, 3)
        predicted = np.array([law.probabilities[1] for law in loop.laws(3)])
        moved = exact[3, 0] - predicted[3]
        errors.append([abs(moved - shift[3, 0]), abs(exact[3, 1] - variance[3, 0])])
    # The shift itself is of order 1/n, and the mean with it much nearer than without.
    assert errors[-1][0] < 0.2 * abs(moved)
    ratio = np.array(errors[-2]) / np.array(errors[-1])
    assert ((ratio > 3.0) & (ratio < 5.3)).all(), errors


@pytest.mark.parametrize("lam", [math.inf, 0.5])
def test_the_process_that_is_drawn_is_the_exact_chain(lam):
    """1500 runs: means at a false-alarm rate of 1e-4, variances within 5 standard errors."""
    gain, runs = 1.5, 1500
    loop = SampledLoop(two_atoms(0.3, gain), 3, kept=12, data=40, lam=lam)
    found = loop.simulate([[0.0, 1.0]], 3, runs, RNG(5))[:, :, 0]
    exact = exact_chain(loop, gain, 3)
    assert (np.abs(found.mean(axis=0) - exact[:, 0]) < 3.9 * np.sqrt(exact[:, 1] / runs)).all()
    error = ((found - exact[:, 0]) ** 2).std(axis=0) / math.sqrt(runs)
    assert (np.abs(found.var(axis=0) - exact[:, 1]) < 5 * error).all()


LINE = LineMixture(means=(-1.5, 1.5), stds=(0.6, 0.4), weights=(0.6, 0.4))
REWARD = ClippedDistance(1.0, (1.5,), 0.3)


def line_law(data=LINE, side=600):
    return Law.from_density(
        data.density, lambda x: REWARD(x[:, None]), data.grid(side), normalise=True
    )


def measured_runs(law, loop, seeds, steps):
    """Mean reward and share of the upper mode of the candidates of real runs, (seeds, steps+1, 2),
    with the program's own loop, generator and curator."""
    out = np.empty((seeds, steps + 1, 2))
    settings = LoopSettings(steps, loop.kept, loop.lam)
    reward = on_samples(REWARD)
    for seed in range(seeds):
        streams = Streams(seed)
        real = torch.as_tensor(LINE.sample(loop.data, streams("real data")))
        run = Loop(EmpiricalLaw, real, reward, KChoice(loop.K), settings, streams)
        for found in run.rounds():
            share = LINE.labels(found.candidates.numpy()).mean()
            out[seed, found.t] = float(found.rewards.mean()), share
    return out


@pytest.mark.parametrize(("lam", "data"), [(math.inf, 800), (1.0, 400), (0.5, 1200)])
def test_bands_cover_the_runs(lam, data):
    """300 seeds of the real loop, at every round and for both statistics.

    The number covered is binomial at 90 %; a two-sided test at 1e-4 for each of ten cells (seeds
    fixed). The spread itself, which coverage sees little of, is tested by chi-square at 1e-4.
    """
    law, seeds, steps = line_law(), 300, 4
    loop = SampledLoop(law, K=3, kept=400, data=data, lam=lam)
    statistics = np.array([law.rewards, LINE.labels(law.atoms)])
    bands = loop.bands(statistics, steps, level=0.9)
    runs = measured_runs(law, loop, seeds, steps)
    inside = ((runs >= bands.lower) & (runs <= bands.upper)).sum(axis=0)
    for count in inside.ravel():
        assert binomtest(int(count), seeds, 0.9).pvalue > 1e-4, inside
    # About the runs' own mean: the shift, of order 1/n, is not the spread.
    spread = ((runs - runs.mean(axis=0)) ** 2 / bands.std**2).sum(axis=0)
    assert (spread < chi2.isf(5e-5, seeds - 1)).all(), spread
    assert (spread > chi2.ppf(5e-5, seeds - 1)).all(), spread


@pytest.mark.parametrize(
    ("lam", "data", "left_out"),
    [(1.0, 400, "data"), (4.0, 4000, "real"), (math.inf, 800, "kept"), (0.5, 4000, "measured")],
)
def test_bands_without_one_of_their_sources_do_not_cover(lam, data, left_out):
    """The coverage test can fail, for each source where it is a third of the variance or more."""
    law, seeds, t = line_law(), 300, 3
    loop = SampledLoop(law, K=3, kept=400, data=data, lam=lam)
    bands = loop.bands([law.rewards, LINE.labels(law.atoms)], t, level=0.9)
    away = np.abs(measured_runs(law, loop, seeds, t)[:, t] - bands.mean[t])
    without = np.sqrt(bands.std**2 - getattr(bands, left_out))[t]
    inside = (away < (bands.upper - bands.mean)[t] / bands.std[t] * without).sum(axis=0)
    assert min(binomtest(int(count), seeds, 0.9).pvalue for count in inside) < 1e-4


def test_measurement_is_part_of_the_band():
    law = line_law()
    loop = SampledLoop(law, K=2, kept=100, data=1000)
    f = np.array([LINE.labels(law.atoms)])
    share = loop.laws(2)[2].probabilities @ f[0]
    for m in (10, 200):
        found = loop.bands(f, 2, measured=m).measured[2, 0]
        assert found == pytest.approx(share * (1 - share) / m, rel=1e-9)
    assert loop.bands(f, 2).measured[2, 0] == pytest.approx(share * (1 - share) / 200, rel=1e-9)


@pytest.mark.parametrize("gain", [0.0, -1.0, 1.0])
def test_loss_of_a_rare_atom_is_that_of_the_exact_chain(gain):
    loop = SampledLoop(two_atoms(0.004, gain), 3, kept=600, data=900)
    found = loop.loss(np.array([False, True]), 5)
    exact = exact_chain(loop, gain, 5)[:, 2]
    # The chain is binomial where the prediction is Poisson, and a rare atom that spreads competes
    # with itself: a few per cent of either probability.
    np.testing.assert_allclose(found, exact, atol=0.02)
    assert found[0] == pytest.approx(0.996**900, rel=1e-9)
    assert (np.diff(found) > 0).all()


@pytest.mark.parametrize(("lam", "data"), [(math.inf, 500), (2.0, 500), (1.0, 250)])
def test_loss_of_a_rare_mode_is_that_of_the_process(lam, data):
    """800 simulated runs of a mode with atoms of several rewards: the share that lost it.

    A binomial test at 1e-4 for each round; what the prediction leaves out, of order of the mode's
    share, is allowed for by moving the tested probability by 0.01 towards the observed one.
    """
    reference = Law([0.003, 0.002, 0.003, 0.492, 0.5], [-1.5, -0.5, -2.5, 0.0, 0.3])
    rare = np.array([True, True, True, False, False])
    loop = SampledLoop(reference, 3, kept=250, data=data, lam=lam)
    runs, steps = 800, 4
    found = loop.simulate(rare[None].astype(float), steps, runs, RNG(7))[:, :, 0] == 0
    predicted = loop.loss(rare, steps)
    for t in range(steps + 1):
        lost = found[:, t].mean()
        nearest = np.clip(lost, predicted[t] - 0.01, predicted[t] + 0.01).clip(0, 1)
        assert binomtest(int(found[:, t].sum()), runs, nearest).pvalue > 1e-4, (t, lost, predicted)
    if data == 250:
        # All real data join every round: the mode is lost only where they lack it.
        np.testing.assert_allclose(predicted, 0.992**250, rtol=1e-9)
    else:
        assert predicted[steps] > predicted[0] + 0.05


def test_the_whole_law_and_no_group_are_not_lost_and_always_lost():
    loop = SampledLoop(random_law(0), 2, kept=50, data=80)
    assert loop.loss(np.ones(6, dtype=bool), 2)[0] == 0
    assert loop.loss(np.zeros(6, dtype=bool), 2).tolist() == [1, 1, 1]


@pytest.mark.parametrize("K", [2, 3, 7])
@pytest.mark.parametrize("span", [2.0, 500.0])
def test_influence_is_the_sum_over_all_groups_of_candidates(K, span):
    """Of three atoms, to the stated error; weights down to e^-500."""
    law, f = Law([0.5, 0.2, 0.3], [0.0, span, 0.3 * span]), RNG(2).normal(size=(2, 3))
    weights = np.exp(law.rewards - span)
    given = np.zeros((2, 3))
    for rivals in itertools.product(range(3), repeat=K - 1):
        chance = math.prod(law.probabilities[list(rivals)])
        for atom in range(3):
            group = [atom, *rivals]
            given[:, atom] += chance * (f[:, group] @ weights[group]) / weights[group].sum()
    expected = K * (given - (given @ law.probabilities)[:, None])
    np.testing.assert_allclose(
        influence(law, K, f), expected, rtol=0, atol=1e-13 * K * np.abs(f).max()
    )


def test_merged_laws_have_the_same_loop():
    data = GaussianMixture()
    reward = ClippedDistance(1.0, (5.0, 0.0), 1.0)
    law = Law.from_density(data.density, reward, data.grid(100), normalise=True)
    labels = data.labels(law.atoms)
    small, owner = merged(law, labels, levels=150)
    assert len(small) < 1300
    f = (np.arange(8)[:, None] == labels).astype(float)
    g = (np.arange(8)[:, None] == owner).astype(float)
    whole, part = (SampledLoop(one, 2, kept=1000, data=2000, lam=1.0) for one in (law, small))
    one, other = whole.bands(f, 5), part.bands(g, 5)
    np.testing.assert_allclose(other.mean, one.mean, atol=1e-4)
    np.testing.assert_allclose(other.std, one.std, rtol=1e-3)
    assert (small.probabilities @ small.rewards) == pytest.approx(law.probabilities @ law.rewards)


def test_bad_input_is_refused():
    law = two_atoms(0.5, 1.0)
    for settings, sentence in [
        ({"K": 0}, "K = 0"),
        ({"kept": 2.5}, "kept = 2.5"),
        ({"data": 1}, "data = 1"),
        ({"lam": 0.0}, "lam = 0.0"),
        ({"lam": 0.1}, "takes 100 real data per round out of 50"),
        ({"reference": Law([0.5, 0.5], [0, -math.inf])}, "reward -inf"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            SampledLoop(**{"reference": law, "K": 2, "kept": 10, "data": 50, **settings})
    loop = SampledLoop(law, 2, kept=10, data=50)
    with pytest.raises(ValueError, match="one row for each statistic"):
        loop.bands([1.0, 0.0], 2)
    with pytest.raises(ValueError, match="level = 1"):
        loop.bands([[1.0, 0.0]], 2, level=1)
    with pytest.raises(ValueError, match="measured = -1"):
        loop.bands([[1.0, 0.0]], 2, measured=-1)
    with pytest.raises(ValueError, match="one boolean"):
        loop.loss([1, 0], 2)
    with pytest.raises(ValueError, match="merge atoms"):
        SampledLoop(line_law(side=2001), 2, kept=10, data=50).shift(np.zeros((1, 2001)), 1)
    with pytest.raises(ValueError, match="labels have shape"):
        merged(law, [0])
    with pytest.raises(ValueError, match="reward -inf"):
        merged(Law([0.5, 0.5], [0, -math.inf]), [0, 1])
    for arguments, sentence in [((-1, 3), "steps = -1"), ((2, 1.5), r"runs = 1\.5")]:
        with pytest.raises(ValueError, match=sentence):
            loop.simulate([[1.0, 0.0]], *arguments, RNG(0))
    wide = Law([0.5, 0.5], [0.0, 700.0])
    for call in (lambda: SampledLoop(wide, 2, 10, 50), lambda: influence(wide, 2, [[0, 1]])):
        with pytest.raises(ValueError, match="spread over 700 nats, more than 600"):
            call()
    with pytest.raises(ValueError, match="levels = 0"):
        merged(law, [0, 1], levels=0)
