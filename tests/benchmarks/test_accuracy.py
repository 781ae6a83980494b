"""The accuracy table's own entries, a few of them, and that it can say no."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from tests.benchmarks import accuracy_table
from tests.benchmarks.accuracy_table import ACCURACY, binomial_log_factors, largest_error
from theory import Law
from theory.closed_forms import two_atom_factors
from theory.law import log_of_rational


@pytest.mark.parametrize(
    ("K", "spread", "atoms"), [(1, 700, 2), (2, 15, 100), (5, 700, 8), (20, 60, 4), (200, 200, 2)]
)
def test_entries_are_within_what_is_asked(K, spread, atoms):
    assert largest_error(K, spread, atoms) <= ACCURACY


def test_laws_out_of_reach_are_dashes():
    assert largest_error(20, 15, 8) is None


def test_the_binomial_oracle_agrees_with_rationals():
    law = Law.from_weights([1, 3], [2, 5], normalise=True)
    exact = two_atom_factors(*law.exact_probabilities[:1], *law.exact_weights, 50)
    expected = [log_of_rational(h) for h in exact]
    assert binomial_log_factors(law, 50) == pytest.approx(expected, rel=1e-15)


def test_thousands_of_rivals_all_at_the_bottom():
    """The low atom is kept only among its own: H = e^-1386, from the 2000th power of one mass."""
    law = Law.from_weights([1, 1], [Fraction(1, 2**1000), 1], normalise=True)
    K = 1500
    error = accuracy_table.log_curation_factor(law, K) - binomial_log_factors(law, K)
    assert np.abs(error).max() < ACCURACY


def test_a_wrong_quadrature_fails_the_table(monkeypatch):
    honest = accuracy_table.log_curation_factor
    monkeypatch.setattr(
        accuracy_table, "log_curation_factor", lambda law, K: honest(law, K) + 1e-11
    )
    assert largest_error(2, 15, 4) > ACCURACY
