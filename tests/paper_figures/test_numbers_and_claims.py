"""What figures say they show: figures of the paper by number, and claims of the library."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

from paper_figures.registry import FIGURES, MISSING
from theory.claims import claims

NUMBERS = range(1, 12)
"""Figures of Ferbach et al. 2024 (arXiv:2407.09499), in order of appearance."""


@pytest.mark.parametrize("name", FIGURES)
def test_a_number_is_one_of_the_papers_and_the_docstring_has_it(name):
    figure = FIGURES[name]
    docstring = import_module(f"paper_figures.{name}").__doc__
    said = {int(number) for number in re.findall(r"\bFigure (\d+)", docstring)}
    if figure.paper:
        number = re.fullmatch(r"Figure (\d+)", figure.paper)
        assert number is not None
        assert int(number[1]) in NUMBERS
        assert int(number[1]) in said
    else:
        assert not said


@pytest.mark.skipif(bool(MISSING), reason=f"figures are left out: {', '.join(MISSING)}")
def test_every_figure_of_the_paper_is_shown():
    shown = {figure.paper for figure in FIGURES.values()} - {""}
    assert shown == {f"Figure {number}" for number in NUMBERS}


@pytest.mark.parametrize("name", FIGURES)
def test_claims_are_those_of_the_library_each_once(name):
    told = FIGURES[name].claims
    assert set(told) <= set(claims)
    assert len(set(told)) == len(told)


@pytest.mark.parametrize("name", FIGURES)
def test_a_caption_is_of_few_plain_sentences(name):
    caption = FIGURES[name].caption
    assert caption[0].isupper()
    sentences = re.split(r"(?<=[a-z)])\. ", caption)
    assert len(sentences) <= 3
    assert len(sentences) == 1 or caption.endswith(".")
    assert len(caption) <= 420
