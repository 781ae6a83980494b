"""Theorem 2.2: its twins fall to counterexamples that other code confirms; cases travel as JSON."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest

from theory.claims.theorem_2_2 import maximum_likelihood as claim
from theory.evidence.parametric import ParametricRun, Retraining, two_peaks
from theory.evidence.verdict import Status, Strength
from theory.evidence.verify import refute_twin

TWINS = {twin.name: twin for twin in claim.false_twins}


def refuted(name: str) -> Retraining:
    found = refute_twin(claim, TWINS[name], np.random.default_rng(0))
    assert found is not None
    assert isinstance(found.instance, Retraining)
    return found.instance


def mp(value: Fraction) -> mpmath.mpf:
    return mpmath.mpf(value.numerator) / value.denominator


def log_density(model: str, u: mpmath.mpf) -> mpmath.mpf:
    """Location families up to a constant, from scratch."""
    if model == "Student location":
        return -2 * mpmath.log(3 + u**2)
    if model == "mixture location":
        return mpmath.log(mpmath.exp(-((u - 0.7) ** 2) / 2) + mpmath.exp(-((u + 0.7) ** 2) / 2))
    return -(u**2) / 2


def information(case: Retraining) -> tuple[mpmath.mpf, mpmath.mpf]:
    """Curvature of the data's likelihood at the best fit, and Fisher information."""

    def curvature(u: mpmath.mpf) -> mpmath.mpf:
        return -mpmath.diff(lambda v: log_density(case.model, v), u, 2)

    def slope(theta: mpmath.mpf) -> mpmath.mpf:
        return sum(
            mp(mass) * mpmath.diff(lambda v: log_density(case.model, v), mp(atom) - theta)
            for atom, mass in zip(case.atoms, case.masses, strict=True)
        )

    target = mpmath.findroot(slope, mp(case.guess))
    data = sum(
        mp(mass) * curvature(mp(atom) - target)
        for atom, mass in zip(case.atoms, case.masses, strict=True)
    )
    pieces = [-mpmath.inf, -6, -2, 0, 2, 6, mpmath.inf]
    total = mpmath.quad(lambda u: mpmath.exp(log_density(case.model, u)), pieces)
    fisher = mpmath.quad(lambda u: mpmath.exp(log_density(case.model, u)) * curvature(u), pieces)
    return data, fisher / total


@pytest.mark.parametrize(
    ("name", "factor"), [("rate 2 % smaller", "0.98"), ("rate 2 % larger", "1.02")]
)
def test_a_nudged_rate_is_refuted_by_a_gaussian_mean(name: str, factor: str) -> None:
    twin = TWINS[name]
    # In closed form: the new mean is the average of the data's and the old one.
    case = next(
        case
        for case in claim.subject.named(Strength.CERTIFIED)
        if case.model == "Gaussian mean" and case.steps > 10
    )
    assert claim.subject.check(twin.sides, case, Strength.CERTIFIED).status is Status.FAILS
    lam, distance = mp(case.lam), abs(mp(case.start))
    rate = lam / (1 + lam)
    gap = rate - mpmath.mpf(factor) * rate
    assert any(gap**2 > distance * rate ** (t - 1) for t in range(1, case.steps + 1))


def test_the_nudged_rates_are_refuted_by_the_search() -> None:
    for name in ("rate 2 % smaller", "rate 2 % larger"):
        refuted(name)


def test_the_paper_rate_is_reached_without_misfit() -> None:
    case = refuted("paper's rate 2 % smaller")
    data = sum(mp(m) * mp(a) for a, m in zip(case.atoms, case.masses, strict=True))
    assert case.model in ("Gaussian mean", "Gaussian log-mean")
    # The rate is λ/(1+λ) in both parameters; the paper's grows with Lε = e^θ W_1, here small.
    alpha = data**2 if case.model == "Gaussian log-mean" else mpmath.mpf(1)
    steep = data if case.model == "Gaussian log-mean" else mpmath.mpf(0)
    product = steep * transport(case, data)
    lam = mp(case.lam)
    assert product < alpha
    assert 2 * lam * product < alpha
    paper = lam * (alpha + product) / (alpha + lam * (alpha - product))
    assert lam / (1 + lam) > mpmath.mpf("0.98") * paper


def transport(case: Retraining, mean: mpmath.mpf) -> mpmath.mpf:
    """Wasserstein-1 distance to N(mean, 1) through quantiles instead of distribution functions."""
    atoms = sorted(zip(case.atoms, case.masses, strict=True))
    total, level = mpmath.mpf(0), Fraction(0)
    for atom, mass in atoms:
        middle, top = level + mass / 2, level + mass
        total += mpmath.quad(
            lambda q, atom=atom: abs(mp(atom) - mean - mpmath.sqrt(2) * mpmath.erfinv(2 * q - 1)),
            [mp(level), mp(middle), mp(top)],
        )
        level = top
    return total


