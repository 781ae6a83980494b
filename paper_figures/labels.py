"""Words of the figures, from where they are defined: quantities and units from the notation, names
of theorems from the library of claims. No figure spells one of them itself.
"""

from __future__ import annotations

from theory.claims import claims
from theory.notation import QUANTITIES

__all__ = ["axis", "claim", "symbol"]


def axis(key: str, *, of: str = "", lines: int = 1, name: bool = True, symbol: bool = True) -> str:
    """Label of an axis or a colour bar: name, symbol and unit of a quantity.

    Parameters
    ----------
    key
        Of :data:`theory.notation.QUANTITIES`.
    of
        Words after the name that narrow it, e.g. ``"of class 3"``.
    lines
        1 for all in one line, 2 to set symbol and unit beneath the name.
    name, symbol
        Whether to print them; the unit always is, in brackets.
    """
    quantity = QUANTITIES[key]
    words = " ".join(filter(None, [quantity.name if name else "", of]))
    sign = f"${quantity.symbol}$" if symbol and quantity.symbol else ""
    unit = f"[{quantity.unit}]" if quantity.unit else ""
    return ("\n" if lines == 2 else " ").join(
        filter(None, [words, " ".join(filter(None, [sign, unit]))])
    )


def symbol(key: str) -> str:
    """A quantity's symbol, set as mathematics."""
    return f"${QUANTITIES[key].symbol}$"


def claim(identifier: str) -> str:
    """Short name of a claim for a legend, a title or a caption: "Theorem 2.4"."""
    return claims[identifier].name
