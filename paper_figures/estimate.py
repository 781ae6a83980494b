"""How long the work will take, and how far it is.

The seconds that each part took here before are beside its results; where it was never done here,
those of a table that goes with the code (``seconds.json``, measured on two cores) stand in.
``python -m paper_figures.estimate`` writes that table anew from what is in ``build``.
"""

from __future__ import annotations

import glob
import hashlib
import heapq
import json
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from paper_figures import evidence
from paper_figures.figure import PaperFigure, origin_file, stamp_file

if TYPE_CHECKING:  # it needs torch
    from paper_figures.trained import Run

__all__ = ["Bar", "Seconds", "wall", "words"]

SHIPPED = Path(__file__).with_name("seconds.json")
"""Seconds by kind (:data:`KINDS`) and name; a run is named by its label and a hash of its
configuration, both without the seed."""

KINDS = ("claims", "runs", "computed", "drawn")

# The pace found so far is believed between these factors: the first part alone tells little.
PACES = (0.5, 3.0)


class Seconds:
    """Expected seconds of one core for each part of the work.

    Parameters
    ----------
    results, runs
        Folders of the saved results and of the runs, where earlier work tells how long it took.
    """

    def __init__(self, results: Path, runs: Path) -> None:
        self.results = results
        self.runs = runs
        self.shipped: Mapping[str, Mapping[str, float]] = json.loads(SHIPPED.read_bytes())

    def claim(self, identifier: str) -> float:
        """Checking a claim."""
        report = evidence.read(identifier, self.results).get("report", {})
        return self._believed(report, "claims", identifier)

    def run(self, experiment: Run) -> float:
        """Making a run."""
        name = _kind(experiment)
        took = _run_seconds(name, self.runs)
        return self._shipped("runs", name) if took is None else took

    def computing(self, figure: PaperFigure) -> float:
        """Computing a figure's results from its runs."""
        found = _read(origin_file(figure.name, self.results))
        return self._believed(found, "computed", figure.name)

    def drawing(self, figure: PaperFigure) -> float:
        """Drawing a figure in all formats."""
        return self._believed(_read(stamp_file(figure.name, self.results)), "drawn", figure.name)

    def _believed(self, found: Mapping[str, Any], kind: str, name: str) -> float:
        took = found.get("seconds")
        return float(took) if isinstance(took, int | float) else self._shipped(kind, name)

    def _shipped(self, kind: str, name: str) -> float:
        """Of one that was not measured, the median of its kind."""
        table = self.shipped[kind]
        return table.get(name, statistics.median(table.values()))


def _kind(experiment: Run) -> str:
    """Name of what is run, whatever the seed."""
    from paper_figures.trained import label

    return f"{label(experiment).rpartition('-')[0]}-{_digest(experiment.as_json())}"


def _digest(config: Mapping[str, Any]) -> str:
    """Short hash of a run's configuration without its seed."""
    text = json.dumps({**config, "seed": None}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _run_seconds(kind: str, runs: Path) -> float | None:
    """Seconds of the latest run of a kind, of whatever code; None if there is none."""
    from sim.runs import CONFIG, SECONDS

    words, _, digest = kind.rpartition("-")
    files = [
        path
        for path in runs.glob(f"{glob.escape(words)}-*/{SECONDS}")
        if _digest(_read(path.with_name(CONFIG))) == digest
    ]
    if not files:
        return None
    latest = max(files, key=lambda path: path.stat().st_mtime)
    try:
        return sum(json.loads(line)["all"] for line in latest.read_text().splitlines())
    except (ValueError, KeyError, TypeError):
        return None  # cut short, or not what it seems


def _read(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def wall(seconds: Iterable[float], processes: int) -> float:
    """Time until all jobs are done when each goes to the first process that is free, in order."""
    free = [0.0] * processes
    for each in seconds:
        heapq.heapreplace(free, free[0] + each)
    return max(free)


def words(seconds: float) -> str:
    """A length of time as a person would say it: "20 s", "4 min", "1 h 10 min"."""
    if seconds < 1:
        return "a second"
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds < 10 else f"{5 * round(seconds / 5)} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, tens = divmod(minutes // 10, 6)
    return f"{hours} h {tens}0 min" if tens else f"{hours} h"


class Bar:
    """A progress bar over several stages of work whose parts take unequal times.

    Parameters
    ----------
    console
        Where to show it.
    stages
        Expected seconds of the parts of each stage, in the order in which they are begun.
    processes
        Parts at a time.
    """

    def __init__(
        self, console: Console, stages: Mapping[str, Sequence[float]], processes: int
    ) -> None:
        # A part counts for its share of the stage's time, several being worked on at once.
        self.total = 0.0
        self.shares = {}
        for stage, seconds in stages.items():
            needed = wall(seconds, processes)
            self.shares[stage] = needed / sum(seconds) if sum(seconds) else 0.0
            self.total += needed
        self.begun = time.monotonic()
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            _Left(),
            console=console,
            transient=True,
            disable=console.quiet or not console.is_terminal or not self.total,
        )
        self.task = self.progress.add_task(
            next(iter(stages), ""), total=self.total, left=self.total, at=self.begun
        )

    def __enter__(self) -> Bar:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def begin(self, stage: str) -> None:
        """Name the stage that begins."""
        self.progress.update(self.task, description=stage)

    def done(self, stage: str, seconds: float) -> None:
        """Tell that a part has ended that was expected to take these seconds."""
        self.progress.advance(self.task, seconds * self.shares[stage])
        now = time.monotonic()
        done = self.progress.tasks[self.task].completed
        pace = min(max((now - self.begun) / done, PACES[0]), PACES[1]) if done else 1.0
        left = max(0.0, self.total - done) * pace
        self.progress.update(self.task, left=left, at=now)

    def tell(self, line: str) -> None:
        """A line above the bar."""
        self.progress.console.print(line, highlight=False, markup=False)


class _Left(ProgressColumn):
    """Time left as it was found when the last part ended, less what has passed since."""

    def render(self, task: Task) -> Text:
        left = task.fields["left"] - (time.monotonic() - task.fields["at"])
        return Text(f"about {words(left)} left" if left > 1 else "nearly done")


def _measured(results: Path, runs: Path) -> dict[str, dict[str, float]]:
    """The table from what the folders tell, the shipped one standing in for what they do not."""
    from paper_figures.registry import FIGURES
    from theory.claims import claims

    seconds = Seconds(results, runs)
    experiments = {
        _kind(each): each
        for figure in FIGURES.values()
        if figure.experiments is not None
        for each in figure.experiments(figure.parameters).values()
    }
    drawn = [figure for figure in FIGURES.values() if figure.record is None]
    found = {
        "claims": {name: seconds.claim(name) for name in claims},
        "runs": {name: seconds.run(each) for name, each in experiments.items()},
        "computed": {figure.name: seconds.computing(figure) for figure in drawn},
        "drawn": {figure.name: seconds.drawing(figure) for figure in drawn},
    }
    return {
        kind: {name: round(took, 1) for name, took in sorted(table.items())}
        for kind, table in found.items()
    }


if __name__ == "__main__":
    table = _measured(Path("build/results"), Path("build/runs/figures"))
    SHIPPED.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
