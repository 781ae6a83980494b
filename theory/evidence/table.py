r"""Reports as tables for the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table

from theory.evidence.verdict import Status
from theory.evidence.verify import Report, ladder_settings

if TYPE_CHECKING:
    from theory.claims.claim import Claim


def verdict_table(reports: Iterable[Report]) -> Table:
    """One row per claim: evidence, instances, tightest ratio, twins refuted, seconds."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("claim", no_wrap=True)
    table.add_column("kind", no_wrap=True)
    table.add_column("evidence", no_wrap=True)
    for heading in ("runs", "ratio", "twins", "s"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.caption = (
        "evidence: the strongest under which every instance held; runs: instances decided; "
        "ratio: how close the two sides came; twins: false twins refuted"
    )
    for report in reports:
        refuted = sum(twin.refutation is not None for twin in report.twins)
        table.add_row(
            report.id,
            report.kind,
            "none" if report.strongest is None else str(report.strongest),
            str(sum(verdict.status is not Status.OUT_OF_REACH for verdict in report.verdicts)),
            _ratio(report.tightest),
            f"{refuted}/{len(report.twins)}",
            f"{report.seconds:.1f}",
            "[green]holds[/]" if report.holds else "[red]FAILS[/]",
        )
    return table


def _ratio(value: float) -> str:
    # Cut, not rounded: a bound that is nearly reached must not read as one that is.
    return "–" if math.isnan(value) else f"{math.floor(value * 1e6) / 1e6:.6f}"


def claim_table(claims: Mapping[str, Claim]) -> Table:
    """One row per claim: what it is about."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("claim", no_wrap=True)
    table.add_column("kind")
    table.add_column("about")
    table.add_column("false twins", justify="right")
    for claim in claims.values():
        kind = f"{claim.kind}, tight" if claim.tight else str(claim.kind)
        table.add_row(claim.id, kind, claim.title, str(len(claim.false_twins)))
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
        f"Evidence  {', '.join(claim.strengths)}",
        "False twins",
        *(f"  {twin.name}: {twin.says}" for twin in claim.false_twins),
    ]
    if claim.extremal is not None:
        first = claim.extremal.instance(1, *ladder_settings(claim)[0])
        lines += [f"Extremal  {claim.extremal.part!r}: {first}"]
    return "\n".join(lines)
