r"""Loops of exact maximum likelihood as the subject of a claim: cases, checks, counterexamples.

Numeric evidence runs :mod:`theory.parametric` (quadrature and bracketing), certified evidence
:mod:`theory.evidence.retraining` (interval Newton). Both give the claim a :class:`ParametricRun`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import flint
import numpy as np
from scipy.stats import norm, t

from theory import parametric
from theory.evidence import ball, numeric
from theory.evidence.judge import SidesOf, tightest
from theory.evidence.precision import ball as enclose
from theory.evidence.retraining import (
    BALL_MODELS,
    FLOAT_MODELS,
    Undecided,
    enclosed_run,
    wasserstein,
)
from theory.evidence.subject import Setting
from theory.evidence.verdict import Status, Strength, Verdict

PRECISIONS = (128, 256, 512)
# Below this distance float64, which tells parameters to 1e-15, no longer tells the rate to 1e-6.
RESOLVED = 1e-7
# Below this one it no longer tells the divergence, about its square, to 1e-6.
KL_RESOLVED = 5e-5
# Search: random cases tried before a statement is left standing.
DRAWS = 60


@dataclass(frozen=True)
class Retraining:
    r"""A loop of exact maximum likelihood, given by rationals.

    Attributes
    ----------
    model
        A name among ``BALL_MODELS``.
    atoms, masses
        The law of the data, shape (n,).
    lam
        :math:`\lambda \ge 0`.
    guess
        Roughly where :math:`\theta_*` is.
    start
        :math:`\theta_0 - \theta_*`, not 0.
    steps
        Rounds.
    """

    model: str
    atoms: tuple[Fraction, ...]
    masses: tuple[Fraction, ...]
    lam: Fraction
    guess: Fraction
    start: Fraction
    steps: int

    def __post_init__(self) -> None:
        if self.model not in BALL_MODELS:
            raise ValueError(f"model {self.model!r} is not one of {', '.join(BALL_MODELS)}.")
        if len(self.atoms) != len(self.masses) or not self.atoms:
            raise ValueError("atoms and masses must be as many, and at least one.")
        if min(self.masses) <= 0 or sum(self.masses) != 1:
            raise ValueError(f"masses sum to {sum(self.masses)}: give positive ones with sum 1.")
        if self.lam < 0 or self.start == 0 or self.steps < 1:
            raise ValueError("give lam >= 0, a start other than 0 and at least one round.")

    @property
    def data(self) -> parametric.Data:
        """The data in float64."""
        return parametric.Data(
            np.array(self.atoms, dtype=float), np.array(self.masses, dtype=float)
        )

    def to_json(self) -> dict[str, Any]:
        """A JSON object with every number as a rational string."""
        return {
            "model": self.model,
            "atoms": [str(atom) for atom in self.atoms],
            "masses": [str(mass) for mass in self.masses],
            "lam": str(self.lam),
            "guess": str(self.guess),
            "start": str(self.start),
            "steps": self.steps,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Retraining:
        """Inverse of :meth:`to_json`."""
        return cls(
            model=data["model"],
            atoms=tuple(Fraction(atom) for atom in data["atoms"]),
            masses=tuple(Fraction(mass) for mass in data["masses"]),
            lam=Fraction(data["lam"]),
            guess=Fraction(data["guess"]),
            start=Fraction(data["start"]),
            steps=int(data["steps"]),
        )

    def __str__(self) -> str:
        def listed(values: Sequence[Fraction]) -> str:
            shown = [str(value) for value in values]
            return f"[{', '.join(shown)}]"

        equal = len(set(self.masses)) == 1
        masses = "equal masses" if equal else f"masses {listed(self.masses)}"
        return (
            f"{self.model}, data {listed(self.atoms)} with {masses}, λ = {self.lam}, "
            f"θ* near {float(self.guess):.6g}, θ_0 − θ* = {self.start}, rounds = {self.steps}"
        )


@dataclass(frozen=True)
class ParametricRun:
    r"""What a claim about parametric retraining reads, in float64 or in balls.

    Attributes
    ----------
    distances
        :math:`|\theta_t - \theta_*|`, as far as the arithmetic resolves them.
    curvature, fisher, lipschitz
        A, I and L, see :mod:`theory.parametric`.
    misfit
        Computes :math:`\varepsilon`.
    lam
        :math:`\lambda`.
    late
        A late round whose divergence the arithmetic resolves.
    kl
        :math:`D_{\rm KL}(p_{\theta_*}\|p_{\theta_t})` for a round, or ``None`` where the family
        has no formula for it.
    number
        Rationals as numbers of the arithmetic.
    """

    distances: Sequence[Any]
    curvature: Any
    fisher: Any
    lipschitz: Any
    misfit: Callable[[], Any]
    lam: Any
    late: int
    kl: Callable[[int], Any | None]
    number: Callable[[Fraction], Any]


@dataclass(frozen=True)
class Retrainings:
    r"""Loops of exact maximum likelihood near a strict maximum of the data's likelihood.

    ``steepest`` is the largest :math:`\lambda` drawn; ``maximum`` demands :math:`A > 0`.
    """

    models: tuple[str, ...] = tuple(BALL_MODELS)
    steepest: float = 10.0
    maximum: bool = True

    def named(self, strength: Strength) -> Sequence[Retraining]:
        """Each model on data that it fits well and on data that it does not, λ small and large."""
        cases = [
            _fitted(model, strength, lam, atoms=atoms, stretch=stretch, start=Fraction(1, 10))
            for model in self.models
            for lam, atoms, stretch in (
                (Fraction(1, 10), 16, 1.0),
                (Fraction(3), 16, 1.0),
                (Fraction(1), 9, 1.3),
            )
        ]
        if not self.maximum:
            cases += [two_peaks(lam) for lam in (Fraction(2), Fraction(5))]
        return cases

    def draw(self, strength: Strength, rng: np.random.Generator) -> Retraining:
        """Data near the model's own quantiles, stretched and jittered; λ on a log scale."""
        while True:
            case = _fitted(
                str(rng.choice(self.models)),
                strength,
                _significant(10 ** rng.uniform(-1.5, math.log10(self.steepest))),
                atoms=int(rng.integers(3, 20)),
                stretch=float(rng.uniform(0.6, 1.4)),
                start=Fraction(int(rng.choice([-1, 1])), int(10 ** rng.integers(1, 4))),
                jitter=rng.uniform(-0.2, 0.2, 20),
            )
            if not self.objection(case):
                return case

    def check(self, sides: SidesOf, case: Retraining, strength: Strength) -> Verdict:
        """In float64, or in balls with the precision raised until everything is decided."""
        if strength is Strength.NUMERIC:
            run = _float_run(case)
            return Verdict(strength, str(case), tightest(map(numeric.judge, sides(run))))
        verdict = Verdict(Strength.CERTIFIED, str(case), ())
        for precision in PRECISIONS:
            with flint.ctx.workprec(precision):
                try:
                    comparisons = tightest(map(ball.judge, sides(_ball_run(case))))
                except Undecided:
                    continue
            verdict = Verdict(Strength.CERTIFIED, str(case), comparisons, f"{precision} bits")
            if verdict.status is not Status.UNDECIDED:
                break
        return verdict

    def refute(
        self, sides: SidesOf, rng: np.random.Generator, starts: Sequence[Retraining]
    ) -> ParametricRefutation | None:
        """The first case, given, named or drawn, that fails the statement in balls."""
        began = time.perf_counter()
        drawn = (self.draw(Strength.CERTIFIED, rng) for _ in range(DRAWS))
        cases = [*starts, *self.named(Strength.CERTIFIED)]
        for evaluations, case in enumerate([*cases, *drawn], start=1):
            verdict = self.check(sides, case, Strength.CERTIFIED)
            if verdict.status is Status.FAILS:
                stage = "named cases" if evaluations <= len(cases) else "random draws"
                seconds = time.perf_counter() - began
                return ParametricRefutation(case, verdict, stage, evaluations, seconds)
        return None

    def objection(self, case: Retraining) -> str:
        """Why the case lies outside the hypotheses; empty when it does not."""
        if case.model not in self.models:
            return f"the model {case.model!r} is not among {', '.join(self.models)}"
        model, data = FLOAT_MODELS[case.model], case.data
        slope = float(data.masses @ model.curvature(data.atoms, float(case.guess)))
        if self.maximum and slope <= 0:
            return f"θ* = {float(case.guess):.6g} is no strict maximum of the data's likelihood"
        return ""

    def trivial(self, case: Retraining) -> bool:
        """Without synthetic data the first round arrives."""
        return case.lam == 0

    def settings(self) -> Sequence[Setting]:
        """Two ratios; there are no candidates to choose from."""
        return [(1, Fraction(1, 2)), (1, Fraction(2))]


