r"""Reverse relative entropy: how much of the real data the loop can forget.

Assumptions
    :math:`p_0 = p_{\rm ref}`, any finite :math:`\lambda`, any K, any reward, any round
    :math:`t \ge 1`.
Claim
    With :math:`h(x) = 1 + \lambda - \lambda K x^{K-1}` and y = 1 up to the threshold
    :math:`\lambda(K-1) = 1`, beyond it the root of :math:`y + \dots + y^{K-1} = 1/\lambda`,

    .. math:: D_{\rm KL}(p_{\rm ref}\|p_t) \le \int_0^y h\log h\,dx \le \log(1+\lambda),

    with equality of the last two at K = ∞; and at each round at most
    :math:`D_{\rm KL}(p_{\rm ref}\|q_t)`, :math:`q_t` as in ``envelope``.
Kind
    Upper bounds in nats; the first tight for every K and λ.
Source
    Derived below.
Remarks
    :math:`p_t \ge p_{\rm ref}/(1+\lambda)` from the first round on: hence
    :math:`\log(1+\lambda)`, for all K, λ and t. The limit envelope f bounds every f-divergence by
    that of the law on [0, 1] that has an atom of mass :math:`m_0 = 1 - y` at 0 and the density f'
    beside it; there :math:`-\int_0^1\log f'(u)\,du = \int_{m_0}^1 u'(m)\log u'(m)\,dm`, as
    :math:`u(m_0) = 0`, and x = 1 − m gives the integral. The atom takes nothing away from the real
    data but its mass, so unlike the other direction this bound is finite for every λ. In closed
    form in :mod:`theory.evidence.envelope`; for K = 2 and :math:`\lambda \le 1`

    .. math:: \frac{(1+\lambda)^2\log(1+\lambda) - (1-\lambda)^2\log(1-\lambda)}{4\lambda}
              - \frac12,

    and with c the sharp constant of ``theorem-2.4-sharp``, k = K − 1, up to the threshold
    :math:`\frac1K\big((1-\lambda k)\log(1-\lambda k) - k(1+\lambda)\,c + k\lambda\big)`.

    Machine-checked in ``theory/proofs`` are the first bound up to the threshold
    (``Reverse_constant.sharp_reverse_kl``) and :math:`\log(1+\lambda)` for every λ and finite K
    (``Logarithms.reverse_kl_bounded``); beyond the threshold and round by round it is not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

from theory.claims.claim import Claim, Extremal, FalseTwin, Kind
from theory.cores.envelope import REVERSE_KL
from theory.evidence.best_of import nearly_best_of
from theory.evidence.envelope import by_level, entropy_integral, largest_laws, limit_edge
from theory.evidence.family import Family
from theory.evidence.instance import Instance
from theory.evidence.run import Run
from theory.evidence.sides import Sides


def sides(run: Run) -> Iterator[Sides]:
    """Relative entropy of the reference, every round from the first on, against three bounds."""
    yield from at_round(run)
    yield from _at_most(run, "reverse KL, any K", run.arithmetic.log(1 + run.lam))
    yield from ever(run)


def at_round(run: Run, constant: Fraction = Fraction(1)) -> Iterator[Sides]:
    """The distance against that of the largest law."""
    levels = by_level(run, run.reference)
    largest = largest_laws(run)
    for t in range(1, run.steps + 1):
        distance = run.kl(run.reference, run.laws[t])
        bound = run.number(constant) * run.kl(levels, largest[t])
        yield Sides.at_most("reverse KL at a round", t, distance, bound, condition=1 + distance)


def ever(run: Run, constant: Fraction = Fraction(1)) -> Iterator[Sides]:
    """The distance against the integral."""
    bound = run.number(constant) * entropy_integral(run, limit_edge(run))
    yield from _at_most(run, "reverse KL", bound)


def _share_only(run: Run) -> Iterator[Sides]:
    """A twin: the share of synthetic data, λ/(1+λ), in place of λ."""
    bound = run.arithmetic.log(1 + run.synthetic_share)
    yield from _at_most(run, "reverse KL, any K", bound)


def _at_most(run: Run, part: str, bound: Any) -> Iterator[Sides]:
    for t in range(1, run.steps + 1):
        distance = run.kl(run.reference, run.laws[t])
        yield Sides.at_most(part, t, distance, bound, condition=1 + distance)


def _along_the_envelope(rung: int, K: int | float, lam: Fraction | float) -> Instance:
    return nearly_best_of(2 ** (rung + 1), K, Fraction(lam))


MIXED = Family(candidates=(2, 3, 4, 8, math.inf), steps=8, load=(Fraction(1, 100), Fraction(100)))
THRESHOLD = replace(MIXED, load=(Fraction(1), Fraction(1)))

forgotten_data = Claim(
    id="reverse-kl",
    title="reverse relative entropy, sharp",
    kind=Kind.UPPER,
    tight=True,
    source="derived in the claim file",
    statement=(
        r"D_{\mathrm{KL}}(p_{\mathrm{ref}}\|p_t) \le \int_0^y h\log h\,dx \le \log(1+\lambda),"
        r"\quad h=1+\lambda-\lambda Kx^{K-1},\ \int_0^y h\,dx=1"
    ),
    plain=(
        "Whatever the reward and however long the loop runs, coding the real data with the loop's "
        "law costs at most an explicit number of nats more, finite for every share of synthetic "
        "data."
    ),
    hypotheses=("the loop starts at the reference, p_0 = p_ref", "λ is finite"),
    sides=sides,
    family=MIXED,
    exact_family=replace(MIXED, candidates=(2, math.inf)),
    false_twins=(
        FalseTwin(
            name="constant 2 % smaller",
            says="The distance is at most 0.98 times the integral.",
            sides=partial(ever, constant=Fraction(49, 50)),
        ),
        FalseTwin(
            name="2 % smaller at a round",
            says="The distance is at most 0.98 times that of the largest law.",
            sides=partial(at_round, constant=Fraction(49, 50)),
        ),
        FalseTwin(
            name="share of synthetic data in place of λ",
            says="The distance is at most log(1 + λ/(1+λ)).",
            sides=_share_only,
        ),
        FalseTwin(
            name="any start",
            says="The bounds hold from any p_0, not only from p_ref.",
            sides=sides,
            family=replace(MIXED, candidates=(2, 3, 4, 8), steps=4, free_start=True),
        ),
    ),
    extremal=Extremal(
        part=("reverse KL", "reverse KL at a round"),
        instance=_along_the_envelope,
        settings=(*MIXED.settings(), *THRESHOLD.settings()),
    ),
    cores=REVERSE_KL,
)
