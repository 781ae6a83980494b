"""Maximum likelihood in exponential families: moments, SciPy's densities, samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from mpmath import mp, mpf, psi
from scipy import stats

from sim.generators.exponential_family import FAMILIES, ExponentialFamily, _log_less_digamma
from theory.testing import check_generator

RNG = np.random.default_rng

# Each law by SciPy, from which the families take nothing but special functions.
SCIPY = {
    "normal": lambda p: stats.norm(p[0], p[1]),
    "exponential": lambda p: stats.expon(scale=p[0]),
    "gamma": lambda p: stats.gamma(p[0], scale=p[1]),
    "beta": lambda p: stats.beta(p[0], p[1]),
    "von-mises": lambda p: stats.vonmises(p[1], loc=p[0]),
    "bernoulli": lambda p: stats.bernoulli(p[0]),
    "poisson": lambda p: stats.poisson(p[0]),
}
CASES = [
    ("normal", (1e6, 1e-3)),
    ("normal", (-2.0, 0.7)),
    ("exponential", (3.0,)),
    ("gamma", (0.05, 2.0)),
    ("gamma", (1.0, 1.0)),
    ("gamma", (300.0, 1e-6)),
    ("gamma", (1e7, 1.0)),
    ("beta", (0.3, 0.2)),
    ("beta", (1.0, 1.0)),
    ("beta", (2.0, 50.0)),
    ("beta", (4000.0, 9.0)),
    ("von-mises", (1.0, 0.05)),
    ("von-mises", (-3.0, 2.0)),
    ("von-mises", (0.5, 4000.0)),
    ("bernoulli", (0.2,)),
    ("poisson", (4.2,)),
]


def drawn(name, theta, n=5000):
    x = np.asarray(SCIPY[name](theta).rvs(size=n, random_state=RNG(7)), dtype=np.float64)
    # Draws that rounding puts on the edge of the domain, where the density is unbounded.
    least = {"gamma": 1e-300, "beta": 1e-300}.get(name, -math.inf)
    return np.clip(x, least, 1 - 1e-16 if name == "beta" else math.inf)


@pytest.mark.parametrize(("name", "theta"), CASES)
def test_the_fit_recovers_the_law_and_no_neighbour_is_likelier(name, theta):
    x = drawn(name, theta)
    model = ExponentialFamily(name)
    found = model.fit(torch.as_tensor(x[:, None]), RNG(0))

    def coordinates(p):
        # Shape and mean of a gamma law are known independently; shape and scale are not.
        return np.array([p[0], p[0] * p[1]]) if name == "gamma" else np.array(p)

    def loss(c):
        law = SCIPY[name]((c[0], c[1] / c[0]) if name == "gamma" else c)
        logs = law.logpmf(x) if name in ("bernoulli", "poisson") else law.logpdf(x)
        return -float(logs.mean())

    best = coordinates(model.theta[0])
    assert found["loss"] == pytest.approx(loss(best), rel=1e-8, abs=1e-8)
    # Standard errors from the curvature of SciPy's likelihood, by second differences: a step of
    # 1e-3 of the unit raises the loss by about 1e-6, far above rounding.
    units = {
        "normal": (best[-1], best[-1]),
        "von-mises": (best[-1] ** -0.5, best[-1]),
        "gamma": (best[0], best[-1] / math.sqrt(max(1, best[0]))),
    }.get(name, best)
    steps = 1e-3 * np.diag(units)
    here = loss(best)
    for step in steps:
        above, below = loss(best + step) - here, loss(best - step) - here
        assert min(above, below) > 0
        # The vertex of the parabola through the three: within 2 % of the step, and SciPy's density
        # is a difference of numbers of the size of the parameters.
        assert abs(above - below) < 0.04 * (above + below) + 1e-15 * best.max()
    hessian = np.array(
        [
            [
                (loss(best + u + v) - loss(best + u - v) - loss(best - u + v) + loss(best - u - v))
                / 4e-6
                for v in steps
            ]
            for u in steps
        ]
    )
    # Squared Mahalanobis distance from the truth; false-alarm rate 1e-4 each (seed fixed).
    away = (best - coordinates(theta)) / np.array(units)
    assert len(x) * away @ hessian @ away < stats.chi2.isf(1e-4, df=len(best))


@pytest.mark.parametrize(
    ("name", "theta"), [case for case in CASES if case[0] in ("beta", "gamma")]
)
def test_the_likelihood_equations_hold(name, theta):
    x = drawn(name, theta, n=50)
    model = ExponentialFamily(name)
    model.fit(torch.as_tensor(x[:, None]), RNG(0))
    a, b = model.theta[0]
    with mp.workdps(40):
        logs = sum(mp.log(mpf(v)) for v in x.tolist()) / len(x)
        if name == "gamma":
            gap = psi(0, mpf(a)) + mp.log(mpf(b)) - logs
            assert a * b == pytest.approx(x.mean(), rel=1e-12)
        else:
            gap = psi(0, mpf(a)) - psi(0, mpf(a) + mpf(b)) - logs
            other = sum(mp.log1p(-mpf(v)) for v in x.tolist()) / len(x)
            rest = psi(0, mpf(b)) - psi(0, mpf(a) + mpf(b)) - other
            assert abs(rest) < 1e-8 * abs(other) + 1e-12
        assert abs(gap) < 1e-8 * max(1, abs(logs))


@pytest.mark.parametrize(("name", "theta"), CASES)
def test_samples_follow_the_law(name, theta):
    """Kolmogorov-Smirnov, or chi-square for counts; false-alarm rate 1e-4 each (seed fixed)."""
    model, n = ExponentialFamily(name), 20_000
    model.theta = np.array([theta])
    samples = model.sample(n, RNG(9)).numpy()[:, 0]
    law = SCIPY[name](theta)
    if name in ("bernoulli", "poisson"):
        values = np.arange(int(samples.max()) + 1)
        expected = n * law.pmf(values)
        large = expected >= 8
        counts = np.bincount(samples.astype(int))
        counts = np.append(counts[large], n - counts[large].sum())
        expected = np.append(expected[large], n - expected[large].sum())
        nonzero = expected > 1e-9
        statistic = ((counts - expected)[nonzero] ** 2 / expected[nonzero]).sum()
        assert statistic < stats.chi2.isf(1e-4, df=max(1, nonzero.sum() - 1))
    else:
        if name == "von-mises":
            # SciPy's distribution function is for angles within half a turn of the mean.
            samples = theta[0] + (samples - theta[0] + math.pi) % (2 * math.pi) - math.pi
        assert stats.kstest(samples, law.cdf).pvalue > 1e-4


@pytest.mark.parametrize(("total", "mean"), [(1e6, 0.3), (1e6, 1e-3), (5e7, 0.5)])
def test_narrow_beta_laws_are_fitted_to_rounding(total, mean):
    """Against Newton's method in 40 digits: what rounding leaves is far below a standard error,
    which is a seventh of the sum of the parameters."""
    x = drawn("beta", (total * mean, total * (1 - mean)), n=100)
    model = ExponentialFamily("beta")
    loss = model.fit(torch.as_tensor(x[:, None]), RNG(0))["loss"]
    a, b = (mpf(p) for p in model.theta[0])
    with mp.workdps(40):
        one = sum(mp.log(mpf(v)) for v in x.tolist()) / len(x)
        two = sum(mp.log1p(-mpf(v)) for v in x.tolist()) / len(x)
        for _ in range(6):
            gap = mp.matrix([psi(0, a) - psi(0, a + b) - one, psi(0, b) - psi(0, a + b) - two])
            shared = psi(1, a + b)
            slope = mp.matrix([[psi(1, a) - shared, -shared], [-shared, psi(1, b) - shared]])
            a, b = (p - s for p, s in zip((a, b), mp.lu_solve(slope, gap), strict=True))
        exact = mp.log(mp.beta(a, b)) - (a - 1) * one - (b - 1) * two
    np.testing.assert_allclose(model.theta[0], [float(a), float(b)], rtol=1e-6)
    assert loss == pytest.approx(float(exact), abs=1e-15 * 20 * total)


@pytest.mark.parametrize("concentration", [3.0, 1e4, 5e7])
def test_concentrations_of_angles_solve_their_equation(concentration):
    x = drawn("von-mises", (3.1, concentration), n=100)
    model = ExponentialFamily("von-mises")
    model.fit(torch.as_tensor(x[:, None]), RNG(0))
    with mp.workdps(40):
        k = mpf(model.theta[0, 1])
        length = abs(sum(mp.expj(mpf(v)) for v in x.tolist())) / len(x)
        gap = mp.besseli(1, k) / mp.besseli(0, k) - length
        # Relative to the distance of the length from 1.
        assert abs(gap / (1 - length)) < 1e-15 * 10 * max(10, concentration)


def test_angles_evenly_spread_have_no_concentration():
    model = ExponentialFamily("von-mises")
    model.fit(torch.arange(4, dtype=torch.float64)[:, None] * math.pi / 2, RNG(0))
    assert model.theta[0, 1] == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("a", [1e-3, 1.0, 3.0, 19.9, 20.0, 21.0, 50.0, 1e4, 1e8])
def test_log_less_digamma_and_its_slope(a):
    value, slope = _log_less_digamma(a)
    with mp.workdps(40):
        exact = mp.log(mpf(a)) - psi(0, mpf(a)), 1 - mpf(a) * psi(1, mpf(a))
    # Below 20 the two terms of each are up to 100 times their difference.
    assert value == pytest.approx(float(exact[0]), rel=3e-14, abs=0)
    assert slope == pytest.approx(float(exact[1]), rel=3e-14, abs=0)


@pytest.mark.parametrize(("name", "theta"), [("gamma", (1e-3, 1.0)), ("beta", (1e-3, 1e-3))])
def test_samples_stay_in_the_family_where_numbers_end(name, theta):
    model = ExponentialFamily(name)
    model.theta = np.array([theta])
    samples = model.sample(500, RNG(0))
    assert model.family.contains(samples.numpy())
    # A quarter of them and more are beyond what numbers can tell from the edge.
    edge = samples == samples.min()
    assert 50 < int(edge.sum()) < 450
    model.fit(samples, RNG(0))


def test_every_family_is_tested():
    assert set(SCIPY) == set(FAMILIES) == {name for name, _ in CASES}


def test_coordinates_are_fitted_each_on_its_own():
    x = RNG(1).gamma([1.0, 4.0], [2.0, 0.5], size=(3000, 2))
    both, model = ExponentialFamily("gamma"), ExponentialFamily("gamma")
    loss = both.fit(torch.as_tensor(x), RNG(0))["loss"]
    parts = [model.fit(torch.as_tensor(x[:, k : k + 1]), RNG(0))["loss"] for k in range(2)]
    assert loss == pytest.approx(sum(parts), rel=1e-12)
    assert both.theta[1].tolist() == model.theta[0].tolist()
    assert both.sample(7, RNG(0)).shape == (7, 2)


# The check fits moved data too: families on a bounded domain refuse those.
@pytest.mark.parametrize(
    ("name", "theta"), [("normal", (0.5, 2.0)), ("gamma", (3.0, 1.0)), ("exponential", (2.0,))]
)
def test_they_conform(name, theta):
    law = SCIPY[name](theta)
    data, held_out = (law.rvs(size=(5000, 2), random_state=RNG(s)) for s in (1, 2))
    # Parameters known to 1/sqrt(5000) leave a total variation of 0.01 for each coordinate.
    check_generator(lambda: ExponentialFamily(name), data, held_out, fit_error=0.02).require()


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="none of normal, exponential"):
        ExponentialFamily("cauchy")
    for name, x, sentence in [
        ("gamma", [[1.0], [-1.0]], "positive numbers"),
        ("gamma", [[2.0], [2.0]], "all data are 2.0"),
        ("beta", [[0.5], [1.0]], "strictly between"),
        ("bernoulli", [[0.0], [0.5]], "zeros and ones"),
        ("poisson", [[0.0], [0.5]], "whole numbers"),
        ("normal", [[0.0], [math.nan]], "finite"),
        ("normal", [[1.0], [1.0]], "all data are 1.0"),
        ("von-mises", [[1.0], [1.0]], "differ too little for a von Mises law"),
        ("normal", [[1.0]], "n >= 2"),
        ("normal", [[], []], "d >= 1"),
        ("normal", [[1e200], [2e200]], "squares that overflow"),
        ("normal", [[1e-200], [2e-200]], "another unit"),
        # Their log-likelihoods were wrong by tens of nats.
        ("gamma", [[1.0], [1.0 + 1e-8]], "differ too little for a gamma law"),
        ("beta", [[0.3], [0.3 + 1e-8]], "differ too little for a beta law"),
        ("von-mises", [[0.3], [0.3 + 1e-5]], "differ too little for a von Mises law"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            ExponentialFamily(name).fit(torch.tensor(x, dtype=torch.float64), RNG(0))
    model = ExponentialFamily("gamma")
    with pytest.raises(ValueError, match="has not been fitted"):
        model.sample(3, RNG(0))
    model.fit(torch.tensor([[1.0], [2.0]]), RNG(0))
    with pytest.raises(ValueError, match="this one is beta"):
        ExponentialFamily("beta").load(model.state())
