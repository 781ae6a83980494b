r"""Handwritten digits with classifier rewards: a real-data law for the exact retraining loop.

Data: the 1797 grey-scale 8x8 images in ten classes that scikit-learn bundles (test part of the UCI
"Optical Recognition of Handwritten Digits" set, E. Alpaydin and C. Kaynak, 1998).

Rewards come from a classifier, so they must not be scores of images the classifier has memorised:
every image is scored by a multinomial logistic regression that never saw it. The data are cut into
folds, stratified by class and shuffled with a fixed seed; the images of a fold get the class
probabilities of the model fitted to the other folds. The recorded accuracy and log-loss are those
of these out-of-fold probabilities, hence held-out figures. What is approximate: the folds' models
differ slightly, so rewards of images in different folds come from slightly different functions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from threadpoolctl import threadpool_limits

from theory import Law
from theory.rewards import ClassProbability, Confidence

__all__ = ["CLASS_REWARD", "CONFIDENCE_REWARD", "ClassifiedDigits", "classify_digits"]

CONFIDENCE_REWARD = Confidence(gamma=15.0)
r"""Reward :math:`15\,\max_i q_i(x)` of the paper's bias-amplification experiment."""

CLASS_REWARD = ClassProbability(gamma=5.0, index=0)
r"""Reward :math:`5\,q_0(x)` of the paper's class experiment, on the first class (the digit 0)."""


@dataclass(frozen=True, eq=False)
class ClassifiedDigits:
    """Digit images with their true classes and out-of-fold class probabilities.

    Attributes
    ----------
    images
        Pixels in [0, 1], shape (n, 64), read-only.
    labels
        True classes 0 to 9, shape (n,), read-only.
    probabilities
        Out-of-fold class probabilities q_0..q_9 of each image, shape (n, 10), rows of sum 1,
        read-only.
    accuracy
        Share of images whose most probable class is the true one, held out.
    log_loss
        Mean negative log-probability of the true class, held out, in nats.
    """

    images: NDArray[np.float64]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    accuracy: float
    log_loss: float

    def law(self, reward: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Law:
        """Empirical law of the images, mass 1/n each, with rewards ``reward(probabilities)``.

        ``reward`` is a function of the class probabilities (n, 10) returning n numbers, such as
        ``theory.rewards.Confidence`` or ``ClassProbability``. The images are the law's atoms, in
        the order of ``labels``.
        """
        return Law.from_samples(self.images, reward(self.probabilities))


def classify_digits(folds: int = 5, seed: int = 0) -> ClassifiedDigits:
    """Load the bundled digits and score every image by a classifier that never saw it.

    The classifier is scikit-learn's multinomial logistic regression at its default penalty (C = 1),
    not tuned; the fit is convex and run to convergence, so the result depends on nothing but the
    split.

    Parameters
    ----------
    folds
        Number of folds of the cross-validation, 2 to 100 (the rarest class has 174 images).
    seed
        Seed of the shuffle that makes the folds.

    Raises
    ------
    ValueError
        If ``folds`` is out of its range.
    """
    if not 2 <= folds <= 100:
        raise ValueError(f"folds is {folds!r}; give a number of folds from 2 to 100")
    pixels, labels = load_digits(return_X_y=True)
    images = pixels / 16.0
    # One thread: the fits are small, and the sum order (hence the last bits) stays the same
    # whatever the number of cores.
    with threadpool_limits(limits=1):
        probabilities = cross_val_predict(
            LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-8),
            images,
            labels,
            cv=StratifiedKFold(folds, shuffle=True, random_state=seed),
            method="predict_proba",
        )
    labels = labels.astype(np.int64)
    for array in (images, labels, probabilities):
        array.flags.writeable = False
    return ClassifiedDigits(
        images=images,
        labels=labels,
        probabilities=probabilities,
        accuracy=float((probabilities.argmax(axis=1) == labels).mean()),
        log_loss=float(-np.log(probabilities[np.arange(len(labels)), labels]).mean()),
    )
