"""Parametric retraining in balls: closed forms by quadrature, runs by other code."""

from __future__ import annotations

from fractions import Fraction

import flint
import mpmath
import numpy as np
import pytest

from theory import parametric
from theory.evidence.precision import ball
from theory.evidence.retraining import (
    BALL_MODELS,
    FLOAT_MODELS,
    EnclosedData,
    Undecided,
    enclosed_run,
    wasserstein,
    zero,
)

ATOMS = tuple(map(Fraction, (-1, 0, 1, 3)))
MASSES = (Fraction(1, 4),) * 4
EVERY_MODEL = pytest.mark.parametrize("name", BALL_MODELS)


def mp(value: flint.arb) -> mpmath.mpf:
    return mpmath.mpf(value.str(40, radius=False))


def log_density(name: str, x: mpmath.mpf, theta: mpmath.mpf) -> mpmath.mpf:
    """The four families from scratch."""
    if name == "Gaussian mean":
        return -((x - theta) ** 2) / 2 - mpmath.log(2 * mpmath.pi) / 2
    if name == "Gaussian log-mean":
        return log_density("Gaussian mean", x, mpmath.exp(theta))
    u = x - theta
    if name == "Student location":
        return mpmath.log(6 * mpmath.sqrt(3) / mpmath.pi) - 2 * mpmath.log(3 + u**2)
    a = mpmath.mpf(7) / 10
    mixture = mpmath.exp(-((u - a) ** 2) / 2) + mpmath.exp(-((u + a) ** 2) / 2)
    return mpmath.log(mixture / 2 / mpmath.sqrt(2 * mpmath.pi))


def expectation(name: str, theta: mpmath.mpf, function: object) -> mpmath.mpf:
    assert callable(function)
    return mpmath.quad(
        lambda x: mpmath.exp(log_density(name, x, theta)) * function(x),
        [-mpmath.inf, -8, -2, 0, 2, 8, mpmath.inf],
    )


@EVERY_MODEL
def test_scores_and_their_expectations(name: str) -> None:
    model = BALL_MODELS[name]
    old, new = mpmath.mpf("0.3"), mpmath.mpf("0.45")
    balls = ball(Fraction(3, 10)), ball(Fraction(9, 20))
    with mpmath.workdps(30):
        score = expectation(
            name, old, lambda x: mpmath.diff(lambda s: log_density(name, x, s), new)
        )
        curvature = expectation(
            name, old, lambda x: -mpmath.diff(lambda s: log_density(name, x, s), new, 2)
        )
    with flint.ctx.workprec(128):
        assert abs(mp(model.model_score(*balls)) - score) < 1e-9
        assert abs(mp(model.model_curvature(*balls)) - curvature) < 1e-9


@EVERY_MODEL
def test_distribution_and_its_area(name: str) -> None:
    model, float_model = BALL_MODELS[name], FLOAT_MODELS[name]
    centre = float(model.centre(ball(Fraction(3, 10))))
    for u in (-2.5, 0.0, 1.2):
        x = ball(Fraction(u))
        assert float(model.distribution(x)) == pytest.approx(
            float_model.distribution(centre + u, 0.3), abs=1e-14
        )
        slope = (model.area(x + ball(Fraction(1, 10**4))) - model.area(x)) * 10**4
        # Forward difference: off by half the step times a density below 1/2.
        assert float(slope) == pytest.approx(float(model.distribution(x)), abs=3e-5)
    assert abs(float(model.area(ball(-(10**6))))) < 1e-5


@EVERY_MODEL
def test_runs_agree_with_bracketing_and_quadrature(name: str) -> None:
    float_model = FLOAT_MODELS[name]
    data = parametric.Data(np.array(ATOMS, dtype=float), np.full(4, 0.25))
    guess = parametric.best_fit(float_model, data, 0.3)
    with flint.ctx.workprec(128):
        target, path, enclosed = enclosed_run(
            name, ATOMS, MASSES, Fraction(1, 2), Fraction(1, 10), Fraction(guess), 4
        )
        misfit = wasserstein(BALL_MODELS[name], enclosed, target)
        assert all(theta.rad() < 1e-9 for theta in path)
        assert misfit.rad() < 1e-9
    # Student's expectations in float64 come from a rule of 400 nodes, good to 1e-12 or so.
    expected = parametric.run(float_model, data, guess + 0.1, 0.5, 4)
    assert [float(theta) for theta in path] == pytest.approx(expected, abs=1e-10)
    known = parametric.constants(float_model, data, guess)
    assert float(misfit) == pytest.approx(known.misfit, abs=1e-7)
    assert float(BALL_MODELS[name].lipschitz(target)) == pytest.approx(known.lipschitz, rel=1e-12)


