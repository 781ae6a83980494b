"""A small collection of random images in every layout that CIFAR-10 comes in."""

from __future__ import annotations

import hashlib
import io
import pickle
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from gpu_experiments.sources.collection import CIFAR10, Collection


class PickledByPython2(pickle._Pickler):
    """Writes strings and bytes as Python 2 wrote its strings, and NumPy's names as NumPy 1 had."""

    dispatch: ClassVar[dict[type, Any]] = dict(pickle._Pickler.dispatch)

    def save_string(self, value: str | bytes) -> None:
        data = value.encode("latin1") if isinstance(value, str) else value
        self.write(pickle.BINSTRING + len(data).to_bytes(4, "little") + data)
        self.memoize(value)

    dispatch[str] = dispatch[bytes] = save_string


def official(value: Any) -> bytes:
    """A pickle like those of the official archive, which Python 2 and NumPy 1 wrote."""
    out = io.BytesIO()
    PickledByPython2(out, protocol=2).dump(value)
    return out.getvalue().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


@dataclass(frozen=True)
class Made:
    """Images and labels of both parts, and how to write them."""

    collection: Collection
    pixels: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]

    def batches(self, folder: Path, pickled: Callable[[Any], bytes] = official) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for split, names in self.collection.batches.items():
            n = len(names)
            pixels = np.split(self.pixels[split].reshape(len(self.pixels[split]), -1), n)
            labels = np.split(self.labels[split], n)
            for name, some, of_some in zip(names, pixels, labels, strict=True):
                batch = {
                    b"batch_label": b"a batch",
                    b"labels": of_some.tolist(),
                    b"data": some,
                    b"filenames": [b"%d.png" % i for i in range(len(some))],
                }
                (folder / name).write_bytes(pickled(batch))
        return folder

    def archive(self, folder: Path) -> tuple[Path, Collection]:
        """The archive, and the collection with its checksum."""
        batches = self.batches(folder / "made")
        file = folder / self.collection.archive
        with tarfile.open(file, "w:gz") as archive:
            archive.add(batches, self.collection.folder)
        md5 = hashlib.md5(file.read_bytes()).hexdigest()
        return file, replace(self.collection, md5=md5)

    def parquet(
        self, folder: Path, split: str, shards: int = 1, encoding: str = "PNG", **columns: Any
    ) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        encoded = [encode(image, encoding) for image in self.pixels[split]]
        for i in range(shards):
            some = slice(i * len(encoded) // shards, (i + 1) * len(encoded) // shards)
            table = {
                "img": [{"bytes": data, "path": None} for data in encoded[some]],
                "label": self.labels[split][some].tolist(),
            } | columns
            given = {name: values for name, values in table.items() if values is not None}
            pq.write_table(pa.table(given), folder / f"{split}-{i:05d}-of-{shards:05d}.parquet")
        return folder


def encode(image: np.ndarray, encoding: str = "PNG") -> bytes:
    """One image (channels, height, width) as a file; one channel is grey."""
    out = io.BytesIO()
    last = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
    Image.fromarray(last).save(out, encoding)
    return out.getvalue()


@pytest.fixture
def made() -> Made:
    rng = np.random.default_rng(0)
    collection = replace(
        CIFAR10,
        size=8,
        counts={"train": 40, "test": 20},
        batches={"train": ("data_batch_1", "data_batch_2"), "test": ("test_batch",)},
    )
    return Made(
        collection,
        {
            split: rng.integers(0, 256, (n, 3, 8, 8), dtype=np.uint8)
            for split, n in collection.counts.items()
        },
        {
            split: rng.permutation(np.arange(n) % 10).astype(np.int64)
            for split, n in collection.counts.items()
        },
    )


@pytest.fixture
def encoded() -> Callable[[np.ndarray, str], bytes]:
    return encode
