"""The flow as a generator: the law it learns, its promises to the loop, and its refusals.

Energy distances have the unit of the data and are exact in the plane up to sampling: each is an
average over directions of one-dimensional distances, which sorting gives.
"""

from __future__ import annotations

import io
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import kstest

from sim.curation import KChoice
from sim.datasets import GaussianMixture, TwoMoons
from sim.generators.flow_matching import FlowMatching, FlowSettings, _along
from sim.loop import Loop, LoopSettings
from sim.protocols import DivergedTraining
from sim.streams import Streams
from theory.testing import check_generator

DATA = {"ring": GaussianMixture(), "moons": TwoMoons()}
QUICK = FlowSettings(width=16, depth=2, steps=20, warm_steps=10, batch=64)


def draw(name, n, seed):
    return DATA[name].sample(n, np.random.default_rng([seed, 100]))


def fitted(data, settings=None, seed=0):
    flow = FlowMatching(settings)
    flow.fit(torch.as_tensor(data), np.random.default_rng([seed, 1]))
    return flow


def drawn(flow, n, seed=0):
    return flow.sample(n, np.random.default_rng([seed, 2]))


def _spread(z):
    """Sum of |z_i - z_j| over pairs i < j of sorted z."""
    k = len(z)
    return float((2 * np.arange(1, k + 1) - k - 1) @ z)


