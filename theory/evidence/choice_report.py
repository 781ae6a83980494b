r"""The table of claims and choice models for the terminal, and its counterexamples as files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table

from theory.evidence.choice_table import Cell, State

SYMBOLS = {
    State.PROVED: "●",
    State.SURVIVED: "○",
    State.PARTLY: "◐",
    State.REFUTED: "✗",
    State.NONE: "–",
}

# Short enough for all columns to fit into a terminal of 80.
HEADINGS = {
    "plackett-luce": "PL",
    "best-of-K": "best",
    "top-half": "half",
    "top-most": "most",
    "noisy": "noise",
    "adversarial": "adv",
    "heterogeneous": "het",
    "cyclic": "cyc",
    "one-of-two": "one",
    "sum-of-two": "sum",
}


def choice_table(cells: Sequence[Cell]) -> Table:
    """One row per claim, one column per choice model; the headings are explained below."""
    models = list(dict.fromkeys(cell.model for cell in cells))
    rows: dict[str, dict[str, Cell]] = {}
    for cell in cells:
        rows.setdefault(cell.claim, {})[cell.model] = cell
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("claim", no_wrap=True)
    for model in models:
        table.add_column(HEADINGS.get(model, model), justify="center", no_wrap=True)
    for claim, row in rows.items():
        table.add_row(claim, *(SYMBOLS[row[model].state] for model in models))
    runs = sum(cell.runs for cell in cells)
    legend = ", ".join(f"{symbol} {state}" for state, symbol in SYMBOLS.items())
    key = ", ".join(f"{HEADINGS[model]} = {model}" for model in models if model in HEADINGS)
    seconds = sum(cell.seconds for cell in cells)
    table.caption = f"{key}\n{legend}; {runs} runs in {seconds:.0f} s of computing"
    return table


def details(cells: Sequence[Cell]) -> Iterator[str]:
    """Lines of text on every part of every cell: the reason, the runs, or the counterexample."""
    for cell in cells:
        yield f"{cell.claim} under {cell.model}: {cell.state}"
        if cell.state is State.NONE:
            yield "  the model has no loops that the claim speaks about"
        for part in cell.parts:
            if part.counterexample is not None:
                yield f"  {part.name}: refuted on {part.counterexample}"
            elif part.state is State.PROVED:
                yield f"  {part.name}: proved, {part.reason}"
            else:
                yield f"  {part.name}: survived {cell.runs} runs in {cell.seconds:.1f} s"


def problems(cells: Sequence[Cell]) -> Iterator[str]:
    """One sentence for each counterexample to what is said to be proved."""
    for cell in cells:
        for part in cell.broken:
            yield (
                f"{cell.claim} under {cell.model}: {part.name!r} is said to be proved "
                f"({part.reason}) and fails on {part.counterexample}"
            )


def write_counterexamples(folder: Path, cells: Sequence[Cell]) -> list[Path]:
    """One file per refuted part, each of which ``verify --instance`` replays; the paths."""
    paths = []
    for cell in cells:
        refuted = [part for part in cell.parts if part.counterexample is not None]
        for number, part in enumerate(refuted, start=1):
            path = folder / f"{cell.claim}--{cell.model}--{number}.json"
            record = {"claim": cell.claim, "twin": None, "model": cell.model, **part.to_json()}
            record["instance"] = record.pop("counterexample")
            path.write_text(json.dumps(record, indent=1, ensure_ascii=False), encoding="utf-8")
            paths.append(path)
    return paths
