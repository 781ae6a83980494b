"""Solvers: their order is measured, on a velocity whose flow is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from sim.generators.ode import integrate


def swirl(x: torch.Tensor, t: float) -> torch.Tensor:
    """Coordinates grow at rates cos 2t and t^2."""
    return torch.stack([x[:, 0] * math.cos(2 * t), x[:, 1] * t**2], dim=1)


def exact(x: torch.Tensor) -> torch.Tensor:
    return x * torch.tensor([math.exp(math.sin(2) / 2), math.exp(1 / 3)], dtype=x.dtype)


@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("midpoint", 2)])
def test_the_error_falls_with_the_order(method, order):
    x = torch.tensor([[1.0, 2.0], [-3.0, 0.5]], dtype=torch.float64)
    steps = np.array([32, 64, 128, 256])
    errors = np.array(
        [(integrate(swirl, x, int(n), method) - exact(x)).abs().amax(0).numpy() for n in steps]
    )
    slopes = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    # The next order's share at 32 steps bends the line by about 1/32.
    np.testing.assert_allclose(-slopes, order, rtol=0, atol=0.05)


@pytest.mark.parametrize(("method", "evaluations"), [("euler", 7), ("midpoint", 14)])
def test_evaluations_are_counted_and_times_stay_in_the_unit_interval(method, evaluations):
    times = []

    def velocity(x, t):
        times.append(t)
        return torch.zeros_like(x)

    x = torch.ones(3, 2)
    assert torch.equal(integrate(velocity, x, 7, method), x)
    assert len(times) == evaluations
    assert min(times) == 0
    assert max(times) < 1


def test_a_start_is_left_as_it_was():
    x = torch.ones(3, 2)
    integrate(lambda x, t: x, x, 2, "midpoint")
    assert torch.equal(x, torch.ones(3, 2))


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="method = 'rk4': give one of euler, midpoint"):
        integrate(swirl, torch.ones(1, 2), 3, "rk4")
