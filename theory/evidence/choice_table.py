r"""Claims against choice models: which theorems survive another curator.

Each cell takes a claim as it stands, its own w, r and K, and has the loops curated by another
model. Part by part it says *proved* (the argument is in :mod:`theory.evidence.choice_proofs`),
*survived* (the search of :mod:`theory.evidence.search` found nothing in so many runs) or *refuted*
(with an instance on which balls or rationals confirm the failure). What is said to be proved is
attacked like the rest: a counterexample to it is an error of the table.
"""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from theory.evidence import search
from theory.evidence.choice_proofs import ALL, proofs
from theory.evidence.curations import CURATIONS, Curation, curated
from theory.evidence.family import Family
from theory.evidence.instance import Instance
from theory.evidence.judge import SidesOf
from theory.evidence.run import Run
from theory.evidence.sides import Sides
from theory.evidence.verdict import Status, Verdict

if TYPE_CHECKING:
    from theory.claims.claim import Claim

# Runs evaluated in one cell before what is left has survived: a third on loops of few atoms, which
# make readable counterexamples, the rest anywhere, extremes and descents included.
DEFAULT_RUNS = 600
FEW_ATOMS = (2, 3)
# As many times more for what stands without an argument.
STUBBORN = 5
# Runs in search of a part not seen so far, once all that were seen are refuted.
SCOUTS = 60
ITSELF = "the theorem itself, see verify"


class State(StrEnum):
    """What became of a claim, or of a part of it, under a choice model."""

    PROVED = "proved"
    SURVIVED = "survived"
    PARTLY = "partly refuted"
    REFUTED = "refuted"
    NONE = "no such loops"


@dataclass(frozen=True)
class Part:
    """One part of a claim under one choice model."""

    name: str
    state: State
    reason: str = ""
    counterexample: Instance | None = None
    verdict: Verdict | None = None

    def to_json(self) -> dict[str, Any]:
        """A JSON object; the counterexample is one that ``verify --instance`` replays."""
        found = self.counterexample
        return {
            "part": self.name,
            "state": str(self.state),
            "reason": self.reason,
            "counterexample": None if found is None else found.to_json(),
            "verdict": None if self.verdict is None else self.verdict.to_json(),
        }


@dataclass(frozen=True)
class Cell:
    """One claim under one choice model."""

    claim: str
    model: str
    parts: tuple[Part, ...]
    runs: int
    seconds: float

    @property
    def state(self) -> State:
        """That of all parts together: refuted in part where some part stands."""
        states = {part.state for part in self.parts}
        if not states:
            return State.NONE
        if len(states) == 1:
            return states.pop()
        return State.PARTLY if State.REFUTED in states else State.SURVIVED

    @property
    def broken(self) -> tuple[Part, ...]:
        """Parts refuted although an argument says that they are proved."""
        return tuple(p for p in self.parts if p.state is State.REFUTED and p.reason)

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return {
            "claim": self.claim,
            "model": self.model,
            "state": str(self.state),
            "runs": self.runs,
            "seconds": round(self.seconds, 3),
            "parts": [part.to_json() for part in self.parts],
        }


def table(
    claims: Sequence[Claim],
    curations: Sequence[Curation] = CURATIONS,
    runs: int = DEFAULT_RUNS,
    seed: int = 0,
    seconds: float = 60.0,
    processes: int | None = None,
    proved_runs: int | None = None,
) -> Iterator[Cell]:
    """Cells row by row, each as soon as it and those before it are done.

    Parameters
    ----------
    claims
        Rows.
    curations
        Columns.
    runs
        Loops evaluated in float64 in each cell before what is left has survived, ``STUBBORN`` times
        more for parts that no argument proves. The states depend on this and the seed alone, unless
        the time runs out.
    seed
        Of every random choice, together with the names of the claim and the model.
    seconds
        Limit for one cell.
    processes
        Cells at once; by default one per core.
    proved_runs
        As ``runs``, for a search in which every part that is left standing has an argument; by
        default as many.
    """
    processes = processes or os.cpu_count() or 1
    pairs = [(claim, curation) for claim in claims for curation in curations]
    if processes == 1:
        yield from (
            cell(claim, curation, runs, seed, seconds, proved_runs) for claim, curation in pairs
        )
        return
    jobs = (
        delayed(cell)(claim, curation, runs, seed, seconds, proved_runs)
        for claim, curation in pairs
    )
    yield from Parallel(n_jobs=processes, return_as="generator")(jobs)


