"""The project as a whole: what imports what, what installs what, and what it may hold."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from paper_figures.registry import NAMES
from paper_figures.results import source_files

ROOT = Path(__file__).parents[1]
# Each package may import those before it, and no other.
PACKAGES = ("theory", "sim", "gpu_experiments", "paper_figures")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pins() -> dict[str, Version]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    pinned = {}
    for requirement in requirements:
        (specifier,) = requirement.specifier
        assert specifier.operator == "=="
        pinned[canonicalize_name(requirement.name)] = Version(specifier.version)
    assert len(pinned) == len(requirements), "a name is pinned twice"
    return pinned


def declared() -> list[Requirement]:
    """Direct dependencies of the core and of every extra, not the extras that name each other."""
    groups = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    requirements = [Requirement(line) for group in groups for line in group]
    return [entry for entry in requirements if entry.name != PROJECT["name"]]


def imported(tree: ast.AST) -> set[str]:
    """Top-level names of all modules that a source imports, wherever in it."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


SOURCES = [
    path.relative_to(ROOT)
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
]


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_imports_point_one_way(path: Path) -> None:
    allowed = PACKAGES[: PACKAGES.index(path.parts[0]) + 1]
    names = imported(ast.parse((ROOT / path).read_text()))
    assert names.isdisjoint(set(PACKAGES) - set(allowed))
    # torchvision breaks on a torch without CUDA, and so do these, which import it.
    assert names.isdisjoint({"torchvision", "torchmetrics", "pytorch_lightning", "lightning"})
    if path.parts[0] == "theory":
        assert "torch" not in names
    if path.parts[0] != "theory":
        assert "tests" not in names


def test_the_import_check_sees_an_import_inside_a_function() -> None:
    assert imported(ast.parse("def f():\n    from sim.datasets import TwoMoons")) == {"sim"}


