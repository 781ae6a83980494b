"""Calibration: errors by hand, temperatures that are known, and temperatures held out."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from gpu_experiments.calibration import (
    COLDEST,
    FOLDS,
    HOTTEST,
    calibration,
    expected_calibration_error,
    fit_temperature,
    negative_log_likelihood,
)


def drawn(n: int, temperature: float, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits of five classes, with labels of the probabilities at this temperature."""
    rng = np.random.default_rng(seed)
    logits = 3 * rng.normal(size=(n, 5))
    noise = rng.gumbel(size=(n, 5))
    return torch.as_tensor(logits), torch.as_tensor((logits / temperature + noise).argmax(axis=1))


def best_temperature(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """By a general minimiser, in the logarithm of the temperature."""
    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        scaled = log_softmax(logits.numpy() / math.exp(log_temperature), axis=1)
        return -float(scaled[rows, labels.numpy()].mean())

    found = minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-10})
    return math.exp(found.x)


def test_calibration_error_of_an_example_by_hand() -> None:
    # Two bins: confidences 0.5 and 0.3 are in the lower one, 0.6, 0.8 and 1 in the upper one.
    probabilities = torch.tensor(
        [[0.5, 0.2, 0.3], [0.6, 0.4, 0.0], [0.0, 0.2, 0.8], [0.3, 0.35, 0.35], [0.0, 1.0, 0.0]]
    )
    labels = torch.tensor([1, 0, 0, 1, 1])
    lower = abs((0 - 0.5) + (1 - 0.35)) / 2
    upper = abs((1 - 0.6) + (0 - 0.8) + (1 - 1.0)) / 3
    found = expected_calibration_error(probabilities, labels, bins=2)
    assert found == pytest.approx(2 / 5 * lower + 3 / 5 * upper, rel=1e-6)


def test_of_a_calibrated_classifier_the_error_is_its_stated_bias() -> None:
    n, bins, repeats = 4000, 10, 20
    found, stated = [], []
    for seed in range(repeats):
        logits, labels = drawn(n, 1.0, seed)
        probabilities = logits.softmax(dim=1)
        confidence = probabilities.amax(dim=1)
        found.append(expected_calibration_error(probabilities, labels, bins))
        variances = [
            float((confidence * (1 - confidence))[(confidence * bins).ceil() == b].sum())
            for b in range(1, bins + 1)
        ]
        # Share of the bin times variance within it, over n.
        stated.append(sum(math.sqrt(2 * v / math.pi) for v in variances) / n)
    error = float(np.std(found)) / math.sqrt(repeats)
    assert np.mean(found) == pytest.approx(np.mean(stated), abs=4 * error)


def test_an_unsure_classifier_has_its_distance_from_certainty() -> None:
    probabilities = torch.tensor([[0.7, 0.3]]).repeat(10, 1)
    assert expected_calibration_error(probabilities, torch.zeros(10).long()) == pytest.approx(0.3)


def test_log_likelihood_in_nats() -> None:
    logits = torch.log(torch.tensor([[0.2, 0.8], [0.5, 0.5]], dtype=torch.float64)) + 7
    found = negative_log_likelihood(logits, torch.tensor([0, 1]))
    assert found == pytest.approx(-(math.log(0.2) + math.log(0.5)) / 2, rel=1e-12)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_temperature_is_the_best_and_near_the_true_one(temperature: float) -> None:
    logits, labels = drawn(4000, temperature, 3)
    found = fit_temperature(logits, labels)
    # The minimiser sees its minimum to the square root of rounding.
    assert found == pytest.approx(best_temperature(logits, labels), rel=1e-6)
    # Fisher's information of 1/T is the mean variance of the logits under the choice.
    shares = (logits / temperature).softmax(dim=1)
    variance = (shares * logits**2).sum(dim=1) - (shares * logits).sum(dim=1) ** 2
    error = 1 / math.sqrt(float(variance.sum()))
    assert 1 / found == pytest.approx(1 / temperature, abs=4 * error)


def test_without_errors_the_coldest_and_by_chance_the_hottest() -> None:
    logits, _ = drawn(100, 1.0, 0)
    assert fit_temperature(logits, logits.argmax(dim=1)) == COLDEST
    assert fit_temperature(logits, logits.argmin(dim=1)) == HOTTEST


def test_calibration_says_what_each_part_says() -> None:
    true, labels = drawn(3000, 1.0, 1)
    found = calibration(3 * true, labels)
    right = (true.argmax(dim=1) == labels).double().mean().item()
    assert (found.images, found.accuracy) == (3000, right)
    assert found.accuracy_error == pytest.approx(math.sqrt(right * (1 - right) / 3000))
    assert found.confidence == pytest.approx(float((3 * true).softmax(dim=1).amax(dim=1).mean()))
    assert found.nll == negative_log_likelihood(3 * true, labels)
    assert found.ece == expected_calibration_error((3 * true).softmax(dim=1), labels)
    assert found.temperature == pytest.approx(3, rel=0.15)
    # Three times too sure by construction; mended, it is as good as the true probabilities.
    assert found.confidence > found.accuracy + 0.05
    assert found.ece > 0.05 > 2 * found.ece_after
    assert found.nll_after == pytest.approx(negative_log_likelihood(true, labels), rel=1e-2)
    assert f"{100 * right:.2f}" in str(found)


def test_no_image_is_judged_by_a_temperature_fitted_to_it() -> None:
    logits, labels = drawn(57, 2.0, 5)
    losses = np.empty(57)
    for fold in range(FOLDS):
        inside = np.arange(57) % FOLDS == fold
        temperature = best_temperature(logits[~inside], labels[~inside])
        scaled = log_softmax(logits[inside].numpy() / temperature, axis=1)
        losses[inside] = -scaled[np.arange(inside.sum()), labels[inside].numpy()]
    found = calibration(logits, labels)
    assert found.nll_after == pytest.approx(losses.mean(), rel=1e-6)
    everything = negative_log_likelihood(logits / found.temperature, labels)
    assert found.nll_after > everything + 1e-4


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        (torch.zeros(3), torch.zeros(3).long(), r"scores have shape \(3,\)"),
        (torch.zeros(3, 2), torch.zeros(2).long(), r"labels \(2,\)"),
        (torch.zeros(0, 2), torch.zeros(0).long(), "n at least 1"),
        (torch.zeros(3, 2), torch.zeros(3), "whole numbers"),
        (torch.zeros(3, 2), torch.tensor([0, 1, 2]), "labels go from 0 to 2: give 0 to 1"),
        (torch.zeros(3, 2), torch.tensor([0, -1, 1]), "labels go from -1"),
        (torch.full((3, 2), math.nan), torch.zeros(3).long(), "not all finite"),
        (torch.zeros(1, 2), torch.zeros(1).long(), "at least 2"),
    ],
)
def test_bad_input_is_refused(scores: torch.Tensor, labels: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        calibration(scores, labels)
