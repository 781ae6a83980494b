r"""Falsification from end to end: a campaign, the hit made small, a record that can be replayed."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from theory.evidence import ball, numeric, rational, scale
from theory.evidence.campaign import Outcome, Watch, campaign
from theory.evidence.family import Family
from theory.evidence.instance import Instance
from theory.evidence.judge import relative_margin
from theory.evidence.search import Refutation
from theory.evidence.shrink import shrink
from theory.evidence.sides import Relation
from theory.evidence.subject import Case, Counterexample
from theory.evidence.target import Statement, Target, one_line
from theory.evidence.verdict import Comparison, Status, Strength, Verdict

# Seconds given to making a counterexample small, if the search was given as many.
SHRINK_SECONDS = 20.0
# Characters of an instance beyond which only its size is printed; the JSON record has all of it.
LONGEST_LINE = 200
# Rounds of a replay in float64: a few seconds.
MOST_ROUNDS = 10_000


class BadInstanceFile(ValueError):
    """A file that holds no instance; the message is one sentence."""


@dataclass(frozen=True)
class Falsification:
    """What an attack on a statement found.

    Attributes
    ----------
    statement
        What was attacked.
    outcome
        The campaign.
    found
        The counterexample as it was found, ``None`` if there is none.
    smallest, verdict
        The counterexample made small, and the verdict of the strongest evidence that decides it.
    shrink_seconds
        What making it small took.
    """

    statement: Statement
    outcome: Outcome
    found: Counterexample | None = None
    smallest: Case | None = None
    verdict: Verdict | None = None
    shrink_seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """A JSON object that ``verify --instance`` replays."""
        statement, found, outcome = self.statement, self.found, self.outcome
        return {
            "claim": statement.claim.id,
            "file": statement.file,
            "twin": None if statement.twin is None else statement.twin.name,
            "says": statement.says,
            "refuted": found is not None,
            "instance": None if self.smallest is None else self.smallest.to_json(),
            "verdict": None if self.verdict is None else self.verdict.to_json(),
            "as_found": None if found is None else found.instance.to_json(),
            "stage": None if found is None else found.stage,
            "searches": outcome.searches,
            "evaluations": outcome.evaluations,
            "closest": None if outcome.closest is None else outcome.closest.to_json(),
            "seconds": round(outcome.seconds + self.shrink_seconds, 3),
        }

    def lines(self) -> list[str]:
        """The report in lines of text."""
        statement, outcome = self.statement, self.outcome
        title = f"{statement.label}: {statement.says}"
        effort = f"{outcome.seconds:.1f} s"
        # A search that is not about loops does not count what it tries in vain.
        if outcome.evaluations:
            effort = f"{outcome.evaluations} instances and {effort}"
        if self.found is None or self.smallest is None or self.verdict is None:
            return [title, f"No counterexample in {effort}{_approach(statement, outcome)}."]
        lines = [
            title,
            f"Refuted by {self.found.stage} after {effort}, made small in "
            f"{self.shrink_seconds:.1f} s:",
            "",
            *_written_out(self.smallest),
            "",
        ]
        return lines + [
            f"  {_told(comparison)}  ({self.verdict.strength}"
            f"{', ' + self.verdict.note if self.verdict.note else ''})"
            for comparison in self.verdict.comparisons
            if comparison.status is Status.FAILS
        ]


def falsify(
    target: Target,
    statement: Statement,
    seconds: float,
    *,
    seed: int = 0,
    processes: int = 1,
    scheduler: str | None = None,
    watch: Watch | None = None,
) -> Falsification:
    """Attack a statement for so many seconds, and make what refutes it small.

    Parameters as for :func:`theory.evidence.campaign.campaign`. A statement that is not about loops
    on finite laws is attacked once, in this process, by its subject's own search.
    """
    if statement.family is None:
        return _by_its_subject(statement, seed)
    outcome = campaign(
        target,
        statement,
        seconds,
        seed=seed,
        processes=processes,
        scheduler=scheduler,
        watch=watch,
    )
    found = outcome.refutation or _overlooked(statement, outcome)
    if found is None:
        return Falsification(statement, outcome)
    if watch is not None:
        watch(replace(outcome, stage="shrinking"))
    began = time.perf_counter()
    limit = min(seconds, SHRINK_SECONDS)
    smallest, verdict = _smallest(statement, statement.family, found.instance, limit)
    exact = rational.check(statement.sides, smallest)
    return Falsification(
        statement=statement,
        outcome=outcome,
        found=found,
        smallest=smallest,
        verdict=exact if exact.status is Status.FAILS else verdict,
        shrink_seconds=time.perf_counter() - began,
    )


def _overlooked(statement: Statement, outcome: Outcome) -> Refutation | None:
    """The closest approach, if it fails the statement rigorously where float64 saw it hold."""
    closest = outcome.closest
    if closest is None or not ball.affordable(closest):
        return None
    verdict = ball.check(statement.sides, closest)
    if verdict.status is not Status.FAILS:
        return None
    return Refutation(
        closest, verdict, "the closest approach", outcome.evaluations, outcome.seconds
    )


def _smallest(
    statement: Statement, family: Family, instance: Instance, limit: float
) -> tuple[Instance, Verdict]:
    """The counterexample made small; where its unit matters, in that unit, or in whole numbers if
    it fails in these as well."""
    if not statement.has_unit:
        return shrink(statement.sides, family, instance, limit)
    top = max(instance.weights)
    small, _ = shrink(scale.AtTop(statement.sides, top), family, instance, limit)
    for candidate in (small, scale.with_top(small, top)):
        verdict = ball.check(statement.sides, candidate)
        if verdict.status is Status.FAILS:
            return candidate, verdict
    return instance, ball.check(statement.sides, instance)


def _by_its_subject(statement: Statement, seed: int) -> Falsification:
    began = time.perf_counter()
    rng = np.random.default_rng(seed)
    found = statement.subject.refute(statement.sides, rng, statement.starts())
    seconds = time.perf_counter() - began
    if found is None:
        return Falsification(statement, Outcome(searches=1, seconds=seconds))
    outcome = Outcome(searches=1, evaluations=found.evaluations, seconds=seconds)
    return Falsification(statement, outcome, found, found.instance, found.verdict)


def _approach(statement: Statement, outcome: Outcome) -> str:
    """How close the search came, decided again on the rational instance."""
    closest = outcome.closest
    if closest is None:
        return ""
    strength = Strength.CERTIFIED if ball.affordable(closest) else Strength.NUMERIC
    verdict = statement.subject.check(statement.sides, closest, strength)
    bounds = [c for c in verdict.comparisons if c.relation is not Relation.EQUAL]
    if not bounds:
        return ""
    nearest = min(bounds, key=relative_margin)
    distance = (
        f"relative margin {relative_margin(nearest):.3g}"
        if math.isnan(nearest.ratio)
        else f"ratio {_cut(nearest.ratio)}"
    )
    where = str(closest)
    if len(where) > LONGEST_LINE:
        K, lam = ("∞" if x == math.inf else f"{float(x):.6g}" for x in (closest.K, closest.lam))
        where = f"{len(closest.weights)} atoms, K = {K}, λ = {lam}"
    return f"; closest approach: {distance} ({nearest.part!r}, t = {nearest.t}) on {where}"


def _cut(ratio: float) -> str:
    # Cut, not rounded: a bound that is nearly reached must not read as one that is.
    return f"{math.floor(ratio * 1e6) / 1e6:.6f}"


def _written_out(case: Case) -> list[str]:
    if not isinstance(case, Instance):
        return [f"  {case}"]
    return [f"  {part}" for part in str(case).replace(", w = ", "\nw = ").split("\n")]


def _told(comparison: Comparison) -> str:
    return (
        f"{comparison.part!r} at t = {comparison.t}: {comparison.left:.12g} "
        f"{comparison.relation} {comparison.right:.12g} {comparison.status}"
    )


@dataclass(frozen=True)
class Replay:
    """What every strength of evidence says of a statement on one instance."""

    statement: Statement
    instance: Instance
    objection: str
    verdicts: tuple[Verdict, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing fails, and something holds."""
        statuses = [verdict.status for verdict in self.verdicts]
        return Status.HOLDS in statuses and Status.FAILS not in statuses

    def to_json(self) -> dict[str, Any]:
        """A JSON object with every verdict."""
        twin = self.statement.twin
        return {
            "claim": self.statement.claim.id,
            "twin": None if twin is None else twin.name,
            "instance": self.instance.to_json(),
            "outside": self.objection,
            "holds": self.holds,
            "verdicts": [verdict.to_json() for verdict in self.verdicts],
        }

    def lines(self) -> list[str]:
        """The report in lines of text, one per strength and part."""
        fails = any(verdict.status is Status.FAILS for verdict in self.verdicts)
        outcome = "holds" if self.holds else "does not hold" if fails else "not decided"
        title = f"{self.statement.label}: {outcome}"
        if self.objection:
            title += f" (outside its hypotheses: {self.objection})"
        lines = [title]
        for verdict in self.verdicts:
            note = f" ({verdict.note})" if verdict.note else ""
            if not verdict.comparisons:
                lines.append(f"  {verdict.strength:10} {verdict.status}{note}")
            lines += [
                f"  {verdict.strength:10} {_told(comparison)}{note}"
                for comparison in verdict.comparisons
            ]
        return lines


