"""The page of all figures: what it says of each, and that it says nothing that is not so."""

from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
from PIL import Image

from paper_figures import evidence, gallery
from paper_figures.evidence import Checked
from paper_figures.registry import FIGURES
from tests.paper_figures import toy_gallery
from theory import provenance
from theory.claims import claims

VOID = {"meta", "link", "img"}


class Page(HTMLParser):
    """Text, links and ids of a page, which must be well formed."""

    def __init__(self, html):
        super().__init__()
        self.open, self.ids, self.links, self.images, self.text = [], [], [], [], {}
        self.article = ""
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if tag == "article":
            self.article = found["id"]
        self.ids += [found["id"]] if "id" in found else []
        self.links += [(self.article, found["href"])] if "href" in found else []
        if tag == "img":
            self.images.append((self.article, found))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag == "article":
            self.article = ""

    def handle_data(self, data):
        if "style" not in self.open:
            self.text[self.article] = self.text.get(self.article, "") + data

    def of(self, article):
        """Text of an article with single spaces."""
        return " ".join(self.text[article].split())

    def files(self, article):
        """Files that an article links to."""
        return [unquote(link) for place, link in self.links if place == article]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path, entries = toy_gallery.write(tmp_path_factory.mktemp("gallery"))
    return path, {entry.name: entry for entry in entries}, Page(path.read_text(encoding="utf-8"))


def test_every_figure_is_there_in_its_section(made):
    path, entries, _ = made
    assert set(entries) == {*toy_gallery.FIGURES, *toy_gallery.MISSING}
    html = path.read_text(encoding="utf-8")
    order = [
        "Figures of the paper", "second", "tenth",
        "Further figures", "escaped_words", "long_arrays", "vector_kl",
        "stale", "broken", "waiting",
        "Recorded runs on CIFAR-10", "cifar10_runs",
        "Left out here", "trained",
    ]  # fmt: skip
    main = html.index("<main")
    found = re.findall(r'<article id="(\w+)"|<h2 id="[\w-]+">([^<]+)', html[main:])
    assert [a or b for a, b in found] == [*order, "All claims"]


def test_states_are_told(made):
    _, entries, page = made
    states = {name: entry.state for name, entry in entries.items()}
    assert states == {
        "tenth": "drawn", "escaped_words": "drawn", "second": "drawn", "long_arrays": "drawn",
        "vector_kl": "drawn", "stale": "stale", "broken": "failed", "waiting": "waiting",
        "cifar10_runs": "unrecorded", "trained": "needs",
    }  # fmt: skip
    assert "Not recorded yet: needs runs on a GPU: python -m gpu" in page.of("cifar10_runs")
    assert "Needs torch, which is not installed: pip install" in page.of("trained")
    assert "Not drawn yet: python -m paper_figures waiting" in page.of("waiting")
    assert "earlier version of the code: python -m paper_figures stale" in page.of("stale")
    broken = page.of("broken")
    assert f"Could not be made: {toy_gallery.FAILURE}; the picture is the last one" in broken
    assert (
        "5 figures drawn, 1 failed, 1 out of date, 1 not drawn yet, 1 not recorded, 1 left out"
        in (page.of(""))
    )
    assert "2 claims checked: 1 theorem stands, 1 did not stand" in page.of("")


def test_what_is_up_to_date_can_be_loaded_and_what_is_not_cannot(made):
    path, _, page = made
    for place, link in page.links:
        if link.startswith("#"):
            assert link[1:] in page.ids
        elif not link.startswith(("https://arxiv.org/", "data:,")):
            assert (path.parent / unquote(link)).is_file(), (place, link)
    assert page.files("tenth") == [
        "tenth.png", "tenth.pdf", "tenth.svg", "tenth.png",
        "data/tenth.csv", "data/claims/no-curation.json",
    ]  # fmt: skip
    assert page.files("long_arrays")[-2:] == ["data/long_arrays.csv", "data/long_arrays.npz"]
    assert f"The table leaves out many ({toy_gallery.LONG})" in page.of("long_arrays")
    assert page.files("vector_kl")[:2] == ["vector_kl.svg", "vector_kl.svg"]
    # A picture that is out of date is shown, but neither it nor its numbers are handed out.
    assert page.files("stale") == ["stale.png"]
    assert page.files("broken") == ["broken.png"]
    assert page.files("waiting") == page.files("cifar10_runs") == page.files("trained") == []
    assert len(page.ids) == len(set(page.ids))


def test_pictures_have_their_size_and_their_caption(made):
    path, _, page = made
    assert len(page.images) == 7
    for place, image in page.images:
        assert image["alt"] == toy_gallery.FIGURES[place].caption
        # 7 in by 2 in, up to the margins that a tight box leaves out or adds.
        width, height = int(image["width"]), int(image["height"])
        assert width == pytest.approx(7 * 96 * gallery.ENLARGED, rel=0.03)
        assert width / height == pytest.approx(3.5, rel=0.05)
        if image["src"].endswith(".png"):
            with Image.open(path.parent / image["src"]) as picture:
                assert picture.width / picture.height == pytest.approx(width / height, rel=0.01)


def test_what_is_filled_in_is_escaped(made):
    path, _, page = made
    html = path.read_text(encoding="utf-8")
    assert 'Where a < b & c > d, "quoted".' in page.of("escaped_words")
    assert "a < b" not in html
    assert "<b>" not in html
    assert "a claim <b>without</b> twins" in page.of("escaped_words")
    assert "& weights" not in html
    assert "with <none> of them" in page.of("second")


def test_a_claim_that_does_not_stand_is_seen_everywhere(made):
    _, _, page = made
    reason = "has 0 false twins"
    assert f"{toy_gallery.FALLS.name} does not stand: {reason}" in page.of("")
    assert "theorem, does not stand" in page.of("escaped_words")
    assert reason in page.of("escaped_words")


