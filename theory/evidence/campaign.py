r"""Many searches for one counterexample: in this process, in several, or on a Dask cluster.

Every search is a full pass of :func:`theory.evidence.search.hunt` with a seed of its own, so that a
campaign of given seed tries the same instances wherever it runs; the first confirmed counterexample
ends it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import joblib
import numpy as np
from threadpoolctl import threadpool_limits

from theory.evidence import scale
from theory.evidence.instance import Instance
from theory.evidence.search import Hunt, Progress, Refutation, hunt
from theory.evidence.target import Statement, Target
from theory.workers import unordered

# Seconds of the first search in each unit: the random draws and the extremes.
PROBE = 0.5

Watch = Callable[["Outcome"], None]


@dataclass(frozen=True)
class Outcome:
    """What a campaign has done so far.

    Attributes
    ----------
    refutation
        The counterexample, as it was found.
    searches
        Passes that were completed or cut off by the deadline.
    evaluations
        Instances evaluated.
    seconds
        Since the campaign began.
    closest, margin
        The instance whose two sides come closest, and their distance relative to their sum, as
        float64 sees them.
    stage
        What a search in this process is doing.
    """

    refutation: Refutation | None = None
    searches: int = 0
    evaluations: int = 0
    seconds: float = 0.0
    closest: Instance | None = None
    margin: float = math.inf
    stage: str = ""

    def joined(self, found: Hunt, seconds: float) -> Outcome:
        """The outcome after one more search."""
        nearer = found.margin < self.margin
        return Outcome(
            refutation=self.refutation or found.refutation,
            searches=self.searches + 1,
            evaluations=self.evaluations + found.evaluations,
            seconds=seconds,
            closest=found.closest if nearer else self.closest,
            margin=min(found.margin, self.margin),
        )


def campaign(
    target: Target,
    statement: Statement,
    seconds: float,
    *,
    seed: int = 0,
    processes: int = 1,
    scheduler: str | None = None,
    watch: Watch | None = None,
) -> Outcome:
    """Search until there is a counterexample or the time is over.

    Parameters
    ----------
    target, statement
        What to attack: by name for other processes, resolved for this one.
    seconds
        Time limit.
    seed
        Of every random choice.
    processes
        Worker processes on this machine.
    scheduler
        Address of a Dask scheduler whose workers search in their place.
    watch
        Called with the outcome so far: in this process a few times per second, from elsewhere
        after every search.

    Raises
    ------
    NoCluster
        When the scheduler does not answer, or has no workers.
    ValueError
        When the statement is not about loops, which are all that the search can draw.
    """
    if statement.family is None:
        raise ValueError(f"{statement.label} does not speak of loops on finite laws.")
    began = time.perf_counter()
    outcome = Outcome()
    if processes == 1 and scheduler is None:
        searches = _here(statement, seed, began, seconds, lambda: outcome, watch)
    else:
        calls = (
            joblib.delayed(_search_for)(target, seed, index, left)
            for index, left in _rounds(began, seconds)
        )
        searches = unordered(calls, processes, scheduler)
    for found in searches:
        outcome = outcome.joined(found, time.perf_counter() - began)
        if watch is not None:
            watch(outcome)
        if outcome.refutation is not None:
            break
    searches.close()
    return outcome


def _here(
    statement: Statement,
    seed: int,
    began: float,
    seconds: float,
    so_far: Callable[[], Outcome],
    watch: Watch | None,
) -> Generator[Hunt, None, None]:
    def report(progress: Progress) -> None:
        assert watch is not None
        before = so_far()
        watch(
            Outcome(
                searches=before.searches,
                evaluations=before.evaluations + progress.evaluations,
                seconds=time.perf_counter() - began,
                margin=min(before.margin, progress.margin),
                stage=progress.stage,
            )
        )

    for index, left in _rounds(began, seconds):
        yield _search(statement, seed, index, left, None if watch is None else report)


def _rounds(began: float, seconds: float) -> Iterator[tuple[int, float]]:
    """Number of the search and seconds left, until there are none."""
    index = 0
    while (left := began + seconds - time.perf_counter()) > 0:
        yield index, left
        index += 1


def _search_for(target: Target, seed: int, index: int, left: float) -> Hunt:
    with threadpool_limits(1):
        return _search(target.statement(), seed, index, left)


def _search(
    statement: Statement,
    seed: int,
    index: int,
    left: float,
    watch: Callable[[Progress], None] | None = None,
) -> Hunt:
    assert statement.family is not None
    # A unit that the statement depends on is one thing more to search; see `scale`.
    top = scale.TOPS[index % len(scale.TOPS)] if statement.has_unit else None
    sides = statement.sides if top is None else scale.AtTop(statement.sides, top)
    # All of them once, briefly, before any is searched to the end.
    if top is not None and index < len(scale.TOPS):
        left = min(left, PROBE)
    found = hunt(
        sides,
        statement.family,
        np.random.default_rng([seed, index]),
        starts=statement.starts() if index == 0 else (),
        deadline=left,
        watch=watch,
    )
    return found if top is None else _in_its_unit(found, top)


def _in_its_unit(found: Hunt, top: Fraction) -> Hunt:
    closest, refutation = found.closest, found.refutation
    return replace(
        found,
        closest=closest and scale.with_top(closest, top),
        refutation=refutation
        and replace(refutation, instance=scale.with_top(refutation.instance, top)),
    )
