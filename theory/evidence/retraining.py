r"""Exact maximum-likelihood retraining in balls: every parameter of the run is enclosed.

The maximiser of a round is the zero of the population score. A few Newton steps find it, and one
step of interval Newton proves that a zero lies in a ball of about half the working precision and is
the only one there. The expectations of the score under the model are closed forms for the Gaussian
and Student families and rigorous integrals for the mixture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

import flint

from theory import parametric
from theory.evidence.precision import ball

# Newton's method doubles its digits: from 1e-8 in float64 these reach far beyond 512 bits.
NEWTON_STEPS = 9
Arb = Any


class BallModel(Protocol):
    """A location or mean family in balls; θ' is the new parameter and θ the old one."""

    def score(self, x: Arb, theta: Arb) -> Arb:
        r""":math:`\partial_\theta\log p_\theta(x)`."""

    def curvature(self, x: Arb, theta: Arb) -> Arb:
        r""":math:`-\partial^2_\theta\log p_\theta(x)`."""

    def model_score(self, old: Arb, new: Arb) -> Arb:
        """Expectation under the old parameter of the score at the new one."""

    def model_curvature(self, old: Arb, new: Arb) -> Arb:
        """Expectation under the old parameter of the curvature at the new one."""

    def lipschitz(self, theta: Arb) -> Arb:
        """Lipschitz constant in x of the second derivative."""

    def centre(self, theta: Arb) -> Arb:
        """Point that the law is symmetric about."""

    def distribution(self, u: Arb) -> Arb:
        """Distribution function of the law moved to centre 0."""

    def area(self, u: Arb) -> Arb:
        """Integral of the distribution function from minus infinity to u."""

    def kl(self, theta: Arb, other: Arb) -> Arb | None:
        """KL of the law at θ from the law at the other parameter, where there is a formula."""


def _normal_distribution(u: Arb) -> Arb:
    return (1 + (u / flint.arb(2).sqrt()).erf()) / 2


def _normal_area(u: Arb) -> Arb:
    density = (-u * u / 2).exp() / (2 * flint.arb.pi()).sqrt()
    return u * _normal_distribution(u) + density


class GaussianMean:
    """N(θ, 1)."""

    def score(self, x: Arb, theta: Arb) -> Arb:
        """x − θ."""
        return x - theta

    def curvature(self, x: Arb, theta: Arb) -> Arb:
        """1."""
        return flint.arb(1)

    def model_score(self, old: Arb, new: Arb) -> Arb:
        """Linear."""
        return old - new

    def model_curvature(self, old: Arb, new: Arb) -> Arb:
        """1."""
        return flint.arb(1)

    def lipschitz(self, theta: Arb) -> Arb:
        """0."""
        return flint.arb(0)

    def centre(self, theta: Arb) -> Arb:
        """θ."""
        return theta

    def distribution(self, u: Arb) -> Arb:
        """Gaussian."""
        return _normal_distribution(u)

    def area(self, u: Arb) -> Arb:
        """Gaussian."""
        return _normal_area(u)

    def kl(self, theta: Arb, other: Arb) -> Arb:
        """Half the squared difference of the means."""
        difference = self.centre(theta) - self.centre(other)
        return difference * difference / 2


class GaussianLogMean(GaussianMean):
    """N(e^θ, 1)."""

    def score(self, x: Arb, theta: Arb) -> Arb:
        """(x − e^θ) e^θ."""
        mean = theta.exp()
        return (x - mean) * mean

    def curvature(self, x: Arb, theta: Arb) -> Arb:
        """e^{2θ} − (x − e^θ) e^θ."""
        mean = theta.exp()
        return mean * mean - (x - mean) * mean

    def model_score(self, old: Arb, new: Arb) -> Arb:
        """The score is linear in x."""
        return self.score(old.exp(), new)

    def model_curvature(self, old: Arb, new: Arb) -> Arb:
        """The curvature is linear in x."""
        return self.curvature(old.exp(), new)

    def lipschitz(self, theta: Arb) -> Arb:
        """e^θ."""
        return theta.exp()

    def centre(self, theta: Arb) -> Arb:
        """e^θ."""
        return theta.exp()


