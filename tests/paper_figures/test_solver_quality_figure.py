"""Few-step solvers against the reference, at reduced size."""

from __future__ import annotations

import numpy as np

from gpu_experiments.data import load
from gpu_experiments.flow import ImageFlow
from gpu_experiments.presets import PRESETS
from paper_figures import solver_quality, trained
from paper_figures.registry import FIGURES
from sim.runs import RunFolder
from sim.streams import Streams


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


def test_the_flow_is_the_one_that_all_runs_on_digits_begin_with():
    (run,) = solver_quality.experiments(FIGURES["solver_quality"].parameters).values()
    assert run.iterations == 0
    for other in PRESETS["digits-quick"].runs.values():
        assert (run.model, run.data, run.limit, run.pretraining) == (
            other.model,
            other.data,
            other.limit,
            other.pretraining,
        )


def test_what_a_run_ends_with_is_the_fit_of_its_own_pretraining(reduced, tmp_path):
    """The checkpoint's weights against those of a fit made here, from the same streams."""
    run = reduced["solver_quality"]["run"]
    assert [done.error for done in trained.run({"run": run}, tmp_path, 1)] == [""]
    flow = ImageFlow(run.model, (1, 8, 8))
    images = load("digits", split="train").subset(run.limit, Streams(0)("limit", False)).images
    flow.fit(images, Streams(0)("pretraining"))
    noise = flow.noise(5, Streams(1)("noise"))
    here = flow.transport(noise)
    flow.load(RunFolder(tmp_path / "run", run.as_json()).state()["generator"])
    # To the rounding of other numbers of threads.
    np.testing.assert_allclose(flow.transport(noise), here, atol=1e-4)
