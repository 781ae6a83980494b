"""The network's gradient against autograd, its optimiser against torch's."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from sim.generators.velocity import Adam, VelocityNetwork, one_thread, schedule


def network(dim=2, width=16, depth=3, seed=0):
    made = VelocityNetwork(dim, width, depth)
    made.initialise(np.random.default_rng(seed))
    return made


def by_autograd(made, inputs, u):
    """Loss and gradient by torch's own layers, in float64."""
    sizes, layers = made.sizes, []
    flat = made.parameters.double().clone().requires_grad_()
    start = 0
    for m, n in itertools.pairwise(sizes):
        layers.append((flat[start : start + m * n].view(m, n), flat[start + m * n :][:n]))
        start += (m + 1) * n
    h = inputs.double()
    for weight, bias in layers[:-1]:
        z = h @ weight + bias
        h = z * torch.sigmoid(z)
    v = h @ layers[-1][0] + layers[-1][1]
    loss = (v - u).square().sum(dim=1).mean()
    (gradient,) = torch.autograd.grad(loss, flat)
    return v.detach(), gradient


@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("dim", [1, 2, 5])
def test_gradient_and_velocity_are_autograds(dim, depth):
    made = network(dim, depth=depth)
    draw = torch.Generator().manual_seed(1)
    # Another batch first: what an earlier step left behind must not matter.
    for batch in (7, 32):
        x, u = torch.randn(2, batch, dim, generator=draw)
        t = 0.3
        inputs = torch.cat([x, torch.full((batch, 1), 2 * t - 1)], dim=1)
        residual = torch.empty(batch, dim)
        made.descend(inputs, u, residual)
    v, gradient = by_autograd(made, inputs, u)
    # Float32 sums of at most 32 terms of size one or two.
    size = float(gradient.abs().max())
    np.testing.assert_allclose(made.gradient, gradient, rtol=1e-5, atol=2e-6 * size)
    np.testing.assert_allclose(residual, v - u, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(made(x, t), v, rtol=1e-5, atol=1e-5)


def test_adam_is_torchs_with_the_stated_schedule():
    steps, peak = 60, 3e-2
    draw = torch.Generator().manual_seed(0)
    start, curvature = torch.randn(2, 5, generator=draw, dtype=torch.float64)
    curvature = curvature.exp()
    reference = start.clone().requires_grad_()
    theirs = torch.optim.Adam([reference], lr=peak, betas=(0.9, 0.99), eps=1e-8)
    rates = torch.optim.lr_scheduler.LambdaLR(theirs, lambda k: schedule(k, steps))
    ours, adam = start.float(), Adam(5, steps, peak)
    for _ in range(steps):
        adam.step(ours, curvature.float() * ours)
        reference.grad = curvature * reference.detach()
        theirs.step()
        rates.step()
    assert float((reference.detach() - start).abs().min()) > 0.1
    np.testing.assert_allclose(ours, reference.detach(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("steps", [1, 10, 1000])
def test_the_rate_rises_then_falls_to_nothing(steps):
    rates = np.array([schedule(k, steps) for k in range(steps)])
    assert (rates > 0).all()
    assert rates.max() <= 1
    assert rates[-1] <= max(0.03, 1 / steps)
    top = int(rates.argmax())
    # The peak comes after a twentieth of the steps.
    assert top == max(0, round(0.05 * steps) - 1)
    assert (np.diff(rates[top:]) < 0).all()
    assert (np.diff(rates[: top + 1]) > 0).all()


def test_the_flow_starts_near_the_identity():
    x = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
    assert float(network(width=64)(x, 0.5).norm(dim=1).mean()) < 0.5


def test_threads_are_given_back_after_an_error():
    before, inside = torch.get_num_threads(), []

    def fails():
        with one_thread():
            inside.append(torch.get_num_threads())
            raise KeyError

    torch.set_num_threads(2)
    try:
        with pytest.raises(KeyError):
            fails()
        assert [*inside, torch.get_num_threads()] == [1, 2]
    finally:
        torch.set_num_threads(before)
