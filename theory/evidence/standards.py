r"""What a claim must show to stand: one sentence for everything that it does not show.

* At each strength asked for, every case holds or is out of reach, and no random one is.
* Every part of it is established on a random case with no rounding; what float64 alone says of an
  equality, or of a part, establishes nothing. (Asked of a whole verification only: one strength
  alone may be unable to decide some part.)
* Each part of a tight bound that has extremal instances reaches 1 along them, in the family, at
  every setting.
* Every false twin falls to a counterexample of its own family, confirmed with no rounding.
* Every proof that it advertises is accepted; one that was not rebuilt is no evidence and no fault,
  but where no other evidence was asked for there is none.
* A refuted statement fails on its counterexample, with no rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from theory.evidence.findings import RIGOROUS, Findings, confirms
from theory.evidence.sides import Relation
from theory.evidence.verdict import INSTANCE_STRENGTHS, Status, Strength, Verdict

if TYPE_CHECKING:
    from theory.claims.claim import Claim

NOT_REBUILT = "proof not rebuilt here"
FEWEST_TWINS = 2


def problems(claim: Claim, findings: Findings) -> Iterator[str]:
    """Each reason why the claim does not stand, in one sentence."""
    if findings.mishap:
        yield findings.mishap
        return
    if not findings.wanted:
        yield (
            "no evidence of this strength: the claim advertises "
            f"{', '.join(claim.advertised) or 'none'}"
        )
    if claim.counterexample is None:
        yield from _weaknesses(claim, findings)
    elif findings.counterexample is not None and not confirms(findings.counterexample):
        yield (
            f"its counterexample is not confirmed: {findings.counterexample.status} on "
            f"{findings.counterexample.instance}"
        )
    for twin in findings.twins:
        if not twin.refuted:
            yield f"false twin {twin.name!r} was not refuted" + (
                f": {twin.objection}" if twin.objection else ""
            )
    yield from _failed_proofs(findings)


def _weaknesses(claim: Claim, findings: Findings) -> Iterator[str]:
    # A guess may be attacked without any; a claim that is to hold may not be without.
    if len(claim.false_twins) < FEWEST_TWINS:
        yield (
            f"has {len(claim.false_twins)} false twins: give at least {FEWEST_TWINS}, or nothing "
            "shows that its check could fail"
        )
    for strength in findings.wanted:
        if strength in INSTANCE_STRENGTHS and not findings.holds_at(strength):
            yield f"does not hold at {strength}: {_first_failure(findings, strength)}"
    yield from _silences(claim, findings)
    shown = {ladder.part for ladder in findings.ladders}
    if Strength.CERTIFIED in findings.wanted and not all(
        shown >= set(extremal.parts) for extremal in claim.extremals
    ):
        yield "is not shown to be tight: its family has no K > 1, so name the settings"
    for ladder in findings.ladders:
        if ladder.objection:
            yield f"is not shown to be tight: {ladder.objection}"
        elif not ladder.reaches_one:
            yield f"is not shown to be tight: {ladder}"


def _silences(claim: Claim, findings: Findings) -> Iterator[str]:
    # Degenerate cases alone are no evidence: the claim must say something of each random instance.
    random = [entry.verdict for entry in findings.evidence if entry.random]
    silent = [verdict for verdict in random if _silent(verdict)]
    if silent:
        yield (
            f"decides nothing on {len(silent)} of {len(random)} random instances, such as "
            f"{silent[0].instance} ({silent[0].strength})"
        )
    if not set(claim.strengths) <= set(findings.wanted):
        return
    if set(claim.strengths) & set(RIGOROUS):
        for part in findings.open_parts:
            yield f"part {part!r} is decided with no rounding on no random instance"
    else:
        equalities = (c.part for c in findings.comparisons() if c.relation is Relation.EQUAL)
        for part in dict.fromkeys(equalities):
            yield f"part {part!r} is an equality, which float64 cannot establish"


def _silent(verdict: Verdict) -> bool:
    """Whether nothing was decided, though something could have been: balls establish no equality,
    and keep silent by right where a claim makes no other statement."""
    only_equalities = verdict.strength is Strength.CERTIFIED and all(
        comparison.relation is Relation.EQUAL for comparison in verdict.comparisons
    )
    return verdict.status is Status.OUT_OF_REACH and not (verdict.comparisons and only_equalities)


def _failed_proofs(findings: Findings) -> Iterator[str]:
    for core in findings.cores:
        if not core.holds or core.problems:
            reason = "; ".join(core.problems) or core.method
            yield f"core {core.name!r} is not proved: {reason}"
    if findings.rocq is None:
        return
    if findings.rocq.status == "failed":
        yield f"machine-checked proof failed: {findings.rocq.detail}"
    elif findings.rocq.status == "not rebuilt here" and len(findings.wanted) == 1:
        yield f"no evidence: {NOT_REBUILT}, {findings.rocq.detail}"


def _first_failure(findings: Findings, strength: Strength) -> str:
    for entry in findings.evidence:
        verdict = entry.verdict
        if verdict.strength is strength and verdict.status in (Status.FAILS, Status.UNDECIDED):
            bad = next(c for c in verdict.comparisons if c.status is verdict.status)
            return (
                f"{bad.part!r} {bad.status} at t = {bad.t} "
                f"({bad.left:.6g} {bad.relation} {bad.right:.6g}) on {verdict.instance}"
            )
    return "no instance was within reach"


def notes(findings: Findings) -> Iterator[str]:
    """What a reader of the verdict should know, though it is no fault of the claim."""
    if findings.rocq is not None and findings.rocq.status == "not rebuilt here":
        yield NOT_REBUILT
    if findings.mishap or not set(findings.wanted) & set(RIGOROUS):
        return
    if findings.open_parts:
        yield f"undecided here: {', '.join(findings.open_parts)}"


def strongest(claim: Claim, findings: Findings) -> Strength | None:
    """The strongest evidence for the whole claim (against it, when it is refuted), over its whole
    family: of each part the strongest that establishes it, and of these the weakest. ``exact``
    comes last where only a part of the family is within its reach."""
    if findings.counterexample is not None:
        return findings.counterexample.strength if confirms(findings.counterexample) else None
    if findings.rocq is not None and findings.rocq.status == "checked":
        return Strength.MACHINE_CHECKED
    if findings.cores and all(core.holds and not core.problems for core in findings.cores):
        return Strength.PROVED
    reach = list(INSTANCE_STRENGTHS)
    if claim.exact_family is not None:
        reach.sort(key=lambda strength: strength is Strength.EXACT)
    held = [strength for strength in reach if findings.holds_at(strength)]
    established = {
        strength: {c.part for c in findings.comparisons(strength) if c.status is Status.HOLDS}
        for strength in held
    }
    best = [
        next(strength for strength in held if part in established[strength])
        for part in findings.parts
        if any(part in established[strength] for strength in held)
    ]
    return max(best, key=list(Strength).index, default=None)
