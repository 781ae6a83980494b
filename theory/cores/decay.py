r"""How fast the mass off the top goes: the factor of one round, from both sides.

Weights :math:`w^* \ge w_2 \ge` all others, J of the K candidates at the top (among the K − 1
competitors, from below), :math:`x_J = Jw^* + (K-J)w_2 = Kw_2 + J(w^*-w_2)`: the factor is
:math:`F_K = E[Kw_2/x_J]` with J binomial (K − 1, 1 − m), and the rate :math:`\rho = Kw_2/x_{K-1}`.
"""

from __future__ import annotations

from functools import partial

from theory.evidence.core import (
    LARGER,
    SMALLER,
    TRUE,
    Constant,
    Core,
    Element,
    FalseCore,
    Statement,
    without,
)

UNBOUNDED = "K = ∞: the same with J = 1−m and K = K−1 = 1."


def _meets(
    constant: Constant, S: Element, top: Element, second: Element, J: Element, k: Element
) -> Statement:
    part, whole = constant
    return Statement(
        assumed={
            "S <= J·w* + (K−1−J)·w2": J * top + (k - J) * second - S,
            "w2 >= 0": second,
            "w2 <= w*": top - second,
            "S >= 0": S,
            "J >= 0": J,
            "J <= K−1": k - J,
        },
        # w2/(w2+S) − w2/x_J: the denominators compared
        conclusion=part * (J * top + (k + 1 - J) * second) - whole * (second + S),
    )


MEETS = Core(
    name="an atom of the second level, every K",
    says="S ≤ Jw* + (K−1−J)w2 ⇒ w2 + S ≤ Jw* + (K−J)w2",
    step=(
        "Its K−1 competitors have J at the top and none of the others above w2: it is kept with "
        "probability w2/(w2+S) ≥ w2/x_J. Averaged, times K: F_K·m2 ≤ m2' for the mass m2 of the "
        "second level. K = ∞: E_p[w] ≤ (1−m)w* + mw2."
    ),
    variables=("S", "top", "second", "J", "k"),
    state=partial(_meets, TRUE),
    degree=2,
    twins=(FalseCore("factor 2 % larger", partial(_meets, SMALLER)),),
)


def _leaves(
    constant: Constant,
    X: Element,
    Y: Element,
    top: Element,
    second: Element,
    J: Element,
    others: Element,
) -> Statement:
    part, whole = constant
    return Statement(
        assumed={
            "X >= J·w*": X - J * top,
            "X >= 0": X,
            "Y <= (K−J)·w2": others * second - Y,
            "Y >= 0": Y,
            "w* >= 0": top,
            "w2 >= 0": second,
            "J >= 0": J,
            "K−J >= 0": others,
        },
        # (K−J)w2/x_J − Y/(X+Y), times both denominators
        conclusion=part * others * second * (X + Y) - whole * Y * (J * top + others * second),
    )


LEAVES = Core(
    name="candidates off the top, every K",
    says=("X ≥ Jw*, 0 ≤ Y ≤ (K−J)w2 ⇒ Y/(X+Y) ≤ (K−J)w2/(Jw*+(K−J)w2), denominators cleared"),
    step=(
        "Of K candidates J lie at the top and weigh X = Jw*, the others weigh Y. Averaged over J "
        "binomial (K, 1−m), with (K−J)·Bin_K(J) = K·m·Bin_{K−1}(J): m' ≤ m·E[Kw2/x_J] = F_K·m. "
        "The rest below a level: neighbouring weights a > b in place of w* > w2, J candidates of "
        "weight a or more, X ≥ Ja. K = ∞: the same with J = 1−m, K−J = m, X and Y the mean weights "
        "above and below."
    ),
    variables=("X", "Y", "top", "second", "J", "others"),
    state=partial(_leaves, TRUE),
    degree=4,
    twins=(
        FalseCore("bound 2 % smaller", partial(_leaves, SMALLER)),
        FalseCore("any weight off the top", without(partial(_leaves, TRUE), "Y <= (K−J)·w2")),
        FalseCore("any weight at the top", without(partial(_leaves, TRUE), "X >= J·w*")),
    ),
)


def _floor(
    constant: Constant, gap: Element, second: Element, J: Element, K: Element, k: Element
) -> Statement:
    part, whole = constant
    return Statement(
        assumed={
            "w2 <= w*": gap,
            "w2 >= 0": second,
            "J >= 0": J,
            "J <= K−1": k - J,
            "K >= 0": K,
        },
        # Kw2/x_J − ρ: the denominators compared
        conclusion=whole * (K * second + k * gap) - part * (K * second + J * gap),
    )


