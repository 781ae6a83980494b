"""Verification can fail: every rule that a claim must obey, broken once, is reported.

A made-up subject says what each case shows, so that one rule at a time is at stake.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from theory.claims import Claim, Extremal, FalseTwin, Kind, Standing, lemma_2_2
from theory.claims.claim import Subject
from theory.evidence import numeric
from theory.evidence.core import Core, FalseCore, Statement
from theory.evidence.family import Family
from theory.evidence.grids import GRIDS
from theory.evidence.instance import Instance
from theory.evidence.judge import SidesOf
from theory.evidence.loops import Loops
from theory.evidence.report import Report
from theory.evidence.rocq import RocqReport
from theory.evidence.run import Run
from theory.evidence.sides import Relation, Sides
from theory.evidence.subject import Setting
from theory.evidence.verdict import (
    INSTANCE_STRENGTHS,
    Comparison,
    Status,
    Strength,
    Verdict,
)
from theory.evidence.verify import settings_between, verify, verify_all

EXACT, CERTIFIED, NUMERIC = INSTANCE_STRENGTHS
HOLDS, FAILS, UNDECIDED, OUT_OF_REACH = (
    Status.HOLDS,
    Status.FAILS,
    Status.UNDECIDED,
    Status.OUT_OF_REACH,
)


def comparison(
    status: Status, part: str = "part", relation: Relation = Relation.AT_LEAST, ratio: float = 0.5
) -> Comparison:
    return Comparison(part, relation, status, 0, 1.0, 1.0, 0.0, ratio)


@dataclass(frozen=True)
class Named:
    """A case that is its name."""

    name: str

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name}

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Found:
    instance: Named
    verdict: Verdict
    stage: str = "made up"
    evaluations: int = 1
    seconds: float = 0.0


Shown = Callable[[str, Strength], Sequence[Comparison]]


def everything_holds(case: str, strength: Strength) -> Sequence[Comparison]:
    return [comparison(HOLDS)]


@dataclass(frozen=True)
class MadeUp:
    """Cases called corner, random and rung; ``shows`` decides what each of them shows."""

    shows: Shown = everything_holds
    found: Found | None = field(
        default_factory=lambda: Found(
            Named("counterexample"), Verdict(CERTIFIED, "counterexample", (comparison(FAILS),))
        )
    )
    outside: frozenset[str] = frozenset()
    ladder_settings: tuple[Setting, ...] = ((2, Fraction(1)),)

    def named(self, strength: Strength) -> Sequence[Named]:
        return [Named("corner")]

    def draw(self, strength: Strength, rng: np.random.Generator) -> Named:
        return Named("random")

    def check(self, sides: SidesOf, case: Named, strength: Strength) -> Verdict:
        return Verdict(strength, case.name, tuple(self.shows(case.name, strength)))

    def refute(
        self, sides: SidesOf, rng: np.random.Generator, starts: Sequence[Named]
    ) -> Found | None:
        return self.found

    def objection(self, case: Named) -> str:
        return "not of this world" if case.name in self.outside else ""

    def trivial(self, case: Named) -> bool:
        return case.name == "corner"

    def settings(self) -> Sequence[Setting]:
        return self.ladder_settings


def no_sides(run: Any) -> Iterator[Sides]:
    return iter(())


def claim_about(subject: Family | Subject, **changes: Any) -> Claim:
    claim = Claim(
        id="made-up",
        title="made up",
        kind=Kind.LOWER,
        tight=False,
        source="nowhere",
        statement="",
        plain="",
        hypotheses=(),
        sides=no_sides,
        family=subject,
        false_twins=(FalseTwin("first", "", no_sides), FalseTwin("second", "", no_sides)),
    )
    return replace(claim, **changes)


def report_on(
    subject: Subject,
    strengths: Sequence[Strength] | None = None,
    advertised: tuple[Strength, ...] = INSTANCE_STRENGTHS,
    **changes: Any,
) -> Report:
    wanted = tuple(Strength) if strengths is None else strengths
    claim = claim_about(subject, strengths=advertised, **changes)
    return verify(claim, wanted, instances=2)


def only(part_of: dict[str, Status]) -> Shown:
    """These cases show this status, all others hold."""
    return lambda case, strength: [comparison(part_of.get(case, HOLDS))]


def test_a_claim_of_which_everything_is_shown_stands() -> None:
    report = report_on(MadeUp())
    assert report.problems == ()
    assert report.strongest is EXACT
    assert report.decided == 3 * (1 + 2)


@pytest.mark.parametrize("status", [FAILS, UNDECIDED])
@pytest.mark.parametrize("case", ["corner", "random"])
def test_one_case_that_fails_or_stays_undecided_is_a_problem_at_its_strength(
    status: Status, case: str
) -> None:
    report = report_on(MadeUp(only({case: status})))
    problem = f"'part' {status} at t = 0 (1 ≥ 1) on {case}"
    assert [p for p in report.problems if problem in p] == [
        f"does not hold at {strength}: {problem}" for strength in INSTANCE_STRENGTHS
    ]
    assert report.strongest is None


def test_one_undecided_case_costs_the_strength_even_where_others_hold() -> None:
    def shows(case: str, strength: Strength) -> Sequence[Comparison]:
        return [comparison(UNDECIDED if (case, strength) == ("corner", EXACT) else HOLDS)]

    report = report_on(MadeUp(shows))
    assert report.strongest is CERTIFIED
    assert report.problems[0].startswith("does not hold at exact: 'part' undecided")


def test_a_claim_that_says_nothing_of_a_random_case_is_no_claim() -> None:
    report = report_on(MadeUp(only({"random": OUT_OF_REACH})))
    (problem,) = (p for p in report.problems if "decides nothing" in p)
    assert re.search(r"decides nothing on (\d+) of \1 random instances, such as random", problem)


@pytest.mark.parametrize(("relation", "silences"), [(Relation.EQUAL, 0), (Relation.AT_LEAST, 1)])
def test_balls_may_keep_silent_on_equalities_and_on_nothing_else(
    relation: Relation, silences: int
) -> None:
    def shows(case: str, strength: Strength) -> Sequence[Comparison]:
        silent = (case, strength) == ("random", CERTIFIED)
        return [comparison(OUT_OF_REACH, relation=relation) if silent else comparison(HOLDS)]

    problems = report_on(MadeUp(shows)).problems
    assert sum("decides nothing on 2 of 6 random instances" in p for p in problems) == silences
    assert len(problems) == silences


def test_a_verdict_without_comparisons_is_silence() -> None:
    def shows(case: str, strength: Strength) -> Sequence[Comparison]:
        return [] if (case, strength) == ("random", CERTIFIED) else [comparison(HOLDS)]

    (problem,) = report_on(MadeUp(shows)).problems
    assert "decides nothing on 2 of 6 random instances" in problem


def test_corners_may_be_out_of_reach() -> None:
    assert report_on(MadeUp(only({"corner": OUT_OF_REACH}))).problems == ()


# Parts.


def parts(of: dict[str, dict[Strength, Status]], relation: Relation = Relation.AT_LEAST) -> Shown:
    def shows(case: str, strength: Strength) -> Sequence[Comparison]:
        return [
            comparison(by_strength[strength], part, relation)
            for part, by_strength in of.items()
            if strength in by_strength
        ]

    return shows


def test_a_part_that_no_rigorous_strength_decides_on_random_cases_is_a_problem() -> None:
    shows = parts(
        {
            "easy": {EXACT: HOLDS, CERTIFIED: HOLDS, NUMERIC: HOLDS},
            "float64 only": {CERTIFIED: OUT_OF_REACH, NUMERIC: HOLDS},
        }
    )
    report = report_on(MadeUp(shows))
    assert report.problems == (
        "part 'float64 only' is decided with no rounding on no random instance",
    )
    assert report.findings.open_parts == ("float64 only",)


def test_a_part_that_only_corners_decide_is_a_problem() -> None:
    def shows(case: str, strength: Strength) -> Sequence[Comparison]:
        return [comparison(HOLDS)] + [comparison(HOLDS, "rare")] * (case == "corner")

    assert report_on(MadeUp(shows)).problems == (
        "part 'rare' is decided with no rounding on no random instance",
    )


def test_more_random_cases_are_drawn_for_a_part_that_speaks_of_few() -> None:
    drawn = []

    def shows(case: str, strength: Strength) -> Sequence[Comparison]:
        if case == "random" and strength is EXACT:
            drawn.append(case)
        return [comparison(HOLDS)] + [comparison(HOLDS, "rare")] * (
            case == "corner" or len(drawn) > 9
        )

    assert report_on(MadeUp(shows)).problems == ()
    assert len(drawn) == 10


def test_one_strength_alone_lists_the_parts_that_it_leaves_open() -> None:
    shows = parts(
        {
            "bound": {EXACT: HOLDS, CERTIFIED: HOLDS, NUMERIC: HOLDS},
            "equality": {EXACT: HOLDS, CERTIFIED: OUT_OF_REACH, NUMERIC: HOLDS},
        }
    )
    report = report_on(MadeUp(shows), [CERTIFIED])
    assert report.problems == ()
    assert report.notes == ("undecided here: equality",)
    assert report.to_json()["open_parts"] == ["equality"]
    assert report_on(MadeUp(shows)).notes == ()


def test_float64_establishes_no_equality() -> None:
    shows = parts({"identity": {NUMERIC: HOLDS}}, Relation.EQUAL)
    report = report_on(MadeUp(shows), advertised=(NUMERIC,))
    assert report.problems == ("part 'identity' is an equality, which float64 cannot establish",)


def test_the_strongest_evidence_is_that_of_the_weakest_part() -> None:
    shows = parts(
        {
            "rational": {EXACT: HOLDS, CERTIFIED: HOLDS, NUMERIC: HOLDS},
            "transcendental": {EXACT: OUT_OF_REACH, CERTIFIED: HOLDS, NUMERIC: HOLDS},
        }
    )
    assert report_on(MadeUp(shows)).strongest is CERTIFIED
    assert report_on(MadeUp(shows), [EXACT]).strongest is EXACT


def test_exact_evidence_of_a_part_of_the_family_comes_last() -> None:
    part = replace(INCREASE.loops, candidates=(2,))
    strengths = [EXACT, CERTIFIED]
    assert verify(INCREASE, strengths, instances=2).strongest is EXACT
    partly = replace(INCREASE, exact_family=part)
    assert verify(partly, strengths, instances=2).strongest is CERTIFIED
    assert verify(partly, [EXACT], instances=2).strongest is EXACT


# Ladders.


def ladder(ratios: Sequence[float], **changes: Any) -> Report:
    def shows(case: str, strength: Strength) -> Sequence[Comparison]:
        ratio = ratios[int(case) - 1] if case.isdigit() else 0.5
        return [comparison(HOLDS, ratio=ratio)]

    def instance(rung: int, K: float, lam: Fraction | float) -> Any:
        return Named(str(rung))

    extremal = Extremal("part", instance, rungs=len(ratios))
    return report_on(MadeUp(shows, **changes), [CERTIFIED], tight=True, extremal=extremal)


@pytest.mark.parametrize("ratios", [[0.9, 0.99, 0.999], [0.96, 0.98, 0.99], [1.0, 1.0]])
def test_a_ladder_on_which_the_gap_halves_shows_tightness(ratios: list[float]) -> None:
    report = ladder(ratios)
    assert report.problems == ()
    assert report.findings.ladders[0].ratios == tuple(ratios)
    assert report.tightest == ratios[-1]


@pytest.mark.parametrize(
    "ratios",
    [
        [0.985, 0.9895, 0.9926],  # near enough, and the gap shrinks too slowly to close
        [0.999, 0.99, 0.9999],  # back and forth
        [0.5, 0.8, 0.95],  # ends too early
        [0.9, math.nan, 0.999],  # a rung that says nothing
        [0.999],  # one rung is no tendency
    ],
)
def test_other_ladders_do_not(ratios: list[float]) -> None:
    (problem,) = ladder(ratios).problems
    assert problem.startswith("is not shown to be tight: ratios")
    assert problem.endswith("along the extremal instances at K = 2, λ = 1")


def test_every_setting_has_its_ladder() -> None:
    report = ladder([0.9, 0.99, 0.999], ladder_settings=((2, Fraction(1)), (3, math.inf)))
    assert [(rungs.K, rungs.lam) for rungs in report.findings.ladders] == [(2, 1), (3, math.inf)]


def test_a_family_without_settings_shows_nothing_tight() -> None:
    assert ladder([0.9, 0.99], ladder_settings=()).problems == (
        "is not shown to be tight: its family has no K > 1, so name the settings",
    )


def test_settings_between_fall_in_every_part_of_the_range() -> None:
    settings: list[Setting] = [
        (2, Fraction(100)), (2, Fraction(1, 10)), (3, Fraction(1)), (4, 0), (4, math.inf)
    ]  # fmt: skip
    between = list(settings_between(settings, np.random.default_rng(0), strata=3))
    assert [K for K, _ in between] == [2, 2, 2]
    assert [int(math.log10(lam) + 1) for _, lam in between] == [0, 1, 2]


def near_the_middle(rung: int, K: int | float, lam: Fraction | float) -> Named:
    return Named("between" if 1 < lam < 100 else "rung")


@pytest.mark.parametrize("outside", [False, True])
def test_a_bound_must_hold_along_its_extremal_instances_at_any_ratio(outside: bool) -> None:
    ratios = iter([0.9, 0.99, 0.9, 0.99])

    def shows(case: str, strength: Strength) -> Sequence[Comparison]:
        if case == "rung":
            return [comparison(HOLDS, ratio=next(ratios))]
        return [comparison(FAILS if case == "between" else HOLDS)]

    subject = MadeUp(
        shows,
        ladder_settings=((2, Fraction(1)), (2, Fraction(100))),
        outside=frozenset(["between"] if outside else []),
    )
    extremal = Extremal("part", near_the_middle, rungs=2)
    report = report_on(subject, [CERTIFIED], tight=True, extremal=extremal)
    assert report.holds is outside


def test_extremal_instances_must_lie_in_the_family() -> None:
    (problem,) = ladder([0.9, 0.99, 0.999], outside=frozenset({"2"})).problems
    assert "the extremal instance 2 lies outside the family (not of this world)" in problem


def test_extremal_instances_must_be_affordable() -> None:
    claim = replace(
        lemma_2_2.reward_increase,
        extremal=Extremal(
            "gain, from below",
            lambda rung, K, lam: Instance.of([1] * 40, range(1, 41), K=8, steps=9),
            settings=((8, math.inf),),
        ),
    )
    (problem,) = verify(claim, [CERTIFIED], instances=1).problems
    assert problem.endswith("is too long a computation in balls")


def two_ladders(**ratios: list[float]) -> Report:
    """Two parts, each with instances of its own, on which the other comes no nearer than a half."""

    def shows(case: str, strength: Strength) -> Sequence[Comparison]:
        at = case.split()
        return [
            comparison(HOLDS, part=part, ratio=r[int(at[1]) - 1] if at[0] == part else 0.5)
            for part, r in ratios.items()
        ]

    def instances(part: str) -> Extremal:
        return Extremal(part, lambda rung, K, lam: Named(f"{part} {rung}"), len(ratios[part]))

    extremal = tuple(instances(part) for part in ratios)
    return report_on(MadeUp(shows), [CERTIFIED], tight=True, extremal=extremal)


def test_every_tight_part_is_shown_to_be_tight_on_its_own_instances() -> None:
    report = two_ladders(first=[0.9, 0.99], second=[0.9, 0.98, 0.995])
    assert report.problems == ()
    assert [(rungs.part, len(rungs.ratios)) for rungs in report.findings.ladders] == [
        ("first", 2), ("second", 3)
    ]  # fmt: skip
    assert report.tightest == 0.99
    for near, far in [("first", "second"), ("second", "first")]:
        (problem,) = two_ladders(**{near: [0.9, 0.99], far: [0.9, 0.95]}).problems
        assert problem.startswith(f"is not shown to be tight: ratios 0.9, 0.95 of {far!r} along")


@pytest.mark.parametrize(("second", "holds"), [([0.7, 0.99], True), ([0.7, 0.9], False)])
def test_several_parts_may_meet_on_the_same_instances(second: list[float], holds: bool) -> None:
    ratios = {"first": [0.9, 0.995], "second": second}
    visits: list[str] = []

    def shows(case: str, strength: Strength) -> Sequence[Comparison]:
        visits.append(case)
        at = int(case) - 1 if case.isdigit() else 0
        return [comparison(HOLDS, part=part, ratio=r[at]) for part, r in ratios.items()]

    extremal = Extremal(("first", "second"), lambda rung, K, lam: Named(str(rung)), rungs=2)
    report = report_on(MadeUp(shows), [CERTIFIED], tight=True, extremal=extremal)
    assert report.holds is holds
    assert [rungs.part for rungs in report.findings.ladders] == ["first", "second"]
    assert visits.count("2") == 1


# Twins.


def twin_problem(**changes: Any) -> str:
    problems = report_on(MadeUp(**changes)).problems
    assert len(problems) == 2
    return problems[0]


def test_a_twin_without_counterexample_is_a_problem() -> None:
    assert twin_problem(found=None) == "false twin 'first' was not refuted"


@pytest.mark.parametrize(
    ("strength", "status"),
    [(NUMERIC, FAILS), (CERTIFIED, HOLDS), (CERTIFIED, UNDECIDED), (EXACT, OUT_OF_REACH)],
)
def test_a_counterexample_counts_only_when_it_is_rigorous(
    strength: Strength, status: Status
) -> None:
    found = Found(Named("hit"), Verdict(strength, "hit", (comparison(status),)))
    assert twin_problem(found=found) == (
        f"false twin 'first' was not refuted: {status} ({strength}) on hit"
    )
    assert not any(twin.refuted for twin in report_on(MadeUp(found=found)).findings.twins)


def test_a_counterexample_outside_the_family_does_not_count() -> None:
    assert twin_problem(outside=frozenset({"counterexample"})) == (
        "false twin 'first' was not refuted: counterexample lies outside its family "
        "(not of this world)"
    )


def test_a_hit_that_only_float64_sees_refutes_nothing() -> None:
    """(w + 10^30) - 10^30 >= w is an equality that float64 gets wrong by all of w."""

    def sides(run: Run) -> Iterator[Sides]:
        far = run.number(10**30)
        weight = run.expected_weight(0)
        yield Sides.at_least("part", 0, (weight + far) - far, weight)

    family = Family(atoms=(2,), candidates=(2,), steps=0)
    claim = claim_about(family, false_twins=(FalseTwin("a", "", sides), FalseTwin("b", "", sides)))
    problems = verify(claim, [EXACT], instances=1).problems
    assert "false twin 'a' was not refuted" in problems


# Proofs.


def square(name: str, degree: int) -> Core:
    def state(x: Any) -> Statement:
        return Statement(assumed={"x": x}, conclusion=x if degree == 1 else -x - 1)

    return Core(
        name=name,
        says="x >= 0",
        step="none",
        variables=("x",),
        state=state,
        twins=(FalseCore("negative", lambda x: Statement({"x": x}, -x - 1)),),
        chart=("x",),
    )


def test_decided_cores_prove_the_claim() -> None:
    report = report_on(MadeUp(), cores=(square("x", 1),))
    assert report.problems == ()
    assert report.strongest is Strength.PROVED
    (core,) = report.to_json()["cores"]
    assert core["name"] == "x"
    assert core["second_opinion"]


def test_an_undecided_core_is_a_problem_and_proves_nothing() -> None:
    report = report_on(MadeUp(), cores=(square("x", 1), square("broken", 2)))
    assert [p for p in report.problems if "core 'broken' is not proved" in p]
    assert report.strongest is EXACT


def test_cores_are_left_alone_where_other_evidence_is_asked_for() -> None:
    report = report_on(MadeUp(), [EXACT], cores=(square("broken", 2),))
    assert report.problems == ()
    assert report.strongest is EXACT


@pytest.mark.parametrize(
    ("status", "strongest", "problems", "notes"),
    [
        ("checked", Strength.MACHINE_CHECKED, (), ()),
        ("not rebuilt here", EXACT, (), ("proof not rebuilt here",)),
        ("failed", EXACT, ("machine-checked proof failed: because",), ()),
    ],
)
def test_machine_checked_counts_only_when_it_was_checked_here(
    status: Any,
    strongest: Strength,
    problems: tuple[str, ...],
    notes: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def answer(names: Sequence[str]) -> RocqReport:
        asked.append(names)
        return RocqReport(status, "because")

    monkeypatch.setattr("theory.evidence.rocq.status", answer)
    report = report_on(MadeUp(), machine_checked=("File.theorem",))
    assert asked == [("File.theorem",)]
    assert (report.strongest, report.problems, report.notes) == (strongest, problems, notes)
    said = {"status": status, "detail": "because", "statements": {}}
    assert report.to_json()["machine_checked"] == said


def test_a_proof_that_was_not_rebuilt_does_not_hold_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(names: Sequence[str]) -> RocqReport:
        return RocqReport("not rebuilt here", "run make proofs")

    monkeypatch.setattr("theory.evidence.rocq.status", answer)
    report = report_on(MadeUp(), [Strength.MACHINE_CHECKED], machine_checked=("File.theorem",))
    assert not report.holds
    assert report.strongest is None
    assert report.problems == ("no evidence: proof not rebuilt here, run make proofs",)


# Conjectures and refuted statements.


def test_a_conjecture_is_checked_as_a_theorem_is() -> None:
    conjecture: dict[str, Any] = {"standing": Standing.CONJECTURE, "searched": "a little"}
    assert report_on(MadeUp(), **conjecture).holds
    assert not report_on(MadeUp(only({"random": FAILS})), **conjecture).holds


def refuted(shows: Shown) -> Report:
    return report_on(
        MadeUp(shows),
        standing=Standing.REFUTED,
        counterexample=Named("counterexample"),
        false_twins=(),
    )


def test_a_refuted_statement_stands_refuted_when_its_counterexample_is_confirmed() -> None:
    report = refuted(only({"counterexample": FAILS, "random": FAILS}))
    assert report.problems == ()
    assert report.to_json()["counterexample"]["status"] == "fails"


@pytest.mark.parametrize("status", [HOLDS, UNDECIDED, OUT_OF_REACH])
def test_a_refuted_statement_without_a_confirmed_counterexample_is_a_problem(
    status: Status,
) -> None:
    assert refuted(only({"counterexample": status})).problems == (
        f"its counterexample is not confirmed: {status} on counterexample",
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"standing": Standing.CONJECTURE}, "is a conjecture: say in searched"),
        ({"standing": Standing.REFUTED}, "refuted and no counterexample"),
        ({"counterexample": Named("x")}, "theorem and a counterexample"),
        (
            {"standing": Standing.CONJECTURE, "searched": "x", "machine_checked": ("A.b",)},
            "has a proof and the standing conjecture",
        ),
        ({"strengths": ()}, "list one or more of exact, certified, numeric"),
        ({"strengths": (Strength.PROVED,)}, "proofs go into cores and machine_checked"),
    ],
)
def test_a_claim_whose_standing_makes_no_sense_is_refused(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        claim_about(MadeUp(), **changes)


# A broken claim.


def test_a_claim_that_raises_is_one_problem_and_not_the_end() -> None:
    def shows(case: str, strength: Strength) -> Sequence[Comparison]:
        if case == "random":
            raise KeyError("no such\nlevel")
        return [comparison(HOLDS)]

    broken, sound = claim_about(MadeUp(shows)), claim_about(MadeUp(), id="sound")
    first, second = verify_all([broken, sound], instances=2, processes=1)
    assert first.problems == ("checking it raised KeyError on random: 'no such\\nlevel'",)
    assert second.holds


# What is checked of loops on finite laws.

INCREASE = replace(lemma_2_2.reward_increase, extremal=None, tight=False)


@pytest.fixture(scope="module")
def of_loops() -> Report:
    return verify(INCREASE, instances=3, seed=4)


def labels(report: Report, strength: Strength, *, random: bool) -> list[Instance | str]:
    return [
        entry.verdict.instance
        for entry in report.findings.evidence
        if entry.verdict.strength is strength and entry.random is random
    ]


@pytest.mark.parametrize("strength", INSTANCE_STRENGTHS)
def test_corners_are_checked_at_every_strength(of_loops: Report, strength: Strength) -> None:
    assert set(INCREASE.loops.corners()) <= set(labels(of_loops, strength, random=False))


@pytest.mark.parametrize("strength", INSTANCE_STRENGTHS)
def test_random_instances_are_checked_at_every_strength(
    of_loops: Report, strength: Strength
) -> None:
    drawn = labels(of_loops, strength, random=True)
    assert len(drawn) >= 3
    assert len(set(drawn)) == len(drawn)
    assert not set(drawn) & set(INCREASE.loops.corners())


def test_every_grid_is_checked_in_float64(of_loops: Report) -> None:
    named = [name for name in labels(of_loops, NUMERIC, random=False) if isinstance(name, str)]
    assert len(named) == 2 * len(GRIDS)
    for name in GRIDS:
        assert sum(label.startswith(name) for label in named) == 2


def test_grids_have_the_smallest_and_largest_K_at_both_ends_of_the_load() -> None:
    family = Family(candidates=(2, 3, 5), load=(Fraction(1, 10), Fraction(1)), steps=1)
    grids = [c for c in Loops(family).named(NUMERIC) if isinstance(c, numeric.Scenario)]
    settings = {(c.K, c.lam) for c in grids if isinstance(c.label, str)}
    assert settings == {(K, load / (K - 1)) for K in (2, 5) for load in (Fraction(1, 10), 1)}


def test_extremes_of_every_K_are_checked_in_balls(of_loops: Report) -> None:
    extremes = {
        (instance.K, instance.weights)
        for instance in labels(of_loops, CERTIFIED, random=False)
        if isinstance(instance, Instance)
    }
    affordable = [e for e in INCREASE.loops.extremes() if (e.K, e.weights) in extremes]
    assert {e.K for e in affordable} == set(INCREASE.loops.candidates)


def test_the_tightest_ratio_is_not_that_of_a_loop_that_stands_still() -> None:
    """At K = 1 the gain and its bound are both 0 or equal, which is no tightness."""

    def sides(run: Run) -> Iterator[Sides]:
        half = run.number(Fraction(1, 2)) if run.K != 1 and run.level_count > 1 else run.number(1)
        yield Sides.at_most("part", 0, half, run.number(1))

    report = verify(replace(INCREASE, sides=sides), [EXACT], instances=1)
    assert report.tightest == 0.5


def test_the_tightest_ratio_is_of_inequalities_and_of_rigorous_evidence() -> None:
    def shows(case: str, strength: Strength) -> Sequence[Comparison]:
        return [
            comparison(HOLDS, "bound", ratio=1.01 if strength is NUMERIC else 0.75),
            comparison(HOLDS, "identity", Relation.EQUAL, ratio=1.0),
        ]

    assert report_on(MadeUp(shows)).tightest == 0.75
    assert report_on(MadeUp(shows), [NUMERIC]).tightest == 1.01


@pytest.mark.parametrize(("errors", "status"), [(5.5, HOLDS), (6.5, FAILS)])
def test_the_tolerance_of_round_t_is_that_of_t_plus_one_roundings(
    errors: float, status: Status
) -> None:
    off = 1 - errors * numeric.ROUND_ERROR
    assert numeric.judge(Sides.at_least("part", 5, off, 1.0, condition=1.0)).status is status


def test_reports_do_not_depend_on_the_number_of_processes() -> None:
    claims = [INCREASE, lemma_2_2.reward_increase]
    alone, together = (
        [
            [verdict.to_json() for verdict in report.verdicts]
            for report in verify_all(claims, [EXACT], 2, 0, processes)
        ]
        for processes in (1, 2)
    )
    assert alone == together


def test_instances_per_second_are_reported_for_each_strength() -> None:
    report = verify(INCREASE, [EXACT], instances=3)
    (rate,) = report.to_json()["instances_per_second"].values()
    assert rate == round(report.rate([EXACT]), 1)
    assert 1 < rate < 1e6
