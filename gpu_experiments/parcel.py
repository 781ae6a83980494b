"""What is worth taking home from runs made elsewhere: a few small archives, without weights.

Of every run, complete or not: its configuration, environment, metrics and seconds, and the arrays
of its first and last rounds (rewards and classes of all candidates, who was kept, a grid of
images). The same runs give the same bytes.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from sim.recording import SAMPLES
from sim.runs import CONFIG, ENVIRONMENT, METRICS, SECONDS, read_lines, write

__all__ = ["LIMIT", "pack", "unpack"]

LIMIT = 16 * 2**20
"""Bytes of one archive, at most, unless another limit is given."""

NAME = "runs-{:02d}.tar.gz"


def pack(runs: Path, to: Path, limit: int = LIMIT) -> list[Path]:
    """Archives of all runs below a folder that have a round, in place of older ones.

    Parameters
    ----------
    runs
        Folder of folders of runs.
    to
        Folder for the archives, made if it does not exist.
    limit
        Bytes of an archive; a run is in one archive alone.

    Raises
    ------
    ValueError
        For a run that is larger than the limit by itself.
    """
    archives: list[bytes] = []
    content: dict[str, bytes] = {}
    for run in sorted(path.parent for path in runs.glob(f"*/{CONFIG}")):
        files = {f"{run.name}/{name}": (run / name).read_bytes() for name in _wanted(run)}
        if not files:
            continue
        if len(_archive(files)) > limit:
            raise ValueError(
                f"{run} takes {len(_archive(files))} bytes by itself: raise the limit of {limit}."
            )
        # Compressed anew for every run, which for some dozen runs takes seconds.
        if content and len(_archive({**content, **files})) > limit:
            archives.append(_archive(content))
            content = {}
        content |= files
    if content:
        archives.append(_archive(content))
    to.mkdir(parents=True, exist_ok=True)
    paths = [to / NAME.format(number) for number in range(len(archives))]
    for path, archive in zip(paths, archives, strict=True):
        write(path, archive)
    for old in set(to.glob(NAME.format(0).replace("00", "??"))) - set(paths):
        old.unlink()
    return paths


def unpack(archives: Path, runs: Path) -> list[Path]:
    """Put runs from the archives in a folder below another; their folders.

    What is there of a run is replaced by what the archive has, unless it has more rounds.

    Raises
    ------
    FileNotFoundError
        When there are no archives.
    ValueError
        For an archive that is cut short or damaged.
    """
    found = sorted(archives.glob(NAME.format(0).replace("00", "??")))
    if not found:
        raise FileNotFoundError(f"{archives} has no archive of runs: name the folder with them.")
    taken = []
    for archive in found:
        for name, files in _runs(archive).items():
            there = len(read_lines(runs / name / METRICS))
            if there <= files[METRICS].count(b"\n"):
                for file, content in files.items():
                    (runs / name / file).parent.mkdir(parents=True, exist_ok=True)
                    write(runs / name / file, content)
            taken.append(runs / name)
    return taken


def _wanted(run: Path) -> Iterator[str]:
    lines = read_lines(run / METRICS)
    if not lines:
        return
    yield from (CONFIG, ENVIRONMENT, METRICS, SECONDS)
    for t in sorted({lines[0]["t"], lines[-1]["t"]}):
        yield f"{SAMPLES}/{t:03d}.npz"


def _archive(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    # Neither a name nor a time in the header, nor times in the entries.
    with (
        gzip.GzipFile("", "wb", fileobj=buffer, mtime=0) as stream,
        tarfile.open(mode="w", fileobj=stream) as tar,
    ):
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _runs(archive: Path) -> dict[str, dict[str, bytes]]:
    runs: dict[str, dict[str, bytes]] = {}
    try:
        # As a whole, since its checksum comes last: behind what a reader of the entries looks at.
        content = gzip.decompress(archive.read_bytes())
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            for entry in tar:
                name, _, file = entry.name.partition("/")
                opened = tar.extractfile(entry)
                if opened is None or not file or ".." in Path(entry.name).parts:
                    raise ValueError(f"{archive} has an entry {entry.name!r} that is no run's.")
                runs.setdefault(name, {})[file] = opened.read()
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{archive} is damaged ({error}): bring it again.") from error
    return runs