def test_misfit_cannot_be_ignored() -> None:
    case = refuted("misfit ignored")
    data, fisher = information(case)
    lam = mp(case.lam)
    assert data > 0
    assert lam * fisher / (data + lam * fisher) > lam / (1 + lam) * (1 + mpmath.mpf(10) ** -6)


def test_the_size_of_the_divergence_cannot_be_nudged() -> None:
    case = refuted("KL 2 % smaller")
    assert case.model in ("Gaussian mean", "Gaussian log-mean", "Student location")
    # For means, KL is exactly half the squared distance: the gap is 1/0.98 − 1 at any distance.
    gap = 1 / mpmath.mpf("0.98") - 1
    lam = mp(case.lam)
    if case.model == "Gaussian mean":
        assert gap**2 > abs(mp(case.start)) * (lam / (1 + lam)) ** case.steps


def test_the_loop_leaves_a_minimum_of_the_likelihood() -> None:
    case = refuted("any stationary point")
    assert case.model == "Student location"
    assert case in [two_peaks(lam) for lam in (Fraction(2), Fraction(5))]
    data, fisher = information(case)
    lam = mp(case.lam)
    assert data < 0 < data + lam * fisher
    assert lam * fisher / (data + lam * fisher) > 1


@pytest.mark.parametrize("strength", [Strength.CERTIFIED, Strength.NUMERIC])
def test_random_cases_hold_and_are_decided(strength: Strength) -> None:
    rng = np.random.default_rng(4)
    for _ in range(12):
        case = claim.subject.draw(strength, rng)
        verdict = claim.subject.check(claim.sides, case, strength)
        assert verdict.status is Status.HOLDS, (str(case), verdict.comparisons)
        assert "rate of the distance" in {c.part for c in verdict.comparisons}


def fabricated(lam: str) -> ParametricRun:
    """A run in plain rationals: A = 2, I = 2.1, L = 1/2, ε = 2/5."""
    return ParametricRun(
        distances=[Fraction(1, 10), Fraction(3, 50)],
        curvature=Fraction(2),
        fisher=Fraction(21, 10),
        lipschitz=Fraction(1, 2),
        misfit=lambda: Fraction(2, 5),
        lam=Fraction(lam),
        late=1,
        kl=lambda t: Fraction(1, 250),
        number=Fraction,
    )


def test_the_sides_are_those_of_the_statement() -> None:
    parts = {side.part: side for side in claim.sides(fabricated("1"))}
    # The rate is 2.1/4.1 against 0.6; the gauge is the distance before the round.
    assert parts["rate of the distance"].left == (Fraction(3, 5) - Fraction(21, 41)) ** 2
    assert parts["rate of the distance"].right == Fraction(1, 10)
    # KL is 0.004 for 1.05 · 0.0036 = 0.00378.
    assert parts["size of the KL"].left == (Fraction(400, 378) - 1) ** 2
    assert parts["size of the KL"].right == Fraction(3, 50)
    # ρ = (2 + 0.2)/(2 + 2 − 0.2).
    assert parts["the paper's rate"].left == Fraction(21, 41)
    assert parts["the paper's rate"].right == Fraction(11, 19)


@pytest.mark.parametrize(("lam", "covered"), [("4.9", True), ("5", False), ("5.1", False)])
def test_the_paper_speaks_only_below_its_ratio(lam: str, covered: bool) -> None:
    # α/(2Lε) = 2/0.4 = 5.
    assert ("the paper's rate" in {s.part for s in claim.sides(fabricated(lam))}) is covered


def test_certified_cases_can_be_replayed_in_float64() -> None:
    # Those of the mixture start closer than float64 resolves the divergence.
    for case in claim.subject.named(Strength.CERTIFIED):
        if case.model == "mixture location":
            verdict = claim.subject.check(claim.sides, case, Strength.NUMERIC)
            assert verdict.status is Status.HOLDS


def test_cases_travel_as_json() -> None:
    for case in claim.subject.named(Strength.CERTIFIED):
        assert Retraining.from_json(case.to_json()) == case


def test_a_minimum_is_outside_the_hypotheses() -> None:
    assert "no strict maximum" in claim.subject.objection(two_peaks(Fraction(2)))
    assert claim.subject.objection(claim.subject.named(Strength.CERTIFIED)[0]) == ""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "Cauchy"}, "is not one of"),
        ({"masses": (Fraction(1, 2), Fraction(1, 3))}, "sum to 5/6"),
        ({"atoms": (Fraction(0),)}, "as many"),
        ({"lam": Fraction(-1)}, "lam >= 0"),
        ({"start": Fraction(0)}, "other than 0"),
    ],
)
def test_bad_cases_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(two_peaks(Fraction(2)), **changes)
