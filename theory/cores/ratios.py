r"""Likelihood ratios stay monotone in the weight, and what that gives.

Weights w ≤ w' and competitors x ≤ y; S, T ≥ 0 are values of the sum of the other competitors.
Replacing one competitor drawn from q by one drawn from g·q, g non-decreasing, multiplies
:math:`\psi(w) = E[1/(w + x + S)]` by a non-decreasing factor: written as pairs of atoms of q and of
values of S,

.. math:: \sum_{x<y} q_x q_y (g_y - g_x) \sum_{S,T}
   \Big[\tfrac{1}{(w'+y+S)(w+x+T)} - \tfrac{1}{(w'+x+S)(w+y+T)}\Big] \ge 0 .
"""

from __future__ import annotations

from functools import partial

from theory.cores import laws
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


def _factor(w: Element, higher: Element, S: Element) -> Statement:
    return Statement(
        assumed={"w >= 0": w, "w <= w'": higher - w, "w' >= 0": higher, "S >= 0": S},
        conclusion=higher * (w + S) - w * (higher + S),
    )


FACTOR = Core(
    name="the curation factor increases with the weight",
    says="0 ≤ w ≤ w', S ≥ 0 ⇒ w'/(w'+S) ≥ w/(w+S), times (w+S)(w'+S)",
    step=(
        "Average over S, the sum of K−1 independent weights, and multiply by K: H(w') ≥ H(w); at "
        "K = ∞ H = w/E_p[w]."
    ),
    variables=("w", "higher", "S"),
    state=_factor,
    degree=2,
    twins=(FalseCore("any w'", without(_factor, "w <= w'")),),
)


def _ratio(
    constant: Constant, g: Element, higher: Element, h: Element, factor: Element, lam: Element
) -> Statement:
    part, whole = constant
    return Statement(
        assumed={
            "g >= 0": g,
            "g <= g'": higher - g,
            "g' >= 0": higher,
            "h >= 0": h,
            "h <= h'": factor - h,
            "λ >= 0": lam,
        },
        conclusion=whole * (1 + lam * higher * factor) - part * (1 + lam * g * h),
    )


RATIO = Core(
    name="the likelihood ratio stays monotone, every K and t",
    says="0 ≤ g ≤ g', 0 ≤ h ≤ h' ⇒ 1 + λg'h' ≥ 1 + λgh",
    step=(
        "Induction on t with g = p_t/ref at w, g' at w' ≥ w, from g = g' = 1; h = H_{p_t}, "
        "increasing by the core 'the curation factor increases with the weight': "
        "(1+λ) p_{t+1}/ref = 1 + λgh is non-decreasing in w. The pure loop: p_{t+1}/p_0 = gh."
    ),
    variables=("g", "higher", "h", "factor", "lam"),
    state=partial(_ratio, TRUE),
    degree=3,
    twins=(
        FalseCore("growth by 2 %", partial(_ratio, LARGER)),
        FalseCore("any start", without(partial(_ratio, TRUE), "g <= g'")),
    ),
)


def _ceiling(
    constant: Constant,
    g: Element,
    higher: Element,
    h: Element,
    factor: Element,
    v: Element,
    w: Element,
    V: Element,
    W: Element,
    lam: Element,
) -> Statement:
    part, whole = constant
    return Statement(
        assumed={
            "g(w)·v^t <= g(v)·w^t": g * W - higher * V,
            "h(w)·v <= h(v)·w": h * w - factor * v,
            "v <= w": w - v,
            "v^t <= w^t": W - V,
            "g(w) >= 0": higher,
            "h(v) >= 0": h,
            "v >= 0": v,
            "v^t >= 0": V,
            "λ >= 0": lam,
        },
        conclusion=part * (1 + lam * g * h) * W * w - whole * (1 + lam * higher * factor) * V * v,
    )


CEILING = Core(
    name="the likelihood ratio grows no faster than w^t, every K and t",
    says="g(w)v^t ≤ g(v)w^t, h(w)v ≤ h(v)w, v ≤ w ⇒ (1+λg(w)h(w))v^(t+1) ≤ (1+λg(v)h(v))w^(t+1)",
    step=(
        "Induction on t as for 'the likelihood ratio stays monotone'; h = H_{p_t} is w times the "
        "mean of K/(w+S), which falls with w, and H = w/E_p[w] at K = ∞."
    ),
    variables=("g", "higher", "h", "factor", "v", "w", "V", "W", "lam"),
    state=partial(_ceiling, TRUE),
    degree=4,
    twins=(
        FalseCore("2 % less", partial(_ceiling, SMALLER)),
        FalseCore("any start", without(partial(_ceiling, TRUE), "g(w)·v^t <= g(v)·w^t")),
    ),
)


