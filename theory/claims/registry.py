r"""Finding claims: every file in a folder that defines one is registered by being there."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import cloudpickle

from theory.claims.claim import Claim

# The files beside the claims that are not claims.
INFRASTRUCTURE = frozenset({"claim", "registry"})


def load_claim(path: Path) -> Claim:
    """The one claim that a Python file defines.

    Raises
    ------
    ValueError
        When the file defines no claim, or several.
    """
    module = _module(path)
    found = [value for value in vars(module).values() if isinstance(value, Claim)]
    if len(found) != 1:
        raise ValueError(
            f"{path.name} defines {len(found)} claims: a claim file assigns exactly one Claim "
            "to a name of its own (see theory/claims/_template.py)."
        )
    return found[0]


def discover(folder: Path) -> dict[str, Claim]:
    """Claims of a folder by id, in order of file name; files starting with ``_`` are left out.

    Raises
    ------
    ValueError
        When two files use one id, or a file does not define exactly one claim.
    """
    claims: dict[str, Claim] = {}
    for path in sorted(folder.glob("*.py")):
        if path.stem.startswith("_") or path.stem in INFRASTRUCTURE:
            continue
        claim = load_claim(path)
        if claim.id in claims:
            raise ValueError(f"{path.name} uses the id {claim.id!r}, which is already taken.")
        claims[claim.id] = claim
    return claims


def _module(path: Path) -> ModuleType:
    """Import a claim file: as part of this package when it is one, else under a name of its own."""
    if path.resolve().parent == Path(__file__).resolve().parent:
        return importlib.import_module(f"theory.claims.{path.stem}")
    name = f"theory_claim_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    # Other processes cannot import it by that name: what it defines travels to them by value.
    cloudpickle.register_pickle_by_value(module)
    spec.loader.exec_module(module)
    return module
