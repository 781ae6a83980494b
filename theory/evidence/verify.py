r"""One claim through everything: instances at each strength, extremal instances, false twins."""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from theory.evidence import ball, numeric, rational, search
from theory.evidence.family import Family
from theory.evidence.grids import GRIDS
from theory.evidence.instance import Instance
from theory.evidence.sides import Relation
from theory.evidence.verdict import Status, Strength, Verdict, finite_or_none

if TYPE_CHECKING:
    from theory.claims.claim import Claim, FalseTwin

# Significant digits of random rational instances: enough to be generic, short enough to print.
DIGITS = 3
DEFAULT_INSTANCES = 20
# How close the last extremal instance must bring the two sides: twins are nudged by 2 %.
TIGHT_ENOUGH = 0.98
# The gap must about halve from rung to rung: one that shrinks ever more slowly may never close.
SHRINKING = 0.6
# Draws in search of an affordable instance before the family is called unaffordable.
PATIENCE = 1_000


@dataclass(frozen=True)
class TwinReport:
    """What became of one false twin."""

    name: str
    says: str
    refutation: search.Refutation | None

    def to_json(self) -> dict[str, Any]:
        """A JSON object; ``counterexample`` is ``null`` for a twin that was not refuted."""
        found = self.refutation
        return {
            "name": self.name,
            "says": self.says,
            "refuted": found is not None,
            "counterexample": None if found is None else found.instance.to_json(),
            "verdict": None if found is None else found.verdict.to_json(),
            "stage": None if found is None else found.stage,
            "evaluations": None if found is None else found.evaluations,
            "seconds": None if found is None else round(found.seconds, 4),
        }


@dataclass(frozen=True)
class Ladder:
    r"""Ratios of the two sides along the extremal instances of one :math:`(K, \lambda)`."""

    K: int | float
    lam: Fraction | float
    ratios: tuple[float, ...]

    @property
    def reaches_one(self) -> bool:
        """Whether every rung leaves at most ``SHRINKING`` of the last one's gap to 1, and the last
        one has a gap of at most ``1 - TIGHT_ENOUGH``."""
        gaps = [1 - ratio for ratio in self.ratios]
        return self.ratios[-1] >= TIGHT_ENOUGH and all(
            after <= SHRINKING * before for before, after in pairwise(gaps)
        )

    def __str__(self) -> str:
        listed = ", ".join(f"{ratio:.6g}" for ratio in self.ratios)
        return f"ratios {listed} along the extremal instances at K = {self.K}, λ = {self.lam}"

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return {
            "K": str(self.K),
            "lam": str(self.lam),
            "ratios": [finite_or_none(ratio) for ratio in self.ratios],
        }


@dataclass(frozen=True)
class Report:
    """Everything found about one claim."""

    id: str
    kind: str
    verdicts: tuple[Verdict, ...]
    ladders: tuple[Ladder, ...]
    twins: tuple[TwinReport, ...]
    tightest: float
    problems: tuple[str, ...]
    seconds: float
    exact_throughout: bool

    @property
    def holds(self) -> bool:
        """Whether the claim held at every strength asked for, and every twin fell."""
        return not self.problems

    @property
    def strongest(self) -> Strength | None:
        """The strongest evidence under which every instance held, over the claim's whole family:
        ``exact`` does not count where only part of the family is within its reach."""
        reach = [s for s in Strength if s is not Strength.EXACT or self.exact_throughout]
        held = (s for s in [*reach, Strength.EXACT] if holds_at(self.verdicts, s))
        return next(held, None)

    def to_json(self) -> dict[str, Any]:
        """A JSON object with every verdict and counterexample."""
        return {
            "id": self.id,
            "kind": self.kind,
            "holds": self.holds,
            "problems": list(self.problems),
            "strongest": None if self.strongest is None else str(self.strongest),
            "tightest": finite_or_none(self.tightest),
            "ladders": [ladder.to_json() for ladder in self.ladders],
            "verdicts": [verdict.to_json() for verdict in self.verdicts],
            "twins": [twin.to_json() for twin in self.twins],
            "seconds": round(self.seconds, 4),
        }


def holds_at(verdicts: Sequence[Verdict], strength: Strength) -> bool:
    """Whether there are instances at this strength, and all of them hold."""
    statuses = {verdict.status for verdict in verdicts if verdict.strength is strength}
    return statuses in ({Status.HOLDS}, {Status.HOLDS, Status.OUT_OF_REACH})


