"""Every figure at reduced size, computed and drawn once for all tests."""

from __future__ import annotations

import dataclasses

import pytest

from gpu_experiments.experiment import Places
from gpu_experiments.flow import FlowSettings
from gpu_experiments.presets import CONTROLS, PRESETS
from paper_figures import emptied_moon, image_runs, style, trained
from paper_figures.exact_and_trained import Case
from paper_figures.gap_by_generator import Source
from paper_figures.keep import keep
from paper_figures.registry import FIGURES
from paper_figures.trained_iterates import Parameters as Iterates
from sim.comparison import EMPIRICAL, EXACT
from sim.three_stages import Settings
from tests.paper_figures.synthetic_images import write_run

# Fields of short runs with few samples, and of a flow that is not trained to the end.
SMALL = (("kept", "300"), ("real", "600"), ("iterations", "2"))
SHORT = (("model.steps", "150"), ("model.warm_steps", "50"), ("model.ode_steps", "20"))

# Figures of runs on images, and the settings of the runs that they read.
IMAGE_FIGURES = {
    "class_reward": image_runs.settings(("class",)),
    "confidence_reward": image_runs.settings(("confidence",)),
    "quality_class_reward": image_runs.settings(("class",)),
    "confidence_repeated": image_runs.settings(("confidence",)),
    "quality_with_real_data": image_runs.settings(ratios=("mixed",)),
    "independent_runs": image_runs.settings(),
    "choice": image_runs.settings(),
    "samples": image_runs.settings(),
    "theory_checks": image_runs.settings(),
    "control": (*image_runs.settings(), *CONTROLS),
}

# Runs on few digits with networks that are hardly trained, two of each setting; those that go on
# for longer go on for a round.
TINY = {
    name: dataclasses.replace(
        run,
        model=FlowSettings.smoke(),
        classifier=dataclasses.replace(run.classifier, epochs=1),
        limit=60,
        kept=8,
        iterations=2 + (run.iterations > 5),
        compared=16,
        saved=16,
        places=Places(device="cpu"),
    )
    for name, run in PRESETS["digits-quick"].runs.items()
    if run.seed < 2
}

REDUCED = {
    "curation_schematic": {"side": 200, "drawn": 1000},
    "reward_and_limit": {"side": 90},
    "exact_iterates_mixture": {"side": 60},
    "exact_iterates_moons": {"side": 60},
    "digits_bias": {"rounds": 40},
    "stability_bound": {
        "fractions": (0.5, 1.0),
        "ranges": (1.0, 64.0),
        "atoms": 200,
        "rounds": 25,
        "curve": 12,
    },
    "reward_gain": {
        "laws": 60,
        "rounds": 3,
        "ranges": 3,
        "levels": 4,
        "shown_rounds": 3,
        "lams": 3,
    },
    "many_candidates": {"doublings": 12, "atoms": 30, "fitted": 7, "rounds": (1, 3)},
    "envelope_and_lorenz": {
        "ranges": (1.0, 16.0),
        "measured_ranges": (1.0, 4.0, 16.0),
        "mixed_rounds": (1, 4),
        "atoms": 120,
        "rounds": 80,
    },
    "condensate_phase": {
        "side": 15,
        "cells": 800,
        "checked_sharpness": (1.0, 4.0),
        "checked_lam": (0.05, 0.5, 5.0),
        "checked_cells": 6000,
        "checked_rounds": 1000,
    },
    "choice_models": {
        "ids": ("lemma-2.2", "theorem-2.2", "theorem-2.4-sharp", "no-curation"),
        "runs": 60,
    },
    "over_optimisation": {
        "side": 41,
        "sizes": (50, 200),
        "repeats": 2,
        "penalties": (8.0, 0.01, 12),
        "best_of": (0, 2, 5),
    },
    "reward_learning": {
        "sizes": (200, 800),
        "repeats": 3,
        "other_sizes": (200, 800),
        "other_repeats": 2,
        "many": 10_000,
        "steep_size": 1600,
        "steep_repeats": 3,
        "shown": 10_000,
    },
    "finite_sample_bands": {
        "kept": (50, 200, 400),
        "seeds": (20, 15, 12),
        "rounds": 8,
        "side": 100,
        "levels": 40,
    },
    "reward_kl_frontier": {
        "trained": Settings(
            pretraining=400, fresh=200, comparisons=50, kept=400, measured=400, generator="gaussian"
        ),
        "seeds": 2,
        "curve": 40,
    },
    "trained_mixture": {"seeds": (0, 1), "shown": (0, 2), "fields": (*SMALL, *SHORT)},
    "trained_moons": {"seeds": (0, 1), "shown": (0, 2), "fields": (*SMALL, *SHORT)},
    "emptied_moon": {
        "runs": Iterates("moons", (0, 1), (0, 2), (*emptied_moon.RUNS.fields, *SMALL, *SHORT)),
        "simulated": 200,
    },
    "exact_and_trained": {
        "cases": (
            Case(Iterates("mixture", (0, 1), (0, 2), (*SMALL, *SHORT)), "pure", 2, "mixture"),
            Case(Iterates("moons", (0, 1), (0, 2), (*SMALL, *SHORT)), "mixed", 2, "moons"),
        ),
        "points": 19,
    },
    "solver_quality": {
        "run": dataclasses.replace(
            TINY["class-pure-0"],
            model=dataclasses.replace(FlowSettings.smoke(), steps=20, batch=32, piece=32),
            iterations=0,
        ),
        "images": 40,
        "budgets": (2, 8, 32),
    },
    **{
        f"digits_{kind}": {
            "runs": tuple(TINY[name] for name in TINY if name.rpartition("-")[0] in settings)
        }
        for kind, settings in IMAGE_FIGURES.items()
    },
    **{f"cifar10_{kind}": {} for kind in IMAGE_FIGURES},
    "gap_by_generator": {
        "seeds": (0, 1, 2),
        "fields": (("kept", "1000"), ("real", "2000"), ("iterations", "2")),
        "sources": (
            Source(EXACT, "exact"),
            Source(EMPIRICAL, "empirical"),
            Source("one Gaussian", "gaussian"),
            Source("kernel", "kernel"),
        ),
    },
}


