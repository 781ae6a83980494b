r"""One claim through everything: cases of each strength, extremal instances, twins and proofs."""

from __future__ import annotations

import math
import os
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from joblib import Parallel, delayed

from theory.evidence import ball, proof, rocq
from theory.evidence.findings import RIGOROUS, Evidence, Findings, Ladder, TwinReport, confirms
from theory.evidence.instance import Instance
from theory.evidence.report import Report
from theory.evidence.subject import Counterexample, Setting
from theory.evidence.verdict import INSTANCE_STRENGTHS, Strength, Verdict

if TYPE_CHECKING:
    from theory.claims.claim import Claim, Extremal, FalseTwin

DEFAULT_INSTANCES = 20
# Parts of the range of λ, in each of which an extremal instance is looked at.
STRATA = 6
# Further random cases at each rigorous strength for parts that none has established.
MORE_INSTANCES = 40


def verify_all(
    claims: Sequence[Claim],
    strengths: Sequence[Strength] = tuple(Strength),
    instances: int = DEFAULT_INSTANCES,
    seed: int = 0,
    processes: int | None = None,
) -> Iterator[Report]:
    """Reports on several claims in their order, each as soon as it and those before it are done.

    Parameters
    ----------
    claims
        The claims.
    strengths, instances, seed
        As for :func:`verify`; the reports do not depend on the number of processes.
    processes
        How many claims are checked at once; by default one per core.
    """
    processes = min(processes or os.cpu_count() or 1, len(claims))
    if processes <= 1:
        for claim in claims:
            yield verify(claim, strengths, instances, seed)
        return
    jobs = (delayed(verify)(claim, strengths, instances, seed) for claim in claims)
    yield from Parallel(n_jobs=processes, return_as="generator")(jobs)


def verify(
    claim: Claim,
    strengths: Sequence[Strength] = tuple(Strength),
    instances: int = DEFAULT_INSTANCES,
    seed: int = 0,
) -> Report:
    """Check a claim, and refute its twins.

    Parameters
    ----------
    claim
        The claim; a refuted one is checked on its counterexample only.
    strengths
        Strengths of evidence wanted; those that the claim does not advertise are skipped.
    instances
        Random cases at each strength, besides the degenerate cases and the grids.
    seed
        Of every random choice; together with the claim's id, so that claims do not share draws.

    Notes
    -----
    An error that the claim's own code raises ends the checking and becomes the report's problem.
    """
    began = time.perf_counter()
    checking = _Checking(claim, strengths, instances, seed)
    try:
        checking.run()
    except Exception as error:
        where = f" on {checking.at}" if checking.at else ""
        mishap = f"checking it raised {type(error).__name__}{where}: {_one_line(error)}"
        checking.found = replace(checking.found, mishap=mishap)
    return Report.of(claim, checking.found, time.perf_counter() - began)


