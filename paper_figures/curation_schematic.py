r"""How curation works: one round of the loop, drawn from its own numbers.

Figure 1 of arXiv:2407.09499. The model :math:`p_t` gives K candidates; one of them is kept, with
probability :math:`e^{r(x_k)}/\sum_j e^{r(x_j)}` (Plackett–Luce). Kept samples have the law
:math:`C_K(p_t) = p_t H`, H the curation factor; mixed with real data, :math:`\lambda` to one, they
are the training set of the next model,

.. math:: p_{t+1} = \tfrac{1}{1+\lambda}\,p_{\rm ref} + \tfrac{\lambda}{1+\lambda}\,C_K(p_t).

All laws are exact, on a fine grid of a line. The candidates, the choice among them and the
histogram of kept samples are draws: the histogram takes many groups of K through the same choice
and shares no integral with the law that is drawn over it. The law of the real data, the reward and
the seed, for four candidates that can be told apart, are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.transforms import blended_transform_factory

from paper_figures import labels, style
from paper_figures.figure import PaperFigure
from paper_figures.results import Results
from sim import LineMixture
from theory import Law, RetrainingLoop
from theory.choice import PlackettLuce
from theory.curation import curate
from theory.rewards import ClippedDistance

LOOKS = {
    "model": {"color": style.COLOURS["blue"], "linestyle": "--", "linewidth": 1.2},
    "kept": {"color": style.COLOURS["vermilion"], "linestyle": "-", "linewidth": 1.2},
    "real": {"facecolor": "0.85", "edgecolor": "0.45", "hatch": "////", "linewidth": 0.6},
    "next": {"color": style.COLOURS["black"], "linestyle": "-", "linewidth": 1.2},
}
"""Looks of the laws, the same in every panel: line styles and hatching do without colour."""

PALE = {"color": style.COLOURS["vermilion"], "alpha": 0.25, "linewidth": 0}
"""Filling beneath the law of the kept."""

ARROW = {"arrowstyle": "-|>", "linewidth": 1.6, "color": "0.25", "mutation_scale": 11}
"""Look of the steps between the panels."""


DATA = LineMixture(means=(-1.5, 1.5), stds=(0.8, 0.6), weights=(0.65, 0.35))
"""Law of the real data: most of it where the reward is low."""

REWARD = ClippedDistance(gamma=0.6, centre=1.8, radius=0.3)
"""Slope per unit length, place of the largest reward, and half the width of its plateau."""

VISIBLE = 0.005
"""Densities are shown where one of them reaches this part of its largest value."""


@dataclass(frozen=True)
class Parameters:
    """Real data, reward, candidates K, ratio, round t, cells, kept samples drawn, bins, seed."""

    data: LineMixture = DATA
    reward: ClippedDistance = REWARD
    K: int = 4
    lam: float = 2.0
    round: int = 1
    side: int = 800
    drawn: int = 5000
    bins: int = 40
    seed: int = 26


def compute(parameters: Parameters) -> Results:
    """Laws of one round, one group of candidates, and the histogram of many kept samples.

    ``x`` (side,), in units of length, is the grid of ``reward`` (log-odds) and of the densities
    ``real``, ``model``, ``kept`` and ``next`` (per unit length), each (side,); ``model_reward`` and
    ``next_reward`` are their means. ``candidates``, ``rewards`` and ``chances`` (K,) belong to the
    group shown, from left to right, ``chosen`` is the place of the one kept. ``histogram`` (bins,)
    is the density of ``drawn`` kept samples between ``edges`` (bins + 1,).
    """
    reference = Law.from_density(
        parameters.data.density,
        parameters.reward,
        parameters.data.grid(parameters.side),
        normalise=True,
    )
    loop = RetrainingLoop(reference, parameters.K, parameters.lam).run(parameters.round + 1)
    model, following = loop.laws[parameters.round], loop.laws[parameters.round + 1]
    rng = np.random.default_rng(parameters.seed)
    choice = PlackettLuce()
    group = np.sort(rng.choice(len(model), size=parameters.K, p=model.probabilities))
    rewards = model.rewards[group]
    chosen = choice.select(rewards[None], rng)[0]
    many = rng.choice(len(model), size=(parameters.drawn, parameters.K), p=model.probabilities)
    places = choice.select(model.rewards[many], rng)
    kept = model.atoms[many[np.arange(parameters.drawn), places]]
    histogram, edges = np.histogram(
        kept, bins=parameters.bins, range=(model.atoms[0], model.atoms[-1]), density=True
    )
    return {
        "x": reference.grid[0],
        "reward": reference.rewards,
        "real": reference.density(),
        "model": model.density(),
        "kept": curate(model, parameters.K).density(),
        "next": following.density(),
        "model_reward": loop.expected_reward[parameters.round],
        "next_reward": loop.expected_reward[parameters.round + 1],
        "candidates": model.atoms[group],
        "rewards": rewards,
        "chances": np.array(choice.probabilities(np.exp(rewards).tolist())),
        "chosen": np.array(chosen),
        "edges": edges,
        "histogram": histogram,
        "drawn": np.array(parameters.drawn),
        "K": np.array(parameters.K),
        "lam": np.array(parameters.lam),
        "round": np.array(parameters.round),
    }


def draw(results: Results) -> Figure:
    """A ring of six panels: above from the model to the kept, below from the mixture to the next
    model, and back."""
    figure = style.new_figure(style.PAGE, 3.1)
    figure.get_layout_engine().set(wspace=0.15, hspace=0.06)
    places = figure.add_gridspec(2, 4)
    model, reward, choice, kept = (figure.add_subplot(places[0, column]) for column in range(4))
    following = figure.add_subplot(places[1, :2])
    mixture = figure.add_subplot(places[1, 2:])
    _draw_model(model, results)
    _draw_reward(reward, results)
    _draw_choice(choice, results)
    _draw_kept(kept, results)
    _draw_mixture(mixture, results)
    _draw_next(following, results)
    laws = [results[name] for name in ("real", "model", "kept", "next")]
    seen = np.any([law > VISIBLE * law.max() for law in laws], axis=0)
    for axes in (model, reward, kept, mixture, following):
        axes.set_xlim(results["x"][seen][[0, -1]])
        axes.set_xticks([-2, 0, 2])
        axes.set_xlabel(labels.in_unit("$x$", "x_1"))
    for axes in (model, kept, mixture, following):
        axes.set_ylim(bottom=0)
        axes.set_ylabel(labels.in_unit("density", "marginal", lines=2))
    for tail, head in ((model, reward), (reward, choice), (choice, kept)):
        _arrow(tail, (1, 0.5), tail.transAxes, (0, 0.5), head.yaxis.label)
    down = blended_transform_factory(kept.transAxes, mixture.transAxes)
    _arrow(kept, (0.5, 0), kept.xaxis.label, (0.5, 1), down)
    _arrow(mixture, (0, 0.5), mixture.yaxis.label, (1, 0.5), following.transAxes)
    up = blended_transform_factory(model.transAxes, following.transAxes)
    _arrow(model, (0.5, 1), up, (0.5, 0), model.xaxis.label)
    again = {"xytext": (6, -9), "textcoords": "offset points", "va": "top"}
    model.annotate("next round", (0.5, 0), xycoords=model.xaxis.label, **again)
    return figure


def _arrow(axes: Axes, tail: tuple, tail_in: object, head: tuple, head_in: object) -> None:
    """An arrow between two places, each in a coordinate system or as a fraction of a text's box."""
    arrow = axes.annotate(
        "",
        xy=head,
        xycoords=head_in,
        xytext=tail,
        textcoords=tail_in,
        arrowprops={**ARROW, "shrinkA": 3, "shrinkB": 3},
        annotation_clip=False,
    )
    arrow.set_in_layout(False)


