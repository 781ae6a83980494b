"""Divergences and bounds: definitions, the integral behind the sharp bound, and the envelope."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from theory import Law, RetrainingLoop
from theory.divergences import chi2, envelope, kl, paper_kl_bound, sharp_kl_bound, total_variation
from theory.testing import laws


def pair(p, q):
    return Law(p, np.zeros(len(p))), Law(q, np.zeros(len(q)))


def test_divergences_by_hand():
    p, q = pair([0.25, 0.75], [0.5, 0.5])
    assert kl(p, q) == pytest.approx(0.25 * math.log(0.5) + 0.75 * math.log(1.5), abs=1e-15)
    assert total_variation(p, q) == pytest.approx(0.25, abs=1e-15)
    assert chi2(p, q) == pytest.approx(0.25, abs=1e-15)


def test_mass_outside_the_other_law_is_infinitely_far():
    p, q = pair([0.5, 0.5], [1.0, 0.0])
    assert kl(p, q) == chi2(p, q) == math.inf
    assert kl(q, p) == pytest.approx(math.log(2))
    assert total_variation(p, q) == 0.5


def test_nearby_laws_keep_their_relative_accuracy():
    """KL of p(1 ± ε) is ε²/2 to leading order; the naive sum returns noise of size 1e-17."""
    eps = 1e-7
    p, q = pair([0.5 * (1 + eps), 0.5 * (1 - eps)], [0.5, 0.5])
    assert kl(p, q) == pytest.approx(eps**2 / 2, rel=1e-8, abs=0)


@given(laws(massless=False))
def test_a_law_is_at_no_distance_from_itself(law):
    assert kl(law, law) == total_variation(law, law) == chi2(law, law) == 0


@given(laws(min_atoms=4, max_atoms=4), laws(min_atoms=4, max_atoms=4))
def test_pinsker(p, q):
    assert kl(p, q) >= 2 * total_variation(p, q) ** 2 - 1e-15


def test_laws_on_other_atoms_are_refused():
    with pytest.raises(ValueError, match="2 and 1 atoms"):
        kl(Law([0.5, 0.5], [0, 0]), Law([1.0], [0.0]))


@pytest.mark.parametrize("K", [2, 3, 5, 20])
@pytest.mark.parametrize("load", [0.05, 0.4, 0.6, 0.9, 0.999])
def test_the_sharp_bound_is_its_integral(K, load):
    lam = load / (K - 1)
    integral, _ = quad(
        lambda x: -math.log(1 + lam - lam * K * x ** (K - 1)),
        0,
        1,
        epsabs=1e-13,
        epsrel=1e-11,
        limit=500,
    )
    # quad's requested accuracy; the integrand nearly cancels over (0, 1).
    assert sharp_kl_bound(lam, K) == pytest.approx(integral, rel=1e-10, abs=1e-12)


@pytest.mark.parametrize("K", [2, 3, 5, 50, 10**6])
@pytest.mark.parametrize("load", [1e-6, 0.01, 0.3, 0.5, 0.51, 0.8, 0.99, 1 - 1e-9])
def test_the_sharp_bound_is_its_closed_form_to_sixty_digits(K, load):
    lam, k = load / (K - 1), K - 1
    with mpmath.workdps(60):
        ratio = mpmath.mpf(lam)
        c = ratio * K / (1 + ratio)
        series = mpmath.hyp2f1(1, mpmath.mpf(1) / k, 1 + mpmath.mpf(1) / k, c)
        exact = float(-mpmath.log(1 - ratio * k) - k * (series - 1))
    # A hundred terms of either sign, each to rounding.
    assert sharp_kl_bound(lam, K) == pytest.approx(exact, rel=1e-13, abs=0)


def test_sharp_bound_at_the_threshold():
    assert sharp_kl_bound(1.0, 2) == pytest.approx(1 - math.log(2), rel=1e-14)
    assert paper_kl_bound(1.0, 2) == math.inf
    assert sharp_kl_bound(1.0001, 2) == math.inf


@pytest.mark.parametrize("K", [2, 3, 50])
def test_the_sharp_bound_improves_on_the_papers(K):
    for load in (0.1, 0.5, 0.9):
        assert 0 < sharp_kl_bound(load / (K - 1), K) < paper_kl_bound(load / (K - 1), K)


@pytest.mark.parametrize(("lam", "K"), [(0.0, 5), (3.0, 1)])
def test_bounds_vanish_without_curation(lam, K):
    assert paper_kl_bound(lam, K) == sharp_kl_bound(lam, K) == 0


@settings(max_examples=40)
@given(laws(max_range=30.0), st.integers(1, 8), st.floats(0.01, 5.0), st.integers(0, 12))
def test_no_set_ever_gets_more_than_the_envelope(law, K, lam, t):
    """Sets of largest likelihood ratio are the worst ones; round-off is 1e-12 per unit of mass."""
    last = RetrainingLoop(law, K, lam).run(t).laws[t]
    p, q = last.probabilities[law.probabilities > 0], law.probabilities[law.probabilities > 0]
    order = np.argsort(-p / q)
    p, u = p[order].cumsum(), q[order].cumsum().clip(0, 1)
    assert (p <= envelope(u, lam, K, t) + 1e-12).all()


def test_the_envelope_with_a_smaller_K_is_broken():
    """The negative twin: one candidate fewer, and best-of-K-like selection gives more."""
    law = Law(np.full(8, 1 / 8), 20.0 * np.arange(8))
    last = RetrainingLoop(law, 3, 1.0).run(5).laws[5].probabilities
    u = np.arange(1, 9) / 8
    assert (last[::-1].cumsum() > envelope(u, 1.0, 2, 5) + 1e-3).any()


@pytest.mark.parametrize("u", [-0.1, 1.1, math.nan])
def test_the_envelope_takes_probabilities(u):
    with pytest.raises(ValueError, match="outside"):
        envelope([u], 1.0, 2, 1)
