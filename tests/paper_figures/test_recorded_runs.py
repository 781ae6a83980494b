"""The recorded runs on CIFAR-10 obey what the theory says of them, with every exception stated."""

from __future__ import annotations

import json

import pytest

from gpu_experiments.theory_checks import check_bands, check_run
from paper_figures import image_runs
from sim.runs import CONFIG

RUNS = sorted(path.parent for path in image_runs.RECORDED.glob(f"*/{CONFIG}"))
EXCEPTIONS = image_runs.RECORDED / "exceptions.json"
"""Causes of what is not as the theory says, by the run and the name of the check or statistic."""


@pytest.fixture(scope="module", autouse=True)
def _recorded():
    if not RUNS:
        pytest.skip("no run on CIFAR-10 has been recorded yet")


@pytest.fixture(scope="module")
def causes():
    """Of the exceptions, in words."""
    return json.loads(EXCEPTIONS.read_text()) if EXCEPTIONS.exists() else {}


def test_every_run_is_as_the_theory_says_or_the_cause_is_stated(causes):
    failing = {
        (path.name, finding.check)
        for path in RUNS
        for finding in check_run(path)
        if not finding.holds
    }
    assert failing <= {(run, check) for run, stated in causes.items() for check in stated}


def test_every_statistic_is_in_its_band_or_the_cause_is_stated(causes):
    outside = {
        (path.name, each.statistic)
        for path in RUNS
        for each in check_bands(path, image_runs.predicted([path]))[0]
    }
    assert outside <= {(run, check) for run, stated in causes.items() for check in stated}