@dataclass(frozen=True)
class ParametricRefutation:
    """A confirmed counterexample, and what finding it took."""

    instance: Retraining
    verdict: Verdict
    stage: str
    evaluations: int
    seconds: float


def two_peaks(lam: Fraction) -> Retraining:
    """Student's t on data at ±3: its likelihood has a *minimum* between the two."""
    return Retraining(
        model="Student location",
        atoms=(Fraction(-3), Fraction(3)),
        masses=(Fraction(1, 2), Fraction(1, 2)),
        lam=lam,
        guess=Fraction(0),
        start=Fraction(1, 100),
        steps=12,
    )


def quantiles(model: str, lam: Fraction, atoms: int) -> Retraining:
    """Equal masses on the model's own quantiles: the more atoms, the smaller the misfit."""
    start = Fraction(1, 10)
    return _fitted(model, Strength.CERTIFIED, lam, atoms=atoms, stretch=1.0, start=start, steps=3)


def _fitted(
    model: str,
    strength: Strength,
    lam: Fraction,
    *,
    atoms: int,
    stretch: float,
    start: Fraction,
    jitter: Any = None,
    steps: int | None = None,
) -> Retraining:
    levels = (np.arange(atoms) + 0.5) / atoms
    places = t.ppf(levels, 3) if model == "Student location" else norm.ppf(levels)
    # The mean of a log-mean model is e^θ, far from 0; the mixture spreads by its half-width too.
    places = stretch * places + (5.0 if model == "Gaussian log-mean" else 0.0)
    if jitter is not None:
        places = places + jitter[:atoms]
    rounded = tuple(Fraction(round(float(place) * 10**4), 10**4) for place in places)
    masses = (Fraction(1, atoms),) * atoms
    data = parametric.Data(np.array(rounded, dtype=float), np.full(atoms, 1 / atoms))
    place = math.log(5.0) if model == "Gaussian log-mean" else 0.0
    guess = Fraction(parametric.best_fit(FLOAT_MODELS[model], data, place))
    # Rounds until the distance is about 1e-6 at the rate of a perfect fit. In balls each round of
    # the mixture takes integrals: few rounds, from nearby.
    rate = float(lam / (1 + lam))
    enough = math.ceil(math.log(1e-5) / math.log(rate))
    if model == "mixture location" and strength is Strength.CERTIFIED:
        start, enough = start / 10**4, 3
    return Retraining(
        model=model,
        atoms=rounded,
        masses=masses,
        lam=lam,
        guess=guess.limit_denominator(10**12),
        start=start,
        steps=steps or min(enough, 60),
    )


