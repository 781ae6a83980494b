r"""Expected true reward against divergence from the pretrained law, every method on one plane.

No law within a divergence of the pretrained one has more reward than the KL-regularised optimum
:math:`p_0 e^{r/\beta}/Z` of that divergence: the frontier. Exact methods are laws on a grid
(:mod:`sim.methods`); curation is a path whose points are rounds. Trained models are flows on the
same task (:mod:`sim.three_stages`), repeated from fresh data: their rewards and divergences are
measured on samples. Before the feedback they are fine-tuned on the best half of a data set, so that
they begin below the frontier.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paper_figures import labels, style
from paper_figures.figure import PaperFigure
from paper_figures.results import Results
from sim.alignment import optimum, point
from sim.methods import placed
from sim.three_stages import Settings, ThreeStages
from theory.limits import top_level

LINEAR = 1e-3
"""Below this the scale of the shortfall is linear, down to 0."""


@dataclass(frozen=True)
class Parameters:
    """What the methods are varied over, curation's rounds and ratio of synthetic to real data; the
    trained comparison and its number of repetitions; points of the frontier.

    Filters keep more than the mass at the largest reward: one that keeps less has that reward
    alone, and is on the frontier.
    """

    penalties: tuple[float, ...] = (32, 16, 8, 4, 2, 1, 0.5, 0.25)
    sizes: tuple[int, ...] = (2, 3, 4, 6, 8, 12, 16, 24)
    shares: tuple[float, ...] = (0.95, 0.9, 0.8, 0.65, 0.5, 0.35, 0.25, 0.15, 0.1)
    levels: int = 8
    rounds: int = 6
    K: tuple[float, ...] = (2, 4, math.inf)
    lam: float = 1.0
    trained: Settings = field(default_factory=lambda: Settings(generator="flow"))
    seeds: int = 6
    curve: int = 200


def compute(parameters: Parameters) -> Results:
    """The frontier, the exact methods and the trained models; ``kl`` in nats, rewards in log-odds.

    ``frontier_kl`` and ``frontier_reward``, (curve,), from the data's law to what the largest
    reward takes. Of the exact methods, in their order: ``method`` (names), ``setting``, ``kl``,
    ``reward``, ``attainable``. Of the trained: ``model`` (names), (models,), and for every seed
    ``trained_kl``, ``trained_reward``, ``trained_attainable``, ``trained_kl_error``,
    ``trained_reward_error``, (seeds, models). The pretrained model's divergence is its own, which
    is 0: what it can attain is the reward of the data, and its estimate shows the others' noise.
    """
    p = parameters
    stages = [ThreeStages(replace(p.trained, seed=seed)) for seed in range(p.seeds)]
    law = stages[0].law
    start = point(law, law)
    top = top_level(law)
    # Strengths from a tilt that moves nothing to one that leaves nothing but the top.
    tilts = [point(optimum(law, beta), law) for beta in np.geomspace(1e3, 1e-3, p.curve - 2)]
    end = (-math.log(float(law.probabilities[top].sum())), float(law.rewards.max()))
    curve = [(start.kl, start.reward), *((tilt.kl, tilt.reward) for tilt in tilts), end]
    found = placed(
        law,
        penalties=p.penalties,
        sizes=p.sizes,
        shares=p.shares,
        levels=p.levels,
        rounds=p.rounds,
        K=p.K,
        lam=p.lam,
    )
    runs = [one.run() for one in stages]
    attainable = np.array([[model.attainable for model in run] for run in runs])
    attainable[:, 0] = start.reward
    return {
        "frontier_kl": np.array(curve)[:, 0],
        "frontier_reward": np.array(curve)[:, 1],
        "method": np.array([one.method for one in found]),
        "setting": np.array([one.setting for one in found]),
        "kl": np.array([one.kl for one in found]),
        "reward": np.array([one.reward for one in found]),
        "attainable": np.array([one.attainable for one in found]),
        "model": np.array([model.model for model in runs[0]]),
        "trained_attainable": attainable,
    } | {
        f"trained_{name}": np.array([[getattr(model, name) for model in run] for run in runs])
        for name in ("kl", "kl_error", "reward", "reward_error")
    }


def mean_and_error(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean over the seeds, the first axis, and its standard error."""
    return values.mean(axis=0), values.std(axis=0, ddof=1) / math.sqrt(len(values))


LOOKS = (
    ("black", "x", "none"),
    ("orange", "s", "-"),
    ("green", "D", "-"),
    ("purple", "^", "-"),
    ("sky", "o", "-"),
    ("blue", "v", "-"),
    ("vermilion", "+", "none"),
    ("grey", "P", "-"),
)
"""Colour, marker and line of the exact methods, in their order: those on the frontier are points
on its line."""
MODELS = (
    ("pretrained", "grey", "s"),
    ("tuned on quality", "green", "D"),
    ("+ learnt reward", "vermilion", "*"),
    ("+ true reward", "black", "X"),
    ("+ curation", "sky", "o"),
    ("conditioned", "purple", "^"),
)
"""Name, colour and marker of the trained models, in their order; a plus is feedback to the model
tuned on quality. The colour is that of the exact method that is most like it."""