class _Checking:
    """What has been found so far, and the case at hand."""

    def __init__(
        self, claim: Claim, strengths: Sequence[Strength], instances: int, seed: int
    ) -> None:
        wanted = tuple(s for s in claim.advertised if s in strengths)
        self.claim = claim
        self.instances = instances
        own = zlib.crc32(claim.id.encode())
        self.rng = np.random.default_rng([seed, own])
        self.between = np.random.default_rng([seed, own, 1])
        self.at = ""
        self.found = Findings(wanted)

    def run(self) -> None:
        """Everything that the strengths ask for."""
        claim, wanted = self.claim, self.found.wanted
        if claim.counterexample is not None:
            self.at = str(claim.counterexample)
            verdict = claim.subject.check(claim.sides, claim.counterexample, Strength.CERTIFIED)
            self.found = replace(self.found, counterexample=verdict)
        else:
            for strength in INSTANCE_STRENGTHS:
                if strength in wanted:
                    self._cases(strength)
            self._settle_parts()
            if Strength.CERTIFIED in wanted:
                for extremal in claim.extremals:
                    self._ladders(extremal)
                    self._between_the_ladders(extremal)
        self._twins()
        self.at = ""
        if Strength.PROVED in wanted:
            self.found = replace(self.found, cores=tuple(map(proof.check, claim.cores)))
        if Strength.MACHINE_CHECKED in wanted:
            self.found = replace(self.found, rocq=rocq.status(claim.machine_checked))

    def _cases(self, strength: Strength) -> None:
        subject = self.claim.subject
        for case in subject.named(strength):
            self._check(case, strength, random=False)
        for _ in range(self.instances):
            self._check(subject.draw(strength, self.rng), strength, random=True)

    def _settle_parts(self) -> None:
        """More random cases while a part has been established on none: some parts speak about a
        few cases only, of one K say."""
        rigorous = [strength for strength in self.found.wanted if strength in RIGOROUS]
        if not set(self.claim.strengths) <= set(self.found.wanted):
            return
        for _ in range(MORE_INSTANCES):
            for strength in rigorous:
                if self.found.open_parts:
                    self._check(self.claim.subject.draw(strength, self.rng), strength, random=True)

    def _check(self, case: Any, strength: Strength, *, random: bool) -> Verdict:
        self.at = str(case)
        began = time.perf_counter()
        verdict = self.claim.subject.check(self.claim.sides, case, strength)
        evidence = Evidence(
            verdict=verdict,
            random=random,
            trivial=self.claim.subject.trivial(case),
            seconds=time.perf_counter() - began,
        )
        self.found = replace(self.found, evidence=(*self.found.evidence, evidence))
        return verdict

    def _ladders(self, extremal: Extremal) -> None:
        for K, lam in ladder_settings(self.claim, extremal):
            verdicts: list[Verdict] = []
            objection = ""
            for rung in range(1, extremal.rungs + 1):
                self.at = f"the extremal instance at K = {K}, λ = {lam}, rung {rung}"
                instance = extremal.instance(rung, K, lam)
                objection = objection or _objection(self.claim, instance)
                if objection:
                    break
                verdicts.append(self._check(instance, Strength.CERTIFIED, random=False))
            ladders = [
                Ladder(part, K, lam, tuple(_ratio(v, part) for v in verdicts), objection)
                for part in extremal.parts
            ]
            self.found = replace(self.found, ladders=(*self.found.ladders, *ladders))

    def _between_the_ladders(self, extremal: Extremal) -> None:
        """The last rung at random ratios: a constant can be right at both ends of the load and
        wrong between them. What lies outside the family, or is too long a computation, as it can
        be near a threshold, is passed over."""
        for K, lam in settings_between(ladder_settings(self.claim, extremal), self.between):
            self.at = f"the extremal instance at K = {K}, λ = {lam}, rung {extremal.rungs}"
            instance = extremal.instance(extremal.rungs, K, lam)
            if not _objection(self.claim, instance):
                self._check(instance, Strength.CERTIFIED, random=False)

    def _twins(self) -> None:
        for twin in self.claim.false_twins:
            self.at = f"false twin {twin.name!r}"
            refutation = refute_twin(self.claim, twin, self.rng)
            objection = "" if refutation is None else _doubt(self.claim, twin, refutation)
            report = TwinReport(twin.name, twin.says, refutation, objection)
            self.found = replace(self.found, twins=(*self.found.twins, report))


def refute_twin(claim: Claim, twin: FalseTwin, rng: np.random.Generator) -> Counterexample | None:
    """A confirmed counterexample to the twin, if the search finds one."""
    # The claim's extremal instances belong to the claim's family, perhaps not to the twin's own.
    starts = extremal_cases(claim) if twin.family is None else []
    return claim.twin_subject(twin).refute(twin.sides, rng, starts)


def extremal_cases(claim: Claim) -> list[Any]:
    """Every rung of every ladder of the claim."""
    return [
        extremal.instance(rung, K, lam)
        for extremal in claim.extremals
        for rung in range(1, extremal.rungs + 1)
        for K, lam in ladder_settings(claim, extremal)
    ]


def ladder_settings(claim: Claim, extremal: Extremal) -> Sequence[Setting]:
    r"""The :math:`(K, \lambda)` at which these instances are to show the claim tight."""
    return claim.subject.settings() if extremal.settings is None else extremal.settings


def settings_between(
    settings: Sequence[Setting], rng: np.random.Generator, strata: int = STRATA
) -> Iterator[Setting]:
    r"""For every K a random :math:`\lambda` in each of equally many parts, on a logarithmic scale,
    of the range that the settings span."""
    finite: dict[int | float, list[float]] = {}
    for K, lam in settings:
        if 0 < lam < math.inf:
            finite.setdefault(K, []).append(math.log(lam))
    for K, logs in finite.items():
        low, high = min(logs), max(logs)
        width = (high - low) / strata
        for stratum in range(strata if high > low else 0):
            lam = math.exp(low + width * (stratum + rng.random()))
            yield K, Fraction(f"{lam:.3g}")


def _doubt(claim: Claim, twin: FalseTwin, found: Counterexample) -> str:
    """Why a counterexample does not refute the twin; empty when it does."""
    if not confirms(found.verdict):
        return f"{found.verdict.status} ({found.verdict.strength}) on {found.instance}"
    outside = claim.twin_subject(twin).objection(found.instance)
    return f"{found.instance} lies outside its family ({outside})" if outside else ""


def _objection(claim: Claim, case: Any) -> str:
    """Why an extremal instance may not serve; empty when it may."""
    if outside := claim.subject.objection(case):
        return f"the extremal instance {case} lies outside the family ({outside})"
    if isinstance(case, Instance) and not ball.affordable(case):
        return f"the extremal instance {case} is too long a computation in balls"
    return ""


def _ratio(verdict: Verdict, part: str) -> float:
    return next((c.ratio for c in verdict.comparisons if c.part == part), math.nan)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or "no reason given"
