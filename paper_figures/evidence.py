"""Verdicts on the claims that the gallery shows: checked here, kept while they can be trusted.

The verdicts are those of ``python -m theory verify``: the same checks on the same instances
(:func:`theory.evidence.verify.verify_all`). The report on each claim is one JSON file with a *key*,
a hash of everything that a check depends on: the sources of ``theory`` and of its Rocq proofs, the
record of the proofs' build, and the versions of Rocq, Python and the libraries. A report under
another key says nothing about today's code and is made again.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

import theory
from paper_figures.results import installed, write_atomically
from theory.claims.claim import Claim
from theory.evidence import rocq
from theory.evidence.verdict import Status
from theory.evidence.verify import verify_all

__all__ = ["TIME", "Checked", "check", "key", "overview", "read", "report_file", "saved"]

LIBRARIES = ("numpy", "scipy", "sympy", "python-flint", "z3-solver", "numba")
"""What checks are computed with."""

SOURCES = Path(theory.__file__).parent

TIME = "%Y-%m-%d %H:%M %Z"
"""How times of day are written."""

STOOD = {
    "theorem": "{} theorem{} stand{}",
    "conjecture": "{} conjecture{} not refuted",
    "refuted": "{} statement{} refuted, as said",
}
"""What became of claims of each standing, where nothing speaks against them."""


@dataclass(frozen=True)
class Checked:
    """The report on one claim.

    Attributes
    ----------
    report
        As :meth:`theory.evidence.report.Report.to_json` gives it.
    time
        When it was made, local time, to the minute.
    """

    report: Mapping[str, Any]
    time: str

    @property
    def id(self) -> str:
        """Id of the claim."""
        return str(self.report["id"])

    @property
    def holds(self) -> bool:
        """Whether the claim stands as what it says it is."""
        return bool(self.report["holds"])

    @property
    def strongest(self) -> str:
        """The strongest evidence for the whole claim, "none" without any."""
        return self.report["strongest"] or "none"

    @property
    def refuted_twins(self) -> int:
        """How many of the false twins were refuted."""
        return sum(twin["refuted"] for twin in self.report["twins"])

    @property
    def decided(self) -> int:
        """On how many instances it was decided."""
        found = [self.report["counterexample"] or [], *self.report["verdicts"]]
        return sum(verdict["status"] != Status.OUT_OF_REACH for verdict in found if verdict)


def key(sources: Path = SOURCES) -> str:
    """Hash of all that checks depend on, those of the proofs included: 64 hexadecimal digits."""
    hasher = hashlib.sha256()
    stated = [f"{name} {installed(name)}" for name in LIBRARIES]
    stated += [f"python {platform.python_version()}", f"rocq {rocq.version()}"]
    hasher.update("\n".join(stated).encode())
    proofs = sources / "proofs"
    files = [*sources.rglob("*.py"), *proofs.glob("*.v"), proofs / "_CoqProject"]
    places = {path.relative_to(sources).as_posix(): path for path in sorted(files)}
    places["record of the build"] = rocq.build_folder() / "record.json"
    for place, path in places.items():
        with suppress(FileNotFoundError):  # proofs that were not built here
            hasher.update(place.encode() + b"\0" + path.read_bytes() + b"\0")
    return hasher.hexdigest()


def report_file(identifier: str, results: Path) -> Path:
    """File of the report on a claim, below the folder of the results."""
    return results / "claims" / f"{identifier}.json"


def saved(ids: Iterable[str], results: Path, stamp: str) -> dict[str, Checked]:
    """Reports that were made under a key, by the ids of the claims."""
    found = {}
    for identifier in ids:
        content = read(identifier, results)
        if content.get("key") == stamp:
            found[identifier] = Checked(content["report"], content["time"])
    return found


def read(identifier: str, results: Path) -> Mapping[str, Any]:
    """Content of a claim's file, under whatever key; empty if there is none that can be read."""
    try:
        content = json.loads(report_file(identifier, results).read_bytes())
        return content if {"key", "time", "report"} <= content.keys() else {}
    except (OSError, ValueError, AttributeError):
        return {}


def check(
    claims: Sequence[Claim], results: Path, stamp: str, processes: int
) -> Iterator[tuple[str, Checked]]:
    """Check claims, several at a time, and save the report on each, in their order.

    Parameters
    ----------
    claims
        The claims.
    results
        Folder of the saved results.
    stamp
        The :func:`key`, taken when the process began: its code is what was read then.
    processes
        Claims at a time.
    """
    # One thread of linear algebra, as `python -m theory verify` has it: the matrices are tiny.
    with threadpool_limits(1):
        for report in verify_all(claims, processes=processes):
            time = datetime.now().astimezone().strftime(TIME)
            checked = Checked(report.to_json(), time)
            content = {"key": stamp, "time": time, "report": checked.report}
            text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
            write_atomically(report_file(report.id, results), text.encode())
            yield report.id, checked


def overview(checked: Iterable[Checked]) -> str:
    """In one line what became of the claims: "26 claims: 24 theorems stand, 2 conjectures not
    refuted"."""
    reports = [*checked]
    parts = []
    for standing, words in STOOD.items():
        number = sum(each.holds and each.report["standing"] == standing for each in reports)
        if number:
            parts.append(words.format(number, *(("", "s") if number == 1 else ("s", ""))))
    if fallen := sum(not each.holds for each in reports):
        parts.append(f"{fallen} did not stand")
    total = f"{len(reports)} claim{'' if len(reports) == 1 else 's'} checked"
    return f"{total}: {', '.join(parts)}" if parts else total
