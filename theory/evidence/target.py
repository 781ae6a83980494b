r"""What a falsifier attacks: a claim of the library, a false twin of one, or a claim in a file.

A target is named, not held: processes and machines that share a search each resolve the name, or
the text of the file, for themselves.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from theory.claims import Claim, FalseTwin, claims, load_claim
from theory.evidence import scale
from theory.evidence.family import Family
from theory.evidence.judge import SidesOf
from theory.evidence.run import OutOfReach, Run
from theory.evidence.search import float_score
from theory.evidence.sides import Sides
from theory.evidence.subject import Subject
from theory.evidence.verify import extremal_cases

# Loops on which a claim file is tried before it is searched, and significant digits of each.
TRIALS = 20
DIGITS = 3


class BadClaimFile(ValueError):
    """A user's claim file that is missing, fails to load or says nothing that can be compared; the
    message is one sentence."""


@dataclass(frozen=True)
class Target:
    """The name of a statement: a claim's id or file, and perhaps one of its false twins.

    ``text`` is the content of the file, for machines that do not have it; ``None`` for an id.
    """

    claim: str
    twin: str | None = None
    text: str | None = None

    def statement(self, library: Mapping[str, Claim] = claims) -> Statement:
        """The statement itself.

        Raises
        ------
        KeyError
            When the library has no such claim, or the claim no such twin.
        BadClaimFile
            When the file cannot be used.
        """
        claim = library[self.claim] if self.text is None else _from_file(self.claim, self.text)
        twins = {twin.name: twin for twin in claim.false_twins}
        return Statement(claim, None if self.twin is None else twins[self.twin], self.file)

    @property
    def file(self) -> str | None:
        """The file that the claim is defined in, as it was named."""
        return None if self.text is None else self.claim


@dataclass(frozen=True)
class Statement:
    """A claim, or one of its false twins, as something to search for counterexamples to."""

    claim: Claim
    twin: FalseTwin | None
    file: str | None = None

    @property
    def label(self) -> str:
        """Claim and twin in a few words."""
        return self.claim.id if self.twin is None else f"{self.claim.id}, twin {self.twin.name!r}"

    @property
    def says(self) -> str:
        """What it says, in plain words."""
        return self.claim.plain if self.twin is None else self.twin.says

    @property
    def sides(self) -> SidesOf:
        """Its comparisons; those of a user's file are watched for what they must not do."""
        sides = self.claim.sides if self.twin is None else self.twin.sides
        return sides if self.file is None else partial(_watched, sides, Path(self.file).name)

    @property
    def subject(self) -> Subject:
        """What it speaks about."""
        return self.claim.subject if self.twin is None else self.claim.twin_subject(self.twin)

    @property
    def family(self) -> Family | None:
        """The loops it speaks about; ``None`` when it speaks of something else."""
        twin = self.twin
        family = self.claim.family if twin is None or twin.family is None else twin.family
        return family if isinstance(family, Family) else None

    @property
    def has_unit(self) -> bool:
        """Whether it depends on the unit of the weights, as a user's claim may by mistake."""
        if self.file is None or self.family is None:
            return False
        return scale.matters(self.sides, self.family)

    def starts(self) -> list[Any]:
        """Cases to try first: known counterexamples, and for a twin the claim's extremal ones."""
        known = [] if self.claim.counterexample is None else [self.claim.counterexample]
        # Extremal instances belong to the claim's family, perhaps not to the twin's own.
        if self.twin is not None and self.twin.family is not None:
            return known
        return known + extremal_cases(self.claim)


def read_claim_file(path: Path) -> str:
    """The text of a claim file that has been loaded and tried once.

    Raises
    ------
    BadClaimFile
        When it is missing, fails to load, does not define one claim, or its sides fail.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise BadClaimFile(f"{path} cannot be read ({reason}): give a Python file.") from None
    statement = Target(str(path), text=text).statement()
    if not all(hasattr(statement.subject, need) for need in ("draw", "check", "refute")):
        raise BadClaimFile(
            f"{path.name}: its family is {statement.claim.family!r}: give a Family(…)."
        )
    if statement.family is not None:
        _try_out(statement.sides, statement.family, path.name)
    return text


def _try_out(sides: SidesOf, family: Family, name: str) -> None:
    rng = np.random.default_rng(0)
    try:
        instances = [family.rounded(family.draw(rng), DIGITS) for _ in range(TRIALS)]
        instances += family.corners()
    except (TypeError, ValueError, ArithmeticError) as error:
        raise BadClaimFile(f"{name}: its family has no loops ({one_line(error)})") from None
    seen: list[str] = []

    def told(run: Run) -> Iterator[Sides]:
        for entry in sides(run):
            seen.append("nothing that is a number")
            if np.isfinite(np.asarray(entry.margin, dtype=float)).any():
                seen.append("")
            yield entry

    try:
        for instance in instances[:TRIALS]:
            float_score(told, family, instance)
    except BadClaimFile:
        raise
    except (TypeError, ValueError) as error:
        raise BadClaimFile(
            f"{name}: its sides are not numbers that can be compared ({one_line(error)})."
        ) from None
    if "" not in seen:
        raise BadClaimFile(
            f"{name}: its sides compare {seen[-1] if seen else 'nothing'} on {TRIALS} loops of its "
            "family: yield a comparison of numbers for some round."
        )


@lru_cache(maxsize=8)
def _from_file(name: str, text: str) -> Claim:
    path = Path(name)
    try:
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            return load_claim(path)
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / path.name
            copy.write_text(text, encoding="utf-8")
            return load_claim(copy)
    except (Exception, SystemExit) as error:
        if isinstance(error, ValueError) and str(error).startswith(path.name):
            raise BadClaimFile(one_line(error)) from None
        raise BadClaimFile(
            f"{name} cannot be loaded ({type(error).__name__}: {one_line(error)})."
        ) from None


def _watched(sides: Callable[[Run], Any], name: str, run: Run) -> Iterator[Sides]:
    """The comparisons of a user's claim; whatever goes wrong in them is told in one sentence."""
    setting = f"at K = {run.K}, λ = {run.exact_lam}"
    try:
        comparisons = sides(run)
        if not hasattr(comparisons, "__iter__"):
            raise BadClaimFile(
                f"{name}: its sides gave {comparisons!r} {setting}: yield Sides.at_least(…), "
                "Sides.at_most(…) or Sides.equal(…)."
            )
        for entry in comparisons:
            if not isinstance(entry, Sides):
                raise BadClaimFile(
                    f"{name}: its sides gave a {type(entry).__name__} {setting}: yield "
                    "Sides.at_least(…), Sides.at_most(…) or Sides.equal(…)."
                )
            if not (isinstance(entry.t, int) and 0 <= entry.t <= run.steps):
                raise BadClaimFile(
                    f"{name}: the round of its sides is {entry.t!r} {setting}: give a whole number "
                    f"from 0 to run.steps = {run.steps}."
                )
            yield entry
    except (BadClaimFile, OutOfReach):
        raise
    except (Exception, SystemExit) as error:
        raise BadClaimFile(
            f"{name}: its sides raised {type(error).__name__} {setting} ({one_line(error)})."
        ) from None


def one_line(error: BaseException) -> str:
    """The error's message without line breaks."""
    return " ".join(str(error).split()) or "no reason given"
