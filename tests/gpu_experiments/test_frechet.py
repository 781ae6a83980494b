"""The Fréchet distance against closed forms and SciPy's matrix root; its floor against samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from gpu_experiments import frechet
from gpu_experiments.frechet import (
    Moments,
    frechet_distance,
    gaussian_floor,
    halves,
    halves_floor,
    moments,
)

RNG = np.random.default_rng


def law(mean, covariance, n=1000):
    as_double = [torch.as_tensor(np.asarray(x, dtype=np.float64)) for x in (mean, covariance)]
    return Moments(*as_double, n)


def random_covariance(rng, d, rank=None):
    factor = rng.normal(size=(d, d if rank is None else rank))
    return factor @ factor.T


def normal(rng, n, covariance):
    d = len(covariance)
    return torch.as_tensor(rng.multivariate_normal(np.zeros(d), covariance, size=n))


def test_gaussians_with_commuting_covariances_have_the_closed_form():
    a, b = np.array([4.0, 9.0, 0.25]), np.array([1.0, 16.0, 1.0])
    turn = np.linalg.qr(RNG(0).normal(size=(3, 3)))[0]
    found = frechet_distance(law([1, 0, 2], turn * a @ turn.T), law([0, 2, 2], turn * b @ turn.T))
    # |m|^2 = 5, and (2 - 1)^2 + (3 - 4)^2 + (1/2 - 1)^2 = 2.25.
    assert found == pytest.approx(7.25, rel=1e-13)


def test_two_by_two_covariances_that_do_not_commute_have_the_closed_form():
    """The trace of the root of M is the root of tr M + 2 √det M for M with two eigenvalues."""
    a, b = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([[5.0, -1.0], [-1.0, 1.0]])
    product = a @ b
    root = math.sqrt(np.trace(product) + 2 * math.sqrt(np.linalg.det(product)))
    expected = np.trace(a) + np.trace(b) - 2 * root
    assert frechet_distance(law([0, 0], a), law([0, 0], b)) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("d", [1, 5, 40])
def test_the_distance_is_that_by_the_root_of_the_product(d):
    rng = RNG(d)
    a, b = random_covariance(rng, d), random_covariance(rng, d)
    m = rng.normal(size=d)
    root = np.atleast_2d(sqrtm(a @ b))
    expected = m @ m + np.trace(a) + np.trace(b) - 2 * np.trace(root).real
    # The root of a matrix that is not symmetric is good to about 1e-16 of its condition number.
    found = frechet_distance(law(m, a), law(np.zeros(d), b))
    assert found == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(law(np.zeros(d), b), law(m, a)) == pytest.approx(found, rel=1e-12)


@pytest.mark.parametrize("d", [30, 200])
def test_features_of_lower_rank_have_the_distance_of_the_space_they_span(d):
    """An isometry into d dimensions changes no distance: three there, rank three here."""
    rng = RNG(3)
    a, b = random_covariance(rng, 3), random_covariance(rng, 3)
    into = np.linalg.qr(rng.normal(size=(d, 3)))[0]
    expected = frechet_distance(law(np.zeros(3), a), law(np.zeros(3), b))
    found = frechet_distance(
        law(np.zeros(d), into @ a @ into.T), law(np.zeros(d), into @ b @ into.T)
    )
    # Roots of rounded zeros, 1e-8 of each of d directions, would be seen.
    assert found == pytest.approx(expected, rel=1e-12)
    assert law(np.zeros(d), into @ a @ into.T).root.shape == (d, 3)


def test_fewer_samples_than_features_and_dead_features_are_measured():
    rng = RNG(4)
    x, y = (torch.as_tensor(rng.normal(size=(20, 50))) for _ in range(2))
    x[:, 40:] = y[:, 40:] = 0.0
    a, b = moments(x), moments(y)
    assert a.root.shape == (50, 19)
    # The same trace from the samples: X X^T / n = Σ without eigenvectors.
    factors = [(one - one.mean(dim=0)).numpy() / math.sqrt(19) for one in (x, y)]
    across = np.linalg.svd(factors[0] @ factors[1].T, compute_uv=False).sum()
    gap = (x.mean(dim=0) - y.mean(dim=0)).square().sum().item()
    expected = gap + sum((one**2).sum() for one in factors) - 2 * across
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-12)


def test_laws_on_orthogonal_spaces_are_as_far_as_their_traces():
    a, b = np.diag([2.0, 3.0, 0, 0]), np.diag([0, 0, 1.0, 4.0])
    assert frechet_distance(law(np.zeros(4), a), law(np.zeros(4), b)) == pytest.approx(10)


def test_equal_moments_are_at_distance_zero():
    x = torch.as_tensor(RNG(5).normal(size=(100, 30)))
    assert 0 <= frechet_distance(moments(x), moments(x.clone())) < 1e-12


def test_constant_features_have_the_distance_of_their_means():
    a, b = moments(torch.zeros(5, 2)), moments(torch.full((7, 2), 3.0))
    assert frechet_distance(a, b) == 18.0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_moments_are_those_of_numpy_in_blocks_and_far_from_the_origin(monkeypatch, dtype):
    x = torch.as_tensor(RNG(6).normal(size=(103, 4))).add(1e4).to(dtype)
    whole = moments(x)
    monkeypatch.setattr(frechet, "TABLE", 40)
    parts = moments(x)
    for found in (whole, parts):
        assert found.mean.dtype == torch.float64
        np.testing.assert_allclose(found.mean, x.double().mean(dim=0), rtol=1e-14)
        np.testing.assert_allclose(found.covariance, np.cov(x.double().T), rtol=1e-9, atol=1e-12)
        assert found.n == 103


@pytest.mark.parametrize("spectrum", [(1.0, 1.0, 1.0, 1.0), (4.0, 1.0, 0.25, 0.0)])
def test_the_floor_of_gaussian_features_is_the_mean_distance_of_samples(spectrum):
    """Over 300 pairs of samples: the mean has a standard error of 3 percent or less."""
    rng, covariance = RNG(7), np.diag(spectrum)
    found = [
        frechet_distance(*(moments(normal(rng, n, covariance)) for n in (300, 500)))
        for _ in range(300)
    ]
    expected = gaussian_floor(law(np.zeros(4), covariance), 300, 500)
    error = np.std(found) / math.sqrt(len(found))
    assert error < 0.05 * expected
    # The next order in 1/n, a percent of it, comes on top of four standard errors.
    assert np.mean(found) == pytest.approx(expected, abs=4 * error + 0.01 * expected)


def test_the_floor_of_equal_eigenvalues_is_the_closed_form():
    found = gaussian_floor(law(np.zeros(6), 2 * np.eye(6)), 100, 200)
    assert found == pytest.approx(2 * 6 * 11 / 4 * (1 / 100 + 1 / 200), rel=1e-13)


def test_two_halves_of_the_data_are_apart_by_noise_that_falls_as_one_over_their_size():
    covariance = np.diag(np.geomspace(0.1, 10, 20))
    x = normal(RNG(8), 8000, covariance)
    floors, deviations = np.transpose([halves_floor(x[:n], RNG(9)) for n in (2000, 8000)])
    expected = [gaussian_floor(law(np.zeros(20), covariance), n // 2, n // 2) for n in (2000, 8000)]
    # Eight ways of halving; the covariance of the data is found to a few percent.
    error = deviations / math.sqrt(8)
    assert (error < 0.15 * np.array(expected)).all()
    assert (error > 0.01 * np.array(expected)).all()
    np.testing.assert_allclose((floors - expected) / (error + 0.05 * np.array(expected)), 0, atol=4)
    assert floors[0] > 2 * floors[1]


def test_halves_are_disjoint_and_random():
    x = torch.arange(11.0)[:, None]
    one, other = halves(x, RNG(0))
    assert len(one) == len(other) == 5
    assert len(set(one[:, 0].tolist()) | set(other[:, 0].tolist())) == 10
    assert one[:, 0].tolist() != list(range(5))
    assert [len(part) for part in halves(x, RNG(0), most=3)] == [3, 3]


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (torch.zeros(1, 3), r"shape \(1, 3\).*n at least 2"),
        (torch.zeros(4), r"shape \(4,\)"),
        (torch.zeros(4, 0), r"shape \(4, 0\)"),
        (torch.tensor([[1.0], [torch.nan]]), "not all finite"),
    ],
)
def test_features_that_have_no_moments_are_refused(features, message):
    with pytest.raises(ValueError, match=message):
        moments(features)


def test_one_way_of_halving_has_no_deviation():
    with pytest.raises(ValueError, match="splits = 1"):
        halves_floor(torch.zeros(8, 2), RNG(0), splits=1)


def test_moments_in_different_features_are_refused():
    with pytest.raises(ValueError, match="moments of 2 and 3 features"):
        frechet_distance(moments(torch.zeros(3, 2)), moments(torch.zeros(3, 3)))
