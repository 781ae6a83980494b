"""What the theorems that claims name say: the names alone could stand over anything."""

from __future__ import annotations

import math
import re
import subprocess
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from theory.claims import claims
from theory.evidence import rocq
from theory.evidence.instance import Instance
from theory.evidence.rational import RationalArithmetic
from theory.evidence.run import Run, run_loop

NAMED = sorted({name for claim in claims.values() for name in claim.machine_checked})

# Everything that a named theorem may assume. Each has cases: a law, a positive weight, a round, the
# set of the best atoms, and the weights of the two best levels.
HYPOTHESES = {
    "(0 < K)%N",
    "(1 < K)%N",
    "(0 < t)%N",
    "0 <= lam",
    "lam * (K%:R - 1) < 1",
    "lam * (K%:R - 1) <= 1",
    "Loop.positive w",
    "Loop.law p",
    "Loop.law p0",
    "Loop.law pref",
    "Loop.increasing_in w f",
    "Loop.upper_set w A",
    "w x <= w y",
    "forall x : T, 0 < p x -> w x <= wmax",
    "forall x : T, 0 < pref x -> w x <= wmax",
    "0 < w2",
    "w2 <= wtop",
    "w2 < wtop",
    "forall x : T, A x -> w x = wtop",
    "forall x : T, ~~ A x -> w x <= w2",
    "0 < Loop.mass p0 A",
    "A x",
}
# Theorems of Optimality may assume these as well: a share of synthetic data, and a constant c in
# front of a bound, which then fails somewhere.
OF_OPTIMALITY = {"0 < lam", "1 < c"}
# What it is about: every conclusion speaks of one of these.
CURATED = {
    "Loop.kept",
    "Loop.mixed",
    "Loop.pure",
    "Infinite_candidates.tilted",
    "Infinite_candidates.tilted_mixed",
    "Infinite_candidates.tilted_pure",
    "Sharp_constant.sharp_constant",
}
# And everything else that is defined and may be spoken of; a definition of the same short name in
# another file would show here.
VOCABULARY = CURATED | {
    "Loop.law",
    "Loop.positive",
    "Loop.mean",
    "Loop.variance",
    "Loop.mass",
    "Loop.increasing_in",
    "Loop.upper_set",
    "Loop.ratio_increasing",
    "Loop.tuple_law",
    "Density.density",
    "Divergence.relative_entropy",
    "Envelope.best_of",
    "Lemma_2_2.tuple_gain",
    "Ratio_growth.grows_within",
    "Theorem_2_1.rho",
    "Top_entropy.conditioned",
    "Rpower.ln",
    "Lim_seq.is_lim_seq",
    "Rbar.Finite",
    "RInt.RInt",
    "RInt_gen.is_RInt_gen",
    "Hierarchy.at_point",
    "Hierarchy.at_left",
}


@pytest.fixture(scope="module")
def statements() -> dict[str, str]:
    report = rocq.status(NAMED)
    if report.status == "not rebuilt here":
        pytest.skip(report.detail)
    assert report.status == "checked", report.detail
    return {name: " ".join(text.split()) for name, text in report.statements.items()}


def split(statement: str) -> tuple[list[str], str]:
    """Hypotheses and conclusion."""
    hypotheses: list[str] = []
    while True:
        if statement.startswith("forall "):
            _, statement = cut(statement, ", ")
            continue
        first, rest = cut(statement, " -> ")
        # An arrow after "exists" belongs to the type of what exists.
        if not rest or first.startswith("exists "):
            return hypotheses, statement
        hypotheses.append(unwrapped(first))
        statement = rest


def cut(text: str, mark: str) -> tuple[str, str]:
    """Before and after the first mark outside parentheses and brackets; all and nothing if none."""
    depth = 0
    for i, sign in enumerate(text):
        depth += (sign in "([") - (sign in ")]")
        if depth == 0 and text.startswith(mark, i):
            return text[:i], text[i + len(mark) :]
    return text, ""


def unwrapped(text: str) -> str:
    return text[1:-1] if text.startswith("(") and text.endswith(")") else text


def test_statements_are_taken_apart() -> None:
    text = (
        "forall (f : T -> R) (K : nat), (0 < K)%N -> (forall x : T, A x -> B x) -> forall t : T, C"
    )
    assert split(text) == (["(0 < K)%N", "forall x : T, A x -> B x"], "C")
    assert split("1 = 1") == ([], "1 = 1")
    assert split("1 < c -> exists w : T -> R, C") == (["1 < c"], "exists w : T -> R, C")


@pytest.mark.parametrize("name", NAMED)
def test_theorem_assumes_nothing_else(name: str, statements: dict[str, str]) -> None:
    hypotheses, _ = split(statements[name])
    more = OF_OPTIMALITY if name.startswith("Optimality.") else set()
    assert set(hypotheses) <= HYPOTHESES | more


@pytest.mark.parametrize("name", NAMED)
def test_theorem_speaks_of_the_loop_in_the_words_that_are_defined(
    name: str, statements: dict[str, str]
) -> None:
    _, conclusion = split(statements[name])
    words = set(re.findall(r"[A-Z]\w*\.\w+", statements[name]))
    assert words <= VOCABULARY
    assert set(re.findall(r"[A-Z]\w*\.\w+", conclusion)) & CURATED
    assert re.search(r"<=| = |ratio_increasing|grows_within|is_RInt_gen|is_lim_seq", conclusion)


