"""What recorded runs do that the theory does not say of them, and the causes that were stated.

``exceptions.json``, beside the recorded runs, has a sentence for each: by the name of the run and
of the check (:mod:`gpu_experiments.theory_checks`) or of the statistic that leaves its band.
"""

from __future__ import annotations

import json
from pathlib import Path

from gpu_experiments.theory_checks import check_bands, check_run
from paper_figures import image_runs

__all__ = ["EXCEPTIONS", "causes", "exceptions", "unexplained"]

EXCEPTIONS = "exceptions.json"
"""File of the stated causes."""


def exceptions(run: Path) -> list[str]:
    """Checks that a recorded run fails, and statistics of it that leave their band in a round."""
    outside, _ = check_bands(run, image_runs.predicted([run]))
    return sorted(
        {finding.check for finding in check_run(run) if not finding.holds}
        | {each.statistic for each in outside}
    )


def causes(record: Path) -> dict[str, dict[str, str]]:
    """Stated causes by the name of the run and of what is excepted; none without a file."""
    file = record / EXCEPTIONS
    found: dict[str, dict[str, str]] = json.loads(file.read_text()) if file.exists() else {}
    return found


def unexplained(run: Path) -> list[str]:
    """Exceptions of a run in its record that no cause, a text that is not empty, is stated of."""
    stated = causes(run.parent).get(run.name, {})
    return [name for name in exceptions(run) if not stated.get(name, "").strip()]
