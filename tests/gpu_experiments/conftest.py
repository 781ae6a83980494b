"""Real CIFAR-10, for the tests that need it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

VARIABLE = "CURATED_LOOPS_CIFAR10"


@pytest.fixture(scope="session")
def cifar10_path() -> Path:
    """CIFAR-10 in any layout: where the variable says, or else in a folder beside the checkout."""
    if given := os.environ.get(VARIABLE):
        return Path(given)
    beside = Path(__file__).resolve().parents[3] / "shared" / "cifar10"
    if not beside.is_dir():
        pytest.skip(f"no CIFAR-10 here: {VARIABLE} can name a folder with it")
    return beside
