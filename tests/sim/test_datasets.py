"""Data sets: samples, densities and labels must describe one and the same law."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import chi2

from sim import GaussianMixture, Rings, TwoMoons

DATA_SETS = [
    GaussianMixture(),
    GaussianMixture(modes=3, radius=2.0, std=0.8),
    GaussianMixture(modes=1, radius=0.0, std=1.0),
    TwoMoons(),
    TwoMoons(noise=0.4),
    Rings(),
    Rings(radii=(0.0, 1.5), noise=0.4),
]


def _ids(data):
    return repr(data)


def _points(axes):
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)


@pytest.mark.parametrize("data", DATA_SETS, ids=_ids)
def test_density_integrates_to_one(data):
    axes = data.grid(320, reach=8.0)
    area = math.prod(axis[1] - axis[0] for axis in axes)
    # 8 standard deviations leave 1e-14 outside, and the midpoint rule on a smooth density that
    # vanishes at the edges converges faster than any power of the spacing: rounding is left.
    assert data.density(_points(axes)).sum() * area == pytest.approx(1.0, abs=1e-11)


@pytest.mark.parametrize("data", DATA_SETS, ids=_ids)
def test_default_grid_holds_all_but_a_millionth(data):
    axes = data.grid(250)
    area = math.prod(axis[1] - axis[0] for axis in axes)
    assert 1 - data.density(_points(axes)).sum() * area < 1.2e-6  # two coordinates, each 5.7e-7


@pytest.mark.parametrize("data", DATA_SETS, ids=_ids)
def test_samples_follow_the_density(data):
    """Pearson's chi-square on a histogram; false-alarm rate 1e-4 for each data set (seed fixed)."""
    n, cells, refine = 40_000, 24, 12
    axes = data.grid(cells, reach=4.0)
    step = [axis[1] - axis[0] for axis in axes]
    edges = [np.append(axis - h / 2, axis[-1] + h / 2) for axis, h in zip(axes, step, strict=True)]
    fine = data.grid(cells * refine, reach=4.0)
    area = math.prod(h / refine for h in step)
    mass = data.density(_points(fine)).reshape(cells, refine, cells, refine).sum(axis=(1, 3)) * area

    samples = data.sample(n, np.random.default_rng(2024))
    counts = np.histogram2d(samples[:, 0], samples[:, 1], bins=edges)[0].ravel()
    expected = n * mass.ravel()
    # Cells expecting fewer than 8 samples, and all that lies outside, go into one cell.
    kept = expected >= 8
    counts = np.append(counts[kept], n - counts[kept].sum())
    expected = np.append(expected[kept], n - expected[kept].sum())
    statistic = ((counts - expected) ** 2 / expected).sum()
    assert statistic < chi2.isf(1e-4, df=len(counts) - 1)


@pytest.mark.parametrize("noise", [0.01, 0.05, 0.1, 1.0])
def test_moon_density_agrees_with_adaptive_integration(noise):
    moons = TwoMoons(noise)
    points = np.vstack(
        [
            moons.sample(12, np.random.default_rng(5)),
            [[1, 0], [-1, 0], [0.5, 0.25], [0, 1], [2, 0.5]],
        ]
    )
    curves = [
        lambda t: (math.cos(t), math.sin(t)),
        lambda t: (1 - math.cos(t), 0.5 - math.sin(t)),
    ]

    def integral(curve, point):
        def kernel(t):
            return math.exp(-(math.dist(point, curve(t)) ** 2) / (2 * noise**2))

        return quad(kernel, 0, math.pi, points=np.linspace(0, math.pi, 33)[1:-1], limit=400)[0]

    exact = np.array([sum(integral(curve, point) for curve in curves) for point in points])
    exact /= 2 * math.pi * 2 * math.pi * noise**2
    # Rounding of squared distances is amplified by 1/noise^2, and quad promises about 1.5e-8
    # absolute on each integral; in practice it reaches rounding on these smooth pieces.
    tolerance = (2e-15 / noise**2 + 1e-12) * exact.max()
    np.testing.assert_allclose(moons.density(points), exact, rtol=0, atol=tolerance)


def test_mixture_density_of_one_mode_is_the_gaussian():
    points = np.random.default_rng(0).normal(size=(50, 2))
    exact = np.exp(-(points**2).sum(axis=1) / (2 * 0.3**2)) / (2 * math.pi * 0.3**2)
    single = GaussianMixture(modes=1, radius=0.0, std=0.3)
    np.testing.assert_allclose(single.density(points), exact, rtol=1e-13)