def _name(results: Results, later: int = 0) -> str:
    """The model of the round shown, or of a later one, with its number."""
    return f"$p_{{{int(results['round']) + later}}}$"


def _draw_model(axes: Axes, results: Results) -> None:
    """Density of the model and its candidates, numbered, the kept one filled."""
    axes.plot(results["x"], results["model"], **LOOKS["model"])
    heights = np.interp(results["candidates"], results["x"], results["model"])
    axes.vlines(results["candidates"], 0, heights, color="0.5", linewidth=0.6)
    _draw_candidates(axes, results, heights)
    axes.set_ylim(top=1.35 * results["model"].max())
    style.label_panel(
        axes, "a", f"{_name(results)} draws {labels.value('candidates', int(results['K']))}"
    )


def _draw_reward(axes: Axes, results: Results) -> None:
    """The reward, and what it gives the candidates."""
    axes.plot(results["x"], results["reward"], color=style.COLOURS["green"])
    _draw_candidates(axes, results, results["rewards"])
    axes.set_ylim(1.3 * results["rewards"].min(), -0.35 * results["rewards"].min())
    axes.set_ylabel(labels.axis("reward"))
    style.label_panel(axes, "b", "a reward rates them")


def _draw_candidates(axes: Axes, results: Results, heights: np.ndarray) -> None:
    chosen = int(results["chosen"])
    for number, (x, y) in enumerate(zip(results["candidates"], heights, strict=True)):
        colour = LOOKS["kept"]["color"]
        inside = colour if number == chosen else "white"
        axes.plot(x, y, "o", color=colour, markersize=4, markerfacecolor=inside, zorder=3)
        axes.annotate(
            str(number + 1),
            (x, y),
            (0, 4),
            textcoords="offset points",
            ha="center",
            va="bottom",
            path_effects=[withStroke(linewidth=2, foreground="white")],
        )


