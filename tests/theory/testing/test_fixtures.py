"""The fixtures in a test suite of the user's own, run by pytest in a folder of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SUITE = """
import numpy as np

def right(rewards, rng):
    return (rewards + rng.gumbel(size=rewards.shape)).argmax(axis=1)

def best(rewards, rng):
    return rewards.argmax(axis=1)

class Gaussian:
    def fit(self, data, rng):
        self.mean = data.mean(axis=0)
    def sample(self, n, rng):
        return self.mean + rng.normal(size=(n, len(self.mean)))
    def state(self):
        return self.mean.copy()
    def load(self, state):
        self.mean = state

class Shifted(Gaussian):
    def fit(self, data, rng):
        self.mean = data.mean(axis=0) + 1

def training_set(candidates, reward, real, rng):
    groups = candidates.reshape(-1, 2, 3)
    kept = groups[np.arange(len(groups)), right(reward(candidates).reshape(-1, 2), rng)]
    return np.concatenate([kept, real[: len(kept)]])

DATA, HELD_OUT = (np.random.default_rng(s).normal(size=(2000, 1)) for s in (0, 1))

def test_curator(check_curator):
    assert check_curator(right, K=2).passed

def test_wrong_curator(check_curator):
    check_curator(best, K=2)

def test_generator(check_generator):
    check_generator(Gaussian, DATA, HELD_OUT)

def test_wrong_generator(check_generator):
    check_generator(Shifted, DATA, HELD_OUT)

def test_loop(check_loop):
    check_loop(training_set, K=2, lam=1.0)

def test_wrong_loop(check_loop):
    check_loop(training_set, K=2, lam=0.5)
"""


def test_fixtures_in_a_suite_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["theory.testing.fixtures"]\n')
    (tmp_path / "test_mine.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", str(tmp_path)]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert run.returncode == 1, run.stdout + run.stderr
    for subject in ("curator", "generator", "loop"):
        assert f"PASSED test_mine.py::test_{subject}" in run.stdout
        assert f"FAILED test_mine.py::test_wrong_{subject}" in run.stdout
    assert "largest reward is always kept" in run.stdout
    assert "DOES NOT CONFORM" in run.stdout
