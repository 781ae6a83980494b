"""The templates, used as CONTRIBUTING.md says: its commands are run one by one in a copy of the
project, and faults planted in copies of the templates are named."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sim import GaussianMixture
from theory.testing import check_generator
from theory.testing.report import Conformance

ROOT = Path(__file__).parents[1]
CLAIM = "theory/claims/my_claim.py"
CLAIM_TEST = "tests/theory/claims/test_my_claim.py"
FIGURE = "paper_figures/my_figure.py"
RECIPES = (ROOT / "CONTRIBUTING.md").read_text()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project's own files, without results, records and proofs that no recipe reads."""
    leave = shutil.ignore_patterns("__pycache__", "*.egg-info", "notebooks", "recorded", "build")
    for folder in ("theory", "sim", "gpu_experiments", "paper_figures", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=leave)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def run(copy: Path, command: str) -> subprocess.CompletedProcess[str]:
    """A command line of a recipe, in the copy: its ``python`` is the one that runs this test."""
    words = shlex.split(command)
    if words[0] == "python":
        words[0] = sys.executable
    return subprocess.run(
        words,
        cwd=copy,
        # Before what is installed in the environment, which may be the original.
        env={**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def succeed(copy: Path, command: str) -> str:
    done = run(copy, command)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def recipe(title: str) -> list[str]:
    """Command lines of a section of CONTRIBUTING.md, in order."""
    section = RECIPES.split(f"## Add a {title} in ten minutes\n")[1].split("\n## ")[0]
    return re.findall(r"^ {8}(\S.*)$", section, re.MULTILINE)


def blocks(title: str) -> list[str]:
    """Blocks of Python of a section."""
    section = RECIPES.split(f"## Add a {title} in ten minutes\n")[1].split("\n## ")[0]
    found = re.findall(r"^ {4}```python\n(.*?)^ {4}```", section, re.MULTILINE | re.DOTALL)
    return [re.sub(r"^ {4}", "", block, flags=re.MULTILINE) for block in found]


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, f"{path.name} has no {old!r}"
    path.write_text(text.replace(old, new))


def test_the_recipe_of_a_claim(copy: Path) -> None:
    commands = recipe("claim")
    assert len(commands) == 8
    for command in commands[:4]:  # as it is, before anything is changed
        succeed(copy, command)
    for path in (CLAIM, CLAIM_TEST):
        change(copy / path, '"template"', '"my-claim"')
    falsified = run(copy, commands[4].replace("--seconds 20", "--seconds 1"))
    assert falsified.returncode == 1, falsified.stderr  # nothing found
    assert "No counterexample" in falsified.stdout
    for command in commands[5:]:
        succeed(copy, command)
    assert "my-claim" in succeed(copy, "python -m theory list")


def test_a_claim_that_is_false_is_refuted_with_an_instance(copy: Path) -> None:
    for command in recipe("claim")[:2]:
        succeed(copy, command)
    real = "family=Family(steps=4, load=(Fraction(1, 100), Fraction(1)), free_start=True),\n"
    change(copy / CLAIM, "    family=Family(steps=4),\n", f"    {real}")
    done = run(copy, "python -m theory verify template")
    assert done.returncode == 1
    told = "template: does not hold at exact: 'expected weight' fails at t = "
    assert re.search(rf"{told}\d .* on p_ref = \[.*\], w = \[.*\], K = \d, λ = \d", done.stderr)


def test_a_twin_that_is_true_is_not_refuted(copy: Path) -> None:
    for command in recipe("claim")[:2]:
        succeed(copy, command)
    change(copy / CLAIM, "Fraction(51, 50)", "Fraction(49, 50)")
    done = run(copy, "python -m theory verify template")
    assert done.returncode == 1
    assert "template: false twin '2 % per round' was not refuted" in done.stderr


def test_a_twin_whose_words_do_not_say_what_its_sides_do_is_found_out(copy: Path) -> None:
    for command in recipe("claim")[:2]:
        succeed(copy, command)
    change(copy / CLAIM_TEST, "mpf(1)),", 'mpf("0.9")),')
    done = run(copy, f"python -m pytest -p no:cacheprovider {CLAIM_TEST}")
    assert done.returncode == 1
    assert "test_the_counterexample_is_one[template-with real data]" in done.stdout


def test_the_recipe_of_a_generator(copy: Path) -> None:
    commands, (script, entry) = recipe("generator"), blocks("generator")
    for command in commands[:2]:
        succeed(copy, command)
    (copy / "five_lines.py").write_text(script)
    assert "'fit'" in succeed(copy, "python five_lines.py")
    models = copy / "sim" / "models.py"
    change(models, "MODELS: dict[str, Model] = {\n", f"MODELS: dict[str, Model] = {{\n{entry}")
    change(
        models,
        "from sim.protocols import Generator\n",
        "from sim.generators.my_generator import Histogram\nfrom sim.protocols import Generator\n",
    )
    assert "what it is" in succeed(copy, "python -m sim list")
    (command,) = commands[2:]
    succeed(copy, f"{command} --kept 200 --real 400 --iterations 2 --out build/mine")
    assert (copy / "build" / "mine" / "metrics.jsonl").is_file()


def checked(path: Path) -> Conformance:
    """What the check of the template's example says of a generator's file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    rng = np.random.default_rng(0)
    data, held_out = (GaussianMixture().sample(5_000, rng) for _ in range(2))
    return check_generator(module.Histogram, data, held_out)


FAULTS = {
    "no seed": (
        "        cells = self.corners",
        "        rng = np.random.default_rng()\n        cells = self.corners",
        "same seed, same samples",
        "sampling uses randomness of its own, or changes the model",
    ),
    "one seed": (
        "        cells = self.corners",
        "        rng = np.random.default_rng(0)\n        cells = self.corners",
        "other seed, other samples",
        "the generator passed to sample is ignored",
    ),
    "wrong place": ("low + occupied", "occupied", "law", "total variation on 16 cells"),
    "wide cells": ("cells: int = 60", "cells: int = 3", "law", "total variation on 16 cells"),
    "wrong cells": (
        "p=self.shares",
        "p=np.sort(self.shares)",
        "law",
        "total variation on 16 cells",
    ),
    "half a state": (', "widths")', ")", "runs", "raised ValueError"),
    "data changed": (
        "        low, widths =",
        "        points += 1\n        low, widths =",
        "data untouched",
        "fit changed its data",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_a_generator_are_named(fault: str, tmp_path: Path) -> None:
    old, new, check, message = FAULTS[fault]
    path = tmp_path / "my_generator.py"
    shutil.copy(ROOT / "sim" / "generators" / "_template.py", path)
    assert checked(path).passed
    change(path, old, new)
    failed = {finding.check: finding.message for finding in checked(path).failures}
    assert message in failed[check]


def register_the_figure(copy: Path) -> None:
    change(copy / "paper_figures" / "registry.py", "NAMES = (\n", 'NAMES = (\n    "my_figure",\n')


def test_the_recipe_of_a_figure(copy: Path) -> None:
    first, second, third = recipe("figure")
    succeed(copy, first)
    register_the_figure(copy)
    assert "1 figure drawn" in succeed(copy, second)
    assert "my_figure" in (copy / "build" / "figures" / "index.html").read_text()
    for suffix in ("pdf", "svg", "png"):
        assert (copy / "build" / "figures" / f"my_figure.{suffix}").stat().st_size > 8_000
    assert "my_figure" in succeed(copy, "python -m paper_figures list")
    (reduced,) = re.findall(r"^3\.  Add `(.*?)` to `REDUCED`", RECIPES, re.MULTILINE)
    change(
        copy / "tests" / "paper_figures" / "conftest.py",
        "\nREDUCED = {\n",
        f"\nREDUCED = {{\n    {reduced}\n",
    )
    told = succeed(copy, f"{third} -p no:cacheprovider")
    assert re.search(r"\b[4-9] passed|1\d passed", told), told


MISDRAWN: dict[str, tuple[Callable[[str], str], str]] = {
    "an array that there is not": (
        lambda text: text.replace(
            'axes.plot(results[f"{name}_reward"]', 'axes.plot(results[f"{name}_rewards"]'
        ),
        "draw reads 'pure_rewards', and compute gives no array of that name, only top, K, lam, "
        "pure_reward, mixed_reward: name it alike in both.",
    ),
    "no figure": (lambda text: text.replace("    return figure\n", ""), "Not made: my_figure."),
}


@pytest.mark.parametrize("fault", MISDRAWN)
def test_faults_of_a_drawing_are_named(fault: str, copy: Path) -> None:
    planted, message = MISDRAWN[fault]
    succeed(copy, recipe("figure")[0])
    register_the_figure(copy)
    text = (copy / FIGURE).read_text()
    assert planted(text) != text
    (copy / FIGURE).write_text(planted(text))
    done = run(copy, "python -m paper_figures my_figure")
    assert done.returncode == 1
    assert message in done.stderr
    assert not [*(copy / "build").glob("figures/my_figure.*")]
