"""Runs on a machine that is held for minutes only: in the background, watched from outside.

Where each command may take a few minutes and the machine may be gone after any of them, the runs
go on in a session of their own while commands come and go. :func:`wait` starts them if they are not
going, waits as long as it may, and packs what is worth taking home (:mod:`gpu_experiments.parcel`)
every time it ends. On a new machine complete runs that were unpacked there are not made again.
"""

from __future__ import annotations

import fcntl
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gpu_experiments.parcel import pack

__all__ = ["LOG", "Held", "wait"]

LOG = "log.txt"
"""File, beside the runs, of what they print; the archives come with a copy of its end."""

LOCK = ".going"
STATUS = ".ended"
TAIL = 4_000
"""Bytes of the log that are told at most."""
POLL = 0.5
"""Seconds between two looks."""

# Runs the words after the first and leaves their exit status in the file that the first names,
# above 128 if they were killed: the command that waited for them may be gone by then.
WATCHED = 'file=$0; "$@"; status=$?; echo $status >"$file"; exit $status'

# Python warns of a process that is forgotten while it goes on, which is what is wanted here.
_OUTLIVE: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True)
class Held:
    """How a command ended that waited for runs.

    Attributes
    ----------
    status
        Exit status of the runs; None if they go on.
    log
        The end of what they printed.
    archives
        What was packed.
    before
        How runs ended that ended badly before this command started them again; else empty.
    """

    status: int | None
    log: str
    archives: tuple[Path, ...]
    before: str = ""


def wait(command: Sequence[str], out: Path, to: Path, seconds: float) -> Held:
    """Start a command that makes runs, unless it is going; wait for its end; pack the runs.

    Parameters
    ----------
    command
        What makes the runs, and goes on with those that were begun.
    out
        Folder of the runs; one command at a time works there.
    to
        Folder for the archives.
    seconds
        How long to wait at most, packing aside.
    """
    end = time.monotonic() + seconds
    out.mkdir(parents=True, exist_ok=True)
    status, before, started = None, "", None
    with (out / LOCK).open("w") as lock:
        while True:
            # Free also when those that another command started have ended meanwhile; whether well,
            # they say themselves when they are started again.
            if started is None and _taken(lock.fileno()):
                before = _ended_before(out)
                started = _started(command, out, lock.fileno())
            if status is not None or time.monotonic() >= end:
                break
            time.sleep(min(POLL, max(0.0, end - time.monotonic())))
            status = None if started is None else started.poll()
    archives = pack(out, to)
    log = _end_of((out / LOG).read_bytes())
    (to / LOG).write_text(log, encoding="utf-8")
    return Held(status, log, tuple(archives), before)


def _end_of(log: bytes) -> str:
    """Its last lines, from the beginning of one."""
    if len(log) > TAIL:
        log = log[-TAIL:].partition(b"\n")[2]
    return log.decode(errors="replace")


def _ended_before(out: Path) -> str:
    """How the last runs ended, in words; empty if well, or if there were none."""
    if not (out / LOG).exists():
        return ""
    if not (out / STATUS).exists():
        return "left no exit status, as when everything is killed"
    status = (out / STATUS).read_text(encoding="utf-8").strip()
    return "" if status == "0" else f"ended with status {status}"


def _taken(handle: int) -> bool:
    """Take the lock if nothing holds it. It is held as long as the file is open anywhere, hence by
    the runs as well, and free again however they end."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _started(command: Sequence[str], out: Path, lock: int) -> subprocess.Popen[bytes]:
    (out / STATUS).unlink(missing_ok=True)
    with (out / LOG).open("ab") as log:
        started = subprocess.Popen(
            ["sh", "-c", WATCHED, str(out / STATUS), *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(lock,),
        )
    _OUTLIVE.append(started)
    return started