def test_misfit_where_a_level_is_met_exactly() -> None:
    # The symmetric data's level 1/2 is crossed exactly at the centre: bisection must not stop wide.
    with flint.ctx.workprec(128):
        data = EnclosedData([ball(-1), ball(1)], [ball(Fraction(1, 2))] * 2)
        distance = wasserstein(BALL_MODELS["Student location"], data, ball(0))
        assert distance.rad() < 1e-9


@pytest.mark.parametrize("atoms", [(0, 1), (-1, 0)])
def test_misfit_where_a_level_is_met_at_an_end(atoms: tuple[int, int]) -> None:
    # The crossing of the level 1/2 is an atom itself, and known only up to the ball of the centre.
    masses = (Fraction(1, 2),) * 2
    with flint.ctx.workprec(128):
        data = EnclosedData([ball(Fraction(x)) for x in atoms], [ball(m) for m in masses])
        for radius in (0, Fraction(1, 10**12)):
            centre = ball(Fraction(radius)) * flint.arb(0, 1)
            distance = wasserstein(BALL_MODELS["Student location"], data, centre)
            expected = wasserstein_by_mpmath(atoms)
            assert distance.rad() < 1e-9
            assert abs(mp(distance.mid()) - expected) < float(distance.rad()) + 1e-15


def wasserstein_by_mpmath(atoms: tuple[int, int]) -> mpmath.mpf:
    """From the density alone: each half of the mass is moved to its atom."""

    def moved(x: mpmath.mpf) -> mpmath.mpf:
        target = atoms[0] if x < 0 else atoms[1]
        return mpmath.exp(log_density("Student location", x, mpmath.mpf(0))) * abs(x - target)

    with mpmath.workdps(30):
        return mpmath.quad(moved, [-mpmath.inf, -10, -1, 0, 1, 10, mpmath.inf])


def test_a_round_ends_at_a_maximum_only() -> None:
    # Between two peaks, with little synthetic data, the zero of the score is a minimum.
    half = (Fraction(1, 2),) * 2
    arguments = (Fraction(1, 100), Fraction(0), 1)
    with flint.ctx.workprec(128):
        enclosed_run(
            "Student location", (Fraction(-3), Fraction(3)), half, Fraction(1, 2), *arguments
        )
        with pytest.raises(Undecided, match="not shown to be a maximum"):
            enclosed_run(
                "Student location", (Fraction(-3), Fraction(3)), half, Fraction(1, 10), *arguments
            )


def test_divergence_of_student_laws() -> None:
    model = BALL_MODELS["Student location"]
    with mpmath.workdps(30):
        expected = expectation(
            "Student location",
            mpmath.mpf(0),
            lambda x: (
                log_density("Student location", x, mpmath.mpf(0))
                - log_density("Student location", x, mpmath.mpf(1))
            ),
        )
    with flint.ctx.workprec(128):
        divergence = model.kl(ball(0), ball(1))
        assert divergence is not None
        assert abs(mp(divergence) - expected) < 1e-12


def test_interval_newton_encloses_or_says_so() -> None:
    with flint.ctx.workprec(128):
        root = zero(lambda x: x * x - 2, lambda x: 2 * x, ball(Fraction(7, 5)))
        assert root.contains(flint.arb(2).sqrt())
        assert root.rad() < 1e-11
        # A double zero has slope 0 there, so that uniqueness cannot be shown.
        with pytest.raises(Undecided):
            zero(lambda x: x * x, lambda x: 2 * x, ball(Fraction(1, 10)))
        # No zero at all.
        with pytest.raises(Undecided):
            zero(lambda x: x * x + 1, lambda x: 2 * x, ball(1))
