"""Every notebook runs from top to bottom and shows the text and formulas stored in it."""

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


def shown(notebook: nbformat.NotebookNode) -> list[str]:
    """What each code cell printed, and its formulas; figures are left out."""
    cells: list[Any] = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return ["".join(text(output) for output in cell.outputs) for cell in cells]


def text(output: Any) -> str:
    """Printed text or LaTeX of an output."""
    if output.output_type == "stream":
        return str(output.text)
    return str(output.get("data", {}).get("text/latex", ""))


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
    assert shown(fresh) == shown(stored)


def test_there_is_a_notebook() -> None:
    assert NOTEBOOKS
