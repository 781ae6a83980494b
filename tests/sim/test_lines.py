"""Laws on the line: samples, densities, medians and grids describe one and the same law."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import beta, expon, gamma, kstest, norm

from sim import Beta, Gamma, LineMixture
from theory import Law

PAIR = LineMixture(means=(-1.0, 2.0), stds=(0.3, 0.8), weights=(0.25, 0.75))
# Each with its distribution function from SciPy, which sim.lines takes nothing from.
LINES = [
    (LineMixture(), lambda x: 0.5 * (norm.cdf(x, -2, 0.5) + norm.cdf(x, 2, 0.5))),
    (PAIR, lambda x: 0.25 * norm.cdf(x, -1, 0.3) + 0.75 * norm.cdf(x, 2, 0.8)),
    (Beta(), beta(1, 1).cdf),
    (Beta(1.0, 2.0), beta(1, 2).cdf),
    (Beta(3.0, 1.5), beta(3, 1.5).cdf),
    (Gamma(1.0, 2.0), expon(scale=2).cdf),
    (Gamma(4.5, 0.3), gamma(4.5, scale=0.3).cdf),
]


def _ids(case):
    # Only the laws: the print of a function has its address, which differs between processes.
    return "" if callable(case) else repr(case)


@pytest.mark.parametrize(("data", "cdf"), LINES, ids=_ids)
def test_samples_follow_the_distribution_function(data, cdf):
    """Kolmogorov-Smirnov; false-alarm rate 1e-4 for each law (seed fixed)."""
    samples = data.sample(20_000, np.random.default_rng(6))
    assert samples.shape == (20_000, 1)
    assert kstest(samples[:, 0], cdf).pvalue > 1e-4


@pytest.mark.parametrize(("data", "cdf"), LINES, ids=_ids)
def test_cell_masses_are_the_increments_of_the_distribution_function(data, cdf):
    (axis,) = data.grid(4000)
    step = axis[1] - axis[0]
    expected = cdf(axis + step / 2) - cdf(axis - step / 2)
    # The midpoint rule errs by step^2/24 times the second derivative, at 4000 cells about 1e-7 in
    # all, and by 6 % of the last cell of Beta(3, 1.5), where the density ends in a root.
    masses = data.density(axis) * step
    assert np.abs(masses - expected).sum() < 2e-5
    # The grid is what Law.from_density takes, and the density takes its points.
    assert len(Law.from_density(data.density, np.zeros_like, (axis,), normalise=True)) == 4000


@pytest.mark.parametrize(("data", "cdf"), LINES[2:], ids=_ids)
def test_the_groups_of_a_law_without_modes_are_its_halves(data, cdf):
    assert cdf(data.median) == pytest.approx(0.5, abs=1e-12)
    assert data.labels([data.median - 1e-9, data.median + 1e-9]).tolist() == [0, 1]
    assert len(data.names) == 2


def test_the_groups_of_a_mixture_are_its_likeliest_components():
    points = np.linspace(-4, 6, 501)
    densities = [0.25 * norm.pdf(points, -1, 0.3), 0.75 * norm.pdf(points, 2, 0.8)]
    np.testing.assert_array_equal(PAIR.labels(points), np.argmax(densities, axis=0))
    # The wider component wins far out on either side, where both densities underflow.
    assert PAIR.labels([[-500.0], [500.0]]).tolist() == [1, 1]


def test_densities_vanish_outside():
    assert Beta(2, 2).density([-0.5, 1.5]).tolist() == [0, 0]
    assert Gamma().density([-0.5]).tolist() == [0]


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: LineMixture(means=(0.0,)), "1 means, 2 stds and 2 weights"),
        (lambda: LineMixture(means=(0.0, math.inf)), "finite"),
        (lambda: LineMixture(stds=(0.0, 1.0)), "positive, finite"),
        (lambda: LineMixture(weights=(0.5, 0.6)), "of sum 1"),
        (lambda: LineMixture(weights=(-0.5, 1.5)), "of sum 1"),
        (lambda: Beta(0.5), "a is 0.5"),
        (lambda: Gamma(math.nan), "shape is nan"),
        (lambda: Gamma(scale=0), "scale is 0"),
        (lambda: Beta().density(np.zeros((3, 2))), "shape"),
        (lambda: Gamma().sample(-1, np.random.default_rng(0)), "n is -1"),
        (lambda: Gamma().grid(0), "side is 0"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()
