r"""What real data holds in place: bounds on the density, and the reward by induction.

One atom with reference mass ref and mass p, curation factor h:
:math:`(1+\lambda)\,p' = ref + \lambda h p`, :math:`0 \le h \le K`, k = K − 1.
"""

from __future__ import annotations

from functools import partial

from theory.cores import gain
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


def _density(
    constant: Constant, ref: Element, p: Element, h: Element, k: Element, lam: Element
) -> Statement:
    part, whole = constant
    room = 1 - lam * k
    return Statement(
        assumed={
            "(1−λk)p <= ref": ref - room * p,
            "λk <= 1": 1 - lam * k,
            "h >= 0": h,
            "h <= K": part * (k + 1) - whole * h,
            "λ >= 0": lam,
            "k >= 0": k,
            "ref >= 0": ref,
            "p >= 0": p,
        },
        # ref − (1−λk)·p', times 1+λ
        conclusion=(1 + lam) * ref - room * (ref + lam * h * p),
    )


DENSITY = Core(
    name="density bound, every K and t",
    says="λ(K−1) ≤ 1, 0 ≤ h ≤ K, (1−λ(K−1)) p ≤ ref ⇒ (1−λ(K−1)) p' ≤ ref, times 1+λ",
    step=(
        "Induction on t from p_0 = ref, where it says 1−λk ≤ 1: p_t ≤ ref/(1−λ(K−1)) at every "
        "atom and round, so KL(p_t‖ref) = E_{p_t}[log(p_t/ref)] ≤ −log(1−λ(K−1))."
    ),
    variables=("ref", "p", "h", "k", "lam"),
    state=partial(_density, TRUE),
    twins=(
        FalseCore("h up to 1.02 K", partial(_density, LARGER)),
        FalseCore("any start", without(partial(_density, TRUE), "(1−λk)p <= ref")),
    ),
)


def _floor(constant: Constant, ref: Element, p: Element, h: Element, lam: Element) -> Statement:
    part, whole = constant
    return Statement(
        assumed={"ref >= 0": ref, "p >= 0": p, "h >= 0": h, "λ >= 0": lam},
        conclusion=whole * (ref + lam * h * p) - part * ref,
    )


FLOOR = Core(
    name="density from below, every K and t",
    says="ref, p, h, λ ≥ 0 ⇒ (1+λ) p' = ref + λhp ≥ ref",
    step=("At every t ≥ 1: p_t ≥ ref/(1+λ), so KL(ref‖p_t) = E_ref[log(ref/p_t)] ≤ log(1+λ)."),
    variables=("ref", "p", "h", "lam"),
    state=partial(_floor, TRUE),
    twins=(FalseCore("floor 2 % higher", partial(_floor, LARGER)),),
)


def _spread(
    constant: Constant, ref: Element, p: Element, w: Element, m: Element, lam: Element
) -> Statement:
    part, whole = constant
    return Statement(
        assumed={"ref <= (1+λ)p": (1 + lam) * p - ref, "ref >= 0": ref, "λ >= 0": lam},
        conclusion=(whole * (1 + lam) * p - part * ref) * (w - m) * (w - m),
        squares={"w−m": w - m},
    )


SPREAD = Core(
    name="variance from below",
    says="ref ≤ (1+λ)p ⇒ (1+λ) p (w−m)² ≥ ref (w−m)²",
    step=(
        "Sum over the atoms with m = E_p[w]: (1+λ) Var_p(w) ≥ E_ref[(w−m)²] ≥ Var_ref(w), because "
        "E_ref[(w−m)²] is least at m = E_ref[w]."
    ),
    variables=("ref", "p", "w", "m", "lam"),
    state=partial(_spread, TRUE),
    twins=(FalseCore("2 % more", partial(_spread, LARGER)),),
)


