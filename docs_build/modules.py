"""Which modules have a page of their own, and what a role in a docstring leads to."""

from __future__ import annotations

import ast
import importlib
import re
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from pkgutil import resolve_name

from paper_figures.registry import NAMES
from theory.claims.registry import INFRASTRUCTURE

__all__ = ["PACKAGES", "ROOT", "Module", "modules", "on_site", "path_in", "summary"]

ROOT = Path(__file__).parents[1]
PACKAGES = ("theory", "sim", "gpu_experiments", "paper_figures")

# Packages whose modules are for users, with what they are for; inner workings (the evidence, its
# polynomial cores, the algebra of the notebooks) have docstrings, and no page.
SECTIONS = {
    "theory": "Exact mathematics of the loop",
    "theory.choice": "Choice models",
    "theory.claims": "What a claim is",
    "theory.testing": "Checks of your own code",
    "sim": "The loop on samples",
    "sim.generators": "Generators",
    "gpu_experiments": "The loop on images",
    "gpu_experiments.sources": "Image data",
    "paper_figures": "Figures",
}


@dataclass(frozen=True)
class Module:
    """A module that has a page.

    Attributes
    ----------
    path
        As it is imported.
    section
        The package under which it is listed.
    file
        Its source.
    """

    path: str
    section: str
    file: Path

    @property
    def page(self) -> str:
        """Path of its page inside the site's sources."""
        return f"api/{self.path}.md"

    @property
    def docstring(self) -> str:
        """Its docstring, empty if it has none."""
        return ast.get_docstring(_tree(self.file)) or ""

    @property
    def exports(self) -> dict[str, str]:
        """For a package: names that it offers as its own, with what documents each of them (the
        object, or the module that it comes from where it has no docstring)."""
        if self.file.name != "__init__.py":
            return {}
        offered = set(getattr(importlib.import_module(self.path), "__all__", ()))
        return {
            alias.name: _documented(node.module, alias.name)
            for node in ast.walk(_tree(self.file))
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names
            if alias.name in offered
        }

    @property
    def members(self) -> list[str]:
        """For a package: public names that are defined in it."""
        module = importlib.import_module(self.path)
        return [name for name in getattr(module, "__all__", ()) if name not in self.exports]


def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _documented(module: str, name: str) -> str:
    """Path of a module's object if it has a docstring, else that of the module."""
    body = _tree(ROOT.joinpath(*module.split(".")).with_suffix(".py")).body
    for node, after in pairwise([*body, None]):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            found = ast.get_docstring(node) is not None
        elif isinstance(node, ast.Assign | ast.AnnAssign) and name == _target(node):
            found = isinstance(after, ast.Expr)
        else:
            continue
        return f"{module}.{name}" if found else module
    return module


def _target(node: ast.Assign | ast.AnnAssign) -> str:
    return ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target)


@cache
def modules() -> dict[str, Module]:
    """Every module with a page, by import path, packages before what is in them."""
    found = {}
    for section in SECTIONS:
        folder = ROOT.joinpath(*section.split("."))
        for file in [folder / "__init__.py", *sorted(folder.glob("*.py"))]:
            if file.stem == "__init__":
                found[section] = Module(section, section, file)
            elif _is_public(section, file.stem):
                path = f"{section}.{file.stem}"
                found[path] = Module(path, section, file)
    return found


def _is_public(section: str, name: str) -> bool:
    if name.startswith("_"):
        return False
    # Claims and figures have pages of another kind.
    if section == "theory.claims":
        return name in INFRASTRUCTURE
    return not (section == "paper_figures" and name in NAMES)


def on_site(path: str) -> bool:
    """Whether a module with a page holds this object, and it is public."""
    parts = path.split(".")
    modules_above = [i for i in range(1, len(parts) + 1) if _is_module(parts[:i])]
    inside = max(modules_above, default=0)
    # __call__ and its like are public.
    public = not any(re.match("_(?!_.*__$)", part) for part in parts[inside:])
    return public and ".".join(parts[:inside]) in modules()


def _is_module(parts: list[str]) -> bool:
    place = ROOT.joinpath(*parts)
    return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


def path_in(module: str, target: str) -> str | None:
    """What a role in a module's docstring leads to, for :func:`docs_build.markup.markdown`.

    Raises
    ------
    LookupError
        When there is no such object.
    """
    for name in (f"{module}.{target}", target):
        try:
            found = resolve_name(name)
        except (ImportError, AttributeError, ValueError):
            continue
        if hasattr(found, "__qualname__"):
            name = f"{found.__module__}.{found.__qualname__}"
        return name if on_site(name) else None
    raise LookupError(f"{module} names {target!r}, which does not exist.")


def summary(docstring: str) -> str:
    """The first sentence of a docstring, or its first paragraph if that is one sentence."""
    return " ".join(docstring.strip().split("\n\n")[0].split())
