"""The schematic by other routes: the softmax by hand, laws by drawing groups of candidates."""

from __future__ import annotations

import math

import matplotlib.text
import numpy as np
import pytest
from scipy.special import softmax

from paper_figures.curation_schematic import Parameters

GROUPS = 400_000


@pytest.fixture(scope="module")
def results(computed):
    return computed("curation_schematic")


def cell(results):
    return float(np.diff(results["x"]).mean())


def test_probabilities_are_the_softmax_of_the_rewards(results):
    np.testing.assert_allclose(results["chances"], softmax(results["rewards"]), rtol=1e-12)
    reward = Parameters().reward
    for x, value in zip(results["candidates"], results["rewards"], strict=True):
        by_hand = -reward.gamma * max(0.0, abs(x - reward.centre) - reward.radius)
        assert value == pytest.approx(by_hand, abs=1e-12)


def test_the_kept_one_is_a_candidate_that_the_model_can_draw(results):
    K = int(results["K"])
    assert results["candidates"].shape == results["chances"].shape == (K,)
    assert int(results["chosen"]) in range(K)
    assert set(results["candidates"]) <= set(results["x"])
    assert (np.diff(results["candidates"]) >= 0).all()


@pytest.mark.parametrize("law", ["real", "model", "kept", "next"])
def test_laws_integrate_to_one(results, law):
    assert (results[law] >= 0).all()
    assert results[law].sum() * cell(results) == pytest.approx(1, abs=1e-12)


def kept_samples(results, law, groups, rng):
    """Places on the grid of samples kept by drawing groups and then one of each by its softmax."""
    K = int(results["K"])
    below = np.cumsum(results[law]) * cell(results)
    drawn = np.searchsorted(below / below[-1], rng.random((groups, K)))
    chances = softmax(results["reward"][drawn], axis=1).cumsum(axis=1)
    chosen = (rng.random((groups, 1)) > chances).sum(axis=1).clip(max=K - 1)
    return drawn[np.arange(groups), chosen]


def masses(results, density):
    """Mass in each of twenty intervals."""
    return density.reshape(20, -1).sum(axis=1) * cell(results)


def assert_law(results, found, density, groups):
    expected = masses(results, density)
    share = np.bincount(found * 20 // len(results["x"]), minlength=20) / groups
    # Five standard errors: one of twenty intervals fails at 1e-5. Far out less than one is
    # expected, of which ten are as unlikely.
    allowed = 5 * np.sqrt(expected * (1 - expected) / groups) + 10 / groups
    assert (np.abs(share - expected) <= allowed).all()


def test_the_law_of_the_kept_is_what_choosing_gives(results):
    found = kept_samples(results, "model", GROUPS, np.random.default_rng(1))
    assert_law(results, found, results["kept"], GROUPS)
    with pytest.raises(AssertionError):
        assert_law(results, found, results["model"], GROUPS)


@pytest.mark.parametrize(("before", "after"), [("real", "model"), ("model", "next")])
def test_each_model_is_fitted_to_real_and_kept_samples(results, before, after):
    """Training sets are drawn, each sample real with probability 1 / (1 + lam), else kept."""
    rng = np.random.default_rng(2)
    kept = kept_samples(results, before, GROUPS, rng)
    below = np.cumsum(results["real"]) * cell(results)
    real = np.searchsorted(below / below[-1], rng.random(GROUPS))
    training = np.where(rng.random(GROUPS) < 1 / (1 + float(results["lam"])), real, kept)
    assert_law(results, training, results[after], GROUPS)


def test_the_histogram_is_of_samples_of_the_law_over_it(results):
    widths, drawn = np.diff(results["edges"]), int(results["drawn"])
    x, h = results["x"], cell(results)
    inside = np.histogram(x, results["edges"], weights=results["kept"] * h)[0]
    counts = results["histogram"] * widths * drawn
    np.testing.assert_allclose(counts, counts.round(), atol=1e-9)
    assert counts.sum() == pytest.approx(drawn)
    # The distribution functions part by x with probability 2 exp(-2 n x^2) at most (Dvoretzky,
    # Kiefer, Wolfowitz): 1e-6 here. What is kept of the real data is twice as far away.
    apart = np.abs(np.cumsum(counts / drawn - inside)).max()
    assert apart < math.sqrt(math.log(2e6) / (2 * drawn))


def test_curation_raises_the_mean_reward_that_is_drawn(results):
    for law in ("model", "next"):
        mean = (results[law] * results["reward"]).sum() * cell(results)
        assert results[f"{law}_reward"] == pytest.approx(mean, abs=1e-12)
    assert results["next_reward"] > results["model_reward"]


def test_bars_say_the_probabilities_and_fill_the_one_that_is_kept(drawn, results):
    axes = drawn("curation_schematic").axes[2]
    heights = [bar.get_height() for bar in axes.patches]
    np.testing.assert_allclose(heights, softmax(results["rewards"]), rtol=1e-12)
    said = [text.get_text() for text in axes.texts if text.get_text()]  # arrows say nothing
    chosen = int(results["chosen"])
    for place, (words, height) in enumerate(zip(said, heights, strict=True)):
        assert f"{round(100 * height)} %" in words
        assert words.startswith("kept") == (place == chosen)
    fills = [tuple(bar.get_facecolor()) for bar in axes.patches]
    assert [fill != (1, 1, 1, 1) for fill in fills] == [n == chosen for n in range(len(fills))]


def test_the_steps_are_a_ring(drawn):
    """One arrow between each panel and the next, and between the last and the first."""
    figure = drawn("curation_schematic")
    figure.draw_without_rendering()
    model, reward, choice, kept, following, mixture = (axes.bbox for axes in figure.axes)
    ring = [model, reward, choice, kept, mixture, following]
    arrows = [
        text.arrow_patch.get_window_extent()
        for text in figure.findobj(matplotlib.text.Annotation)
        if text.arrow_patch is not None
    ]
    assert len(arrows) == len(ring)
    for one, other in zip(ring, [*ring[1:], model], strict=True):
        # Between panels and arrow are a title and the label of an axis with its ticks, 0.6 in at
        # most; panels that are not next to each other are 1.1 in or more away.
        gaps = [max(_gap(one, arrow), _gap(arrow, other)) for arrow in arrows]
        assert sum(gap < 0.8 * figure.dpi for gap in gaps) == 1


def _gap(one, other):
    """Distance of two boxes that do not overlap, in pixels."""
    across = max(one.x0 - other.x1, other.x0 - one.x1, 0)
    along = max(one.y0 - other.y1, other.y0 - one.y1, 0)
    return math.hypot(across, along)
