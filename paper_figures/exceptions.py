"""What recorded runs do that the theory does not say of them, and the causes that were stated.

Of hundreds of statistics some are outside their bands by chance, which is their cause: an exception
is what chance does not do to any of a run's once in a thousand times. ``exceptions.json``, beside
the recorded runs, has a sentence for each: by the name of the run and of the check
(:mod:`gpu_experiments.theory_checks`) or of the statistic that leaves its band.
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
    """Checks that a recorded run fails, and statistics that leave their bands beyond chance."""
    outside, _ = check_bands(run, image_runs.predicted([run]))
    return sorted(
        {finding.check for finding in check_run(run) if not finding.holds}
        | {each.statistic for each in outside if not each.by_chance}
    )


def causes(record: Path) -> dict[str, dict[str, str]]:
    """Stated causes by the name of the run and of what is excepted; none without a file.

    Raises
    ------
    ValueError
        For a file of another form.
    """
    file = record / EXCEPTIONS
    if not file.exists():
        return {}
    try:
        found: dict[str, dict[str, str]] = json.loads(file.read_text(encoding="utf-8"))
        formed = all(isinstance(text, str) for each in found.values() for text in each.values())
    except (ValueError, AttributeError):
        formed = False
    if not formed:
        raise ValueError(f'{file} is not of the form {{"RUN": {{"NAME": "CAUSE"}}}}: mend it.')
    return found


def unexplained(run: Path) -> list[str]:
    """Exceptions of a run in its record that no cause, a text that is not empty, is stated of."""
    stated = causes(run.parent).get(run.name, {})
    return [name for name in exceptions(run) if not stated.get(name, "").strip()]