def test_every_hypothesis_and_word_is_used(statements: dict[str, str]) -> None:
    used = {h for text in statements.values() for h in split(text)[0]}
    assert used == HYPOTHESES | OF_OPTIMALITY
    said = " ".join(statements.values())
    assert {word for word in VOCABULARY if not re.search(rf"\b{re.escape(word)}\b", said)} == set()


def test_every_axiom_that_is_allowed_is_needed(statements: dict[str, str]) -> None:
    assert statements
    record = rocq.Record.read(rocq.build_folder() / "record.json")
    assert record is not None
    used = {axiom for theorem in record.theorems.values() for axiom in theorem.axioms}
    assert used == set(rocq.ALLOWED_AXIOMS)


# Small numbers: Rocq computes with these rationals in unary.
CASES = [
    Instance.of([1, 1, 1], [1, 1, 2], K=3, lam=Fraction(1, 2), initial=[1, 0, 1]),
    Instance.of([2, 1, 1], [Fraction(1, 2), 2, 1], K=2, lam=Fraction(2), initial=[1, 1, 2]),
    Instance.of([2, 2, 1], [3, 1, 2], K=1, lam=Fraction(5), initial=[1, 4, 2]),
    Instance.of([1, 3, 1], [2, 1, 1], K=3, initial=[1, 1, 2]),
    Instance.of([1, 2, 3], [1, 2, 5], K=math.inf, lam=Fraction(2, 3), initial=[3, 1, 2]),
    Instance.of([1, 2, 3], [1, 2, 5], K=math.inf, initial=[3, 0, 2]),
]


@pytest.mark.parametrize("instance", CASES, ids=str)
def test_definitions_have_the_values_that_are_computed_here(
    instance: Instance, statements: dict[str, str], tmp_path: Path
) -> None:
    assert statements
    run = run_loop(instance, RationalArithmetic())
    right = list(equations(run))
    wrong = [f"{equation} + 1 / 2" for equation in right]
    answers = rocq_says(tmp_path, run, right + wrong)
    assert answers == ["true"] * len(right) + ["false"] * len(wrong)


def equations(run: Run) -> Iterator[str]:
    """What the definitions must give after one round: the law, E[w], Var[w] and a mass."""
    infinite, pure = run.K == math.inf, run.exact_lam == math.inf
    candidates = "" if infinite else f"{run.K} "
    lam = "" if pure else f"({run.exact_lam}) "
    pref = "" if pure else "pref "
    kind = ("tilted_" if infinite else "") + ("pure" if pure else "mixed")
    for i in range(3):
        yield f"{kind} {candidates}{lam}w {pref}p0 1 a{i} == {rational(run.laws[1][i])}"
    yield f"mean p0 w == {rational(run.expected_weight(0))}"
    yield f"variance p0 w == {rational(run.weight_variance(0))}"
    yield f"mass p0 (pred2 a0 a2) == {rational(run.laws[0][0] + run.laws[0][2])}"


def rational(value: Fraction) -> str:
    return f"({numeral(value.numerator)} / {numeral(value.denominator)})"


def numeral(value: int) -> str:
    """In digits to the base 100: Rocq reads a numeral as so many successors of 0."""
    rest, digit = divmod(value, 100)
    return f"({numeral(rest)} * 100 + {digit})" if rest else f"{digit}"


def rocq_says(folder: Path, run: Run, said: list[str]) -> list[str]:
    """What each equation between rationals comes to, computed from the definitions."""

    def function(name: str, values: Iterable[Fraction]) -> str:
        listed = "; ".join(map(rational, values))
        return f"Definition {name} (x : 'I_3) : rat := nth 0 [:: {listed}] x."

    script = [
        "From mathcomp Require Import all_ssreflect all_algebra.",
        "From CuratedLoop Require Import Loop Draws Density Infinite_candidates.",
        "Local Open Scope ring_scope.",
        function("pref", run.reference),
        function("p0", run.laws[0]),
        function("w", [Fraction(weight) for weight in run.exact_weights]),
        "Definition a0 : 'I_3 := ord0.",
        "Definition a1 : 'I_3 := lift ord0 ord0.",
        "Definition a2 : 'I_3 := ord_max.",
        # The law of the kept sample is a sum over functions, which does not compute; equation (1),
        # which is proved of it, does.
        "Ltac value := rewrite /mixed /pure /tilted_mixed /tilted_pure /= /step ?kept_density",
        "  /density /inverse_total /tilted /variance /mass /= /competitor /mean /=",
        "  1?big_mkcond /= ?big_ord_recl ?big_ord0; vm_compute;",
        "  match goal with |- ?answer = true => idtac answer end.",
        *(f"Goal {equation}. Proof. value. Abort." for equation in said),
    ]
    (folder / "Values.v").write_text("\n".join(script) + "\n")
    compiled = ["-Q", str(rocq.build_folder()), "CuratedLoop"]
    answer = subprocess.run(
        ["coqc", "-q", "-w", "none", *compiled, "Values.v"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert answer.returncode == 0, answer.stdout
    return answer.stdout.split()
