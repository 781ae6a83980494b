"""Few-step solvers against the reference, at reduced size."""

from __future__ import annotations

import numpy as np


def test_every_solver_tends_to_the_reference(computed):
    results = computed("solver_quality")
    budgets, difference = results["budgets"], results["difference"]
    assert difference.shape == results["distance"].shape == (5, 3)
    # From 2 to 32 evaluations a first-order error falls by 16, and the reference, which has one
    # itself, is 2 * 16 / 250 of the way: a factor of 4 leaves room for the early orders.
    assert (difference[:, -1] < difference[:, 0] / 4).all()
    assert (np.diff(budgets) > 0).all()


def test_with_many_steps_what_is_left_is_the_models_error(computed):
    results = computed("solver_quality")
    gap = np.abs(results["distance"][:, -1] - results["reference"])
    # The distance moves by what the images do: by Cauchy and Schwarz its root at most by the root
    # mean square difference of an image, of 64 pixels.
    shift = 8 * results["difference"][:, -1]
    root = np.sqrt(results["reference"])
    assert (gap <= shift * (2 * root + shift) + 1e-9).all()
    # A flow that has hardly been trained is further from the data than other real images.
    assert results["reference"] > results["real"]
