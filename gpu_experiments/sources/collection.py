"""What a published collection of images must be, and the check that what was read is that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Decoded:
    """Images and labels of one part of a collection, as read.

    Attributes
    ----------
    pixels
        uint8, shape (n, channels, height, width).
    labels
        int64, shape (n,).
    source
        What it was read from, in words, without names of folders.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    source: str


@dataclass(frozen=True)
class Collection:
    """A collection of square colour images in classes of equal size.

    Attributes
    ----------
    title
        Its name.
    names
        The classes, in the order of the labels.
    size
        Pixels in a row and in a column.
    counts
        Images in each part, ``"train"`` and ``"test"``.
    batches
        Files of each part in the official layout.
    folder, archive, url, md5
        The official archive: the folder in it, its name, address, and MD5 in hexadecimal digits.
    """

    title: str
    names: tuple[str, ...]
    size: int
    counts: Mapping[str, int]
    batches: Mapping[str, Sequence[str]]
    folder: str
    archive: str
    url: str
    md5: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        return 3, self.size, self.size

    def checked(self, found: Decoded, split: str, where: object) -> Decoded:
        """What was found, if it is that part of the collection.

        Raises
        ------
        ValueError
            For labels out of their range, and other numbers of images. That every image has the
            size of the collection is for the reader, which can say which one has not.
        """
        pixels, labels = found.pixels, found.labels
        classes = len(self.names)
        if len(labels) and not (labels.min() >= 0 and labels.max() < classes):
            raise ValueError(
                f"{where} has labels from {labels.min()} to {labels.max()}, and {self.title} has "
                f"0 to {classes - 1}: give files of {self.title}."
            )
        count = self.counts[split]
        if len(pixels) != count or len(labels) != count:
            raise ValueError(
                f"{where} has {len(pixels)} images and {len(labels)} labels, and the {split} part "
                f"of {self.title} has {count}: get the missing files, or fetch it again."
            )
        each = np.bincount(labels, minlength=classes)
        if (each != count // classes).any():
            k = int(np.abs(each - count // classes).argmax())
            raise ValueError(
                f"{where} has {each[k]} images of class {k} ({self.names[k]}), and the {split} "
                f"part of {self.title} has {count // classes} of each: fetch it again."
            )
        return found


CIFAR10 = Collection(
    title="CIFAR-10",
    names=(
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ),
    size=32,
    counts={"train": 50_000, "test": 10_000},
    batches={
        "train": tuple(f"data_batch_{i}" for i in range(1, 6)),
        "test": ("test_batch",),
    },
    folder="cifar-10-batches-py",
    archive="cifar-10-python.tar.gz",
    url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    md5="c58f30108f718f92721af3b95e74349a",
)
"""A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009."""