def _significant(value: float) -> Fraction:
    return Fraction(f"{value:.2g}")


def _float_run(case: Retraining) -> ParametricRun:
    model, data, lam = FLOAT_MODELS[case.model], case.data, float(case.lam)
    target = parametric.best_fit(model, data, float(case.guess))
    path = parametric.run(model, data, target + float(case.start), lam, case.steps)
    distances = [abs(theta - target) for theta in path]
    known = parametric.constants(model, data, target)
    points, masses = model.rule(target)

    def kl(t: int) -> float:
        change = model.log_density(points, target) - model.log_density(points, path[t])
        return float(masses @ change)

    return ParametricRun(
        distances=[distance for distance in distances if distance > RESOLVED],
        curvature=known.curvature,
        fisher=known.fisher,
        lipschitz=known.lipschitz,
        misfit=lambda: known.misfit,
        lam=lam,
        late=max((t for t, distance in enumerate(distances) if distance > KL_RESOLVED), default=0),
        kl=kl,
        number=float,
    )


def _ball_run(case: Retraining) -> ParametricRun:
    model = BALL_MODELS[case.model]
    target, path, data = enclosed_run(
        case.model, case.atoms, case.masses, case.lam, case.start, case.guess, case.steps
    )
    return ParametricRun(
        distances=[abs(theta - target) for theta in path],
        curvature=data.expectation(lambda x: model.curvature(x, target)),
        fisher=model.model_curvature(target, target),
        lipschitz=model.lipschitz(target),
        misfit=lambda: wasserstein(model, data, target),
        lam=enclose(case.lam),
        late=case.steps,
        kl=lambda t: model.kl(target, path[t]),
        number=enclose,
    )