def _swap(
    w: Element,
    w_: Element,
    x: Element,
    y: Element,
    S: Element,
    T: Element,
    gx: Element,
    gy: Element,
) -> Statement:
    # The eight denominators, two per fraction.
    sums = [
        w_ + y + S,
        w + x + T,
        w_ + y + T,
        w + x + S,
        w_ + x + S,
        w + y + T,
        w_ + x + T,
        w + y + S,
    ]

    def over(*own: int) -> Element:
        value = 1
        for index, factor in enumerate(sums):
            value = value if index in own else value * factor
        return value

    return Statement(
        assumed={
            "w >= 0": w,
            "w <= w'": w_ - w,
            "x >= 0": x,
            "x <= y": y - x,
            "S >= 0": S,
            "T >= 0": T,
            "g(x) >= 0": gx,
            "g(x) <= g(y)": gy - gx,
            "g(y) >= 0": gy,
        },
        conclusion=(gy - gx) * (over(0, 1) + over(2, 3) - over(4, 5) - over(6, 7)),
    )


SWAP = Core(
    name="swapping one competitor from q to g·q",
    says=(
        "w ≤ w', x ≤ y, g(x) ≤ g(y), S, T ≥ 0 ⇒ (g(y)−g(x))·[1/((w'+y+S)(w+x+T)) + "
        "1/((w'+y+T)(w+x+S)) − 1/((w'+x+S)(w+y+T)) − 1/((w'+x+T)(w+y+S))] ≥ 0, denominators cleared"
    ),
    step=(
        "Sum over pairs of atoms of q and of values of the other competitors' sum: "
        "E_gq[1/(w+S)]/E_q[1/(w+S)] is non-decreasing in w. One competitor after another, K−1 "
        "times: H_gq/H_q is non-decreasing, so C_K(gq)/C_K(q) = g·H_gq/H_q is too."
    ),
    variables=("w", "w_", "x", "y", "S", "T", "gx", "gy"),
    state=_swap,
    symmetric=(("S",), ("T",)),
    chart=(
        "w >= 0",
        "w <= w'",
        "x >= 0",
        "x <= y",
        "S >= 0",
        "S <= T",
        "g(x) >= 0",
        "g(x) <= g(y)",
    ),
    twins=(FalseCore("any g", without(_swap, "g(x) <= g(y)")),),
)


def _association(g: Element, higher: Element, f: Element, more: Element) -> Statement:
    return Statement(
        assumed={"g <= g'": higher - g, "f <= f'": more - f},
        conclusion=(higher - g) * (more - f),
    )


ASSOCIATION = Core(
    name="Chebyshev's association",
    says="g ≤ g', f ≤ f' ⇒ (g'−g)(f'−f) ≥ 0",
    step=(
        "Sum over pairs of atoms of q: Cov_q(g, f) ≥ 0. When g·q is a law with g non-decreasing in "
        "the weight, E_gq[f] ≥ E_q[f] for every non-decreasing f: dominance. With q = C_K(ref), "
        "g·q = C_K(p_t) and f = w: E_{p_{t+1}}[w] − E_ref[w] ≥ "
        "(λ/(1+λ))(E_{C_K(ref)}[w] − E_ref[w]) = E_{p_1}[w] − E_ref[w]."
    ),
    variables=("g", "higher", "f", "more"),
    state=_association,
    degree=2,
    twins=(FalseCore("any f", without(_association, "f <= f'")),),
)


def _hold(constant: Constant, f: Element, h: Element, H: Element, lam: Element) -> Statement:
    part, whole = constant
    hold = 1 + lam - lam * H
    return Statement(
        assumed={
            "f(1+λ−λH) <= 1": 1 - f * hold,
            "h <= H": H - h,
            "λ(H−1) <= 1": hold,
            "f >= 0": f,
            "h >= 0": h,
            "H >= 0": H,
            "λ >= 0": lam,
        },
        # 1 − f'(1+λ−λH) with (1+λ)f' = 1 + λfh, times 1+λ
        conclusion=part * (1 + lam) - whole * hold * (1 + lam * f * h),
    )


HOLD = Core(
    name="real data hold the top, every K and t",
    says="f(1+λ−λH) ≤ 1, 0 ≤ h ≤ H, (1+λ)f' = 1+λfh ⇒ f'(1+λ−λH) ≤ 1, times 1+λ",
    step=(
        "f = P_t(w*)/P_ref(w*), h = H_{p_t}(w*), H = H_ref(w*) ≥ 1. Induction on t from f = 1, "
        "where it says H ≥ 1. h ≤ H: by 'the likelihood ratio stays monotone' g = p_t/ref does not "
        "fall with the weight x of a competitor, −1/(w*+x+S) rises; by 'Chebyshev's association' "
        "E[1/(w*+x+S)] is no larger under p_t, one competitor after another. K = ∞: E_{p_t}[w] ≥ "
        "E_ref[w]. Where 1+λ−λH < 0 there is nothing to show."
    ),
    variables=("f", "h", "H", "lam"),
    state=partial(_hold, TRUE),
    degree=4,
    twins=(
        FalseCore("bound 2 % smaller", partial(_hold, SMALLER)),
        FalseCore("weaker rivals", without(partial(_hold, TRUE), "h <= H")),
    ),
)

LIKELIHOOD_RATIO = (FACTOR, RATIO, CEILING)
DOMINANCE_MIXED = (FACTOR, RATIO, SWAP, ASSOCIATION)
CONDENSATION_THRESHOLD = (FACTOR, RATIO, ASSOCIATION, HOLD)
GAIN_AFTER_FIRST_ROUND = (*DOMINANCE_MIXED, *laws.SECOND_ROUND)
