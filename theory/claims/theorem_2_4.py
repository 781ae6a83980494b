r"""Theorem 2.4: with enough real data the loop stays near it.

Assumptions
    :math:`p_0 = p_{\rm ref}`, finite K, :math:`\lambda(K-1) < 1`, any reward, any round.
Claim
    .. math:: D_{\rm KL}(p_t\|p_{\rm ref}) \le -\log(1 - \lambda(K-1))
Kind
    Upper bound in nats, not tight.
Source
    Ferbach et al. 2024 (arXiv:2407.09499), Theorem 2.4.
Remarks
    As :math:`H \le K`, :math:`p_t \le p_{\rm ref}/(1-\lambda(K-1))` by induction, and the bound is
    the logarithm of that. ``theorem-2.4-sharp`` has the best constant, c: of the present bound it
    is :math:`\lambda(K-1)/(4K-2)` to first order where λ is small, and never more than 8.7 %: the
    most found over K and λ is 8.602 %, at K = 2 and λ = 0.842. On the threshold
    :math:`\lambda(K-1) = 1` the present bound is infinite, the best constant is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial

from theory.claims.claim import Claim, FalseTwin, Kind
from theory.cores.real_data import THEOREM_2_4
from theory.evidence.family import Family
from theory.evidence.run import Run
from theory.evidence.sides import Sides


def sides(
    run: Run, constant: Fraction = Fraction(1), largest_load: Fraction | None = None
) -> Iterator[Sides]:
    """Relative entropy to the reference, every round; the bound's load is capped for a twin."""
    load = run.lam * (run.K - 1)
    if largest_load is not None and run.exact_lam * (run.K - 1) > largest_load:
        load = run.number(largest_load)
    bound = -run.number(constant) * run.arithmetic.log(1 - load)
    for t in range(1, run.steps + 1):
        distance = run.kl(run.laws[t], run.reference)
        # The terms p log(p/q) have total size at most D + 2/e.
        yield Sides.at_most("KL to the reference", t, distance, bound, condition=1 + distance)


SUBCRITICAL = Family(candidates=(2, 3, 4, 8), steps=10, load=(Fraction(1, 100), Fraction(99, 100)))

stability_with_real_data = Claim(
    id="theorem-2.4",
    title="stability with real data",
    kind=Kind.UPPER,
    tight=False,
    source="Ferbach et al. 2024, Theorem 2.4",
    statement=(
        r"D_{\mathrm{KL}}(p_t\|p_{\mathrm{ref}}) \le -\log\big(1-\lambda(K-1)\big)"
        r"\qquad(\lambda(K-1)<1)"
    ),
    plain=(
        "With enough real data the loop never moves further from it than a distance that depends "
        "on the number of candidates and the share of synthetic data alone."
    ),
    hypotheses=(
        "the loop starts at the reference, p_0 = p_ref",
        "K is finite and λ(K−1) < 1",
    ),
    sides=sides,
    family=SUBCRITICAL,
    false_twins=(
        FalseTwin(
            name="a twentieth",
            says="The distance is at most 1/20 of the bound.",
            sides=partial(sides, constant=Fraction(1, 20)),
            family=replace(SUBCRITICAL, candidates=(2,), load=(Fraction(4, 5), Fraction(9, 10))),
        ),
        FalseTwin(
            name="any start",
            says="The bound holds from any p_0, not only from p_ref.",
            sides=sides,
            family=Family(
                candidates=(2, 3, 4, 8),
                steps=4,
                load=(Fraction(1, 100), Fraction(99, 100)),
                free_start=True,
            ),
        ),
        FalseTwin(
            name="beyond the threshold",
            says="The bound at λ(K−1) = 1/2 holds up to λ(K−1) = 3.",
            sides=partial(sides, largest_load=Fraction(1, 2)),
            family=Family(
                atoms=(2, 3, 5), candidates=(2, 3, 4), steps=20, load=(Fraction(1), Fraction(3))
            ),
        ),
    ),
    cores=THEOREM_2_4,
    machine_checked=(
        "Theorem_2_4.density_bounded",
        "Logarithms.kl_bounded",
        "Logarithms.mixed_support",
    ),
)
