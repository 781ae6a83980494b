r"""K = ∞: exponential tilts, the reward–KL frontier, and the fixed point with real data."""

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


def _tilt(
    constant: Constant,
    p: Element,
    after: Element,
    start: Element,
    W: Element,
    w: Element,
    Z: Element,
    m: Element,
) -> Statement:
    part, whole = constant
    return Statement(
        assumed={},
        zero={"Zp = p0·w^t": Z * p - start * W, "mp' = pw": m * after - p * w},
        conclusion=whole * Z * m * after - part * start * W * w,
    )


TILT = Core(
    name="rounds are tilts, every t",
    says="Zp = p0·w^t, mp' = pw ⇒ Zmp' = p0·w^(t+1)",
    step=(
        "K = ∞ means p' = pw/m, m = E_p[w]. Induction on t: p_t is proportional to p_0 w^t; "
        "summing gives Zm = E_{p_0}[w^(t+1)]."
    ),
    variables=("p", "after", "start", "W", "w", "Z", "m"),
    state=partial(_tilt, TRUE),
    identity=True,
    twins=(FalseCore("2 % more", partial(_tilt, LARGER)),),
)


def _gap(
    constant: Constant,
    q: Element,
    r: Element,
    Lq: Element,
    L0: Element,
    Lt: Element,
    z: Element,
    beta: Element,
) -> Statement:
    part, whole = constant
    return Statement(
        assumed={},
        zero={"β log p = β log p0 + r − βz": beta * (Lt - L0 + z) - r},
        # βqz − [qr − βq log(q/p0)] − βq log(q/p)
        conclusion=whole * (beta * q * z - q * r + beta * q * (Lq - L0))
        - part * beta * q * (Lq - Lt),
    )


GAP = Core(
    name="gap to the frontier",
    says="β log p = β log p0 + r − βz ⇒ βqz = qr − βq log(q/p0) + βq log(q/p)",
    step=(
        "Sum over the atoms of any law q, with the tilt p = p0 e^(r/β)/Z, z = log Z: "
        "E_q[r] − β KL(q‖p0) = β log Z − β KL(q‖p). KL(q‖p) ≥ 0 because log x ≤ x − 1, with "
        "equality for q = p alone: the tilt is the one maximiser, and the value there is β log Z."
    ),
    variables=("q", "r", "Lq", "L0", "Lt", "z", "beta"),
    state=partial(_gap, TRUE),
    identity=True,
    twins=(FalseCore("gap 2 % larger", partial(_gap, LARGER)),),
)


def _curvature(constant: Constant, x: Element) -> Statement:
    part, whole = constant
    return Statement(
        assumed={"x >= 0": x},
        conclusion=whole * (x + 2) * (x + 2) * (x + 2) - part * 27 * x,
        squares={"x−1": x - 1},
    )


CURVATURE = Core(
    name="Pinsker's inequality, second derivatives",
    says="x ≥ 0 ⇒ (x+2)³ ≥ 27x",
    step=(
        "So x log x − x + 1 and 3(x−1)²/(2(x+2)), whose second derivatives are 1/x ≥ 27/(x+2)³ and "
        "which agree to first order at 1, are ordered. With x = q/p: KL(q‖p) ≥ E_p[3(x−1)²/"
        "(2(x+2))] ≥ ½‖q−p‖₁² by Cauchy–Schwarz and E_p[x+2] = 3."
    ),
    variables=("x",),
    state=partial(_curvature, TRUE),
    degree=2,
    twins=(FalseCore("2 % more", partial(_curvature, LARGER)),),
)


def _fixed_point(
    constant: Constant, p: Element, ref: Element, w: Element, zeta: Element, lam: Element
) -> Statement:
    part, whole = constant
    return Statement(
        assumed={},
        zero={"(1+λ)(ζ−w)p = ζ·ref": (1 + lam) * (zeta - w) * p - zeta * ref},
        # (1+λ)p − ref − λpw/m with m = λζ/(1+λ), times ζ
        conclusion=whole * zeta * ((1 + lam) * p - ref) - part * (1 + lam) * p * w,
    )


FIXED_POINT = Core(
    name="fixed point with real data",
    says="(1+λ)(ζ−w)p = ζ·ref, m = λζ/(1+λ) ⇒ (1+λ)p = ref + λpw/m, times ζ",
    step="K = ∞: at every atom p is what the round makes of it when E_p[w] = m.",
    variables=("p", "ref", "w", "zeta", "lam"),
    state=partial(_fixed_point, TRUE),
    identity=True,
    twins=(FalseCore("2 % heavier", partial(_fixed_point, LARGER)),),
)


def _mean(
    constant: Constant, P: Element, W: Element, R: Element, zeta: Element, lam: Element
) -> Statement:
    part, whole = constant
    return Statement(
        assumed={},
        zero={
            "(1+λ)(ζΣp − Σpw) = ζΣref": (1 + lam) * (zeta * P - W) - zeta * R,
            "Σp = 1": P - 1,
            "Σref = 1": R - 1,
        },
        conclusion=whole * (1 + lam) * W - part * lam * zeta,
    )


