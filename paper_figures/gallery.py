"""The gallery: one page that shows every figure, the claims it supports, and where it comes from.

``index.html`` beside the figures needs nothing but the files beside it: no server and no network.
It tells what there is, whoever made it and when: what is not drawn, or was drawn by an earlier
version of the code, is said to be so.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from math_core import LatexError, LatexToMathML
from PIL import Image

from paper_figures import tables
from paper_figures.evidence import TIME, Checked, overview, report_file
from paper_figures.figure import PaperFigure, on_disk, origin_file, results_file
from paper_figures.results import write_atomically
from theory import provenance
from theory.claims import Claim
from theory.evidence.table import STANDS

__all__ = ["PAGE", "counted", "write"]

PAGE = "index.html"

SHOWN = ("png", "svg")
"""Formats that a browser shows in a page, the first that is there."""

ENLARGED = 1.3
"""Size on the page over size in print: text of 7 pt is to be read on a screen."""

RECORDING = "python -m gpu_experiments run cifar10-record"
"""Makes the runs on a GPU that recorded figures read."""

SPELLED = {"cifar10": "CIFAR-10", "kl": "KL", "lorenz": "Lorenz"}
"""Words of the figures' names that are not spelled as there."""

STRENGTHS = {
    "machine-checked": "The proof for every law, written out to the last step, is accepted by the "
    "kernel of Rocq, a proof assistant, on this machine and from these very sources.",
    "proved": "Proved for every law: what the claim comes down to, an inequality or identity "
    "between polynomials, is settled by computer algebra; the step from it to the claim is "
    "written down and read by people.",
    "exact": "On every instance tried, decided in rational numbers, without rounding.",
    "certified": "On every instance tried, decided in ball arithmetic: rounding is bounded, and "
    "the two sides lie apart by more.",
    "numeric": "On every instance tried, in floating-point numbers, within their rounding error.",
}
"""What each strength of evidence means."""

STATES = {
    "drawn": "drawn",
    "failed": "failed",
    "stale": "out of date",
    "waiting": "not drawn yet",
    "unrecorded": "not recorded",
    "needs": "left out",
}
"""Words for the states of a figure, in the order in which they are counted."""

CONVERTER = LatexToMathML(fancy_error=False)


@dataclass(frozen=True)
class Picture:
    """A picture with its size on the page in CSS pixels."""

    file: str
    width: int
    height: int


@dataclass(frozen=True)
class Download:
    """A file beside the page."""

    file: str
    label: str
    size: str


@dataclass(frozen=True)
class Shown:
    """A claim as the page shows it; ``evidence`` is None when it was not checked."""

    claim: Claim
    statement: Markup
    verdict: str
    evidence: Checked | None
    report: Download | None

    @property
    def fell(self) -> bool:
        """Whether it was checked and does not stand."""
        return self.evidence is not None and not self.evidence.holds


@dataclass(frozen=True)
class Entry:
    """A figure as the page shows it; ``note`` says why it is not as it should be."""

    name: str
    title: str
    state: str
    note: str = ""
    command: str = ""
    caption: str = ""
    paper: str = ""
    picture: Picture | None = None
    downloads: Sequence[Download] = ()
    data: Sequence[Download] = ()
    left_out: Sequence[str] = ()
    arrays: str = ""
    claims: Sequence[Shown] = ()
    provenance: Sequence[tuple[str, str]] = ()

    @property
    def told(self) -> str:
        """The state in words."""
        return STATES[self.state]


def write(
    figures: Mapping[str, PaperFigure],
    missing: Mapping[str, str],
    claims: Mapping[str, Claim],
    checked: Mapping[str, Checked],
    out: Path,
    results: Path,
    failed: Mapping[str, str],
) -> tuple[Path, list[Entry]]:
    """Write the page, all at once, and the tables that it links to; its path and its figures.

    Parameters
    ----------
    figures
        Every figure by name.
    missing
        Library that a figure lacks, by the figure's name.
    claims
        The library of claims.
    checked
        Reports on those that were checked with this very code, by id.
    out, results
        Folders of the figures and of the saved results.
    failed
        Why figures could not be made just now, in one line each, by name.
    """
    out.mkdir(parents=True, exist_ok=True)
    shown = {name: _claim(claim, checked.get(name), out, results) for name, claim in claims.items()}
    entries = [
        _entry(figure, shown, out, results, failed.get(name, ""))
        for name, figure in figures.items()
    ]
    of_paper = [e for e in entries if e.paper and figures[e.name].record is None]
    recorded = [e for e in entries if figures[e.name].record is not None]
    own = [e for e in entries if e not in of_paper and e not in recorded]
    lacking = [
        Entry(
            name,
            _title(name),
            "needs",
            f"needs {library}, which is not installed",
            'pip install -e ".[sim]"',
        )
        for name, library in missing.items()
    ]
    sections = {
        "Figures of the paper": sorted(of_paper, key=lambda e: (_number(e.paper), e.paper)),
        "Further figures": own,
        "Recorded runs on CIFAR-10": recorded,
        "Left out here": lacking,
    }
    by_claim = {name: [e for e in entries if name in figures[e.name].claims] for name in claims}
    page = _template().render(
        sections=[
            (re.sub(r"\W+", "-", title.lower()), title, found)
            for title, found in sections.items()
            if found
        ],
        claims=[*shown.values()],
        by_claim=by_claim,
        overview=f"{overview(checked.values())}; {counted([*entries, *lacking])}.",
        fallen=[each for each in shown.values() if each.fell],
        strengths=STRENGTHS,
        written=datetime.now().astimezone().strftime(TIME),
        revision=provenance.environment([])["revision"],
    )
    path = out / PAGE
    write_atomically(path, page.encode())
    return path, [*entries, *lacking]


