"""What is worth taking home from runs made elsewhere: a few small archives, without weights.

Of every run, complete or not: its configuration, environment, metrics and seconds, and the arrays
of its first and last rounds (rewards and classes of all candidates, who was kept, a grid of
images). The same runs give the same bytes. Runs may be going on meanwhile: what is taken is what
they were at one moment.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from sim.recording import SAMPLES
from sim.runs import CONFIG, ENVIRONMENT, METRICS, SECONDS, read_lines, write

__all__ = ["LIMIT", "content", "pack", "unpack"]

LIMIT = 16 * 2**20
"""Bytes of one archive, at most, unless another limit is given."""

NAME = "runs-{:02d}.tar.gz"


def content(run: Path) -> dict[str, bytes]:
    """What is worth taking of a run, by its name in the folder; nothing before the first round.

    While the run goes on there may be seconds of a round that has no metrics yet, and while it is
    resumed metrics of one that is done again: the rounds that have both are taken.
    """
    # Each file is read once, and samples last: a round's are there before its lines, and stay.
    lines = {name: read_lines(run / name) for name in (METRICS, SECONDS)}
    rounds = min(map(len, lines.values()))
    if rounds == 0:
        return {}
    files = {name: (run / name).read_bytes() for name in (CONFIG, ENVIRONMENT)}
    for name, those in lines.items():
        # As they were written.
        files[name] = "".join(json.dumps(line) + "\n" for line in those[:rounds]).encode()
    for t in sorted({0, rounds - 1}):
        name = f"{SAMPLES}/{t:03d}.npz"
        files[name] = (run / name).read_bytes()
    return files


def pack(runs: Path, to: Path, limit: int = LIMIT) -> list[Path]:
    """Archives of all runs below a folder that have a round, in place of older ones.

    Runs of the older archives that were further, or are not below the folder, stay in them as they
    are: a run that begins anew on another machine takes nothing from what an earlier one did.

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
    wanted = _already(to)
    for run in sorted(path.parent for path in runs.glob(f"*/{CONFIG}")):
        files, older = content(run), wanted.get(run.name)
        if files and not (
            older and older[CONFIG] == files[CONFIG] and _rounds(older) > _rounds(files)
        ):
            wanted[run.name] = files
    archives: list[bytes] = []
    together: dict[str, bytes] = {}
    for name, of_run in sorted(wanted.items()):
        files = {f"{name}/{file}": data for file, data in of_run.items()}
        if len(_archive(files)) > limit:
            raise ValueError(
                f"{runs / name} takes {len(_archive(files))} bytes by itself: raise the limit of "
                f"{limit}."
            )
        # Compressed anew for every run, which for some dozen runs takes seconds.
        if together and len(_archive({**together, **files})) > limit:
            archives.append(_archive(together))
            together = {}
        together |= files
    if together:
        archives.append(_archive(together))
    to.mkdir(parents=True, exist_ok=True)
    paths = [to / NAME.format(number) for number in range(len(archives))]
    for path, archive in zip(paths, archives, strict=True):
        write(path, archive)
    for old in set(_archives(to)) - set(paths):
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
    found = _archives(archives)
    if not found:
        raise FileNotFoundError(f"{archives} has no archive of runs: name the folder with them.")
    taken = []
    for archive in found:
        for name, files in _runs(archive).items():
            if len(read_lines(runs / name / METRICS)) <= _rounds(files):
                for file, data in files.items():
                    (runs / name / file).parent.mkdir(parents=True, exist_ok=True)
                    write(runs / name / file, data)
            taken.append(runs / name)
    return taken


def _archives(folder: Path) -> list[Path]:
    return sorted(folder.glob(NAME.format(0).replace("00", "??")))


def _already(to: Path) -> dict[str, dict[str, bytes]]:
    """Runs in the archives of a folder; a damaged one has none."""
    found: dict[str, dict[str, bytes]] = {}
    for archive in _archives(to):
        with suppress(ValueError):
            found |= _runs(archive)
    return found


def _rounds(files: Mapping[str, bytes]) -> int:
    return files[METRICS].count(b"\n")


def _archive(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    # Neither a name nor a time in the header, nor times in the entries.
    with (
        gzip.GzipFile("", "wb", fileobj=buffer, mtime=0) as stream,
        tarfile.open(mode="w", fileobj=stream) as tar,
    ):
        for name, data in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def _runs(archive: Path) -> dict[str, dict[str, bytes]]:
    runs: dict[str, dict[str, bytes]] = {}
    try:
        # As a whole, since its checksum comes last: behind what a reader of the entries looks at.
        data = gzip.decompress(archive.read_bytes())
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for entry in tar:
                name, _, file = entry.name.partition("/")
                opened = tar.extractfile(entry)
                if opened is None or not file or ".." in Path(entry.name).parts:
                    raise ValueError(f"{archive} has an entry {entry.name!r} that is no run's.")
                runs.setdefault(name, {})[file] = opened.read()
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{archive} is damaged ({error}): bring it again.") from error
    return runs
