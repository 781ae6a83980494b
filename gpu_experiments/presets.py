"""Sets of runs by name: digits on any machine, CIFAR-10 as published and in less time.

Source of the published settings: arXiv:2407.09499, section 5 and appendix: flow matching pretrained
on all training images; per round 50 000 images generated and 2 500 kept, hence K = 20; VGG11 for
the reward; class reward with γ = 5 for the first class, confidence with γ = 15; ten rounds without
real images and twenty with as many as are kept.

The sizes for digits are ours, with K = 4, a choice of one of four images. A network that is right
on 99 % of them is so sure of all that its confidence tells sharp images from blurred ones and no
digit from another: its logits are divided by 3, after which the mean confidence in generated digits
is 0.8 and classes differ.

Runs are named by reward, loop and seed, as ``class-pure-0``; ``control`` in place of a reward is
the loop that keeps one of K at random: the confidence reward is measured in it and chooses nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from gpu_experiments.classifier_training import ClassifierSettings
from gpu_experiments.experiment import CONTROL, ImageExperiment
from gpu_experiments.flow import FlowSettings

MIXED = 1.0
"""Synthetic-to-real ratio of the runs with real images: equal parts."""
MEASURED_IN_CONTROL = "confidence"


@dataclass(frozen=True)
class Preset:
    """Runs that belong together.

    Attributes
    ----------
    says
        What it is, for the list.
    runs
        Experiments by name, in the order in which they are done: what is most telling first.
    """

    says: str
    runs: Mapping[str, ImageExperiment]


def _runs(
    base: ImageExperiment,
    names: Mapping[str, int],
    seeds: int,
    gammas: Mapping[str, float],
) -> dict[str, ImageExperiment]:
    """Runs by reward and ratio, with their rounds; all of one seed before those of the next."""
    found = {}
    for seed in range(seeds):
        for name, iterations in names.items():
            sort, ratio = name.split("-")
            reward = MEASURED_IN_CONTROL if sort == CONTROL else sort
            found[f"{name}-{seed}"] = replace(
                base,
                reward=reward,
                selects=sort != CONTROL,
                gamma=gammas[reward],
                lam=math.inf if ratio == "pure" else MIXED,
                iterations=iterations,
                seed=seed,
            )
    return found


GAMMAS = {"class": 5.0, "confidence": 15.0}

DIGITS = ImageExperiment(
    data="digits",
    reward="class",
    gamma=GAMMAS["class"],
    K=4,
    kept=300,
    iterations=5,
    temperature=3.0,
    model=FlowSettings.digits(),
    classifier=ClassifierSettings.digits(),
    compared=1_000,
)

CIFAR10 = ImageExperiment(
    data="cifar10",
    reward="class",
    gamma=GAMMAS["class"],
    K=20,
    kept=2_500,
    iterations=10,
    model=FlowSettings.cifar10(),
    classifier=ClassifierSettings.cifar10(),
)
# Sized by the operations of the network for some 22 minutes on one H200-class GPU at 35 % of its
# matrix rate (`profile` estimates them on any device): 6 000 steps of 512 images, then 100 per
# round, and 8 evaluations of the network per image generated.
FAST = replace(
    FlowSettings.cifar10(),
    batch=512,
    steps=6_000,
    rate=5e-4,
    warm_steps=100,
    warm_rate=2e-4,
    rise=0.05,
    beta_2=0.99,
    average=0.999,
    fall="cosine",
    solver="adams",
    solver_steps=8,
    in_flight=2_500,
)
# In the order in which a record tells most, if it is cut short.
FOUR = {"class-pure": 10, "confidence-pure": 10, "confidence-mixed": 20, "class-mixed": 20}
CONTROLS = {f"{CONTROL}-pure": 10, f"{CONTROL}-mixed": 10}

PRESETS: dict[str, Preset] = {
    "digits-quick": Preset(
        "digits, class and confidence rewards, without and with real images; three seeds, of which "
        "one goes on with confidence and real images for twenty rounds; a control",
        _runs(DIGITS, dict.fromkeys(FOUR, 5), 3, GAMMAS)
        | _runs(DIGITS, {"confidence-mixed": 20, **dict.fromkeys(CONTROLS, 5)}, 1, GAMMAS),
    ),
    "cifar10-paper": Preset(
        "CIFAR-10 with the published sizes and 250 Euler steps; three seeds",
        _runs(CIFAR10, FOUR, 3, GAMMAS),
    ),
    "cifar10-fast": Preset(
        "ten rounds of three settings with shorter training and a few-step solver; one seed",
        _runs(
            replace(CIFAR10, model=FAST),
            dict.fromkeys(("class-pure", "confidence-pure", "confidence-mixed"), 10),
            1,
            GAMMAS,
        ),
    ),
    "cifar10-record": Preset(
        "the published rounds of all settings with the model of cifar10-fast; three seeds, and "
        "controls",
        _runs(replace(CIFAR10, model=FAST), {**FOUR, **CONTROLS}, 1, GAMMAS)
        | _runs(replace(CIFAR10, model=FAST), FOUR, 3, GAMMAS),
    ),
    "cifar10-smoke": Preset(
        "CIFAR-10 in a minute on a CPU: what it samples is noise",
        _runs(
            replace(
                CIFAR10,
                model=FlowSettings.smoke(),
                classifier=replace(ClassifierSettings.cifar10(), epochs=2, batch=32),
                limit=64,
                K=4,
                kept=8,
                compared=32,
                saved=16,
            ),
            dict.fromkeys((*FOUR, *CONTROLS), 1),
            1,
            GAMMAS,
        ),
    ),
}