MEAN = Core(
    name="mean weight at the fixed point",
    says="(1+λ)(ζΣp − Σpw) = ζΣref, Σp = Σref = 1 ⇒ (1+λ)E_p[w] = λζ",
    step="Sum the equation of 'fixed point with real data' over the atoms: m is indeed E_p[w].",
    variables=("P", "W", "R", "zeta", "lam"),
    state=partial(_mean, TRUE),
    identity=True,
    twins=(FalseCore("2 % heavier", partial(_mean, LARGER)),),
)


def _off_top(constant: Constant, s: Element, w: Element, top: Element, zeta: Element) -> Statement:
    part, whole = constant
    return Statement(
        assumed={
            "p/ζ >= 0": s,
            "w >= 0": w,
            "w <= w*": top - w,
            "w* <= ζ": zeta - top,
        },
        # ref·w* − (1+λ)(w*−w)p with (1+λ)p = ζs, ref = s(ζ−w)
        conclusion=part * s * (zeta - w) * top - whole * (top - w) * zeta * s,
    )


OFF_TOP = Core(
    name="mass off the top at the fixed point",
    says="0 ≤ w ≤ w* ≤ ζ, (1+λ)p = ζs, ref = s(ζ−w) ⇒ (1+λ)(w*−w)p ≤ w*·ref",
    step=(
        "Divide by w*−w > 0 and sum over the atoms below the top: their mass is at most "
        "I'/(1+λ), I' = Σ ref/(1 − w/w*), so the top has at least 1 − I'/(1+λ) however little the "
        "reference has there."
    ),
    variables=("s", "w", "top", "zeta"),
    state=partial(_off_top, TRUE),
    degree=3,
    twins=(FalseCore("bound 2 % smaller", partial(_off_top, SMALLER)),),
)


def _tilt_means(constant: Constant, w: Element, v: Element, A: Element, B: Element) -> Statement:
    part, whole = constant
    return Statement(
        assumed={"w >= 0": w, "v >= 0": v, "w^(j−1) >= 0": A, "v^(j−1) >= 0": B},
        conclusion=A * B * (whole * (w * w + v * v) - part * 2 * w * v),
        squares={"w−v": w - v},
    )


TILT_MEANS = Core(
    name="stronger tilts have larger means",
    says="w^(j+1)v^(j−1) + w^(j−1)v^(j+1) ≥ 2w^j v^j",
    step=(
        "Sum over pairs of atoms: M_{j+1}M_{j−1} ≥ M_j² for M_j = E_ref[w^j], so the mean M_{j+1}/"
        "M_j of the tilt ref·w^j/M_j does not fall with j."
    ),
    variables=("w", "v", "A", "B"),
    state=partial(_tilt_means, TRUE),
    twins=(FalseCore("2 % more", partial(_tilt_means, LARGER)),),
)


def _moved(*values: Element) -> Statement:
    half = len(values) // 2
    means, moves = values[:half], values[half:]
    return Statement(
        assumed={
            **{f"b{i} <= b{i + 1}": means[i] - means[i - 1] for i in range(1, half)},
            **{f"d{i} <= 0": -moves[i - 1] for i in range(1, half)},
        },
        zero={"d1+d2+d3+d4 = 0": sum(moves)},
        conclusion=sum(b * d for b, d in zip(means, moves, strict=True)),
    )


MOVED = Core(
    name="mass moved to the strongest of 4 tilts",
    says="b1 ≤ … ≤ b4, d1, d2, d3 ≤ 0, Σd = 0 ⇒ Σ b_i d_i ≥ 0",
    step=(
        "Any number of tilts: Σ b_i d_i = Σ (b_i − b_n)d_i. p_t is a mixture of the tilts ref·w^j/"
        "M_j, j ≤ t, with shares π_t(j); while a_t = E_{p_t}[w] has not fallen, π_t(j)/π_{t−1}(j) "
        "= a_{t−1−j}/a_{t−1} ≤ 1 for 1 ≤ j < t, π_t(0) = 1/(1+λ), and the rest goes to j = t: "
        "a_t ≥ a_{t−1}, b the means of the tilts. The shares of the fixed point, in turn, are "
        "smaller than π_t(j) while a ≤ λζ/(1+λ), with the rest on j ≥ t: a_t ≤ λζ/(1+λ)."
    ),
    variables=(*(f"b{i}" for i in range(1, 5)), *(f"d{i}" for i in range(1, 5))),
    state=_moved,
    degree=2,
    twins=(FalseCore("some mass moved down", without(_moved, "d3 <= 0")),),
)

RLHF_TILT = (TILT, GAP)
TILT_FRONTIER = (TILT, GAP, CURVATURE)
CONDENSATION = (FIXED_POINT, MEAN, OFF_TOP, TILT_MEANS, MOVED)
