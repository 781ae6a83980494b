"""Words on figures are defined in one place: read in the sources, and on the drawings."""

from __future__ import annotations

import ast
import math
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import matplotlib.axes
import pytest

from paper_figures import labels, style
from paper_figures.registry import FIGURES
from theory.claims import claims
from theory.notation import QUANTITIES

FOLDER = Path(labels.__file__).parent
DRAWINGS = sorted(
    path for path in FOLDER.glob("[a-z]*.py") if "paper_figures import" in path.read_text()
)
"""Files that import from the package: figures, and what several of them share."""

# Where a text is handed to matplotlib: functions whose arguments are texts, and keywords.
FUNCTIONS = {
    "annotate",
    "label_panel",
    "set_label",
    "set_title",
    "set_xlabel",
    "set_ylabel",
    "suptitle",
    "supxlabel",
    "supylabel",
    "text",
}
KEYWORDS = {"label", "title", "xlabel", "ylabel"}

KEYS = {
    "axis": (0,),
    "claim": (0,),
    "in_unit": (1,),
    "share_of": (0,),
    "symbol": (0,),
    "value": (0,),
}
"""Arguments of the functions of ``labels`` that are keys, and not drawn."""

NAMES_OF_CLAIMS = re.compile(r"(?:Theorem|Lemma|Proposition|Corollary) \d+(?:\.\d+)?")


def drawn_literals(source: str) -> list[str]:
    """Texts in a source that are drawn as they stand, those in f-strings and conditions included.

    Other keywords of the functions (``loc="left"``, ``ha="right"``) and what is asked of ``labels``
    by its key are none.
    """
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        texts = [word.value for word in node.keywords if word.arg in KEYWORDS]
        for argument in texts + (node.args if name in FUNCTIONS else []):
            found += _texts(argument)
    return [text for text in found if len(text) > 1 and re.search("[A-Za-z]", text)]


