"""What MkDocs calls while it builds the site: pages are added, formulas translated."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from itertools import groupby
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page as SitePage
from mkdocs.structure.toc import AnchorLink

from docs_build.mathematics import BadFormula, as_text, with_mathml
from docs_build.pages import Page, pages


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages, and put them into the navigation."""
    generated = list(pages())
    for page in generated:
        files.append(File.generated(config, page.path, content=page.text))
        for path, content in page.files.items():
            files.append(File.generated(config, path, content=content))
    there = {file.src_uri for file in files}
    config.nav = list(_navigation(config.nav or [], generated, there))
    return files


def on_page_content(html: str, page: SitePage, **_: Any) -> str:
    """Translate the formulas of a page and of its table of contents."""
    try:
        for anchor in _anchors(page.toc):
            anchor.title = as_text(anchor.title)
        return with_mathml(html)
    except BadFormula as error:
        raise PluginError(f"{page.file.src_path}: {error}") from error


def _anchors(anchors: Iterable[AnchorLink]) -> Iterator[AnchorLink]:
    for anchor in anchors:
        yield anchor
        yield from _anchors(anchor.children)


def _navigation(
    entries: Iterable[Any], generated: list[Page], there: Container[str]
) -> Iterator[Any]:
    """The entries: a folder becomes its pages, and a page that is not there is dropped."""
    for entry in entries:
        ((title, target),) = entry.items()
        if target.endswith("/"):
            yield {
                title: list(_folder([page for page in generated if page.path.startswith(target)]))
            }
        elif target in there:
            yield entry


def _folder(found: list[Page]) -> Iterator[Any]:
    for group, members in groupby(found, key=lambda page: page.group):
        listed = [
            page.path if page.path.endswith("/index.md") else {page.title: page.path}
            for page in members
        ]
        if group:
            yield {group: listed}
        else:
            yield from listed
