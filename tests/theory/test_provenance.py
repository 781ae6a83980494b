"""Versions and revision: of what is installed, and of this code alone."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import subprocess
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from theory import provenance


def test_versions_are_those_of_what_is_installed() -> None:
    found = provenance.environment(["numpy", "no-such-library", "scipy"])
    assert found["packages"] == {"numpy": version("numpy"), "scipy": version("scipy")}
    assert found["python"] == platform.python_version()
    assert found["platform"] == platform.platform()


def git(folder: Path, *words: str) -> str:
    author = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    done = subprocess.run(
        ["git", *author, *words], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def revision(tmp_path: Path) -> Callable[[], str | None]:
    """The revision that a copy of the module finds for itself, asked anew each time."""
    copy = tmp_path / "theory" / "provenance.py"
    copy.parent.mkdir()
    shutil.copy(provenance.__file__, copy)

    def ask() -> str | None:
        spec = importlib.util.spec_from_file_location("copied", copy)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found: str | None = module.environment([])["revision"]
        return found

    return ask


@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
def test_the_revision_is_that_of_the_repository_and_says_what_is_changed(
    revision: Callable[[], str | None], tmp_path: Path
) -> None:
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "theory")
    git(tmp_path, "commit", "-q", "-m", "first")
    commit = git(tmp_path, "rev-parse", "--short", "HEAD")
    assert revision() == commit
    with (tmp_path / "theory" / "provenance.py").open("a") as file:
        file.write("# changed\n")
    assert revision() == f"{commit}-dirty"


@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
def test_a_copy_in_the_repository_of_something_else_has_no_revision(
    revision: Callable[[], str | None], tmp_path: Path
) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("theory/\n")
    git(tmp_path, "add", ".gitignore")
    git(tmp_path, "commit", "-q", "-m", "of something else")
    assert revision() is None


def test_outside_a_repository_and_without_git_there_is_no_revision(
    revision: Callable[[], str | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert revision() is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert revision() is None
