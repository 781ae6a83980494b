r"""Reports as tables for the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from theory.evidence.report import Report
from theory.evidence.verify import ladder_settings

if TYPE_CHECKING:
    from theory.claims.claim import Claim

# What a claim's verdict is called when nothing speaks against it, by its standing.
STANDS = {"theorem": "holds", "conjecture": "survived", "refuted": "refuted"}


def verdict_table(reports: Sequence[Report]) -> Table:
    """One row per claim: verdict, evidence, runs and how fast, tightest ratio, twins, seconds."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("claim", "kind", "verdict", "evidence"):
        table.add_column(heading, no_wrap=True)
    for heading in ("runs", "runs/s", "ratio", "twins", "s"):
        table.add_column(heading, justify="right", no_wrap=True)
    if any(report.notes for report in reports):
        table.add_column("note", no_wrap=True)
    table.caption = (
        "evidence: the strongest for the whole claim; runs: instances decided, and checked per "
        "second; ratio: how close the two sides came; twins: false twins refuted"
    )
    for report in reports:
        twins = report.findings.twins
        table.add_row(
            report.id,
            report.kind,
            _verdict(report),
            "none" if report.strongest is None else str(report.strongest),
            str(report.decided),
            _rate(report.rate()),
            _ratio(report.tightest),
            f"{sum(twin.refuted for twin in twins)}/{len(twins)}",
            f"{report.seconds:.1f}",
            *(["; ".join(report.notes)] if report.notes else []),
        )
    return table


class _Console(Console):
    """A console that leaves it to the caller what becomes of a reader that has gone."""

    def on_broken_pipe(self) -> None:
        """Go on raising, where rich would end the program with an error."""
        raise


def show(table: Table) -> None:
    """Print a table at its full width: a terminal that is narrower wraps lines, and nothing, the
    verdict least of all, is cut."""
    unlimited = _Console(width=10_000)
    width = Measurement.get(unlimited, unlimited.options, table).maximum
    _Console(width=max(width, _Console().width)).print(table)


def _verdict(report: Report) -> str:
    if not report.holds:
        return "[red]FAILS[/]"
    return f"[green]{STANDS[report.standing]}[/]"


def _rate(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.0f}"


def _ratio(value: float) -> str:
    # Cut, not rounded: a bound that is nearly reached must not read as one that is.
    return "–" if math.isnan(value) else f"{math.floor(value * 1e6) / 1e6:.6f}"


def claim_table(claims: Mapping[str, Claim]) -> Table:
    """One row per claim: what it is about."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("claim", no_wrap=True)
    table.add_column("standing")
    table.add_column("kind")
    table.add_column("about")
    table.add_column("false twins", justify="right")
    for claim in claims.values():
        kind = f"{claim.kind}, tight" if claim.tight else str(claim.kind)
        table.add_row(claim.id, str(claim.standing), kind, claim.title, str(len(claim.false_twins)))
    return table


def describe(claim: Claim) -> str:
    """Everything that a claim says about itself, as lines of text."""
    lines = [
        f"{claim.id}: {claim.title}",
        "",
        f"Assumes   {'; '.join(claim.hypotheses)}",
        f"Says      {claim.plain}",
        f"LaTeX     {claim.statement}",
        f"Kind      {claim.kind}, {'tight' if claim.tight else 'not known to be tight'}",
        f"Source    {claim.source}",
        f"Standing  {claim.standing}",
        *([f"Searched  {claim.searched}"] if claim.searched else []),
        *([f"Fails on  {claim.counterexample}"] if claim.counterexample is not None else []),
        f"Evidence  {', '.join(claim.advertised)}",
        *(f"Core      {core.name}: {core.says}\n          {core.step}" for core in claim.cores),
        *(f"Rocq      {name}" for name in claim.machine_checked),
        "False twins",
        *(f"  {twin.name}: {twin.says}" for twin in claim.false_twins),
    ]
    for extremal in claim.extremals:
        first = extremal.instance(1, *ladder_settings(claim, extremal)[0])
        lines += [f"Extremal  {', '.join(map(repr, extremal.parts))}: {first}"]
    return "\n".join(lines)
