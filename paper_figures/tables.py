"""The numbers behind a figure as a table that anything can read: CSV in long form.

One line for each number: the array, its indices from 0, and the value. Arrays that are too long for
a table stay in the ``.npz`` file of the results, of which there is then a copy beside the table.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from paper_figures.results import read_results, write_atomically

__all__ = ["LONGEST", "Table", "as_csv", "write"]

LONGEST = 20_000
"""Numbers in an array, at most, that are written one to a line."""


@dataclass(frozen=True)
class Table:
    """Files with the numbers behind a figure.

    Attributes
    ----------
    csv
        The table.
    archive
        Copy of the results, where the table leaves arrays out.
    left_out
        Shapes of the arrays that only the copy holds, by name.
    """

    csv: Path
    archive: Path | None
    left_out: Mapping[str, tuple[int, ...]]


def write(results: Path, folder: Path) -> Table:
    """Bring the table of a figure's results up to date; files that have not changed are not
    touched.

    Parameters
    ----------
    results
        File of the saved results; the table has its name.
    folder
        Where to write.
    """
    arrays, _ = read_results(results)
    left_out = {name: each.shape for name, each in arrays.items() if each.size > LONGEST}
    short = {name: each for name, each in arrays.items() if name not in left_out}
    table, archive = folder / f"{results.stem}.csv", folder / results.name
    _refresh(table, as_csv(short).encode())
    if left_out:
        _refresh(archive, results.read_bytes())
    else:
        archive.unlink(missing_ok=True)
    return Table(table, archive if left_out else None, left_out)


def _refresh(path: Path, content: bytes) -> None:
    if not path.is_file() or path.read_bytes() != content:
        write_atomically(path, content)


def as_csv(arrays: Mapping[str, NDArray]) -> str:
    """Arrays in long form, in the order of their names.

    Columns are ``array``, ``index_1`` and so on, as many as the deepest array has, and ``value``.
    Floats are written with the fewest digits that give the same float back.
    """
    depth = max((np.ndim(array) for array in arrays.values()), default=0)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["array", *(f"index_{axis}" for axis in range(1, depth + 1)), "value"])
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        padding = [""] * (depth - array.ndim)
        # Rows of NumPy's own scalars, whose text has the digits of their own precision.
        writer.writerows(
            [name, *index, *padding, str(value)] for index, value in np.ndenumerate(array)
        )
    return text.getvalue()