def work(claim: Claim, strengths: Sequence[Strength], instances: int) -> int:
    """Number of steps that :func:`verify` will report."""
    checks = sum(
        len(_named(claim.family_at(strength), strength))
        + instances
        + (strength is Strength.NUMERIC) * len(GRIDS) * len(_grid_settings(claim.family))
        for strength in strengths
        if strength in claim.strengths
    )
    rungs = claim.extremal.rungs if claim.extremal and Strength.CERTIFIED in strengths else 0
    return checks + rungs * len(ladder_settings(claim)) + len(claim.false_twins)


def ladder_settings(claim: Claim) -> Sequence[tuple[int | float, Fraction | float]]:
    r"""The :math:`(K, \lambda)` at which the claim is to be shown tight."""
    if claim.extremal is None or claim.extremal.settings is None:
        return claim.family.settings()
    return claim.extremal.settings


def verify(
    claim: Claim,
    strengths: Sequence[Strength] = tuple(Strength),
    instances: int = DEFAULT_INSTANCES,
    seed: int = 0,
    advance: Callable[[], None] = lambda: None,
) -> Report:
    """Check a claim and refute its twins.

    Parameters
    ----------
    claim
        The claim.
    strengths
        Strengths of evidence wanted; those that the claim does not advertise are skipped.
    instances
        Random instances at each strength, besides the degenerate cases and the grids.
    seed
        Of every random choice; together with the claim's id, so that claims do not share draws.
    advance
        Called after each piece of work.
    """
    began = time.perf_counter()
    rng = np.random.default_rng([seed, zlib.crc32(claim.id.encode())])
    wanted = [strength for strength in claim.strengths if strength in strengths]
    verdicts, drawn = [], []
    for random, check in chain.from_iterable(_checks(claim, s, instances, rng) for s in wanted):
        verdicts.append(check())
        if random:
            drawn.append(verdicts[-1])
        advance()
    ladders: list[Ladder] = []
    if claim.extremal is not None and Strength.CERTIFIED in wanted:
        for K, lam in ladder_settings(claim):
            ratios = []
            for rung in range(1, claim.extremal.rungs + 1):
                verdict = ball.check(claim.sides, claim.extremal.instance(rung, K, lam))
                verdicts.append(verdict)
                ratios.append(_ratio(verdict, claim.extremal.part))
                advance()
            ladders.append(Ladder(K, lam, tuple(ratios)))
    twins = []
    for twin in claim.false_twins:
        twins.append(TwinReport(twin.name, twin.says, refute_twin(claim, twin, rng)))
        advance()
    return Report(
        id=claim.id,
        kind=str(claim.kind),
        verdicts=tuple(verdicts),
        ladders=tuple(ladders),
        twins=tuple(twins),
        tightest=_tightest(claim, verdicts),
        problems=tuple(_problems(claim, wanted, verdicts, drawn, ladders, twins)),
        seconds=time.perf_counter() - began,
        exact_throughout=claim.exact_family is None,
    )


def refute_twin(
    claim: Claim, twin: FalseTwin, rng: np.random.Generator
) -> search.Refutation | None:
    """A confirmed counterexample to the twin, if the search finds one."""
    starts: list[Instance] = []
    # The claim's extremal instances belong to the claim's family, perhaps not to the twin's own.
    if twin.family is None and claim.extremal is not None:
        starts = [
            claim.extremal.instance(rung, K, lam)
            for rung in range(1, claim.extremal.rungs + 1)
            for K, lam in ladder_settings(claim)
        ]
    return search.refute(twin.sides, claim.twin_family(twin), rng, starts)


def _checks(
    claim: Claim, strength: Strength, instances: int, rng: np.random.Generator
) -> Iterator[tuple[bool, Callable[[], Verdict]]]:
    """Checks to run, each with whether its instance is drawn at random."""
    family = claim.family_at(strength)
    if strength is Strength.NUMERIC:
        drawn = (family.rounded(family.draw(rng), DIGITS) for _ in range(instances))
        for scenario in (*map(numeric.Scenario.of, _named(family, strength)), *_grids(family)):
            yield False, partial(numeric.check, claim.sides, scenario)
        for scenario in map(numeric.Scenario.of, drawn):
            yield True, partial(numeric.check, claim.sides, scenario)
        return
    module = rational if strength is Strength.EXACT else ball
    for instance in _named(family, strength):
        yield False, partial(module.check, claim.sides, instance)
    for _ in range(instances):
        yield True, partial(module.check, claim.sides, _draw(family, module.affordable, rng))


def _named(family: Family, strength: Strength) -> list[Instance]:
    """Degenerate cases, and in balls the extremes: their weights, a thousand times one another,
    make rationals too long, and rewards further apart than float64 tells."""
    if strength is not Strength.CERTIFIED:
        return [*family.corners()]
    extremes = (_shortened(instance, ball.affordable) for instance in family.extremes())
    return [*family.corners(), *filter(ball.affordable, extremes)]


