r"""Dominance: the share of the candidates above a level, and the chance that one of them is kept.

In one draw let j of the K candidates lie at or above a level c, X their total weight and Y that of
the others: :math:`X \ge jc` and :math:`Y \le (K-j)c`. The kept one lies above with probability
:math:`X/(X+Y)`; averaged over draws :math:`j/K` becomes the mass :math:`P_t(w \ge c)`.
"""

from __future__ import annotations

from functools import partial

from theory.cores import laws
from theory.evidence.core import (
    LARGER,
    TRUE,
    Constant,
    Core,
    Element,
    FalseCore,
    Statement,
    without,
)


def _share(
    constant: Constant, X: Element, Y: Element, c: Element, j: Element, others: Element
) -> Statement:
    part, whole = constant
    return Statement(
        assumed={
            "X >= jc": X - j * c,
            "Y <= (K−j)c": others * c - Y,
            "X >= 0": X,
            "Y >= 0": Y,
            "j >= 0": j,
            "K−j >= 0": others,
            "c >= 0": c,
        },
        # X/(X+Y) − j/K, times K(X+Y)
        conclusion=whole * others * X - part * j * Y,
    )


SHARE = Core(
    name="share above a level, every K",
    says="X ≥ jc, 0 ≤ Y ≤ (K−j)c ⇒ X/(X+Y) ≥ j/K, times K(X+Y)",
    step=(
        "Average over K independent draws from p: E[X/(X+Y)] = C_K(p)(w ≥ c), E[j/K] = p(w ≥ c). "
        "This for every level c is first-order dominance; E[f(r)] for increasing f follows by "
        "summation by parts over the levels. With j = p(w ≥ c), K−j = p(w < c), X and Y the mean "
        "weights above and below it is the case K = ∞."
    ),
    variables=("X", "Y", "c", "j", "others"),
    state=partial(_share, TRUE),
    degree=2,
    twins=(
        FalseCore("2 % more below", partial(_share, LARGER)),
        FalseCore("any weight above", without(partial(_share, TRUE), "X >= jc")),
    ),
)


DOMINANCE_PURE = (SHARE, *laws.DOMINANCE)
