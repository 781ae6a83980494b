"""Texts at the root of the repository as pages, their links leading to pages of the site."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from pathlib import Path

from docs_build.modules import ROOT, modules
from theory.claims import claims

__all__ = ["TEXTS", "Text", "read_text"]

TEXTS = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
"""Page by the name of the file at the root that it is made from, if that is there."""

# Folder of the site's own files, which are there already.
SOURCES = "docs"
PICTURES = frozenset({".png", ".svg", ".jpg", ".webp"})
ITEM = re.compile(r"(?:\d\.|[-*]) +(?=\S)")
LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")


@dataclass(frozen=True)
class Text:
    """A text in Markdown, and the pictures that it shows, by their path inside the site."""

    text: str
    pictures: dict[str, Path]


def read_text(name: str, root: Path = ROOT) -> Text:
    """A file at the root, with its links to files turned into links to pages.

    A link to a file that has no page becomes plain text.

    Raises
    ------
    FileNotFoundError
        When it links to a file that is not there.
    """
    pictures: dict[str, Path] = {}

    def link(match: re.Match[str]) -> str:
        target = match["target"]
        if target.startswith("#") or ":" in target:
            return match.group()
        path, _, anchor = target.partition("#")
        path = posixpath.normpath(path)
        if not (root / path).exists():
            raise FileNotFoundError(f"{name} links to {target}, which is not there.")
        if path.startswith(f"{SOURCES}/"):
            page = path.removeprefix(f"{SOURCES}/")
        elif Path(path).suffix in PICTURES:
            page = f"images/{Path(path).name}"
            pictures[page] = root / path
        else:
            page = _page(path)
        if page is None:
            return match["text"]
        return f"{match['image']}[{match['text']}]({page}{'#' * bool(anchor)}{anchor})"

    text = _with_wide_items((root / name).read_text(encoding="utf-8"))
    return Text(LINK.sub(link, text), pictures)


def _with_wide_items(text: str) -> str:
    """What belongs to an item of a list indented by four, as this Markdown wants it, and not, as
    elsewhere, by the width of the item's sign."""
    lines = []
    width = 0
    for line in text.splitlines():
        item = ITEM.match(line)
        if item:
            width = len(item.group())
        elif width and line.startswith(" " * width):
            line = " " * (4 - width) + line
        elif line.strip():
            width = 0
        lines.append(line)
    return "\n".join(lines) + "\n"


def _page(path: str) -> str | None:
    if path in TEXTS:
        return TEXTS[path]
    if path == "theory/claims":
        return "claims/index.md"
    if path.startswith("theory/notebooks"):
        name = Path(path).stem
        return f"tutorials/{'index' if name == 'notebooks' else name}.md"
    module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    if module in modules():
        return modules()[module].page
    # A claim's file is named as its id, with underscores for every sign.
    ids = {re.sub(r"\W", "_", name): name for name in claims}
    name = ids.get(Path(path).stem, "")
    return f"claims/{name}.md" if path == f"theory/claims/{Path(path).stem}.py" and name else None
