r"""Every way of selecting by a reward, side by side beneath the reward–KL frontier, exactly.

Each method makes a law from :math:`p_0` on a grid; its divergence, its expected reward, and the
largest reward that a law of that divergence can have say what it pays. The KL penalty reaches the
frontier, and so do the loop's rounds at K = ∞. The others are below it, but for special laws: with
two levels of reward every selection that goes by the reward is a tilt, and a filter that keeps
nothing but the top level has the largest reward.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sim.alignment import best_of, frontier, optimum, point
from sim.quality import conditioned, top_share
from theory import Law, RetrainingLoop


@dataclass(frozen=True)
class Placed:
    """A method at one setting.

    Attributes
    ----------
    method
        Its name.
    setting
        What is varied: β, n, the share kept, or the number of rounds.
    kl
        Divergence from the law that selection began with, nats.
    reward
        Expected reward.
    attainable
        The largest expected reward within that divergence.
    """

    method: str
    setting: float
    kl: float
    reward: float
    attainable: float


def placed(
    law: Law,
    *,
    penalties: Sequence[float] = (8, 4, 2, 1, 0.5, 0.25),
    sizes: Sequence[int] = (2, 4, 8, 16, 32, 64),
    shares: Sequence[float] = (0.8, 0.5, 0.25, 0.1, 0.05, 0.02),
    levels: int = 4,
    rounds: int = 6,
    K: Sequence[float] = (2, 4, math.inf),
    lam: float = 1.0,
) -> list[Placed]:
    """Place all methods for one law.

    Parameters
    ----------
    law
        Where selection begins, with the reward.
    penalties
        β of the KL-regularised optimum, and of the model that is conditioned on ``levels`` levels.
    sizes
        n of best of n.
    shares
        Of the filter.
    levels
        Of quality.
    rounds, K, lam
        Of the loop: rounds 1 to ``rounds``, for each K without real data, and for the first K with
        real data in the synthetic-to-real ratio ``lam``.
    """

    def laws() -> Iterator[tuple[str, float, Law]]:
        for beta in penalties:
            yield "KL penalty", beta, optimum(law, beta)
        for n in sizes:
            yield "best of n", n, best_of(law, n)
        for share in shares:
            yield "top share", share, top_share(law, share)
        for beta in penalties:
            yield f"{levels} levels", beta, conditioned(law, levels, beta)
        loops = [(f"curation, K = {_text(k)}", k, math.inf) for k in K]
        if K:
            loops.append((f"curation, K = {_text(K[0])}, λ = {lam:g}", K[0], lam))
        for name, candidates, ratio in loops:
            found = RetrainingLoop(law, candidates, ratio).run(rounds).laws
            yield from ((name, t, p_t) for t, p_t in enumerate(found) if t > 0)

    found = []
    for name, setting, selected in laws():
        place = point(selected, law)
        best = frontier(law, place.kl).reward
        found.append(Placed(name, float(setting), place.kl, place.reward, best))
    return found


def _text(K: float) -> str:
    return "∞" if math.isinf(K) else f"{K:g}"
