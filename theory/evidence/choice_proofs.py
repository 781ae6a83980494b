r"""Which claims are theorems under other choice models, and why: the arguments of the table.

Three properties carry nearly all of it, H being the curation factor of the model.

*Anonymous* (every model): the kept sample lies in a set only if one of K independent candidates
does, :math:`C(p)(A) \le 1 - (1 - p(A))^K`; in particular :math:`0 \le H \le K`.

*Monotone* (best of K, top m of K, noisy): H is a non-decreasing function of the weight. By
induction on :math:`g_{t+1} = (1 + \lambda g_t H)/(1+\lambda)` so is :math:`g_t = p_t/p_{\rm ref}`.
A share :math:`\varphi \le 1/2` of adversaries is monotone among two candidates, where it acts as
noise :math:`2\varphi`, and not among K > 2 once :math:`\varphi > 1/(1 + (K-1)^2)`: far below
nearly all others the two factors change with w like :math:`Kw/(K-1)` and :math:`K(1 - (K-1)w)`.

*Order statistics* (best of K, top m of K): an upper set of mass u is kept with mass
:math:`G(u) = E[\min(B, m)]/m`, B binomial (K, u), increasing in u: the mass of each upper set
follows a recursion of its own, :math:`u_{t+1} = (u_{\rm ref} + \lambda G(u_t))/(1+\lambda)`.

For those, with w between 0 and w*, :math:`E_{C(p)}[w] - E_p[w] = \int (G(u_s) - u_s)\,ds`,
:math:`u_s = p(w > s)`, while
:math:`{\rm Var}[w] \le (\int \sqrt{u_s(1-u_s)}\,ds)^2 \le w^* \int u_s(1-u_s)\,ds`.
So Lemma 2.2's bound holds as soon as :math:`G(u) - u \ge \frac{K-1}{K} u(1-u)`, and laws on two
levels show that it must. In Bernstein form, of degree K, the coefficients to compare are
:math:`\min(j,m)/m - j/K` and :math:`j(K-j)/K^2`: for :math:`j \ge m` the first is never smaller,
and for :math:`1 \le j < m` it is not where :math:`m(2K-j) \le K^2`. So m = 1 or
:math:`m(2K-1) \le K^2`, that is m = 1 or :math:`m \le K/2`, is enough; with u near 0, where
:math:`G(u) \approx Ku/m`, necessary as well. For :math:`m \le K/2` even
:math:`G(u) - u \ge u(1-u)`: coefficients :math:`j(K-j)/(K(K-1))`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# Every part of a claim.
ALL: tuple[str, ...] = ()

EVERYONE = (
    "best-of-K",
    "top-half",
    "top-most",
    "noisy",
    "adversarial",
    "heterogeneous",
    "cyclic",
    "one-of-two",
    "sum-of-two",
)
ORDER_STATISTICS = ("best-of-K", "top-half", "top-most")
MONOTONE = (*ORDER_STATISTICS, "noisy")


@dataclass(frozen=True)
class Argument:
    """Why some parts of some claims hold under some choice models.

    Attributes
    ----------
    says
        The reason, in one sentence.
    models
        Names of the curations.
    claims
        Ids of the claims, with the parts that are proved (``ALL`` for every part).
    """

    says: str
    models: tuple[str, ...]
    claims: Mapping[str, tuple[str, ...]]


ARGUMENTS: tuple[Argument, ...] = (
    Argument(
        "a kept sample lies in a set only if a candidate does, whoever chooses: the induction of "
        "the envelope, and every divergence below it",
        EVERYONE,
        {
            "envelope": ("mass of a set", "KL, any law"),
            "theorem-2.4": ALL,
            "theorem-2.4-sharp": ALL,
            "total-variation": ("TV",),
            "chi-square": ("chi-square",),
            "reverse-kl": ("reverse KL", "reverse KL, any K"),
            "best-of-rounds": ALL,
        },
    ),
    Argument(
        "the envelope, and the sets that gain most are those of the largest weights",
        MONOTONE,
        {
            "envelope": ("KL, these masses",),
            "total-variation": ("TV at a round",),
            "chi-square": ("chi-square at a round",),
            "reverse-kl": ("reverse KL at a round",),
        },
    ),
    Argument(
        "exchangeable candidates: the kept sample has the law p H, whatever the rule",
        EVERYONE,
        {"price-identity": ALL},
    ),
    Argument("of one candidate every rule keeps that one", EVERYONE, {"no-curation": ALL}),
    Argument(
        "Gibbs' principle speaks of every law q, whoever made it",
        EVERYONE,
        {"tilt-frontier": ALL, "rlhf-tilt": ("maximum",)},
    ),
    Argument(
        "the curation factor rises with the weight (induction of likelihood-ratio), so the kept "
        "law dominates",
        MONOTONE,
        {
            "dominance-pure": ALL,
            "dominance-mixed": ("mass above a level", "expected reward"),
            "likelihood-ratio": ("rises with the weight",),
        },
    ),
    Argument(
        "the mass kept of an upper set increases with its mass, so p_t above p_ref stays above "
        "the first round",
        ORDER_STATISTICS,
        {"dominance-mixed": ("gain of the first round",), "gain-after-first-round": ALL},
    ),
    Argument(
        "(1−ε) times the gain of Plackett–Luce, which is no smaller from p_t than from p_ref, "
        "plus ε times p_t, which dominates p_ref",
        ("noisy",),
        {"dominance-mixed": ("gain of the first round",), "gain-after-first-round": ALL},
    ),
    Argument(
        "H/w is non-increasing: for Plackett–Luce, for noise (1/w) and for 1/w choosers alike",
        ("noisy", "adversarial"),
        {"likelihood-ratio": ("rises no faster than its power",)},
    ),
    Argument(
        "H depends on the weight alone, so within the top level nothing changes",
        (*MONOTONE, "adversarial"),
        {"theorem-2.1": ("KL identity",)},
    ),
    Argument(
        "the top level has the largest factor, which is at least the mean 1",
        MONOTONE,
        {"theorem-2.1": ("KL decreases",)},
    ),
    Argument(
        "one of the m ≤ K/2 best: an upper set of mass u gains G(u) − u ≥ u(1−u)",
        ("best-of-K", "top-half"),
        {"theorem-2.1": ("top mass grows",), "lemma-2.2": ("gain, from below",)},
    ),
    Argument(
        "the first round has the gain of Lemma 2.2, and later rounds keep it",
        ("best-of-K", "top-half"),
        {"theorem-2.3": ALL, "theorem-2.3-sharp": ALL},
    ),
    Argument(
        "a low sample is kept only if no candidate is high, which is one term of the bound",
        ("best-of-K",),
        {"decay-rate": ("decay, from above", "rest below a level")},
    ),
    Argument(
        "noise mixes the factor of Plackett–Luce with 1, which is above the bound",
        ("noisy",),
        {"decay-rate": ("decay, from below",)},
    ),
    Argument(
        "a statement about the masses of one law, however it came about",
        EVERYONE,
        {
            "decay-rate": (
                "factor of two candidates",
                "factor, from above",
                "factor, from below",
            )
        },
    ),
    Argument(
        "p_t dominates p_ref, and a stronger field never raises the factor of the top: the "
        "recursion of the claim",
        MONOTONE,
        {"condensation-threshold": ALL},
    ),
    Argument(
        "each upper set's mass follows u → (u_ref + λG(u))/(1+λ) with G increasing, so it rises "
        "for ever once it has risen",
        ORDER_STATISTICS,
        {"monotone-reward-mixed": ALL, "monotone-dominance-mixed": ALL},
    ),
)


def proofs(claim: str, model: str) -> list[tuple[tuple[str, ...], str]]:
    """Parts of the claim that are proved under the model, each group with its reason."""
    return [
        (argument.claims[claim], argument.says)
        for argument in ARGUMENTS
        if claim in argument.claims and model in argument.models
    ]
