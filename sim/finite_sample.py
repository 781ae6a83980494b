r"""The loop with a perfect generator and finitely many samples: drift, and its prediction bands.

The generator fits its training set perfectly: :math:`q_t` is the empirical law of it
(:class:`sim.generators.exact.EmpiricalLaw`). With N real data drawn once from :math:`p_{\rm ref}`,
n samples kept per round and m = n/λ real ones chosen from the N without replacement,

.. math:: q_0 = \hat p_N, \qquad
          q_{t+1} = \frac{m}{n+m}\,(\hat p_N + \eta_t)
                  + \frac{n}{n+m}\,\big(C_K(q_t) + \zeta_t\big),

where, given :math:`q_t`, the n kept are independent draws from :math:`C_K(q_t)`: selection with
Wright–Fisher drift. Against the exact loop :math:`p_t` the deviation of a statistic
:math:`\langle q_t, f\rangle` is, to first order in the noises, a sum of independent terms; their
variances follow from the derivative of :math:`C_K` (:func:`influence`), carried back round by
round. This is the delta method. It is good while the effective number of samples is large: it fails
late in the pure loop, when what leads descends from few of the N data. There
:meth:`SampledLoop.simulate` draws the process itself, and :meth:`SampledLoop.loss` gives the
probability that a rare group has died out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from theory import Law, RetrainingLoop, curation_factor

FloatArray = NDArray[np.float64]

# The integral over s = e^y by the trapezoid rule: step 0.3 errs by e^{-pi^2/0.3} = 5e-15, and so do
# the ends, where s is e^{-34}/K below, and e^{-s w} is e^{-33} at the smallest weight above.
STEP, LOWEST, HIGHEST = 0.3, -34.0, 3.5
# Nats between the least and the largest reward: the weights are between e^-600 and 1.
WIDEST = 600.0
# Atoms x nodes held at once (32 MiB of float64).
TABLE = 1 << 22
# Atoms of a law whose covariance matrix is held (32 MiB of float64).
MOST_ATOMS = 2000


@dataclass(frozen=True)
class Bands:
    r"""Where a run is expected: the exact loop, and the variance about it by source.

    Every array has shape (steps + 1, s), row t for round t, column j for statistic j.

    Attributes
    ----------
    mean
        :math:`\langle p_t, f_j\rangle` of the exact loop.
    data, real, kept, measured
        Variances due to the N real data, to the choice of m of them each round, to the n kept
        samples of each round, and to measuring on finitely many candidates.
    level
        Probability of each band at each round (not of all at once).
    """

    mean: FloatArray
    data: FloatArray
    real: FloatArray
    kept: FloatArray
    measured: FloatArray
    level: float

    @property
    def std(self) -> FloatArray:
        """Standard deviation of a measured statistic."""
        return np.sqrt(self.data + self.real + self.kept + self.measured)

    @property
    def lower(self) -> FloatArray:
        """Lower ends."""
        return self.mean - float(ndtri(0.5 + self.level / 2)) * self.std

    @property
    def upper(self) -> FloatArray:
        """Upper ends."""
        return self.mean + float(ndtri(0.5 + self.level / 2)) * self.std


@dataclass(frozen=True)
class SampledLoop:
    r"""The loop with a perfect generator and finitely many samples, K-choice by Luce's rule.

    Attributes
    ----------
    reference
        Law :math:`p_{\rm ref} = p_0` of the real data, on atoms or on a grid.
    K
        Candidates per kept sample.
    kept
        Samples n kept per round.
    data
        Real data N, drawn once; the first model is fitted to all of them.
    lam
        Synthetic-to-real ratio λ: m = n/λ, rounded, real data join each training set.

    Raises
    ------
    ValueError
        For numbers out of range, or fewer real data than the mixture takes.
    """

    reference: Law
    K: int
    kept: int
    data: int
    lam: float = math.inf

    def __post_init__(self) -> None:
        for name in ("K", "kept", "data"):
            value = getattr(self, name)
            least = 2 if name == "data" else 1
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(f"{name} = {value!r} is not a whole number of at least {least}.")
        if not self.lam > 0:
            raise ValueError(f"lam = {self.lam} is not a positive ratio; inf is the pure loop.")
        if self.real > self.data:
            raise ValueError(
                f"lam = {self.lam} takes {self.real} real data per round out of {self.data}: give "
                "more, keep fewer samples or raise lam."
            )
        if not np.isfinite(self.reference.rewards).all():
            raise ValueError("the reference has atoms of reward -inf: give finite rewards.")
        _refuse_spread(self.reference)

    @property
    def real(self) -> int:
        """Real data m in each training set but the first."""
        return 0 if math.isinf(self.lam) else round(self.kept / self.lam)

    @property
    def real_share(self) -> float:
        """Share m/(n + m) of real data in each training set but the first."""
        return self.real / (self.kept + self.real)

    def laws(self, steps: int) -> list[Law]:
        """Laws of the exact loop, 0 to ``steps``, with the ratio n/m that the sizes realise."""
        lam = self.kept / self.real if self.real else math.inf
        return list(RetrainingLoop(self.reference, self.K, lam).run(steps).laws)

    def bands(
        self, statistics: Any, steps: int, measured: int | None = None, level: float = 0.95
    ) -> Bands:
        r"""Prediction bands by the delta method.

        Parameters
        ----------
        statistics
            Values of s functions at the atoms, shape (s, atoms): an indicator for the share of a
            group, the rewards for the mean reward.
        steps
            Rounds.
        measured
            Candidates that a run measures the statistics on, K·n by default; 0 for the model
            itself, without any measurement.
        level
            Probability that a measured statistic falls within its band, in the limit of many
            samples; the error is of order :math:`n^{-1/2}`.
        """
        f = _statistics(statistics, self.reference)
        if not 0 < level < 1:
            raise ValueError(f"level = {level} is not a probability strictly between 0 and 1.")
        measured = self.K * self.kept if measured is None else measured
        if measured < 0:
            raise ValueError(f"measured = {measured} is negative: give a number of candidates.")
        laws = self.laws(steps)
        A, B = self.real_share, 1 - self.real_share
        of_real = 1 / self.real - 1 / self.data if self.real else 0.0
        reference, shape = self.reference, (steps + 1, len(f))
        data, real, kept = (np.zeros(shape) for _ in range(3))
        # Functions carried back to round t, of each target round from t on: (targets, s, atoms);
        # and their sums over the rounds from 1, which the real data enter with weight A.
        carried = f[None]
        sums = np.zeros_like(carried)
        for t in range(steps, -1, -1):
            if t == 0:
                data[:] = _variances(reference, carried + A * sums) / self.data
                break
            real[t:] += A**2 * of_real * _variances(reference, carried)
            before = laws[t - 1]
            # C_K(p_{t-1}), without rounding the mixture back out of p_t.
            kept[t:] += B**2 * _variances(_curated(before, self.K), carried) / self.kept
            sums = sums + carried
            back = B * influence(before, self.K, carried.reshape(-1, f.shape[1]))
            carried = np.concatenate([f[None], back.reshape(carried.shape)])
            sums = np.concatenate([np.zeros_like(f)[None], sums])
        noise = np.array([_variances(law, f) for law in laws])
        return Bands(
            mean=np.array([f @ law.probabilities for law in laws]),
            data=data,
            real=real,
            kept=kept,
            measured=noise / measured if measured else np.zeros(shape),
            level=level,
        )

    def shift(self, statistics: Any, steps: int) -> tuple[FloatArray, FloatArray]:
        r"""How finitely many samples move the mean of a statistic, and its variance.

        The shift :math:`E\langle q_t,f\rangle - \langle p_t,f\rangle` to order 1/n: half the second
        derivative of :math:`C_K` at :math:`p_t` in the covariance of :math:`q_t`, carried forward.
        Both arrays have shape (steps + 1, s); the variance is that of the model, unmeasured, by the
        covariance matrix of all atoms: another road to that of :meth:`bands`.

        Raises
        ------
        ValueError
            For a law of more than ``MOST_ATOMS`` atoms.
        """
        f = _statistics(statistics, self.reference)
        if len(self.reference) > MOST_ATOMS:
            raise ValueError(
                f"the law has {len(self.reference)} atoms, more than {MOST_ATOMS}: merge atoms of "
                "like reward and label (see merged)."
            )
        A, B = self.real_share, 1 - self.real_share
        of_data = _multinomial(self.reference.probabilities) / self.data
        of_real = (
            _multinomial(self.reference.probabilities) * (1 / self.real - 1 / self.data)
            if self.real
            else 0.0
        )
        covariance, with_data = of_data, of_data
        mean = np.zeros(len(self.reference))
        shifts, variances = [f @ mean], [_quadratic(f, covariance)]
        for law in self.laws(steps)[:-1]:
            jacobian, bend = _expansion(law, self.K, covariance)
            crossed = jacobian @ with_data
            mean = B * (jacobian @ mean + bend)
            covariance = (
                A**2 * (of_data + of_real)
                + A * B * (crossed + crossed.T)
                + B**2 * (jacobian @ covariance @ jacobian.T)
                + B**2 * _multinomial(_curated(law, self.K).probabilities) / self.kept
            )
            with_data = A * of_data + B * crossed
            shifts.append(f @ mean)
            variances.append(_quadratic(f, covariance))
        return np.array(shifts), np.array(variances)

    def loss(self, group: Any, steps: int) -> FloatArray:
        r"""Probabilities that the training set of round t lacks a rare group, shape (steps + 1,).

        Every copy of a sample x in the model of round t has, among the n kept, a number of copies
        that is Poisson with mean :math:`n H_{p_t}(x)/M_t`, where :math:`M_t` is the size of the
        training set: a branching process with immigration from the real data. With
        :math:`e_s(x)` the probability that a copy present in round s has no descendant in round t,

        .. math:: e_t = 0, \qquad e_s = \exp\!\big(-\tfrac{n}{M_s} H_{p_s}(1-e_{s+1})\big), \qquad
                  P = \Big(1 - \sum_{x}p_{\rm ref}(x)
                  \big[1 - e_0\textstyle\prod_{s=1}^t\big(1-\tfrac mN(1-e_s)\big)\big]\Big)^N,

        the sum being over the group. Good for a group too rare to change the rewards of its rivals:
        a small share of :math:`p_s` in every round.

        Parameters
        ----------
        group
            Which atoms belong to it, shape (atoms,), booleans.
        """
        members = np.asarray(group)
        if members.shape != (len(self.reference),) or members.dtype != np.bool_:
            raise ValueError(
                f"group has shape {members.shape} and type {members.dtype}: give one boolean for "
                f"each of the {len(self.reference)} atoms."
            )
        chosen = self.real / self.data
        means = [
            curation_factor(law, self.K)[members] * self.kept / self._size(s)
            for s, law in enumerate(self.laws(steps)[:-1])
        ]
        mass = self.reference.probabilities[members]
        out = np.empty(steps + 1)
        for t in range(steps + 1):
            dead = np.zeros(len(mass))
            absent = np.ones(len(mass))
            for s in range(t, -1, -1):
                if s < t:
                    dead = np.exp(-means[s] * (1 - dead))
                absent = absent * (dead if s == 0 else 1 - chosen * (1 - dead))
            there = float(mass @ (1 - absent))
            # The whole of a law may be a little more than 1 by rounding.
            out[t] = math.exp(self.data * math.log1p(-there)) if there < 1 else 0.0
        return out

    def simulate(
        self, statistics: Any, steps: int, runs: int, rng: np.random.Generator
    ) -> FloatArray:
        """Draw the process itself, atom by atom: statistics of the models, unmeasured, shape
        (runs, steps + 1, s)."""
        f = _statistics(statistics, self.reference)
        for name, value in (("steps", steps), ("runs", runs)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise ValueError(f"{name} = {value!r} is not a whole number of at least 0.")
        reference = _normalised(self.reference.probabilities)
        out = np.empty((runs, steps + 1, len(f)))
        for run in range(runs):
            data = rng.multinomial(self.data, reference)
            counts = data
            for t in range(steps + 1):
                model = counts / counts.sum()
                out[run, t] = f @ model
                if t < steps:
                    curated = _curated(self.reference.with_probabilities(model), self.K)
                    counts = rng.multinomial(self.kept, _normalised(curated.probabilities))
                    if self.real:
                        counts = counts + rng.multivariate_hypergeometric(
                            data, self.real, method="marginals"
                        )
        return out

    def _size(self, t: int) -> int:
        return self.data if t == 0 else self.kept + self.real


def influence(law: Law, K: int, statistics: Any) -> FloatArray:
    r"""Derivatives of curated expectations by the mass of each atom, shape (s, atoms).

    The derivative of :math:`\langle C_K(p), f\rangle` along :math:`\delta_x - p`. From K candidates
    with x among them :math:`g(x) = E\big[\sum_k f(x_k)w(x_k)/\sum_k w(x_k) \mid x_1 = x\big]` is
    kept on average, and the derivative is :math:`K(g(x) - \langle C_K(p),f\rangle)`: with
    :math:`\varphi(s)=E_p e^{-sw}` and f less its curated mean,

    .. math:: f(x)H(x) + K(K-1)\int_0^\infty e^{-sw(x)}\varphi(s)^{K-2}\,E_p[f w e^{-sw}]\,ds.

    Its mean under p is 0. Error about 1e-13 K of the largest value of f.

    Parameters
    ----------
    statistics
        Values of s functions at the atoms, shape (s, atoms).

    Raises
    ------
    ValueError
        For rewards that spread over more than ``WIDEST`` nats.
    """
    f = _statistics(statistics, law)
    _refuse_spread(law)
    if K == 1:
        return f - (f @ law.probabilities)[:, None]
    p, weights = law.probabilities, np.exp(law.rewards - law.rewards.max())
    factor = curation_factor(law, K)
    centred = f - (f @ (p * factor))[:, None]
    out = centred * factor
    s, steps = _nodes(law, K)
    for part in np.array_split(np.arange(len(s)), math.ceil(len(s) * len(law) / TABLE)):
        table = np.exp(-weights[:, None] * s[part])
        rivals = np.exp((K - 2) * np.log(p @ table)) * steps[part]
        out += K * (K - 1) * ((centred * p * weights) @ table * rivals) @ table.T
    return out


def merged(law: Law, labels: Any, levels: int = 100) -> tuple[Law, NDArray[np.int64]]:
    """The law with atoms of one label and nearly one reward made one, and the new label of each.

    Rewards are cut into ``levels`` equal intervals; a new atom has the mean reward of its own. The
    loop of the new law is that of the old one up to the spread of rewards within an interval.
    """
    groups = np.asarray(labels)
    if groups.shape != (len(law),):
        raise ValueError(f"labels have shape {groups.shape} for {len(law)} atoms: one each.")
    if levels < 1:
        raise ValueError(f"levels = {levels} is not a positive number of intervals.")
    if not np.isfinite(law.rewards).all():
        raise ValueError("the law has atoms of reward -inf: give finite rewards.")
    p = law.probabilities
    low, span = law.rewards.min(), np.ptp(law.rewards)
    cut = np.minimum((law.rewards - low) / (span or 1.0) * levels, levels - 1).astype(np.int64)
    _, number = np.unique(groups, return_inverse=True)
    _, index = np.unique(number * levels + cut, return_inverse=True)
    mass = np.bincount(index, p)
    charged = mass > 0
    reward = np.bincount(index, p * law.rewards)[charged] / mass[charged]
    owner = np.zeros(len(mass), dtype=np.int64)
    owner[index] = number
    return Law(mass[charged], reward, normalise=True), owner[charged]


def _refuse_spread(law: Law) -> None:
    spread = float(np.ptp(law.rewards))
    if not spread <= WIDEST:
        raise ValueError(
            f"rewards spread over {spread:g} nats, more than {WIDEST:g}, where weights underflow: "
            "clip the lowest."
        )


def _nodes(law: Law, K: int) -> tuple[FloatArray, FloatArray]:
    """Nodes s and quadrature weights for integrals over the weights of a law, scaled to 1."""
    charged = law.rewards[law.log_probabilities > -np.inf]
    span = float(law.rewards.max() - charged.min())
    s = np.exp(np.arange(LOWEST - math.log(K), HIGHEST + span, STEP))
    return s, STEP * s


def _expansion(law: Law, K: int, covariance: FloatArray) -> tuple[FloatArray, FloatArray]:
    """First derivative of the curated masses by the masses, and half the second in a covariance.

    Directions that change the total mass would grow K-fold each round, and rounding has some of
    them: the first derivative is given along directions less their total times p, which it maps
    to masses of total 0.
    """
    p, weights = law.probabilities, np.exp(law.rewards - law.rewards.max())
    s, steps = _nodes(law, K)
    table = np.exp(-weights[:, None] * s)
    log_phi = np.log(p @ table)
    lead = K * (K - 1) * np.exp((K - 2) * log_phi) * steps
    jacobian = (p * weights)[:, None] * ((table * lead) @ table.T)
    factor = curation_factor(law, K)
    jacobian[np.diag_indices(len(p))] += factor
    jacobian -= K * (p * factor)[:, None]
    spread = covariance @ table
    bend = weights * (
        (table * spread) @ lead
        + p * (table @ (0.5 * (K - 2) * lead / np.exp(log_phi) * (table * spread).sum(axis=0)))
    )
    return jacobian, bend


def _curated(law: Law, K: int) -> Law:
    return law.with_probabilities(law.probabilities * curation_factor(law, K), normalise=True)


def _variances(law: Law, f: FloatArray) -> FloatArray:
    """Variances of functions with values f, shape (..., atoms), under a law."""
    p = law.probabilities
    centred = f - (f @ p)[..., None]
    return (centred**2) @ p


def _multinomial(p: FloatArray) -> FloatArray:
    return np.diag(p) - np.outer(p, p)


def _quadratic(f: FloatArray, covariance: FloatArray) -> FloatArray:
    return np.einsum("sa,ab,sb->s", f, covariance, f, optimize=True)


def _normalised(p: FloatArray) -> FloatArray:
    return p / p.sum()


def _statistics(values: Any, law: Law) -> FloatArray:
    f = np.asarray(values, dtype=np.float64)
    if f.ndim != 2 or f.shape[1] != len(law) or not np.isfinite(f).all():
        raise ValueError(
            f"statistics have shape {f.shape} for {len(law)} atoms: give finite numbers, one row "
            "for each statistic."
        )
    return f
