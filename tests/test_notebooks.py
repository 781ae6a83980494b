"""Every notebook runs from top to bottom and prints what its stored output says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "theory" / "notebooks").glob("*.ipynb"))
# A cell takes a second or two; the limit only ends a run that hangs.
SECONDS_PER_CELL = 120


def printed(notebook: nbformat.NotebookNode) -> list[str]:
    """What each code cell printed; figures and the texts that stand for them are left out."""
    cells: list[Any] = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [
        "".join(output.text for output in cell.outputs if output.output_type == "stream")
        for cell in cells
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_and_its_stored_output_is_current(path: Path) -> None:
    stored = nbformat.read(path, as_version=4)
    fresh = nbformat.read(path, as_version=4)
    NotebookClient(
        fresh,
        timeout=SECONDS_PER_CELL,
        kernel_name="python3",
        resources={"metadata": {"path": str(ROOT)}},
    ).execute()
    assert printed(fresh) == printed(stored)


def test_there_is_a_notebook() -> None:
    assert NOTEBOOKS
