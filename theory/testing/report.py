"""What a conformance check found: one sentence per property, and whether it holds."""

from __future__ import annotations

from dataclasses import dataclass


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