# Imports every module of the package named on the command line where torch cannot be imported, and
# prints each attempt to import it. Modules for trained generators are left out: of sim all but the
# data, of gpu_experiments all but the exact loop on digits, of paper_figures those that reach such
# a module, whose figures are left out then.
WITHOUT_TORCH = """
import importlib, importlib.abc, pkgutil, sys

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in ("torch", "torchvision", "torchcfm"):
            print(name)
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Refuse())
package = importlib.import_module(sys.argv[1])
left_out = set(sys.argv[2:])
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    model = module.name.startswith(("sim.", "gpu_experiments.")) and module.name not in (
        "sim.datasets", "sim.lines", "gpu_experiments.digits"
    )
    if not model and module.name not in left_out and not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""

WITH_TORCH = {
    f"paper_figures.{path.stem}"
    for path in (ROOT / "paper_figures").glob("*.py")
    if path.stem != "__main__"
    and any(
        source.is_relative_to(ROOT / package)
        and source not in [ROOT / package / name for name in ("__init__.py", *without)]
        for source in source_files(path)
        for package, without in (
            ("sim", ("datasets.py", "lines.py")),
            ("gpu_experiments", ("digits.py",)),
        )
    )
}


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_a_package_never_asks_for_torch(package: str) -> None:
    # Of sim the data alone, of gpu_experiments the exact loop: the others are torch models.
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, package, *WITH_TORCH, "paper_figures.registry"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""


LISTED = """
import importlib.abc, sys

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in ("torch", "torchvision", "torchcfm"):
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Refuse())
from paper_figures.__main__ import main
from paper_figures.registry import FIGURES, MISSING
print(sorted(MISSING), file=sys.stderr)
folders = ["--out", sys.argv[1], "--results", sys.argv[1]]
sys.exit(main(["list"]) or main(["exact_iterates_moons", *folders]))
"""


def test_without_torch_the_figures_of_trained_generators_alone_are_left_out(tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LISTED, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    trained = sorted(name for name in NAMES if f"paper_figures.{name}" in WITH_TORCH)
    assert "trained_mixture" in trained
    assert "exact_iterates_moons" not in trained
    assert str(trained) in done.stderr
    assert "needs torch" in done.stdout
    assert (tmp_path / "exact_iterates_moons.png").is_file()


def test_the_exact_part_installs_without_torch() -> None:
    extras = PROJECT["optional-dependencies"]
    lines = [*PROJECT["dependencies"], *extras["fast"], *extras["cluster"]]
    names = {canonicalize_name(Requirement(line).name) for line in lines}
    assert not {name for name in names if "torch" in name or name == "diffusers"}


def extras_of(extra: str) -> set[str]:
    """Names that installing an extra asks for, through the extras it names."""
    names = set()
    for requirement in map(Requirement, PROJECT["optional-dependencies"][extra]):
        if requirement.name == PROJECT["name"]:
            names |= set().union(*map(extras_of, requirement.extras))
        else:
            names.add(canonicalize_name(requirement.name))
    return names


def test_development_needs_what_images_need_and_nothing_that_needs_a_gpu() -> None:
    assert extras_of("images") > extras_of("sim")
    assert extras_of("dev") > extras_of("images")
    assert extras_of("gpu") - extras_of("images") == {"torch-fidelity"}
    assert "torch-fidelity" not in extras_of("dev")


@pytest.mark.parametrize("requirement", declared(), ids=str)
def test_every_dependency_is_pinned_within_its_range(requirement: Requirement) -> None:
    assert pins()[canonicalize_name(requirement.name)] in requirement.specifier


def test_the_build_backend_is_pinned_within_its_range() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]
    for requirement in map(Requirement, build["requires"]):
        assert pins()[requirement.name] in requirement.specifier


def test_everything_installed_for_development_is_pinned() -> None:
    """Follow the dependencies of ``.[dev]`` through the environment this suite runs in."""
    wanted = [Requirement(line) for line in PROJECT["dependencies"]]
    for extra in ("fast", "cluster", "sim", "images", "dev"):
        wanted += [Requirement(line) for line in PROJECT["optional-dependencies"][extra]]
    wanted = [entry for entry in wanted if entry.name != PROJECT["name"]]
    pinned, seen = pins(), set()
    while wanted:
        requirement = wanted.pop()
        name = canonicalize_name(requirement.name)
        visit = (name, frozenset(requirement.extras))
        if visit in seen:
            continue
        seen.add(visit)
        assert name in pinned, f"{name} is installed but constraints.txt does not pin it"
        if name == "torch":
            # A torch with CUDA fixes the versions of its libraries itself.
            continue
        for line in distribution(name).requires or ():
            child = Requirement(line)
            marker = child.marker
            environments = [{"extra": extra} for extra in ("", *requirement.extras)]
            if marker is None or any(
                marker.evaluate({**default_environment(), **env}) for env in environments
            ):
                wanted.append(child)


def test_citation_and_package_agree() -> None:
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"\nversion: {PROJECT['version']}\n" in citation
    assert f"\nlicense: {PROJECT['license']}\n" in citation
    assert (ROOT / "LICENSE").read_text().startswith(f"{PROJECT['license']} License")


def tracked() -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listing.returncode:
        pytest.skip("not a git checkout: the list of tracked files is unknown")
    return [ROOT / name for name in listing.stdout.split("\0") if name]


def test_no_tracked_file_holds_a_path_of_one_machine() -> None:
    here = re.escape(str(ROOT))
    pattern = re.compile(rf"{here}\b|/home/\w+/|/Users/\w+/|/root/|site-packages/|file:///")
    this = Path(__file__).resolve()
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in tracked()
        if path.is_file() and path.resolve() != this
        for match in [pattern.search(path.read_text(encoding="utf-8", errors="ignore"))]
        if match
    ]
    assert found == []


def make_setup(folder: Path, python: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "-f", str(ROOT / "Makefile"), "setup", f"PYTHON={python}"],
        cwd=folder,
        # A make around this suite must not hand its own settings on.
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_make_without_a_usable_python_says_so_in_one_sentence(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_text("")
    done = make_setup(tmp_path, "no-such-python")
    assert done.returncode != 0
    sentence, *_ = done.stderr.splitlines()
    assert "Python >= 3.11" in sentence
    assert "no-such-python" in sentence
    assert not (tmp_path / ".venv").exists()


def test_an_interrupted_installation_leaves_no_stamp(tmp_path: Path) -> None:
    # An installation that fails after a stamp from an earlier one: the stamp must be gone.
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_text("no-such-distribution==not-a-version\n")
    stamp = tmp_path / ".venv" / ".complete"
    stamp.parent.mkdir()
    stamp.touch()
    os.utime(stamp, (0, 0))
    done = make_setup(tmp_path, sys.executable)
    assert done.returncode != 0
    assert not stamp.exists()
