"""What the command lines of this project have in common."""

from __future__ import annotations

import io
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from types import FrameType

# Options begin with "--" too, so a rule is longer.
RULE = re.compile(r"[╭╰+][─-]|[─-]{5,}$")
HELP = re.compile(r"python -m [a-z_ ]+--help")


@contextmanager
def told_in_one_line() -> Iterator[None]:
    """A command that cannot be read is told in one line instead of a box, with where to read on."""
    told = io.StringIO()
    try:
        with redirect_stderr(told):
            yield
    except SystemExit:
        lines = [line.strip("│| ") for line in told.getvalue().splitlines()]
        # A frame: a line with the title, the message, a rule, perhaps more, where to read on.
        frames = [i for i, line in enumerate(lines) if RULE.match(line)]
        if len(frames) > 1:
            message = " ".join(lines[frames[0] + 1 : frames[1]]).rstrip(".")
            more = HELP.search(" ".join(lines[frames[1] :]))
            lines = [f"{message}; see {more[0]}." if more else f"{message}."]
        if lines:
            print(" ".join(lines), file=sys.stderr)
        raise


def sentence(error: BaseException) -> str:
    """The error's message on one line, as a sentence; a path that it begins with stays as it is."""
    text = " ".join(str(error).split()) or type(error).__name__
    first, _, _ = text.partition(" ")
    begun = text if "/" in first else text[:1].upper() + text[1:]
    return begun + ("" if text[-1] in ".?!" else ".")


class Terminated(KeyboardInterrupt):
    """The process was asked to end, which is to leave nothing behind that Ctrl-C would not."""


def _terminate(number: int, _: FrameType | None) -> None:
    raise Terminated


def ended(main: Callable[[], int]) -> int:
    """The exit status of a command, also when the user or the reader of its output goes away."""
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, _terminate)
        status = main()
        # There is none if the command was begun with its output closed.
        if sys.stdout is not None:
            sys.stdout.flush()
    except KeyboardInterrupt as interrupt:
        print(str(interrupt) or "Interrupted.", file=sys.stderr)
        return 128 + (signal.SIGTERM if isinstance(interrupt, Terminated) else signal.SIGINT)
    except BrokenPipeError:
        # What is left in the buffer has no reader; Python would complain of it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    return status
