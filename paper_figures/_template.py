r"""Name: one line that says what is seen. Here: three atoms in the pure and in the mixed loop.

To add a figure, copy this file to a new name in this folder, add that name to ``NAMES`` in
``registry.py``, and draw it with ``python -m paper_figures NAME``. It needs two more things: a
reduced computation in ``REDUCED`` of tests/paper_figures/conftest.py, which gives it the tests of
every figure, and a test by a second route of what its caption says.

What is computed, with the formula, and why it shows what the caption says: the exact loop with K
candidates, retrained on kept samples alone or with as many real ones,

.. math:: p_{t+1} = \tfrac{1}{1+\lambda}\,p_{\rm ref} + \tfrac{\lambda}{1+\lambda}\,C_K(p_t).

Source: figure, theorem or equation of the publication (Ferbach et al. 2024, arXiv:2407.09499,
Algorithm 1), or the derivation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from paper_figures import labels, style
from paper_figures.figure import PaperFigure
from paper_figures.results import Results
from theory import Law, RetrainingLoop


@dataclass(frozen=True)
class Parameters:
    """Every number the computation can be varied by: masses and rewards of the atoms, K, the ratio
    of the mixed loop, rounds."""

    masses: tuple[float, ...] = (0.5, 0.3, 0.2)
    rewards: tuple[float, ...] = (0.0, 0.7, 1.5)
    K: int = 2
    lam: float = 1.0
    rounds: int = 10


def compute(parameters: Parameters) -> Results:
    """All that is drawn, as named arrays; no matplotlib here.

    ``pure_reward`` and ``mixed_reward``, shape (rounds + 1,): mean rewards, log-odds. ``top``:
    the largest reward, log-odds. ``K``, ``lam``: as in the parameters, pure numbers.
    """
    law = Law(parameters.masses, parameters.rewards)
    results: Results = {
        "top": np.array(max(parameters.rewards)),
        "K": np.array(parameters.K),
        "lam": np.array(parameters.lam),
    }
    for name, lam in (("pure", math.inf), ("mixed", parameters.lam)):
        trajectory = RetrainingLoop(law, parameters.K, lam).run(parameters.rounds)
        results[f"{name}_reward"] = trajectory.expected_reward
    return results


def draw(results: Results) -> Figure:
    """Mean reward by round, and the largest reward; sees the arrays of :func:`compute` only."""
    figure = style.new_figure(style.COLUMN, 2.2)
    axes = figure.subplots()
    for name, lam in (("pure", math.inf), ("mixed", float(results["lam"]))):
        # Of one loop colour, marker and line style are alike in all figures.
        looks = style.LOOPS[name] | style.HOLLOW
        axes.plot(results[f"{name}_reward"], label=labels.loop(lam), **looks)
    axes.axhline(float(results["top"]), label="largest reward", **style.REFERENCE)
    axes.set_title(labels.value("candidates", int(results["K"])))
    axes.set_xlabel(labels.axis("round"))
    axes.set_ylabel(labels.axis("mean_reward", lines=2))
    figure.legend(loc="outside upper center", ncols=3)
    return figure


# paper: number of the figure of the paper that shows the same, as "Figure 4"; leave out for ours.
# claims: ids (python -m theory list) of the claims that it shows at work, most telling first.
FIGURE = PaperFigure(
    name=Path(__file__).stem,
    caption="The mean reward climbs to its maximum in the pure loop, and real data hold it below",
    file=Path(__file__),
    parameters=Parameters(),
    compute=compute,
    draw=draw,
    claims=("lemma-2.2",),
)
