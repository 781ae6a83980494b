"""Rewards of images: exact values, bounds, devices, and a learnt reward that finds the true one."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import softmax
from torch import nn

from gpu_experiments import classifier as classifiers
from gpu_experiments.classifier import Classifier, ImageNetwork
from gpu_experiments.images import Images
from gpu_experiments.rewards import ClassReward, ConfidenceReward, LearntReward, learn_reward
from sim.curation import KChoice
from sim.preferences import agreement, compare

NAMES = ("left", "middle", "right")


class Pixels(ImageNetwork):
    """Its features are the four pixels, its logits three combinations of them."""

    shape = (1, 2, 2)
    title = "pixels"
    dimension = 4

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Flatten()
        self.head = nn.Linear(4, 3)
        generator = torch.Generator().manual_seed(0)
        self.head.weight.data.normal_(0, 2, generator=generator)
        self.calls = 0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return super().forward(images)


def made() -> Classifier:
    return Classifier(Pixels(), "pixels", NAMES)


def drawn(n: int, seed: int = 0) -> Images:
    return Images(torch.as_tensor(np.random.default_rng(seed).uniform(-1, 1, (n, 1, 2, 2))).float())


def by_hand(classifier: Classifier, images: torch.Tensor) -> np.ndarray:
    head = classifier.network.head
    assert isinstance(head, nn.Linear)
    logits = images.flatten(1).double().numpy() @ head.weight.double().numpy().T
    return softmax(logits + head.bias.double().numpy(), axis=1)


def test_rewards_are_gamma_times_the_probabilities() -> None:
    classifier, images = made(), drawn(50)
    expected = by_hand(classifier, images)
    for index in range(3):
        found = ClassReward(classifier, index, gamma=5.0)(images)
        assert found.shape == (50,)
        np.testing.assert_allclose(found.numpy(), 5 * expected[:, index], rtol=1e-5)
    found = ConfidenceReward(classifier, gamma=15.0)(images)
    np.testing.assert_allclose(found.numpy(), 15 * expected.max(axis=1), rtol=1e-5)


def test_rewards_stay_within_their_bounds_and_come_near_them() -> None:
    classifier = made()
    classifier.network.head.weight.mul_(50)  # type: ignore[operator]
    images = drawn(4000)
    one, sure = ClassReward(classifier, 1, 5.0), ConfidenceReward(classifier, 15)
    assert (one.infimum, one.supremum) == (0.0, 5.0)
    assert (sure.infimum, sure.supremum) == (5.0, 15.0)
    for reward in (one, sure):
        found = reward(images)
        assert reward.infimum <= float(found.min())
        assert reward.supremum >= float(found.max()) > 0.999 * reward.supremum
    assert float(one(images).min()) < 0.001
    level = Images(torch.zeros(1, 1, 2, 2))
    classifier.network.head.bias.zero_()  # type: ignore[operator]
    assert float(sure(level)) == pytest.approx(sure.infimum, rel=1e-6)


def test_images_are_scored_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    classifier, images = made(), drawn(100)
    reward = ConfidenceReward(classifier, 1.0)
    whole = reward(images)
    monkeypatch.setitem(classifiers.BATCH, "cpu", 30)
    classifier.network.calls = 0  # type: ignore[assignment]
    torch.testing.assert_close(reward(images), whole)
    assert classifier.network.calls == 4
    assert reward(drawn(0)).shape == (0,)


@pytest.mark.parametrize("index", [-1, 3, 1.0, True, "left"])
def test_classes_that_do_not_exist_are_refused(index: Any) -> None:
    with pytest.raises(ValueError, match=r"index = .* is (no class: give 0 to 2|not a whole)"):
        ClassReward(made(), index, 1.0)


@pytest.mark.parametrize("gamma", [0, -1.0, math.nan, math.inf, True, "5", None])
def test_gamma_is_a_positive_finite_number(gamma: Any) -> None:
    for make in (lambda: ClassReward(made(), 0, gamma), lambda: ConfidenceReward(made(), gamma)):
        with pytest.raises(ValueError, match=r"gamma = .* is not a"):
            make()


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (torch.full((2, 1, 2, 2), 255.0), ValueError, "from 255 to 255"),
        (torch.zeros(2, 1, 2, 2).byte(), TypeError, "from_bytes"),
        (torch.zeros(2, 3, 2, 2), ValueError, r"\(3, 2, 2\) where \(1, 2, 2\)"),
        (torch.full((2, 1, 2, 2), math.nan), ValueError, "no number"),
    ],
)
def test_what_is_no_image_of_the_classifier_is_refused(
    images: torch.Tensor, error: type[Exception], message: str
) -> None:
    learnt = learn_reward(made(), drawn(200), first_pixel, KChoice(2), np.random.default_rng(0))
    for reward in (ClassReward(made(), 0, 1.0), ConfidenceReward(made(), 1.0), learnt):
        with pytest.raises(error, match=message):
            reward(images)


def first_pixel(samples: torch.Tensor) -> torch.Tensor:
    return 2 * samples[:, 0, 0, 0] - samples[:, 0, 1, 1]


@pytest.mark.parametrize("K", [2, 4])
def test_a_linear_reward_is_found_to_the_error_that_fisher_says(K: int) -> None:
    rng = np.random.default_rng(K)
    n, repeats, judged = 1000, 20, drawn(5000, 2)
    # The reward's weights by the pixels, and the information of a comparison at them.
    weights = np.array([2.0, 0.0, 0.0, -1.0])
    groups = rng.uniform(-1, 1, (50_000, K, 4))
    shares = softmax(groups @ weights, axis=1)
    centred = groups - np.einsum("nk,nkp->np", shares, groups)[:, None]
    information = np.einsum("nk,nkp,nkq->pq", shares, centred, centred) / len(groups)
    # The variance over images, uniform pixels having variance 1/3, of the error of the reward.
    expected = np.trace(np.linalg.inv(information)) / 3 / n
    squared = []
    for repeat in range(repeats):
        asked = drawn(n * K, 10 + repeat)
        learnt = learn_reward(made(), asked, first_pixel, KChoice(K), rng, ridge=0.0)
        squared.append(float((learnt(judged) - first_pixel(judged)).var()))
    # Four squared normals each time, whose sum has a standard deviation of at most 1.5 times
    # sqrt(2/4) of its mean as no eigenvalue of the information is far from the others.
    assert np.mean(squared) == pytest.approx(expected, rel=4 * 1.5 * math.sqrt(0.5 / repeats))
    below = compare(judged, first_pixel, KChoice(2), rng)
    assert agreement(learnt, below) == pytest.approx(agreement(first_pixel, below), abs=0.02)


def test_a_network_learns_what_is_not_linear() -> None:
    def parting(samples: torch.Tensor) -> torch.Tensor:
        return 4 * samples[:, 0, 0, 0].square()

    rng = np.random.default_rng(0)
    asked, judged = drawn(6000, 1), drawn(2000, 2)
    network = learn_reward(made(), asked, parting, KChoice(2), rng, model="network")
    linear = learn_reward(made(), asked, parting, KChoice(2), rng)
    answers = compare(judged, parting, KChoice(2), rng)
    assert agreement(network, answers) > 0.95 * agreement(parting, answers)
    assert agreement(linear, answers) < 0.6


@pytest.mark.parametrize("model", ["linear", "network"])
def test_a_learnt_reward_is_cut_at_the_best_image_of_its_fit(model: str) -> None:
    asked = Images(drawn(400) / 2)
    learnt = learn_reward(
        made(), asked, first_pixel, KChoice(2), np.random.default_rng(0), model=model
    )
    assert float(learnt(asked).max()) == pytest.approx(learnt.supremum, rel=1e-6)
    # Twice as far out, a third of the images would have a larger reward.
    beyond = learnt(drawn(1000, 7))
    assert float(beyond.max()) == pytest.approx(learnt.supremum, rel=1e-6)
    assert int((beyond >= learnt.supremum * (1 - 1e-6)).sum()) > 5


@pytest.mark.parametrize("model", ["linear", "network"])
def test_a_learnt_reward_comes_back_from_its_state(model: str, tmp_path: Path) -> None:
    classifier, images = made(), drawn(100, 3)
    rng = np.random.default_rng(0)
    learnt = learn_reward(classifier, drawn(200), first_pixel, KChoice(2), rng, model=model)
    torch.save(learnt.state(), tmp_path / "state.pt")
    again = LearntReward(classifier, model)
    again.load(torch.load(tmp_path / "state.pt", weights_only=True))
    assert torch.equal(again(images), learnt(images))
    assert again.supremum == learnt.supremum


def test_without_upsets_the_ridge_is_needed() -> None:
    def certain(samples: torch.Tensor) -> torch.Tensor:
        return 1e6 * first_pixel(samples)

    rng = np.random.default_rng(0)
    learnt = learn_reward(made(), drawn(200), certain, KChoice(2), rng)
    judged = compare(drawn(1000, 1), certain, KChoice(2), rng)
    assert agreement(learnt, judged) > 0.9
    with pytest.raises(ValueError, match="no upset"):
        learn_reward(made(), drawn(200), certain, KChoice(2), rng, ridge=0.0)


def test_features_that_are_off_do_no_harm() -> None:
    dark = drawn(400)
    dark[:, 0, 0, 1] = -1.0
    rng = np.random.default_rng(0)
    learnt = learn_reward(made(), dark, first_pixel, KChoice(2), rng)
    found = learnt(dark)
    assert bool(torch.isfinite(found).all())
    assert float(torch.corrcoef(torch.stack([found, first_pixel(dark).double()]))[0, 1]) > 0.95


def test_a_reward_that_has_learnt_nothing_says_so() -> None:
    learnt = LearntReward(made())
    for use in (lambda: learnt(drawn(2)), lambda: learnt.supremum):
        with pytest.raises(ValueError, match="call fit first"):
            use()
    with pytest.raises(ValueError, match="give linear or network"):
        LearntReward(made(), "tree")
