"""Figure of the reward–KL frontier: who is on it, who is below, and what is drawn."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from matplotlib.container import ErrorbarContainer
from scipy.optimize import brentq

from paper_figures import reward_kl_frontier as figure
from paper_figures import style
from sim import GaussianMixture
from sim.three_stages import Settings

REDUCED = dataclasses.replace(
    figure.FIGURE.parameters,
    trained=Settings(pretraining=4000, fresh=2000, comparisons=1000, kept=4000, measured=4000),
    seeds=4,
    curve=60,
)
ON_IT = ("KL penalty", "curation, K = ∞")
BELOW = (
    "best of n",
    "top share",
    "8 levels",
    "curation, K = 2",
    "curation, K = 4",
    "curation, K = 2, λ = 1",
)


@pytest.fixture(scope="module")
def results():
    return figure.compute(REDUCED)


@pytest.fixture(scope="module")
def drawn(results):
    with style.rc():
        return figure.draw(results)


@pytest.fixture(scope="module")
def masses():
    """The task by hand: masses of grid cells and their rewards."""
    data = GaussianMixture()
    x, y = np.meshgrid(*data.grid(150), indexing="ij")
    points = np.column_stack([x.ravel(), y.ravel()])
    p = data.density(points)
    return p / p.sum(), -np.maximum(np.hypot(points[:, 0] - 5, points[:, 1]) - 0.5, 0)


def attainable(masses, kl):
    """Largest expected reward within a divergence: by Lagrange's multiplier, with plain sums."""
    p, r = masses

    def tilted(strength):
        weights = p * np.exp(strength * r)
        q = weights / weights.sum()
        charged = q > 0
        divergence = float((q[charged] * np.log(q[charged] / p[charged])).sum())
        return divergence, float(q @ r)

    strength = brentq(lambda s: tilted(s)[0] - kl, 0, 1e4, xtol=1e-14, rtol=1e-14)
    return tilted(strength)[1]


def above(masses, kl, reward):
    """Whether a point is above the frontier beyond rounding, which 1e-9 is far above."""
    return reward > attainable(masses, kl) + 1e-9


def test_every_method_is_there(results):
    assert set(results["method"].tolist()) == {*ON_IT, *BELOW}
    for name, number in (("best of n", 8), ("curation, K = 4", 6), ("KL penalty", 8)):
        assert (results["method"] == name).sum() == number


def test_no_exact_method_is_above_the_frontier(results, masses):
    assert not any(
        above(masses, kl, reward)
        for kl, reward in zip(results["kl"], results["reward"], strict=True)
    )


def test_a_point_planted_above_the_frontier_is_seen(results, masses):
    chosen = np.flatnonzero(results["method"] == "KL penalty")[3]
    assert above(masses, results["kl"][chosen], results["reward"][chosen] + 1e-7)
    assert above(masses, results["kl"][chosen] - 1e-7, results["reward"][chosen])


def test_what_is_attainable_is_what_the_multiplier_says(results, masses):
    found = [attainable(masses, kl) for kl in results["kl"]]
    np.testing.assert_allclose(results["attainable"], found, rtol=0, atol=1e-10)


@pytest.mark.parametrize("method", ON_IT)
def test_tilts_are_on_the_frontier(results, method):
    chosen = results["method"] == method
    gap = results["attainable"][chosen] - results["reward"][chosen]
    np.testing.assert_allclose(gap, 0, atol=1e-10)


@pytest.mark.parametrize("method", BELOW)
def test_others_are_strictly_below(results, method):
    chosen = results["method"] == method
    # The nearest, round 6 at K = 4, is 3.5e-5 below.
    assert (results["attainable"][chosen] - results["reward"][chosen] > 1e-5).all()


def test_rounds_at_infinite_k_are_the_penalties_of_one_over_t(results):
    rounds = results["method"] == "curation, K = ∞"
    penalties = results["method"] == "KL penalty"
    for t in (1, 2, 4):
        one = rounds & (results["setting"] == t)
        other = penalties & (results["setting"] == 1 / t)
        np.testing.assert_allclose(results["kl"][one], results["kl"][other], rtol=1e-10)
        np.testing.assert_allclose(results["reward"][one], results["reward"][other], rtol=1e-10)


def test_real_data_hold_the_divergence(results):
    held = results["kl"][results["method"] == "curation, K = 2, λ = 1"]
    # The sharp bound at K = 2 and λ = 1.
    assert (held < 1 - math.log(2)).all()
    assert results["kl"][results["method"] == "curation, K = 2"].max() > 2


