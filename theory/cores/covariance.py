r"""Price's identity: what a round changes is a covariance with the curation factor."""

from __future__ import annotations

from functools import partial

from theory.cores import laws
from theory.evidence.core import LARGER, TRUE, Constant, Core, Element, FalseCore, Statement


def _covariance(constant: Constant, kept: Element, mean: Element, mass: Element) -> Statement:
    part, whole = constant
    return Statement(
        assumed={},
        zero={"E[H] = 1": mass - 1},
        conclusion=whole * (kept - mean) - part * (kept - mean * mass),
    )


COVARIANCE = Core(
    name="change as a covariance, every K",
    says="E[H] = 1 ⇒ E[fH] − E[f] = E[fH] − E[f] E[H]",
    step=(
        "C_K(p) = pH, so E_C(p)[f] = E_p[fH]. E_p[H] = 1 because a draw keeps exactly one of its "
        "candidates, Σ_k w_k/Σ_j w_j = 1 (written out for small n and K in 'Price's identity of "
        "all laws'). The right side is Cov_p(f, H)."
    ),
    variables=("kept", "mean", "mass"),
    state=partial(_covariance, TRUE),
    identity=True,
    twins=(FalseCore("covariance 2 % larger", partial(_covariance, LARGER)),),
)

PRICE_IDENTITY = (COVARIANCE, *laws.PRICE)
