"""The commands, as each of them tells of itself with ``--help``."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from typing import get_args
from unittest.mock import patch

__all__ = ["PROGRAMS", "Help", "helps"]

# What can be run with python -m, in the order in which one meets it.
PROGRAMS = (
    "theory",
    "sim",
    "sim.three_stages",
    "gpu_experiments",
    "paper_figures",
    "paper_figures.keep",
)
# Characters in a line of the texts: fits beside the navigation.
WIDTH = 80


@dataclass(frozen=True)
class Help:
    """A command, as it is typed, and what it says with ``--help``."""

    command: str
    text: str


def helps(program: str) -> list[Help]:
    """A program's own help, then that of each of its subcommands."""
    name = f"{program}.__main__" if "." not in program else program
    module = import_module(name)
    # A union of annotated dataclasses, one for each subcommand, where there are any.
    subcommands = [
        marker.name
        for each in get_args(getattr(module, "Command", None))
        for marker in get_args(each)[1:]
    ]
    return [
        Help(" ".join(["python -m", program, *words]), _help(module.main, program, words))
        for words in ([], *([subcommand] for subcommand in subcommands))
    ]


def _help(main: object, program: str, words: Sequence[str]) -> str:
    told = io.StringIO()
    with ExitStack() as stack:
        stack.enter_context(patch.object(sys, "argv", [f"python -m {program}", *words, "--help"]))
        stack.enter_context(patch.dict(os.environ, {"COLUMNS": str(WIDTH), "NO_COLOR": "1"}))
        stack.enter_context(redirect_stdout(told))
        try:
            main()  # type: ignore[operator]
        except SystemExit as end:
            if end.code:
                raise RuntimeError(
                    f"{program} {' '.join(words)} --help ended with {end.code}."
                ) from end
    text = told.getvalue().strip()
    if not text:
        raise RuntimeError(f"{program} {' '.join(words)} --help printed nothing.")
    return text
