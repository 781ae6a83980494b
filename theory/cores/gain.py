r"""Lemma 2.2 in one draw: how much the kept weight exceeds the average one.

For the weights :math:`a_1..a_K \in (0, M]` of one draw, :math:`S = \sum a_i`,
:math:`S_2 = \sum a_i^2`, the kept weight is :math:`S_2/S` on average and

.. math:: \frac{S_2}{S} - \frac SK - \frac{1}{K^2M}\sum_{i<j}(a_i-a_j)^2
          = \frac{(KS_2 - S^2)(KM - S)}{K^2 M S} \ge 0 .

Averaged over draws from p the left side is
:math:`E_{C_K(p)}[w] - E_p[w] - \frac{K-1}{K}\operatorname{Var}_p(w)/M`, because
:math:`E\sum_{i<j}(a_i-a_j)^2 = K(K-1)\operatorname{Var}_p(w)`.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise

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

AVERAGE = (
    "Divide by K²M·Σa > 0 and average over K independent draws from p: E[Σa²/Σa] = E_C(p)[w], "
    "E[Σa/K] = E_p[w] and E[Σ_{i<j}(a_i−a_j)²] = K(K−1) Var_p(w); M = w*. At K = ∞ the gain is "
    "Var_p(w)/E_p[w], and E_p[w] ≤ w*."
)


def one_draw(candidates: int) -> Core:
    """The gain of one draw of K candidates."""
    names = tuple(f"a{i}" for i in range(1, candidates + 1))
    return Core(
        name=f"gain of one draw, K = {candidates}",
        says="0 <= a_i <= M ⇒ Σa²/Σa − Σa/K ≥ Σ_{i<j}(a_i−a_j)²/(K²M), times K²M·Σa",
        step=AVERAGE,
        variables=("M", *names),
        state=partial(_one_draw, TRUE),
        symmetric=tuple((name,) for name in names),
        chart=(
            "a1 >= 0",
            *(f"{a} <= {b}" for a, b in pairwise(names)),
            f"{names[-1]} <= M",
        ),
        twins=(FalseCore("constant 2 % larger", partial(_one_draw, LARGER)),),
    )


def _one_draw(constant: Constant, M: Element, *a: Element) -> Statement:
    part, whole = constant
    K, total = len(a), sum(a)
    spread = sum((a[i] - a[j]) * (a[i] - a[j]) for j in range(K) for i in range(j))
    gain = K * K * M * sum(x * x for x in a) - K * M * total * total
    return Statement(
        assumed={
            **{f"a{i} >= 0": x for i, x in enumerate(a, 1)},
            **{f"a{i} <= M": M - x for i, x in enumerate(a, 1)},
        },
        conclusion=whole * gain - part * total * spread,
    )


def _any_draw(constant: Constant, S: Element, S2: Element, M: Element, K: Element) -> Statement:
    part, whole = constant
    spread = K * S2 - S * S
    return Statement(
        assumed={
            "KΣa² >= (Σa)²": spread,
            "Σa <= KM": K * M - S,
            "Σa >= 0": S,
            "Σa² >= 0": S2,
            "M >= 0": M,
            "K >= 1": K - 1,
        },
        conclusion=whole * K * M * spread - part * S * spread,
    )


def _lagrange(sign: int, S: Element, S2: Element, K: Element, a: Element) -> Statement:
    before = K * S2 - S * S
    after = (K + 1) * (S2 + a * a) - (S + a) * (S + a)
    # Σ_i (a_i − a)², the pairs that the new candidate forms.
    pairs = S2 + sign * 2 * a * S + K * a * a
    return Statement(assumed={}, conclusion=after - before - pairs)


ANY_K = Core(
    name="gain of one draw, every K",
    says="KΣa² ≥ (Σa)², 0 ≤ Σa ≤ KM ⇒ (KΣa² − (Σa)²)(KM − Σa) ≥ 0",
    step="With Σ_{i<j}(a_i−a_j)² = KΣa² − (Σa)² (the core 'Lagrange's identity'). " + AVERAGE,
    variables=("S", "S2", "M", "K"),
    state=partial(_any_draw, TRUE),
    twins=(
        FalseCore("constant 2 % larger", partial(_any_draw, LARGER)),
        FalseCore("without Cauchy–Schwarz", without(partial(_any_draw, TRUE), "KΣa² >= (Σa)²")),
    ),
    degree=2,
)

LAGRANGE = Core(
    name="Lagrange's identity, from K to K + 1",
    says="(K+1)(Σa²+a²) − (Σa+a)² = KΣa² − (Σa)² + Σ_i (a_i−a)²",
    step=(
        "Induction on K from K = 1, where both sides vanish: KΣa² − (Σa)² = Σ_{i<j}(a_i−a_j)² for "
        "every K; Σ_i(a_i−a)² = Σa² − 2aΣa + Ka²."
    ),
    variables=("S", "S2", "K", "a"),
    state=partial(_lagrange, -1),
    twins=(FalseCore("sign of the mixed term", partial(_lagrange, 1)),),
    identity=True,
)

LEMMA_2_2 = (ANY_K, LAGRANGE, *(one_draw(K) for K in (2, 3, 4, 5)), *laws.GAIN)
