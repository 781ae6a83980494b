"""Laws: construction accepts what it should, and names what it refuses."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given

from theory import Law
from theory.law import log_of_rational
from theory.testing import laws, rational_laws


@given(laws())
def test_probabilities_of_any_law_sum_to_one(law):
    # Pairwise sum of at most 12 exponentials of logs, each off by an ulp or two of its log (< 800).
    assert law.probabilities.sum() == pytest.approx(1, abs=1e-12)


@given(rational_laws())
def test_exact_laws_keep_their_rationals(law):
    assert law.is_exact
    assert sum(law.exact_probabilities) == 1
    assert np.allclose(law.probabilities, [float(p) for p in law.exact_probabilities], rtol=1e-13)
    assert np.allclose(law.rewards, [math.log(w) for w in law.exact_weights], rtol=1e-14)


@pytest.mark.parametrize(
    ("probabilities", "rewards", "sentence"),
    [
        ([0.5, -0.1, 0.6], [0, 0, 0], r"probabilities\[1\] = -0.1 is negative"),
        ([0.5, math.nan], [0, 0], r"probabilities\[1\] = nan is not a number"),
        ([0.5, math.inf], [0, 0], r"probabilities\[1\] = inf is infinite"),
        ([0.5, 0.4], [0, 0], r"sum to 0.9, not 1: pass normalise=True"),
        ([0.5, 0.5 + 1e-9], [0, 0], r"not 1"),
        ([0.0, 0.0], [0, 0], r"sum to 0.0: at least one must be positive"),
        ([], [], r"shape \(0,\)"),
        ([[0.5, 0.5]], [0, 0], r"shape \(1, 2\)"),
        (["a", "b"], [0, 0], r"cannot be read as a list of real numbers"),
        ([0.5, 0.5], [0], r"2 probabilities but 1 rewards"),
        ([0.5, 0.5], [0, math.nan], r"rewards\[1\] = nan is not a number"),
        ([0.5, 0.5], [math.inf, 0], r"rewards\[0\] = inf is infinite: rewards must be bounded"),
        ([0.5, 0.5], [-math.inf, -math.inf], r"every atom of positive probability has reward -inf"),
        ([0.0, 1.0], [0.0, -math.inf], r"every atom of positive probability has reward -inf"),
    ],
)
def test_bad_laws_are_refused_in_one_sentence(probabilities, rewards, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        Law(probabilities, rewards)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("probabilities", "weights", "sentence"),
    [
        ([Fraction(1, 2), Fraction(1, 3)], [1, 2], r"sum to 5/6, not 1"),
        ([Fraction(3, 2), Fraction(-1, 2)], [1, 2], r"probabilities\[1\] = -1/2 is negative"),
        ([Fraction(1, 2)] * 2, [1, -2], r"weights\[1\] = -2 is negative"),
        ([0.5, 0.5], [1.0, -2.0], r"weights\[1\] = -2.0 is negative"),
        ([0.5, 0.5], [1.0, math.inf], r"weights\[1\] = inf is infinite"),
        ([0.5, 0.5], [1.0, math.nan], r"weights\[1\] = nan is not a number"),
        ([Fraction(1)], [1, 2], r"1 probabilities but 2 rewards"),
        ([Fraction(1, 2)] * 2, [0, 0], r"every atom of positive probability has reward -inf"),
    ],
)
def test_bad_weights_are_refused_in_one_sentence(probabilities, weights, sentence):
    with pytest.raises(ValueError, match=sentence):
        Law.from_weights(probabilities, weights)


def test_zero_probability_atoms_do_not_set_the_top_reward():
    assert Law([0.0, 1.0], [5.0, 1.0]).top_reward == 1.0


def test_numpy_integers_are_exact_too():
    law = Law.from_weights([Fraction(1, 2)] * 2, np.array([1, 3]))
    assert law.is_exact
    assert law.exact_weights == (1, 3)
    assert type(law.exact_weights[0].numerator) is int


def test_weight_zero_is_reward_minus_infinity():
    assert Law.from_weights([Fraction(1, 2)] * 2, [0, 1]).rewards[0] == -math.inf


def test_normalise_divides_by_the_total():
    assert Law([1, 3], [0, 0], normalise=True).probabilities.tolist() == pytest.approx([0.25, 0.75])
    exact = Law.from_weights([1, 3], [1, 1], normalise=True)
    assert exact.exact_probabilities == (Fraction(1, 4), Fraction(3, 4))


def test_rounding_of_the_total_is_divided_out():
    law = Law([0.5, 0.5 + 8e-13], [0, 0])
    assert law.probabilities.sum() == pytest.approx(1, abs=1e-15)


def test_infinite_values_without_mass_do_not_count():
    law = Law([0.0, 1.0], [-math.inf, 2.0])
    assert law.expectation(law.rewards) == 2.0


def test_laws_cannot_be_changed_in_place():
    law = Law([0.5, 0.5], [0.0, 1.0])
    with pytest.raises(ValueError, match="read-only"):
        law.rewards[0] = 3.0


def test_tiny_masses_survive_as_logarithms():
    law = Law([0.5, 0.5], [0.0, 1.0]).reweighted(np.array([0.0, -2000.0]))
    assert law.log_probabilities[1] == pytest.approx(-2000.0)


def test_cell_masses_integrate_the_density_in_one_and_two_dimensions():
    x, y = np.linspace(-8, 8, 161), np.linspace(-7, 7, 141)
    normal = lambda z: np.exp(-z * z / 2) / math.sqrt(2 * math.pi)  # noqa: E731
    # The midpoint rule of a Gaussian is exact to rounding once its tails are inside (1e-12 at 7).
    law = Law.from_density(normal, lambda z: -z * z, (x,))
    assert law.shape == (161,)
    assert law.expectation(x**2) == pytest.approx(1.0, abs=1e-12)
    assert np.allclose(law.density(), normal(x), rtol=1e-12)
    plane = Law.from_density(
        lambda p: normal(p[:, 0]) * normal(p[:, 1]),
        lambda p: p[:, 0] - p[:, 1],
        (x, y),
        normalise=True,
    )
    assert plane.shape == (161, 141)
    assert plane.atoms.shape == (161 * 141, 2)
    assert plane.expectation(plane.atoms[:, 0] ** 2) == pytest.approx(1.0, abs=1e-10)
    assert plane.expectation(plane.atoms[:, 1] ** 2) == pytest.approx(1.0, abs=1e-10)


def test_uneven_grids_have_uneven_cells():
    law = Law.from_density(
        np.full(4, 0.125), np.zeros(4), (np.array([0.0, 1.0, 3.0, 7.0]),), normalise=True
    )
    assert law.cell_volumes.tolist() == [1.0, 1.5, 3.0, 4.0]


@pytest.mark.parametrize(
    ("grid", "density", "options", "sentence"),
    [
        ((np.array([0.0, 1.0, 1.0]),), np.ones(3), {}, r"grid\[0\] is not a coordinate axis"),
        ((np.arange(3.0),) * 3, np.ones((3, 3, 3)), {}, r"the grid has 3 axes"),
        ((np.arange(3.0),), np.ones(4), {}, r"density has shape \(4,\) on a grid of shape \(3,\)"),
        ((np.arange(3.0),), np.ones(3), {}, r"sum to 3.0, not 1: widen or refine the grid"),
        ((np.arange(3.0),), [1, -1, 1], {}, r"cell masses .*\[1\] = -1.0 is negative"),
        (
            (np.arange(3.0),),
            np.ones(3) / 3,
            {"reward_sup": -1.0},
            r"reward_sup = -1.0 is not a sup",
        ),
    ],
)
def test_bad_densities_are_refused_in_one_sentence(grid, density, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        Law.from_density(density, np.zeros(np.shape(density)), grid, **options)


def test_empirical_laws_weigh_samples_equally():
    law = Law.from_samples(np.zeros((4, 2)), [0.0, 1.0, 2.0, 3.0])
    assert law.probabilities.tolist() == pytest.approx([0.25] * 4)
    assert law.atoms.shape == (4, 2)


def test_atoms_must_match_and_be_finite():
    with pytest.raises(ValueError, match=r"atoms have shape \(3,\) for 2 probabilities"):
        Law([0.5, 0.5], [0, 0], atoms=[1, 2, 3])
    with pytest.raises(ValueError, match=r"atoms\[1\] = nan is not a finite coordinate"):
        Law([0.5, 0.5], [0, 0], atoms=[1, math.nan])


def test_only_grids_have_densities():
    with pytest.raises(ValueError, match="no grid"):
        Law([1.0], [0.0]).density()


@pytest.mark.parametrize(
    ("number", "logarithm"),
    [
        (Fraction(0), -math.inf),
        (Fraction(1), 0.0),
        (1 + Fraction(1, 10**20), 1e-20),
        (Fraction(7, 10**500), math.log(7) - 500 * math.log(10)),
        (Fraction(10**500, 3), 500 * math.log(10) - math.log(3)),
    ],
)
def test_logarithms_of_rationals_keep_their_accuracy(number, logarithm):
    assert log_of_rational(number) == pytest.approx(logarithm, rel=1e-15, abs=0)