def counted(entries: Sequence[Entry]) -> str:
    """How many figures there are of each state: "28 figures drawn, 6 not recorded"."""
    numbers = {state: sum(each.state == state for each in entries) for state in STATES}
    parts = [f"{number} {STATES[state]}" for state, number in numbers.items() if number]
    if not parts:
        return "no figures"
    first, *rest = parts
    number, _, told = first.partition(" ")
    return ", ".join([f"{number} figure{'' if number == '1' else 's'} {told}", *rest])


def _template() -> Any:
    folder = Path(__file__).parent
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["css"] = Markup((folder / "gallery.css").read_text(encoding="utf-8"))
    return environment.get_template("gallery.html.jinja")


def _entry(
    figure: PaperFigure, shown: Mapping[str, Shown], out: Path, results: Path, failure: str
) -> Entry:
    there = on_disk(figure, results, out)
    picture = _picture(figure.name, there.files, out)
    state, note = _state(figure, there.recorded, bool(there.files), picture is not None, failure)
    entry = {
        "name": figure.name,
        "title": _title(figure.name),
        "state": state,
        "note": note,
        "command": f"python -m paper_figures {figure.name}" if there.recorded else RECORDING,
        "caption": figure.caption,
        "paper": figure.paper,
        "picture": picture if there.recorded else None,
        "downloads": [_download(file, suffix.upper(), out) for suffix, file in there.files.items()],
        "arrays": prose(inspect.getdoc(_plain(figure.compute)) or ""),
        "claims": [shown[name] for name in figure.claims if name in shown],
    }
    if not there.computed:
        return Entry(**entry)
    table = tables.write(results_file(figure.name, results), out / "data")
    data = [_download(table.csv, "CSV", out)]
    if table.archive is not None:
        data.append(_download(table.archive, "NPZ", out))
    left_out = [f"{name} ({' × '.join(map(str, shape))})" for name, shape in table.left_out.items()]
    return Entry(
        **entry,
        data=data,
        left_out=left_out,
        provenance=_provenance(figure.name, results, [*there.files.values()]),
    )


def _state(
    figure: PaperFigure, recorded: bool, drawn: bool, pictured: bool, failure: str
) -> tuple[str, str]:
    """State of a figure, and in words what is not as it should be."""
    if failure:
        kept = "; the picture is the last one that could be drawn" if pictured else ""
        return "failed", f"could not be made: {failure}{kept}"
    if not recorded:
        return "unrecorded", "not recorded yet: needs runs on a GPU"
    if drawn:
        return "drawn", ""
    if pictured:
        return "stale", "drawn by an earlier version of the code"
    return "waiting", "not drawn yet"


def _picture(name: str, files: Mapping[str, Path], out: Path) -> Picture | None:
    """What the page shows: a file that is up to date before one that is not."""
    older = {suffix: out / f"{name}.{suffix}" for suffix in SHOWN}
    for choice in (files, {} if files else older):
        for suffix in SHOWN:
            if suffix in choice and (size := _size(choice[suffix])) is not None:
                width, height = (round(ENLARGED * length) for length in size)
                return Picture(choice[suffix].name, width, height)
    return None


def _size(path: Path) -> tuple[float, float] | None:
    """Width and height in print, CSS pixels (96 per inch); None if there is no picture."""
    try:
        if path.suffix == ".png":
            with Image.open(path) as image:
                dots = image.info.get("dpi", (96, 96))
                return tuple(96 * n / dpi for n, dpi in zip(image.size, dots, strict=True))
        with path.open(encoding="utf-8") as file:
            head = file.read(4000)
    except (OSError, UnicodeDecodeError):
        return None
    found = re.search(r'<svg[^>]*? width="([\d.]+)pt" height="([\d.]+)pt"', _in_order(head))
    return None if found is None else tuple(float(length) * 96 / 72 for length in found.groups())


