"""The documentation site: it builds without a warning, is complete, and needs no network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import pytest
from markdown import Markdown

from docs_build.commands import PROGRAMS
from docs_build.markup import escape, markdown
from docs_build.mathematics import BadFormula, as_text, mathml, with_mathml
from docs_build.modules import SECTIONS, modules, on_site, path_in
from docs_build.notebooks import FOLDER, tutorials
from docs_build.repository import TEXTS, read_text
from paper_figures.registry import FIGURES
from theory.claims import claims
from theory.notation import QUANTITIES

ROOT = Path(__file__).parents[1]
# Attributes by which a page loads something; those of a link are followed only on a click.
LOADING = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
# Of a <link>, these are loaded; "canonical", "next" and "prev" say where else a page is.
LOADED = frozenset({"stylesheet", "icon", "preload", "preconnect", "modulepreload"})


@dataclass
class Parsed(HTMLParser):
    """What a page contains: its text outside code, targets of links, ids, and what it loads."""

    html: str
    text: str = ""
    links: list[str] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    loads: list[str] = field(default_factory=list)
    formulas: int = 0
    silent: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids |= {given[name] for name in ("id", "name") if name in given}
        self.formulas += tag == "math"
        if tag in ("code", "pre", "script", "style"):
            self.silent.append(tag)
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        loading = given.get(LOADING.get(tag, ""))
        if loading and (tag != "link" or set(given.get("rel", "").split()) & LOADED):
            self.loads.append(loading)
        self.loads += re.findall(r"url\(([^)]*)\)", given.get("style", ""))

    def handle_endtag(self, tag: str) -> None:
        if self.silent and self.silent[-1] == tag:
            self.silent.pop()

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.text += data


@cache
def parsed(path: Path) -> Parsed:
    return Parsed(path.read_text(encoding="utf-8"))


def build(site: Path, config: Path = ROOT / "mkdocs.yml") -> subprocess.CompletedProcess[str]:
    """A strict build by the command of the Makefile, Python's warnings being errors too."""
    return subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            "-m",
            "mkdocs",
            "build",
            "--strict",
            "-f",
            config,
            "-d",
            site,
        ],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Parsed]:
    found = {str(path.relative_to(site)): parsed(path) for path in site.rglob("*.html")}
    assert len(found) > len(claims) + len(modules())
    return found


def test_every_claim_has_its_page_with_all_that_it_says(pages: dict[str, Parsed]) -> None:
    missing = []
    for claim in claims.values():
        page = pages[f"claims/{claim.id}.html"]
        said = [
            claim.plain,
            claim.source,
            *claim.hypotheses,
            *claim.machine_checked,
            claim.searched,
        ]
        said += [words for twin in claim.false_twins for words in (twin.name, twin.says)]
        said += [words for core in claim.cores for words in (core.says, core.step)]
        shown = " ".join(re.sub("<[^>]*>", "", page.html).split())
        missing += [words for words in said if squeezed(words) not in unescaped(shown)]
        assert page.formulas > 0
        assert f"python -m theory verify {claim.id}" in unescaped(shown)
    assert missing == []
    assert {f"{name}.html" for name in claims} <= set(pages["claims/index.html"].links)


def squeezed(words: str) -> str:
    return " ".join(words.split())


def unescaped(text: str) -> str:
    for name, sign in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&#39;", "'")):
        text = text.replace(name, sign)
    return text.replace("&amp;", "&")


def test_every_figure_is_listed_with_its_caption_and_its_claims(pages: dict[str, Parsed]) -> None:
    page = pages["figures.html"]
    assert set(FIGURES) <= page.ids
    assert [f for f in FIGURES.values() if squeezed(f.caption) not in squeezed(page.text)] == []
    used = {f"claims/{name}.html" for figure in FIGURES.values() for name in figure.claims}
    assert used <= set(page.links)


