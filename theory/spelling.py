"""Names that a name may have been meant for."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that the given one begins, or else is most like."""
    return max(
        known,
        key=lambda other: (
            other.startswith(name),
            difflib.SequenceMatcher(None, name.lower(), other.lower()).ratio(),
        ),
    )
