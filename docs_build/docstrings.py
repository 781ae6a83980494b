"""Griffe extension: docstrings become Markdown as soon as a package is read."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import griffe

from docs_build.markup import markdown
from docs_build.modules import PACKAGES, on_site

__all__ = ["Markdown"]

# Below MkDocs' own: a warning fails a strict build.
LOG = logging.getLogger("mkdocs.docs_build.docstrings")


class Markdown(griffe.Extension):
    """Translate every docstring of a package, its roles to links where they lead to a page."""

    def on_package(self, *, pkg: griffe.Module, loader: griffe.GriffeLoader, **_: Any) -> None:
        """Called when a package has been read whole."""
        if pkg.path not in PACKAGES:
            return
        for thing in _objects(pkg):
            if thing.docstring is None or not on_site(thing.path):
                continue

            def resolve(target: str, scope: griffe.Object = thing) -> str | None:
                try:
                    return _path(scope, target, loader.modules_collection)
                except LookupError as error:
                    # Told of all at once, and an error where warnings are.
                    LOG.warning("%s", error)
                    return None

            thing.docstring.value = markdown(thing.docstring.value, resolve)


def _objects(parent: griffe.Object) -> Iterator[griffe.Object]:
    yield parent
    for member in parent.members.values():
        if isinstance(member, griffe.Object):
            yield from _objects(member)


def _path(scope: griffe.Object, target: str, known: griffe.ModulesCollection) -> str | None:
    """What a role leads to: sought in the object, in what it is part of, and as a full path."""
    scopes = [scope]
    while not scopes[-1].is_module and scopes[-1].parent is not None:
        scopes.append(scopes[-1].parent)
    # A setting is often named where it is used, in another class of the module.
    classes = [each for each in scopes[-1].members.values() if isinstance(each, griffe.Class)]
    for name in (*(f"{each.path}.{target}" for each in [*scopes, *classes]), target):
        try:
            found = known[name]
            if found.is_alias:
                found = found.final_target
        except (KeyError, griffe.AliasResolutionError, griffe.CyclicAliasError):
            continue
        # Only what has a docstring is shown; else its class is the nearest thing that is.
        while found.docstring is None and found.parent is not None:
            found = found.parent
        return found.path if on_site(found.path) else None
    if target.partition(".")[0] in PACKAGES or "." not in target:
        raise LookupError(f"the docstring of {scope.path} names {target!r}, which does not exist.")
    return None
