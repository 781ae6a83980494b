r"""Deciding polynomial statements by the signs of coefficients.

Two ways, both in exact integers (python-flint): coordinates in which the conclusion has no negative
coefficient (:mod:`theory.evidence.chart`), or a sum of products of the assumptions that equals it
(:mod:`theory.evidence.certificate`). Each can only prove, never refute: where it finds nothing the
statement is *undecided*.
"""

from __future__ import annotations

from dataclasses import dataclass

import flint

from theory.evidence import certificate, chart
from theory.evidence.core import Core, State, Undecided


@dataclass(frozen=True)
class Decision:
    """Whether the statement is proved, how (or why not), and in how many terms it expands."""

    proved: bool
    how: str
    terms: int


def decide(core: Core, state: State | None = None) -> Decision:
    """Try to prove the core's statement, or a twin's in the same variables and the same way."""
    ring = flint.fmpz_mpoly_ctx.get(core.variables, "degrevlex")
    statement = (state or core.state)(*ring.gens())
    conclusion = ring.constant(0) + statement.conclusion
    try:
        how = (chart if core.chart else certificate).prove(core, statement, conclusion)
    except Undecided as reason:
        return Decision(False, f"undecided: {reason}", len(conclusion))
    return Decision(True, how, len(conclusion))
