"""The rate of parametric retraining and Student's constants, against quadrature and runs."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy
from scipy.integrate import quad

from theory.derivations import theorem_2_2 as derived
from theory.parametric import Data, StudentLocation, best_fit, constants, run


def number(expression: sympy.Expr, **values: float) -> float:
    names = {"A": derived.A, "I": derived.FISHER, "lam": derived.LAM, "b": derived.B}
    names["z"] = derived.SLACK
    return float(expression.subs({names[k]: v for k, v in values.items()}))


def test_the_rate_is_that_of_a_run() -> None:
    data = Data(np.array([-1.0, 0.5, 1.0, 2.5]), np.array([0.1, 0.4, 0.3, 0.2]))
    target = best_fit(StudentLocation(), data, 0.3)
    known = constants(StudentLocation(), data, target)
    path = np.array(run(StudentLocation(), data, target + 1e-4, 2.0, 3)) - target
    expected = number(derived.rate(), A=known.curvature, I=known.fisher, lam=2.0)
    # Off by a multiple of the distance 1e-4.
    assert path[2] / path[1] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(("b", "z"), [(0.0, 0.0), (0.3, 0.1), (0.5, 1.0)])
def test_slacks_are_differences_of_rates(b: float, z: float) -> None:
    A, lam = 1.0, 0.8
    largest = lam * (A + b) / (A + lam * (A + b))
    rate = lam * (A + b - z) / (A + lam * (A + b - z))
    paper = lam * (A + b) / (A + lam * (A - b))
    assert number(derived.paper_rate(), A=A, b=b, lam=lam) == pytest.approx(paper, rel=1e-14)
    first = number(derived.slack_of_duality(), A=A, b=b, z=z, lam=lam)
    second = number(derived.slack_of_the_paper(), A=A, b=b, lam=lam)
    assert first == pytest.approx(largest - rate, rel=1e-12)
    assert second == pytest.approx(paper - largest, rel=1e-12)
    assert min(first, second) >= 0


def test_natural_parameters_leave_no_data_in_the_hessian() -> None:
    theta, x = derived.natural_parameter(), sympy.Symbol("x")
    mean = derived.exponential_family_curvatures(x, theta**2 / 2)
    waiting = derived.exponential_family_curvatures(x, -sympy.log(-theta))
    assert mean == 1
    assert waiting.subs(theta, -2) == sympy.Rational(1, 4)  # variance of the exponential law
    for curvature in (mean, waiting):
        assert x not in sympy.sympify(curvature).free_symbols


def test_student_formulas_are_those_of_its_density() -> None:
    density = sympy.lambdify(derived.U, derived.student_density(), "math")
    assert quad(density, -math.inf, math.inf)[0] == pytest.approx(1, rel=1e-9)
    u, step = 0.7, 1e-5
    slope = (math.log(density(u - step)) - math.log(density(u + step))) / (2 * step)
    score = sympy.lambdify(derived.U, derived.student_score(), "math")
    assert score(u) == pytest.approx(slope, abs=1e-8)
    bend = (score(u + step) - score(u - step)) / (2 * step)
    assert float(derived.student_curvature().subs(derived.U, u)) == pytest.approx(bend, abs=1e-8)


@pytest.mark.parametrize("shift", [0.0, 0.5, 3.0, -10.0])
def test_mean_score_by_quadrature(shift: float) -> None:
    points, masses = StudentLocation().rule(shift)
    expected = float(masses @ StudentLocation().score(points, 0.0))
    got = float(derived.student_mean_score().subs(derived.SHIFT, shift))
    assert got == pytest.approx(expected, rel=1e-10, abs=1e-14)


def test_fisher_information_is_the_mean_square_score() -> None:
    points, masses = StudentLocation().rule(0.0)
    square = float(masses @ StudentLocation().score(points, 0.0) ** 2)
    assert float(derived.student_fisher()) == pytest.approx(square, rel=1e-12)


def test_lipschitz_constant_is_the_steepest_slope() -> None:
    square, value = derived.student_lipschitz()
    u = np.linspace(-10, 10, 200_001)
    slopes = np.abs(np.diff(StudentLocation().curvature(u, 0.0)) / np.diff(u))
    assert float(value) == pytest.approx(slopes.max(), rel=1e-7)
    # The grid has steps of 1e-4.
    assert math.sqrt(float(square)) == pytest.approx(abs(u[slopes.argmax()]), abs=2e-4)
