r"""The gap to the exact loop, by generator and round, for the mixture of Gaussians.

All generators run the same loop, seed by seed from the same real data, at the paper's sizes. Two of
them have no training error (:mod:`sim.generators.exact`): independent draws of the exact
:math:`p_t`, which show what measuring on finitely many candidates gives, and draws from the
training set, which add what finitely many samples do to the loop. What is above them is the model's
own. Flow matching is there twice: with minibatch couplings and 250 Euler steps of torchcfm, as in
the paper, and with this project's fast couplings and few midpoint steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from paper_figures import labels, style, trained
from paper_figures.figure import PaperFigure
from paper_figures.results import Results
from sim.comparison import EMPIRICAL, EXACT, compare_samples
from sim.experiment import Experiment, with_fields
from sim.models import MODELS, Preset
from sim.presets import EXPERIMENTS

RATIOS = ("pure", "mixed")
MEASURES = ("divergence", "sliced", "reward")


@dataclass(frozen=True)
class Source:
    """Samples of one kind of generator: its name here and in the registry, and the preset."""

    label: str
    generator: str
    preset: Preset = "quick"


@dataclass(frozen=True)
class Parameters:
    """Data set of the presets, seeds, generators, and fields that are not the preset's, as names
    and texts."""

    name: str = "mixture"
    seeds: tuple[int, ...] = (0, 1, 2, 3)
    fields: tuple[tuple[str, str], ...] = ()
    sources: tuple[Source, ...] = (
        Source(EXACT, "exact"),
        Source(EMPIRICAL, "empirical"),
        Source("flow, as published", "flow", "paper"),
        Source("flow, fast", "flow"),
        Source("DDPM", "ddpm"),
        Source("DDIM", "ddim"),
    )


def experiments(parameters: Parameters) -> dict[str, Experiment]:
    """Runs of every generator in both loops, one for each seed."""
    found = {}
    for ratio in RATIOS:
        paper = EXPERIMENTS[f"{parameters.name}-{ratio}"].paper
        base = with_fields(paper, dict(parameters.fields))
        for source in parameters.sources:
            model = MODELS[source.generator].settings(source.preset)
            for seed in parameters.seeds:
                found[f"{ratio} {source.label} {seed}"] = replace(
                    base,
                    generator=source.generator,
                    model=model,
                    seed=seed,
                    saved=base.kept * base.K,
                )
    return found


def compute(parameters: Parameters, runs: Mapping[str, Path]) -> Results:
    """``<loop>_<measure>``: gaps of shape (generators, seeds, rounds + 1), ``divergence`` in nats,
    ``sliced`` a length and ``reward`` in log-odds; ``labels``, (generators,), their names."""
    wanted = experiments(parameters)
    names = [source.label for source in parameters.sources]
    results: Results = {"labels": np.array(names)}
    for ratio in RATIOS:
        samples = {
            name: [trained.candidates(runs[f"{ratio} {name} {seed}"]) for seed in parameters.seeds]
            for name in names
        }
        setting = wanted[f"{ratio} {names[0]} {parameters.seeds[0]}"].setting()
        found = compare_samples(setting, samples, parameters.seeds)
        for measure in MEASURES:
            results[f"{ratio}_{measure}"] = np.array([found.gap(name, measure) for name in names])
    return results


LOOKS = (
    ("black", ":", "x"),
    ("grey", "--", "+"),
    ("purple", "-", "D"),
    ("blue", "-", "o"),
    ("vermilion", "-", "^"),
    ("green", "-", "v"),
)


def draw(results: Results) -> Figure:
    """A row for each measure, pure on the left; means over the seeds and their standard errors."""
    names = results["labels"]
    figure = style.new_figure(style.COLUMN, 4.7)
    panels = figure.subplots(len(MEASURES), 2, sharex=True, sharey="row")
    for column, ratio in enumerate(RATIOS):
        for axes, measure in zip(panels[:, column], MEASURES, strict=True):
            gaps = results[f"{ratio}_{measure}"]
            rounds = np.arange(gaps.shape[2])
            for number, (name, (colour, line, marker)) in enumerate(
                zip(names, LOOKS, strict=False)
            ):
                seeds = gaps[number]
                error = seeds.std(axis=0, ddof=1) / np.sqrt(len(seeds))
                axes.errorbar(
                    # Beside one another, so that error bars can be told apart.
                    rounds + 0.09 * (number - (len(names) - 1) / 2),
                    seeds.mean(axis=0),
                    error,
                    linestyle=line,
                    marker=marker,
                    markersize=2.5,
                    linewidth=style.THIN,
                    **style.OPEN,
                    color=style.COLOURS[colour],
                    label=name,
                )
            axes.axhline(0, **style.ZERO)
            axes.set_xticks(rounds)
        panels[0, column].set_title(ratio)
        panels[-1, column].set_xlabel(labels.axis("round"))
    law = labels.symbol("law")
    panels[0, 0].set_ylabel(
        labels.in_unit(f"{labels.symbol('kl')} of samples\nfrom {law}, on cells", "kl")
    )
    panels[1, 0].set_ylabel(labels.axis("sliced", lines=2))
    panels[2, 0].set_ylabel(labels.axis("mean_reward", of=f"less\nthat of {law}", symbol=False))
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


FIGURE = PaperFigure(
    name="gap_by_generator",
    caption="Distance of the loop with trained generators from the exact loop, round by round: "
    "flow matching and the diffusion samplers DDPM and DDIM, beside two generators without "
    "training error, which show how much of it finitely many samples explain.",
    file=Path(__file__),
    parameters=Parameters(),
    compute=compute,
    draw=draw,
    experiments=experiments,
)