class StudentLocation:
    r"""Student's t with three degrees of freedom.

    For f analytic and bounded in the upper half-plane, residues at the double pole :math:`i\sqrt3`
    of the density give :math:`E f = f(i\sqrt3) - i\sqrt3 f'(i\sqrt3)`; with
    :math:`f(u) = 4/(u+\delta+i\sqrt3)`, whose real part is the score, this is
    :math:`4\delta/(\delta^2+12) + 48\delta/(\delta^2+12)^2`.
    """

    def score(self, x: Arb, theta: Arb) -> Arb:
        """4u/(3 + u²)."""
        u = x - theta
        return 4 * u / (3 + u * u)

    def curvature(self, x: Arb, theta: Arb) -> Arb:
        """4(3 − u²)/(3 + u²)²."""
        square = (x - theta) * (x - theta)
        return 4 * (3 - square) / ((3 + square) * (3 + square))

    def model_score(self, old: Arb, new: Arb) -> Arb:
        """See the class, with δ the difference of the parameters."""
        delta = old - new
        base = delta * delta + 12
        return 4 * delta / base + 48 * delta / (base * base)

    def model_curvature(self, old: Arb, new: Arb) -> Arb:
        """Derivative of the score's expectation in δ."""
        square = (old - new) * (old - new)
        base = square + 12
        return 4 * (12 - square) / (base * base) + 48 * (12 - 3 * square) / (base * base * base)

    def lipschitz(self, theta: Arb) -> Arb:
        """Reached at u² = 9 − 6√2."""
        square = 9 - 6 * flint.arb(2).sqrt()
        base = 3 + square
        return 8 * square.sqrt() * (9 - square) / (base * base * base)

    def centre(self, theta: Arb) -> Arb:
        """θ."""
        return theta

    def distribution(self, u: Arb) -> Arb:
        """With v = u/√3: 1/2 + (v/(1 + v²) + arctan v)/π."""
        v = u / flint.arb(3).sqrt()
        return flint.arb(1) / 2 + (v / (1 + v * v) + v.atan()) / flint.arb.pi()

    def area(self, u: Arb) -> Arb:
        """By parts, with the partial mean −3√3/(π(3 + u²))."""
        partial = 3 * flint.arb(3).sqrt() / (flint.arb.pi() * (3 + u * u))
        return u * self.distribution(u) + partial

    def kl(self, theta: Arb, other: Arb) -> Arb:
        r"""An integral over the angle of :math:`u = \sqrt3\tan\varphi`, where the ratio of the
        densities is :math:`1 + (\delta^2\cos^2\varphi - 2\sqrt3\delta\sin\varphi\cos\varphi)/3`."""
        delta, root = flint.acb(other - theta), flint.acb(3).sqrt()

        def integrand(angle: Any, analytic: bool) -> Any:
            sine, cosine = angle.sin(), angle.cos()
            change = (delta * delta * cosine * cosine - 2 * root * delta * sine * cosine) / 3
            logarithm = (1 + change).log(analytic=analytic)
            return cosine * cosine * 2 * logarithm

        half = flint.arb.pi() / 2
        return 2 / flint.arb.pi() * flint.acb.integral(integrand, -half, half).real