def energy_distance(x, y, directions=32):
    """Unbiased estimate of 2 E|X - Y| - E|X - X'| - E|Y - Y'| in the plane.

    |v| is pi/2 times the mean of |<v, e>| over unit vectors e; 32 equally spaced ones integrate
    these smooth periodic functions to better than a thousandth of the value.
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    n, m = len(x), len(y)
    total = 0.0
    for angle in (np.arange(directions) + 0.5) * math.pi / directions:
        e = np.array([math.cos(angle), math.sin(angle)])
        a, b = np.sort(x @ e), np.sort(y @ e)
        within = _spread(a), _spread(b)
        between = _spread(np.sort(np.concatenate([a, b]))) - sum(within)
        total += 2 * between / (n * m) - 2 * within[0] / (n * (n - 1))
        total -= 2 * within[1] / (m * (m - 1))
    return total / directions * math.pi / 2


def test_the_energy_distance_is_the_one_of_pairs():
    x, y = draw("ring", 400, 1), 1.1 * draw("ring", 300, 2)

    def mean(a, b):
        return np.linalg.norm(a[:, None] - b, axis=2).mean()

    pairs = 2 * mean(x, y) - mean(x, x) * 400 / 399 - mean(y, y) * 300 / 299
    assert energy_distance(x, y) == pytest.approx(pairs, rel=1e-2, abs=0)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", DATA)
def test_a_first_fit_learns_the_law(name, seed):
    """50 000 data: their own fluctuations are worth 6.4 / 50 000 = 1.3e-4 on the ring."""
    flow = fitted(draw(name, 50_000, seed), seed=seed)
    # 40 000 against 40 000 samples: standard error about 1.5e-4 on the ring.
    assert energy_distance(drawn(flow, 40_000, seed), draw(name, 40_000, 50 + seed)) < 1e-3


@pytest.mark.parametrize("name", DATA)
def test_the_reference_coupling_learns_the_same_law(name):
    data = draw(name, 50_000, 0)
    fast, reference = (
        fitted(data, FlowSettings(coupling=coupling)) for coupling in ("swaps", "torchcfm")
    )
    fresh = draw(name, 40_000, 50)
    ours, theirs = (energy_distance(drawn(flow, 20_000), fresh) for flow in (fast, reference))
    # The reference, with a plan of its own in each batch, is the noisier: 2e-3 on the ring, where
    # both together differ by 2.4e-3 at most in four seeds.
    assert ours < theirs + 5e-4
    assert energy_distance(drawn(fast, 20_000), drawn(reference, 20_000, 1)) < 4e-3


def test_four_midpoint_steps_give_the_law_of_250_euler_steps():
    flow = fitted(draw("ring", 20_000, 0))
    paper = FlowMatching(FlowSettings(method="euler", ode_steps=250))
    paper.load(flow.state())
    few, many = drawn(flow, 20_000), drawn(paper, 20_000)
    # The same noise, end point by end point, in units of a mode's standard deviation, 1/2.
    apart = (few - many).norm(dim=1) / 0.5
    assert float(apart.mean()) < 0.05
    assert float(apart.quantile(0.99)) < 0.3
    # Other noise: the two laws differ by less than the samples show.
    assert energy_distance(drawn(flow, 20_000, 9), many) < 5e-4


def test_the_field_between_gaussians_is_the_known_one():
    """Optimal transport of N(0, 1) to N(0, a^2) is x -> a x: v = (a - 1) x / (1 - t + t a)."""
    a = np.array([1.3, math.sqrt(2 - 1.3**2)])
    flow = fitted(a * np.random.default_rng(0).normal(size=(20_000, 2)))
    assert flow.scale == pytest.approx(1, abs=0.02)
    x_0 = np.random.default_rng(1).normal(size=(4000, 2))
    for t in (0.0, 0.25, 0.5, 0.75, 0.95):
        path = 1 - t + t * a
        expected = (a - 1) * x_0
        with torch.no_grad():
            v = flow.network(torch.as_tensor(path * x_0, dtype=torch.float32), t).numpy()
        # Root mean squares: the field is 0.53, predicting no motion is off by as much.
        assert math.sqrt(((v - expected) ** 2).sum(axis=1).mean()) < 0.08


@pytest.mark.parametrize("coupling", ["swaps", "torchcfm"])
def test_the_flow_conforms(coupling):
    settings = FlowSettings(steps=300, warm_steps=20, coupling=coupling)
    data, held_out = draw("ring", 5000, 1), draw("ring", 5000, 2)
    check_generator(
        lambda: FlowMatching(settings), data, held_out, fit_error=0.05, samples=5000
    ).require()


@pytest.mark.parametrize("dim", [1, 3])
def test_the_flow_conforms_in_other_dimensions(dim):
    data, held_out = (
        np.random.default_rng(seed).exponential(size=(4000, dim)) + 5 for seed in (1, 2)
    )
    settings = FlowSettings(steps=300, warm_steps=20)
    check_generator(
        lambda: FlowMatching(settings), data, held_out, fit_error=0.05, samples=5000
    ).require()


def test_an_untrained_flow_does_not_conform():
    data, held_out = draw("ring", 5000, 1), draw("ring", 5000, 2)
    settings = FlowSettings(steps=1)
    report = check_generator(
        lambda: FlowMatching(settings), data, held_out, fit_error=0.05, samples=5000
    )
    assert [finding.check for finding in report.findings if not finding.passed] == ["law"]


def parameters(flow):
    return flow.state()["parameters"]


@pytest.mark.parametrize("coupling", ["swaps", "torchcfm"])
def test_the_same_seed_gives_the_same_numbers_and_global_generators_are_left_alone(coupling):
    data, settings = draw("moons", 500, 0), replace(QUICK, coupling=coupling)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    one = fitted(data, settings)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(4)
    same, other = fitted(data, settings), fitted(data, settings, seed=1)
    assert torch.equal(parameters(one), parameters(same))
    assert not torch.equal(parameters(one), parameters(other))
    assert torch.equal(drawn(one, 10), drawn(same, 10))


def test_numbers_do_not_depend_on_the_threads_allowed():
    data, before, found = draw("ring", 3000, 0), torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(drawn(fitted(data, replace(QUICK, width=128)), 5000))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*found)


@pytest.mark.parametrize("fits", [0, 1, 2])
def test_a_flow_goes_on_from_a_file_as_if_nothing_had_happened(fits):
    flow = FlowMatching(QUICK)
    for seed in range(fits):
        flow.fit(torch.as_tensor(draw("moons", 500, seed)), np.random.default_rng(seed))
    file = io.BytesIO()
    torch.save(flow.state(), file)
    file.seek(0)
    other = FlowMatching(QUICK)
    other.load(torch.load(file, weights_only=True))
    for _ in range(2):
        found = [
            g.fit(torch.as_tensor(draw("moons", 400, 9)) + 1, np.random.default_rng(9))
            for g in (flow, other)
        ]
        assert found[0] == found[1]
        assert torch.equal(drawn(flow, 20), drawn(other, 20))


def test_a_state_given_away_is_not_changed_by_later_fits():
    flow = fitted(draw("moons", 500, 0), QUICK)
    state = flow.state()
    kept = state["parameters"].clone()
    flow.fit(torch.as_tensor(draw("moons", 500, 1)), np.random.default_rng(1))
    assert torch.equal(state["parameters"], kept)
    assert not torch.equal(parameters(flow), kept)


def test_pairs_are_seen_on_straight_paths_at_times_spread_evenly():
    x_0 = torch.randn(6400, 2, generator=torch.Generator().manual_seed(0))
    x_1 = x_0.exp() + 3
    t, x_t, u = _along(x_0, x_1, 64, torch.Generator().manual_seed(1))
    ends = (x_t + (1 - t) * u).sort(dim=0).values
    torch.testing.assert_close(ends, x_1.sort(dim=0).values, rtol=1e-5, atol=1e-5)
    # Every pair once, in another order than theirs.
    starts, order = (x_t - t * u).sort(dim=0)
    torch.testing.assert_close(starts, x_0.sort(dim=0).values, rtol=0, atol=1e-5)
    assert abs(float(torch.corrcoef(torch.stack([order[:, 0], x_0[:, 0].argsort()]))[0, 1])) < 0.1
    # In each batch one time in each of 64 parts, anywhere in it: false alarm 1e-4.
    parts = 64 * t.reshape(100, 64).double().numpy()
    np.testing.assert_array_equal(np.floor(parts), np.tile(np.arange(64), (100, 1)))
    assert kstest((parts % 1).ravel(), "uniform").pvalue > 1e-4


def test_the_first_fit_and_later_ones_take_their_own_numbers_of_steps():
    # The loss is looked at once for every sixteen steps.
    flow = FlowMatching(replace(QUICK, coupling="torchcfm", steps=48, warm_steps=32))
    looks = []
    for _ in range(3):
        told = []
        flow.fit(
            torch.as_tensor(draw("ring", 200, 0)),
            np.random.default_rng(0),
            lambda done, loss, told=told: told.append(done),
        )
        looks.append(len(told))
    assert looks == [3, 2, 2]


def test_a_warm_start_is_ahead_of_a_cold_one_and_keeps_the_units():
    data = torch.as_tensor(draw("ring", 5000, 0))
    flow = fitted(data)
    units = flow.centre.clone(), flow.scale
    short = replace(flow.settings, steps=100, warm_steps=100)
    flow.settings = short
    warm = flow.fit(data + 0.5, np.random.default_rng(3))["loss"]
    cold = FlowMatching(short).fit(data + 0.5, np.random.default_rng(3))["loss"]
    assert warm < 0.7 * cold
    assert torch.equal(flow.centre, units[0])
    assert flow.scale == units[1]
    # The law has moved along: five standard errors of a mean over the ring.
    assert drawn(flow, 10_000).mean(dim=0).tolist() == pytest.approx([0.5, 0.5], abs=0.2)


@pytest.mark.parametrize(
    "data",
    [[[3.0, 4.0]], [[3.0, 4.0]] * 5, [[1.0, 0.0], [2.0, 5.0], [1.0, 1.0]], np.eye(7)],
    ids=["one point", "a point mass", "three points", "seven points in seven dimensions"],
)
def test_few_data_are_fitted_too(data):
    data = torch.as_tensor(np.array(data))
    flow = fitted(data, FlowSettings(steps=400))
    ends = drawn(flow, 500)
    near = torch.cdist(ends.double(), data).min(dim=1).values
    # Most samples end near a data point; those between two are the network's blur.
    assert float(near.median()) < 0.3 * max(1.0, flow.scale)
    assert float((ends.double().mean(dim=0) - data.mean(dim=0)).abs().max()) < 0.5


@pytest.mark.parametrize("size", [1e-25, 1e-6, 1e6, 1e25])
def test_the_unit_of_the_data_does_not_matter(size):
    plain, scaled = (drawn(fitted(draw("moons", 500, 0) * unit, QUICK), 50) for unit in (1, size))
    # Rounding of the data in float32, carried through twenty steps of training.
    np.testing.assert_allclose(scaled.double() / size, plain, rtol=0, atol=1e-3)


def test_no_samples_are_an_empty_table():
    assert drawn(fitted(draw("moons", 100, 0), QUICK), 0).shape == (0, 2)


def test_more_data_than_the_steps_can_see_are_thinned_at_random():
    data = np.concatenate([draw("moons", 50_000, 0), draw("moons", 50_000, 1) + 20])
    flow = fitted(data, FlowSettings(steps=200, batch=32))
    # 6400 of 100 000 are seen; half of them come from either half.
    assert float((drawn(flow, 4000)[:, 0] > 10).float().mean()) == pytest.approx(0.5, abs=0.05)


def test_progress_is_told():
    told = []
    flow = FlowMatching(QUICK)
    flow.fit(
        torch.as_tensor(draw("ring", 200, 0)),
        np.random.default_rng(0),
        lambda done, loss: told.append((done, loss)),
    )
    assert told[-1][0] == 1
    assert all(loss > 0 for _, loss in told)


class TestDivergence:
    wild = FlowSettings(width=16, depth=2, steps=200, rate=1e4, warm_rate=1e4)

    def test_it_is_named_with_loss_and_step(self):
        with pytest.raises(DivergedTraining, match=r"the loss is .* after \d+ of 200 steps"):
            fitted(draw("ring", 500, 0), self.wild)

    def test_a_flow_that_diverges_at_first_stays_unfitted(self):
        flow = FlowMatching(self.wild)
        with pytest.raises(DivergedTraining):
            flow.fit(torch.as_tensor(draw("ring", 500, 0)), np.random.default_rng(0))
        with pytest.raises(ValueError, match="has not been fitted"):
            flow.sample(3, np.random.default_rng(0))

    def test_a_flow_that_diverges_later_is_as_it_was(self):
        flow = fitted(draw("ring", 500, 0), QUICK)
        before = drawn(flow, 50)
        flow.settings = replace(QUICK, warm_steps=200, warm_rate=1e4)
        with pytest.raises(DivergedTraining):
            flow.fit(torch.as_tensor(draw("ring", 500, 0)), np.random.default_rng(0))
        assert torch.equal(drawn(flow, 50), before)

    def test_a_loss_that_is_no_number_is_divergence(self):
        flow = fitted(draw("ring", 500, 0), QUICK)
        flow.network.parameters[0] = math.nan
        with pytest.raises(DivergedTraining, match="the loss is nan"):
            flow.fit(torch.as_tensor(draw("ring", 500, 0)), np.random.default_rng(0))

    def test_the_last_step_is_judged_too(self):
        with pytest.raises(DivergedTraining, match="after 1 of 1 steps"):
            fitted(draw("ring", 500, 0), replace(QUICK, steps=1, rate=1e6))

    def test_the_loop_names_the_round_and_keeps_the_earlier_ones(self):
        settings = replace(QUICK, warm_steps=200, warm_rate=1e4)
        real = torch.as_tensor(draw("ring", 500, 0), dtype=torch.float32)
        loop = Loop(
            lambda: FlowMatching(settings),
            real,
            lambda x: -x.norm(dim=1),
            KChoice(2),
            LoopSettings(iterations=2, kept=100),
            Streams(0),
        )
        rounds = loop.rounds()
        assert next(rounds).t == 0
        with pytest.raises(DivergedTraining, match=r"training of p_1 diverged \(the loss is"):
            next(rounds)


def test_the_loop_follows_the_reward():
    loop = Loop(
        lambda: FlowMatching(FlowSettings(steps=300, warm_steps=60)),
        torch.as_tensor(draw("ring", 5000, 0), dtype=torch.float32),
        lambda x: x[:, 0] / 2,
        KChoice(2),
        LoopSettings(iterations=3, kept=2000),
        Streams(0),
    )
    means = [float(found.rewards.mean()) for found in loop.rounds()]
    assert (np.diff(means) > 0.2).all()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.ones(3), r"shape \(3,\): give \(n, d\)"),
        (np.ones((0, 2)), r"shape \(0, 2\)"),
        (np.ones((3, 0)), r"shape \(3, 0\)"),
        (np.array([[1.0, math.nan]]), "not all finite"),
        (np.array([[1.0, 1e300]]), "not all finite numbers of single precision"),
        # Rounded to a grid of 8, all of them would be one point.
        (draw("moons", 50, 0) + 1e8, "so far from 0 that single precision"),
    ],
)
def test_bad_data_are_refused(data, message):
    with pytest.raises(ValueError, match=message):
        fitted(data, QUICK)


def test_data_as_far_from_0_as_single_precision_allows_are_fitted():
    data = draw("moons", 500, 0)
    # Wide numbers are refused by what rounding loses, narrow ones and constants have lost nothing.
    for given in (data + 1e4, (data + 1e8).astype(np.float32), np.full((50, 2), 0.1)):
        assert fitted(given, QUICK).sample(5, np.random.default_rng(0)).shape == (5, 2)


def test_data_of_another_dimension_are_refused():
    flow = fitted(draw("ring", 100, 0), QUICK)
    with pytest.raises(ValueError, match="data have 3 coordinates and the flow has 2"):
        flow.fit(torch.ones(5, 3), np.random.default_rng(0))


def test_a_state_of_another_network_is_refused():
    state = fitted(draw("ring", 100, 0), QUICK).state()
    with pytest.raises(ValueError, match=r"hidden layers \[16, 16\] and the settings say \[64"):
        FlowMatching().load(state)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 0}, "width = 0"),
        ({"depth": 2.0}, "depth = 2.0"),
        ({"steps": True}, "steps = True"),
        ({"batch": -1}, "batch = -1"),
        ({"ode_steps": 0}, "ode_steps = 0"),
        ({"rate": 0.0}, "rate = 0.0"),
        ({"warm_rate": math.nan}, "warm_rate = nan"),
        ({"rate": "fast"}, "rate = 'fast'"),
        ({"coupling": "exact"}, "coupling = 'exact': give one of swaps, torchcfm"),
        ({"method": "rk4"}, "method = 'rk4': give one of euler, midpoint"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        FlowSettings(**settings)
