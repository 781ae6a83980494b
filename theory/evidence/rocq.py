r"""Machine-checked evidence: what Rocq's kernel has accepted of ``theory/proofs`` on this machine.

Checking a proof takes Rocq (Coq) and its libraries, and a minute. ``make proofs`` does it
(:mod:`theory.evidence.rocq_build`) and writes down which sources were checked, by their hashes, and
which axioms each theorem rests on. :func:`status` reads that record; it takes none that was made of
other sources, or by another version of Rocq than is installed. The record is a file like any other:
this guards against mistakes, not against someone who writes a record, or what was compiled, by
hand. Who doubts it deletes ``build/proofs`` and runs ``make proofs``.

What a theorem is called says nothing about what it says: its statement is in the record, and the
tests hold those that claims name to a list of hypotheses, and the definitions to computed values.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

SOURCES = Path(__file__).parents[1] / "proofs"
PACKAGES = (
    "coq",
    "libcoq-mathcomp-algebra-tactics",
    "libcoq-mathcomp-analysis",
    "libcoq-mathcomp-zify",
    "libcoq-coquelicot",
)
INSTALL = f"install Rocq and its libraries (on Debian: apt-get install {' '.join(PACKAGES)})"

# The axioms that a proof may rest on, by the library that assumes them: those that some proof
# needs, and no others. All are the classical logic that the real numbers of these libraries are
# built with; none speaks of this project.
ALLOWED_AXIOMS: Mapping[str, str] = {
    "ClassicalDedekindReals.sig_forall_dec": "standard library, Reals: a limited omniscience",
    "ClassicalDedekindReals.sig_not_dec": "standard library, Reals: weak excluded middle",
    "FunctionalExtensionality.functional_extensionality_dep": "standard library: functions with "
    "equal values are equal (Reals are functions)",
    "Classical_Prop.classic": "standard library: excluded middle",
    "Epsilon.epsilon_statement": "standard library: choice (used by Rstruct of mathcomp-analysis)",
}


def build_folder() -> Path:
    """Where proofs are built: ``build/proofs`` of the checkout, or of the current folder for an
    installed package."""
    checkout = SOURCES.parents[1]
    root = checkout if (checkout / "pyproject.toml").is_file() else Path.cwd()
    return root / "build" / "proofs"


@dataclass(frozen=True)
class Theorem:
    """A theorem that the kernel accepted: its statement as Rocq prints it, and its axioms."""

    statement: str
    axioms: tuple[str, ...]


@dataclass(frozen=True)
class Record:
    """What a build of the proofs found.

    Attributes
    ----------
    rocq
        Version of the program that checked.
    sources
        File name to SHA-256 of what was checked.
    theorems
        ``File.theorem`` to what was proved.
    problems
        Why the build does not count, one sentence each; empty if it does.
    seconds
        Wall time of the build.
    """

    rocq: str
    sources: Mapping[str, str]
    theorems: Mapping[str, Theorem]
    problems: tuple[str, ...]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return asdict(self)

    @classmethod
    def read(cls, path: Path) -> Record | None:
        """The record in a file; ``None`` if there is none or it cannot be read as one."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            theorems = {
                name: Theorem(theorem["statement"], tuple(theorem["axioms"]))
                for name, theorem in data["theorems"].items()
            }
            return cls(
                rocq=data["rocq"],
                sources=dict(data["sources"]),
                theorems=theorems,
                problems=tuple(data["problems"]),
                seconds=float(data["seconds"]),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None


@dataclass(frozen=True)
class RocqReport:
    """Whether named theorems are machine-checked here, in ``detail`` why or why not, and what those
    that are say, as Rocq prints it."""

    status: Literal["checked", "not rebuilt here", "failed"]
    detail: str
    statements: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return {
            "status": self.status,
            "detail": self.detail,
            "statements": dict(self.statements),
        }


def version() -> str | None:
    """The installed Rocq, ``"Coq 8.16.1"`` say; ``None`` if there is none that answers."""
    program = shutil.which("coqc")
    return None if program is None else _version(program)


@cache
def _version(program: str) -> str | None:
    try:
        answer = subprocess.run(
            [program, "--print-version"], stdout=subprocess.PIPE, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    words = answer.stdout.split()
    return f"Coq {words[0]}" if words else None


def source_files(sources: Path = SOURCES) -> list[Path]:
    """The Rocq sources, by name."""
    return sorted(sources.glob("*.v"))


def hashes(sources: Path = SOURCES) -> dict[str, str]:
    """SHA-256 of every file that decides what is proved."""
    files = [*source_files(sources), sources / "_CoqProject"]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def status(names: Sequence[str], sources: Path = SOURCES, folder: Path | None = None) -> RocqReport:
    """Whether Rocq has checked these theorems on this machine, from these very sources.

    Parameters
    ----------
    names
        Theorems as ``File.theorem``, at least one.
    sources
        Folder of the sources.
    folder
        Where they were built; :func:`build_folder` by default.

    Raises
    ------
    ValueError
        If no theorem is named.
    """
    if not names:
        raise ValueError("no theorem is named: give at least one, as File.theorem.")
    installed = version()
    if installed is None:
        return RocqReport("not rebuilt here", f"Rocq is not installed: {INSTALL}")
    record = Record.read((folder or build_folder()) / "record.json")
    if record is None:
        return RocqReport("not rebuilt here", "the proofs were not built: run make proofs")
    if record.rocq != installed:
        return RocqReport(
            "not rebuilt here",
            f"the proofs were checked by {record.rocq}, and {installed} is installed: "
            "run make proofs",
        )
    if dict(record.sources) != hashes(sources):
        return RocqReport(
            "not rebuilt here", "the proofs changed after they were built: run make proofs"
        )
    if record.problems:
        return RocqReport("failed", "; ".join(record.problems))
    if missing := [name for name in names if name not in record.theorems]:
        return RocqReport("failed", f"no theorem of this name is proved: {', '.join(missing)}")
    axioms = sorted({axiom for name in names for axiom in record.theorems[name].axioms})
    if foreign := [axiom for axiom in axioms if axiom not in ALLOWED_AXIOMS]:
        return RocqReport("failed", f"rests on axioms that are not allowed: {', '.join(foreign)}")
    basis = f"classical axioms of the libraries: {', '.join(axioms)}" if axioms else "no axioms"
    return RocqReport(
        "checked",
        f"{', '.join(names)} ({record.rocq}; {basis})",
        {name: record.theorems[name].statement for name in names},
    )
