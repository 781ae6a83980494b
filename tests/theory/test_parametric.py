"""Exact maximum-likelihood retraining: formulas against their definitions, rates against runs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.stats import t, wasserstein_distance

from theory.parametric import (
    Constants,
    Data,
    GaussianLogMean,
    GaussianMean,
    MixtureLocation,
    Model,
    StudentLocation,
    best_fit,
    constants,
    retrain,
    run,
)

MODELS = [GaussianMean(), GaussianLogMean(), StudentLocation(), MixtureLocation(0.7)]
EVERY_MODEL = pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
DATA = Data(np.array([-1.0, 0.5, 1.0, 2.5]), np.array([0.1, 0.4, 0.3, 0.2]))


def density(model: Model, x: float, theta: float) -> float:
    return math.exp(float(model.log_density(np.array(x), theta)))


@EVERY_MODEL
def test_score_and_curvature_are_derivatives_of_the_log_density(model: Model) -> None:
    x, h = np.linspace(-3, 4, 15), 1e-4
    low, mid, high = (model.log_density(x, 0.3 + shift) for shift in (-h, 0.0, h))
    # Central differences: error h²/6 and h²/12 times higher derivatives, rounding 1e-16/h².
    assert model.score(x, 0.3) == pytest.approx((high - low) / (2 * h), abs=1e-6)
    assert model.curvature(x, 0.3) == pytest.approx(-(high - 2 * mid + low) / h**2, abs=1e-6)


@EVERY_MODEL
def test_the_hessian_has_the_stated_lipschitz_constant(model: Model) -> None:
    x = np.linspace(-8, 8, 100_001)
    slope = np.abs(np.diff(model.curvature(x, 0.3)) / np.diff(x)).max()
    # Steepest slope of the grid: below the constant, and within the grid's resolution of it.
    assert slope == pytest.approx(model.lipschitz(0.3), rel=1e-6, abs=1e-9)


@EVERY_MODEL
def test_density_distribution_and_rule_agree(model: Model) -> None:
    total = quad(lambda x: density(model, x, 0.3), -math.inf, math.inf)[0]
    assert total == pytest.approx(1, abs=1e-8)
    for x in (-2.0, 0.3, 1.7):
        below = quad(lambda y: density(model, y, 0.3), -math.inf, x)[0]
        assert model.distribution(x, 0.3) == pytest.approx(below, abs=1e-8)
    points, masses = model.rule(0.3)
    for f in (np.cos, np.tanh):
        expected = quad(lambda x, f=f: f(x) * density(model, x, 0.3), -40, 40, limit=400)[0]
        # Student's tails beyond 40 hold 2e-5 of the mass.
        assert masses @ f(points) == pytest.approx(expected, abs=3e-5)


@EVERY_MODEL
@pytest.mark.parametrize("lam", [0.0, 0.7, 5.0])
def test_a_round_maximises_the_likelihood(model: Model, lam: float) -> None:
    theta = 0.4
    after = retrain(model, DATA, theta, lam)

    def loss(other: float) -> float:
        def integrand(x: float) -> float:
            return density(model, x, theta) * float(model.log_density(np.array(x), other))

        real = float(DATA.masses @ model.log_density(DATA.atoms, other))
        return -real - lam * quad(integrand, -60, 60, limit=200, points=[0.0, 1.0])[0]

    # Likelihoods alone, no scores: a maximum is flat, so 1e-15 in it is 1e-7 in the parameter.
    bounds = (after - 0.4, after + 0.4)
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-9})
    assert found.x == pytest.approx(after, abs=2e-6)


@EVERY_MODEL
@pytest.mark.parametrize("lam", [0.2, 1.0, 4.0])
def test_runs_approach_the_best_fit_at_the_stated_rate(model: Model, lam: float) -> None:
    target = best_fit(model, DATA, 0.3)
    known = constants(model, DATA, target)
    path = np.array(run(model, DATA, target + 1e-3, lam, 6)) - target
    rates = path[1:] / path[:-1]
    assert known.curvature > 0
    # The rate is off by a multiple of the distance, here at most 1e-3.
    assert rates[-1] == pytest.approx(known.rate(lam), abs=2e-3)
    assert known.rate(lam) < 1


def test_exponential_families_forget_at_one_rate_whatever_the_misfit() -> None:
    for data in (DATA, Data(np.array([-50.0, 50.0]), np.array([0.5, 0.5]))):
        known = constants(GaussianMean(), data, best_fit(GaussianMean(), data, 0.0))
        assert known.lipschitz == 0
        for lam in (0.1, 1.0, 30.0):
            assert known.rate(lam) == pytest.approx(lam / (1 + lam), rel=1e-13)
            assert known.paper_rate(lam) == pytest.approx(lam / (1 + lam), rel=1e-13)


def test_the_paper_bounds_the_rate_where_its_hypotheses_hold_and_not_elsewhere() -> None:
    levels = (np.arange(25) + 0.5) / 25
    covered = uncovered = 0
    for stretch in (0.7, 1.0, 1.3):
        data = Data(stretch * t.ppf(levels, 3), np.full(25, 1 / 25))
        known = constants(StudentLocation(), data, best_fit(StudentLocation(), data, 0.0))
        for lam in (0.1, 0.5, 1.0, 4.0):
            if known.covered(lam):
                covered += 1
                assert known.rate(lam) <= known.paper_rate(lam) < 1
            else:
                uncovered += 1
                assert known.rate(lam) < 1
    assert covered >= 3
    assert uncovered >= 3


def test_misfit_is_the_wasserstein_distance() -> None:
    known = constants(StudentLocation(), DATA, 0.2)
    sample = 0.2 + t.ppf((np.arange(200_000) + 0.5) / 200_000, 3)
    expected = wasserstein_distance(DATA.atoms, sample, DATA.masses)
    # The sample's own distance to the law is about its tails: 2e-4.
    assert known.misfit == pytest.approx(expected, abs=5e-4)


def test_the_loop_leaves_a_minimum_of_the_likelihood() -> None:
    peaks = Data(np.array([-3.0, 3.0]), np.array([0.5, 0.5]))
    known = constants(StudentLocation(), peaks, 0.0)
    assert known.curvature == pytest.approx(-1 / 6, rel=1e-12)
    path = run(StudentLocation(), peaks, 0.01, 2.0, 60)
    assert (np.diff(path) > 0).all()
    # Where it goes is a strict maximum, where the theorem holds again.
    assert constants(StudentLocation(), peaks, path[-1]).curvature > 0
    assert path[-1] > 2


def test_paper_rate_formula() -> None:
    known = Constants(curvature=2.0, fisher=2.1, lipschitz=0.5, misfit=0.4)
    assert known.paper_rate(1.0) == pytest.approx(2.2 / (2.0 + 1.8), rel=1e-15)
    assert known.covered(4.9)
    assert not known.covered(5.1)


@pytest.mark.parametrize(
    ("atoms", "masses", "message"),
    [
        ([0.0, 1.0], [1.0], "one shape"),
        ([np.nan], [1.0], "finite"),
        ([0.0, 1.0], [0.5, 0.6], "sum to 1.1"),
        ([0.0, 1.0], [1.0, 0.0], "positive"),
    ],
)
def test_bad_data_are_refused(atoms: list[float], masses: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Data(np.array(atoms), np.array(masses))


@pytest.mark.parametrize("lam", [-0.1, math.inf, math.nan])
def test_bad_ratios_are_refused(lam: float) -> None:
    with pytest.raises(ValueError, match="lam"):
        retrain(GaussianMean(), DATA, 0.0, lam)


def test_a_likelihood_without_maximum_is_reported() -> None:
    with pytest.raises(ArithmeticError, match="rises without end"):
        best_fit(GaussianLogMean(), Data(np.array([-1.0]), np.array([1.0])), 0.0)
