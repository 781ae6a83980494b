r"""Dominance, and how fast the top level grows: shares of the candidates above a level.

In one draw let j of the K candidates lie at or above a level c, X their total weight and Y that of
the others: :math:`X \ge jc` and :math:`Y \le (K-j)c`. The kept one lies above with probability
:math:`X/(X+Y)`; averaged over draws :math:`j/K` becomes the mass :math:`P_t(w \ge c)`. Where a gap
separates the levels (weights :math:`w^*` and at most :math:`w_2`) the excess is quantitative,
:math:`\frac{j(K-j)}{K^2}(1 - w_2/w^*)`, with average
:math:`\frac{K-1}{K}(1-\tfrac{w_2}{w^*})\,\varepsilon(1-\varepsilon)`, ε the mass off the top.
"""

from __future__ import annotations

from functools import partial

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


def _growth(
    constant: Constant,
    X: Element,
    Y: Element,
    top: Element,
    second: Element,
    j: Element,
    K: Element,
) -> Statement:
    part, whole = constant
    others = K - j
    return Statement(
        assumed={
            "X >= j·w*": X - j * top,
            "Y <= (K−j)·w2": others * second - Y,
            "Y <= (K−j)·w*": others * top - Y,
            "Y >= 0": Y,
            "w2 <= w*": top - second,
            "w2 >= 0": second,
            "j >= 0": j,
            "K−j >= 0": others,
        },
        # X/(X+Y) − j/K − j(K−j)(w*−w2)/(K²w*), times K²w*(X+Y)
        conclusion=whole * (K * K * top * X - j * K * top * (X + Y))
        - part * j * others * (top - second) * (X + Y),
        squares={"w*−w2": top - second},
    )


GROWTH = Core(
    name="growth of the top level, every K",
    says="X ≥ jw*, 0 ≤ Y ≤ (K−j)w2 ⇒ X/(X+Y) ≥ j/K + j(K−j)(w*−w2)/(K²w*), times K²w*(X+Y)",
    step=(
        "Average over draws with E[j(K−j)] = K(K−1)ε(1−ε): the mass off the top obeys "
        "ε' ≤ ε(1 − g(1−ε)) with g = ((K−1)/K)(1 − w2/w*) > 0 for K ≥ 2. It falls, so "
        "ε_t ≤ ε_0 (1 − g(1−ε_0))^t → 0, and KL(p*‖p_t) = −log(1−ε_t) falls to 0, for finite laws "
        "with p_0(w*) > 0; rewards arbitrarily near r* need a passage to the limit, by hand."
    ),
    variables=("X", "Y", "top", "second", "j", "K"),
    state=partial(_growth, TRUE),
    degree=5,
    twins=(
        FalseCore("growth 2 % faster", partial(_growth, LARGER)),
        FalseCore("no gap below the top", without(partial(_growth, TRUE), "Y <= (K−j)·w2")),
    ),
)

DOMINANCE_PURE = (SHARE,)
THEOREM_2_1 = (SHARE, GROWTH)