def test_the_frontier_rises_and_bends_down(results, masses):
    p, r = masses
    kl, reward = results["frontier_kl"], results["frontier_reward"]
    assert len(kl) == len(reward) == 60
    assert kl[0] == pytest.approx(0, abs=1e-12)
    assert reward[0] == pytest.approx(p @ r, rel=1e-10)
    assert kl[-1] == pytest.approx(-math.log(p[r == 0].sum()), rel=1e-10)
    assert reward[-1] == 0
    assert (np.diff(kl) > -1e-12).all()
    apart = np.append(True, np.diff(kl) > 1e-6)
    slopes = np.diff(reward[apart]) / np.diff(kl[apart])
    assert (slopes > 0).all()
    assert (np.diff(slopes) < 1e-9).all()


def test_trained_models_are_below_the_frontier_or_within_error_of_it(results):
    """Errors are of four seeds: Student's t is above 10.2 with probability 1e-3 then."""
    gap, error = figure.mean_and_error(results["trained_attainable"] - results["trained_reward"])
    assert (gap > -10.2 * error).all()
    # The pretrained model is where the frontier begins; fine-tuning is far below it.
    assert (gap[1:] > 0).all()
    assert gap[1] > 0.5 + 10.2 * error[1]


def test_every_stage_gains(results):
    assert results["model"].tolist() == [
        "pretrained",
        "fine-tuned on quality",
        "fine-tuned, learnt reward",
        "fine-tuned, true reward",
        "fine-tuned, curated",
        "conditioned on quality",
    ]
    reward = results["trained_reward"].mean(axis=0)
    assert reward[1] > reward[0] + 1
    assert (reward[2:] > reward[1] + 1).all()
    assert (results["trained_kl"][:, 2:] > results["trained_kl"][:, [1]]).all()


def test_the_pretrained_model_is_held_against_the_data(results, masses):
    p, r = masses
    np.testing.assert_allclose(results["trained_attainable"][:, 0], p @ r, rtol=1e-10)
    # Its divergence from itself is 0, and the estimate's error says so: four of them.
    assert (np.abs(results["trained_kl"][:, 0]) < 4 * results["trained_kl_error"][:, 0]).all()


def test_errors_over_the_seeds_are_those_of_the_mean():
    values = np.random.default_rng(3).normal(size=(5, 4000))
    mean, error = figure.mean_and_error(values)
    # Variance of a mean of five: a fifth, to four standard errors sqrt(2 / (4 * 4000)).
    assert (error**2).mean() == pytest.approx(1 / 5, rel=4 * math.sqrt(2 / 16_000))
    assert mean.var() == pytest.approx(1 / 5, rel=4 * math.sqrt(2 / 4000))


def test_methods_are_drawn_where_they_are(results, drawn):
    plane, shortfall = drawn.axes[:2]
    labels = [text.get_text() for text in plane.get_legend().get_texts()]
    assert labels[0] == "frontier"
    assert len(labels) == 1 + len({*ON_IT, *BELOW})
    points = np.concatenate([line.get_xydata() for line in plane.lines[1:]])
    expected = np.column_stack([results["kl"], results["reward"]])
    assert sorted(map(tuple, points)) == sorted(map(tuple, expected))
    below = np.concatenate([line.get_xydata() for line in shortfall.lines])
    expected = np.column_stack(
        [results["kl"], np.maximum(results["attainable"] - results["reward"], 0)]
    )
    assert sorted(map(tuple, below)) == sorted(map(tuple, expected))


def test_methods_look_different_without_colour():
    assert len({marker for _, marker, _ in figure.LOOKS}) == len(figure.LOOKS)
    assert len({marker for _, _, marker in figure.MODELS}) == len(figure.MODELS)


def test_trained_models_have_errors_in_both_directions(results, drawn):
    plane, left = drawn.axes[2:4]
    kl, kl_error = figure.mean_and_error(results["trained_kl"])
    reward, reward_error = figure.mean_and_error(results["trained_reward"])
    bars = [one for one in plane.containers if isinstance(one, ErrorbarContainer)]
    assert len(bars) == len(figure.MODELS)
    for place, bar in enumerate(bars):
        assert bar.has_xerr
        assert bar.has_yerr
        across, up = (bar[2][direction].get_segments()[0] for direction in (0, 1))
        np.testing.assert_allclose(
            across[:, 0], kl[place] + 2 * kl_error[place] * np.array([-1, 1])
        )
        np.testing.assert_allclose(
            up[:, 1], reward[place] + 2 * reward_error[place] * np.array([-1, 1])
        )
    assert [text.get_text() for text in left.get_yticklabels()] == [
        name for name, _, _ in figure.MODELS
    ]
    # The enlargement shows all models with feedback, and the frontier.
    (closer,) = plane.child_axes
    low, high = closer.get_xlim()
    assert (low < kl[2:] - 2 * kl_error[2:]).all()
    assert (kl[2:] + 2 * kl_error[2:] < high).all()