def _in_order(head: str) -> str:
    """The opening tag of an SVG with its width before its height."""
    sizes = [re.search(rf'\s{side}="[\d.]+pt"', head) for side in ("width", "height")]
    return "<svg" + "".join(size[0] if size else "" for size in sizes)


def _download(file: Path, label: str, out: Path) -> Download:
    return Download(file.relative_to(out).as_posix(), label, _bytes(file.stat().st_size))


def _bytes(size: int) -> str:
    """A file's size for people, in powers of 1000."""
    if size < 1000:
        return f"{size} B"
    return f"{size / 1000:.0f} kB" if size < 999_500 else f"{size / 1e6:.1f} MB"


def _provenance(name: str, results: Path, files: Sequence[Path]) -> list[tuple[str, str]]:
    """Where a figure's numbers come from, as terms and what is said of them."""
    computed = _date(results_file(name, results))
    found = [("Computed", computed)]
    if files:
        found.append(("Drawn", _date(max(files, key=lambda file: file.stat().st_mtime))))
    try:
        origin = json.loads(origin_file(name, results).read_bytes())
        packages = [f"{package} {version}" for package, version in origin["packages"].items()]
        runs = [*origin["runs"].values()]
        found[0] = ("Computed", f"{computed}, in {origin['seconds']:.1f} s")
        found += [
            ("Revision", str(origin["revision"] or "outside a repository")),
            ("Versions", ", ".join([f"Python {origin['python']}", *packages])),
            ("Machine", origin["platform"]),
            ("Parameters", origin["parameters"]),
        ]
        if runs:
            found.append((f"Runs read ({len(runs)})", ", ".join(runs)))
    except (OSError, ValueError, KeyError, TypeError):
        found.append(("Origin", "not known: there is no record beside the results"))
    return found


def _date(file: Path) -> str:
    return datetime.fromtimestamp(file.stat().st_mtime).astimezone().strftime(TIME)


def _claim(claim: Claim, checked: Checked | None, out: Path, results: Path) -> Shown:
    report = None
    if checked is None:
        verdict = "not checked yet by this code on this machine"
    else:
        verdict = STANDS[str(claim.standing)] if checked.holds else "does not stand"
        copy = out / "data" / "claims" / f"{claim.id}.json"
        content = report_file(claim.id, results).read_bytes()
        if not copy.is_file() or copy.read_bytes() != content:
            write_atomically(copy, content)
        report = _download(copy, "every verdict", out)
    return Shown(claim, mathematics(claim.statement), verdict, checked, report)


def _title(name: str) -> str:
    words = [SPELLED.get(word, word) for word in name.split("_")]
    return " ".join([words[0][:1].upper() + words[0][1:], *words[1:]])


def _number(paper: str) -> int:
    """The number in "Figure 4"; what has none comes last."""
    found = re.search(r"\d+", paper)
    return int(found[0]) if found else 10**6


def _plain(function: Any) -> Any:
    """The function that is called in the end, whose docstring names the arrays."""
    while isinstance(function, partial):
        function = function.func
    return function


def prose(docstring: str) -> Markup:
    """A docstring as paragraphs, with code and mathematics set as such."""
    paragraphs = []
    for block in re.split(r"\n\s*\n", docstring.strip()):
        lines = block.splitlines()
        # Lists and sections with their rules are left as they stand.
        laid_out = any(re.match(r"\s|-{3,}|[*-] ", line) for line in lines)
        text = _inline(block if laid_out else " ".join(lines))
        paragraphs.append(
            Markup("<p{}>{}</p>").format(Markup(' class="laid-out"') if laid_out else "", text)
        )
    return Markup("\n").join(paragraphs)


ROLE = re.compile(r"``(?P<code>[^`]+)``|:(?P<role>[\w:]+):`~?(?P<text>[^`]+)`")


def _inline(text: str) -> Markup:
    parts, at = [], 0
    for found in ROLE.finditer(text):
        parts.append(escape(text[at : found.start()]))
        if found["role"] == "math":
            parts.append(mathematics(found["text"], block=False))
        else:
            parts.append(Markup("<code>{}</code>").format(found["code"] or found["text"]))
        at = found.end()
    return Markup("").join([*parts, escape(text[at:])])


@cache
def mathematics(latex: str, block: bool = True) -> Markup:
    """LaTeX as MathML; what cannot be read as LaTeX is shown as it is written."""
    try:
        return Markup(CONVERTER.convert_with_local_state(latex, displaystyle=block))
    except LatexError:
        return Markup("<code>{}</code>").format(latex)
