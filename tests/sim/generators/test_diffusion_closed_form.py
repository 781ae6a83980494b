"""Noise schedules, and diffusion of Gaussian data against its closed form."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from sim.generators.denoising import denoise
from sim.generators.gaussian_diffusion import (
    Normal,
    best_noise,
    bound_terms,
    ddim,
    ddim_step,
    ddpm,
    ddpm_step,
    diffused,
    distance,
    divergence,
)
from sim.generators.noise_schedule import NoiseSchedule

SCHEDULES = [NoiseSchedule.linear, NoiseSchedule.cosine]
# Correlated, off centre, and with a thin direction; total variance about 2, as scaled data have.
DATA = Normal.of([0.7, -0.4], [[1.3, 0.6], [0.6, 0.5]])
names = [schedule.__name__ for schedule in SCHEDULES]


# --- the schedules -------------------------------------------------------------------------------


def test_the_published_linear_schedule() -> None:
    schedule = NoiseSchedule.linear(1000)
    assert schedule.betas[[0, -1]] == pytest.approx([1e-4, 2e-2], rel=1e-9, abs=0)
    # Sum of log(1 - beta) for betas on a line, by Euler-Maclaurin; Ho et al. state L_T near 1e-5.
    assert schedule.alpha_bar[-1] == pytest.approx(4.04e-5, rel=2e-3, abs=0)


@pytest.mark.parametrize("make", SCHEDULES, ids=names)
@pytest.mark.parametrize("steps", [50, 250, 1000])
def test_a_chain_forgets_its_start(make: Any, steps: int) -> None:
    schedule = make(steps)
    assert schedule.steps == steps
    assert (np.diff(schedule.alpha_bar) < 0).all()
    assert ((schedule.betas > 0) & (schedule.betas < 1)).all()
    assert schedule.alpha_bar[-1] < 1e-4
    assert schedule.posterior[0] == 0


@pytest.mark.parametrize("count", [1, 2, 3, 7, 10, 600, 999, 1000])
def test_any_number_of_times_is_visited_evenly(count: int) -> None:
    times = NoiseSchedule.cosine(1000).spaced(count)
    gaps = np.diff(times, prepend=0)
    assert len(times) == count
    assert times[-1] == 1000
    assert set(gaps) <= {1000 // count, -(-1000 // count)}


def test_skipping_times_leaves_the_rest_of_the_chain() -> None:
    whole = NoiseSchedule.cosine(100)
    times = whole.spaced(7)
    kept = whole.at(times)
    np.testing.assert_array_equal(kept.alpha_bar, whole.alpha_bar[times - 1])
    # The step over a gap keeps the product of what the steps in it keep.
    for k, (low, high) in enumerate(pairwise([0, *times])):
        assert 1 - kept.betas[k] == pytest.approx(np.prod(1 - whole.betas[low:high]), rel=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NoiseSchedule.linear(49), "steps = 49"),
        (lambda: NoiseSchedule.cosine(0), "steps = 0"),
        (lambda: NoiseSchedule(np.array([0.5, 0.5])), "strictly decreasing"),
        (lambda: NoiseSchedule(np.array([1.0, 0.5])), "strictly decreasing"),
        (lambda: NoiseSchedule(np.array([])), "strictly decreasing"),
        (lambda: NoiseSchedule(np.array([0.5, math.nan])), "strictly decreasing"),
        (lambda: NoiseSchedule.cosine(10).spaced(11), "11 of 10"),
        (lambda: NoiseSchedule.cosine(10).spaced(0), "0 of 10"),
        (lambda: Normal.of([0.0], [[1.0, 0.0]]), "shapes"),
        (lambda: Normal.of([0.0, 0.0], [[1.0, 0.5], [0.0, 1.0]]), "not symmetric"),
        (
            lambda: denoise(
                lambda x, t: x,
                NoiseSchedule.cosine(10),
                torch.zeros(2, 1),
                sampler="ddpm",
                visited=5,
            ),
            "give a torch generator",
        ),
    ],
)
def test_bad_requests_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


# --- the way to noise ----------------------------------------------------------------------------


@pytest.mark.parametrize("make", SCHEDULES, ids=names)
def test_the_chain_step_by_step_has_the_stated_marginals(make: Any) -> None:
    """q(x_t | x_0), first by the recursion of mean and variance along the chain."""
    schedule = make(200)
    mean, variance = 1.0, 0.0
    for t in range(200):
        beta = schedule.betas[t]
        mean, variance = math.sqrt(1 - beta) * mean, (1 - beta) * variance + beta
        assert mean == pytest.approx(math.sqrt(schedule.alpha_bar[t]), rel=1e-12, abs=0)
        assert variance == pytest.approx(1 - schedule.alpha_bar[t], rel=1e-11, abs=0)


def test_the_simulated_chain_has_the_stated_marginals() -> None:
    schedule, n, start = NoiseSchedule.cosine(50), 40_000, 1.7
    rng = np.random.default_rng(0)
    x = np.full(n, start)
    for t in range(50):
        x = math.sqrt(1 - schedule.betas[t]) * x + math.sqrt(
            schedule.betas[t]
        ) * rng.standard_normal(n)
        left = schedule.alpha_bar[t]
        # Five standard errors of a mean and of a variance: 100 checks, false alarm 6e-5.
        error = 5 * math.sqrt((1 - left) / n)
        assert x.mean() == pytest.approx(math.sqrt(left) * start, abs=error)
        assert x.var() == pytest.approx(1 - left, rel=5 * math.sqrt(2 / n), abs=0)


def joint_of_the_chain(schedule: NoiseSchedule, data: Normal) -> Normal:
    """Law of (x_0, …, x_T) stacked, from the linear map of (x_0, ε_1, …, ε_T)."""
    d, T = len(data.mean), schedule.steps
    mix = np.zeros((T + 1, T + 1))
    mix[0, 0] = 1
    for t in range(1, T + 1):
        mix[t] = math.sqrt(1 - schedule.betas[t - 1]) * mix[t - 1]
        mix[t, t] = math.sqrt(schedule.betas[t - 1])
    sources = np.zeros(((T + 1) * d,) * 2)
    sources[:d, :d] = data.covariance
    sources[d:, d:] = np.eye(T * d)
    wide = np.kron(mix, np.eye(d))
    return Normal(wide[:, :d] @ data.mean, wide @ sources @ wide.T)


def conditioned(law: Normal, wanted: slice, given: slice) -> tuple[np.ndarray, np.ndarray]:
    """Slope of E[wanted | given] and the covariance left."""
    cross = law.covariance[wanted, given]
    slope = cross @ np.linalg.inv(law.covariance[given, given])
    return slope, law.covariance[wanted, wanted] - slope @ cross.T


def block(t: int) -> slice:
    return slice(2 * t, 2 * t + 2)


@pytest.mark.parametrize("t", [1, 2, 6, 12])
def test_the_best_prediction_is_the_conditional_expectation(t: int) -> None:
    schedule = NoiseSchedule.cosine(12)
    joint = joint_of_the_chain(schedule, DATA)
    slope, shift = best_noise(DATA, schedule.alpha_bar[t - 1])
    # The noise is what is not the shrunken x_0: its conditional mean by dense algebra.
    left, noise = math.sqrt(schedule.alpha_bar[t - 1]), math.sqrt(1 - schedule.alpha_bar[t - 1])
    of_data, _ = conditioned(joint, block(0), block(t))
    np.testing.assert_allclose(slope, (np.eye(2) - left * of_data) / noise, atol=1e-11)
    # At the mean of x_t the expected noise is 0.
    np.testing.assert_allclose(slope @ joint.mean[block(t)] + shift, 0, atol=1e-12)
    law = diffused(DATA, schedule.alpha_bar[t - 1])
    np.testing.assert_allclose(law.mean, joint.mean[block(t)], atol=1e-13)
    np.testing.assert_allclose(law.covariance, joint.covariance[block(t), block(t)], atol=1e-13)


@pytest.mark.parametrize("t", [1, 2, 6, 12])
def test_the_exact_step_is_the_chain_backwards(t: int) -> None:
    schedule = NoiseSchedule.cosine(12)
    joint = joint_of_the_chain(schedule, DATA)
    step = ddpm_step(DATA, schedule, t, "exact")
    slope, left = conditioned(joint, block(t - 1), block(t))
    np.testing.assert_allclose(step.slope, slope, atol=1e-10)
    np.testing.assert_allclose(step.noise, left, atol=1e-10)
    reached = step.slope @ joint.mean[block(t)] + step.shift
    np.testing.assert_allclose(reached, joint.mean[block(t - 1)], atol=1e-11)


# --- the bound -----------------------------------------------------------------------------------


def joint_of_the_model(schedule: NoiseSchedule, data: Normal, variance: Any) -> Normal:
    """Law of (x_0, …, x_T) under the model: standard normal x_T, then the DDPM steps."""
    d, T = len(data.mean), schedule.steps
    size = (T + 1) * d
    precision, linear = np.zeros((size, size)), np.zeros(size)
    precision[T * d :, T * d :] += np.eye(d)
    for t in range(1, T + 1):
        step = ddpm_step(data, schedule, t, variance)
        # x_{t-1} - A x_t - b is normal with the step's noise.
        rows = np.zeros((d, size))
        rows[:, block(t - 1)] = np.eye(d)
        rows[:, block(t)] = -step.slope
        inverse = np.linalg.inv(step.noise)
        precision += rows.T @ inverse @ rows
        linear += rows.T @ inverse @ step.shift
    covariance = np.linalg.inv(precision)
    return Normal(covariance @ linear, (covariance + covariance.T) / 2)


@pytest.mark.parametrize("variance", ["beta", "exact"])
@pytest.mark.parametrize("make", [NoiseSchedule.cosine, lambda T: NoiseSchedule.linear(50)])
def test_the_sum_of_divergences_is_the_bound(make: Any, variance: Any) -> None:
    r"""The bound is KL(q(x_0…x_T) ‖ p(x_0…x_T)) + entropy of the data, by dense algebra."""
    schedule = make(12)
    chain = joint_of_the_chain(schedule, DATA)
    model = joint_of_the_model(schedule, DATA, variance)
    terms = bound_terms(DATA, schedule, variance)
    assert terms.shape == (schedule.steps + 1,)
    exact = divergence(chain, model) + DATA.entropy
    assert terms.sum() == pytest.approx(exact, rel=1e-8, abs=0)
    # All but the first are divergences.
    assert (terms[1:] >= 0).all()


@pytest.mark.parametrize("variance", ["beta", "exact"])
def test_the_bound_exceeds_the_likelihood_by_the_posterior_gap(variance: Any) -> None:
    r"""Bound + E log p(x_0) = E KL(q(x_1…x_T|x_0) ‖ p(x_1…x_T|x_0)), by conditioning both."""
    schedule = NoiseSchedule.cosine(12)
    chain = joint_of_the_chain(schedule, DATA)
    model = joint_of_the_model(schedule, DATA, variance)
    hidden, seen = slice(2, None), slice(0, 2)
    of_chain, left_chain = conditioned(chain, hidden, seen)
    of_model, left_model = conditioned(model, hidden, seen)
    # The means' difference is affine in x_0: its square averages to mean and covariance parts.
    slope = of_chain - of_model
    shift = (
        chain.mean[hidden]
        - of_chain @ chain.mean[seen]
        - model.mean[hidden]
        + of_model @ model.mean[seen]
    )
    centre = slope @ DATA.mean + shift
    zero = np.zeros(len(centre))
    gap = divergence(Normal(centre, _even(left_chain)), Normal(zero, _even(left_model)))
    spread = slope @ DATA.covariance @ slope.T
    gap += 0.5 * float(np.trace(np.linalg.solve(left_model, spread)))
    # -E log p(x_0) of the model's own x_0.
    marginal = Normal(model.mean[seen], _even(model.covariance[seen, seen]))
    likelihood = divergence(DATA, marginal) + DATA.entropy
    bound = bound_terms(DATA, schedule, variance).sum()
    assert bound - likelihood == pytest.approx(gap, rel=1e-6, abs=1e-10)
    assert gap > 0


def _even(matrix: np.ndarray) -> np.ndarray:
    return (matrix + matrix.T) / 2


def test_with_exact_steps_the_bound_is_the_entropy_and_the_end() -> None:
    """All that is lost is that x_T is not quite standard normal."""
    schedule = NoiseSchedule.linear(200)
    end = divergence(diffused(DATA, schedule.alpha_bar[-1]), Normal.standard(2))
    bound = bound_terms(DATA, schedule, "exact").sum()
    assert bound - DATA.entropy == pytest.approx(end, rel=1e-6, abs=1e-11)


def test_the_bound_closes_like_one_over_the_steps() -> None:
    # From T to 2T the gap of beta's bound halves; the end's own gap, below 1e-4, is taken off.
    gaps = []
    for steps in (250, 500, 1000, 2000):
        schedule = NoiseSchedule.linear(steps)
        gap = bound_terms(DATA, schedule, "beta").sum() - bound_terms(DATA, schedule, "exact").sum()
        gaps.append(gap)
    rates = np.log2(np.array(gaps[:-1]) / gaps[1:])
    np.testing.assert_allclose(rates, 1, atol=0.1)
