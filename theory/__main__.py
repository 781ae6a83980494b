r"""Command line of the theory: ``python -m theory list | show ID | verify [ID ...]``.

Exit status of ``verify``: 0 when every claim holds at the strengths it advertises and every planted
false twin is refuted, 1 when not, 2 for a command that makes no sense.
"""

from __future__ import annotations

import difflib
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from threadpoolctl import threadpool_limits

from theory.claims import Claim, claims
from theory.evidence.table import claim_table, describe, show, verdict_table
from theory.evidence.verdict import Strength
from theory.evidence.verify import DEFAULT_INSTANCES, Report, verify_all


class UsageError(Exception):
    """A command that makes no sense; its message is one sentence with the remedy."""


@dataclass(frozen=True)
class List:
    """List the claims."""


@dataclass(frozen=True)
class Show:
    """Show what a claim says, where it comes from and its false twins."""

    id: tyro.conf.Positional[str]
    """Id of the claim, as in the list."""


@dataclass(frozen=True)
class Verify:
    """Check claims and refute their false twins."""

    ids: tyro.conf.Positional[tuple[str, ...]] = ()
    """Ids of the claims; all of them by default."""
    strength: Literal["machine-checked", "proved", "exact", "certified", "numeric"] | None = None
    """Only this strength of evidence; by default every one that a claim advertises."""
    json: Path | None = None
    """Write every verdict, margin and counterexample to this file."""
    instances: int = DEFAULT_INSTANCES
    """Random instances per claim and strength, besides degenerate cases and grids."""
    seed: int = 0
    """Seed of every random choice."""
    quiet: bool = False
    """No progress bar."""


Command = (
    Annotated[List, tyro.conf.subcommand("list")]
    | Annotated[Show, tyro.conf.subcommand("show")]
    | Annotated[Verify, tyro.conf.subcommand("verify")]
)


def main(arguments: Sequence[str] | None = None, library: Mapping[str, Claim] = claims) -> int:
    """Run one command on a library of claims and return its exit status."""
    command = tyro.cli(
        Command,
        prog="python -m theory",
        description="The claims about the curated retraining loop, and their evidence.",
        args=arguments,
    )
    try:
        if isinstance(command, Verify):
            return _verify(command, library)
        if isinstance(command, Show):
            print(describe(_find(library, command.id)))
        else:
            show(claim_table(library))
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _verify(command: Verify, library: Mapping[str, Claim]) -> int:
    if command.instances < 1:
        raise UsageError(f"--instances {command.instances} checks nothing: give at least 1.")
    if command.seed < 0:
        raise UsageError(f"--seed {command.seed} is negative: give a whole number >= 0.")
    chosen = [_find(library, name) for name in dict.fromkeys(command.ids)] or [*library.values()]
    strengths = [Strength(command.strength)] if command.strength else list(Strength)
    # The matrices are tiny: a second BLAS thread would cost its waiting for a busy core, measured
    # at three times the whole run on a loaded machine.
    with threadpool_limits(1), _written_at_the_end(command.json) as document:
        reports = list(_reports(chosen, strengths, command))
        holds = all(report.holds for report in reports)
        document.update(
            holds=holds,
            strengths=[str(strength) for strength in strengths],
            instances=command.instances,
            seed=command.seed,
            claims=[report.to_json() for report in reports],
        )
    show(verdict_table(reports))
    for report in reports:
        for problem in report.problems:
            print(f"{report.id}: {problem}", file=sys.stderr)
    return 0 if holds else 1


def _reports(
    chosen: Sequence[Claim], strengths: Sequence[Strength], command: Verify
) -> Iterator[Report]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns,
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=command.quiet,
    ) as progress:
        task = progress.add_task("claims", total=len(chosen))
        for report in verify_all(chosen, strengths, command.instances, command.seed):
            progress.update(task, description=report.id, advance=1)
            yield report


def _find(library: Mapping[str, Claim], name: str) -> Claim:
    if name in library:
        return library[name]
    if not library:
        raise UsageError(f"There is no claim {name!r}: the library is empty.")
    # An id that the name begins is nearer than any other of similar letters.
    nearest = max(
        library,
        key=lambda known: (
            known.startswith(name),
            difflib.SequenceMatcher(None, name, known).ratio(),
        ),
    )
    raise UsageError(f"There is no claim {name!r}: did you mean {nearest!r}?")


@contextmanager
def _written_at_the_end(path: Path | None) -> Iterator[dict[str, Any]]:
    """A JSON document that appears at ``path`` complete or not at all; refused before any work
    when that cannot be. A link is followed, and a pipe or device written to, never replaced."""
    document: dict[str, Any] = {}
    if path is None:
        yield document
        return
    path = path.resolve()
    if path.exists() and not (path.is_file() or path.is_dir()):
        yield document
        path.write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")
        return
    try:
        if path.is_dir():
            raise IsADirectoryError(f"{path} is a folder")
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise UsageError(
            f"--json {path} cannot be written ({error.strerror or error}): give a file name in an "
            "existing, writable folder."
        ) from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            yield document
            json.dump(document, file, indent=1, ensure_ascii=False, allow_nan=False)
        # The draft is private; the umask can be read only by setting it.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(draft, 0o666 & ~umask)
        os.replace(draft, path)
    finally:
        Path(draft).unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
