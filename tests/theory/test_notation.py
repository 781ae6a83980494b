"""The notation: no name twice, symbols that can be set, and nothing that no figure uses."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest
from matplotlib.mathtext import MathTextParser

import paper_figures
from theory import notation
from theory.notation import QUANTITIES

FIGURES = Path(paper_figures.__file__).parent
THEORY = Path(notation.__file__).parent


def test_no_name_stands_for_two_quantities():
    # A narrower name would do: two axes with the same words show the same quantity.
    names = Counter((quantity.name, quantity.symbol) for quantity in QUANTITIES.values())
    assert [name for name, count in names.items() if count > 1] == []
    words = Counter(quantity.name for quantity in QUANTITIES.values())
    assert [name for name, count in words.items() if count > 1] == []


@pytest.mark.parametrize("key", QUANTITIES)
def test_a_symbol_can_be_set(key):
    MathTextParser("path").parse(f"${QUANTITIES[key].symbol}$" if QUANTITIES[key].symbol else "")


def test_a_broken_symbol_is_seen():
    with pytest.raises(ValueError, match="nosuchsign"):
        MathTextParser("path").parse(r"$\nosuchsign$")


@pytest.mark.parametrize("key", QUANTITIES)
def test_a_quantity_is_named_symbolised_and_measured_in_plain_words(key):
    quantity = QUANTITIES[key]
    for words in (quantity.name, quantity.unit):
        assert not set("$\\[]{}") & set(words), words
    assert quantity.name.strip() == quantity.name != ""
    assert "$" not in quantity.symbol


def keys_in(source: str) -> set[str]:
    """Texts in a source, its docstrings apart, that could be keys."""
    tree = ast.parse(source)
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_every_quantity_is_on_some_figure_or_spoken_of_in_the_theory():
    used: set[str] = set()
    for path in FIGURES.glob("*.py"):
        used |= keys_in(path.read_text())
    pages = [path for path in THEORY.rglob("*.py") if path.name != Path(notation.__file__).name]
    spoken = "\n".join(path.read_text() for path in pages)
    left = [key for key in QUANTITIES if key not in used]
    assert [key for key in left if QUANTITIES[key].name not in spoken] == []
