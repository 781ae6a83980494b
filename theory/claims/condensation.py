r"""Condensation: real data in every round does not prevent partial collapse.

Assumptions
    K = ∞, finitely many atoms, finite :math:`\lambda > 0`; :math:`\zeta > w^*` the solution of
    :math:`\sum_i p_{{\rm ref},i}/(1 - w_i/\zeta) = 1 + \lambda`.
Claim
    .. math:: p = \frac{p_{\rm ref}}{(1+\lambda)(1 - w/\zeta)}

    is a fixed point of the loop, :math:`E_p[w] = \lambda\zeta/(1+\lambda)`, and

    .. math:: P(w = w^*) \ge 1 - \frac{I'}{1+\lambda}, \qquad
              I' = \sum_{w_i < w^*} \frac{p_{{\rm ref},i}}{1 - w_i/w^*},

    however little of the top weight there is in the real data. From :math:`p_0 = p_{\rm ref}` the
    expected weight never falls and never exceeds :math:`E_p[w]`.
Kind
    Equality and limit; the mass at the top is tight: reached as the top weight gets rare in the
    real data.
Source
    Kingman 1978 (J. Appl. Prob. 15) for this recursion; Dereich and Mörters (arXiv:1207.6203) for
    the name; put into the terms of the loop below.
Remarks
    K = ∞ curates to :math:`p w/E_p[w]`, so a fixed point has
    :math:`p(1 + \lambda - \lambda w/E_p[w]) = p_{\rm ref}`: the form above with
    :math:`\zeta = (1+\lambda)E_p[w]/\lambda`, which total mass 1 determines, the sum being
    decreasing in :math:`\zeta`. Off the top :math:`\zeta` may be replaced by the smaller
    :math:`w^*`: hence the mass of the top. Let the top's share of the real data go to 0: while
    :math:`I' \ge 1 + \lambda` nothing stays there, but beyond the critical ratio
    :math:`\lambda_c = I' - 1` a condensate of mass :math:`1 - I'/(1+\lambda)` does, and
    :math:`\zeta \to w^*`. A density of the reward like :math:`2(1-w)` on (0, 1) has I' = 2.

    The loop from the real data: with :math:`M_j = E_{\rm ref}[w^j]`, :math:`a_t = E_{p_t}[w]` and
    :math:`s = \lambda/(1+\lambda)`, :math:`p_t = \sum_{j \le t} \pi_t(j)\,p_{\rm ref} w^j/M_j` with
    :math:`\pi_t(j) = \frac{1}{1+\lambda} s^j M_j/(a_{t-1}\cdots a_{t-j})` for :math:`j < t`. If a
    has not fallen so far, :math:`\pi_t(j) \le \pi_{t-1}(j)` for :math:`1 \le j < t`: all that mass
    has moved to j = t, the highest tilt, so :math:`a_t \ge a_{t-1}`. The fixed point has
    :math:`\frac{1}{1+\lambda} M_j/\zeta^j` in place of :math:`\pi_t(j)`, smaller while
    :math:`a \le \lambda\zeta/(1+\lambda)`, and the rest on higher tilts: so that stays true. A
    bounded monotone sequence converges, and its limit is the one fixed point: p.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from typing import Any

from theory.claims.claim import Claim, Extremal, FalseTwin, Kind
from theory.cores.tilts import CONDENSATION
from theory.evidence.fixed_points import FixedPoints, settled
from theory.evidence.instance import Instance
from theory.evidence.run import Numbers, Run, infinite_factor
from theory.evidence.sides import Sides
from theory.evidence.verdict import Strength


def sides(run: Run) -> Iterator[Sides]:
    """The fixed point, its reward and its condensate, and the loop from the real data."""
    yield from condensate(run)
    yield from _from_real_data(run)
    yield from stays(run)
    yield from reward(run)


def stays(run: Run) -> Iterator[Sides]:
    """The law of every round is the law of the start."""
    for t in range(1, run.steps + 1):
        yield Sides.equal("fixed point", t, run.laws[t], run.laws[0])


def reward(run: Run, zeta_is_top: bool = False) -> Iterator[Sides]:
    """The expected weight, with ζ read off the top atom."""
    zeta = run.top_weight if zeta_is_top else _zeta(run)
    expected = run.synthetic_share * zeta
    yield Sides.equal("reward", 0, run.expected_weight(0), expected, run.top_weight)


def condensate(run: Run, constant: Fraction = Fraction(1)) -> Iterator[Sides]:
    """The mass at the top weight."""
    bound = run.number(constant) * (1 - _off_top(run) / (1 + run.lam))
    yield Sides.at_least("condensate", 0, run.level_mass(0, 0), bound, run.number(1))


def _no_more_than_real_data(run: Run) -> Iterator[Sides]:
    """A twin: mixing in real data keeps every atom near its share of them."""
    share = run.reference[run.levels == 0].sum()
    bound = (1 + run.lam) * share
    yield Sides.at_most("condensate", 0, run.level_mass(0, 0), bound, run.number(1))


def _from_real_data(run: Run) -> Iterator[Sides]:
    limit = run.synthetic_share * _zeta(run)
    law = run.reference
    for t in range(1, run.steps + 1):
        before, law = _mean(run, law), _next(run, law)
        now = _mean(run, law)
        yield Sides.at_least("reward from real data rises", t, now, before, run.top_weight)
        yield Sides.at_most("reward from real data", t, now, limit, run.top_weight)


def _next(run: Run, law: Numbers) -> Numbers:
    curated = law * infinite_factor(law, run.weights)
    following: Numbers = (run.reference + run.lam * curated) / (1 + run.lam)
    return following


def _mean(run: Run, law: Numbers) -> Any:
    return (law * run.weights).sum()


def _zeta(run: Run) -> Any:
    r""":math:`\zeta` from the top weight's mass alone: :math:`w^* g/(g - 1)`,
    :math:`g = (1+\lambda)\,p/p_{\rm ref}` there."""
    gain = (1 + run.lam) * run.level_mass(0, 0) / run.reference[run.levels == 0].sum()
    return run.top_weight * gain / (gain - 1)


def _off_top(run: Run) -> Any:
    """I', which is 0 where every atom has the top weight."""
    off = run.levels > 0
    ratios = 1 - run.weights[off] / run.top_weight
    return (run.reference[off] / ratios).sum() + run.number(0)


