"""The emptied moon by other routes: tournaments of samples, choices counted one by one."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
from scipy.spatial import cKDTree

from paper_figures import emptied_moon, trained_iterates
from paper_figures.emptied_moon import Parameters
from sim import TwoMoons
from theory import Law
from theory.rewards import ClippedDistance

SAMPLES = 200_000


@pytest.fixture(scope="module")
def results(computed):
    return computed("emptied_moon")


@pytest.fixture(scope="module")
def experiments():
    return emptied_moon.experiments(Parameters())


def rewards(results, points):
    centre, radius = results["centre"], float(results["radius"])
    distance = np.hypot(*(points - centre).T)
    return -float(results["gamma"]) * np.maximum(0, distance - radius)


def above(points):
    """Nearer to the upper half circle than to the lower one, by points along both."""
    angle = np.linspace(0, math.pi, 4000)
    upper = np.column_stack([np.cos(angle), np.sin(angle)])
    lower = np.column_stack([1 - np.cos(angle), 0.5 - np.sin(angle)])
    nearest = [cKDTree(moon).query(points)[0] for moon in (upper, lower)]
    return nearest[0] < nearest[1]


def tournament(results, n, t, real, rng):
    """n draws of the law of round t: one of two of the round before, or a real one."""
    if t == 0:
        return TwoMoons().sample(n, rng)
    one, other = (tournament(results, n, t - 1, real, rng) for _ in "12")
    gap = rewards(results, one) - rewards(results, other)
    kept = np.where((rng.random(n) < 1 / (1 + np.exp(-gap)))[:, None], one, other)
    return np.where((rng.random(n) < real)[:, None], TwoMoons().sample(n, rng), kept)


@pytest.mark.parametrize(("loop", "real"), [("pure", 0.0), ("mixed", 0.5)])
def test_shares_are_those_of_tournaments(results, loop, real):
    """Independent draws of every round, without a density, a grid or an integral."""
    rng = np.random.default_rng(3)
    for t, share in enumerate(results[f"{loop}_share"]):
        found = above(tournament(results, SAMPLES, t, real, rng)).mean()
        # Five standard errors, and the cells of 0.02 that the border between the moons cuts.
        assert found == pytest.approx(share, abs=5 * math.sqrt(0.25 / SAMPLES) + 5e-4)


def test_the_reward_leaves_the_upper_moon_off_its_plateau(results):
    x, y = np.meshgrid(results["x"], results["y"], indexing="ij")
    points = np.column_stack([x.ravel(), y.ravel()])
    np.testing.assert_allclose(results["reward"].ravel(), rewards(results, points), atol=1e-12)
    plateau = results["reward"].ravel() == 0
    assert plateau.any()
    assert not above(points[plateau]).any()
    area = np.diff(results["x"])[0] * np.diff(results["y"])[0]
    assert results["start"].ravel()[plateau].sum() * area > 0.05
    limit = results["pure_limit"].ravel()
    assert (limit[~plateau] == 0).all()
    assert limit.sum() * area == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize("loop", ["pure", "mixed"])
def test_the_share_stays_between_its_bounds(results, loop):
    share, least = results[f"{loop}_share"], results[f"{loop}_least"]
    assert (share >= least * (1 - 1e-9)).all()
    assert (np.diff(share) < 0).all()
    if loop == "pure":
        np.testing.assert_allclose(least, share[0] ** (2.0 ** np.arange(len(share))), rtol=1e-6)
        assert (share <= results["pure_most"]).all()
        # It begins with all that weighs no more than the moon's best point.
        x, y = np.meshgrid(results["x"], results["y"], indexing="ij")
        moon = above(np.column_stack([x.ravel(), y.ravel()])).reshape(x.shape)
        light = results["reward"] <= results["reward"][moon].max()
        most = results["start"][light].sum() * np.diff(results["x"])[0] * np.diff(results["y"])[0]
        bounds = np.cumprod(np.append(1, results["factor_bound"][: len(share) - 1]))
        np.testing.assert_allclose(results["pure_most"], most * bounds, rtol=1e-9)
    else:
        # One half of the data stays real: half of the share, and more by the envelope.
        assert results["mixed_floor"] == pytest.approx(share[0] / 2, rel=1e-12)
        assert (least[1:] > results["mixed_floor"]).all()


def test_a_choice_thins_the_moon_of_the_runs_by_what_is_kept_of_it(results):
    """In the first round the flow's moon is the data's, and so is what the choice leaves of it."""
    thinned = results["pure_thinned"]
    assert thinned.shape == results["pure_runs"][:, 1:].shape
    # Shares of 300 kept and of 600 candidates, each half: a standard error of a tenth.
    np.testing.assert_allclose(thinned[:, 0], results["factor"][0], rtol=0.35)
    assert (thinned[np.isfinite(thinned)] < 1).all()


def test_a_moon_of_which_few_are_kept_is_not_measured(tmp_path):
    (tmp_path / "samples").mkdir()
    experiment = emptied_moon.experiments(Parameters())["pure 0"]
    other, own = [0.0, 1.0], list(experiment.centre)
    offered = np.array([other] * 40 + [own] * 60)
    for t, few in enumerate((emptied_moon.LEAST_SEEN - 1, emptied_moon.LEAST_SEEN)):
        kept = np.array([other] * few + [own] * (50 - few))
        np.savez(tmp_path / "samples" / f"{t:03d}.npz", candidates=offered, kept=kept)
    assert math.isnan(emptied_moon._thinned(experiment, tmp_path, 0))
    assert emptied_moon._thinned(experiment, tmp_path, 1) == pytest.approx(0.2 / 0.4)


def test_the_mixed_limit_keeps_more_than_the_least(results):
    """At lam = 1 and K = 2 the envelope's limit is the square root of the real mass."""
    x, y = np.meshgrid(results["x"], results["y"], indexing="ij")
    moon = above(np.column_stack([x.ravel(), y.ravel()]))
    area = np.diff(results["x"])[0] * np.diff(results["y"])[0]
    kept = results["mixed_limit"].ravel()[moon].sum() * area
    real = results["start"].ravel()[moon].sum() * area
    assert results["mixed_lam"] == 1
    assert 1 - math.sqrt(1 - real) < kept < results["mixed_share"][-1]


