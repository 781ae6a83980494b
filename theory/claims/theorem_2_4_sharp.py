r"""Theorem 2.4, sharpened: how far the loop can move from the real data.

Assumptions
    :math:`p_0 = p_{\rm ref}`, finite K, :math:`\lambda(K-1) \le 1` (the threshold included), any
    reward, any round.
Claim
    .. math:: D_{\rm KL}(p_t\|p_{\rm ref}) \le
              -\int_0^1 \log\big(1 + \lambda - \lambda K x^{K-1}\big)\,dx =: c(\lambda, K)
Kind
    Upper bound in nats, tight: best-of-K selection on an atomless law reaches it as
    :math:`t \to \infty`.
Source
    Ferbach et al. 2024 (arXiv:2407.09499), Theorem 2.4, has :math:`-\log(1 - \lambda(K-1))`, which
    is infinite at the threshold; the sharp constant is derived below, by hand.
Remarks
    A kept sample lies in a set A only if some candidate does: :math:`C_K(p)(A) \le 1-(1-p(A))^K`.
    By induction :math:`P_t(A) \le f_t(P_{\rm ref}(A))` with :math:`f_0(u)=u` and
    :math:`f_{t+1}(u) = \frac{u}{1+\lambda} + \frac{\lambda}{1+\lambda}(1-(1-f_t(u))^K)`, concave
    and rising to a limit f. So the Lorenz curve of :math:`p_t` against :math:`p_{\rm ref}` stays
    below f, and every f-divergence below that of the density f' on [0, 1]. The inverse of f is
    :math:`u(m) = (1+\lambda)m - \lambda(1-(1-m)^K)`, increasing while :math:`\lambda(K-1)\le1`, and
    :math:`\int_0^1 f'\log f'\,du = -\int_0^1 \log u'(m)\,dm`, which is c with x = 1 − m.

    Closed forms, with k = K − 1 and :math:`z = \lambda K/(1+\lambda)`:
    :math:`c = -\log(1-\lambda k) - k\,({}_2F_1(1, \tfrac1k; 1+\tfrac1k; z) - 1)` below the
    threshold (see :mod:`theory.evidence.envelope` for how it is evaluated);
    :math:`c = -\log(K/k) + \gamma + \psi(1 + \tfrac1k)` on it; and for K = 2
    :math:`c = 1 - \frac{(1+\lambda)\log(1+\lambda) - (1-\lambda)\log(1-\lambda)}{2\lambda}`.
    The last has logarithms of rationals only, so at K = 2 the claim is decided exactly. Extremal
    instances follow the envelope: many atoms with rewards far apart, K-choice being best-of-K on
    them, with reference masses :math:`u(m_i) - u(m_{i-1})` at :math:`m_i = (i/n)^2`. Beyond the
    threshold f jumps at 0: an atom can form, and no bound holds for every reward and round.

    Machine-checked in ``theory/proofs`` is the bound; that no smaller one would do is shown by the
    extremal instances.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

from theory.claims.claim import Claim, Extremal, FalseTwin, Kind
from theory.cores.envelope import THEOREM_2_4_SHARP
from theory.evidence.best_of import nearly_best_of
from theory.evidence.envelope import log_integral
from theory.evidence.family import Family
from theory.evidence.instance import Instance
from theory.evidence.run import Run
from theory.evidence.sides import Sides


def sides(run: Run, constant: Fraction = Fraction(1)) -> Iterator[Sides]:
    """Relative entropy to the reference, every round, against the sharp constant."""
    bound = run.number(constant) * sharp_constant(run)
    for t in range(1, run.steps + 1):
        distance = run.kl(run.laws[t], run.reference)
        # The terms p log(p/q) have total size at most D + 2/e.
        yield Sides.at_most("KL to the reference", t, distance, bound, condition=1 + distance)


def sharp_constant(run: Run) -> Any:
    r""":math:`c(\lambda, K)` in nats; beyond the threshold, its value there."""
    if run.exact_lam * (int(run.K) - 1) > 1:
        threshold = Fraction(1, int(run.K) - 1)
        run = replace(run, lam=run.number(threshold), exact_lam=threshold)
    return -log_integral(run, run.number(1))


def _along_the_envelope(rung: int, K: int | float, lam: Fraction | float) -> Instance:
    return nearly_best_of(2 ** (rung + 1), K, Fraction(lam))


SUBCRITICAL = Family(candidates=(2, 3, 4, 8), steps=10, load=(Fraction(1, 100), Fraction(1)))
HALFWAY = replace(SUBCRITICAL, load=(Fraction(1, 2), Fraction(1, 2)))

stability_with_real_data = Claim(
    id="theorem-2.4-sharp",
    title="stability with real data, sharp constant",
    kind=Kind.UPPER,
    tight=True,
    source="sharpens Ferbach et al. 2024, Theorem 2.4; derived in the claim file",
    statement=(
        r"D_{\mathrm{KL}}(p_t\|p_{\mathrm{ref}}) \le "
        r"-\int_0^1\log\big(1+\lambda-\lambda K x^{K-1}\big)\,dx\qquad(\lambda(K-1)\le1)"
    ),
    plain=(
        "With enough real data the loop never moves further from it than an explicit distance, "
        "the same for every reward and every round, and no smaller distance would do."
    ),
    hypotheses=(
        "the loop starts at the reference, p_0 = p_ref",
        "K is finite and λ(K−1) ≤ 1",
    ),
    sides=sides,
    family=SUBCRITICAL,
    exact_family=replace(SUBCRITICAL, candidates=(2,)),
    false_twins=(
        FalseTwin(
            name="constant 2 % smaller",
            says="The distance is at most 0.98 times the bound.",
            sides=partial(sides, constant=Fraction(49, 50)),
        ),
        FalseTwin(
            name="any start",
            says="The bound holds from any p_0, not only from p_ref.",
            sides=sides,
            family=Family(
                candidates=(2, 3, 4, 8),
                steps=4,
                load=(Fraction(1, 100), Fraction(1)),
                free_start=True,
            ),
        ),
        FalseTwin(
            name="beyond the threshold",
            says="The bound of the threshold, λ(K−1) = 1, holds up to λ(K−1) = 1.02.",
            sides=sides,
            family=Family(
                atoms=(5, 8), candidates=(2, 3), steps=60, load=(Fraction(1), Fraction(51, 50))
            ),
        ),
    ),
    extremal=Extremal(
        part="KL to the reference",
        instance=_along_the_envelope,
        settings=(*SUBCRITICAL.settings(), *HALFWAY.settings()),
    ),
    cores=THEOREM_2_4_SHARP,
    machine_checked=(
        "Sharp_constant.sharp_stability",
        "Sharp_constant.sharp_constant_converges",
        "Sharp_constant.sharp_constant_below",
        "Logarithms.mixed_support",
    ),
)
