"""Which layout a path holds, found by looking, and what is read from it."""

from __future__ import annotations

from pathlib import Path

from gpu_experiments.sources import batches, download, parquet
from gpu_experiments.sources.collection import Collection, Decoded
from sim.protocols import Progress

GZIP = b"\x1f\x8b"
# Folders that copies of the published repositories keep their files in.
BELOW = ("data", "plain_text")
# Names that a message lists.
LISTED = 6


def read(path: Path | None, split: str, collection: Collection, progress: Progress) -> Decoded:
    """A part of the collection from a path, or from its official address.

    Parameters
    ----------
    path
        The official archive, or a folder with unpacked batches, parquet files or the archive, in
        it or one below; of these the first that is there is taken. ``None`` downloads the archive
        once, into the user's cache.
    split
        ``"train"`` or ``"test"``.

    Raises
    ------
    FileNotFoundError
        When there is nothing at the path.
    ValueError
        When it has none of these layouts, or is damaged.
    ConnectionError
        When the archive cannot be downloaded.
    """
    if path is None:
        archive = download.fetch(collection, None, progress)
        return batches.read_archive(archive, split, collection, progress)
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: give {_expected(collection)}.")
    if not path.is_dir():
        with path.open("rb") as opened:
            if opened.read(len(GZIP)) == GZIP:
                return batches.read_archive(path, split, collection, progress)
        raise ValueError(f"{path} is no gzip archive: give {_expected(collection)}.")
    below = (path / name for name in (collection.folder, *BELOW))
    folders = [path, *(folder for folder in below if folder.is_dir())]
    names = [name for part in collection.batches.values() for name in part]
    for folder in folders:
        if any((folder / name).is_file() for name in names):
            return batches.read_folder(folder, split, collection, progress)
    for folder in folders:
        if parquet.files(folder, split):
            return parquet.read(folder, split, collection, progress)
    for folder in folders:
        if (folder / collection.archive).is_file():
            return batches.read_archive(folder / collection.archive, split, collection, progress)
    raise ValueError(
        f"{path} has {_listed(path)}, and nothing of the {split} part of {collection.title}: give "
        f"{_expected(collection)}."
    )


def _expected(collection: Collection) -> str:
    first = next(iter(collection.batches.values()))[0]
    return (
        f"{collection.archive}, or a folder with it, with its batches ({first}, ...) or with "
        "parquet files named like train-00000-of-00001.parquet"
    )


def _listed(folder: Path) -> str:
    names = sorted(file.name for file in folder.iterdir())
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more if names else "no files"
