"""The notebooks as pages, with the outputs that are stored in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbconvert import MarkdownExporter

from docs_build.mathematics import as_text
from docs_build.modules import ROOT

__all__ = ["FOLDER", "Tutorial", "tutorials"]

FOLDER = ROOT / "theory" / "notebooks"
# In the order in which one would read them: each uses those before it.
ORDER = (
    "first_steps",
    "update_and_lemma_2_1",
    "lemma_2_2",
    "gaussian_closed_forms",
    "theorem_2_3",
    "theorem_2_4",
    "condensation",
    "best_of_n_and_rlhf",
    "theorem_2_2_rate",
)


# Printed output is marked as such, to be told from the code above it.
TEMPLATE = """
{%- extends 'markdown/index.md.j2' -%}
{%- block stream %}
``` { .text .output }
{{ output.text | strip_ansi | trim("\n") }}
```
{% endblock stream -%}
{%- block data_text scoped %}
``` { .text .output }
{{ output.data['text/plain'] | strip_ansi | trim("\n") }}
```
{% endblock data_text -%}
"""


@dataclass(frozen=True)
class Tutorial:
    """A notebook's name, title and text in Markdown, and the pictures in it by file name."""

    name: str
    title: str
    text: str
    pictures: dict[str, bytes]

    @property
    def page(self) -> str:
        """Path of its page inside the site's sources."""
        return f"tutorials/{self.name}.md"


def tutorials(folder: Path = FOLDER) -> list[Tutorial]:
    """Every notebook of the folder, in reading order.

    Raises
    ------
    ValueError
        When a notebook has no place in the order, or the order names one that is not there.
    """
    there = {path.stem for path in folder.glob("*.ipynb")}
    if there != set(ORDER):
        raise ValueError(
            f"the reading order and the notebooks differ in {sorted(there ^ set(ORDER))}: "
            "edit ORDER in docs_build/notebooks.py."
        )
    return [_tutorial(folder / f"{name}.ipynb") for name in ORDER]


def _tutorial(path: Path) -> Tutorial:
    notebook = nbformat.read(path, as_version=4)
    resources = {"unique_key": path.stem, "output_files_dir": f"{path.stem}_files"}
    text, found = MarkdownExporter(raw_template=TEMPLATE).from_notebook_node(notebook, resources)
    title = text.lstrip().splitlines()[0].removeprefix("# ")
    return Tutorial(path.stem, as_text(title), text, found["outputs"])
