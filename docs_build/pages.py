"""Every generated page: its path inside the site's sources, its title and its Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from docs_build.claims import claim_pages
from docs_build.commands import PROGRAMS, helps
from docs_build.markup import escape, inline_formula, markdown, words
from docs_build.modules import ROOT, SECTIONS, modules, path_in, summary
from docs_build.notebooks import tutorials
from docs_build.repository import TEXTS, read_text
from paper_figures.registry import FIGURES, MISSING
from theory.claims import claims
from theory.notation import QUANTITIES

__all__ = ["Page", "pages"]

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    undefined=StrictUndefined,
    # Markdown, not HTML: texts are escaped by the filter below where they are plain.
    autoescape=False,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
TEMPLATES.filters |= {"formula": inline_formula, "plain": escape, "words": words}


@dataclass(frozen=True)
class Page:
    """A page, with the files that it needs beside it by their path inside the site.

    Attributes
    ----------
    group
        Heading under which it stands within its folder; empty for none.
    """

    path: str
    title: str
    text: str
    files: dict[str, bytes] = field(default_factory=dict)
    group: str = ""


def pages() -> Iterator[Page]:
    """Every generated page; those of one folder in the order in which they are listed."""
    yield from _texts()
    yield from _catalogue()
    yield from _tutorials()
    yield from _interfaces()
    yield _page("figures.md", "Figures", "figures", figures=FIGURES, missing=MISSING, claims=claims)
    programs = {program: helps(program) for program in PROGRAMS}
    yield _page("commands.md", "Commands", "commands", programs=programs)
    yield _page("notation.md", "Notation", "notation", quantities=QUANTITIES)


def _page(path: str, title: str, template: str, group: str = "", **values: object) -> Page:
    text = TEMPLATES.get_template(f"{template}.md.jinja").render(title=title, **values)
    return Page(path, title, text, group=group)


def _texts() -> Iterator[Page]:
    for name, path in TEXTS.items():
        if not (ROOT / name).exists():
            continue
        read = read_text(name)
        heading, _, body = read.text.partition("\n")
        title = heading.removeprefix("# ")
        if name == "README.md":
            body = TEMPLATES.get_template("front.md.jinja").render(body=body)
            body = f"---\nhide: [navigation]\n---\n# {title}\n{body}"
        else:
            body = read.text
        pictures = {place: file.read_bytes() for place, file in read.pictures.items()}
        yield Page(path, title, body, pictures)


def _catalogue() -> Iterator[Page]:
    entries = claim_pages()
    yield _page("claims/index.md", "Claims", "claims", entries=entries)
    for entry in entries:
        group = "Numbered in the paper" if entry.numbered else "Others"
        yield _page(entry.page, entry.title, "claim", group, entry=entry, claim=entry.claim)


def _tutorials() -> Iterator[Page]:
    chapters = tutorials()
    yield _page("tutorials/index.md", "Tutorials", "tutorials", chapters=chapters)
    for chapter in chapters:
        pictures = {f"tutorials/{name}": data for name, data in chapter.pictures.items()}
        yield Page(chapter.page, chapter.title, chapter.text, pictures)


def _interfaces() -> Iterator[Page]:
    everything = modules()
    sections = {
        SECTIONS[section]: list(group)
        for section, group in groupby(everything.values(), key=lambda module: module.section)
    }
    summaries = {
        path: markdown(summary(module.docstring), partial(path_in, path)).strip()
        for path, module in everything.items()
    }
    yield _page("api/index.md", "API", "api", sections=sections, summaries=summaries)
    for title, group in sections.items():
        for module in group:
            yield _page(module.page, module.path, "module", group=title, module=module)