def draw(results: Results) -> Figure:
    """Exact methods and how far they stay below the frontier, above the trained models with two
    standard errors over the seeds."""
    figure = style.new_figure(style.COLUMN, 5)
    above, below = figure.subfigures(2, 1, height_ratios=[3.4, 1.6])
    plane, shortfall = above.subplots(2, 1, sharex=True, height_ratios=[1.6, 1])
    _draw_exact(plane, shortfall, results)
    style.label_panel(plane, "a", "exact methods")
    style.label_panel(shortfall, "b", "what they leave below the frontier")
    trained, left = below.subplots(1, 2, width_ratios=[1.5, 1])
    _draw_trained(trained, left, results)
    style.label_panel(trained, "c", "trained flows")
    style.label_panel(left, "d", "shortfall")
    return figure


def _draw_exact(plane: Axes, shortfall: Axes, results: Results) -> None:
    plane.plot(
        results["frontier_kl"],
        results["frontier_reward"],
        color=style.COLOURS["black"],
        linewidth=style.THIN,
        label="frontier",
    )
    for (colour, marker, line), method in zip(LOOKS, _in_order(results["method"]), strict=True):
        chosen = results["method"] == method
        order = np.argsort(results["kl"][chosen])
        looks = {
            "color": style.COLOURS[colour],
            "marker": marker,
            "linestyle": line,
            "linewidth": style.THIN,
            "markersize": 3,
            **style.HOLLOW,
        }
        kl, reward, best = (results[name][chosen][order] for name in ("kl", "reward", "attainable"))
        label = method.replace("of n", "of $n$").replace("K =", f"{labels.symbol('candidates')} =")
        label = label.replace("λ", labels.symbol("ratio"))
        plane.plot(kl, reward, label=label, **looks)
        # What is negative is rounding.
        shortfall.plot(kl, np.maximum(best - reward, 0.0), clip_on=False, **looks)
    plane.set_ylabel(labels.axis("mean_reward", lines=2))
    plane.legend(loc="lower right", ncols=2, columnspacing=1.0, labelspacing=0.25)
    shortfall.set_yscale("symlog", linthresh=LINEAR, linscale=0.6)
    shortfall.set(ylim=(-3e-4, 3), yticks=[0, 1e-3, 1e-2, 1e-1, 1])
    shortfall.set_yticklabels(["0", "0.001", "0.01", "0.1", "1"])
    shortfall.set_ylabel(labels.in_unit("shortfall", "mean_reward"))
    shortfall.set_xlabel(labels.axis("kl", of="from the pretrained law"))


def _draw_trained(plane: Axes, left: Axes, results: Results) -> None:
    (kl, kl_error), (reward, reward_error), (gap, gap_error) = (
        mean_and_error(values)
        for values in (
            results["trained_kl"],
            results["trained_reward"],
            results["trained_attainable"] - results["trained_reward"],
        )
    )
    closer = plane.inset_axes((0.38, 0.08, 0.6, 0.62), xticks=[], yticks=[])
    for axes in (plane, closer):
        axes.plot(
            results["frontier_kl"],
            results["frontier_reward"],
            color=style.COLOURS["black"],
            linewidth=style.THIN,
        )
    for place, (_, colour, marker) in enumerate(MODELS):
        looks = {
            "color": style.COLOURS[colour],
            "fmt": marker,
            **style.ERRORS,
        }
        bars = 2 * reward_error[place], 2 * kl_error[place]
        for axes, size in ((plane, 4), (closer, 2.2)):
            axes.errorbar(kl[place], reward[place], *bars, markersize=size, **looks)
        left.errorbar(gap[place], place, None, 2 * gap_error[place], markersize=3, **looks)
    # The models with feedback, which lie close together.
    width, height = 4 * kl_error[2:].max(), 4 * reward_error[2:].max()
    closer.set_xlim(kl[2:].min() - width, kl[2:].max() + width)
    closer.set_ylim(reward[2:].min() - height, reward[2:].max() + height)
    plane.indicate_inset_zoom(closer, edgecolor=style.COLOURS["grey"], linewidth=0.6)
    plane.set_xlabel(labels.axis("kl", name=False))
    plane.set_ylabel(labels.axis("mean_reward", name=False))
    left.set_yticks(range(len(MODELS)), [name for name, _, _ in MODELS])
    left.set_ylim(len(MODELS) - 0.5, -0.5)
    left.set_xscale("symlog", linthresh=0.1, linscale=1)
    left.set_xlim(-0.05, 2)
    left.set_xticks([0, 0.1, 1], ["0", "0.1", "1"])
    left.axvline(0, **style.ZERO)
    left.set_xlabel(labels.in_unit("", "mean_reward"))
    left.set_ylabel("model")


def _in_order(names: np.ndarray) -> Sequence[str]:
    return list(dict.fromkeys(names.tolist()))


FIGURE = PaperFigure(
    name="reward_kl_frontier",
    caption="Mean true reward against divergence from the pretrained law. No method of selection "
    "is above the frontier, the most reward that a divergence allows; curation with infinitely "
    "many candidates is on it, and trained models with feedback come close from below.",
    file=Path(__file__),
    parameters=Parameters(),
    compute=compute,
    draw=draw,
    claims=("tilt-frontier", "rlhf-tilt"),
)
