r"""The envelope of the curve of a law against the reference, and what follows from it.

Write m for :math:`P_t(A)`, u for :math:`P_{ref}(A)`, x = 1 − m. A kept sample lies in A only if
some candidate does, so :math:`C_K(p_t)(A) \le 1 - (1-m)^K`, for every set A. By induction
:math:`P_t(A) \le f_t(u)` with :math:`f_0(u) = u`,
:math:`(1+\lambda) f_{t+1}(u) = u + \lambda(1 - (1 - f_t(u))^K)`.
"""

from __future__ import annotations

from functools import partial

from theory.cores import real_data
from theory.cores.powers import ORDER, POWERS, TANGENT, power
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


def _step(
    constant: Constant, after: Element, u: Element, C: Element, y: Element, z: Element, lam: Element
) -> Statement:
    part, whole = constant
    return Statement(
        assumed={
            "C <= 1 − (1−m)^K": 1 - y - C,
            "(1−m)^K >= (1−f)^K": y - z,
            "(1−f)^K >= 0": z,
            "(1−m)^K >= 0": y,
            "u >= 0": u,
            "C >= 0": C,
            "λ >= 0": lam,
        },
        zero={"(1+λ)m' = u + λC": (1 + lam) * after - u - lam * C},
        conclusion=part * (u + lam * (1 - z)) - whole * (1 + lam) * after,
    )


STEP = Core(
    name="envelope, every K and t",
    says="C ≤ 1 − (1−m)^K, (1−m)^K ≥ (1−f)^K ⇒ m' = (u + λC)/(1+λ) ≤ (u + λ(1−(1−f)^K))/(1+λ)",
    step=(
        "Induction on t, for every set A: C = C_K(p_t)(A) ≤ 1 − (1−m)^K because a kept sample lies "
        "in A only if one of K independent candidates does; m ≤ f = f_t(u) and 'powers keep order' "
        "give (1−m)^K ≥ (1−f)^K; the right side is f_{t+1}(u). Divided by λ: the pure loop. "
        "K = ∞: C ≤ 1, and C = 0 where m = 0."
    ),
    variables=("after", "u", "C", "y", "z", "lam"),
    state=partial(_step, TRUE),
    twins=(
        FalseCore("envelope 2 % lower", partial(_step, SMALLER)),
        FalseCore("above the envelope before", without(partial(_step, TRUE), "(1−m)^K >= (1−f)^K")),
    ),
)


def _rising(constant: Constant, x: Element, k: Element, lam: Element) -> Statement:
    part, whole = constant
    return Statement(
        assumed={
            "λ(K−1) <= 1": 1 - lam * k,
            "x^(K−1) <= 1": 1 - x,
            "x^(K−1) >= 0": x,
            "K >= 1": k,
            "λ >= 0": lam,
        },
        conclusion=whole * (1 + lam) - part * lam * (k + 1) * x,
    )


def _beyond(x: Element, k: Element, lam: Element) -> Statement:
    statement = _rising(TRUE, x, k, lam)
    return Statement({**statement.assumed, "λ(K−1) <= 1": 51 - 50 * lam * k}, statement.conclusion)


RISING = Core(
    name="the inverse envelope rises, every K",
    says="λ(K−1) ≤ 1, 0 ≤ x^(K−1) ≤ 1 ⇒ u'(m) = 1+λ − λKx^(K−1) ≥ 0, x = 1−m",
    step=(
        "f_t rises to the fixed point f with inverse u(m) = (1+λ)m − λ(1−(1−m)^K), which is "
        "increasing: so P_t(A) ≤ f(P_ref(A)) for every t is u(P_t(A)) ≤ P_ref(A)."
    ),
    variables=("x", "k", "lam"),
    state=partial(_rising, TRUE),
    twins=(
        FalseCore("slope 2 % larger", partial(_rising, LARGER)),
        FalseCore("2 % beyond the threshold", _beyond),
    ),
)