def test_every_public_module_has_a_page_that_names_what_is_in_it(pages: dict[str, Parsed]) -> None:
    paths = {
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for section in SECTIONS
        for file in (ROOT / section.replace(".", "/")).glob("*.py")
    }
    elsewhere = {f"paper_figures.{name}" for name in FIGURES}
    elsewhere |= {path for path in paths if path.startswith("theory.claims.")} - {
        "theory.claims.claim",
        "theory.claims.registry",
    }
    public = {path for path in paths if not re.search(r"\._", path)} - elsewhere
    assert {name for name in public if f"api/{name}.html" not in pages} == set()
    for name, words in {
        "theory.law": {"theory.law.Law", "theory.law.Law.from_density"},
        "theory.curation": {"theory.curation.curate", "theory.curation.curation_factor"},
        "theory.testing.curator": {"theory.testing.curator.check_curator"},
        "sim.protocols": {"sim.protocols.Generator", "sim.protocols.Generator.fit"},
        "gpu_experiments.prediction": {"gpu_experiments.prediction.Prediction"},
    }.items():
        assert words <= pages[f"api/{name}.html"].ids


def test_every_notebook_is_a_tutorial_with_formulas_pictures_and_output(
    pages: dict[str, Parsed], site: Path
) -> None:
    for path in FOLDER.glob("*.ipynb"):
        page = pages[f"tutorials/{path.stem}.html"]
        assert page.formulas > 0
        assert 'output highlight">' in page.html
        (picture,) = [load for load in page.loads if load.startswith(path.stem)]
        assert (site / "tutorials" / picture).read_bytes().startswith(b"\x89PNG")


def test_commands_and_notation_are_whole(pages: dict[str, Parsed]) -> None:
    commands = pages["commands.html"].html
    assert [name for name in PROGRAMS if f"usage: python -m {name}" not in commands] == []
    assert "usage: python -m theory falsify" in commands
    assert "--seconds" in commands
    notation = squeezed(pages["notation.html"].text)
    assert [q.name for q in QUANTITIES.values() if q.name not in notation] == []


def test_texts_of_the_root_are_pages_in_the_navigation(pages: dict[str, Parsed]) -> None:
    for name, page in TEXTS.items():
        heading = (ROOT / name).read_text().splitlines()[0].removeprefix("# ")
        assert f">{heading}<" in pages[page.replace(".md", ".html")].html
        assert page.replace(".md", ".html") in pages["figures.html"].links


def test_no_page_loads_anything_from_elsewhere(pages: dict[str, Parsed], site: Path) -> None:
    foreign = {
        (name, load)
        for name, page in pages.items()
        for load in page.loads
        if not load.startswith("data:") and (urlsplit(load).scheme or load.startswith("/"))
    }
    # The page for addresses that are not there is the only one that knows the site's root.
    assert {entry for entry in foreign if entry[0] != "404.html"} == set()
    assert {load for name, load in foreign if urlsplit(load).netloc} == set()
    for sheet in site.rglob("*.css"):
        loaded = re.findall(r"(?:url\(|@import)\s*[\"']?([^\"')]*)", sheet.read_text())
        assert [load for load in loaded if urlsplit(load).netloc] == []


def test_no_markup_is_left_unrendered(pages: dict[str, Parsed]) -> None:
    left = {
        (name, found)
        for name, page in pages.items()
        for found in re.findall(
            r":(?:math|func|class|mod|meth|attr|data):|\.\. \w+::|\$[^$\s][^$]*\$|\\[a-zA-Z([]+"
            r"|\]\[[\w.]+\]|:::|\{\{|={5,}",
            page.text,
        )
    }
    assert left == set()


def test_internal_links_and_anchors_resolve(pages: dict[str, Parsed], site: Path) -> None:
    broken = []
    for name, page in pages.items():
        if name == "404.html":  # its links start at the root of a server
            continue
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            place = (site / name).parent / unquote(parts.path) if parts.path else site / name
            target = place.resolve()
            anchors = parsed(target).ids if target.suffix == ".html" and target.is_file() else set()
            anchor = unquote(parts.fragment)
            if not target.is_file() or (anchor and anchor not in anchors):
                broken.append((name, link))
    assert broken == []


BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)


