"""The retraining loop on images, at the stage where no generator is trained yet.

What exists now is the real-data, exact part (:mod:`gpu_experiments.digits`): scikit-learn's bundled
handwritten digits, a classifier trained on them for the rewards, and the empirical law that the
exact loop of :mod:`theory` iterates. It runs on the CPU, without torch and without a download.
"""

from __future__ import annotations

from gpu_experiments.digits import (
    CLASS_REWARD,
    CONFIDENCE_REWARD,
    ClassifiedDigits,
    classify_digits,
)

__all__ = ["CLASS_REWARD", "CONFIDENCE_REWARD", "ClassifiedDigits", "classify_digits"]
