"""Saved results of the figures: computed once, trusted only while code and parameters are the same.

A result is a set of named arrays in one ``.npz`` file, with the *key* it was computed under and a
digest of its arrays. The key is a hash of everything the numbers depend on: the figure's own file,
all files of the project that it imports directly or not (the style and the saving apart, which hold
no numbers), its parameters, and the versions of Python and of the numerical libraries. A file with
another key, another digest, or cut short is computed again.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import io
import os
import platform
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "LIBRARIES",
    "Results",
    "installed",
    "load",
    "read_results",
    "results_key",
    "save_results",
    "write_atomically",
]

Results = dict[str, NDArray]
"""Named arrays, as computed by a figure and read by its drawing."""

_PACKAGES = ("theory", "sim", "gpu_experiments", "paper_figures")
_WITHOUT_NUMBERS = (
    "paper_figures.style",
    "paper_figures.labels",
    "paper_figures.figure",
    "paper_figures.results",
)
LIBRARIES = (
    "numpy", "scipy", "python-flint", "numba", "scikit-learn", "torch", "torchcfm", "diffusers",
)  # fmt: skip
"""Numerical libraries whose versions numbers may depend on."""

_KEY, _DIGEST = "__key__", "__digest__"


def results_key(figure_file: Path, parameters: object) -> str:
    """Hash of all that a figure's numbers depend on (see the module), 64 hexadecimal digits.

    ``parameters`` must have a ``repr`` that states every value, as a frozen dataclass has.
    """
    hasher = hashlib.sha256()
    for library in LIBRARIES:
        hasher.update(f"{library} {installed(library)}\n".encode())
    hasher.update(f"python {platform.python_version()}\n{parameters!r}\n".encode())
    root = figure_file.resolve().parents[1]
    for path in source_files(figure_file):
        hasher.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return hasher.hexdigest()


def installed(library: str) -> str:
    """Version of a library, "absent" if it is not installed."""
    try:
        return version(library)
    except PackageNotFoundError:
        return "absent"


def source_files(figure_file: Path) -> list[Path]:
    """The figure's file and every file of the project that it imports, directly or not, in order.

    Read from the ``import`` statements, those inside functions included. A package that loads its
    modules by name at run time (it imports ``pkgutil`` or ``importlib``) counts with all of them.
    """
    start = figure_file.resolve()
    root, found, queue = start.parents[1], {start}, [start]
    while queue:
        path = queue.pop()
        modules = _imports(path)
        reached = [file for name in modules for file in _files_of(name, root)]
        if not {"pkgutil", "importlib"}.isdisjoint(modules):
            reached += path.parent.rglob("*.py")
        for file in reached:
            if file not in found:
                found.add(file)
                queue.append(file)
    return sorted(found)


def _imports(path: Path) -> frozenset[str]:
    """Dotted names that a source file imports; for ``from a import b`` both ``a`` and ``a.b``."""
    return _imports_of(path.read_text(encoding="utf-8"))


@functools.cache  # many figures import the same files
def _imports_of(source: str) -> frozenset[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(names)


def _files_of(name: str, root: Path) -> Iterator[Path]:
    """Files that importing a module of the project runs: its own, and the packages above it."""
    parts = name.split(".")
    if parts[0] not in _PACKAGES or ".".join(parts[:2]) in _WITHOUT_NUMBERS:
        return
    for depth in range(1, len(parts) + 1):
        place = root.joinpath(*parts[:depth])
        for file in (place / "__init__.py", place.with_suffix(".py")):
            if file.is_file():
                yield file


def save_results(path: Path, key: str, results: Mapping[str, NDArray]) -> None:
    """Write results under their key, all at once or not at all."""
    buffer = io.BytesIO()
    arrays = {name: np.asarray(array) for name, array in results.items()}
    stamps = {_KEY: np.array(key), _DIGEST: np.array(_digest(arrays))}
    np.savez_compressed(buffer, allow_pickle=False, **stamps, **arrays)
    write_atomically(path, buffer.getvalue())


def load(path: Path, key: str) -> Results | None:
    """Results saved under this key, or None if there are none that can be trusted."""
    try:
        results, saved_key = read_results(path)
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error):
        return None  # absent, cut short, or not a result file: all mean "compute it"
    return results if saved_key == key else None


def read_results(path: Path) -> tuple[Results, str]:
    """Results of a file and the key they were computed under.

    Raises ``ValueError`` if the arrays are not those that were saved, and what NumPy raises on a
    file that cannot be read.
    """
    # Opened here: given a path, NumPy leaves the file open when its archive turns out to be broken.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    key, digest = str(arrays.pop(_KEY)), str(arrays.pop(_DIGEST))
    if digest != _digest(arrays):
        raise ValueError(f"{path} does not hold the arrays it was written with; delete it")
    return arrays, key


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that, at any moment, it holds the old content or all of the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o644)  # mkstemp's 0600 would hide figures from other readers
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _digest(arrays: Mapping[str, NDArray]) -> str:
    hasher = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        hasher.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        hasher.update(array.tobytes())
    return hasher.hexdigest()