def _draw_choice(axes: Axes, results: Results) -> None:
    """Probabilities with which each candidate is kept, the one kept filled."""
    numbers, chances = np.arange(1, len(results["chances"]) + 1), results["chances"]
    chosen = int(results["chosen"])
    colour = LOOKS["kept"]["color"]
    fills = [colour if place == chosen else "white" for place in range(len(chances))]
    axes.bar(numbers, chances, color=fills, edgecolor=colour, width=0.7)
    for place, (number, chance) in enumerate(zip(numbers, chances, strict=True)):
        kept = "kept\n" if place == chosen else ""
        axes.annotate(
            f"{kept}{100 * chance:.0f} %",
            (number, chance),
            (0, 1.5),
            textcoords="offset points",
            ha="center",
            va="bottom",
        )
    axes.set(xticks=numbers, xlim=(0.4, len(chances) + 0.6), ylim=(0, 1.45 * chances.max()))
    axes.set_xlabel(r"candidate $k$")
    axes.set_ylabel(labels.axis("chance", symbol=False))
    style.label_panel(axes, "c", rf"one is kept, {labels.symbol('chance')} $\propto e^r$")


def _draw_kept(axes: Axes, results: Results) -> None:
    """Law of the kept samples beside that of the candidates, and samples themselves."""
    axes.plot(results["x"], results["model"], label=_name(results), **LOOKS["model"])
    axes.plot(results["x"], results["kept"], label=f"$C_K$({_name(results)})", **LOOKS["kept"])
    axes.stairs(
        results["histogram"],
        results["edges"],
        fill=True,
        label=f"{int(results['drawn'])} draws",
        **PALE,
    )
    axes.legend(loc="upper left", **style.CLOSE)
    axes.set_ylim(top=1.9 * results["histogram"].max())
    style.label_panel(axes, "d", "law of the kept")


def _draw_mixture(axes: Axes, results: Results) -> None:
    """The training set: real data and, on top of them, the kept samples, as densities that add."""
    lam, x = float(results["lam"]), results["x"]
    real = results["real"] / (1 + lam)
    both = real + lam / (1 + lam) * results["kept"]
    axes.fill_between(x, real, label=f"real, {_share(1, lam)}", **LOOKS["real"])
    axes.fill_between(x, real, both, label=f"kept, {_share(lam, lam)}", **PALE)
    axes.plot(x, both, **LOOKS["kept"])
    axes.legend(loc="upper left", **style.CLOSE)
    axes.set_ylim(top=1.15 * both.max())
    style.label_panel(
        axes, "e", f"training set, {labels.value('ratio', lam)} kept for each real one"
    )


def _share(part: float, lam: float) -> str:
    return f"{100 * part / (1 + lam):.0f} %"


def _draw_next(axes: Axes, results: Results) -> None:
    """The next model beside the one before, with their mean rewards."""
    unit = labels.in_unit("", "reward")
    for which, later in (("model", 0), ("next", 1)):
        mean = float(results[f"{which}_reward"])
        sign = labels.symbol("mean_reward")
        label = f"{_name(results, later)}, {sign} = ${mean:.2f}$ {unit}"
        axes.plot(results["x"], results[which], label=label, **LOOKS[which])
    axes.legend(loc="upper left", **style.CLOSE)
    axes.set_ylim(top=1.15 * max(results["model"].max(), results["next"].max()))
    style.label_panel(axes, "f", "refit")


FIGURE = PaperFigure(
    name="curation_schematic",
    caption="One round of the loop: the model draws candidates, the reward decides which of them "
    "is likely to be kept, kept samples join real data, and the next model is fitted to both",
    file=Path(__file__),
    parameters=Parameters(),
    compute=compute,
    draw=draw,
    paper="Figure 1",
    claims=("price-identity", "lemma-2.2"),
)
