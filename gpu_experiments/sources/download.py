"""The official archive from its address: a download that goes on where the last one stopped."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from gpu_experiments.sources.collection import Collection
from sim.protocols import Progress

BLOCK = 1 << 20
# Seconds without a byte after which a connection is given up.
PATIENCE = 30.0


def fetch(collection: Collection, folder: Path | None, progress: Progress) -> Path:
    """The archive in a folder, by default the user's cache, downloaded if it is not there whole.

    Raises
    ------
    ConnectionError
        When it cannot be reached, saying where the file can be put by hand.
    ValueError
        When what arrived is another file, by its MD5.
    """
    import pooch

    folder = Path(pooch.os_cache("curated-loops")) if folder is None else folder
    file = folder / collection.archive
    by_hand = (
        f"put {collection.archive} (MD5 {collection.md5}) from {collection.url} at {file}, or give "
        "the path of any copy of it"
    )
    try:
        with _alone(folder):
            pooch.retrieve(
                collection.url,
                known_hash=f"md5:{collection.md5}",
                fname=collection.archive,
                path=folder,
                downloader=_Resuming(file.with_name(file.name + ".part"), progress),
            )
    except OSError as error:
        raise ConnectionError(
            f"{collection.title} cannot be downloaded ({error}); what arrived is kept for the next "
            f"try. Without a network, {by_hand}."
        ) from error
    except ValueError as error:
        # Pooch has removed what arrived, so that the next try begins anew.
        raise ValueError(
            f"what {collection.url} sent is not {collection.archive}, by its MD5: try again, or "
            f"{by_hand}."
        ) from error
    return file


class _Resuming:
    """Downloads for pooch: into a file that stays when the connection breaks."""

    def __init__(self, part: Path, progress: Progress) -> None:
        self.part = part
        self.progress = progress

    def __call__(self, url: str, output_file: str, pooch: object) -> None:
        have = self.part.stat().st_size if self.part.exists() else 0
        try:
            self._receive(url, have)
        except HTTPError as error:
            # 416: what is there is as long as the file, or longer, so nothing remains to be sent.
            if error.code != 416 or not have:
                raise
            self.part.unlink()
            self._receive(url, 0)
        os.replace(self.part, output_file)

    def _receive(self, url: str, have: int) -> None:
        wanted = {"Range": f"bytes={have}-"} if have else {}
        with urlopen(Request(url, headers=wanted), timeout=PATIENCE) as reply:
            # 206: the rest alone. A server that knows no ranges sends all of it.
            if reply.status != 206:
                have = 0
            length = reply.headers.get("Content-Length")
            total = None if length is None else have + int(length)
            with self.part.open("ab" if have else "wb") as out:
                while block := reply.read(BLOCK):
                    out.write(block)
                    have += len(block)
                    self.progress(have / total if total else 0.0, None)
        if total is not None and have < total:
            raise ConnectionError(f"the connection ended after {have} of {total} bytes")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Of several processes that want the file, as those of one distributed run, one downloads."""
    folder.mkdir(parents=True, exist_ok=True)
    # The lock ends with its process, however that ends.
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
