"""The catalogue of claims: what a page says that is not a field of the claim itself."""

from __future__ import annotations

import importlib
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import theory.claims
from docs_build.markup import markdown
from docs_build.modules import path_in
from paper_figures.registry import FIGURES
from theory.claims import Claim, claims, load_claim
from theory.claims.registry import INFRASTRUCTURE

__all__ = ["ClaimPage", "claim_pages"]

FOLDER = Path(theory.claims.__file__).parent
# Of a claim file's docstring these say more than the fields of the claim: the statement with every
# symbol, and how it is derived.
SECTIONS = ("Assumptions", "Claim", "Remarks")
SECTION = re.compile(r"^([A-Z]\w+)\n((?:    .*\n|\n)+)", re.MULTILINE)


@dataclass(frozen=True)
class ClaimPage:
    """A claim, its source file, and the sections of that file's docstring in Markdown.

    Attributes
    ----------
    figures
        Names of the figures that show the claim at work.
    """

    claim: Claim
    file: str
    sections: dict[str, str]
    figures: tuple[str, ...]

    @property
    def title(self) -> str:
        """What stands above it, see :attr:`Claim.heading`."""
        return self.claim.heading

    @property
    def numbered(self) -> bool:
        """Whether it has a number in the paper, be it that of a sharper form."""
        return self.claim.name != self.claim.title

    @property
    def page(self) -> str:
        """Path of its page inside the site's sources."""
        return f"claims/{self.claim.id}.md"


def claim_pages() -> list[ClaimPage]:
    """One page for each claim of the library, those with a number in the paper first."""
    files = {claim.id: path for path, claim in _files()}
    entries = [
        ClaimPage(
            claim,
            f"theory/claims/{files[claim.id].name}",
            _sections(files[claim.id].stem),
            tuple(name for name, figure in FIGURES.items() if claim.id in figure.claims),
        )
        for claim in claims.values()
    ]
    return sorted(entries, key=lambda entry: not entry.numbered)


def _files() -> Iterator[tuple[Path, Claim]]:
    for path in sorted(FOLDER.glob("*.py")):
        if not path.stem.startswith("_") and path.stem not in INFRASTRUCTURE:
            yield path, load_claim(path)


def _sections(stem: str) -> dict[str, str]:
    name = f"theory.claims.{stem}"
    docstring = importlib.import_module(name).__doc__ or ""
    found = {
        title: textwrap.dedent(text).strip() for title, text in SECTION.findall(docstring + "\n")
    }
    resolve = partial(path_in, name)
    return {title: markdown(found[title], resolve) for title in SECTIONS if title in found}