def replay(statement: Statement, instance: Instance, strengths: Sequence[Strength]) -> Replay:
    """Check a statement on one instance at every strength given."""
    verdicts = [_verdict(statement, instance, strength) for strength in strengths]
    objection = statement.subject.objection(instance)
    return Replay(statement, instance, objection, tuple(verdicts))


def _verdict(statement: Statement, instance: Instance, strength: Strength) -> Verdict:
    if strength is Strength.CERTIFIED and not ball.affordable(instance):
        return Verdict(strength, instance, (), "too long a computation in balls")
    if strength is Strength.NUMERIC:
        if instance.steps > MOST_ROUNDS:
            return Verdict(strength, instance, (), f"more than {MOST_ROUNDS} rounds")
        return numeric.check(statement.sides, numeric.Scenario.of(instance))
    return (rational if strength is Strength.EXACT else ball).check(statement.sides, instance)


class Record(NamedTuple):
    """An instance, and the claim and the false twin that its file says it is about."""

    instance: Instance
    claim: str | None
    twin: str | None


def read_instance(path: Path) -> Record:
    """The instance of a JSON file, alone or in a record of a falsification.

    Raises
    ------
    BadInstanceFile
        When the file cannot be read or holds no instance.
    """
    try:
        # 0.1 is the tenth that was written, not the float next to it.
        data = json.loads(path.read_text(encoding="utf-8"), parse_float=Fraction)
    except OSError as error:
        raise BadInstanceFile(f"{path} cannot be read ({error.strerror}).") from None
    except (ValueError, RecursionError) as error:
        raise BadInstanceFile(f"{path} is not JSON ({one_line(error)}).") from None
    claim = twin = None
    if isinstance(data, dict) and "instance" in data:
        claim, twin, data = data.get("claim"), data.get("twin"), data["instance"]
        if data is None:
            raise BadInstanceFile(f"{path} records a search that found no counterexample.")
        for key, name in (("claim", claim), ("twin", twin)):
            if not isinstance(name, str | None):
                raise BadInstanceFile(f"{path}: its {key} is {name!r}: give a name or null.")
    if not isinstance(data, dict):
        raise BadInstanceFile(f"{path} holds no instance: {data!r:.40} is no JSON object.")
    try:
        return Record(Instance.from_json(data), claim, twin)
    except KeyError as error:
        raise BadInstanceFile(f"{path} holds no instance: the key {error} is missing.") from None
    except (TypeError, ValueError, ArithmeticError, AttributeError) as error:
        raise BadInstanceFile(f"{path} holds no instance: {one_line(error)}") from None
