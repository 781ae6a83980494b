"""Solvers against flows that are known in closed form: their order, their cost, their exact cases.

All in float64, so that nothing but the steps is wrong.
"""

from __future__ import annotations

import math

import pytest
import torch

from gpu_experiments.solvers import ORDER, SOLVERS, evaluations, integrate

START = torch.tensor([-1.0, 0.3, 2.0], dtype=torch.float64)
# Standard deviations of the Gaussian at the end of the flow.
SPREAD = torch.tensor([0.2, 0.7, 1.6], dtype=torch.float64)


def logistic(x, t):
    """Velocity whose solution is x / (x + (1 - x) exp(-sin 3t)), with a rate that depends on t."""
    return 3 * math.cos(3 * t) * x * (1 - x)


def logistic_end(x):
    return x / (x + (1 - x) * math.exp(-math.sin(3)))


def gaussian(x, t):
    """Velocity of the flow of independent N(0, 1) and N(0, a^2): x_t has variance
    (1 - t)^2 + t^2 a^2, and its standard deviation carries every trajectory along."""
    return x * (t * SPREAD**2 - (1 - t)) / ((1 - t) ** 2 + t**2 * SPREAD**2)


def slope(velocity, start, end, solver):
    """Slope of the log error over the log of the number of steps, by least squares."""
    counts = [64, 128, 256, 512]
    errors = [
        float((integrate(velocity, start, solver, steps) - end(start)).abs().max())
        for steps in counts
    ]
    x = torch.tensor(counts, dtype=torch.float64).log()
    y = torch.tensor(errors, dtype=torch.float64).log()
    x = x - x.mean()
    return float((x * y).sum() / (x * x).sum())


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_error_falls_at_the_claimed_order(solver):
    start = torch.tensor([0.1, 0.5, 0.8], dtype=torch.float64)
    # The next term of the error bends the line by less than that at 64 steps and more.
    assert slope(logistic, start, logistic_end, solver) == pytest.approx(-ORDER[solver], abs=0.15)


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_error_falls_at_least_at_the_claimed_order_on_a_flow_between_gaussians(solver):
    """At least: the midpoint method gains an order here, where errors of the two halves cancel.

    The exponential solver's error has a factor ln N, which takes 1 / ln N = 0.19 off the slope.
    """
    log = 0.2 if solver == "exponential" else 0.0
    assert slope(gaussian, START, lambda x: x * SPREAD, solver) < -ORDER[solver] + log + 0.1


@pytest.mark.parametrize("solver", SOLVERS)
def test_one_step_solves_the_flow_of_optimal_transport_between_gaussians(solver):
    """x -> a x along straight lines, v = (a - 1) x / (1 - t + t a)."""
    end = integrate(lambda x, t: (SPREAD - 1) * x / (1 - t + t * SPREAD), START, solver, 1)
    torch.testing.assert_close(end, START * SPREAD, rtol=1e-13, atol=0)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_the_network_is_asked_as_often_as_is_said(solver, steps):
    times = []

    def velocity(x, t):
        times.append(t)
        return -x

    integrate(velocity, START, solver, steps)
    assert len(times) == evaluations(solver, steps)
    assert min(times) == 0
    assert max(times) <= 1


@pytest.mark.parametrize("solver", SOLVERS)
def test_straight_paths_need_one_step(solver):
    end = integrate(lambda x, t: torch.full_like(x, 2.5), START, solver, 1)
    torch.testing.assert_close(end, START + 2.5, rtol=1e-14, atol=0)


def test_a_step_of_the_exponential_solver_is_the_integral_of_its_line():
    """x' = s' (x/s + the integral of D(u)/(1-u)^2 from t to t') with D linear, by quadrature."""
    calls = []

    def velocity(x, t):
        image = torch.tensor([1.0, -2.0], dtype=torch.float64) * t + 0.4
        calls.append((x.clone(), t))
        return (image - x) / (1 - t)

    start = torch.tensor([0.7, 0.1], dtype=torch.float64)
    integrate(velocity, start, "exponential", 4)
    (x, t), (found, after) = calls[1], calls[2]
    u = torch.linspace(t, after, 200_001, dtype=torch.float64)[:, None]
    image = torch.tensor([1.0, -2.0], dtype=torch.float64) * u + 0.4
    integral = torch.trapezoid(image / (1 - u) ** 2, u, dim=0)
    expected = (1 - after) * (x / (1 - t) + integral)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=0)


@pytest.mark.parametrize(("solver", "steps"), [("rk4", 2), ("euler", 0), ("heun", 2.0)])
def test_what_is_no_solver_is_refused(solver, steps):
    with pytest.raises(ValueError, match=r"solver"):
        integrate(logistic, START, solver, steps)
