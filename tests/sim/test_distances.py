"""Distances from samples to a grid law: closed forms, null laws, and laws that differ."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import i0e, i1e
from scipy.stats import binomtest, kstest, norm
from scipy.stats import chi2 as chi2_law

from sim import GaussianMixture, LineMixture, TwoMoons
from sim.distances import Ruler
from theory import Law

RNG = np.random.default_rng


def ruler(data, side, **settings):
    law = Law.from_density(
        data.density, lambda points: np.zeros(len(points)), data.grid(side), normalise=True
    )
    return Ruler(law, **settings)


LINE = ruler(LineMixture(means=(0.0,), stds=(1.0,), weights=(1.0,)), 1500)
PLANE = ruler(GaussianMixture(modes=1, radius=0.0, std=1.0), 200)
MOONS = ruler(TwoMoons(), 200)


def _normals(n, d, seed, shift=0.0):
    return RNG(seed).normal(size=(n, d)) + np.array([shift] + [0.0] * (d - 1))


def _mean_distance(shift, d):
    """E|Z| for Z normal in d = 1 or 2 coordinates, mean (shift, ...), variance 2 each."""
    if d == 1:
        return 2 / math.sqrt(math.pi) * math.exp(-(shift**2) / 4) + shift * (
            1 - 2 * norm.cdf(-shift / math.sqrt(2))
        )
    # Rice's law: the Laguerre function of order 1/2.
    x = shift**2 / 8
    return math.sqrt(math.pi) * ((1 + 2 * x) * i0e(x) + 2 * x * i1e(x))


@pytest.mark.parametrize(("rule", "d"), [(LINE, 1), (PLANE, 2)])
@pytest.mark.parametrize("shift", [0.0, 0.3, 2.0, 30.0])
def test_energy_of_a_moved_normal_law_is_the_closed_form(rule, d, shift):
    expected = 2 * _mean_distance(shift, d) - 2 * _mean_distance(0.0, d)
    found = np.array([rule.energy(_normals(2000, d, seed, shift)) for seed in range(20)])
    error = found.std(ddof=1) / math.sqrt(20)
    # At 30 all samples lie off the grid, where blocks of size 1/2 stand for the law.
    beyond = 2e-4 * 30 if shift == 30 else 0.0
    assert abs(found.mean() - expected) < 4 * error + 1e-4 + beyond


@pytest.mark.parametrize(("rule", "d"), [(LINE, 1), (PLANE, 2)])
def test_sliced_distance_of_a_moved_normal_law_is_the_mean_projected_move(rule, d):
    # W_1 between normal laws of equal variance is the distance of their means; its mean over
    # directions in the plane is 2 / pi of the move.
    expected = 0.8 * (1.0 if d == 1 else 2 / math.pi)
    found = np.mean([rule.sliced(_normals(4000, d, seed, 0.8)) for seed in range(10)])
    assert found == pytest.approx(expected, abs=4 / math.sqrt(40_000) + 0.002 * expected)


def test_sliced_distance_on_the_line_is_the_quantile_distance():
    """Against the integral of |F - G| from SciPy's distribution function, sample by sample."""
    x = np.sort(_normals(50, 1, 3, 0.4)[:, 0])
    grid = np.linspace(-7, 7, 200_001)
    gap = np.abs(np.searchsorted(x, grid, side="right") / 50 - norm.cdf(grid))
    assert LINE.sliced(x) == pytest.approx(gap.sum() * (grid[1] - grid[0]), abs=2e-3)


@pytest.mark.parametrize("d", [1, 2])
def test_cells_are_spread_evenly_in_projections(d):
    """The uniform law on ten cells an axis, against an even lattice of points: no distance but
    that of the lattice and of the intervals of integration, 1/300 and 1/3000 of a side."""
    axes = ((np.arange(10) + 0.5) / 10,) * d
    law = Law.from_density(np.ones(10**d), np.zeros(10**d), axes)
    line = (np.arange(300) + 0.5) / 300
    lattice = np.stack(np.meshgrid(*(line,) * d, indexing="ij"), axis=-1).reshape(-1, d)
    # Cells as points would be 1/40 away, boxes of twice the width about 1/200.
    assert Ruler(law, blocks=5).sliced(lattice) < 1.5e-3


def test_divergence_of_a_moved_normal_law_is_that_of_its_cells():
    shift, n = 0.5, 20_000
    rule = ruler(LineMixture(means=(0.0,), stds=(1.0,), weights=(1.0,)), 1200, blocks=24)
    # Blocks of width 1/2 from -6 to 6; those at the ends that expect fewer than 5 are made one.
    edges = np.linspace(-6, 6, 25)
    p, q = (np.diff(norm.cdf(edges, loc=loc)) for loc in (0.0, shift))
    small = p < 5 / n
    assert 5 < n * p[small].sum() < 5 + n * p[~small].min()
    p, q = (np.append(m[~small], m[small].sum()) for m in (p, q))
    expected = (q * np.log(q / p)).sum()
    found = [rule.divergence(_normals(n, 1, seed, shift)) for seed in range(30)]
    corrected = np.array([one.corrected for one in found])
    error = corrected.std(ddof=1) / math.sqrt(30)
    assert found[0].cells == len(p)
    assert abs(corrected.mean() - expected) < 4 * error
    # The correction is what it says, and matters: without it the mean is off by more.
    # No cell is empty, where each expects five and more of the law in the middle of both.
    assert found[0].plain - found[0].corrected == pytest.approx((len(p) - 1) / (2 * n), rel=1e-9)