def _induction(
    constant: Constant,
    x: Element,
    after: Element,
    c: Element,
    share: Element,
    V: Element,
    lam: Element,
) -> Statement:
    part, whole = constant
    return Statement(
        assumed={
            "x >= λcv": whole * x - part * lam * c * share,
            "V_t >= v": V - share,
            "V_t >= 0": V,
            "(1+λ)x' >= λ(x + cV_t)": (1 + lam) * after - lam * (x + c * V),
            "λ >= 0": lam,
            "c >= 0": c,
            "v >= 0": share,
        },
        conclusion=whole * (1 + lam) * after - part * lam * c * (1 + lam) * share,
    )


INDUCTION = Core(
    name="reward with real data, every K and t",
    says=("v = Var_ref/(1+λ), V_t ≥ v, x ≥ λcv, (1+λ)x' ≥ λ(x + cV_t) ⇒ x' ≥ λcv, times 1+λ"),
    step=(
        "x_t = E_{p_t}[w] − E_ref[w], c = (K−1)/(K w*). 'Gain of one draw' gives "
        "x_{t+1} ≥ (λ/(1+λ))(x_t + cV_t) with V_t = Var_{p_t}(w), and the core 'variance from "
        "below' V_t ≥ v for t ≥ 1. The induction starts at t = 1: x_0 = 0 and V_0 = Var_ref give "
        "x_1 ≥ (λ/(1+λ)) c Var_ref = λcv."
    ),
    variables=("x", "after", "c", "share", "V", "lam"),
    state=partial(_induction, TRUE),
    degree=3,
    twins=(
        FalseCore("constant 2 % larger", partial(_induction, LARGER)),
        FalseCore("any variance", without(partial(_induction, TRUE), "V_t >= v")),
    ),
)


def _published(power: int, x: Element, gain: Element, lam: Element) -> Statement:
    factor = 1
    for _ in range(power):
        factor = factor * (1 + lam)
    return Statement(
        assumed={"(1+λ)x >= λG": (1 + lam) * x - lam * gain, "G >= 0": gain, "λ >= 0": lam},
        conclusion=factor * x - lam * gain,
    )


PUBLISHED = Core(
    name="the published constant is smaller",
    says="(1+λ)x ≥ λG, G ≥ 0 ⇒ (1+λ)³x ≥ λG",
    step="G = ((K−1)/K) Var_ref(w)/w*: Theorem 2.3 follows from its sharpened form.",
    variables=("x", "gain", "lam"),
    state=partial(_published, 3),
    degree=5,
    twins=(FalseCore("no factor at all", partial(_published, 0)),),
)


def _mixing(
    constant: Constant,
    before: Element,
    after: Element,
    ref: Element,
    start: Element,
    A: Element,
    B: Element,
    lam: Element,
) -> Statement:
    part, whole = constant
    return Statement(
        assumed={},
        zero={
            "A(p−ref) = B(p0−ref)": A * (before - ref) - B * (start - ref),
            "(1+λ)p' = ref + λp": (1 + lam) * after - ref - lam * before,
        },
        conclusion=whole * A * (1 + lam) * (after - ref) - part * B * lam * (start - ref),
    )


MIXING = Core(
    name="mixing without curation, every t",
    says="A(p−ref) = B(p0−ref), (1+λ)p' = ref + λp ⇒ A(1+λ)(p'−ref) = Bλ(p0−ref)",
    step=(
        "K = 1 makes h = 1. Induction on t with A = (1+λ)^t, B = λ^t: "
        "p_t − ref = (λ/(1+λ))^t (p_0 − ref); dividing by λ, the pure loop stands still."
    ),
    variables=("before", "after", "ref", "start", "A", "B", "lam"),
    state=partial(_mixing, TRUE),
    identity=True,
    twins=(FalseCore("2 % slower", partial(_mixing, LARGER)),),
)

THEOREM_2_3_SHARP = (gain.ANY_K, gain.LAGRANGE, FLOOR, SPREAD, INDUCTION)
THEOREM_2_3 = (*THEOREM_2_3_SHARP, PUBLISHED)
THEOREM_2_4 = (DENSITY,)
NO_CURATION = (MIXING,)
