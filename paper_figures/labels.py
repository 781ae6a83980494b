"""Words of the figures, from where they are defined: quantities and units from the notation, names
of theorems from the library of claims. No figure spells one of them itself.
"""

from __future__ import annotations

import math

from theory.claims import claims
from theory.notation import QUANTITIES

__all__ = ["axis", "claim", "in_unit", "loop", "share_of", "symbol", "value"]


def axis(
    key: str,
    *,
    of: str = "",
    lines: int = 1,
    name: bool = True,
    symbol: bool = True,
    unit: bool = True,
) -> str:
    """Label of an axis or a colour bar: name, symbol and unit of a quantity.

    Parameters
    ----------
    key
        Of :data:`theory.notation.QUANTITIES`.
    of
        Words after the name that narrow it, e.g. ``"of class 3"``.
    lines
        1 for all in one line, 2 to set symbol and unit beneath the name.
    name, symbol, unit
        Whether to print them, the unit in brackets. Without its unit a quantity is a title.
    """
    quantity = QUANTITIES[key]
    words = " ".join(filter(None, [quantity.name if name else "", of]))
    sign = f"${quantity.symbol}$" if symbol and quantity.symbol else ""
    brackets = f"[{quantity.unit}]" if unit and quantity.unit else ""
    return ("\n" if lines == 2 else " ").join(
        filter(None, [words, " ".join(filter(None, [sign, brackets]))])
    )


def symbol(key: str) -> str:
    """A quantity's symbol, set as mathematics."""
    return f"${QUANTITIES[key].symbol}$"


def in_unit(words: str, key: str, *, lines: int = 1) -> str:
    """Words of one figure alone, with the unit of a quantity that they are a kind of.

    ``in_unit("gain in true reward", "reward")`` is "gain in true reward [log-odds]"; ``lines`` = 2
    sets the unit beneath the words.
    """
    return ("\n" if lines == 2 else " ").join(filter(None, [words, f"[{QUANTITIES[key].unit}]"]))


def share_of(key: str, *, lines: int = 1) -> str:
    """Share of a class, mode or region that the notation has a name for."""
    return ("\n" if lines == 2 else " ").join([f"{QUANTITIES['share'].name} of", axis(key)])


def value(key: str, number: float) -> str:
    """A quantity's symbol and what it is: "K = 2"."""
    shown = r"$\infty$" if math.isinf(number) else f"{number:g}"
    return f"{symbol(key)} = {shown}"


def loop(lam: float) -> str:
    """What a loop with this ratio is called: "pure", or "mixed" with the ratio."""
    return "pure" if math.isinf(lam) else f"mixed, {value('ratio', lam)}"


def claim(identifier: str) -> str:
    """Short name of a claim for a legend, a title or a caption: "Theorem 2.4"."""
    return claims[identifier].name