def test_mixture_labels_name_the_nearest_mean():
    mixture = GaussianMixture(modes=5, radius=3.0)
    np.testing.assert_array_equal(mixture.labels(mixture.means), np.arange(5))
    assert len(mixture.names) == 5


def test_mixture_shares_are_equal():
    mixture = GaussianMixture()
    axes = mixture.grid(400)
    points = _points(axes)
    share = np.bincount(mixture.labels(points), weights=mixture.density(points))
    # Ties on the bisectors, where the density is below 1e-6 of the peak, go to the lower index.
    np.testing.assert_allclose(share / share.sum(), 1 / 8, atol=1e-5)


def test_moon_labels_follow_the_half_circle_a_point_is_on():
    moons = TwoMoons(noise=0.02)
    angles = np.random.default_rng(3).uniform(0, math.pi, 200)
    upper = np.column_stack([np.cos(angles), np.sin(angles)])
    np.testing.assert_array_equal(moons.labels(upper), 0)
    np.testing.assert_array_equal(moons.labels(np.array([1.0, 0.5]) - upper), 1)


def test_moon_labels_split_the_law_in_halves():
    moons = TwoMoons()
    points = _points(moons.grid(300))
    share = np.bincount(moons.labels(points), weights=moons.density(points))
    # The half-turn that swaps the moons maps the grid to itself; only ties break the symmetry.
    assert share[0] / share.sum() == pytest.approx(0.5, abs=1e-6)


def test_ring_density_agrees_with_adaptive_integration_over_the_angle():
    rings, points = Rings(radii=(0.5, 3.0), noise=0.2), np.array([[0.1, 0.2], [3.1, -0.4], [2, 2]])

    def integrand(angle, point, radius):
        centre = radius * np.array([math.cos(angle), math.sin(angle)])
        return math.exp(-((point - centre) ** 2).sum() / 0.08) / (0.08 * math.pi) / (4 * math.pi)

    expected = [
        sum(
            quad(integrand, 0, 2 * math.pi, (point, radius), points=[math.pi / 4], epsabs=1e-14)[0]
            for radius in (0.5, 3.0)
        )
        for point in points
    ]
    np.testing.assert_allclose(rings.density(points), expected, rtol=1e-9, atol=1e-13)


def test_ring_labels_name_the_nearest_circle_and_its_density_does_not_overflow():
    rings = Rings(radii=(1.0, 5.0), noise=0.01)
    assert rings.labels([[0.0, 0.0], [0.0, 2.9], [3.1, 0.0], [0.0, -9.0]]).tolist() == [0, 0, 1, 1]
    # On a circle far from the centre the law is locally a line blurred across.
    across = 0.5 / (2 * math.pi * 5) / (math.sqrt(2 * math.pi) * 0.01)
    assert rings.density([[5.0, 0.0]])[0] == pytest.approx(across, rel=1e-5, abs=0)


@pytest.mark.parametrize("data", [GaussianMixture(), TwoMoons(), Rings()], ids=_ids)
def test_sampling_is_reproducible_and_takes_any_size(data):
    first = data.sample(7, np.random.default_rng(1))
    np.testing.assert_array_equal(first, data.sample(7, np.random.default_rng(1)))
    assert first.shape == (7, 2)
    assert data.sample(0, np.random.default_rng(1)).shape == (0, 2)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: GaussianMixture(modes=0), "modes is 0"),
        (lambda: GaussianMixture(modes=2.0), "modes is 2.0"),
        (lambda: GaussianMixture(radius=-1.0), "radius is -1.0"),
        (lambda: GaussianMixture(std=0.0), "std is 0.0"),
        (lambda: GaussianMixture(std=math.nan), "std is nan"),
        (lambda: TwoMoons(noise=0.0), "without noise the moons have no density"),
        (lambda: TwoMoons(noise=math.inf), "noise is inf"),
        (lambda: Rings(radii=()), "one or more finite radii"),
        (lambda: Rings(radii=(2.0, 1.0)), "strictly increasing"),
        (lambda: Rings(radii=(-1.0, 1.0)), "radii >= 0"),
        (lambda: Rings(noise=0.0), "noise is 0.0"),
        (lambda: TwoMoons().grid(0), "side is 0"),
        (lambda: TwoMoons().sample(-1, np.random.default_rng(0)), "n is -1"),
        (lambda: TwoMoons().density([1.0, 2.0]), "shape"),
        (lambda: GaussianMixture().labels(np.zeros((4, 3))), "shape"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()


def test_a_seed_is_not_a_generator():
    with pytest.raises(TypeError, match="give a NumPy Generator"):
        GaussianMixture().sample(3, 0)
