"""Images with labels: scikit-learn's digits, embedded, and CIFAR-10 from wherever it is.

``load("digits")`` needs nothing else. ``load("cifar10")`` downloads the official archive once, into
the user's cache, and goes on where a download was broken off; ``load("cifar10", path)`` reads the
archive, its unpacked batches or files in Hugging Face's parquet layout, whichever is at the path.
Nothing is taken on trust: an archive has its published checksum, batches are read without running
what a pickle asks for, and every part has the published number of images of each class.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from gpu_experiments.images import Images, as_images, from_bytes
from gpu_experiments.sources import digits, layout
from gpu_experiments.sources.collection import CIFAR10
from sim.protocols import Progress

Split = Literal["train", "test"]
NAMES = ("digits", "cifar10")
# Packages of the extra "images", by the names that they are imported by.
OF_THE_EXTRA = ("pooch", "pyarrow", "PIL")


@dataclass(frozen=True, eq=False)
class Labelled:
    """Images with the classes they show.

    Attributes
    ----------
    images
        On the CPU, float32, shape (n, channels, height, width).
    labels
        int64, shape (n,), places in ``names``.
    names
        The classes.
    source
        What was read, in words; without names of folders.

    Raises
    ------
    TypeError, ValueError
        For images that are none (see :mod:`gpu_experiments.images`) or labels that do not fit.
    """

    images: Images
    labels: torch.Tensor
    names: tuple[str, ...]
    source: str

    def __post_init__(self) -> None:
        as_images(self.images, "labelled images")
        labels = self.labels
        if labels.dtype != torch.int64 or labels.shape != self.images.shape[:1]:
            raise ValueError(
                f"labels are {labels.dtype} of shape {tuple(labels.shape)}: give one int64 for "
                f"each of the {len(self.images)} images."
            )
        if len(labels) and not (labels.min() >= 0 and labels.max() < len(self.names)):
            raise ValueError(
                f"labels go from {labels.min()} to {labels.max()} and there are {len(self.names)} "
                "classes: give places in the list of names."
            )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        _, channels, height, width = self.images.shape
        return channels, height, width

    @property
    def counts(self) -> torch.Tensor:
        """Images of each class, int64 of shape (classes,)."""
        return torch.bincount(self.labels, minlength=len(self.names))

    def subset(self, n: int, rng: np.random.Generator) -> Labelled:
        """n of the images without repetition, in random order, classes in the same proportions.

        Of a class with share s there are n s images, rounded down or up; who is rounded up are the
        classes that lose most by rounding down, by lot where they lose the same.

        Raises
        ------
        ValueError
            When n is not a whole number from 1 to the number of images.
        """
        if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= len(self):
            raise ValueError(
                f"n = {n!r} is not a whole number from 1 to {len(self)}, all there are."
            )
        counts = self.counts.tolist()
        # Whole numbers throughout: n count / total is never rounded by the machine.
        take = [n * count // len(self) for count in counts]
        lost = [n * count % len(self) for count in counts]
        lots = rng.permutation(len(counts)).tolist()
        order = sorted(range(len(counts)), key=lambda k: (-lost[k], lots[k]))
        for k in order[: n - sum(take)]:
            take[k] += 1
        chosen = np.concatenate(
            [
                rng.choice(np.flatnonzero(self.labels.numpy() == k), size, replace=False)
                for k, size in enumerate(take)
            ]
        )
        index = torch.from_numpy(rng.permutation(chosen))
        return Labelled(
            Images(self.images[index]),
            self.labels[index],
            self.names,
            f"{n} of {len(self)} images of {self.source}",
        )


def load(
    name: str,
    path: Path | str | None = None,
    split: Split = "train",
    progress: Progress | None = None,
) -> Labelled:
    """A data set by its name.

    Parameters
    ----------
    name
        ``"digits"``: 1442 training and 355 test images of shape (1, 8, 8), see
        :mod:`gpu_experiments.sources.digits`. ``"cifar10"``: 50 000 and 10 000 of (3, 32, 32).
    path
        Where CIFAR-10 is, see :mod:`gpu_experiments.sources.layout`; ``None`` downloads it once.
    split
        The part, ``"train"`` or ``"test"``.
    progress
        Told the fraction of a download, and then of reading. By default a bar on a terminal.

    Raises
    ------
    ValueError
        For another name or part, a path for the digits, and files that are not what they should be.
    FileNotFoundError, ConnectionError
        When there is nothing at the path, or nothing can be downloaded.
    ModuleNotFoundError
        When a package of the extra ``images`` is missing.

    Examples
    --------
    >>> digits = load("digits")
    >>> digits.images.shape, digits.counts.tolist()
    (torch.Size([1442, 1, 8, 8]), [143, 146, 142, 147, 145, 146, 145, 144, 140, 144])
    """
    if name not in NAMES:
        raise ValueError(f"data {name!r}: give one of {', '.join(NAMES)}.")
    if split not in get_args(Split):
        raise ValueError(f"split {split!r}: give one of {', '.join(get_args(Split))}.")
    if name == "digits":
        if path is not None:
            raise ValueError(f"the digits come with scikit-learn and take no path ({path}).")
        return _digits(split)
    try:
        with _told(progress) as tell:
            found = layout.read(None if path is None else Path(path), split, CIFAR10, tell)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in OF_THE_EXTRA:
            raise
        raise ModuleNotFoundError(
            f'CIFAR-10 from there needs {error.name}: pip install "curated-loops[images]".',
            name=error.name,
        ) from error
    images = from_bytes(torch.from_numpy(found.pixels), channels="first")
    return Labelled(images, torch.from_numpy(found.labels), CIFAR10.names, found.source)


def _digits(split: str) -> Labelled:
    pixels, labels, source = digits.read(split)
    # 0 to 16, as bundled, to [-1, 1]: exact in float32.
    images = as_images(torch.from_numpy(pixels / 8 - 1), "digits")
    return Labelled(images, torch.from_numpy(labels), digits.NAMES, source)


@contextmanager
def _told(progress: Progress | None) -> Iterator[Progress]:
    """Who is told, or a bar on standard error, which is nothing where that is no terminal."""
    if progress is not None:
        yield progress
        return
    console = Console(stderr=True)
    columns = (TextColumn("CIFAR-10"), BarColumn(), TimeRemainingColumn())
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda done, _: bar.update(task, completed=done)
