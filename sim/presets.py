"""Experiments by name, as published and quick.

Source of the ``paper`` settings: arXiv:2407.09499, section 5 and appendix: eight rounds of a
mixture of Gaussians and five of two moons with noise 0.1, each keeping 5 000 of 10 000 samples by
pairwise comparisons, in the mixed runs with as many real ones. Rings and the line are not in the
paper; they are run with the sizes of the moons. The slopes of the rewards, and 10 000 real data,
are ours. ``quick`` keeps half as many of half as many samples, and generators have quick settings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from sim.datasets import GaussianMixture, Rings, TwoMoons
from sim.experiment import Experiment
from sim.lines import LineMixture
from sim.models import MODELS, Preset


@dataclass(frozen=True)
class Named:
    """An experiment with its presets.

    Attributes
    ----------
    says
        What it is, for the list.
    paper
        Sizes and settings as published.
    """

    says: str
    paper: Experiment

    @property
    def quick(self) -> Experiment:
        """Half the sizes, and quick settings of the generator."""
        paper = self.paper
        return replace(
            paper,
            kept=paper.kept // 2,
            real=paper.real // 2,
            model=MODELS[paper.generator].quick,
        )

    def preset(self, name: Preset) -> Experiment:
        """The experiment of a preset."""
        return self.paper if name == "paper" else self.quick


def _pure_and_mixed(name: str, says: str, **settings: Any) -> dict[str, Named]:
    paper = Experiment(model=MODELS["flow"].paper, **settings)
    return {
        f"{name}-pure": Named(f"{says}, retrained on kept samples alone", paper),
        f"{name}-mixed": Named(f"{says}, equal parts kept and real", replace(paper, lam=1.0)),
    }


EXPERIMENTS: dict[str, Named] = {
    **_pure_and_mixed(
        "mixture",
        "eight Gaussians on a ring",
        data=GaussianMixture(),
        centre=(5.0, 0.0),
        gamma=2.0,
        radius=0.5,
        lam=math.inf,
        iterations=8,
    ),
    **_pure_and_mixed(
        "moons",
        "two moons",
        data=TwoMoons(),
        centre=(0.0, 1.0),
        gamma=10.0,
        radius=0.2,
        iterations=5,
    ),
    **_pure_and_mixed(
        "rings",
        "three rings",
        data=Rings(),
        centre=(0.0, 0.0),
        gamma=2.0,
        radius=1.0,
        iterations=5,
    ),
    **_pure_and_mixed(
        "line",
        "two Gaussians on the line",
        data=LineMixture(),
        centre=(2.0,),
        gamma=1.0,
        radius=0.5,
        iterations=5,
    ),
}