def cell(
    claim: Claim,
    curation: Curation,
    runs: int = DEFAULT_RUNS,
    seed: int = 0,
    seconds: float = 60.0,
    proved_runs: int | None = None,
) -> Cell:
    """One claim under one choice model: its parts attacked until none is left or time is up."""
    began = time.perf_counter()
    family = curated(claim.family, curation) if isinstance(claim.family, Family) else None
    if family is None:
        return Cell(claim.id, curation.name, (), 0, 0.0)
    key = [seed, zlib.crc32(claim.id.encode()), zlib.crc32(curation.name.encode())]
    reasons = _reasons(claim, curation)

    def reason_for(part: str) -> str:
        return reasons.get(part, reasons.get("", ""))

    attack = _Attack(
        claim.sides,
        family,
        np.random.default_rng(key),
        runs,
        runs if proved_runs is None else min(proved_runs, runs),
        reason_for,
        began + seconds,
    )
    with threadpool_limits(1):
        refuted = dict(attack.refutations())
    parts = []
    for name in sorted(attack.parts):
        reason = reason_for(name)
        found = refuted.get(name)
        if found is not None:
            parts.append(Part(name, State.REFUTED, reason, found.instance, found.verdict))
        else:
            parts.append(Part(name, State.PROVED if reason else State.SURVIVED, reason))
    return Cell(
        claim.id, curation.name, tuple(parts), attack.evaluated, time.perf_counter() - began
    )


def _reasons(claim: Claim, curation: Curation) -> Mapping[str, str]:
    """Reason by part; under the empty name that of every part."""
    if curation.draw is None:
        # Plackett–Luce: what the library says of the claim.
        return {"": ITSELF} if claim.standing == "theorem" else {}
    return {
        part: says
        for parts, says in proofs(claim.id, curation.name)
        for part in (parts if parts != ALL else ("",))
    }


class _Spent(Exception):
    """The runs of a cell are used up."""


class _Attack:
    """Search after search, each for the parts that those before left standing.

    Attributes
    ----------
    parts
        Names of the parts seen.
    evaluated
        Runs evaluated, in float64 and rigorously.
    """

    def __init__(
        self,
        sides: SidesOf,
        family: Family,
        rng: np.random.Generator,
        runs: int,
        proved_runs: int,
        reason_for: Callable[[str], str],
        stop_at: float,
    ) -> None:
        self.sides, self.family, self.rng = sides, family, rng
        few = tuple(n for n in FEW_ATOMS if n <= max(family.atoms))
        self.small = replace(family, atoms=few or family.atoms)
        self.runs, self.proved_share, self.stop_at = runs, proved_runs / runs, stop_at
        self.reason_for = reason_for
        self.evaluated = 0
        self.parts: set[str] = set()

    def refutations(self) -> Iterator[tuple[str, search.Refutation]]:
        """A confirmed counterexample for each part that has one within reach; those without a
        reason to stand are searched for longer."""
        fallen: set[str] = set()
        while True:
            found = self._search(fallen)
            reasoned = {part for part in self.parts if self.reason_for(part)}
            if found is None and self.parts - fallen - reasoned:
                found = self._look(self.family, fallen | reasoned, STUBBORN * self.runs)
            if found is None:
                return
            failed = {c.part for c in found.verdict.comparisons if c.status is Status.FAILS}
            for name in sorted(failed):
                yield name, found
            fallen |= failed

    def _search(self, fallen: set[str]) -> search.Refutation | None:
        """One look at loops of few atoms, and one at all."""
        runs = SCOUTS if fallen and self.parts <= fallen else self.runs
        found = self._look(self.small, fallen, runs // 3)
        return found or self._look(self.family, fallen, runs - runs // 3)

    def _look(self, family: Family, fallen: set[str], runs: int) -> search.Refutation | None:
        begun = self.evaluated

        def standing(run: Run) -> Iterator[Sides]:
            left = self.parts - fallen
            share = self.proved_share if left and all(map(self.reason_for, left)) else 1.0
            if self.evaluated >= begun + share * runs:
                raise _Spent
            self.evaluated += 1
            for sides in self.sides(run):
                self.parts.add(sides.part)
                if sides.part not in fallen:
                    yield sides

        try:
            left = self.stop_at - time.perf_counter()
            return search.refute(standing, family, self.rng, deadline=left)
        except _Spent:
            return None
