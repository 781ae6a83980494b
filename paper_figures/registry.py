"""Every figure of the package, by name, in the order in which they are made."""

from __future__ import annotations

from paper_figures import (
    choice_models,
    condensate_phase,
    digits_bias,
    exact_iterates_mixture,
    exact_iterates_moons,
    reward_and_limit,
    stability_bound,
)
from paper_figures.figure import PaperFigure

__all__ = ["FIGURES"]

FIGURES: dict[str, PaperFigure] = {
    module.FIGURE.name: module.FIGURE
    for module in (
        reward_and_limit,
        exact_iterates_mixture,
        exact_iterates_moons,
        digits_bias,
        stability_bound,
        condensate_phase,
        choice_models,
    )
}
"""Figures by name."""
