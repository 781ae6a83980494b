r"""Docstrings are reStructuredText, pages Markdown: the few constructs that the docstrings use.

These are roles, ``.. math::``, ``.. code-block::``, simple tables and definition lists. Everything
else (paragraphs, bullets, emphasis, double backticks) is written alike in both.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from itertools import pairwise

__all__ = ["escape", "inline_formula", "markdown", "words"]

Resolve = Callable[[str], str | None]
"""Full path of the object that a role names, where the site has a page for it; ``None`` where it
has none. Raises ``LookupError`` for a name that is not there at all."""

ROLE = re.compile(r":(\w+):`([^`]+)`")
CODE_ROLES = frozenset({"attr", "class", "data", "exc", "func", "meth", "mod"})
# The rest of the directive's line, then every line that is indented deeper.
DIRECTIVE = re.compile(
    r"^(?P<indent> *)\.\. (?P<name>math|code-block)::(?P<first>.*)"
    r"(?P<rest>(?:\n(?P=indent) +\S.*|\n(?=(?:[ ]*\n)*(?P=indent) +\S))*)",
    re.MULTILINE,
)
RULE = r"=+(?: +=+)+"
TABLE = re.compile(rf"^(?P<rule>{RULE})\n(?P<body>(?:.+\n)+)(?P=rule)$", re.MULTILINE)
TERM = re.compile(r"(?<![^\n])(?<!\S\n)(?P<term>\S.*)\n(?P<body>(?: +\S.*\n|\n(?=\s+\S))+)")
SECTION = re.compile(r"^(?P<title>[A-Z][A-Za-z ]+)\n-{3,}\n", re.MULTILINE)
# Sections of free text; in the others "name, and below it an indented text" is an entry.
FREE = frozenset({"Notes", "Examples", "References"})


def markdown(text: str, resolve: Resolve) -> str:
    """A docstring's text in Markdown; sections of the numpy style stay as they are.

    Raises
    ------
    LookupError
        When a role names nothing that exists.
    ValueError
        For a role or a directive that is none of the known.
    """
    starts = [0, *(match.start() for match in SECTION.finditer(text)), len(text)]
    parts = []
    for start, end in pairwise(starts):
        part = text[start:end]
        title = SECTION.match(part)
        free = title is None or title["title"] in FREE
        part = _free_text(part, resolve) if free else _inline(_entries(part), resolve)
        parts.append(part.strip("\n"))
    return "\n\n".join(part for part in parts if part)


def escape(text: str) -> str:
    """Plain text as Markdown that shows exactly this text, also in a cell of a table."""
    return re.sub(r"([\\`*_{}\[\]#+!|$])", r"\\\1", text.replace("&", "&amp;").replace("<", "&lt;"))


def words(text: str) -> str:
    """Plain text with formulas between dollar signs, in Markdown."""
    parts = text.split("$")
    return "".join(inline_formula(part) if i % 2 else escape(part) for i, part in enumerate(parts))


def inline_formula(tex: str) -> str:
    """TeX in a line of Markdown; no bar in it can end a cell of a table."""
    return r"\(" + " ".join(tex.replace(r"\|", r"\Vert ").replace("|", r"\vert ").split()) + r"\)"


def _free_text(text: str, resolve: Resolve) -> str:
    text = TABLE.sub(lambda table: _table(table["rule"], table["body"]), text)
    return _definitions(_inline(text, resolve))


def _entries(section: str) -> str:
    """A section of entries; a last paragraph that is none is one of notes."""
    return re.sub(r"\n\n(?=\S.*\n?(?:\S.*\n?)*\Z)", "\n\nNotes\n-----\n", section.rstrip() + "\n")


def _inline(text: str, resolve: Resolve) -> str:
    text = DIRECTIVE.sub(_directive, text)
    return ROLE.sub(lambda role: _role(role[1], role[2], resolve), text)


def _role(name: str, content: str, resolve: Resolve) -> str:
    if name == "math":
        return inline_formula(content)
    if name not in CODE_ROLES:
        raise ValueError(f"the role :{name}:`{content}` is unknown: use one of {CODE_ROLES}.")
    target = " ".join(content.split())
    shown = target.rpartition(".")[2] if target.startswith("~") else target
    path = resolve(target.lstrip("~"))
    return f"`{shown}`" if path is None else f"[`{shown}`][{path}]"


def _directive(match: re.Match[str]) -> str:
    indent, name = match["indent"], match["name"]
    rest = textwrap.dedent(match["rest"].strip("\n")) if match["rest"].strip() else ""
    if name == "math":
        # A blank line separates formulas of one directive.
        blocks = re.split(r"\n\s*\n", f"{match['first']}\n{rest}".strip())
        lines = [f"$$ {' '.join(block.split())} $$" for block in blocks]
        return "\n\n".join(indent + line for line in lines)
    return textwrap.indent(f"```{match['first'].strip()}\n{rest}\n```", indent)


def _table(rule: str, body: str) -> str:
    """A simple table: columns begin where those of the rule do; a row may go on in more lines."""
    columns = [match.span() for match in re.finditer("=+", rule)]
    rows: list[list[str]] = []
    head = 0
    for line in body.splitlines():
        if re.fullmatch(RULE, line):
            head = len(rows)
            continue
        last = len(columns) - 1
        cells = [
            line[start : None if i == last else columns[i + 1][0]].strip()
            for i, (start, _) in enumerate(columns)
        ]
        if cells[0] or not rows:
            rows.append(cells)
        else:
            rows[-1] = [f"{old} {new}".strip() for old, new in zip(rows[-1], cells, strict=True)]
    header = rows[:head] or [[""] * len(columns)]
    lines = [*header, ["---"] * len(columns), *rows[head:]]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"


def _definitions(text: str) -> str:
    """Definition lists: a term, and below it an indented text, become Markdown's ``:   text``."""

    def definition(match: re.Match[str]) -> str:
        term, body = match["term"], match["body"]
        if term.startswith(("* ", "- ", "|", "```", "$$", ">>>")) or re.match(r"\d+\. ", term):
            return match.group()
        body = textwrap.indent(textwrap.dedent(body.rstrip("\n")), "    ")
        return f"{term}\n:   {body[4:]}\n\n"

    return TERM.sub(definition, text + "\n")