@dataclass(frozen=True)
class MixtureLocation:
    """Half N(θ − a, 1), half N(θ + a, 1)."""

    a: Fraction

    def score(self, x: Arb, theta: Arb) -> Arb:
        """u − a tanh(au)."""
        u, a = x - theta, ball(self.a)
        return u - a * (a * u).tanh()

    def curvature(self, x: Arb, theta: Arb) -> Arb:
        """1 − a² sech²(au)."""
        a = ball(self.a)
        sech = 1 / (a * (x - theta)).cosh()
        return 1 - a * a * sech * sech

    def model_score(self, old: Arb, new: Arb) -> Arb:
        """The mean is linear; the hyperbolic tangent is integrated."""
        delta, a = old - new, ball(self.a)
        return delta - a * self._expected(lambda u: (a * (u + delta)).tanh())

    def model_curvature(self, old: Arb, new: Arb) -> Arb:
        """The squared hyperbolic secant is integrated."""
        delta, a = old - new, ball(self.a)

        def sech_squared(u: Any) -> Any:
            sech = 1 / (a * (u + delta)).cosh()
            return sech * sech

        return 1 - a * a * self._expected(sech_squared)

    def _expected(self, function: Callable[[Any], Any]) -> Arb:
        """Expectation at θ = 0 of a function between −1 and 1 on the line."""
        a = ball(self.a)
        # Beyond the reach lies less mass than the working precision shows.
        reach = a + math.ceil(math.sqrt(1.4 * flint.ctx.prec)) + 2

        def integrand(u: Any, analytic: bool) -> Any:
            left, right = (-(u + a) * (u + a) / 2).exp(), (-(u - a) * (u - a) / 2).exp()
            return (left + right) * function(u)

        scale = 2 * (2 * flint.arb.pi()).sqrt()
        inside = flint.acb.integral(integrand, -reach, reach).real / scale
        outside = 2 * _normal_distribution(a - reach)
        return inside + outside * flint.arb(0, 1)

    def lipschitz(self, theta: Arb) -> Arb:
        """4a³/(3√3)."""
        a = ball(self.a)
        return 4 * a * a * a / (3 * flint.arb(3).sqrt())

    def centre(self, theta: Arb) -> Arb:
        """θ."""
        return theta

    def distribution(self, u: Arb) -> Arb:
        """Mean of two Gaussians."""
        a = ball(self.a)
        return (_normal_distribution(u - a) + _normal_distribution(u + a)) / 2

    def area(self, u: Arb) -> Arb:
        """Mean of two Gaussians."""
        a = ball(self.a)
        return (_normal_area(u - a) + _normal_area(u + a)) / 2

    def kl(self, theta: Arb, other: Arb) -> None:
        """No formula here."""
        return None


MIXTURE_HALF_WIDTH = Fraction(7, 10)
BALL_MODELS: dict[str, BallModel] = {
    "Gaussian mean": GaussianMean(),
    "Gaussian log-mean": GaussianLogMean(),
    "Student location": StudentLocation(),
    "mixture location": MixtureLocation(MIXTURE_HALF_WIDTH),
}
FLOAT_MODELS: dict[str, parametric.Model] = {
    "Gaussian mean": parametric.GaussianMean(),
    "Gaussian log-mean": parametric.GaussianLogMean(),
    "Student location": parametric.StudentLocation(),
    "mixture location": parametric.MixtureLocation(float(MIXTURE_HALF_WIDTH)),
}


class Undecided(ArithmeticError):
    """The working precision does not separate what it should."""


