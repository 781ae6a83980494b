r"""Lemma 2.1: as K grows, curation becomes reweighting by :math:`w/E[w]`, at the rate 1/K.

Assumptions
    A law p with weights in :math:`[b, w^*]`, :math:`b > 0`; finite K.
Claim
    With :math:`\mu = E_p[w]`, :math:`\sigma^2 = {\rm Var}_p[w]`, central moments
    :math:`\mu_3, \mu_4`, and for every atom of weight w,

    .. math:: H \ge \frac{w}{m},\quad m = \mu + \frac{w - \mu}{K} \qquad\text{(Jensen)}

    .. math:: \Big|H - \frac{w}{\mu}\Big| \le \frac{C_1}{K}, \qquad
              C_1 = w\Big(\frac{|w-\mu|}{\mu b} + \frac{\sigma^2}{b^3}\Big)

    .. math:: \Big|H - \frac{w}{\mu}\Big(1 - \frac{w-\mu}{K\mu} + \frac{\sigma^2}{K\mu^2}\Big)\Big|
              \le \frac{C_2}{K^2}, \quad
              C_2 = w\Big(\frac{(w-\mu)^2}{\mu^2 b} + \frac{\sigma^2}{b^3}
              + \frac{3\sigma^2|w-\mu| + |\mu_3|}{b^4} + \frac{\mu_4 + 3\sigma^4}{b^5}\Big)
Kind
    Rate; tight: at every K, :math:`C_1` is reached by the lowest atom as the weights draw together,
    and no other 1/K term leaves an error of order :math:`1/K^2`.
Source
    Limit: Ferbach et al. 2024 (arXiv:2407.09499), Lemma 2.1. Rate and constants: below.
Remarks
    :math:`H = w\,E[1/A]` with :math:`A = (w + W_2 + \dots + W_K)/K`, of mean m and variance
    :math:`(K-1)\sigma^2/K^2`, never below b. With :math:`d = A - m`,

    .. math:: \frac1A = \frac1m - \frac{d}{m^2} + \frac{d^2}{m^3} - \frac{d^3}{m^4}
              + \frac{d^4}{m^4 A};

    taking expectations and comparing m with :math:`\mu` gives the constants.

    Machine-checked in ``theory/proofs`` are the first two bounds (``Lemma_2_1.density_jensen`` and
    ``Lemma_2_1.density_limit``); the second order is not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial

from theory.claims.claim import Claim, Extremal, FalseTwin, Kind
from theory.cores.expansion import LEMMA_2_1
from theory.evidence.family import Family
from theory.evidence.instance import Instance
from theory.evidence.run import Run
from theory.evidence.sides import Sides


def sides(
    run: Run,
    first: Fraction = Fraction(1),
    variance_term: Fraction = Fraction(1),
    exponent: int = 2,
) -> Iterator[Sides]:
    """The factor against its limit and its expansion, at every atom of the initial law."""
    if run.K == math.inf:
        return
    K, w = int(run.K), run.weights
    H, b, mu = run.factor(0), run.level_weight(-1), run.expected_weight(0)
    deviation, mean_of_group = w - mu, (w + (K - 1) * mu) / K
    square = deviation * deviation
    variance = run.expectation(square, 0)
    third, fourth = run.expectation(square * deviation, 0), run.expectation(square * square, 0)

    yield Sides.at_least("Jensen", 0, H, w / mean_of_group, 1 + H)

    C_1 = run.number(first) * w * (abs(deviation) / (mu * b) + variance / b**3)
    yield Sides.at_most("error of order 1/K", 0, abs(H - w / mu), C_1 / K, 1 + H + w / mu)

    spread = run.number(variance_term) * variance / mu**2
    expansion = w / mu * (1 - deviation / (K * mu) + spread / K)
    C_2 = w * (
        square / (mu**2 * b)
        + variance / b**3
        + (3 * variance * abs(deviation) + abs(third)) / b**4
        + (fourth + 3 * variance * variance) / b**5
    )
    yield Sides.at_most(
        "error of order 1/K²",
        0,
        abs(H - expansion),
        C_2 / K**exponent,
        1 + H + abs(expansion),
    )


def _nearly_equal_weights(rung: int, K: int | float, lam: Fraction | float) -> Instance:
    return Instance.of([1, 1], [10**rung, 10**rung + 1], K=K, lam=lam, steps=0)


LADDER = Family(atoms=(2, 3), candidates=tuple(2**k for k in range(10)), steps=0)
# The wrong variance term shows once K is in the hundreds.
LONG_LADDER = Family(atoms=(2,), candidates=(64, 128, 256, 512), steps=0)

many_candidates = Claim(
    id="lemma-2.1",
    title="limit of many candidates, with rate",
    kind=Kind.RATE,
    tight=True,
    source="Ferbach et al. 2024, Lemma 2.1 (limit); rate and constants derived in the claim file",
    statement=(
        r"\Big|H_p^K(x) - \tfrac{w}{\mu}\Big| \le \tfrac{C_1}{K},\qquad "
        r"\Big|H_p^K(x) - \tfrac{w}{\mu}\Big(1 - \tfrac{w-\mu}{K\mu} + "
        r"\tfrac{\sigma^2}{K\mu^2}\Big)\Big| \le \tfrac{C_2}{K^2}"
    ),
    plain=(
        "With many candidates the curation factor becomes the weight over its mean; the error is "
        "at most an explicit constant over K, and over K² once the 1/K term is taken along."
    ),
    hypotheses=("K is finite", "the weights are bounded away from 0"),
    sides=sides,
    family=LADDER,
    false_twins=(
        FalseTwin(
            name="C_1 2 % smaller",
            says="The distance from the limit is at most 0.98 C_1/K.",
            sides=partial(sides, first=Fraction(49, 50)),
        ),
        FalseTwin(
            name="variance term 2 % larger",
            says="With 1.02 σ²/(Kμ²) in the expansion the error is still at most C_2/K².",
            sides=partial(sides, variance_term=Fraction(51, 50)),
            family=LONG_LADDER,
        ),
        FalseTwin(
            name="one power of K more",
            says="The error of the expansion is at most C_2/K³.",
            sides=partial(sides, exponent=3),
        ),
    ),
    extremal=Extremal(part="error of order 1/K", instance=_nearly_equal_weights),
    cores=LEMMA_2_1,
)
