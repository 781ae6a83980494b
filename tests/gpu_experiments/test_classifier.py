"""Classifiers: sizes as published, digits told apart, the same weights from the same seed."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from gpu_experiments import classifier as classifiers
from gpu_experiments.calibration import calibration
from gpu_experiments.classifier import VGG11, Classifier, DigitsNetwork, make_network
from gpu_experiments.classifier_training import (
    ClassifierSettings,
    augmented,
    one_cycle,
    train_classifier,
)
from gpu_experiments.data import Labelled, load
from gpu_experiments.images import Images
from sim.protocols import DivergedTraining, silent

DIGITS = ClassifierSettings.digits()
# The same in form, and of no use.
SHORT = replace(DIGITS, epochs=1, batch=256)


@functools.cache
def digits(split: str) -> Labelled:
    return load("digits", split="train" if split == "train" else "test")


@functools.cache
def trained() -> Classifier:
    return train_classifier(digits("train"), DIGITS, np.random.default_rng(0))


def noise(n: int, shape: tuple[int, int, int], classes: int = 10) -> Labelled:
    rng = np.random.default_rng(0)
    pixels = torch.as_tensor(rng.uniform(-1, 1, (n, *shape))).float()
    labels = torch.as_tensor(rng.integers(classes, size=n))
    return Labelled(Images(pixels), labels, tuple(str(k) for k in range(classes)), "noise")


def count(module: nn.Module, kind: type[nn.Module] | tuple[type[nn.Module], ...]) -> int:
    return sum(p.numel() for m in module.modules() if isinstance(m, kind) for p in m.parameters())


def same(one: Classifier, other: Classifier) -> bool:
    mine, theirs = one.state()["parameters"], other.state()["parameters"]
    return all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_vgg11_has_the_published_number_of_parameters() -> None:
    network = VGG11()
    assert sum(p.numel() for p in network.parameters()) == 28_149_514
    assert count(network, nn.Conv2d) == 9_220_480
    assert count(network, nn.BatchNorm2d) == 5_504
    assert count(network, nn.Linear) == 18_923_530


def test_the_digits_network_is_small() -> None:
    assert count(DigitsNetwork(), (nn.Conv2d, nn.BatchNorm2d, nn.Linear)) == 20_890


@pytest.mark.parametrize(("make", "classes"), [(VGG11, 10), (DigitsNetwork, 10), (VGG11, 3)])
def test_features_and_logits_have_the_stated_shapes(make: Callable[..., Any], classes: int) -> None:
    network = make(classes).eval()
    classifier = Classifier(network, "any", [str(k) for k in range(classes)])
    images = noise(3, classifier.shape).images
    assert classifier.features(images).shape == (3, network.dimension)
    assert classifier.logits(images).shape == (3, classes)
    assert str(network.dimension) in classifier.features_name


def test_digits_are_told_apart_as_well_as_promised() -> None:
    found = trained().report(digits("test"))
    assert found.accuracy >= 0.975
    # Measured over five seeds: 0.022 to 0.044 nats and at most 1.2 %.
    assert found.nll < 0.1
    assert found.ece < 0.03
    outright = calibration(trained().logits(digits("test").images), digits("test").labels)
    assert found == outright


def test_training_goes_by_its_stream_alone() -> None:
    first = train_classifier(digits("train"), SHORT, np.random.default_rng(1))
    torch.manual_seed(99)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        again = train_classifier(digits("train"), SHORT, np.random.default_rng(1))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    other = train_classifier(digits("train"), SHORT, np.random.default_rng(2))
    assert same(first, again)
    assert not same(first, other)


def test_dropout_is_seeded_and_leaves_the_global_stream_alone() -> None:
    settings = replace(ClassifierSettings.cifar10(), epochs=2, batch=4)
    data, found = noise(4, (3, 32, 32)), []
    for seed in (5, 6):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        found.append(train_classifier(data, settings, np.random.default_rng(0)))
        assert torch.equal(torch.get_rng_state(), before)
    assert same(*found)


def test_training_tells_its_progress_and_lowers_the_loss() -> None:
    told: list[tuple[float, float | None]] = []
    settings = replace(DIGITS, epochs=5)
    train_classifier(
        digits("train"), settings, np.random.default_rng(0), progress=lambda *x: told.append(x)
    )
    done = [fraction for fraction, _ in told]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0.0, 1.0)
    losses = [loss for _, loss in told if loss is not None]
    assert losses[0] == pytest.approx(math.log(10), rel=0.1)
    assert losses[-1] < 1


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_classifier_comes_back_from_its_state(mirrored: bool, tmp_path: Path) -> None:
    settings = replace(SHORT, mirrored=mirrored)
    classifier = train_classifier(digits("train"), settings, np.random.default_rng(0))
    classifier.calibrate(digits("test"))
    torch.save(classifier.state(), tmp_path / "state.pt")
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    again = Classifier.from_state(state)
    images = digits("test").images
    assert torch.equal(again.probabilities(images), classifier.probabilities(images))
    assert (again.names, again.shape) == (classifier.names, classifier.shape)
    # A state is a copy: training on does not change it.
    next(iter(classifier.network.parameters())).add_(1)
    assert torch.equal(Classifier.from_state(state).logits(images), again.logits(images))


def test_the_state_of_another_classifier_is_refused() -> None:
    three = Classifier(make_network("digits", 3, 0), "digits", ("a", "b", "c"))
    with pytest.raises(ValueError, match="'digits' for 10 classes and the classifier is 'digits'"):
        three.load(trained().state())


def test_probabilities_do_not_depend_on_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    images = Images(digits("test").images[:100])
    whole = trained().probabilities(images)
    torch.testing.assert_close(whole.sum(dim=1), torch.ones(100))
    monkeypatch.setitem(classifiers.BATCH, "cpu", 33)
    torch.testing.assert_close(trained().probabilities(images), whole)
    assert trained().probabilities(Images(images[:0])).shape == (0, 10)
    assert trained().features(Images(images[:0])).shape == (0, 48)


def test_a_mirrored_classifier_does_not_see_left_from_right() -> None:
    state = trained().state()
    plain, both = trained(), Classifier.from_state({**state, "mirrored": True})
    images = Images(digits("test").images[:50])
    other = Images(images.flip(3))
    torch.testing.assert_close(both.logits(images), both.logits(other), rtol=0, atol=1e-4)
    mean = (plain.logits(images) + plain.logits(other)) / 2
    torch.testing.assert_close(both.logits(images), mean, rtol=0, atol=1e-4)
    assert float((plain.logits(images) - plain.logits(other)).abs().max()) > 1
    assert torch.equal(both.features(images), plain.features(images))


def test_calibrating_divides_the_logits_until_nothing_is_left_to_mend() -> None:
    classifier = Classifier.from_state(trained().state())
    before, images = classifier.report(digits("test")), digits("test").images
    raw = classifier.logits(images)
    assert classifier.calibrate(digits("test")) == pytest.approx(before.temperature, rel=1e-9)
    torch.testing.assert_close(classifier.logits(images), raw / before.temperature)
    after = classifier.report(digits("test"))
    assert after.temperature == pytest.approx(1, rel=1e-5)
    assert after.nll < before.nll
    assert after.accuracy == before.accuracy


def test_half_precision_images_are_taken() -> None:
    images = Images(digits("test").images[:20])
    found = trained().probabilities(Images(images.bfloat16()))
    assert found.dtype == torch.float32
    # Digits have 17 levels, which bfloat16 has too.
    assert torch.equal(found, trained().probabilities(images))


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (torch.zeros(2, 3, 32, 32), ValueError, r"\(3, 32, 32\) where \(1, 8, 8\)"),
        (torch.full((2, 1, 8, 8), 16.0), ValueError, "from 16 to 16"),
        (torch.zeros(2, 1, 8, 8).byte(), TypeError, "from_bytes"),
    ],
)
def test_other_images_are_refused(
    images: torch.Tensor, error: type[Exception], message: str
) -> None:
    for use in (trained().logits, trained().probabilities, trained().features):
        with pytest.raises(error, match=message):
            use(Images(images))


def test_images_that_do_not_suit_are_not_trained_or_judged_on() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"training images have .* \(1, 8, 8\) where \(3, 32, 32"):
        train_classifier(digits("train"), ClassifierSettings.cifar10(), rng)
    with pytest.raises(ValueError, match="1 training images: give at least 2"):
        train_classifier(noise(1, (1, 8, 8)), DIGITS, rng)
    with pytest.raises(ValueError, match="same classes, in the same order"):
        trained().report(replace(digits("test"), names=tuple("9876543210")))


def test_a_loss_that_is_no_number_ends_the_training() -> None:
    with pytest.raises(DivergedTraining, match=r"loss is nan after .* of"):
        train_classifier(
            digits("train"), replace(SHORT, optimiser="sgd", rate=1e30), np.random.default_rng(0)
        )


def test_a_last_step_that_no_loss_has_judged_is_judged() -> None:
    settings = replace(SHORT, optimiser="sgd", rate=1e30, decay=1e30, batch=len(digits("train")))
    with pytest.raises(DivergedTraining, match="loss is nan after 1 of 1 steps"):
        train_classifier(digits("train"), settings, np.random.default_rng(0))


@pytest.mark.parametrize(
    "change",
    [
        {"smoothing": 0.2},
        {"decay": 1.0},
        {"warm_up": 0.5},
        {"shift": 2},
        {"flips": True},
        {"optimiser": "sgd"},
    ],
    ids=str,
)
def test_every_setting_reaches_the_training(change: dict[str, Any]) -> None:
    plain, changed = (
        train_classifier(digits("train"), settings, np.random.default_rng(0))
        for settings in (SHORT, replace(SHORT, **change))
    )
    assert not same(plain, changed)


def test_smoothing_makes_less_sure_and_decay_makes_kernels_small() -> None:
    plain, smooth, small = (
        train_classifier(
            digits("train"), replace(SHORT, epochs=6, **change), np.random.default_rng(0)
        )
        for change in ({}, {"smoothing": 0.5}, {"decay": 20.0})
    )
    test = digits("test")
    # Half of the label on its class, and a tenth of the other half: 0.55.
    assert smooth.report(test).confidence < 0.7 < plain.report(test).confidence
    for kind, least, most in (("0.weight", 0.0, 0.7), ("1.weight", 0.9, 1.1)):
        one, other = (c.state()["parameters"][f"body.{kind}"].norm() for c in (plain, small))
        assert least < float(other / one) < most


def test_short_memory_names_a_batch_that_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    state = trained().state()

    def too_much(self: nn.Module, images: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(DigitsNetwork, "forward", too_much)
    with pytest.raises(MemoryError, match="does not hold 256 images per training step: take 128"):
        train_classifier(digits("train"), SHORT, np.random.default_rng(0))
    with pytest.raises(MemoryError, match="does not hold 256 images classified at a time"):
        Classifier.from_state(state).logits(digits("test").images)


@pytest.mark.parametrize(("shift", "flips"), [(0, False), (2, False), (1, True)])
def test_augmentation_draws_each_move_equally_often(shift: int, flips: bool) -> None:
    images = noise(2, (3, 6, 5)).images
    m, moves = 6000, range(-shift, shift + 1)
    generator = torch.Generator().manual_seed(0)
    index = torch.arange(m) % 2
    found = augmented(images, index, shift, flips, generator)
    assert found.shape == (m, 3, 6, 5)
    # All that may come out, by torch's own padding.
    wide = nn.functional.pad(images, (shift,) * 4, mode="reflect")
    crops = [
        wide[:, :, shift + dy : shift + dy + 6, shift + dx : shift + dx + 5]
        for dy, dx in itertools.product(moves, moves)
    ]
    if flips:
        crops += [
            wide.flip(3)[:, :, shift + dy : shift + dy + 6, shift + dx : shift + dx + 5]
            for dy, dx in itertools.product(moves, moves)
        ]
    candidates = torch.stack(crops, dim=1)[index]
    matches = (found[:, None] == candidates).flatten(2).all(dim=2)
    assert bool((matches.sum(dim=1) == 1).all())
    share = 1 / len(crops)
    error = math.sqrt(share * (1 - share) / m)
    assert matches.double().mean(dim=0).numpy() == pytest.approx(share, abs=4.5 * error + 1e-12)


def test_the_rate_rises_to_its_peak_and_falls_to_nothing() -> None:
    rates = [one_cycle(step, 10, 0.4) for step in range(10)]
    expected = [0.2, 0.4, 0.6, 0.8, 1.0, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6]
    assert rates == pytest.approx(expected)
    assert one_cycle(0, 1, 0.0) == 1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs = 0 is not a whole number of at least 1"),
        ({"epochs": 1.5}, "epochs = 1.5"),
        ({"batch": 1}, "batch = 1 is not a whole number of at least 2"),
        ({"batch": True}, "batch = True"),
        ({"shift": -1}, "shift = -1"),
        ({"shift": 32}, "shift = 32 is not below the images' side, 32"),
        ({"rate": 0.0}, "rate = 0.0 is not a positive number"),
        ({"rate": math.inf}, "rate = inf"),
        ({"decay": -1.0}, "decay = -1.0 is not a number from 0"),
        ({"warm_up": 1.0}, "warm_up = 1.0 is not a number from 0 to below 1"),
        ({"smoothing": math.nan}, "smoothing = nan"),
        ({"optimiser": "lion"}, "optimiser = 'lion': give one of sgd, adamw"),
        ({"network": "resnet"}, "network = 'resnet': give one of vgg11, digits"),
    ],
)
def test_settings_out_of_range_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(ClassifierSettings.cifar10(), **change)


def test_vgg11_learns_real_images(cifar10_path: Path) -> None:
    data = load("cifar10", cifar10_path, "test", silent).subset(48, np.random.default_rng(0))
    # Few steps, so an optimiser of few steps; all else as for CIFAR-10.
    settings = replace(
        ClassifierSettings.cifar10(), epochs=5, batch=24, optimiser="adamw", rate=5e-4
    )
    classifier = train_classifier(data, settings, np.random.default_rng(0))
    # Who knows nothing of the images has log 10 or more.
    assert classifier.report(data).nll < 0.95 * math.log(10)
