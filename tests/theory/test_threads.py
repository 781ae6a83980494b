"""Passes in parts: every atom is visited once, and threads change no bit."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest

from theory import Law, RetrainingLoop
from theory.curation import log_curation_factor
from theory.threads import PARALLEL_FROM, over_parts


@pytest.mark.parametrize("size", [1, 7, PARALLEL_FROM - 1, PARALLEL_FROM, PARALLEL_FROM + 3])
def test_parts_cover_every_atom_once_and_in_order(size):
    parts = over_parts(size, lambda part: np.arange(size)[part])
    assert (np.concatenate(parts) == np.arange(size)).all()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks exist on POSIX systems only")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_makes_its_own_threads():
    over_parts(PARALLEL_FROM, lambda part: part.start)
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # a child that waits for threads it does not have would never end
        os._exit(0 if len(over_parts(PARALLEL_FROM, lambda part: part.start)) > 1 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_long_law_is_a_short_one_repeated():
    """Atoms repeated, each with its share of the mass, have the factors of the short law."""
    copies, short = 1000, Law(np.full(300, 1 / 300), np.linspace(-70, 0, 300))
    long = Law(np.full(300 * copies, 1 / (300 * copies)), np.tile(short.rewards, copies))
    assert len(long) > PARALLEL_FROM
    factors = log_curation_factor(long, 3).reshape(copies, 300)
    # The same sums, taken in another order.
    assert np.abs(factors - log_curation_factor(short, 3)).max() < 1e-13
    masses = RetrainingLoop(long, 3, 0.5).run(50).laws[50].probabilities.reshape(copies, 300)
    expected = RetrainingLoop(short, 3, 0.5).run(50).laws[50].probabilities
    assert np.abs(masses.sum(axis=0) - expected).max() < 1e-13