@pytest.fixture(scope="session")
def reduced():
    """Parameters that differ from a figure's own, by its name."""
    return REDUCED


@pytest.fixture(scope="session")
def synthetic_record(tmp_path_factory):
    """Runs of two seeds, of the length of the published ones, as they are kept when recorded."""
    runs, record = tmp_path_factory.mktemp("image-runs"), tmp_path_factory.mktemp("record")
    for reward in image_runs.REWARDS:
        for ratio, iterations in (("pure", 10), ("mixed", 20)):
            for seed in (0, 1):
                path = write_run(runs, reward, ratio, seed, iterations)
                keep(path, "one made-up GPU with 7 cores", record)
    for control, iterations in CONTROLS.items():
        path = write_run(runs, *control.split("-"), 0, iterations)
        keep(path, "one made-up GPU with 7 cores", record)
    return record


def _content(folders):
    """Every file of the runs by its path."""
    runs = [path for given in folders for path in given.values()]
    return {file: file.read_bytes() for run in runs for file in run.rglob("*") if file.is_file()}


@pytest.fixture(scope="session")
def computed(tmp_path_factory, synthetic_record):
    """Results of a figure at reduced size."""
    memory = {}
    runs = tmp_path_factory.mktemp("runs")

    def results(name):
        if name not in memory:
            figure = FIGURES[name]
            parameters = dataclasses.replace(figure.parameters, **REDUCED[name])
            folders = ()
            if figure.record is not None:
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr(image_runs, "RECORDED", synthetic_record)
                    folders = (figure.record(parameters),)
            if figure.experiments is not None:
                wanted = figure.experiments(parameters)
                for done in trained.run(trained.missing(wanted, runs), runs, 1):
                    assert not done.error
                folders = ({key: trained.folder(each, runs) for key, each in wanted.items()},)
            before = _content(folders)
            memory[name] = figure.compute(parameters, *folders)
            # A figure reads runs: one that changes them makes them be run again.
            assert _content(folders) == before
        return memory[name]

    return results


@pytest.fixture(scope="session")
def drawn(computed):
    """A figure drawn from its reduced results."""
    memory = {}

    def draw(name):
        if name not in memory:
            with style.rc():
                memory[name] = FIGURES[name].draw(computed(name))
        return memory[name]

    return draw
