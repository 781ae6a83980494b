"""Figures of trained generators at reduced size: what they say of the runs beneath them."""

from __future__ import annotations

import numpy as np
import pytest

from paper_figures import exact_and_trained, trained_iterates
from sim import GaussianMixture
from sim.comparison import EMPIRICAL, EXACT
from sim.presets import EXPERIMENTS
from theory import Law, RetrainingLoop
from theory.rewards import ClippedDistance


@pytest.mark.parametrize("name", ["mixture", "moons"])
def test_the_runs_are_the_papers(name):
    """arXiv:2407.09499: sizes, pairwise comparisons, couplings and steps."""
    wanted = trained_iterates.experiments(trained_iterates.Parameters(name))
    assert len(wanted) == 8
    for key, experiment in wanted.items():
        assert (experiment.K, experiment.kept) == (2, 5000)
        assert experiment.iterations == {"mixture": 8, "moons": 5}[name]
        assert (experiment.lam == 1) == key.startswith("mixed")
        model = experiment.model
        assert (model.coupling, model.method, model.ode_steps) == ("torchcfm", "euler", 250)
        assert experiment.saved == 10_000


@pytest.mark.parametrize("name", ["trained_mixture", "trained_moons"])
def test_iterates_show_what_the_runs_measured(computed, name):
    results = computed(name)
    data = EXPERIMENTS[f"{name.removeprefix('trained_')}-pure"].paper
    reward, best = data.reward(), data.data.labels(np.array([data.centre]))[0]
    for ratio in ("pure", "mixed"):
        samples, measured = results[f"{ratio}_samples"], results[f"{ratio}_measured"]
        assert samples.shape == (2, 600, 2)
        assert measured.shape == (2, 3, 2)
        # The maps are the candidates that the first run's numbers are about; saved in float32.
        for place, t in enumerate(results["shown"]):
            points = samples[place]
            assert reward(points).mean() == pytest.approx(measured[0, t, 0], rel=1e-5)
            share = (data.data.labels(points) == best).mean()
            assert share == pytest.approx(measured[0, t, 1], abs=2 / len(points))
        mean = results[f"{ratio}_mean"]
        assert (results[f"{ratio}_lower"] < mean).all()
        assert (mean < results[f"{ratio}_upper"]).all()
    # The same first model, then real data hold the loop back.
    np.testing.assert_array_equal(results["pure_measured"][:, 0], results["mixed_measured"][:, 0])
    assert (results["mixed_mean"][1:] < results["pure_mean"][1:]).all()


def test_the_exact_curve_is_the_exact_loop(computed):
    """From a density of another grid, without the code of the comparison."""
    results = computed("trained_mixture")
    law = Law.from_density(
        GaussianMixture().density,
        ClippedDistance(2.0, (5.0, 0.0), 0.5),
        GaussianMixture().grid(150),
        normalise=True,
    )
    expected = RetrainingLoop(law, 2).run(2).expected_reward
    # The grids differ by up to a cell of 0.1 on the reward's edge: slope 2 times a few per cent.
    np.testing.assert_allclose(results["pure_mean"][:, 0], expected, rtol=2e-3)


def grid_law():
    data = GaussianMixture(modes=3, radius=2.0, std=0.4)
    return data, Law.from_density(
        data.density, ClippedDistance(1.0, (2.0, 0.0), 0.5), data.grid(120), normalise=True
    )


def test_draws_of_the_exact_law_fill_its_regions_by_their_mass():
    data, law = grid_law()
    u = np.linspace(0.05, 0.95, 19)
    covered = exact_and_trained.mass_above(law)
    points = data.sample(20_000, np.random.default_rng(5))
    gap = exact_and_trained.inside(law, covered, points, u) - u
    # Five standard errors of a share: one test of nineteen shares fails at 1e-5. A cell has at most
    # 0.0015 of the mass, by which a region is coarse.
    assert law.probabilities.max() < 1.5e-3
    assert (np.abs(gap) < 5 * np.sqrt(u * (1 - u) / 20_000) + 1.5e-3).all()
    # Planted: draws 5 % too wide are seen.
    centre = data.means[data.labels(points)]
    wide = exact_and_trained.inside(law, covered, centre + 1.05 * (points - centre), u) - u
    assert (np.abs(wide) > 5 * np.sqrt(u * (1 - u) / 20_000) + 1.5e-3).any()


def test_points_off_the_grid_are_in_no_region():
    _, law = grid_law()
    covered = exact_and_trained.mass_above(law)
    far = np.array([[1e3, 0.0], [0.0, -1e3]])
    assert (exact_and_trained.inside(law, covered, far, np.array([0.5, 1.0])) == 0).all()


def test_levels_bound_regions_of_their_mass(computed):
    results = computed("exact_and_trained")
    for case in "01":
        density = results[f"{case}_density"]
        area = np.diff(results[f"{case}_x"])[0] * np.diff(results[f"{case}_y"])[0]
        for mass, level in zip(results["regions"], results[f"{case}_levels"], strict=True):
            held = density[density >= level].sum() * area
            # Cells of one density, by symmetry eight of them, go in or out together.
            assert abs(held - mass) < 8 * density.max() * area
        # A marginal density, beside a histogram that need not hold all samples.
        assert results[f"{case}_marginal"].sum() * np.diff(results[f"{case}_x"])[0] == (
            pytest.approx(1, abs=1e-6)
        )
        widths = np.diff(results[f"{case}_edges"])
        assert (results[f"{case}_histograms"] @ widths <= 1 + 1e-12).all()


@pytest.mark.parametrize("ratio", ["pure", "mixed"])
def test_generators_without_training_error_are_nearest(computed, ratio):
    results = computed("gap_by_generator")
    names = list(results["labels"])
    gaps = results[f"{ratio}_divergence"].mean(axis=1)
    exact, empirical, gaussian, kernel = (
        gaps[names.index(name)] for name in (EXACT, EMPIRICAL, "one Gaussian", "kernel")
    )
    # Corrected for its bias, the divergence of exact draws is 0 but for noise, of which cells of a
    # chi-square with some 60 degrees of freedom make sqrt(2 * 60) / (2 m), m = 2000, over 3 seeds.
    assert (np.abs(exact) < 5 * np.sqrt(120) / 4000 / np.sqrt(3)).all()
    assert (exact < empirical).all()
    assert (empirical < kernel).all()
    assert (kernel < gaussian).all()
