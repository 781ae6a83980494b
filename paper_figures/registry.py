"""Every figure of the package, by name, in the order in which they are made.

A figure's module has its name. Modules whose libraries are not installed are left out, and
:data:`MISSING` says which library each of them lacks.
"""

from __future__ import annotations

from importlib import import_module

from paper_figures.figure import PaperFigure

__all__ = ["FIGURES", "MISSING"]

NAMES = (
    "curation_schematic",
    "reward_and_limit",
    "exact_iterates_mixture",
    "exact_iterates_moons",
    "digits_bias",
    "stability_bound",
    "reward_gain",
    "many_candidates",
    "envelope_and_lorenz",
    "condensate_phase",
    "choice_models",
    "trained_mixture",
    "trained_moons",
    "emptied_moon",
    "exact_and_trained",
    "gap_by_generator",
    "reward_learning",
    "over_optimisation",
    "finite_sample_bands",
    "reward_kl_frontier",
    "solver_quality",
    "digits_class_reward",
    "digits_confidence_reward",
    "digits_quality_class_reward",
    "digits_confidence_repeated",
    "digits_quality_with_real_data",
    "digits_independent_runs",
    "digits_choice",
    "digits_samples",
    "digits_theory_checks",
    "digits_control",
    "cifar10_class_reward",
    "cifar10_confidence_reward",
    "cifar10_quality_class_reward",
    "cifar10_confidence_repeated",
    "cifar10_quality_with_real_data",
    "cifar10_independent_runs",
    "cifar10_choice",
    "cifar10_samples",
    "cifar10_theory_checks",
    "cifar10_control",
)

OPTIONAL = ("torch", "torchcfm", "torchdiffeq", "diffusers")
"""Libraries of the extra ``sim``, which the figures of exact computations do without."""

FIGURES: dict[str, PaperFigure] = {}
"""Figures by name."""

MISSING: dict[str, str] = {}
"""Library that is not installed, by the name of a figure that needs it."""

for name in NAMES:
    try:
        FIGURES[name] = import_module(f"paper_figures.{name}").FIGURE
    except ModuleNotFoundError as error:
        if error.name not in OPTIONAL:
            raise
        MISSING[name] = error.name