def test_evidence_is_that_of_the_report_or_said_to_be_missing(made):
    _, _, page = made
    tenth = page.of("tenth")
    number = len(toy_gallery.HOLDS.false_twins)
    assert f"theorem, holds · machine-checked · {number} of {number} false twins" in tenth or (
        f"theorem, holds · proved · {number} of {number} false twins" in tenth
    )
    assert toy_gallery.UNCHECKED.plain in tenth
    assert "not checked yet by this code on this machine" in tenth
    assert toy_gallery.HOLDS.source in tenth


def test_the_list_of_claims_says_where_each_is_seen(made):
    path, _, _ = made
    html = path.read_text(encoding="utf-8")
    items = dict(re.findall(r'<li id="claim-([\w.-]+)"[^>]*>(.*?)</li>', html, re.DOTALL))
    assert set(items) == set(toy_gallery.LIBRARY)
    for name, item in items.items():
        seen = {each.name for each in toy_gallery.FIGURES.values() if name in each.claims}
        assert set(re.findall(r'href="#(\w+)"', item)) == seen


def test_evidence_that_is_partial_is_told_as_it_is(tmp_path):
    report = {
        **toy_gallery.reports(tmp_path)[toy_gallery.HOLDS.id].report,
        "strongest": "numeric",
        "counterexample": {"status": "fails"},
        "verdicts": [{"status": status} for status in ("holds", "holds", *2 * ["out of reach"])],
        "twins": [{"refuted": True}, {"refuted": False}, {"refuted": True}],
    }
    claimed = dataclasses.replace(
        toy_gallery.FIGURES["waiting"], claims=(toy_gallery.HOLDS.id, toy_gallery.UNCHECKED.id)
    )
    checked = {toy_gallery.HOLDS.id: Checked(report, "today")}
    path, _ = gallery.write(
        {"waiting": claimed}, {}, toy_gallery.LIBRARY, checked, tmp_path, tmp_path, {}
    )
    text = Page(path.read_text(encoding="utf-8")).of("waiting")
    assert "theorem, holds · numeric · 2 of 3 false twins refuted" in text
    assert "Checked today, on 3 instances" in text  # the counterexample is one
    for claim in (toy_gallery.HOLDS, toy_gallery.UNCHECKED):
        assert f"Assumes {' '.join('; '.join(claim.hypotheses).split())} Source" in text


def test_a_failure_without_a_picture_is_told_too(tmp_path):
    figures = {"waiting": toy_gallery.FIGURES["waiting"]}
    path, (entry,) = gallery.write(
        figures, {}, {}, {}, tmp_path, tmp_path, {"waiting": toy_gallery.FAILURE}
    )
    assert entry.state == "failed"
    text = Page(path.read_text(encoding="utf-8")).of("waiting")
    assert f"Could not be made: {toy_gallery.FAILURE}: python -m" in text


def test_a_report_that_was_made_again_is_handed_out_again(tmp_path):
    out = tmp_path / "out"
    reports = toy_gallery.reports(tmp_path)
    for _ in "12":
        gallery.write({}, {}, toy_gallery.LIBRARY, reports, out, tmp_path, {})
        for name in reports:
            report = evidence.report_file(name, tmp_path)
            assert (out / "data" / "claims" / f"{name}.json").read_bytes() == report.read_bytes()
            report.write_bytes(report.read_bytes() + b"\n")


def test_provenance_and_meaning_of_the_arrays_stand_with_the_figure(made):
    _, _, page = made
    second = page.of("second")
    assert "python -m paper_figures second" in second
    assert "Parameters(height=1.0, long=False)" in second
    revision = provenance.environment([])["revision"]
    assert f"Revision {revision or 'outside a repository'} Versions" in second
    assert re.search(r"Computed \d{4}-\d\d-\d\d \d\d:\d\d \S+, in \d+\.\d s", second)
    assert "x and y have shape (points,), in metres" in second


def test_tables_and_page_are_the_same_when_written_again(made, tmp_path):
    first, _, _ = made
    second, _ = toy_gallery.write(tmp_path)
    for file in sorted(first.parent.glob("data/*.csv")):
        assert (second.parent / "data" / file.name).read_bytes() == file.read_bytes()


@pytest.mark.parametrize(
    ("docstring", "html"),
    [
        ("One\nline.", "<p>One line.</p>"),
        ("``a<b`` is & was", "<p><code>a&lt;b</code> is &amp; was</p>"),
        ("See :func:`~theory.law.Law`.", "<p>See <code>theory.law.Law</code>.</p>"),
        ("One.\n\n- a\n- b", '<p>One.</p>\n<p class="laid-out">- a\n- b</p>'),
        ("", "<p></p>"),
    ],
)
def test_docstrings_become_paragraphs(docstring, html):
    assert gallery.prose(docstring) == html


def test_what_is_no_latex_is_shown_as_it_is_written():
    assert gallery.mathematics("a_1_2 < b") == "<code>a_1_2 &lt; b</code>"


@pytest.mark.parametrize("name", sorted(claims))
def test_every_statement_is_set_as_mathematics(name):
    found = gallery.mathematics(claims[name].statement)
    assert found.startswith("<math")
    # No command is left.
    assert not re.search(r"\\[a-zA-Z]", found)


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_figures_name_claims_that_there_are(name):
    assert set(FIGURES[name].claims) <= set(claims)


@pytest.mark.parametrize(
    ("size", "text"), [(999, "999 B"), (1000, "1 kB"), (999_499, "999 kB"), (1_240_000, "1.2 MB")]
)
def test_sizes_are_told_in_powers_of_a_thousand(size, text):
    assert gallery._bytes(size) == text
