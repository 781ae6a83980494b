r"""Which claims survive another curator: the table of claims and choice models, drawn.

Every claim of the library about loops on finite laws, taken as it stands, with the loop curated by
another choice model (:mod:`theory.choice`): proved, not refuted by a search, refuted in some of its
parts, or refuted outright by an instance that is confirmed rigorously. Symbols and shades say the
same, so that a grey print loses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from paper_figures import labels, style
from paper_figures.figure import PaperFigure
from paper_figures.results import Results
from theory.claims import claims
from theory.evidence.choice_table import DEFAULT_RUNS, State, table
from theory.evidence.curations import CURATIONS

STATES = (State.PROVED, State.SURVIVED, State.PARTLY, State.REFUTED, State.NONE)
"""In the results a state is its index here."""

LABELS = {
    "plackett-luce": "Plackett–Luce",
    "best-of-K": "best of $K$",
    "top-half": r"top $m \leq K/2$",
    "top-most": "top $m > K/2$",
    "noisy": "noisy",
    "adversarial": "adversarial",
    "heterogeneous": "heterogeneous",
    "cyclic": "cyclic pairs",
    "one-of-two": "one of two",
    "sum-of-two": "sum of two",
}


@dataclass(frozen=True)
class Parameters:
    """Ids of the claims (all when empty), runs per cell and the fewer where all that stands is
    proved, and the seed of the searches.

    ``python -m theory choices`` attacks what is proved as long as the rest, which takes twice the
    time; no part of a cell is another then.
    """

    ids: tuple[str, ...] = ()
    runs: int = DEFAULT_RUNS
    proved_runs: int = 150
    seed: int = 0


def compute(parameters: Parameters) -> Results:
    """States of all cells, shape (claims, models), as indices into ``STATES``; runs of each."""
    chosen = [claims[name] for name in parameters.ids] or [*claims.values()]
    cells = list(
        table(
            chosen,
            CURATIONS,
            parameters.runs,
            parameters.seed,
            proved_runs=parameters.proved_runs,
        )
    )
    for cell in cells:
        if cell.broken:
            raise ValueError(
                f"{cell.claim} under {cell.model} is said to be proved and has a counterexample: "
                "see python -m theory choices."
            )
    shape = (len(chosen), len(CURATIONS))
    states = np.array([STATES.index(cell.state) for cell in cells]).reshape(shape)
    # A claim that has no loops under any model is not part of the comparison.
    rows = (states != STATES.index(State.NONE)).any(axis=1)
    return {
        "claims": np.array([claim.id for claim in chosen])[rows],
        "models": np.array([curation.name for curation in CURATIONS]),
        "states": states[rows],
        "runs": np.array([cell.runs for cell in cells]).reshape(shape)[rows],
    }


# Shade of the cell, and marker with its filling, by state.
SHADES = {
    State.PROVED: "#FFFFFF",
    State.SURVIVED: "#E8F0F6",
    State.PARTLY: "#F6DFC0",
    State.REFUTED: "#D9A58C",
    State.NONE: "#FFFFFF",
}
MARKERS = {
    State.PROVED: ("o", "full", "blue"),
    State.SURVIVED: ("o", "none", "blue"),
    State.PARTLY: ("o", "left", "vermilion"),
    State.REFUTED: ("X", "full", "black"),
    State.NONE: ("_", "none", "grey"),
}
MEANING = {
    State.PROVED: "proved",
    State.SURVIVED: "no counterexample found",
    State.PARTLY: "refuted in part",
    State.REFUTED: "refuted",
    State.NONE: "no such loops",
}


def draw(results: Results) -> Figure:
    """One row per claim, one column per model, and the legend below."""
    names, models, states = results["claims"], results["models"], results["states"]
    order = np.argsort(_toughness(states), kind="stable")
    names, states = names[order], states[order]
    # Headings and legend take a height of their own; a page column has room for 5 in.
    figure = style.new_figure(style.COLUMN, 1.5 + min(0.132 * len(names), 3.5))
    axes = figure.subplots()
    for (row, column), index in np.ndenumerate(states):
        state = STATES[index]
        axes.add_patch(
            Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=SHADES[state], linewidth=0)
        )
        axes.add_line(_symbol(state, column, row))
    axes.set_xlim(-0.5, len(models) - 0.5)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xticks(
        range(len(models)),
        labels=[LABELS[str(model)] for model in models],
        rotation=90,
    )
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_yticks(range(len(names)), labels=[str(name) for name in names])
    axes.tick_params(length=0)
    # Thin lines between cells, none of them heavier than the symbols.
    for edge in np.arange(0.5, max(len(models), len(names)) - 1):
        if edge < len(models) - 1:
            axes.axvline(edge, color="white", linewidth=1.2)
        if edge < len(names) - 1:
            axes.axhline(edge, color="#DDDDDD", linewidth=0.4)
    candidates = f"{labels.symbol('candidates')} candidates"
    axes.set_xlabel(f"who keeps one of the {candidates}", labelpad=6)
    axes.set_ylabel("claim")
    seen = [state for number, state in enumerate(STATES) if (states == number).any()]
    figure.legend(
        [_symbol(state, 0, 0) for state in seen],
        [MEANING[state] for state in seen],
        loc="outside lower center",
        ncols=3,
        handlelength=1.0,
        columnspacing=1.2,
    )
    return figure


def _symbol(state: State, x: float, y: float) -> Line2D:
    marker, fill, colour = MARKERS[state]
    return Line2D(
        [x],
        [y],
        linestyle="",
        marker=marker,
        fillstyle=fill,
        color=style.COLOURS[colour],
        markerfacecoloralt="white",
        markersize=4.2,
        markeredgewidth=0.7,
    )


def _toughness(states: np.ndarray) -> np.ndarray:
    """Rows that more models leave standing come first, shape (claims,)."""
    cost = np.array([0.0, 0.2, 0.6, 1.0, 0.5])  # in the order of STATES
    return cost[states].sum(axis=1)


FIGURE = PaperFigure(
    name="choice_models",
    caption="Which claims about the curated loop survive another choice model",
    file=Path(__file__),
    parameters=Parameters(),
    compute=compute,
    draw=draw,
)
