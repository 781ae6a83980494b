"""The quality filter, and generation with quality as a condition."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from sim.alignment import align_samples, frontier, optimum, point
from sim.generators.gaussian import Gaussian
from sim.quality import QualityConditioned, tilted_shares, top_samples, top_share
from sim.quality import conditioned as exactly_conditioned
from theory import Law
from theory.divergences import kl
from theory.testing import check_generator


def first(samples: torch.Tensor) -> torch.Tensor:
    return samples[:, 0]


def plane(n: int, seed: int = 0) -> torch.Tensor:
    return torch.as_tensor(np.random.default_rng(seed).normal(size=(n, 2)))


def uniform(cells: int = 1000) -> Law:
    x = (np.arange(cells) + 0.5) / cells
    return Law.from_density(np.ones(cells), x, (x,))


@pytest.mark.parametrize("share", [0.01, 0.5, 0.9, 1.0])
def test_the_filter_of_a_uniform_law_is_uniform_on_its_top(share: float) -> None:
    law = uniform()
    place = point(top_share(law, share), law)
    # These shares are whole numbers of cells.
    assert place.kl == pytest.approx(-math.log(share), rel=1e-12, abs=1e-14)
    assert place.reward == pytest.approx(1 - share / 2, rel=1e-12)


def test_the_level_at_the_threshold_is_kept_in_part() -> None:
    law = Law([0.2, 0.3, 0.1, 0.4], [2.0, 1.0, 1.0, 0.0])
    found = top_share(law, 0.4).probabilities
    # All of 0.2, and 0.2 of the level of mass 0.4.
    np.testing.assert_allclose(found, [0.5, 0.375, 0.125, 0.0], rtol=1e-13)


@pytest.mark.parametrize("share", [0.1, 0.6])
def test_the_filter_is_inside_the_frontier(share: float) -> None:
    law = uniform()
    place = point(top_share(law, share), law)
    assert place.reward < frontier(law, place.kl).reward


def test_the_best_samples_are_kept_best_first() -> None:
    rewards = torch.tensor([3.0, -1.0, 7.0, 5.0, 0.0])
    assert top_samples(rewards, 0.6, np.random.default_rng(0)).tolist() == [2, 3, 0]
    assert top_samples(rewards, 0.01, np.random.default_rng(0)).tolist() == [2]


def test_ties_at_the_threshold_are_broken_at_random() -> None:
    rewards = torch.tensor([1.0, 0.0, 0.0, 0.0])
    kept = [top_samples(rewards, 0.5, np.random.default_rng(seed))[1] for seed in range(600)]
    counts = np.bincount(torch.stack(kept).numpy(), minlength=4)
    assert counts[0] == 0
    # Four standard errors of 600 draws of one in three.
    assert counts[1:] == pytest.approx(200, abs=4 * math.sqrt(600 * 2 / 9))


def test_samples_and_laws_are_filtered_alike() -> None:
    rewards = torch.as_tensor(np.random.default_rng(0).random(100_000))
    kept = rewards[top_samples(rewards, 0.25, np.random.default_rng(1))]
    expected = point(top_share(uniform(), 0.25), uniform()).reward
    # Five standard errors of 25 000 uniform numbers, and of the threshold's.
    assert float(kept.mean()) == pytest.approx(expected, abs=5 * 2 * 0.25 / math.sqrt(25_000))


def conditioned(levels: int = 4, n: int = 20_000) -> QualityConditioned:
    model = QualityConditioned(Gaussian, first, levels)
    model.fit(plane(n), np.random.default_rng(0))
    return model


def test_levels_are_quarters_of_the_data_in_order() -> None:
    means = [float(one.mean[0]) for one in conditioned().generators]  # type: ignore[attr-defined]
    # Means of the quarters of a normal law: differences of its density at the quartiles, over 1/4.
    quarter = 4 * math.exp(-(0.6744897501960817**2) / 2) / math.sqrt(2 * math.pi)
    middle = 4 / math.sqrt(2 * math.pi) - quarter
    # Five standard errors of 5000 samples of spread below 1/2, and as much for the thresholds.
    expected = [-quarter, -middle, middle, quarter]
    assert means == pytest.approx(expected, abs=2 * 5 * 0.5 / math.sqrt(5000))


def test_the_datas_shares_give_back_the_data_and_the_last_level_the_filter() -> None:
    model, rng = conditioned(), np.random.default_rng(3)
    assert float(first(model.sample(40_000, rng)).mean()) == pytest.approx(0, abs=0.05)
    model.condition([0, 0, 0, 1])
    data = plane(20_000)
    best = data[top_samples(first(data), 0.25, rng)]
    found = model.sample(40_000, rng)
    # The spread within the level is 0.5: six standard errors of both.
    assert float(first(found).mean()) == pytest.approx(float(first(best).mean()), abs=0.02)


def test_tilted_shares_come_near_the_aligned_reward_as_levels_grow() -> None:
    data = plane(20_000)
    aligned = align_samples(first(data), 1.0)
    gaps = []
    for levels in (2, 8, 32):
        shares = tilted_shares(first(data), levels, 1.0)
        assert shares.sum() == pytest.approx(1)
        ordered = torch.sort(first(data)).values
        means = [float(part.mean()) for part in torch.tensor_split(ordered, levels)]
        gaps.append(aligned.reward - float(shares @ means))
    assert gaps[0] > 2 * gaps[1] > 4 * gaps[2] > 0


@pytest.mark.parametrize("beta", [0.5, 3.0])
def test_tilted_shares_by_hand(beta: float) -> None:
    # Five in two levels: the lower has three.
    rewards = torch.tensor([2.0, -1.0, 0.0, 1.0, 3.0])
    weights = np.exp(np.array([-1.0, 0.0, 1.0, 2.0, 3.0]) / beta)
    expected = np.array([weights[:3].sum(), weights[3:].sum()]) / weights.sum()
    np.testing.assert_allclose(tilted_shares(rewards, 2, beta), expected, rtol=1e-12)


def test_samples_come_in_no_order_of_levels() -> None:
    # Groups of consecutive samples are candidates of one curation: levels must be mixed.
    found = first(conditioned().sample(4000, np.random.default_rng(0)))
    neighbours = float(torch.corrcoef(torch.stack([found[:-1], found[1:]]))[0, 1])
    assert neighbours == pytest.approx(0, abs=5 / math.sqrt(4000))


@pytest.mark.parametrize("levels", [1, 3, 8])
def test_exact_levels_by_hand(levels: int) -> None:
    law, beta, cells = uniform(240), 0.5, 240 // levels
    weights = np.exp(law.rewards / beta).reshape(levels, cells).mean(axis=1)
    expected = np.repeat(weights / weights.sum() / cells, cells)
    np.testing.assert_allclose(
        exactly_conditioned(law, levels, beta).probabilities, expected, rtol=1e-10
    )


def test_no_other_shares_of_levels_are_closer_to_the_optimum() -> None:
    law = uniform(240)
    best, levels = exactly_conditioned(law, 4, 0.5), np.repeat(np.arange(4), 60)
    least = kl(optimum(law, 0.5), best)
    for seed in range(20):
        other = np.random.default_rng(seed).normal(0, 0.05, 4)
        assert kl(optimum(law, 0.5), best.reweighted(other[levels])) > least


def test_a_conditioned_model_is_a_generator() -> None:
    # Two Gaussians fitted to the halves of a normal law are 0.114 from it in total variation.
    check_generator(
        lambda: QualityConditioned(Gaussian, first, 2),
        plane(2000),
        plane(8000, seed=1),
        fit_error=0.12,
    ).require()


def test_the_condition_is_part_of_the_state() -> None:
    model, other = conditioned(), QualityConditioned(Gaussian, first, 4)
    model.condition([1, 0, 0, 3])
    other.load(model.state())
    one, same = (m.sample(10, np.random.default_rng(0)) for m in (model, other))
    assert torch.equal(one, same)
    assert other.shares.tolist() == [0.25, 0, 0, 0.75]
    with pytest.raises(ValueError, match="4 levels and this model 2"):
        QualityConditioned(Gaussian, first, 2).load(model.state())


def test_progress_runs_over_the_levels() -> None:
    class Reporting(Gaussian):
        def fit(self, data: Any, rng: Any, progress: Any = None) -> Any:
            progress(0.5, 1.0)
            return super().fit(data, rng)

    heard: list[float] = []
    model = QualityConditioned(Reporting, first, 2)
    model.fit(plane(100), np.random.default_rng(0), lambda done, loss: heard.append(done))
    assert heard == [0.25, 0.75]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: top_share(uniform(), 0.0), "share = 0"),
        (lambda: top_share(uniform(), 1.1), "share = 1.1"),
        (lambda: top_samples(torch.zeros(3), -1.0, np.random.default_rng(0)), "share = -1"),
        (lambda: top_samples(torch.zeros(0), 0.5, np.random.default_rng(0)), "for each"),
        (
            lambda: top_samples(torch.tensor([math.nan]), 0.5, np.random.default_rng(0)),
            "not NaN",
        ),
        (lambda: QualityConditioned(Gaussian, first, 1), "levels = 1"),
        (
            lambda: QualityConditioned(Gaussian, first, 4).fit(plane(3), np.random.default_rng(0)),
            "fewer than the 4",
        ),
        (lambda: conditioned(2, 10).condition([0, 0]), "one of them positive"),
        (lambda: conditioned(2, 10).condition([1, -1]), "at least 0"),
        (lambda: conditioned(2, 10).condition([1]), "each of the 2"),
        (lambda: conditioned(2, 10).condition([math.inf, 1]), "a finite number"),
        (lambda: tilted_shares(torch.zeros(4), 0, 1.0), "levels = 0"),
        (lambda: tilted_shares(torch.zeros(2), 4, 1.0), "no fewer than the 4"),
        (lambda: tilted_shares(torch.zeros(4, 2), 2, 1.0), "for each sample"),
        (lambda: tilted_shares(torch.tensor([0.0, math.nan]), 2, 1.0), "not NaN"),
        (lambda: exactly_conditioned(uniform(), 0, 1.0), "levels = 0"),
        (lambda: exactly_conditioned(uniform(), 2, -1.0), "beta = -1"),
        (lambda: tilted_shares(torch.zeros(4), 2, 0.0), "beta = 0"),
    ],
)
def test_bad_requests_are_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
