r"""How fast a reward is learnt from choices, and what a wrong form of it leaves unlearnt.

Samples of eight Gaussians are shown K at a time, and one is kept by Luce's choice with the true
reward :math:`r(x) = -\gamma\max(0, \|x-\mu_0\|-r_{\min})` about one of the means. A reward that is
linear in the eight clipped distances to the means contains it; its error, the root mean square of
learnt minus true reward over samples of the data, both centred, is predicted by Fisher's
information I of one choice at the true parameters,

.. math:: \text{error} \simeq \sqrt{C_K/n}, \qquad
          C_K = \frac1m\sum_i \phi_i^\top I^+\phi_i,

without fitting anything; the next order of 1/n makes it larger (:data:`SECOND_ORDER`). A reward
quadratic in the coordinates does not come nearer than its best approximation; a network trained for
a fixed number of steps falls more slowly than one over the root of n. With more candidates a choice
tells more while the reward is mild. Where it is steep and they are many, the kept one is always
near the centre, and next to nothing is said about the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from paper_figures import labels, style
from paper_figures.figure import PaperFigure
from paper_figures.results import Results
from sim import GaussianMixture
from sim.curation import KChoice
from sim.generators.velocity import one_thread
from sim.preferences import compare
from sim.reward_learning import Learnt, learning_curve
from sim.reward_models import LinearReward, NetworkReward, RewardModel
from sim.streams import Streams
from theory.rewards import ClippedDistance

SECOND_ORDER = 32.0
"""Bound on a where the error is (1 + a/n) times Fisher's, at γ = 0.25 and K up to 8. Measured with
500 repeats at n = 200: 23 ± 3, 9 ± 3 and 12 ± 3 for K = 2, 4 and 8."""

LOOKS = {
    "quadratic": ("vermilion", "s", "--"),
    "network": ("blue", "D", "-."),
    "network_few": ("blue", "D", "-."),
}
"""Colour, marker and dashes."""


@dataclass(frozen=True)
class Parameters:
    """Data and true reward; Ks, numbers of choices and repeats of the reward that contains the true
    one; numbers and repeats of the two that do not, and how many choices stand for infinitely many;
    slope of the steep reward, at which ``steep_size`` choices are repeated ``steep_repeats`` times;
    samples shown for Fisher's information, and the Ks it is taken at; samples that errors are taken
    over; points of the profile; seed."""

    data: GaussianMixture = GaussianMixture()
    reward: ClippedDistance = ClippedDistance(gamma=0.25, centre=(5.0, 0.0), radius=0.5)
    Ks: tuple[int, ...] = (2, 4, 8)
    sizes: tuple[int, ...] = (200, 400, 800, 1600, 3200, 6400)
    repeats: int = 40
    other_sizes: tuple[int, ...] = (200, 800, 3200, 12_800, 51_200)
    other_repeats: int = 6
    many: int = 200_000
    steep: float = 0.75
    steep_size: int = 6400
    steep_repeats: int = 48
    shown: int = 120_000
    predicted: tuple[int, ...] = (2, 3, 4, 5, 6, 8, 10, 12)
    judged: int = 2000
    profile: int = 181
    seed: int = 0


@dataclass(frozen=True)
class _Task:
    """Who answers about what: data, reward of tensors, the samples that errors are taken over."""

    data: GaussianMixture
    reward: ClippedDistance
    judged: torch.Tensor

    def draw(self, n: int, rng: np.random.Generator) -> torch.Tensor:
        return torch.as_tensor(self.data.sample(n, rng))

    def true(self, samples: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(self.reward(samples.numpy()))

    def distances(self, samples: torch.Tensor) -> torch.Tensor:
        """Clipped distances to all means: minus the true reward's slope times one of them is it."""
        means = torch.as_tensor(self.data.means)
        return (torch.cdist(samples.double(), means) - self.reward.radius).clamp(min=0)

    def curve(
        self,
        make: Callable[[], RewardModel],
        K: int,
        sizes: Sequence[int],
        repeats: int,
        streams: Streams,
    ) -> list[Learnt]:
        return learning_curve(
            make, self.draw, self.true, KChoice(K), sizes, repeats, self.judged, streams
        )

    def constant(self, K: int, shown: int, rng: np.random.Generator) -> float:
        """Root of C_K: what Fisher's information says of error times root n."""
        choices = compare(self.draw(shown // K * K, rng), self.true, KChoice(K), rng)
        model = LinearReward(self.distances)
        at_centre = np.linalg.norm(self.data.means - np.array(self.reward.centre), axis=1) < 1e-9
        model.theta = torch.as_tensor(-self.reward.gamma * at_centre)
        phi = self.distances(self.judged)
        phi = phi - phi.mean(dim=0)
        variances = ((phi @ model.covariance(choices)) * phi).sum(dim=1) * len(choices)
        return math.sqrt(float(variances.mean()))


def quadratic(samples: torch.Tensor) -> torch.Tensor:
    """Features of a reward quadratic in the coordinates: five."""
    x, y = samples.double().T
    return torch.column_stack([x, y, x * x, x * y, y * y])


def compute(parameters: Parameters) -> Results:
    """Errors in log-odds, with the standard error of each over the repeats.

    ``error``, ``error_se`` have shape (Ks, sizes). ``constant`` is Fisher's error times root n at
    ``predicted_K``, and ``steep_constant`` the same for the steep reward, at which ``steep_error``
    (Ks,) was measured. ``quadratic``, ``network`` (other sizes,) are errors of the others, and
    ``floor`` the quadratic's for many choices. Profiles are along the ring of means at ``angle``
    degrees from the centre of the reward: ``true_profile`` (angles,), and ``network_profile``,
    ``quadratic_profile`` (repeats, angles) at the largest n, ``*_few_profile`` at the smallest.
    """
    p = parameters
    if not np.isclose(p.data.means, p.reward.centre).all(axis=1).any():
        raise ValueError(
            f"the reward's centre {p.reward.centre} is none of the means, so distances to them do "
            "not contain it; give one of data.means."
        )
    with one_thread():
        return _compute(p)


def _compute(p: Parameters) -> Results:
    streams = Streams(p.seed)
    judged = torch.as_tensor(p.data.sample(p.judged, streams("judged")))
    task = _Task(p.data, p.reward, judged)
    steep = replace(task, reward=replace(p.reward, gamma=p.steep))
    seeds = iter(streams("curves").integers(2**31, size=2 * len(p.Ks) + 3).tolist())

    def known(task: _Task, K: int, sizes: Sequence[int], repeats: int) -> list[Learnt]:
        return task.curve(
            lambda: LinearReward(task.distances), K, sizes, repeats, Streams(next(seeds))
        )

    curves = [known(task, K, p.sizes, p.repeats) for K in p.Ks]
    steeps = [known(steep, K, (p.steep_size,), p.steep_repeats)[0] for K in p.Ks]
    results: Results = {
        "K": np.array(p.Ks),
        "n": np.array(p.sizes),
        "error": np.array([[one.error for one in curve] for curve in curves]),
        "error_se": np.array([[_standard_error(one) for one in curve] for curve in curves]),
        "gamma": np.array(p.reward.gamma),
        "steep": np.array(p.steep),
        "steep_n": np.array(p.steep_size),
        "steep_error": np.array([one.error for one in steeps]),
        "steep_error_se": np.array([_standard_error(one) for one in steeps]),
        "predicted_K": np.array(p.predicted),
        "constant": np.array([task.constant(K, p.shown, streams("shown", K)) for K in p.predicted]),
        "steep_constant": np.array(
            [steep.constant(K, p.shown, streams("shown", K)) for K in p.predicted]
        ),
        "other_n": np.array(p.other_sizes),
    }
    angle = np.linspace(-180, 180, p.profile)
    turn = np.deg2rad(angle) + math.atan2(p.reward.centre[1], p.reward.centre[0])
    ring = torch.as_tensor(p.data.radius * np.column_stack([np.cos(turn), np.sin(turn)]))
    results["angle"] = angle
    results["mode_angle"] = np.arange(-180, 181, 360 / p.data.modes)
    results["true_profile"] = (task.true(ring) - task.true(judged).mean()).numpy()
    makes: dict[str, Callable[[], RewardModel]] = {
        "quadratic": lambda: LinearReward(quadratic),
        "network": NetworkReward,
    }
    for name, make in makes.items():
        curve, models = _with_models(make, task, p, Streams(next(seeds)))
        results[name] = np.array([one.error for one in curve])
        results[f"{name}_se"] = np.array([_standard_error(one) for one in curve])
        profiles = np.array([(model(ring) - model(judged).mean()).numpy() for model in models])
        results[f"{name}_few_profile"] = profiles[: p.other_repeats]
        results[f"{name}_profile"] = profiles[-p.other_repeats :]
    (limit,) = task.curve(makes["quadratic"], 2, (p.many,), 1, Streams(next(seeds)))
    results["floor"] = np.array(limit.error)
    return results


def _with_models(
    make: Callable[[], RewardModel], task: _Task, p: Parameters, streams: Streams
) -> tuple[list[Learnt], list[RewardModel]]:
    """Learning curve from pairs, and the models of all its repeats, in order."""
    models: list[RewardModel] = []

    def kept() -> RewardModel:
        models.append(make())
        return models[-1]

    return task.curve(kept, 2, p.other_sizes, p.other_repeats, streams), models


def _standard_error(learnt: Learnt) -> float:
    """Of the root of the mean square over the repeats, by the spread of the squares."""
    squares = np.square(learnt.errors)
    if len(squares) < 2:
        return math.nan
    return float(squares.std(ddof=1) / math.sqrt(len(squares)) / (2 * learnt.error))


def slope(n: NDArray, error: NDArray, se: NDArray) -> tuple[float, float]:
    """Least-squares slope of log error against log n, and its standard error; shapes (sizes,)."""
    x = np.log(n) - np.log(n).mean()
    weights = x / (x @ x)
    return float(weights @ np.log(error)), float(np.linalg.norm(weights * se / error))


def draw(results: Results) -> Figure:
    """Rates, other forms, profiles along the ring of means, and what a choice of K tells."""
    figure = style.new_figure(style.COLUMN, 4.1)
    panels = figure.subplots(2, 2)
    panels[0, 1].sharey(panels[0, 0])
    for axes in panels[0]:
        axes.set(xscale="log", yscale="log")
        axes.minorticks_off()
    _draw_rates(panels[0, 0], results)
    _draw_others(panels[0, 1], results)
    _draw_profiles(panels[1, 0], results)
    _draw_constants(panels[1, 1], results)
    low = 0.8 * results["error"].min()
    high = 1.25 * max(results["error"].max(), results["network"].max())
    for axes in panels[0]:
        axes.set_ylim(low, high)
        axes.set_yticks([0.05, 0.1, 0.2, 0.4], labels=["0.05", "0.1", "0.2", "0.4"])
        axes.set_xlabel(labels.axis("comparisons"))
    return figure


def _draw_rates(axes: Axes, results: Results) -> None:
    """Pairs and the largest K: lines are Fisher's, nothing in them is fitted."""
    n = results["n"]
    line = np.array([n[0] / 1.3, n[-1] * 1.3])
    for row, colour, marker, dashes in ((0, "black", "o", "-"), (-1, "green", "^", "--")):
        K, shade = results["K"][row], style.COLOURS[colour]
        axes.plot(
            line, _constant(results, K) / np.sqrt(line), dashes, color=shade, linewidth=style.THIN
        )
        _points(
            axes,
            n,
            results["error"][row],
            results["error_se"][row],
            shade,
            marker,
            labels.value("candidates", K),
        )
    left, right = n[-1] / 4, n[-1]
    foot = 1.35 * _constant(results, results["K"][0]) / np.sqrt(left)
    axes.plot(
        [left, right, right, left],
        [foot, foot, foot * np.sqrt(left / right), foot],
        color=style.COLOURS["grey"],
        linewidth=0.6,
    )
    axes.annotate(
        "slope \N{MINUS SIGN}1/2",
        (np.sqrt(left * right), foot),
        xytext=(0, 2),
        textcoords="offset points",
        ha="center",
    )
    axes.legend(loc="lower left", **style.CLOSE)
    axes.set_xlim(line[0] / 1.1, line[-1] * 1.1)
    axes.set_xticks([200, 1000, 5000], labels=["200", "1000", "5000"])
    axes.set_ylabel(labels.in_unit("error of the reward", "reward"))
    style.label_panel(axes, "a", "true form")


def _draw_others(axes: Axes, results: Results) -> None:
    """A quadratic with what is left of its error, and a network; Fisher's line of (a) beside."""
    n = results["other_n"]
    line = np.array([n[0] / 1.3, n[-1] * 1.3])
    axes.plot(
        line,
        _constant(results, results["K"][0]) / np.sqrt(line),
        color=style.COLOURS["black"],
        linewidth=style.THIN,
        label="true form",
    )
    axes.axhline(float(results["floor"]), **_look("quadratic"))
    for name in ("quadratic", "network"):
        colour, marker, _ = LOOKS[name]
        _points(axes, n, results[name], results[f"{name}_se"], style.COLOURS[colour], marker, name)
    axes.legend(loc="upper right", **style.CLOSE)
    axes.set_xlim(line[0] / 1.1, line[-1] * 1.1)
    axes.set_xticks([200, 2000, 20000], labels=["200", "2000", "20000"])
    style.label_panel(axes, "b", "other forms")


def _draw_profiles(axes: Axes, results: Results) -> None:
    """Mean over the repeats, and a standard deviation to each side."""
    angle, n = results["angle"], results["other_n"]
    axes.plot(angle, results["true_profile"], color=style.COLOURS["black"], label="true")
    for key, label in (
        ("network_few", f"network, {labels.value('comparisons', n[0])}"),
        ("quadratic", f"quadratic,\n{labels.value('comparisons', n[-1])}"),
    ):
        profiles = results[f"{key}_profile"]
        mean, spread = profiles.mean(axis=0), profiles.std(axis=0, ddof=1)
        look = _look(key)
        axes.plot(angle, mean, label=label, **look)
        axes.fill_between(angle, mean - spread, mean + spread, color=look["color"], **style.BAND)
    axes.legend(loc="lower center", **style.CLOSE)
    low, high = axes.get_ylim()
    axes.set_ylim(low - 0.55 * (high - low), high)  # room for the legend
    axes.set_xlim(angle[0], angle[-1])
    axes.set_yticks([-1, 0, 1, 2])
    axes.set_xticks([-180, 0, 180])
    axes.set_xticks(results["mode_angle"], minor=True)  # where the data are
    axes.set_xlabel(labels.axis("angle"))
    axes.set_ylabel(labels.in_unit("centred reward", "reward"))
    style.label_panel(axes, "c", "learnt and true")


def _draw_constants(axes: Axes, results: Results) -> None:
    """Errors times root n over that of pairs by Fisher, for the mild and the steep reward."""
    K, line = results["K"], results["predicted_K"]
    late = results["n"] >= results["n"][-1] / 8
    scaled = results["error"][:, late] * np.sqrt(results["n"][late])
    scaled_se = results["error_se"][:, late] * np.sqrt(results["n"][late])
    mild = np.sqrt(np.mean(scaled**2, axis=1))
    mild_se = np.sqrt(np.sum((scaled * scaled_se) ** 2, axis=1)) / late.sum() / mild
    root = np.sqrt(results["steep_n"])
    # Points are moved a little to the sides, so that none hides another.
    for gamma, side, curve, found, se, (colour, marker, dashes) in (
        (results["gamma"], -0.15, results["constant"], mild, mild_se, ("black", "o", "-")),
        (
            results["steep"],
            0.15,
            results["steep_constant"],
            results["steep_error"] * root,
            results["steep_error_se"] * root,
            ("purple", "s", "--"),
        ),
    ):
        pairs = curve[line == K[0]][0]
        shade = style.COLOURS[colour]
        axes.plot(line, curve / pairs, dashes, color=shade, linewidth=style.THIN)
        label = labels.value("scale", gamma)
        _points(axes, K + side, found / pairs, se / pairs, shade, marker, label)
    axes.legend(loc="upper left", **style.CLOSE)
    axes.set_xticks([*K, line[-1]])
    axes.set_yticks([0.8, 1, 1.2, 1.4])
    axes.set_xlabel(labels.axis("candidates"))
    axes.set_ylabel("error / error of pairs")
    style.label_panel(axes, "d", "more candidates")


def _constant(results: Results, K: int) -> float:
    return float(results["constant"][results["predicted_K"] == K][0])


def _look(key: str) -> dict[str, Any]:
    colour, _, dashes = LOOKS[key]
    return {"color": style.COLOURS[colour], "linestyle": dashes, "linewidth": style.THIN}


def _points(
    axes: Axes, x: NDArray, y: NDArray, se: NDArray, colour: str, marker: str, label: str
) -> None:
    axes.errorbar(x, y, se, fmt=marker, color=colour, label=label, **style.ERRORS)


FIGURE = PaperFigure(
    name="reward_learning",
    caption="Error of a reward learnt from comparisons. With the true form it falls at the rate "
    "and height that Fisher's information predicts (lines, nothing fitted); with another form it "
    "levels off, and a network lags. More candidates in a choice help while the reward is mild.",
    file=Path(__file__),
    parameters=Parameters(),
    compute=compute,
    draw=draw,
)