def _majorisation(*values: Element) -> Statement:
    cells = len(values) // 2
    slopes, differences = values[:cells], values[cells:]
    sums = [sum(differences[: i + 1]) for i in range(cells)]
    return Statement(
        assumed={
            **{f"s{i} >= s{i + 1}": slopes[i - 1] - slopes[i] for i in range(1, cells)},
            **{
                f"{'+'.join(f'd{j}' for j in range(1, i + 1))} >= 0": sums[i - 1]
                for i in range(1, cells)
            },
        },
        zero={"d1+d2+d3+d4 = 0": sums[-1]},
        conclusion=sum(s * d for s, d in zip(slopes, differences, strict=True)),
    )


MAJORISATION = Core(
    name="summation by parts, 4 cells",
    says="s1 ≥ … ≥ s4, partial sums of d ≥ 0, total 0 ⇒ Σ s_i d_i ≥ 0",
    step=(
        "For any number of cells Σ s_i d_i = Σ (s_i − s_{i+1})(d_1+…+d_i). Order the atoms by "
        "p_t/ref, falling; let e_i be the increments of the concave envelope over cells of length "
        "ref_i, d_i = e_i − p_i, s_i = φ'(p_i/ref_i) for a convex φ. Then Σ ref_i φ(e_i/ref_i) − "
        "Σ ref_i φ(p_i/ref_i) ≥ Σ s_i d_i ≥ 0 by tangents, and ∫ φ(f') ≥ Σ ref_i φ(e_i/ref_i) by "
        "Jensen in each cell: every f-divergence is at most the envelope's, whose integral is done "
        "by hand. f_t is concave by 'powers stay above their tangents'."
    ),
    variables=(*(f"s{i}" for i in range(1, 5)), *(f"d{i}" for i in range(1, 5))),
    state=_majorisation,
    degree=2,
    twins=(FalseCore("slopes in any order", without(_majorisation, "s2 >= s3")),),
)


def _variation(
    constant: Constant,
    u: Element,
    x: Element,
    z: Element,
    X: Element,
    Z: Element,
    K: Element,
    lam: Element,
) -> Statement:
    part, whole = constant
    return Statement(
        assumed={
            "x^K >= Kz^(K−1)x − (K−1)z^K": X - K * Z * x + (K - 1) * Z * z,
            "x^K >= 0": X,
            "x >= 0": x,
            "x <= 1": 1 - x,
            "u >= 0": u,
            "u >= u(m)": u - (1 + lam) * (1 - x) + lam * (1 - X),
            "λ >= 0": lam,
            "K >= 1": K - 1,
            "z >= 0": z,
        },
        zero={"Kz^(K−1) = 1": K * Z - 1},
        # λ(1 − 1/K)z − (m − u), times K
        conclusion=part * lam * (K - 1) * z - whole * K * (1 - x - u),
    )


VARIATION = Core(
    name="total variation, every K",
    says="u ≥ u(m), Kz^(K−1) = 1 ⇒ m − u ≤ λ(1−1/K)z, x = 1−m",
    step=(
        "m − u(m) = λ(x − x^K), and 'powers stay above their tangents' at z = K^(−1/(K−1)). The "
        "set A = {p_t > ref} has m − u = TV(p_t, ref)."
    ),
    variables=("u", "x", "z", "X", "Z", "K", "lam"),
    state=partial(_variation, TRUE),
    degree=3,
    twins=(FalseCore("constant 2 % smaller", partial(_variation, SMALLER)),),
)


def _beyond_root(constant: Constant, y: Element, Y: Element, K: Element, lam: Element) -> Statement:
    part, whole = constant
    return Statement(
        assumed={
            "1 >= Ky^(K−1) − (K−1)y^K": 1 - K * Y + (K - 1) * Y * y,
            "λ >= 0": lam,
            "y <= 1": 1 - y,
            "K >= 1": K - 1,
            "y^(K−1) >= 0": Y,
        },
        zero={"u(1−y) = 0": (1 + lam) * (1 - y) - lam * (1 - Y * y)},
        conclusion=(1 - y) * (whole * (1 + lam) - part * lam * K * Y),
    )


