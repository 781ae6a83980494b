"""The handwritten digits that scikit-learn bundles, in a fixed training and test part.

The 1797 grey-scale 8x8 images are the test part of the UCI "Optical Recognition of Handwritten
Digits" set (E. Alpaydin and C. Kaynak, 1998). Of each class, in the order in which they are
bundled, images 5, 10, 15, … (counted from 1) are the test part, 355 in all, and the other 1442 the
training part: a rule without random numbers, the same in every version of every library. Images of
one writer are in both parts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

NAMES = tuple("0123456789")
# One in so many images of a class is for testing.
ONE_IN = 5


def read(split: str) -> tuple[NDArray[np.float32], NDArray[np.int64], str]:
    """Images (n, 1, 8, 8) with values 0 to 16, labels (n,), and the source in words."""
    pixels, labels = load_digits(return_X_y=True)
    place = np.empty(len(labels), dtype=np.int64)
    for k in range(len(NAMES)):
        of_class = labels == k
        place[of_class] = np.arange(of_class.sum())
    chosen = (place % ONE_IN == ONE_IN - 1) == (split == "test")
    source = f"scikit-learn's digits, {split} part (of each class one image in {ONE_IN} is test)"
    images = pixels[chosen].reshape(-1, 1, 8, 8).astype(np.float32)
    return images, labels[chosen].astype(np.int64), source
