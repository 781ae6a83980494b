r"""The library of claims: one theorem, lemma or conjecture per file.

``claims`` maps ids to claims. To add one, copy ``_template.py`` to a new name here and fill it in:
nothing else needs editing.
"""

from __future__ import annotations

from pathlib import Path

from theory.claims.claim import Claim, Extremal, FalseTwin, Kind, Standing
from theory.claims.registry import discover, load_claim

claims: dict[str, Claim] = discover(Path(__file__).parent)

__all__ = ["Claim", "Extremal", "FalseTwin", "Kind", "Standing", "claims", "load_claim"]
