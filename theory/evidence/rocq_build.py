r"""Builds the proofs and records what Rocq found: ``make proofs``.

Three programs look at each file. ``coqc`` compiles it; ``coqchk``, an independent checker of the
compiled proofs, lists what is assumed without proof (an ``Axiom``, a ``Parameter``, an ``Admitted``
proof, a check switched off), of which nothing may be ours; and ``Print Assumptions`` lists the
axioms of each theorem, of which only those of the libraries in
:data:`theory.evidence.rocq.ALLOWED_AXIOMS` may occur.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from theory.evidence.rocq import (
    ALLOWED_AXIOMS,
    INSTALL,
    SOURCES,
    Record,
    Theorem,
    build_folder,
    hashes,
    source_files,
    version,
)

JOBS = 2
# Longer than any sane build; a tactic that loops ends here.
TIME_LIMIT = 1_800
# How coqc ends its complaint about a library that is not installed.
MISSING_LIBRARY = re.compile(r"with prefix (mathcomp|Coquelicot)\b")
# How Rocq complains about what an interrupted build has left behind, or one by another version of
# it or of its libraries.
UNUSABLE = re.compile(r"premature end of file|bad version number|inconsistent assumptions")


class BuildFailed(Exception):
    """Rocq did not accept the proofs; the message says what it said."""


def build(
    sources: Path = SOURCES,
    folder: Path | None = None,
    tell: Callable[[str], None] = lambda line: None,
    limit: float = TIME_LIMIT,
) -> Record:
    """Compile and check all proofs, and write the record, also of a failure.

    Parameters
    ----------
    sources
        Folder with the ``.v`` files and ``_CoqProject``; nothing is written into it.
    folder
        Where to build; :func:`theory.evidence.rocq.build_folder` by default.
    tell
        Receives the lines that show progress.
    limit
        Seconds that each of the programs may take.

    Raises
    ------
    FileNotFoundError
        If Rocq is not installed, or there is nothing to build.
    OSError
        If the folder cannot be written.
    """
    for program in ("coqc", "coqchk", "coq_makefile", "make"):
        if shutil.which(program) is None:
            raise FileNotFoundError(f"{program} was not found: {INSTALL}.")
    files = source_files(sources)
    if not files:
        raise FileNotFoundError(f"no Rocq sources (*.v) in {sources}.")
    folder = folder or build_folder()
    began = time.perf_counter()
    theorems: dict[str, Theorem] = {}
    _copy([*files, sources / "_CoqProject"], folder)
    # Of what is compiled: the sources may change meanwhile.
    sums = hashes(folder)
    try:
        modules = [file.stem for file in files]
        _compile(modules, folder, tell, limit)
        theorems = _theorems(modules, folder, limit)
        problems = [*_assumed(modules, folder, limit), *_foreign(theorems)]
    except BuildFailed as failure:
        problems = [str(failure)]
    record = Record(
        rocq=version() or "a Rocq that does not tell its version",
        sources=sums,
        theorems=theorems,
        problems=tuple(problems),
        seconds=round(time.perf_counter() - began, 2),
    )
    text = json.dumps(record.to_json(), indent=1, ensure_ascii=False)
    (folder / "record.json").write_text(text + "\n", encoding="utf-8")
    return record


def _copy(files: Sequence[Path], folder: Path) -> None:
    """Mirror the sources, leaving unchanged files untouched so that make knows what to redo."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "record.json").unlink(missing_ok=True)
    names = {file.name for file in files}
    for old in folder.glob("*.v"):
        if old.name not in names:
            for product in folder.glob(f"{old.stem}.*"):
                product.unlink()
    for file in files:
        target, content = folder / file.name, file.read_bytes()
        if not target.is_file() or target.read_bytes() != content:
            target.write_bytes(content)