def _shortened(instance: Instance, affordable: Callable[[Instance], bool]) -> Instance:
    """The instance with as many of its rounds as are affordable, at least one."""
    while instance.steps > 1 and not affordable(instance):
        instance = instance.with_steps(instance.steps - 1)
    return instance


def _draw(
    family: Family, affordable: Callable[[Instance], bool], rng: np.random.Generator
) -> Instance:
    """A random instance, its run shortened until it is affordable."""
    for _ in range(PATIENCE):
        instance = _shortened(family.rounded(family.draw(rng), DIGITS), affordable)
        if affordable(instance):
            return instance
    raise ValueError(
        f"none of {PATIENCE} instances of {family} was affordable: give it fewer atoms or "
        "a smaller K."
    )


def _grid_settings(family: Family) -> list[tuple[int | float, Fraction | None]]:
    """Smallest and largest K of the family, with the ends of its load."""
    candidates = sorted({min(family.candidates), max(family.candidates)})
    loads: list[Fraction | None] = [None] if family.load is None else list(family.load)
    return [(K, load) for K in candidates for load in loads]


def _grids(family: Family) -> Iterator[numeric.Scenario]:
    for name, law in GRIDS.items():
        for K, load in _grid_settings(family):
            lam = math.inf if load is None else family.ratio(load, K)
            yield numeric.Scenario(
                label=f"{name}; K = {K}, λ = {lam}, rounds = {family.steps}",
                reference=law(),
                K=K,
                lam=lam,
                steps=family.steps,
            )


def _ratio(verdict: Verdict, part: str) -> float:
    return next((c.ratio for c in verdict.comparisons if c.part == part), math.nan)


def _tightest(claim: Claim, verdicts: Sequence[Verdict]) -> float:
    """Largest ratio of the two sides over all instances, of the extremal part if there is one;
    from rigorous evidence where there is any, since rounding can carry a ratio past 1."""
    rigorous = [v for v in verdicts if v.strength is not Strength.NUMERIC]
    ratios = [
        comparison.ratio
        for verdict in rigorous or verdicts
        for comparison in verdict.comparisons
        if comparison.relation is not Relation.EQUAL
        and (claim.extremal is None or comparison.part == claim.extremal.part)
        and not math.isnan(comparison.ratio)
    ]
    return max(ratios, default=math.nan)


def _problems(
    claim: Claim,
    wanted: Sequence[Strength],
    verdicts: Sequence[Verdict],
    drawn: Sequence[Verdict],
    ladders: Sequence[Ladder],
    twins: Sequence[TwinReport],
) -> Iterator[str]:
    """Each reason why the claim does not stand, in one sentence."""
    if not wanted:
        offered = ", ".join(claim.strengths)
        yield f"no evidence of this strength: the claim advertises {offered}"
    for strength in wanted:
        if not holds_at(verdicts, strength):
            yield f"does not hold at {strength}: {_first_failure(verdicts, strength)}"
    # Degenerate cases alone are no evidence: the claim must say something of each random instance.
    silent = [verdict for verdict in drawn if verdict.status is Status.OUT_OF_REACH]
    if silent:
        yield (
            f"decides nothing on {len(silent)} of {len(drawn)} random instances, such as "
            f"{silent[0].instance} ({silent[0].strength})"
        )
    # Some part may be beyond one arithmetic (an equality beyond balls), never beyond all of them.
    if set(wanted) == set(claim.strengths):
        comparisons = [comparison for verdict in verdicts for comparison in verdict.comparisons]
        held = {c.part for c in comparisons if c.status is Status.HOLDS}
        for part in sorted({c.part for c in comparisons} - held):
            yield f"part {part!r} was decided at no strength"
    for ladder in ladders:
        if not ladder.reaches_one:
            yield f"is not shown to be tight: {ladder}"
    for twin in twins:
        if twin.refutation is None:
            yield f"false twin {twin.name!r} was not refuted"


def _first_failure(verdicts: Sequence[Verdict], strength: Strength) -> str:
    for verdict in verdicts:
        if verdict.strength is strength and verdict.status in (Status.FAILS, Status.UNDECIDED):
            bad = next(c for c in verdict.comparisons if c.status is verdict.status)
            return (
                f"{bad.part!r} {bad.status} at t = {bad.t} "
                f"({bad.left:.6g} {bad.relation} {bad.right:.6g}) on {verdict.instance}"
            )
    return "no instance was within reach"
