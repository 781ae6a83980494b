"""Learnt rewards: recovery of the true one, at the rate and size that Fisher's information says."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from sim.curation import KChoice
from sim.preferences import Comparisons, agreement, compare, negative_log_likelihood
from sim.protocols import DivergedTraining
from sim.reward_models import LinearReward, NetworkReward, bumps, table

TRUE = torch.tensor([0.0, 0.5, 1.0, -1.0, 2.0, -0.3], dtype=torch.float64)
ITEMS = len(TRUE)


def answers(n: int, K: int, rng: np.random.Generator) -> Comparisons:
    items = torch.as_tensor(rng.integers(ITEMS, size=n * K))
    return compare(items, lambda x: TRUE[x], KChoice(K), rng)


def centred(rewards: torch.Tensor) -> torch.Tensor:
    return rewards - rewards.mean()


def exact_information(K: int) -> np.ndarray:
    """Of one comparison of K random items, by going through all groups."""
    total = np.zeros((ITEMS, ITEMS))
    for group in itertools.product(range(ITEMS), repeat=K):
        weights = np.exp(TRUE.numpy()[list(group)])
        shares = np.zeros(ITEMS)
        np.add.at(shares, list(group), weights / weights.sum())
        total += np.diag(shares) - np.outer(shares, shares)
    return total / ITEMS**K


def line(x: torch.Tensor) -> torch.Tensor:
    return x


@pytest.mark.parametrize("K", [2, 4])
def test_the_error_is_that_of_fishers_information_at_every_n(K: int) -> None:
    rng = np.random.default_rng(K)
    inverse = np.linalg.pinv(exact_information(K))
    repeats, sizes = 60, (500, 2000, 8000)
    for n in sizes:
        errors = []
        for _ in range(repeats):
            model = LinearReward(table(ITEMS))
            model.fit(answers(n, K, rng))
            found = centred(model(torch.arange(ITEMS)))
            errors.append(float((found - centred(TRUE)).square().sum()))
        # The error is a sum of squared normals with variances the eigenvalues e of the inverse
        # over n: its standard deviation is sqrt(2 sum e^2)/n. Four of its standard errors; the
        # term of order 1/n^2 is below a tenth of them at n = 500.
        values = np.linalg.eigvalsh(inverse)
        noise = math.sqrt(2 * (values**2).sum() / repeats)
        assert n * np.mean(errors) == pytest.approx(values.sum(), abs=4 * noise)


@pytest.mark.parametrize("K", [2, 3])
def test_estimated_information_tends_to_that_of_all_groups(K: int) -> None:
    asked = answers(100_000, K, np.random.default_rng(0))
    model = LinearReward(table(ITEMS))
    model.load({"theta": TRUE, "offset": 0.0})
    # An entry is a mean of numbers in [-1/4, 1/4] over the comparisons: five standard errors.
    found = model.information(asked).numpy()
    assert np.abs(found - exact_information(K)).max() < 5 * 0.25 / math.sqrt(100_000)


def test_standard_errors_cover_the_rewards() -> None:
    rng, inside = np.random.default_rng(5), []
    for _ in range(150):
        asked = answers(400, 2, rng)
        model = LinearReward(table(ITEMS))
        model.fit(asked)
        error = model.standard_error(torch.arange(ITEMS), asked)
        shown = TRUE[asked.samples].mean()
        inside.append((model(torch.arange(ITEMS)) - (TRUE - shown)).abs() < 1.96 * error)
    share = float(torch.stack(inside).double().mean())
    # 95 % nominally; the 900 answers are at worst 150 independent ones: three standard errors.
    assert share == pytest.approx(0.95, abs=3 * math.sqrt(0.95 * 0.05 / 150))


@pytest.mark.parametrize(("ridge", "unit"), [(0.0, 1.0), (0.05, 1.0), (5.0, 20.0)])
def test_newton_finds_what_a_general_optimiser_with_autograd_finds(
    ridge: float, unit: float
) -> None:
    rng = np.random.default_rng(2)
    groups = torch.as_tensor(rng.normal(size=(300, 3, 4)))
    weights = torch.as_tensor([1.0, -0.5, 0.0, 2.0], dtype=torch.float64)
    asked = compare(groups.flatten(0, 1), lambda x: x @ weights, KChoice(3), rng)
    units = torch.tensor([1.0, unit, 1.0, 1 / unit], dtype=torch.float64)
    model = LinearReward(lambda x: x * units, ridge)
    figures = model.fit(asked)

    def loss(theta: torch.Tensor) -> torch.Tensor:
        rewards = (asked.groups * units) @ theta
        return negative_log_likelihood(rewards, asked.chosen) + ridge / 2 * theta @ theta

    def value_and_gradient(point: np.ndarray) -> tuple[float, np.ndarray]:
        theta = torch.tensor(point, requires_grad=True)
        value = loss(theta)
        value.backward()
        assert theta.grad is not None
        return value.item(), theta.grad.numpy()

    found = minimize(value_and_gradient, np.zeros(4), jac=True, options={"gtol": 1e-9})
    # BFGS stops at a gradient of 1e-9, and the curvature is above 0.01.
    np.testing.assert_allclose(model.theta.numpy(), found.x, rtol=0, atol=1e-6)
    # With a ridge the likelihood alone is not stationary there: an error of first order.
    # Newton's method with the whole curvature: a few steps.
    assert figures["steps"] < 10
    without = found.fun - ridge / 2 * float(found.x @ found.x)
    assert figures["loss"] == pytest.approx(without, abs=1e-7)
    hessian = torch.autograd.functional.hessian(loss, model.theta)
    expected = model.information(asked) + ridge * torch.eye(4, dtype=torch.float64)
    torch.testing.assert_close(hessian, expected, rtol=1e-12, atol=1e-14)


def test_a_constant_in_the_features_changes_nothing() -> None:
    rng = np.random.default_rng(3)
    asked = compare(torch.as_tensor(rng.normal(size=(400, 2))), lambda x: x[:, 0], KChoice(2), rng)
    with_constant = LinearReward(lambda x: torch.column_stack([x, torch.ones(len(x))]))
    without = LinearReward(line)
    assert with_constant.fit(asked)["identified"] == 2
    without.fit(asked)
    samples = torch.as_tensor(rng.normal(size=(50, 2)))
    torch.testing.assert_close(with_constant(samples), without(samples), rtol=0, atol=1e-9)


@pytest.mark.parametrize("make", [lambda: LinearReward(line), NetworkReward])
def test_learnt_rewards_are_centred_and_restored(make: Callable[[], Any]) -> None:
    rng = np.random.default_rng(4)
    samples = torch.as_tensor(rng.normal(loc=3, size=(400, 2)))
    asked = compare(samples, lambda x: x[:, 0], KChoice(2), rng)
    model, other = make(), make()
    model.fit(asked, rng)
    # The network is in float32.
    assert float(model(samples).mean()) == pytest.approx(0, abs=1e-5)
    other.load(model.state())
    assert torch.equal(other(samples), model(samples))


@pytest.mark.parametrize("unit", [1e-9, 1e-7, 1e7])
def test_the_unit_of_a_feature_does_not_matter(unit: float) -> None:
    rng = np.random.default_rng(0)
    samples = torch.as_tensor(rng.normal(size=(800, 2)))
    asked = compare(samples, lambda x: x.sum(dim=1), KChoice(2), rng)
    units = torch.tensor([1.0, unit], dtype=torch.float64)
    plain, other = LinearReward(line), LinearReward(lambda x: x * units)
    one, two = plain.fit(asked), other.fit(asked)
    assert two["identified"] == 2
    assert two["loss"] == pytest.approx(one["loss"], rel=1e-12)
    # Rounding of 1e-16, over the ratio of the two units.
    torch.testing.assert_close(other(samples), plain(samples), rtol=0, atol=1e-6)
    torch.testing.assert_close(
        other.covariance(asked) * units[:, None] * units, plain.covariance(asked), rtol=1e-5, atol=0
    )


def test_parameters_are_those_of_least_norm() -> None:
    rng = np.random.default_rng(0)
    asked = compare(torch.as_tensor(rng.normal(size=(400, 1))), lambda x: x[:, 0], KChoice(2), rng)
    once, model = LinearReward(line), LinearReward(lambda x: torch.cat([x, 3 * x], dim=1))
    once.fit(asked)
    assert model.fit(asked)["identified"] == 1
    # Along (1, 3): the same reward from a theta of the least length.
    expected = once.theta * torch.tensor([1.0, 3.0], dtype=torch.float64) / 10
    torch.testing.assert_close(model.theta, expected, rtol=1e-9, atol=0)
    assert float(model.covariance(asked)[0, 0]) == pytest.approx(
        float(once.covariance(asked)[0, 0]) / 100, rel=1e-9
    )


def test_the_reward_of_the_mean_sample_has_no_error() -> None:
    rng = np.random.default_rng(0)
    asked = compare(
        torch.as_tensor(rng.normal(3.0, size=(400, 2))), lambda x: x[:, 0], KChoice(2), rng
    )
    model = LinearReward(line)
    model.fit(asked)
    mean = asked.samples.mean(dim=0)
    # Linear features: the centred reward is 0 at the mean, whatever was learnt.
    errors = model.standard_error(torch.stack([mean, mean + 1]), asked)
    assert float(errors[0]) == pytest.approx(0, abs=1e-12)
    assert float(errors[1]) > 0.05


def test_a_network_takes_any_unit_and_centre() -> None:
    rng = np.random.default_rng(0)
    samples = torch.as_tensor(rng.normal(size=(400, 2)))
    samples[:, 1] = 0.1
    asked = compare(samples, lambda x: x[:, 0], KChoice(2), rng)
    found = []
    for unit, centre in ((1.0, 0.0), (1.0, 2.0**27), (1e30, 0.0)):
        model = NetworkReward(steps=30)
        there = Comparisons(asked.groups * unit + centre, asked.chosen)
        model.fit(there, np.random.default_rng(1))
        # The coordinate that did not vary keeps its unit.
        assert model.scale[1] == 1
        found.append(model(there.samples))
    # Rounded at 2^27 to 1e-8, and then in float32.
    for other in found[1:]:
        torch.testing.assert_close(other, found[0], rtol=0, atol=1e-4)


def test_a_network_that_diverges_is_as_it_was() -> None:
    rng = np.random.default_rng(0)
    asked = compare(torch.as_tensor(rng.normal(size=(400, 2))), peak, KChoice(2), rng)
    model = NetworkReward(steps=5)
    model.fit(asked, rng)
    before = model(asked.samples)
    model.rate = 1e30
    with pytest.raises(DivergedTraining):
        model.fit(asked, rng)
    assert torch.equal(model(asked.samples), before)


def test_an_item_that_always_wins_has_no_finite_reward() -> None:
    groups = torch.tensor([[0, 1], [1, 2], [2, 1], [0, 2], [1, 0]])
    with pytest.raises(ValueError, match="no upset"):
        LinearReward(table(3)).fit(Comparisons(groups, torch.tensor([0, 0, 0, 0, 1])))
    model = LinearReward(table(3), ridge=0.01)
    model.fit(Comparisons(groups, torch.tensor([0, 0, 0, 0, 1])))
    assert float(model(torch.arange(3)).argmax()) == 0


def test_two_leagues_that_never_met_are_not_compared() -> None:
    groups = torch.tensor([[0, 1], [0, 1], [0, 1], [2, 3], [2, 3], [2, 3], [2, 3]])
    model = LinearReward(table(4))
    figures = model.fit(Comparisons(groups, torch.tensor([0, 0, 1, 0, 0, 0, 1])))
    assert figures["identified"] == 2
    first, second, third, fourth = model(torch.arange(4)).tolist()
    # Two wins of three and three of four: odds 2 and 3.
    assert first - second == pytest.approx(math.log(2), rel=1e-9)
    assert third - fourth == pytest.approx(math.log(3), rel=1e-9)


def peak(x: torch.Tensor) -> torch.Tensor:
    return -2 * (x - torch.tensor([1.0, 0.5])).norm(dim=1)


def learnt_from(n: int) -> tuple[float, float]:
    """Root mean squared error of a network, and its share of held-out answers."""
    rng = np.random.default_rng(n)
    samples = torch.as_tensor(rng.normal(size=(2 * n, 2))).float()
    model = NetworkReward()
    model.fit(compare(samples, peak, KChoice(2), rng), rng)
    fresh = torch.as_tensor(rng.normal(size=(8000, 2))).float()
    error = float((centred(model(fresh)) - centred(peak(fresh))).square().mean().sqrt())
    return error, agreement(model, compare(fresh, peak, KChoice(2), rng))


def test_a_network_recovers_the_reward_as_answers_grow() -> None:
    few, many = learnt_from(300), learnt_from(10_000)
    # The true reward has a standard deviation of 1.6, and foretells 80 % of answers.
    assert many[0] < 0.25 < few[0]
    assert many[1] > few[1]
    assert many[1] == pytest.approx(0.80, abs=0.02)


def test_a_networks_fit_depends_on_its_stream_alone() -> None:
    asked = compare(
        torch.as_tensor(np.random.default_rng(0).normal(size=(200, 2))),
        peak,
        KChoice(2),
        np.random.default_rng(1),
    )
    samples, found = asked.samples, []
    for seed in (0, 0, 1):
        torch.manual_seed(len(found))
        before = torch.random.get_rng_state()
        model = NetworkReward(steps=20)
        model.fit(asked, np.random.default_rng(seed))
        assert torch.equal(torch.random.get_rng_state(), before)
        found.append(model(samples))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_the_first_parameters_are_drawn_from_the_stream() -> None:
    # At so small a rate the parameters stay where they were drawn.
    asked = compare(
        torch.arange(80.0).reshape(40, 2) / 40, peak, KChoice(2), np.random.default_rng(1)
    )
    one, other = (NetworkReward(steps=1, rate=1e-12) for _ in range(2))
    one.fit(asked, np.random.default_rng(0))
    other.fit(asked, np.random.default_rng(1))
    assert float((one(asked.samples) - other(asked.samples)).abs().max()) > 1e-3


def test_a_network_trains_on_from_where_it_was() -> None:
    rng = np.random.default_rng(0)
    asked = compare(torch.as_tensor(rng.normal(size=(2000, 2))), peak, KChoice(2), rng)
    model, fresh = NetworkReward(), NetworkReward(steps=1)
    model.fit(asked, rng)
    fresh.load(model.state())
    # One step at the first rate of Adam costs little where 600 were taken before.
    assert fresh.fit(asked, rng)["loss"] < 0.5
    assert NetworkReward(steps=1).fit(asked, rng)["loss"] > 0.55


def test_bumps_are_flat_far_away() -> None:
    features = bumps(torch.tensor([[0.0, 0.0], [1.0, 0.0]]), 0.5)
    found = features(torch.tensor([[0.0, 0.0], [0.5, 0.0], [90.0, 0.0]]))
    expected = [[1, math.exp(-2)], [math.exp(-0.5), math.exp(-0.5)], [0, 0]]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12, atol=1e-300)


INFINITE = Comparisons(torch.full((1, 2, 2), math.inf), torch.tensor([0]))
VARIED = Comparisons(torch.arange(8.0).reshape(2, 2, 2), torch.tensor([0, 1]))
PAIR = Comparisons(torch.zeros(1, 2, 2), torch.tensor([0]))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: LinearReward(line, -1.0), ValueError, "ridge = -1"),
        (lambda: LinearReward(line).fit(PAIR), ValueError, "nothing can be learnt"),
        (lambda: LinearReward(lambda x: x[:1]).fit(PAIR), ValueError, "a row for each"),
        (lambda: LinearReward(lambda x: x / 0).fit(PAIR), ValueError, "not finite"),
        (lambda: table(3)(torch.tensor([0.5])), ValueError, "numbers of items"),
        (lambda: table(3)(torch.tensor([3])), ValueError, "from 0 to 2"),
        (lambda: table(3)(torch.tensor([-1])), ValueError, "from 0 to 2"),
        (lambda: LinearReward(line)(torch.zeros(1, 2)), ValueError, "call fit first"),
        (lambda: bumps(torch.zeros(1, 2), 0.0), ValueError, "width = 0"),
        (lambda: NetworkReward(hidden=0), ValueError, "hidden = 0"),
        (lambda: NetworkReward(rate=-1.0), ValueError, "rate = -1"),
        (lambda: NetworkReward()(torch.zeros(1, 2)), ValueError, "call fit first"),
        (
            lambda: NetworkReward().fit(INFINITE, np.random.default_rng(0)),
            ValueError,
            "not finite",
        ),
        (
            lambda: NetworkReward(steps=9, rate=1e30).fit(VARIED, np.random.default_rng(0)),
            DivergedTraining,
            "loss (nan|inf) at step",
        ),
    ],
)
def test_bad_requests_are_refused(
    call: Callable[[], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()
