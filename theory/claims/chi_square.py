r"""Pearson's divergence: how far the loop can move from the real data in mean square.

Assumptions
    :math:`p_0 = p_{\rm ref}`, finite K, :math:`\lambda(K-1) < 1`, any reward, any round; for the
    second bound any λ and K.
Claim
    .. math:: \chi^2(p_t\|p_{\rm ref}) \le
              \int_0^1 \frac{dx}{1 + \lambda - \lambda K x^{K-1}} - 1

    and at each round :math:`\chi^2(p_t\|p_{\rm ref}) \le \chi^2(q_t\|p_{\rm ref})`, :math:`q_t` as
    in ``envelope``.
Kind
    Upper bounds, tight: best-of-K selection on an atomless law reaches the first as
    :math:`t \to \infty`.
Source
    Derived below.
Remarks
    The limit envelope f bounds every f-divergence by that of the density f' on [0, 1]. With its
    inverse u(m), :math:`\int_0^1 f'(u)^2 du = \int_0^1 dm/u'(m)`, and x = 1 − m gives the integral.
    It equals :math:`\frac{1}{1+\lambda}\,{}_2F_1\big(1, \tfrac1k; 1 + \tfrac1k;
    \tfrac{\lambda K}{1+\lambda}\big)`, k = K − 1; for K = 2
    :math:`\frac{1}{2\lambda}\log\frac{1+\lambda}{1-\lambda}`. On the threshold it is infinite,
    where the relative entropy still has a bound, c in ``theorem-2.4-sharp``. In terms of that
    constant it is :math:`\frac{k - c - \log(1 - \lambda k)}{k(1+\lambda)}`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial

from theory.claims.claim import Claim, Extremal, FalseTwin, Kind
from theory.cores.envelope import CHI_SQUARE
from theory.evidence.best_of import nearly_best_of
from theory.evidence.envelope import by_level, chi_square, largest_laws, reciprocal_integral
from theory.evidence.family import Family
from theory.evidence.instance import Instance
from theory.evidence.run import Run
from theory.evidence.sides import Sides

# A twin's bound beyond the threshold is the one at this load.
LARGEST_LOAD = Fraction(9, 10)


def sides(run: Run) -> Iterator[Sides]:
    """Pearson's divergence every round, against the bound of the round and that of every round."""
    yield from at_round(run)
    yield from ever(run)


def at_round(run: Run, constant: Fraction = Fraction(1)) -> Iterator[Sides]:
    """The divergence against that of the largest law."""
    levels = by_level(run, run.reference)
    largest = largest_laws(run)
    for t in range(1, run.steps + 1):
        distance = chi_square(run.laws[t], run.reference)
        bound = run.number(constant) * chi_square(largest[t], levels)
        yield Sides.at_most("chi-square at a round", t, distance, bound, condition=1 + distance)


def ever(run: Run, constant: Fraction = Fraction(1)) -> Iterator[Sides]:
    """The divergence against the integral."""
    integral = reciprocal_integral(_below_threshold(run), run.number(1))
    bound = run.number(constant) * (integral - 1)
    for t in range(1, run.steps + 1):
        distance = chi_square(run.laws[t], run.reference)
        yield Sides.at_most("chi-square", t, distance, bound, condition=1 + distance)


def _below_threshold(run: Run) -> Run:
    if run.exact_lam * (int(run.K) - 1) < 1:
        return run
    largest = LARGEST_LOAD / (int(run.K) - 1)
    return replace(run, lam=run.number(largest), exact_lam=largest)


def _along_the_envelope(rung: int, K: int | float, lam: Fraction | float) -> Instance:
    return nearly_best_of(2 ** (rung + 1), K, Fraction(lam))


SUBCRITICAL = Family(candidates=(2, 3, 4, 8), steps=8, load=(Fraction(1, 100), LARGEST_LOAD))
HALFWAY = replace(SUBCRITICAL, load=(Fraction(1, 2), Fraction(1, 2)))

mean_square_move = Claim(
    id="chi-square",
    title="chi-square to the real data, sharp",
    kind=Kind.UPPER,
    tight=True,
    source="derived in the claim file",
    statement=(
        r"\chi^2(p_t\|p_{\mathrm{ref}}) \le "
        r"\int_0^1\frac{dx}{1+\lambda-\lambda K x^{K-1}}-1\qquad(\lambda(K-1)<1)"
    ),
    plain=(
        "With enough real data the mean square of the relative change of the law stays below an "
        "explicit number, the same for every reward and round, and no smaller one would do."
    ),
    hypotheses=(
        "the loop starts at the reference, p_0 = p_ref",
        "K is finite and λ(K−1) < 1",
    ),
    sides=sides,
    family=SUBCRITICAL,
    exact_family=replace(SUBCRITICAL, candidates=(2,)),
    false_twins=(
        FalseTwin(
            name="constant 2 % smaller",
            says="The divergence is at most 0.98 times the integral less 1.",
            sides=partial(ever, constant=Fraction(49, 50)),
        ),
        FalseTwin(
            name="2 % smaller at a round",
            says="The divergence is at most 0.98 times that of the largest law.",
            sides=partial(at_round, constant=Fraction(49, 50)),
        ),
        FalseTwin(
            name="any start",
            says="The bounds hold from any p_0, not only from p_ref.",
            sides=sides,
            family=replace(SUBCRITICAL, steps=4, free_start=True),
        ),
        FalseTwin(
            name="beyond the threshold",
            says="The bound at λ(K−1) = 0.9 holds up to λ(K−1) = 3.",
            sides=sides,
            family=Family(
                atoms=(2, 3, 5), candidates=(2, 3, 4), steps=20, load=(Fraction(1), Fraction(3))
            ),
        ),
    ),
    extremal=Extremal(
        part=("chi-square", "chi-square at a round"),
        instance=_along_the_envelope,
        settings=(*SUBCRITICAL.settings(), *HALFWAY.settings()),
    ),
    cores=CHI_SQUARE,
)