def _texts(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield " ".join(node.value.split())
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        module = node.func.value
        if isinstance(module, ast.Name) and module.id == "labels":
            skipped = KEYS.get(node.func.attr, ())
            drawn = [each for place, each in enumerate(node.args) if place not in skipped]
            for each in [*drawn, *(word.value for word in node.keywords)]:
                yield from _texts(each)
    elif isinstance(node, ast.JoinedStr | ast.BinOp | ast.IfExp | ast.FormattedValue):
        # The test of a condition compares, and draws nothing.
        parts = [node.body, node.orelse] if isinstance(node, ast.IfExp) else _children(node)
        for part in parts:
            yield from _texts(part)


def _children(node: ast.AST) -> Iterator[ast.AST]:
    # How a number is printed, ":.2f", is a text below its value.
    return (
        (node.value for _ in "1")
        if isinstance(node, ast.FormattedValue)
        else (ast.iter_child_nodes(node))
    )


SOURCE = """
axes.set_xlabel("round t")
axes.set(ylabel=f"mean {labels.symbol('reward')} [log-odds] {x:.2f}", xlim=(0, 1))
axes.plot(x, label="one" if a == "other" else "two")
axes.set_title(labels.axis("share", of="of best mode"), loc="left")
axes.set_ylabel(labels.in_unit("gap", "reward"))
style.label_panel(axes, "a", "map: " + name)
"""


def test_the_reader_of_sources_sees_what_is_drawn():
    assert sorted(drawn_literals(SOURCE)) == [
        "[log-odds]",
        "gap",
        "map:",
        "mean",
        "of best mode",
        "one",
        "round t",
        "two",
    ]


def test_no_words_are_typed_in_two_figures():
    places = defaultdict(set)
    for path in DRAWINGS:
        for text in drawn_literals(path.read_text()):
            places[text].add(path.name)
    assert {text: files for text, files in places.items() if len(files) > 1} == {}


@pytest.mark.parametrize("path", DRAWINGS, ids=lambda path: path.stem)
def test_no_unit_symbol_or_theorem_is_typed(path):
    texts = drawn_literals(path.read_text())
    assert [text for text in texts if re.search(r"\[[A-Za-z]", text)] == []
    assert [text for text in texts if NAMES_OF_CLAIMS.search(text)] == []
    own = {f"${quantity.symbol}$" for quantity in QUANTITIES.values()}
    assert [text for text in texts if any(symbol in text for symbol in own)] == []


@pytest.mark.parametrize("name", FIGURES)
def test_units_on_the_drawing_are_those_of_the_notation(drawn, name):
    figure = drawn(name)
    texts = [part.get_supxlabel() for part in (figure, *figure.subfigs)]
    texts += [part.get_supylabel() for part in (figure, *figure.subfigs)]
    for axes in figure.findobj(matplotlib.axes.Axes):
        texts += [axes.get_xlabel(), axes.get_ylabel(), axes.get_title(), axes.get_title("left")]
    units = {unit for text in texts for unit in re.findall(r"\[(.*?)\]", _without_maths(text))}
    assert units <= {quantity.unit for quantity in QUANTITIES.values()}


def _without_maths(text: str) -> str:
    return re.sub(r"\$.*?\$", "", text)


@pytest.mark.parametrize("name", FIGURES)
def test_theorems_in_a_caption_are_those_of_the_library(name):
    figure = FIGURES[name]
    of = {claims[each].name for each in figure.claims}
    for said in NAMES_OF_CLAIMS.findall(figure.caption):
        assert said in of, "the caption names a theorem that is not among the figure's claims"


def test_an_axis_is_name_symbol_and_unit():
    assert labels.axis("mean_reward") == "mean reward $E[r]$ [log-odds]"
    assert labels.axis("mean_reward", lines=2) == "mean reward\n$E[r]$ [log-odds]"
    assert labels.axis("x_1", name=False) == "$x_1$ [length]"
    assert labels.axis("share", of="of class 3") == "share of class 3"
    assert labels.axis("mean_reward", symbol=False, unit=False) == "mean reward"


def test_values_loops_and_units():
    assert labels.value("candidates", 2) == "$K$ = 2"
    assert labels.value("candidates", math.inf) == r"$K$ = $\infty$"
    assert labels.loop(math.inf) == "pure"
    assert labels.loop(0.5) == r"mixed, $\lambda$ = 0.5"
    assert labels.in_unit("gain", "reward") == "gain [log-odds]"
    assert labels.in_unit("", "reward") == "[log-odds]"
    assert labels.share_of("best_mode") == "share of best mode"
    assert labels.claim("theorem-2.4") == "Theorem 2.4"


# What a reader with deuteranopia sees of linear RGB, at full severity: G. M. Machado, M. M.
# Oliveira, L. A. F. Fernandes, IEEE Trans. Vis. Comput. Graph. 15 (2009), the table at 1.0.
DEUTERANOPIA = (
    (0.367322, 0.860646, -0.227968),
    (0.280085, 0.672501, 0.047413),
    (-0.011820, 0.042940, 0.968881),
)


def lightness_and_hue(colour: str, seen=None) -> tuple[float, float, float]:
    """CIE L*a*b* of an sRGB colour (white point D65), through a matrix of linear RGB if given."""
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    ]
    if seen is not None:
        linear = [sum(a * b for a, b in zip(row, linear, strict=True)) for row in seen]
    red, green, blue = (min(max(value, 0.0), 1.0) for value in linear)
    x = (0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / 0.95047
    y = 0.2126729 * red + 0.7151522 * green + 0.0721750 * blue
    z = (0.0193339 * red + 0.1191920 * green + 0.9503041 * blue) / 1.08883
    fx, fy, fz = (
        v ** (1 / 3) if v > (6 / 29) ** 3 else v / (3 * (6 / 29) ** 2) + 4 / 29 for v in (x, y, z)
    )
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def distance(one: str, other: str, seen=None) -> float:
    return math.dist(lightness_and_hue(one, seen), lightness_and_hue(other, seen))


def closest(palette: list[str], seen=None) -> float:
    return min(
        distance(one, other, seen)
        for number, one in enumerate(palette)
        for other in palette[:number]
    )


@pytest.mark.parametrize("seen", [None, DEUTERANOPIA], ids=["all cones", "deuteranopia"])
def test_colours_can_be_told_apart(seen):
    """Ten units of CIE L*a*b* are seen at a glance; two or three can just be seen side by side."""
    assert closest(list(style.COLOURS.values()), seen) > 10
    # Red and green of the same lightness are what the palette has to avoid.
    assert closest(["#C05030", "#808000"], DEUTERANOPIA) < 10


def test_the_two_loops_differ_in_grey_and_without_colour():
    pure, mixed = style.LOOPS["pure"], style.LOOPS["mixed"]
    assert pure["linestyle"] != mixed["linestyle"]
    assert pure["marker"] != mixed["marker"]
    assert distance(pure["color"], mixed["color"], DEUTERANOPIA) > 30
