"""The Gaussian fitted by maximum likelihood, against SciPy and NumPy; what it refuses."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from sim.generators.gaussian import Gaussian
from theory.testing import check_generator

RNG = np.random.default_rng
COVARIANCE = np.array([[4.0, 1.9], [1.9, 1.0]])


def draws(n: int, seed: int) -> np.ndarray:
    return RNG(seed).multivariate_normal([1.0, -3.0], COVARIANCE, n)


def test_the_fit_is_the_mean_and_covariance_and_the_loss_the_likelihood() -> None:
    data, model = draws(500, 0), Gaussian()
    found = model.fit(torch.as_tensor(data), RNG(0))
    mean, covariance = data.mean(axis=0), np.cov(data.T, ddof=0)
    np.testing.assert_allclose(model.mean, mean, rtol=1e-13)
    np.testing.assert_allclose(model.covariance, covariance, rtol=1e-12)
    expected = -multivariate_normal(mean, covariance).logpdf(data).mean()
    assert found["loss"] == pytest.approx(expected, rel=1e-12)


def test_it_conforms() -> None:
    check_generator(Gaussian, draws(5000, 1), draws(5000, 2), fit_error=0.02).require()


def test_samples_have_the_covariance() -> None:
    model = Gaussian()
    model.load({"mean": torch.zeros(2).double(), "covariance": torch.as_tensor(COVARIANCE)})
    samples = model.sample(40_000, RNG(3)).numpy()
    # Five standard errors: of an entry, at most sqrt(2) times the larger variance over root n.
    error = 5 * math.sqrt(2) * 4 / math.sqrt(40_000)
    np.testing.assert_allclose(np.cov(samples.T), COVARIANCE, rtol=0, atol=error)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((1, 2)), "n >= 2"),
        (np.zeros((5, 0)), "d >= 1"),
        (np.array([[0.0], [math.nan], [1.0]]), "not finite, or beyond"),
        (np.array([[0.0], [1e200], [1.0]]), "not finite, or beyond"),
        (np.ones((5, 2)), "5 data lie in a flat of fewer than 2 dimensions"),
        (np.full((1000, 1), 0.1), "flat of fewer than 1"),
        (draws(9, 0)[:, [0, 0]], "flat of fewer than 2"),
        (draws(2, 0), "flat of fewer than 2"),
    ],
)
def test_data_without_a_likeliest_gaussian_are_refused(data: np.ndarray, message: str) -> None:
    model = Gaussian()
    model.fit(torch.as_tensor(draws(50, 0)), RNG(0))
    before = model.covariance.clone()
    with pytest.raises(ValueError, match=message):
        model.fit(torch.as_tensor(data), RNG(0))
    assert torch.equal(model.covariance, before)


def test_it_does_not_sample_before_a_fit() -> None:
    with pytest.raises(ValueError, match="has not been fitted"):
        Gaussian().sample(3, RNG(0))
