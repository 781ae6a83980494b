"""What a conformance check found: one sentence per property, and whether it holds."""

from __future__ import annotations

import math
import operator
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Candidates of one check: a few copies of 400 MB.
MOST_CANDIDATES = 5e7


@dataclass(frozen=True)
class Finding:
    """One property: what was checked, whether it holds, and what was seen."""

    check: str
    passed: bool
    message: str

    def __str__(self) -> str:
        return f"{'ok  ' if self.passed else 'FAIL'}  {self.check}: {self.message}"


@dataclass(frozen=True)
class Conformance:
    """All findings about one piece of code.

    Attributes
    ----------
    subject
        What was checked, e.g. ``"curator select"``.
    findings
        In the order of the checks.
    false_alarm
        Upper bound on the probability that code without fault fails any of the statistical checks.
    """

    subject: str
    findings: tuple[Finding, ...]
    false_alarm: float

    @property
    def passed(self) -> bool:
        """Whether every property holds."""
        return all(finding.passed for finding in self.findings)

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The properties that do not hold."""
        return tuple(finding for finding in self.findings if not finding.passed)

    def __str__(self) -> str:
        verdict = "conforms" if self.passed else "DOES NOT CONFORM"
        head = f"{self.subject} {verdict} (false-alarm rate at most {self.false_alarm:.0e})"
        return "\n".join([head, *(f"  {finding}" for finding in self.findings)])

    def require(self) -> None:
        """Raise ``AssertionError`` with the whole report unless every property holds."""
        if not self.passed:
            raise AssertionError(str(self))


class Misbehaved(Exception):
    """The code under test raised, or returned what cannot be read; the message says which."""


def called(function: Callable[..., Any], *arguments: Any) -> Any:
    """The function's result.

    Raises
    ------
    Misbehaved
        When it raises: the error and the line that it comes from.
    """
    try:
        return function(*arguments)
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{PurePath(frame.filename).name}:{frame.lineno}"
        raise Misbehaved(f"raised {type(error).__name__}: {error} ({place})") from error


def as_array(value: Any) -> NDArray[Any]:
    """What was returned, as an array.

    Raises
    ------
    Misbehaved
        When it is none: nothing, or rows of unequal length.
    """
    if value is None:
        raise Misbehaved("returned None: a return statement may be missing")
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise Misbehaved(f"returned a {type(value).__name__} that is no array: {error}") from error
    if array.dtype.kind not in "biuf":
        raise Misbehaved(f"returned a {type(value).__name__} that is no array of numbers")
    return array


def check_callable(function: Any, what: str) -> None:
    """Refuse what cannot be called.

    Raises
    ------
    TypeError
        Saying what should be a function.
    """
    if not callable(function):
        raise TypeError(f"{what} is {function!r}, not a function: give the function itself.")


def check_size(groups: Any, K: float, least: int = 100) -> None:
    """Refuse numbers of groups that decide nothing or do not fit in memory.

    Raises
    ------
    ValueError
        When K is infinite, or groups is no whole number of at least ``least``, or there would be
        too many candidates.
    """
    if K == math.inf:
        raise ValueError("K = inf has no groups to sample: give a whole number of candidates.")
    try:
        groups = operator.index(groups)
    except TypeError:
        raise ValueError(f"groups = {groups!r} is not a whole number.") from None
    if groups < least:
        raise ValueError(f"groups = {groups} decides nothing: give at least {least}.")
    if groups * K > MOST_CANDIDATES:
        raise ValueError(
            f"groups * K = {groups * K:.0f} candidates do not fit in memory: give fewer groups, "
            f"at most {int(MOST_CANDIDATES / K)}."
        )


def check_false_alarm(false_alarm: float) -> float:
    """The rate itself.

    Raises
    ------
    ValueError
        When it is not between 0 and 1.
    """
    if not 0 < false_alarm < 1:
        raise ValueError(
            f"false_alarm = {false_alarm} is not a probability between 0 and 1: a common "
            "choice is 1e-6."
        )
    return false_alarm
