"""Where numbers come from: versions of Python and of libraries, and the revision of the code."""

from __future__ import annotations

import functools
import platform
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

__all__ = ["environment"]


def environment(packages: Iterable[str]) -> dict[str, Any]:
    """Versions of what numbers may depend on: ``python``, ``platform``, ``packages`` (those of the
    named ones that are installed) and ``revision`` (of the code, or None outside a repository).
    """
    versions = {}
    for name in packages:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "packages": versions,
        "revision": _revision(),
    }


@functools.cache
def _revision() -> str | None:
    file = Path(__file__)
    try:
        # An installed copy may lie in a repository of something else, which does not track it.
        _git(file.parent, "ls-files", "--error-unmatch", file.name)
        return _git(file.parent, "describe", "--always", "--dirty")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", *words], cwd=folder, capture_output=True, text=True, timeout=10, check=True
    )
    return done.stdout.strip()