RISING_BEYOND = Core(
    name="the inverse envelope rises beyond its root, every K and λ",
    says="u(1−y) = 0, y ≤ 1 ⇒ (1−y)·u'(1−y) = (1−y)(1+λ − λKy^(K−1)) ≥ 0",
    step=(
        "Beyond the threshold the limit envelope starts at the positive root m0 = 1−y of u. By "
        "'powers stay above their tangents', at x = 1, u rises there; x^(K−1) falls as m = 1−x "
        "grows, so it rises beyond."
    ),
    variables=("y", "Y", "K", "lam"),
    state=partial(_beyond_root, TRUE),
    degree=2,
    twins=(
        FalseCore("slope 2 % larger", partial(_beyond_root, LARGER)),
        FalseCore(
            "without the tangent",
            without(partial(_beyond_root, TRUE), "1 >= Ky^(K−1) − (K−1)y^K"),
        ),
    ),
)


def _before_the_peak(
    constant: Constant, x: Element, y: Element, X: Element, Y: Element, K: Element
) -> Statement:
    part, whole = constant
    return Statement(
        assumed={
            "x^K >= Ky^(K−1)x − (K−1)y^K": X - K * Y * x + (K - 1) * Y * y,
            "x <= y": y - x,
            "Ky^(K−1) <= 1": 1 - K * Y,
            "x >= 0": x,
            "x^K >= 0": X,
            "y^(K−1) >= 0": Y,
            "K >= 1": K - 1,
        },
        conclusion=part * (y - Y * y) - whole * (x - X),
    )


BEFORE_THE_PEAK = Core(
    name="total variation beyond the root, every K and λ",
    says="x ≤ y, Ky^(K−1) ≤ 1 ⇒ x − x^K ≤ y − y^K",
    step=(
        "Where the root m0 = 1−y of u lies beyond the peak of m − u(m) = λ(x − x^K), every m ≥ m0 "
        "has m − u(m) ≤ λ(y − y^K) = m0 − u(m0) = m0."
    ),
    variables=("x", "y", "X", "Y", "K"),
    state=partial(_before_the_peak, TRUE),
    degree=2,
    twins=(
        FalseCore("2 % less", partial(_before_the_peak, SMALLER)),
        FalseCore("beyond the peak", without(partial(_before_the_peak, TRUE), "Ky^(K−1) <= 1")),
    ),
)


def best_of(candidates: int) -> Core:
    """One round of best-of-K^t, written out for K."""
    return Core(
        name=f"never beyond best-of-K^t, K = {candidates}",
        says="0 ≤ v ≤ 1−m ⇒ 1 − (1−m)^K ≤ 1 − v^K",
        step=(
            "Induction on t in the pure loop with v = (1−P_0(A))^(K^t): P_t(A) ≤ 1−v gives "
            "P_{t+1}(A) ≤ 1 − (1−P_t(A))^K ≤ 1 − (1−P_0(A))^(K^{t+1}), for every set A."
        ),
        variables=("m", "v"),
        state=partial(_best_of, candidates, candidates),
        chart=("m <= 1−v", "v >= 0"),
        twins=(FalseCore("exponent one less", partial(_best_of, candidates, candidates - 1)),),
    )


def _best_of(candidates: int, exponent: int, m: Element, v: Element) -> Statement:
    return Statement(
        assumed={"m <= 1−v": 1 - v - m, "v >= 0": v, "m >= 0": m},
        conclusion=power(1 - m, candidates) - power(v, exponent),
    )


BEST_OF_ROUNDS = (ORDER, *(best_of(K) for K in (2, 3, 4, 8)), TANGENT, MAJORISATION)
# What every f-divergence from the real data rests on, at any round.
ENVELOPE = (ORDER, STEP, TANGENT, MAJORISATION)
TOTAL_VARIATION = (
    *ENVELOPE,
    RISING,
    RISING_BEYOND,
    *POWERS[2:],
    VARIATION,
    BEFORE_THE_PEAK,
    real_data.FLOOR,
)
THEOREM_2_4_SHARP = (*ENVELOPE, RISING)
CHI_SQUARE = THEOREM_2_4_SHARP
REVERSE_KL = (*ENVELOPE, RISING, RISING_BEYOND, real_data.FLOOR)