def test_the_moon_goes_at_the_rate_of_its_best_point(results):
    x, y = np.meshgrid(results["x"], results["y"], indexing="ij")
    points = np.column_stack([x.ravel(), y.ravel()])
    best = math.exp(rewards(results, points)[above(points)].max())
    rate = float(results["rate"])
    # Points along the half circles place the border to within a cell of 0.02: slope 10, two cells.
    assert math.log(rate * (1 / (2 - rate))) == pytest.approx(math.log(best), abs=0.4)
    factor, bound = results["factor"], results["factor_bound"]
    assert (factor <= bound).all()
    assert (np.diff(bound) < 0).all()
    assert bound[-1] > rate
    # From below, and after forty rounds as near as the figure shows.
    assert (np.diff(factor)[10:] > 0).all()
    assert 0.95 * rate < factor[-1] < rate
    np.testing.assert_allclose(
        factor[: len(results["pure_share"]) - 1],
        results["pure_share"][1:] / results["pure_share"][:-1],
        rtol=1e-9,
    )


def chosen_mass(p, w, D, K):
    """Mass that curation gives a set, by all groups of K candidates."""
    return sum(
        math.prod(p[i] for i in group) * sum(w[i] for i in group if D[i]) / sum(w[i] for i in group)
        for group in itertools.product(range(len(p)), repeat=K)
    )


@pytest.mark.parametrize("K", [2, 3, 4])
@pytest.mark.parametrize("seed", range(8))
def test_no_round_exceeds_its_bound_with_weights_between_the_levels(K, seed):
    """Random laws of five atoms: the top, one or two in between, and the rest."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(5, 0.7))
    r = np.sort(rng.uniform(-3, 0, 5))
    D = np.arange(5) < rng.integers(2, 4)
    found = emptied_moon._decay(Law(p, r, normalise=True), D, K, 1)
    ratio = chosen_mass(p, np.exp(r), D, K) / p[D].sum()
    assert found["factor"][0] == pytest.approx(ratio, rel=1e-10)
    assert ratio <= found["factor_bound"][0] * (1 + 1e-12)


@pytest.mark.parametrize("K", [2, 3, 5])
def test_two_levels_attain_the_bound(K):
    found = emptied_moon._decay(Law([0.7, 0.3], [-1.2, 0.0]), np.array([True, False]), K, 60)
    np.testing.assert_allclose(found["factor"], found["factor_bound"], rtol=1e-9)
    assert found["factor"][-1] == pytest.approx(found["rate"], rel=1e-6)


def test_a_plateau_on_the_moon_is_refused():
    data = TwoMoons()
    law = Law.from_density(
        data.density, ClippedDistance(10.0, (1.866, 0.0), 1.2), data.grid(60), normalise=True
    )
    with pytest.raises(ValueError, match="smaller radius"):
        emptied_moon._decay(law, data.labels(law.atoms) == 0, 2, 1)


def test_runs_are_measured_on_the_samples_that_are_shown(results):
    for loop in ("pure", "mixed"):
        for t, points in zip(results["shown"], results[f"{loop}_samples"], strict=True):
            # Samples are saved in single precision: one may change sides.
            share = results[f"{loop}_runs"][0, t]
            assert above(points).mean() == pytest.approx(share, abs=1.5 / len(points))


def test_the_runs_have_the_papers_sizes_and_another_centre(experiments):
    assert len(experiments) == 8
    for name, experiment in experiments.items():
        assert (experiment.K, experiment.kept, experiment.data.noise) == (2, 5000, 0.1)
        assert (experiment.lam == 1) == name.startswith("mixed")
        # On the lower half circle, where the other figures of two moons have the upper one.
        x, y = experiment.centre
        assert math.hypot(x - 1, y - 0.5) == pytest.approx(1)
        assert y <= 0.5


@pytest.mark.parametrize("loop", ["pure", "mixed"])
def test_simulated_bands_are_those_of_the_delta_method(results, experiments, loop, reduced):
    """While the moon is far from gone both describe the same loop; they share no code but the
    curation factor."""
    runs = reduced["emptied_moon"]["runs"]
    experiment = trained_iterates.experiments(runs)[f"{loop} 0"]
    setting = experiment.setting()
    bands = setting.sampled().bands(setting.statistics(setting.law())[[1]], experiment.iterations)
    width = (bands.upper - bands.lower)[:, 0]
    middle = (results[f"{loop}_low"] + results[f"{loop}_high"]) / 2
    # The quantiles of 200 loops err by some 15 % of the half width.
    np.testing.assert_allclose(results[f"{loop}_high"] - results[f"{loop}_low"], width, rtol=0.3)
    assert (np.abs(middle - results[f"{loop}_share"]) < 0.15 * width).all()


def test_experiments_follow_the_parameters():
    few = dataclasses.replace(Parameters().runs, seeds=(5,))
    assert list(emptied_moon.experiments(Parameters(runs=few))) == ["pure 5", "mixed 5"]
