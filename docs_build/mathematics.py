r"""Formulas as MathML, made while the site is built: browsers draw it without a script.

The Markdown extension arithmatex marks formulas as ``\(…\)`` and ``\[…\]``; here they are
translated. TeX that cannot be read is an error: no page shows a formula as source.
"""

from __future__ import annotations

import html
import re

from math_core import LatexError, LatexToMathML

__all__ = ["BadFormula", "as_text", "mathml", "with_mathml"]

MARKED = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">\\[(\[](?P<tex>.*?)\\[)\]]</(?P=tag)>', re.DOTALL
)
INLINE = re.compile(r"\\\((.*?)\\\)|(?<!\\)\$([^$]+)\$", re.DOTALL)
CONVERTER = LatexToMathML(fancy_error=False)


class BadFormula(ValueError):
    """A formula that is not TeX mathematics."""


def mathml(tex: str, block: bool = False) -> str:
    """A formula as MathML.

    Raises
    ------
    BadFormula
        With the formula, and what is wrong with it.
    """
    if r"\tag" in tex:
        # Only an equation of its own has a number beside it.
        tex = rf"\begin{{equation}}{tex}\end{{equation}}"
    try:
        return CONVERTER.convert_with_local_state(tex, displaystyle=block)
    except LatexError as error:
        raise BadFormula(f"the formula {tex!r} cannot be read: {error}") from error


def with_mathml(page: str) -> str:
    """HTML with every marked formula translated; one on its own line can be scrolled sideways."""

    def formula(match: re.Match[str]) -> str:
        tex = html.unescape(match["tex"]).strip()
        if match["tag"] == "span":
            return mathml(tex)
        return f'<div class="formula" tabindex="0">{mathml(tex, block=True)}</div>'

    return MARKED.sub(formula, page)


def as_text(title: str) -> str:
    r"""A title in HTML with formulas, ``$…$`` or ``\(…\)``, as text, in HTML without tags."""

    def plain(match: re.Match[str]) -> str:
        marked = mathml(html.unescape(match[1] or match[2]))
        return re.sub("<[^>]*>|&ApplyFunction;", "", marked)

    return INLINE.sub(plain, title)