def _rare_top(rung: int, K: int | float, lam: Fraction | float) -> Instance:
    """Two weights and ζ just above the higher one, whose share makes λ what it should be."""
    lam = Fraction(lam)
    excess = 1 / (10**rung * (1 + lam))
    low = lam / (1 + lam) / 2
    below, top = 1 / (1 - low / (1 + excess)), (1 + excess) / excess
    share = (1 + lam - below) / (top - below)
    plain = Instance.of([1 - share, share], [low, Fraction(1)], K=K, lam=lam, steps=2)
    return settled(plain, excess)


condensation = Claim(
    id="condensation",
    title="fixed point with real data at K = ∞, condensation",
    kind=Kind.LIMIT,
    tight=True,
    source="Kingman 1978; Dereich and Mörters, arXiv:1207.6203; derived in the claim file",
    statement=(
        r"p=\frac{p_{\mathrm{ref}}}{(1+\lambda)(1-w/\zeta)},\quad "
        r"E_p[w]=\frac{\lambda\zeta}{1+\lambda},\quad "
        r"P(w=w^*) \ge 1-\frac{1}{1+\lambda}\sum_{w_i<w^*}\frac{p_{\mathrm{ref},i}}{1-w_i/w^*}"
    ),
    plain=(
        "With the sharpest selection the loop converges from the real data to an explicit law, its "
        "reward rising all the way. Beyond a critical share of synthetic data a fixed part of that "
        "law's mass sits at the best reward, however rare that is in the real data."
    ),
    hypotheses=(
        "K = ∞",
        "λ is positive and finite",
        "finitely many atoms",
    ),
    sides=sides,
    family=FixedPoints(),
    strengths=(Strength.EXACT, Strength.CERTIFIED),
    false_twins=(
        FalseTwin(
            name="condensate 2 % bigger",
            says="The mass at the top is at least 1.02 times the bound.",
            sides=partial(condensate, constant=Fraction(51, 50)),
        ),
        FalseTwin(
            name="no condensate",
            says="The top has at most 1 + λ times its share of the real data.",
            sides=_no_more_than_real_data,
        ),
        FalseTwin(
            name="w* in place of ζ",
            says="The fixed point has the expected weight λ w*/(1+λ).",
            sides=partial(reward, zeta_is_top=True),
        ),
        FalseTwin(
            name="finite K",
            says="The same law is a fixed point for finite K.",
            sides=stays,
            family=FixedPoints(candidates=(2, 3, 8)),
        ),
    ),
    extremal=Extremal(part="condensate", instance=_rare_top),
    cores=CONDENSATION,
)
