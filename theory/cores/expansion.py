r"""Lemma 2.1: the reciprocal of a mean of K weights, expanded.

:math:`H = w\,E[1/A]` with :math:`A = m + d \ge b`, :math:`m = \mu + \delta/K`,
:math:`\delta = w - \mu`, :math:`E[d] = 0`, :math:`E[d^2] = (K-1)\sigma^2/K^2`. The cores are
the expansion of 1/A with its remainder, and the change from m to :math:`\mu`.
"""

from __future__ import annotations

from functools import partial

from theory.cores.powers import power
from theory.evidence.core import (
    LARGER,
    SMALLER,
    TRUE,
    Constant,
    Core,
    Element,
    FalseCore,
    Statement,
)

BOUNDS = (
    "Take expectations, E[d] = 0, E[d²] = (K−1)σ²/K², |E[d³]| ≤ |μ3|/K², E[d⁴] ≤ (μ4+3σ⁴)/K², and "
    "A, m, μ ≥ b. "
)


def _expansion(order: int, sign: int, m: Element, d: Element) -> Statement:
    # m^order − A·Σ_i (−d)^i m^(order−1−i) − (±d)^order
    A = m + d
    terms = sum(power(-d, i) * power(m, order - 1 - i) for i in range(order))
    return Statement(assumed={}, conclusion=power(m, order) - A * terms - sign * power(d, order))


def expansion(order: int) -> Core:
    """1/A to an even order in d, with its remainder."""
    use = {
        2: "1/A = 1/m − d/m² + d²/(m²A): E[1/A] ≥ 1/m is Jensen's inequality, and with 'first "
        "order of the mean' |H − w/μ| ≤ C_1/K.",
        4: "1/A = 1/m − d/m² + d²/m³ − d³/m⁴ + d⁴/(m⁴A), and with 'second order of the mean' and "
        "'cubes' |H − expansion| ≤ C_2/K².",
    }
    return Core(
        name=f"expansion of 1/A, order {order}",
        says=f"m^{order} = A·Σ_(i<{order}) (−d)^i m^({order}−1−i) + d^{order}, A = m + d",
        step="Divide by m^order·A. " + BOUNDS + use[order],
        variables=("m", "d"),
        state=partial(_expansion, order, 1),
        identity=True,
        twins=(FalseCore("sign of the remainder", partial(_expansion, order, -1)),),
    )


def _first(constant: Constant, m: Element, mu: Element, delta: Element, K: Element) -> Statement:
    part, whole = constant
    return Statement(
        assumed={},
        zero={"Km = Kμ + δ": K * m - K * mu - delta},
        conclusion=whole * K * (mu - m) + part * delta,
    )


FIRST = Core(
    name="first order of the mean",
    says="Km = Kμ + δ ⇒ 1/m − 1/μ = −δ/(Kmμ), times Kmμ",
    step="|1/m − 1/μ| ≤ |δ|/(Kμb): the first term of C_1.",
    variables=("m", "mu", "delta", "K"),
    state=partial(_first, TRUE),
    identity=True,
    twins=(FalseCore("2 % more", partial(_first, LARGER)),),
)


def _second(constant: Constant, m: Element, mu: Element, delta: Element, K: Element) -> Statement:
    part, whole = constant
    return Statement(
        assumed={},
        zero={"Km = Kμ + δ": K * m - K * mu - delta},
        conclusion=whole * (K * K * mu * (mu - m) + K * delta * m) - part * delta * delta,
    )


SECOND = Core(
    name="second order of the mean",
    says="Km = Kμ + δ ⇒ 1/m − 1/μ + δ/(Kμ²) = δ²/(K²μ²m), times K²μ²m",
    step="At most δ²/(K²μ²b): the first term of C_2.",
    variables=("m", "mu", "delta", "K"),
    state=partial(_second, TRUE),
    identity=True,
    twins=(FalseCore("2 % more", partial(_second, LARGER)),),
)


def _cubes(constant: Constant, low: Element, high: Element, b: Element) -> Statement:
    part, whole = constant
    return Statement(
        assumed={"b >= 0": b, "low >= b": low - b, "high >= low": high - low},
        conclusion=part * 3 * power(low, 3) * power(high, 3) * (high - low)
        - whole * power(b, 4) * (power(high, 3) - power(low, 3)),
    )


CUBES = Core(
    name="cubes",
    says="b ≤ low ≤ high ⇒ 1/low³ − 1/high³ ≤ 3(high−low)/b⁴, times b⁴·low³·high³",
    step=(
        "With {low, high} = {m, μ}, |m−μ| = |δ|/K: replacing m by μ in (K−1)σ²/(K²m³) costs at "
        "most σ²/(K²b³) + 3σ²|δ|/(K²b⁴)."
    ),
    variables=("low", "high", "b"),
    state=partial(_cubes, TRUE),
    chart=("b >= 0", "low >= b", "high >= low"),
    twins=(FalseCore("2 % less", partial(_cubes, SMALLER)),),
)

LEMMA_2_1 = (expansion(2), expansion(4), FIRST, SECOND, CUBES)
