r"""Whether a classifier's probabilities mean what they say, and the temperature that mends them.

A reward :math:`\gamma q_c(x)` takes the probabilities q at their word: a classifier that is always
sure gives two levels of reward where an honest one gives a range. For images with labels y:

- *Negative log-likelihood* :math:`-\frac1n\sum_i \log q_{y_i}(x_i)`, in nats: a proper score.
- *Expected calibration error*: images are put into equal bins by their confidence
  :math:`\max_c q_c`; it is the mean over bins, weighted by their images, of |accuracy - mean
  confidence|. It depends on the bins, and is biased upwards: a calibrated classifier's is about
  :math:`\sum_b \sqrt{2 p_b s_b/(\pi n)}` with share :math:`p_b` of the images and variance
  :math:`s_b` of being right in bin b.
- *Temperature* T: logits are divided by T before the softmax. That leaves the most probable class
  as it is. T is fitted by maximum likelihood, which is a convex problem in 1/T.

Source: Guo, Pleiss, Sun & Weinberger 2017 (arXiv:1706.04599), sections 2 and 4.2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

BINS = 15
"""Bins of equal width from 0 to 1, each with its upper end and without its lower; Guo et al.'s."""

FOLDS = 10
"""Parts of the held-out images, each of which gets the temperature fitted to the others. Of few
images two halves would not do: one of them may have no error, and then no finite temperature."""

COLDEST, HOTTEST = 0.05, 20.0
"""Temperatures are looked for between these. Where every answer is right the likelihood grows as T
falls to 0, and where the classifier is no better than chance as T grows: then the end is found."""


@dataclass(frozen=True)
class Calibration:
    """Quality of class probabilities on images that they were not fitted to.

    Attributes
    ----------
    images
        Number n of images.
    accuracy
        Share whose most probable class is the true one.
    accuracy_error
        Its standard error, over draws of n images.
    nll
        Mean negative log-likelihood, nats.
    ece
        Expected calibration error, in ``BINS`` bins.
    confidence
        Mean of the largest probability: above the accuracy for a classifier that is too sure.
    temperature
        The one of largest likelihood on all of the images; 1 for probabilities that need none.
    nll_after, ece_after
        With a temperature that is held out as well: image i is in part i modulo ``FOLDS``, and each
        part has the temperature fitted to the other parts.
    """

    images: int
    accuracy: float
    accuracy_error: float
    nll: float
    ece: float
    confidence: float
    temperature: float
    nll_after: float
    ece_after: float

    def __str__(self) -> str:
        return (
            f"accuracy {100 * self.accuracy:.2f} ± {100 * self.accuracy_error:.2f} % on "
            f"{self.images} images held out, mean confidence {100 * self.confidence:.2f} %, "
            f"NLL {self.nll:.4f} nats, ECE {100 * self.ece:.2f} % ({BINS} bins); with temperature "
            f"{self.temperature:.3f}: NLL {self.nll_after:.4f}, ECE {100 * self.ece_after:.2f} %"
        )


def calibration(logits: torch.Tensor, labels: torch.Tensor) -> Calibration:
    """Quality of ``softmax(logits)`` given the labels.

    Parameters
    ----------
    logits
        Shape (n, classes), n at least 2, on any device.
    labels
        Whole numbers from 0 to classes - 1, shape (n,).
    """
    logits, labels = _checked(logits, labels)
    n = len(labels)
    if n < 2:
        raise ValueError(f"{n} image: give at least 2, some of them for the temperature.")
    found = logits.softmax(dim=1)
    tempered = torch.empty_like(logits)
    fold = torch.arange(n) % FOLDS
    for part in fold.unique():
        inside = fold == part
        temperature = fit_temperature(logits[~inside], labels[~inside])
        tempered[inside] = logits[inside] / temperature
    accuracy = float((logits.argmax(dim=1) == labels).double().mean())
    return Calibration(
        images=n,
        accuracy=accuracy,
        accuracy_error=math.sqrt(accuracy * (1 - accuracy) / n),
        nll=negative_log_likelihood(logits, labels),
        ece=expected_calibration_error(found, labels),
        confidence=float(found.amax(dim=1).mean()),
        temperature=fit_temperature(logits, labels),
        nll_after=negative_log_likelihood(tempered, labels),
        ece_after=expected_calibration_error(tempered.softmax(dim=1), labels),
    )


def negative_log_likelihood(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """Mean of minus the log-probability of the true class, nats; shapes (n, classes) and (n,)."""
    logits, labels = _checked(logits, labels)
    return float(torch.nn.functional.cross_entropy(logits, labels))


def expected_calibration_error(
    probabilities: torch.Tensor, labels: torch.Tensor, bins: int = BINS
) -> float:
    """Mean distance of accuracy and confidence over bins of equal width, weighted by their images.

    Parameters
    ----------
    probabilities
        Shape (n, classes).
    labels
        Shape (n,).
    bins
        Number of bins; the last one holds confidences up to 1 and 1 itself.
    """
    probabilities, labels = _checked(probabilities, labels)
    confidence, answer = probabilities.max(dim=1)
    # Sums of softmax may be 1 and a rounding.
    place = ((confidence * bins).ceil().long() - 1).clamp(0, bins - 1)
    gap = (answer == labels).double() - confidence
    # The share of a bin times its mean gap is the sum of its gaps over n.
    sums = torch.zeros(bins, dtype=gap.dtype, device=gap.device).index_add_(0, place, gap)
    return float(sums.abs().sum()) / len(labels)


def fit_temperature(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """Temperature of largest likelihood between ``COLDEST`` and ``HOTTEST``.

    The slope of the negative log-likelihood in 1/T, the mean over images of (expected logit - logit
    of the true class), rises with 1/T: its root is found by bisection, to rounding.
    """
    logits, labels = _checked(logits, labels)
    right = logits.gather(1, labels[:, None]).squeeze(1)

    def slope(temperature: float) -> float:
        expected = ((logits / temperature).softmax(dim=1) * logits).sum(dim=1)
        return float((expected - right).mean())

    low, high = COLDEST, HOTTEST
    if slope(low) <= 0:
        return low
    if slope(high) >= 0:
        return high
    # Sixty halvings of the interval of log T, of length 6, are below its rounding.
    for _ in range(60):
        middle = math.sqrt(low * high)
        if slope(middle) > 0:
            low = middle
        else:
            high = middle
    return math.sqrt(low * high)


def _checked(scores: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores (n, classes) in float64 and labels (n,), on the CPU: a few numbers per image."""
    if scores.ndim != 2 or 0 in scores.shape or tuple(labels.shape) != tuple(scores.shape[:1]):
        raise ValueError(
            f"scores have shape {tuple(scores.shape)} and labels {tuple(labels.shape)}: give "
            "(n, classes) and (n,), n at least 1."
        )
    if labels.is_floating_point() or labels.dtype == torch.bool:
        raise ValueError(f"labels have type {labels.dtype}: give whole numbers.")
    scores, labels = scores.detach().double().cpu(), labels.detach().long().cpu()
    if not torch.isfinite(scores).all():
        raise ValueError("scores are not all finite numbers: the classifier has diverged.")
    if int(labels.min()) < 0 or int(labels.max()) >= scores.shape[1]:
        raise ValueError(
            f"labels go from {int(labels.min())} to {int(labels.max())}: give 0 to "
            f"{scores.shape[1] - 1}."
        )
    return scores, labels