@pytest.mark.skipif(not BROWSER, reason="no Chromium")
def test_search_finds_from_the_file_system_without_a_complaint(site: Path, tmp_path: Path) -> None:
    switches = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    switches += ["--disable-component-update", "--disable-sync", "--no-first-run"]
    # Fifteen seconds of the page's own clock, which runs ahead while nothing happens.
    switches += ["--virtual-time-budget=15000", "--enable-logging=stderr", "--dump-dom"]
    done = subprocess.run(
        [
            BROWSER,
            *switches,
            f"--user-data-dir={tmp_path}",
            f"{site.as_uri()}/index.html?q=condensation",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "CONSOLE" not in done.stderr
    (found,) = re.findall(r'md-search-result__meta">(\d+) matching documents', done.stdout)
    assert int(found) > 1
    assert "claims/condensation.html" in done.stdout


FAULTS = {
    "page": "[page](nowhere.md)",
    "anchor": "[sound](sound.md#nowhere)",
    "object": "[object][small.Nowhere]",
    "picture": "![picture](nowhere.png)",
}
SOUND = "# Sound\n\n[page](sound.md#sound) and [f][small.f]\n\n::: small\n"


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """A strict build, with the project's settings, of one sound page and one for each fault."""
    folder = tmp_path_factory.mktemp("faulty")
    (folder / "docs").mkdir()
    (folder / "docs" / "sound.md").write_text(SOUND)
    for name, fault in FAULTS.items():
        (folder / "docs" / f"{name}.md").write_text(f"# Page\n\n{fault}\n")
    (folder / "small.py").write_text(
        '"""A module."""\n\n\ndef f() -> None:\n    """Do nothing."""\n'
    )
    # Pages by hand and a small module in place of the project's.
    config = (ROOT / "mkdocs.yml").read_text().replace('paths: ["."]', f'paths: ["{folder}"]')
    config = re.sub(r"preload_modules: .*", "preload_modules: []", config)
    config = re.sub(r"^(?:nav|hooks|extra_css):\n(?:  .*\n)+", "", config, flags=re.MULTILINE)
    (folder / "mkdocs.yml").write_text(config)
    return build(folder / "site", folder / "mkdocs.yml")


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_broken_link_fails_the_strict_build(
    name: str, faulty: subprocess.CompletedProcess[str]
) -> None:
    assert faulty.returncode == 1
    warnings = [line for line in faulty.stderr.splitlines() if line.startswith("WARNING")]
    assert len(warnings) == len(FAULTS), faulty.stderr
    assert sum(f"{name}.md" in warning for warning in warnings) == 1


def resolve(target: str) -> str | None:
    if target == "nothing":
        raise LookupError(target)
    return f"full.{target}" if target != "inner" else None


@pytest.mark.parametrize(
    ("docstring", "page"),
    [
        (r"a :math:`p_{\rm ref} | x` b", r"a \(p_{\rm ref} \vert x\) b"),
        (":func:`f` and :mod:`~a.b`", "[`f`][full.f] and [`b`][full.a.b]"),
        (":meth:`inner`", "`inner`"),
        ("two\n:func:`long\nname`", "two\n[`long name`][full.long name]"),
        (".. math:: a\n    = b\n\ntext", "$$ a = b $$\n\ntext"),
        ("x\n\n.. math::\n\n    a\n\n    b\n\ny", "x\n\n$$ a $$\n\n$$ b $$\n\ny"),
        ("  .. math:: a\n     b\n  c", "  $$ a b $$\n  c"),
        (".. code-block:: python\n\n    f()\n    g()\n\nx", "```python\nf()\ng()\n```\n\nx"),
        ("term\n    what\n    it is", "term\n:   what\n    it is"),
        ("* a\n  b\n* c", "* a\n  b\n* c"),
        (
            "== ==\na  b\n== ==\nc  d\n   e\n== ==",
            "| a | b |\n| --- | --- |\n| c | d e |",
        ),
        (
            "S.\n\nParameters\n----------\nx\n    :func:`f`\n\nMore.",
            "S.\n\nParameters\n----------\nx\n    [`f`][full.f]\n\nNotes\n-----\nMore.",
        ),
    ],
)
def test_docstrings_become_markdown(docstring: str, page: str) -> None:
    assert markdown(docstring, resolve).strip("\n") == page


def test_what_no_page_could_show_is_refused() -> None:
    with pytest.raises(LookupError, match="nothing"):
        markdown(":func:`nothing`", resolve)
    with pytest.raises(ValueError, match="unknown"):
        markdown(":wish:`f`", resolve)
    with pytest.raises(LookupError, match=r"theory\.law names 'Nowhere'"):
        path_in("theory.law", "Nowhere")
    with pytest.raises(BadFormula, match="nosuchcommand"):
        mathml(r"\nosuchcommand{x}")
    with pytest.raises(ValueError, match="reading order"):
        tutorials(ROOT / "theory")


def test_roles_lead_to_objects_by_any_of_their_names() -> None:
    assert path_in("theory.loop", "theory.Law") == "theory.law.Law"
    assert path_in("theory.law", "Law.from_density") == "theory.law.Law.from_density"
    assert path_in("theory.claims.chi_square", "theory.evidence.envelope") is None
    assert on_site("sim.protocols.Generator")
    assert not on_site("theory.law._log_masses")
    assert not on_site("theory.evidence.verify.verify")


@pytest.mark.parametrize(
    "words", ["w* and v*", "p_0 = p_ref", "a < b & c > d", "`x` | [y](z) $1$ #"]
)
def test_plain_words_are_shown_as_they_are(words: str) -> None:
    html = Markdown(extensions=["tables", "pymdownx.arithmatex"]).convert(
        f"| a |\n| --- |\n| {escape(words)} |"
    )
    (cell,) = re.findall("<td>(.*)</td>", html)
    assert unescaped(cell) == words


def test_formulas_become_mathml_with_their_numbers() -> None:
    page = (
        r'<div class="arithmatex">\[a &lt; b \tag{7}\]</div><span class="arithmatex">\(c\)</span>'
    )
    shown = with_mathml(page)
    first, second = re.findall("<math.*?</math>", shown)
    assert "(7)" in "".join(ElementTree.fromstring(first).itertext())
    assert "<mo>&lt;</mo>" in first
    assert 'display="block"' in first
    assert "display" not in second
    assert as_text(r"Best of $n$ and \(w^2\)") == "Best of n and w2"


def test_what_belongs_to_an_item_stays_in_it(tmp_path: Path) -> None:
    text = "1. a\n   b\n\n       code\n\n2. c\n\ntext\n   d\n\n- e\n  f\n"
    (tmp_path / "README.md").write_text(text)
    assert read_text("README.md", tmp_path).text == (
        "1. a\n    b\n\n        code\n\n2. c\n\ntext\n   d\n\n- e\n    f\n"
    )


def test_links_of_root_texts_lead_to_pages(tmp_path: Path) -> None:
    (tmp_path / "theory" / "claims").mkdir(parents=True)
    for name in (
        "CHANGELOG.md",
        "theory/claims/theorem_2_1.py",
        "theory/law.py",
        "LICENSE",
        "a.png",
    ):
        (tmp_path / name).write_text("")
    text = "[c](CHANGELOG.md#x) [t](theory/claims/theorem_2_1.py) [l](theory/law.py) [MIT](LICENSE)"
    (tmp_path / "README.md").write_text(f"{text} ![a](a.png) [web](https://example.org) [s](#s)")
    read = read_text("README.md", tmp_path)
    assert read.text.rstrip("\n") == (
        "[c](changelog.md#x) [t](claims/theorem-2.1.md) [l](api/theory.law.md) MIT "
        "![a](images/a.png) [web](https://example.org) [s](#s)"
    )
    assert read.pictures == {"images/a.png": tmp_path / "a.png"}
    (tmp_path / "README.md").write_text("[gone](gone.md)")
    with pytest.raises(FileNotFoundError, match=r"README\.md links to gone\.md"):
        read_text("README.md", tmp_path)