def _run(
    command: Sequence[str],
    folder: Path,
    limit: float,
    tell: Callable[[str], None] = lambda line: None,
) -> str:
    """Output of a program, its errors included; raises what it says if it fails, and ends it with
    all that it started when it takes longer than ``limit`` seconds."""
    said: list[str] = []
    # What an outer make tells its children (its job server, -n, ...) must not reach into ours.
    outer = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")
    with subprocess.Popen(
        command,
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name not in outer},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        late = threading.Event()
        watch = threading.Timer(limit, _end, (process.pid, late))
        watch.start()
        try:
            assert process.stdout is not None
            for line in process.stdout:
                said.append(line)
                tell(line.rstrip())
        except BaseException:
            _end(process.pid, late)
            raise
        finally:
            watch.cancel()
    if late.is_set():
        raise BuildFailed(f"{command[0]} did not end within {limit:g} s: {''.join(said[-1:])}")
    if process.returncode:
        raise BuildFailed(_complaint(command[0], "".join(said)))
    return "".join(said)


def _end(group: int, late: threading.Event) -> None:
    late.set()
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _complaint(program: str, output: str) -> str:
    """The first error, with the place that Rocq names just above it."""
    lines = [line.strip() for line in output.splitlines() if not line.startswith("make")]
    at = next((i for i, line in enumerate(lines) if line.startswith("Error")), len(lines))
    said = " ".join(lines[max(at - 1, 0) : at + 6]).strip()
    remedy = f"; {INSTALL}" if MISSING_LIBRARY.search(said) else ""
    return f"{program} failed: {said or 'without a word'}{remedy}"


def _compile(
    modules: Sequence[str], folder: Path, tell: Callable[[str], None], limit: float
) -> None:
    _library(folder)
    sources = [f"{module}.v" for module in modules]
    _run(["coq_makefile", "-f", "_CoqProject", *sources, "-o", "CoqMakefile"], folder, limit)
    make = ["make", "-f", "CoqMakefile", f"-j{JOBS}"]
    try:
        _run(make, folder, limit, tell)
    except BuildFailed as failure:
        if not UNUSABLE.search(str(failure)):
            raise
        tell("What an earlier build left behind cannot be used: building anew.")
        for compiled in folder.glob("*.vo*"):
            compiled.unlink()
        _run(make, folder, limit, tell)


def _library(folder: Path) -> tuple[list[str], str]:
    """The load path of ``_CoqProject``, and the name of our library in it.

    Options can switch checks off, or bring in files that nobody looks at: beside the load path,
    only warnings may be chosen."""
    options = shlex.split((folder / "_CoqProject").read_text(encoding="utf-8"), comments=True)
    path, rest = options[:3], options[3:]
    if (
        len(path) < 3
        or path[0] not in ("-Q", "-R")
        or path[1] != "."
        or (rest and rest[:-1] != ["-arg", "-w", "-arg"])
    ):
        raise BuildFailed(
            f"_CoqProject says {' '.join(options) or 'nothing'!r}: let it say '-Q . Name', and at "
            "most '-arg -w -arg' with a choice of warnings"
        )
    return path, path[2]


def _assumed(modules: Sequence[str], folder: Path, limit: float) -> Iterator[str]:
    """What our files assume without proof, according to the independent checker."""
    path, library = _library(folder)
    names = [word for module in modules for word in ("-norec", f"{library}.{module}")]
    summary = _run(["coqchk", "-o", "-silent", *path, *names], folder, limit)
    if "CONTEXT SUMMARY" not in summary:
        yield "coqchk gave no summary of what is assumed"
    heading = ""
    for line in summary.splitlines():
        if line.startswith("* "):
            heading = line[2:].split(":")[0].lower()
        elif line.strip().startswith(f"{library}."):
            yield f"{line.strip().removeprefix(f'{library}.')} is assumed without proof ({heading})"


