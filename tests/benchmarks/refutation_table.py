"""How long the search takes to refute every false twin, as a table: ``make refutations``.

Two searches per seed: the one that ``verify`` runs, which tries the claim's extremal instances
first, and one that is told nothing. Times are of one process with one thread. Exit status 1 when
the median of the first exceeds its target, 1 s, or 3 s for the sharp constant of Theorem 2.4.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table
from threadpoolctl import threadpool_limits

from theory.claims import Claim, FalseTwin, claims
from theory.evidence.table import show
from theory.evidence.verify import refute_twin

TARGET_SECONDS = 1.0
# The sharp constant is reached by long runs on many levels, each a hundred times dearer.
TARGETS = {"theorem-2.4-sharp": 3.0}


def main() -> int:
    """Print the table and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ids", nargs="*", metavar="ID", help="claims; all of them by default")
    parser.add_argument("--seeds", type=int, default=5, help="searches per twin (default 5)")
    parser.add_argument("--json", type=Path, help="write every time to this file")
    options = parser.parse_args()
    unknown = [name for name in options.ids if name not in claims]
    if unknown or options.seeds < 1:
        parser.error(f"no such claim: {unknown}" if unknown else "--seeds must be at least 1")
    chosen = [claims[name] for name in options.ids] or [*claims.values()]
    with threadpool_limits(1):
        rows = [
            _measured(claim, twin, options.seeds) for claim in chosen for twin in claim.false_twins
        ]
    show(_table(rows))
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=1, ensure_ascii=False), encoding="utf-8")
    slow = [row for row in rows if not row["median"] <= row["target"]]
    for row in slow:
        print(f"{row['claim']}: {row['twin']}: {row['median']} s", file=sys.stderr)
    return 1 if slow else 0


def _measured(claim: Claim, twin: FalseTwin, seeds: int) -> dict[str, Any]:
    subject = claim.twin_subject(twin)
    given, stages = _times(lambda rng: refute_twin(claim, twin, rng), seeds)
    alone, stages_alone = _times(lambda rng: subject.refute(twin.sides, rng, ()), seeds)
    return {
        "claim": claim.id,
        "twin": twin.name,
        "median": statistics.median(given),
        "slowest": max(given),
        "stages": sorted(set(stages)),
        "median_alone": statistics.median(alone),
        "slowest_alone": max(alone),
        "stages_alone": sorted(set(stages_alone)),
        "target": TARGETS.get(claim.id, TARGET_SECONDS),
    }


def _times(search: Callable[[np.random.Generator], Any], seeds: int) -> tuple[list[float], Any]:
    """Seconds of each search, infinite for one that found nothing, and the stages that did."""
    seconds, stages = [], []
    for seed in range(seeds):
        began = time.perf_counter()
        found = search(np.random.default_rng(seed))
        seconds.append(time.perf_counter() - began if found is not None else float("inf"))
        stages.append("nothing found" if found is None else found.stage)
    return seconds, stages


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("claim", "false twin"):
        table.add_column(heading, no_wrap=True)
    for heading in ("median s", "slowest", "alone: median", "slowest"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("found by, alone", no_wrap=True)
    table.caption = "alone: without the claim's extremal instances to start from"
    for row in rows:
        table.add_row(
            row["claim"],
            row["twin"],
            *(f"{row[key]:.3f}" for key in ("median", "slowest", "median_alone", "slowest_alone")),
            ", ".join(row["stages_alone"]),
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