FLOOR = Core(
    name="the factor is at least the rate, every K",
    says="J ≤ K−1 ⇒ x_J = Kw2 + J(w*−w2) ≤ Kw2 + (K−1)(w*−w2) = x_{K−1}; gap = w* − w2",
    step="Kw2/x_J ≥ Kw2/x_{K−1} = ρ for every J; average over J: F_K ≥ ρ. " + UNBOUNDED,
    variables=("gap", "second", "J", "K", "k"),
    state=partial(_floor, TRUE),
    degree=2,
    twins=(
        FalseCore("rate 2 % larger", partial(_floor, LARGER)),
        FalseCore("a heavier second level", without(partial(_floor, TRUE), "w2 <= w*")),
    ),
)


def _chord(
    constant: Constant, gap: Element, second: Element, J: Element, K: Element, k: Element
) -> Statement:
    part, whole = constant
    return Statement(
        assumed={
            "w2 <= w*": gap,
            "w2 >= 0": second,
            "J >= 0": J,
            "J <= K−1": k - J,
            "K >= 0": K,
        },
        # 1 − (1−ρ)J/(K−1) − Kw2/x_J, times x_J·x_{K−1}
        conclusion=part * (K * second + (k - J) * gap) * (K * second + J * gap)
        - whole * K * second * (K * second + k * gap),
    )


CHORD = Core(
    name="the factor stays below its chord, every K",
    says="Kw2/x_J ≤ 1 − (1−ρ)J/(K−1) for 0 ≤ J ≤ K−1, times x_J·x_{K−1}; gap = w* − w2",
    step=(
        "Average over J binomial (K−1, 1−m), E[J] = (K−1)(1−m): F_K ≤ ρ + (1−ρ)m → ρ. With the "
        "core 'candidates off the top' m' ≤ (ρ + (1−ρ)m)m, that is P' − P ≥ (1−ρ)P(1−P) for the "
        "mass P = 1 − m of the top, and m_t ≤ m_0 (1 − (1−ρ)P_0)^t. " + UNBOUNDED
    ),
    variables=("gap", "second", "J", "K", "k"),
    state=partial(_chord, TRUE),
    degree=4,
    twins=(FalseCore("chord 2 % lower", partial(_chord, SMALLER)),),
)


def _lower_level(
    constant: Constant, w: Element, second: Element, S: Element, least: Element
) -> Statement:
    part, whole = constant
    return Statement(
        assumed={
            "w >= 0": w,
            "w <= w2": second - w,
            "S0 >= 0": least,
            "S0 <= S": S - least,
        },
        # (w2+S0)/(w+S0) − (w2+S)/(w+S), times the denominators
        conclusion=whole * (second + least) * (w + S) - part * (second + S) * (w + least),
    )


LOWER_LEVEL = Core(
    name="lower levels fall faster, every K",
    says="w ≤ w2, S ≥ S0 ≥ 0 ⇒ (w2+S)/(w+S) ≤ (w2+S0)/(w+S0), denominators cleared",
    step=(
        "S0 = (K−1)w_min is the least total of K−1 competitors: at every S the factor of w is at "
        "most κ times that of w2, κ = w(w2+S0)/(w2(w+S0)); average over S."
    ),
    variables=("w", "second", "S", "least"),
    state=partial(_lower_level, TRUE),
    degree=2,
    twins=(
        FalseCore("κ 2 % smaller", partial(_lower_level, LARGER)),
        FalseCore("fewer competitors", without(partial(_lower_level, TRUE), "S0 <= S")),
    ),
)


def _shape(
    constant: Constant,
    p: Element,
    after: Element,
    P: Element,
    P_after: Element,
    p0: Element,
    P0: Element,
    h: Element,
) -> Statement:
    part, whole = constant
    return Statement(
        assumed={},
        zero={"P0·p = p0·P": P0 * p - p0 * P, "p' = hp": after - h * p, "P' = hP": P_after - h * P},
        conclusion=whole * P0 * after - part * p0 * P_after,
    )


SHAPE = Core(
    name="the top keeps its shape, every K and t",
    says="P0·p = p0·P, p' = hp, P' = hP ⇒ P0·p' = p0·P'",
    step=(
        "H depends on the weight alone: one factor h for every atom at the top, and for their "
        "total P. By induction p_t = p_0 P_t/P_0 there, that is p* = p_t/P_t: KL(p*‖p_t) = "
        "−log P_t, which falls as P_t rises."
    ),
    variables=("p", "after", "P", "P_after", "p0", "P0", "h"),
    state=partial(_shape, TRUE),
    identity=True,
    twins=(FalseCore("2 % more", partial(_shape, LARGER)),),
)

DECAY_RATE = (MEETS, LEAVES, FLOOR, CHORD, LOWER_LEVEL)
THEOREM_2_1 = (SHAPE, LEAVES, CHORD)