def _theorems(modules: Sequence[str], folder: Path, limit: float) -> dict[str, Theorem]:
    """Every theorem with its statement and its axioms."""
    path, library = _library(folder)
    names = [name for module in modules for name in _proved(module, folder)]
    script = [
        f"From {library} Require {' '.join(modules)}.",
        "Set Printing Width 100.",
        # First without any import, so that axioms are printed by their qualified names.
        *(line for name in names for line in _marked(name, f"Print Assumptions {library}.{name}.")),
        "From mathcomp Require Import all_ssreflect all_algebra.",
        "Import GRing.Theory Num.Theory.",
        "Open Scope ring_scope.",
        "From Coq Require Import Rdefinitions.",
        "Unset Printing Implicit Defensive.",
        *(line for name in names for line in _marked(name, f"Check @{library}.{name}.")),
    ]
    audit = folder / "audit"
    audit.mkdir(exist_ok=True)
    (audit / "Audit.v").write_text("\n".join(script) + "\n", encoding="utf-8")
    output = _run(["coqc", "-q", "-w", "none", *path, "audit/Audit.v"], folder, limit)
    parts = re.split(r"^=== (\S+)\n", output, flags=re.MULTILINE)[1:]
    said = list(zip(parts[::2], parts[1::2], strict=True))
    if [name for name, _ in said] != names * 2:
        raise BuildFailed("Rocq did not answer for every theorem")
    axioms = {name: _axioms(answer) for name, answer in said[: len(names)]}
    statements = {name: _statement(answer) for name, answer in said[len(names) :]}
    return {name: Theorem(statements[name], axioms[name]) for name in names}


def _proved(module: str, folder: Path) -> Iterator[str]:
    """``File.theorem`` for every theorem and corollary that coqc says it saw proved in the file.
    Lemmas are steps: what they rest on shows in the theorems, and listing the axioms of each would
    take longer than all the proofs."""
    index = (folder / f"{module}.glob").read_text(encoding="utf-8")
    source = (folder / f"{module}.v").read_text(encoding="utf-8")
    named = set(re.findall(r"^\s*(?:Theorem|Corollary)\s+([\w']+)", source, flags=re.MULTILINE))
    for inner, name in re.findall(r"^prf \d+:\d+ (\S+) (\S+)$", index, flags=re.MULTILINE):
        if name in named:
            yield ".".join([module, *([] if inner == "<>" else [inner]), name])


def _marked(name: str, command: str) -> tuple[str, str]:
    return f'Goal True. idtac "=== {name}". Abort.', command


def _axioms(answer: str) -> tuple[str, ...]:
    """The unindented first words of what Print Assumptions lists; whatever it says that is not an
    axiom of a known name is kept too, and so is never allowed."""
    if answer.strip() == "Closed under the global context":
        return ()
    lines = [line for line in answer.splitlines() if line and not line[0].isspace()]
    return tuple(sorted(line.split()[0] for line in lines if line != "Axioms:"))


def _statement(answer: str) -> str:
    return re.sub(r"^\S+\s+: ", "", answer.strip(), count=1)


def _foreign(theorems: dict[str, Theorem]) -> Iterator[str]:
    for name, theorem in theorems.items():
        if foreign := sorted(set(theorem.axioms) - set(ALLOWED_AXIOMS)):
            yield f"{name} rests on axioms that are not allowed: {', '.join(foreign)}"


def main() -> int:
    """Build; exit status 0 if every proof was accepted."""
    try:
        record = build(tell=print)
    except FileNotFoundError as missing:
        print(missing, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{build_folder()} cannot be written: {error}.", file=sys.stderr)
        return 1
    for problem in record.problems:
        print(problem, file=sys.stderr)
    if record.problems:
        return 1
    closed = sum(not theorem.axioms for theorem in record.theorems.values())
    print(
        f"{len(record.theorems)} theorems in {len(record.sources) - 1} files checked by "
        f"{record.rocq} in {record.seconds} s; {closed} of them rest on no axiom, the others on "
        "the classical axioms of the real numbers only."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
