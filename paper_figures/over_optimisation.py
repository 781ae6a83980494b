r"""Over-optimisation: the learnt reward rises, the true one rises and falls.

Pairs of samples of eight Gaussians are compared by Luce's choice with the true reward
:math:`r(x) = -\gamma\max(0, \|x-\mu_0\|-r_{\min})` about one of the means, a reward is learnt from
the answers, and the data's law :math:`p_0` is aligned with it: as the KL-regularised optimum at
falling penalties β, and as the best of N draws. Expectations and divergences are exact on a grid;
chance is in the answers alone. No law of a divergence has more of the true reward than the frontier
says.

Three forms are learnt: linear in the clipped distances to the means, which contains the true
reward; linear in Gaussian bumps on a grid with a ridge, flat where nothing was compared; and a
network, which goes on as a straight line there. Samples of the data never compare points beyond
them, so more answers do not mend the network's slope outwards: its best true reward stops rising.
The single run loses more than such runs do on average, which is beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from paper_figures import labels, style
from paper_figures.figure import PaperFigure
from paper_figures.results import Results
from sim import GaussianMixture
from sim.alignment import frontier
from sim.curation import KChoice
from sim.generators.velocity import one_thread
from sim.overoptimisation import Optimised, best_penalty, by_best_of, by_penalty
from sim.preferences import Comparisons, compare
from sim.reward_models import LinearReward, NetworkReward, RewardModel, bumps
from sim.streams import Streams
from theory import Law
from theory.rewards import ClippedDistance

FORMS = ("network", "bumps", "distances")

LOOKS = {
    "network": ("blue", "D", "-."),
    "bumps": ("orange", "s", "--"),
    "distances": ("black", "o", "-"),
}
"""Colour, marker and dashes of each form."""

FINER = 4
"""The single run has so many times more penalties."""

SIZE_LOOKS = (
    ("vermilion", ":"),
    ("purple", "-."),
    ("sky", "--"),
    ("blue", "-"),
)
"""Colour and dashes of each number of comparisons."""


@dataclass(frozen=True)
class Parameters:
    """Data, true reward, cells per axis; the numbers of comparisons, and how often each is done;
    number and seed of those of the single run; weakest and strongest penalty and how many between;
    logarithms to base 2 of N of best of N; divergences (nats) that curves are taken at; bumps per
    axis, their width and ridge; seed."""

    data: GaussianMixture = GaussianMixture()
    reward: ClippedDistance = ClippedDistance(gamma=0.25, centre=(5.0, 0.0), radius=0.5)
    side: int = 81
    sizes: tuple[int, ...] = (50, 200, 800, 3200)
    repeats: int = 10
    single: int = 200
    penalties: tuple[float, float, int] = (8.0, 0.01, 40)
    best_of: tuple[int, ...] = (0, 1, 2, 3, 4, 6, 8, 10, 12, 14)
    levels: tuple[float, ...] = tuple(np.linspace(0, 10, 61).tolist())
    bumps: int = 11
    width: float = 1.5
    ridge: float = 1e-4
    seed: int = 0


def compute(parameters: Parameters) -> Results:
    """Gains over p_0 in expected reward, log-odds, and divergences, nats, exact on the grid
    for each learnt reward.

    Of the single run: ``kl``, ``learnt``, ``true``, ``attainable`` at ``beta``; the
    same led by ``best_of_`` at ``best_of``, by ``top_`` at the best penalty ``top_beta``. Of all:
    ``paths_learnt``, ``paths_true``, ``paths_kl``, ``paths_attainable`` of shape (forms, sizes,
    repeats, penalties); ``curves`` (forms, sizes, repeats, levels) is the true gain at the
    divergences ``level``, or at the smallest penalty if that is nearer; ``frontier`` (levels,) what
    is attainable there, ``most`` at any.
    """
    with one_thread():
        return _compute(parameters)


def _compute(p: Parameters) -> Results:
    streams = Streams(p.seed)
    law = Law.from_density(p.data.density, p.reward, p.data.grid(p.side), normalise=True)
    assert law.atoms is not None
    points = torch.as_tensor(law.atoms.copy())
    start = law.expectation(law.rewards)
    weakest, strongest, steps = p.penalties
    beta = np.geomspace(weakest, strongest, steps)
    makes = _makes(p)

    def learnt(form: str, answers: Comparisons, rng: np.random.Generator) -> NDArray[np.float64]:
        """Rewards of the atoms, with mean 0 under p_0."""
        model = makes[form]()
        model.fit(answers, rng)
        values = model(points).double().numpy()
        return values - law.expectation(values)

    results: Results = {"n": np.array(p.sizes), "level": np.array(p.levels)}
    results["beta"] = np.geomspace(weakest, strongest, FINER * steps)
    rng = streams("single")
    values = learnt("network", _answers(p, p.single, rng), rng)
    top = best_penalty(law, values, strongest, weakest)
    for prefix, found in (
        ("", by_penalty(law, values, results["beta"])),
        ("best_of_", by_best_of(law, values, [2**power for power in p.best_of])),
        ("top_", by_penalty(law, values, [top])),
    ):
        results |= {f"{prefix}{name}": row for name, row in _arrays(found, start).items()}
    results["best_of"] = 2 ** np.array(p.best_of)
    results["top_beta"] = np.array(top)
    results["single"] = np.array(p.single)
    shape = (len(FORMS), len(p.sizes), p.repeats)
    paths = {name: np.empty((*shape, len(beta))) for name in ("kl", "learnt", "true", "attainable")}
    curves = np.empty((*shape, len(p.levels)))
    for size, n in enumerate(p.sizes):
        for repeat in range(p.repeats):
            rng = streams("answers", size, repeat)
            answers = _answers(p, n, rng)
            for number, form in enumerate(FORMS):
                values = learnt(form, answers, rng)
                path = _arrays(by_penalty(law, values, beta), start)
                for name, row in path.items():
                    paths[name][number, size, repeat] = row
                # Beyond the ends the nearest value: p_0's gain is 0 at divergence 0.
                curves[number, size, repeat] = np.interp(
                    p.levels, np.append(0, path["kl"]), np.append(0, path["true"])
                )
    results |= {f"paths_{name}": rows for name, rows in paths.items()}
    results["curves"] = curves
    results["frontier"] = np.array([frontier(law, level).reward for level in p.levels]) - start
    results["most"] = np.array(law.top_reward - start)
    return results


def _makes(p: Parameters) -> dict[str, Callable[[], RewardModel]]:
    half = float(p.data.grid(p.side)[0][-1])
    line = torch.linspace(-half, half, p.bumps, dtype=torch.float64)
    spread = bumps(torch.cartesian_prod(line, line), p.width)
    means = torch.as_tensor(p.data.means)

    def distances(samples: torch.Tensor) -> torch.Tensor:
        return (torch.cdist(samples.double(), means) - p.reward.radius).clamp(min=0)

    return {
        "network": NetworkReward,
        "bumps": lambda: LinearReward(spread, p.ridge),
        "distances": lambda: LinearReward(distances, p.ridge),
    }


def _answers(p: Parameters, n: int, rng: np.random.Generator) -> Comparisons:
    samples = torch.as_tensor(p.data.sample(2 * n, rng))
    return compare(samples, lambda x: torch.as_tensor(p.reward(x.numpy())), KChoice(2), rng)


def _arrays(found: list[Optimised], start: float) -> Results:
    return {
        "kl": np.array([one.kl for one in found]),
        "learnt": np.array([one.learnt for one in found]),
        "true": np.array([one.true for one in found]) - start,
        "attainable": np.array([one.attainable for one in found]) - start,
    }


def best(results: Results) -> NDArray[np.float64]:
    """True gain at the best of the penalties, shape (forms, sizes, repeats)."""
    return results["paths_true"].max(axis=-1)


def standard_error(runs: NDArray) -> NDArray[np.float64]:
    """Of the mean of runs (repeats, ...)."""
    return runs.std(axis=0, ddof=1) / np.sqrt(len(runs))


def draw(results: Results) -> Figure:
    """One learnt reward; means over many by the number of comparisons; losses at best penalties."""
    figure = style.new_figure(style.COLUMN, 4.8)
    panels = figure.subplots(2, 2)
    _draw_single(panels[0, 0], results)
    panels[1, 0].sharey(panels[0, 1])
    for axes, form, letter in ((panels[0, 1], "network", "b"), (panels[1, 0], "bumps", "c")):
        _draw_sizes(axes, results, form)
        style.label_panel(axes, letter, form)
    for axes in (panels[0, 0], panels[0, 1], panels[1, 0]):
        axes.set_xlim(0, results["level"][-1])
        axes.set_xticks([0, 5, 10])
        axes.set_xlabel(labels.axis("kl_aligned", name=False))
    _draw_best(panels[1, 1], results)
    figure.legend(
        *panels[0, 0].get_legend_handles_labels(),
        loc="outside upper center",
        ncols=2,
        **style.CLOSE,
    )
    figure.legend(
        *panels[1, 0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=4,
        **style.CLOSE,
    )
    return figure


def _draw_single(axes: Axes, results: Results) -> None:
    """Learnt and true gain along the penalties, best of n beside them, and the best penalty."""
    axes.axhline(0, **style.ZERO)
    _draw_frontier(axes, results, "attainable true reward")
    for name, colour, dashes, marker in (
        ("learnt", "vermilion", "--", "^"),
        ("true", "blue", "-", "o"),
    ):
        shade = style.COLOURS[colour]
        axes.plot(
            results["kl"], results[name], dashes, color=shade, label=f"{name} reward, KL penalty"
        )
        inside = results["best_of_kl"] <= results["level"][-1]
        axes.plot(
            results["best_of_kl"][inside],
            results[f"best_of_{name}"][inside],
            marker,
            color=shade,
            markersize=3,
            **style.HOLLOW,
            label=f"{name} reward, best of $N$",
        )
    axes.plot(
        results["top_kl"],
        results["top_true"],
        "*",
        color=style.COLOURS["black"],
        markersize=5.5,
        zorder=4,
        label=f"best penalty, {labels.value('penalty', round(float(results['top_beta']), 2))}",
    )
    shown = results["kl"] <= results["level"][-1]
    low, high = results["true"][shown].min(), results["learnt"][shown].max()
    axes.set_ylim(low - 0.1 * (high - low), high + 0.1 * (high - low))
    axes.set_ylabel(labels.in_unit("gain in reward", "reward"))
    style.label_panel(axes, "a", f"network, {results['single']} pairs")


def _draw_frontier(axes: Axes, results: Results, label: str | None = None) -> None:
    axes.plot(
        results["level"],
        results["frontier"],
        color=style.COLOURS["grey"],
        linewidth=2.2,
        alpha=0.6,
        label=label,
    )


def _draw_sizes(axes: Axes, results: Results, form: str) -> None:
    """Mean over the repeats, and a standard error to each side."""
    curves = results["curves"][FORMS.index(form)]
    _draw_frontier(axes, results)
    for n, runs, (colour, dashes) in zip(results["n"], curves, SIZE_LOOKS, strict=False):
        mean, error = runs.mean(axis=0), standard_error(runs)
        shade = style.COLOURS[colour]
        axes.plot(results["level"], mean, dashes, color=shade, label=f"{n} pairs")
        axes.fill_between(results["level"], mean - error, mean + error, color=shade, **style.BAND)
    axes.set_ylim(0, 1.08 * float(results["most"]))
    axes.set_yticks([0, 0.5, 1, 1.5])
    axes.set_ylabel(labels.in_unit("gain in true reward", "reward"))


def _draw_best(axes: Axes, results: Results) -> None:
    """What the best penalty falls short of the largest gain: mean and standard error."""
    for form, runs in zip(FORMS, results["most"] - best(results), strict=True):
        colour, marker, dashes = LOOKS[form]
        axes.errorbar(
            results["n"],
            runs.mean(axis=1),
            standard_error(runs.T),
            fmt=marker + dashes,
            color=style.COLOURS[colour],
            **style.ERRORS,
            label=form,
        )
    axes.set(xscale="log", yscale="log")
    axes.minorticks_off()
    axes.set_xticks(results["n"], labels=[str(n) for n in results["n"]])
    axes.set_yticks([0.001, 0.01, 0.1, 1], labels=["0.001", "0.01", "0.1", "1"])
    axes.legend(loc="lower left", **style.CLOSE)
    axes.set_xlabel(labels.axis("comparisons"))
    axes.set_ylabel(labels.in_unit("loss at best penalty", "reward"))
    style.label_panel(axes, "d", "three forms")


FIGURE = PaperFigure(
    name="over_optimisation",
    caption="Aligned harder and harder with a reward learnt from few comparisons, a law gains in "
    "the learnt reward, and in the true one only up to a peak. More comparisons lift the peak, "
    "with a network not for ever; nothing is above what is attainable (grey).",
    file=Path(__file__),
    parameters=Parameters(),
    compute=compute,
    draw=draw,
    claims=("tilt-frontier", "rlhf-tilt"),
)