def zero(function: Callable[[Arb], Arb], slope: Callable[[Arb], Arb], guess: Arb) -> Arb:
    """A ball that contains exactly one zero of the function, by interval Newton.

    Raises
    ------
    Undecided
        When no such ball is found at the working precision.
    """
    point = flint.arb(guess.mid())
    for _ in range(NEWTON_STEPS):
        step = function(point) / slope(point)
        if not step.is_finite():
            raise Undecided("Newton's method left the domain")
        point = flint.arb((point - step).mid())
        if abs(step) < flint.arb(2) ** (-flint.ctx.prec // 2):
            break
    width = flint.arb(2) ** (-flint.ctx.prec // 3)
    enclosure = point + width * flint.arb(0, 1)
    image = point - function(point) / slope(enclosure)
    if not (image.is_finite() and enclosure.contains_interior(image)):
        raise Undecided("interval Newton does not contract")
    return image


@dataclass(frozen=True)
class EnclosedData:
    """A finite law on the line in balls, atoms in increasing order."""

    atoms: Sequence[Arb]
    masses: Sequence[Arb]

    def expectation(self, function: Callable[[Arb], Arb]) -> Arb:
        """Of one number per atom."""
        pairs = zip(self.atoms, self.masses, strict=True)
        return sum((mass * function(atom) for atom, mass in pairs), flint.arb(0))


def enclosed_run(
    name: str,
    atoms: Sequence[Fraction],
    masses: Sequence[Fraction],
    lam: Fraction,
    start: Fraction,
    guess: Fraction,
    steps: int,
) -> tuple[Arb, list[Arb], EnclosedData]:
    r""":math:`\theta_*` near the guess, the path from :math:`\theta_*` + start, and the data."""
    model = BALL_MODELS[name]
    order = sorted(range(len(atoms)), key=atoms.__getitem__)
    data = EnclosedData([ball(atoms[i]) for i in order], [ball(masses[i]) for i in order])
    ratio = ball(lam)
    target = zero(
        lambda theta: data.expectation(lambda x: model.score(x, theta)),
        lambda theta: -data.expectation(lambda x: model.curvature(x, theta)),
        ball(guess),
    )
    path = [target + ball(start)]
    for _ in range(steps):
        path.append(_round(model, data, ratio, path[-1]))
    return target, path, data


def _round(model: BallModel, data: EnclosedData, ratio: Arb, old: Arb) -> Arb:
    """The parameter after one more round, a maximum of its likelihood.

    Raises
    ------
    Undecided
        When the zero of the score next to the old parameter is not shown to be a maximum.
    """

    def slope(new: Arb) -> Arb:
        real = data.expectation(lambda x: model.score(x, new))
        return real + ratio * model.model_score(old, new)

    def change(new: Arb) -> Arb:
        real = data.expectation(lambda x: model.curvature(x, new))
        return -real - ratio * model.model_curvature(old, new)

    new = zero(slope, change, old)
    if not change(new) < 0:
        raise Undecided("the stationary point of a round is not shown to be a maximum")
    return new


def wasserstein(model: BallModel, data: EnclosedData, theta: Arb) -> Arb:
    r""":math:`W_1` of data and model, from the areas under both distribution functions.

    On an interval where the data's level is c, :math:`\int|G - c|` is found from a bracket of the
    crossing of G and c: moving the crossing by s changes the integral by at most 2s times the
    largest :math:`|G - c|` on the bracket, which is at one of its ends, since G is monotone.
    """
    centre = model.centre(theta)
    places = [atom - centre for atom in data.atoms]
    total = model.area(places[0]) + model.area(-places[-1])
    level = flint.arb(0)
    for low, high, mass in zip(places[:-1], places[1:], data.masses[:-1], strict=True):
        level = level + mass
        total += _absolute_area(model, low, high, level)
    return total


def _absolute_area(model: BallModel, low: Arb, high: Arb, level: Arb) -> Arb:
    def signed(a: Arb, b: Arb) -> Arb:
        return model.area(b) - model.area(a) - level * (b - a)

    if model.distribution(low) >= level:
        return signed(low, high)
    if model.distribution(high) <= level:
        return -signed(low, high)
    # Here the sign changes, wherever in the balls the ends are: at the crossing, or at an end.
    left, right = low.lower(), high.upper()
    for _ in range(flint.ctx.prec // 2):
        middle = flint.arb(((left + right) / 2).mid())
        if not low < middle < high:
            break
        if model.distribution(middle) < level:
            left = middle
        elif model.distribution(middle) > level:
            right = middle
        else:
            # The level is met exactly, or nearly so.
            width = flint.arb(2) ** (-flint.ctx.prec // 3)
            near, far = middle - width, middle + width
            if low < near < far < high and (
                model.distribution(near) < level < model.distribution(far)
            ):
                left, right = near, far
            break
    steepest = [abs(model.distribution(end) - level).upper() for end in (left, right)]
    slack = 2 * (right - left) * max(steepest)
    return signed(left, high) - signed(low, left) + slack * flint.arb(0, 1)
