"""CIFAR-10's official layout: pickled batches, unpacked in a folder or still in the archive.

A batch is a dictionary with ``data``, uint8 of shape (n, 3072): the red, green and blue plane of
each image, row by row; and ``labels``, a list of n whole numbers.
"""

from __future__ import annotations

import hashlib
import tarfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

import numpy as np

from gpu_experiments.sources.collection import Collection, Decoded
from gpu_experiments.sources.pickles import read_dictionary
from sim.protocols import Progress


def read_folder(folder: Path, split: str, collection: Collection, progress: Progress) -> Decoded:
    """The part of the collection from unpacked batches.

    Raises
    ------
    ValueError
        When a batch is missing or is not what it should be.
    """
    names = collection.batches[split]
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise ValueError(
            f"{folder} lacks {', '.join(missing)} of the batches of {collection.title}: unpack "
            f"{collection.archive} there again."
        )
    batches = []
    for done, name in enumerate(names):
        progress(done / len(names), None)
        batches.append(_decoded((folder / name).read_bytes(), folder / name, collection))
    return _joined(batches, split, folder, "official batches", collection)


def read_archive(file: Path, split: str, collection: Collection, progress: Progress) -> Decoded:
    """The part of the collection from the official archive, which is not unpacked.

    Raises
    ------
    ValueError
        When the archive is not the official one, by its MD5.
    """
    with file.open("rb") as opened:
        # A checksum against accidents; it protects from no forger.
        md5 = hashlib.file_digest(opened, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if md5 != collection.md5:
        raise ValueError(
            f"{file} ({file.stat().st_size} bytes) has MD5 {md5}, and {collection.archive} has "
            f"{collection.md5}: it is cut off or another file; fetch {collection.url} again."
        )
    wanted = collection.batches[split]
    found: dict[str, Decoded] = {}
    try:
        with tarfile.open(file, "r|gz") as archive:
            for member in archive:
                name = PurePosixPath(member.name).name
                opened_member = archive.extractfile(member) if name in wanted else None
                if opened_member is not None:
                    where = f"{name} in {file}"
                    found[name] = _decoded(opened_member.read(), where, collection)
                    progress(len(found) / len(wanted), None)
                if len(found) == len(wanted):
                    break
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise ValueError(f"{file} cannot be unpacked ({error}): fetch it again.") from error
    if missing := [name for name in wanted if name not in found]:
        raise ValueError(f"{file} lacks {', '.join(missing)}: fetch {collection.url} again.")
    return _joined([found[name] for name in wanted], split, file, "official archive", collection)


def _decoded(data: bytes, where: object, collection: Collection) -> Decoded:
    """One batch."""
    try:
        batch = read_dictionary(data)
    except ValueError as error:
        raise ValueError(f"{where} {error}: fetch {collection.url} again.") from error
    return Decoded(*_arrays(batch, where, collection), source="")


def _arrays(
    batch: Mapping[object, object], where: object, collection: Collection
) -> tuple[np.ndarray, np.ndarray]:
    keys = sorted(key.decode("ascii", "replace") for key in batch if isinstance(key, bytes))
    pixels, labels = (batch.get(key, batch.get(key.decode())) for key in (b"data", b"labels"))
    if pixels is None or labels is None:
        raise ValueError(
            f"{where} has {', '.join(keys) or 'nothing'} where a batch of {collection.title} has "
            f"data and labels: give files of {collection.title}."
        )
    width = int(np.prod(collection.shape))
    if not isinstance(pixels, np.ndarray) or pixels.ndim != 2 or pixels.shape[1] != width:
        kind = getattr(pixels, "shape", type(pixels).__name__)
        raise ValueError(
            f"{where} has data of shape {kind}, and {collection.title} has (n, {width}), an image "
            f"of (channels, height, width) {collection.shape} in a row: give files of "
            f"{collection.title}."
        )
    if not isinstance(labels, list) or not all(
        type(label) is int and abs(label) < 2**31 for label in labels
    ):
        raise ValueError(
            f"{where} has labels that are no list of whole numbers: give files of "
            f"{collection.title}."
        )
    if len(labels) != len(pixels):
        raise ValueError(
            f"{where} has {len(pixels)} images and {len(labels)} labels: fetch {collection.url} "
            "again."
        )
    return pixels.reshape(-1, *collection.shape), np.array(labels, dtype=np.int64)


def _joined(
    batches: Iterable[Decoded], split: str, where: object, layout: str, collection: Collection
) -> Decoded:
    parts = list(batches)
    found = Decoded(
        np.concatenate([part.pixels for part in parts]),
        np.concatenate([part.labels for part in parts]),
        f"{collection.title}, {split} part, from the {layout}",
    )
    return collection.checked(found, split, where)
