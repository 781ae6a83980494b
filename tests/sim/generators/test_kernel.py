"""Kernel densities: the estimate, its bandwidth, and what it does to a loop."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import gaussian_kde, kstest, norm
from sklearn.neighbors import KernelDensity as SklearnKernelDensity

from sim import GaussianMixture, LineMixture, TwoMoons
from sim.distances import Ruler
from sim.generators.kernel import KernelDensity
from theory import Law
from theory.testing import check_generator

RNG = np.random.default_rng


def fitted(data, bandwidth="silverman"):
    model = KernelDensity(bandwidth)
    return model, model.fit(torch.as_tensor(data), RNG(0))


@pytest.mark.parametrize("d", [1, 2, 5])
def test_silverman_is_the_rule_of_scipy(d):
    data = RNG(3).normal(size=(500, d)) * np.arange(1, d + 1)
    factor = gaussian_kde(data.T, bw_method="silverman").factor
    expected = factor * data.std(axis=0, ddof=1)
    np.testing.assert_allclose(fitted(data)[0].widths.numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("offset", [0.0, 1e5])
def test_the_loss_is_the_left_out_likelihood(offset):
    data = RNG(4).normal(size=(60, 2)) + offset
    model, found = fitted(data, 0.3)
    logs = [
        SklearnKernelDensity(bandwidth=0.3)
        .fit(np.delete(data, i, axis=0) - offset)
        .score_samples(data[i : i + 1] - offset)[0]
        for i in range(60)
    ]
    # Taking the offset off again rounds the data to 1e-11.
    assert found["loss"] == pytest.approx(-np.mean(logs), rel=1e-9, abs=0)
    assert found["bandwidth"] == 0.3
    assert model.widths.tolist() == [0.3, 0.3]


def test_the_loss_is_right_where_points_are_very_many_bandwidths_apart():
    # Two pairs, each a bandwidth apart, a thousand million bandwidths from each other.
    data = np.array([[0.0], [2.0**-23], [128.0], [128.0 + 2.0**-23]])
    _, found = fitted(data, 2.0**-23)
    alone = math.log(3) + 0.5 * math.log(2 * math.pi) - 23 * math.log(2) + 0.5
    assert found["loss"] == pytest.approx(alone, rel=1e-12)


@pytest.mark.parametrize("data", [GaussianMixture(), TwoMoons(), LineMixture()], ids=repr)
def test_cross_validation_finds_the_best_bandwidth(data):
    points = data.sample(1500, RNG(5))
    chosen, found = fitted(points, "cross-validation")
    wide, rule = fitted(points)
    ratio = float(chosen.widths[0] / wide.widths[0])
    # His rule is for one Gaussian, and these laws have narrower parts.
    assert ratio < 0.6
    assert found["loss"] < rule["loss"] - 0.02
    for factor in (0.4, 2.5):
        other = KernelDensity()
        other.fit(torch.as_tensor(points), RNG(0))
        other.widths = chosen.widths * factor
        # The density at fresh points, by SciPy: neither neighbour is better.
        fresh = data.sample(4000, RNG(6))
        best, worse = (
            SklearnKernelDensity(bandwidth=1.0)
            .fit(points / widths.numpy())
            .score_samples(fresh / widths.numpy())
            .mean()
            - np.log(widths.numpy()).sum()
            for widths in (chosen.widths, other.widths)
        )
        assert best > worse


def test_samples_follow_the_estimate():
    """Kolmogorov-Smirnov against the mixture of kernels; false-alarm rate 1e-4 (seed fixed)."""
    data = np.array([[-1.0], [0.0], [0.5], [4.0]])
    model, _ = fitted(data, 0.4)
    samples = model.sample(20_000, RNG(8)).numpy()[:, 0]
    assert kstest(
        samples, lambda x: np.mean([norm.cdf(x, c, 0.4) for c in data], axis=0)
    ).pvalue > (1e-4)


def test_the_noise_has_the_bandwidth_in_each_coordinate():
    model = KernelDensity()
    model.fit(torch.tensor([[-100.0, 0.0], [100.0, 3000.0]]), RNG(0))
    model.widths = torch.tensor([1.0, 20.0], dtype=torch.float64)
    samples = model.sample(100_000, RNG(4))
    upper = samples[:, 0] > 0
    noise = (
        samples - torch.where(upper, 1.0, 0.0)[:, None] * torch.tensor([200.0, 3000.0])
    ).numpy()
    # Four standard errors of a standard deviation from 100 000.
    np.testing.assert_allclose(noise.std(axis=0), [1, 20], rtol=4 / math.sqrt(200_000))
    assert abs(np.corrcoef(noise.T)[0, 1]) < 4 / math.sqrt(100_000)
    assert abs(float(upper.double().mean()) - 0.5) < 4 * 0.5 / math.sqrt(100_000)


def test_each_refit_adds_the_squared_bandwidth_to_the_variance():
    model, points = KernelDensity(0.5), torch.as_tensor(RNG(1).normal(size=(40_000, 1)))
    for t in range(5):
        model.fit(points, RNG(2 + t))
        points = model.sample(40_000, RNG(50 + t))
    # Four standard errors of a variance 2.25 from 40 000, at each of the five refits.
    assert float(points.var()) == pytest.approx(1 + 5 * 0.25, abs=4 * 2.25 * math.sqrt(12 / 40_000))


@pytest.mark.parametrize("bandwidth", ["cross-validation", 0.15])
def test_it_conforms(bandwidth):
    data, held_out = (GaussianMixture().sample(4000, RNG(seed)) for seed in (1, 2))
    check_generator(lambda: KernelDensity(bandwidth), data, held_out, fit_error=0.05).require()


def test_silverman_blurs_separate_modes():
    data = GaussianMixture()
    points = data.sample(4000, RNG(1))
    law = Law.from_density(data.density, lambda x: x[:, 0], data.grid(200), normalise=True)
    wide, chosen = (
        Ruler(law).divergence(fitted(points, bandwidth)[0].sample(10_000, RNG(2))).corrected
        for bandwidth in ("silverman", "cross-validation")
    )
    assert wide > 0.5
    assert 0 < chosen < 0.05


def test_bad_input_is_refused():
    for bandwidth in ("scott", 0.0, math.inf, math.nan, -1):
        with pytest.raises(ValueError, match=r"bandwidth = "):
            KernelDensity(bandwidth)
    with pytest.raises(ValueError, match="n >= 2"):
        fitted(np.zeros((1, 2)))
    # The mean of a thousand times 0.1 is not 0.1, nor is their standard deviation 0.
    for constant in (1.0, 0.1):
        with pytest.raises(ValueError, match="constant"):
            fitted(np.full((1000, 1), constant))
    with pytest.raises(ValueError, match="d >= 1"):
        fitted(np.zeros((3, 0)), 0.3)
    for number in (math.nan, math.inf, 1e200):
        with pytest.raises(ValueError, match="not finite, or beyond"):
            fitted(np.array([[0.0], [number], [1.0]]), 0.3)
    with pytest.raises(ValueError, match="has not been fitted"):
        KernelDensity().sample(3, RNG(0))