@pytest.mark.parametrize(
    ("rule", "data"),
    [(MOONS, TwoMoons()), (ruler(GaussianMixture(), 200), GaussianMixture())],
    ids=["moons", "mixture"],
)
def test_samples_of_the_law_have_the_null_laws(rule, data):
    """False-alarm rate 1e-4 for each of three (seeds fixed)."""
    m, runs = 2000, 60
    samples = [data.sample(m, RNG([5, run])) for run in range(runs)]
    divergences = [rule.divergence(x) for x in samples]
    scores = [2 * m * found.plain for found in divergences]
    # Cells expect 5 or more: the chi-square law is right to a few per cent in its mean.
    df = divergences[0].cells - 1
    assert kstest(scores, chi2_law(1.03 * df).cdf).pvalue > 1e-4
    energies = np.array([rule.energy(x) for x in samples])
    assert abs(energies.mean()) < 4 * energies.std() / math.sqrt(runs)
    assert binomtest(int((energies < 0).sum()), runs, 0.5).pvalue > 1e-6
    assert energies.min() < 0 < energies.max()


def test_points_off_the_grid_count():
    inside = _normals(1000, 2, 1)
    away = np.vstack([inside[:900], np.full((100, 2), 50.0)])
    coarse = ruler(GaussianMixture(modes=1, radius=0.0, std=1.0), 200, blocks=8)
    # The cell that takes them expects some tens of 1000.
    assert coarse.divergence(away).plain > coarse.divergence(inside).plain + 0.05
    assert coarse.divergence(np.full((1000, 2), 50.0)).plain < math.log(1000 / 5)
    assert PLANE.energy(away) == pytest.approx(
        # Only 100 points are far: 2 E|X-Y| - E|X-X'| at distance D gives 2 (0.1)^2 D.
        2 * 0.1**2 * 50 * math.sqrt(2),
        rel=0.1,
    )
    assert PLANE.sliced(away) > 3


def test_what_lies_off_the_grid_is_in_the_cell_of_the_least_mass():
    axis = np.arange(5) + 0.5
    law = Law.from_density([0.1, 0.2, 0.2, 0.2, 0.3], np.zeros(5), (axis,))
    for away in (-3.0, 9.0):
        found = Ruler(law, blocks=5).divergence(np.full(1000, away))
        assert found.plain == pytest.approx(math.log(1 / 0.1), rel=1e-12)
        assert found.corrected == found.plain


@pytest.mark.parametrize("d", [1, 2])
def test_the_error_of_the_grid_is_what_is_stated(d):
    """The mean distance of two draws of a normal law, which is in closed form."""
    data = {1: LineMixture((0.0,), (1.0,), (1.0,)), 2: GaussianMixture(1, 0.0, 1.0)}[d]
    exact = {1: 2 / math.sqrt(math.pi), 2: math.sqrt(math.pi)}[d]
    # Cells as points would be 2.6e-4 short on the line.
    assert abs(ruler(data, 200)._within - exact) < 1e-4


@pytest.mark.parametrize("name", ["energy", "sliced"])
def test_distances_have_the_unit_of_length(name):
    small, large = (
        getattr(ruler(GaussianMixture(radius=5.0 * unit, std=0.5 * unit), 100), name)(
            unit * GaussianMixture().sample(500, RNG(2))
        )
        for unit in (1.0, 7.0)
    )
    assert large == pytest.approx(7 * small, rel=1e-6)


def test_the_rulers_of_equal_blocks_keep_all_mass():
    # 200 cells are not a multiple of 24 blocks.
    assert PLANE.divergence(_normals(500, 2, 1)).cells > 3
    counts = ruler(LineMixture(), 101, blocks=7).divergence(LineMixture().sample(50_000, RNG(1)))
    assert abs(counts.corrected) < 6 * math.sqrt(7 / 2) / 50_000
    assert counts.cells == 7


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="no grid"):
        Ruler(Law([1.0], [0.0]))
    with pytest.raises(ValueError, match="not evenly spaced"):
        Ruler(Law.from_density([1.0, 1, 1], [0, 0, 0], ([0.0, 1, 3],), normalise=True))
    with pytest.raises(ValueError, match="300 blocks do not fit"):
        ruler(LineMixture(), 200, blocks=300)
    for samples in (np.zeros((0, 2)), np.zeros((5, 3)), np.zeros(4)):
        with pytest.raises(ValueError, match="samples have shape"):
            PLANE.divergence(samples)
    # They would be counted in the last cell, as if they had been there.
    for number in (math.nan, math.inf):
        samples = _normals(9, 2, 1)
        samples[3, 1] = number
        for measure in (PLANE.divergence, PLANE.energy, PLANE.sliced):
            with pytest.raises(ValueError, match="not finite"):
                measure(samples)
    with pytest.raises(ValueError, match="two or more"):
        PLANE.energy(np.zeros((1, 2)))
