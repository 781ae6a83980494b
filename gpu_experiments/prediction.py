r"""What the loop on images will do, computed from samples of its first model: no training.

The first model's candidates, with their rewards :math:`r_i` and predicted classes, make an
empirical law :math:`\hat p_0`; selection acts on rewards alone, so the exact loop with K candidates
on these atoms,

.. math:: p_{t+1} = \tfrac{m}{n+m}\,p_{\rm ref} + \tfrac{n}{n+m}\,C_K(p_t),

n samples kept and m real ones, predicts class shares, mean reward and mean weight :math:`E[e^r]` of
all later rounds.

**The reference law of the mixed loop.** A trained :math:`p_0` is not :math:`p_{\rm ref}`: its
images are less clean than the data, and the classifier less sure of them. There are two readings of
what the m real images leave in the next model, and both can be computed:

* :math:`p_{\rm ref} = \hat p_0` (the default): what a model makes of real images *is*
  :math:`p_0`, which was fitted to them. If refitting carries laws over in proportion and keeps
  the model's own samples as they are, the real part of each training set comes out as
  :math:`p_0`. Nor is the reward of real images that of new ones, where the classifier was trained
  on them.
* :math:`p_{\rm ref}` the real images' own rewards and classes (``reference``), started at
  :math:`\hat p_0`: right for a generator without error. Its step from round 0 to 1 is partly that
  of :math:`p_0` to the real data, in every round once more.

The two predictions part by as much as the model's error matters.

**The band** is that of the measured statistics of one run with a generator that fits its training
set perfectly, at each round by itself, by the delta method of :mod:`sim.finite_sample`, to first
order in 1/n. It has these parts (:class:`sim.finite_sample.Bands`):

``data``
    that :math:`p_0` is known from finitely many candidates (and :math:`p_{\rm ref}` from finitely
    many real images, where not all are given);
``real``
    the choice of m of the N real images each round;
``kept``
    the choice of the n kept among candidates, each round;
``measured``
    that a round's statistics are means over K·n candidates.

Where the run's first round curates the very candidates that the prediction starts from (``shared``)
the two are the same at round 0 and stay closer later: what the first n kept owe to their own
candidates is no deviation, and is taken out of ``kept``. The band holds what is random *given*
:math:`p_0`: runs that each pretrain their own :math:`p_0` differ by more.

**Where prediction and trained runs must part.**

* *Model error accumulates.* Each refit is to samples of a model: blur, early stopping and
  smoothing add up over rounds, and lower the rewards of what is already selected; a warm-started
  model lags behind its training set. None of it is in the band.
* *New atoms.* A generator interpolates: it makes samples with rewards above the best of
  :math:`\hat p_0`, whereas the prediction can only reweigh the atoms it has. Once few of them
  carry the law (:attr:`Prediction.effective`, below some hundreds) the prediction is about those
  few, and the delta method, which is linear in their noise, is too narrow. Late rounds of the
  pure loop come to this at the latest when the best atom takes over.
* *Labels.* Classes and rewards are those that one fixed classifier predicts. Errors of it are
  selected too, and a class here is where it says so; but it is the same one in the run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.finite_sample import Bands, influence, merged
from theory import Law, RetrainingLoop, curate

FloatArray = NDArray[np.float64]

# Atoms of a law from which on its bands are those of merged atoms: their cost is rounds squared
# times statistics times atoms, a second or two for 20 rounds of ten classes on this many.
MOST_ATOMS = 10_000
# Intervals of reward in which atoms of one class are merged.
LEVELS = 200


@dataclass(frozen=True, eq=False)
class Scored:
    """Samples, of which only rewards and classes matter.

    Attributes
    ----------
    rewards
        Finite numbers, shape (n,).
    labels
        Classes from 0 on, shape (n,).

    Raises
    ------
    ValueError
        For arrays that are not of this kind.
    """

    rewards: FloatArray
    labels: NDArray[np.int64]

    def __post_init__(self) -> None:
        rewards = np.array(self.rewards, dtype=np.float64)
        labels = np.array(self.labels)
        if rewards.ndim != 1 or len(rewards) == 0 or rewards.shape != labels.shape:
            raise ValueError(
                f"rewards and labels have shapes {rewards.shape} and {labels.shape}: give one "
                "of each for every sample."
            )
        if not np.isfinite(rewards).all():
            raise ValueError("rewards are not all finite numbers: mend the reward.")
        if labels.dtype.kind not in "iu" or labels.min() < 0:
            raise ValueError("labels are not all whole numbers from 0 on: give classes.")
        object.__setattr__(self, "rewards", rewards)
        object.__setattr__(self, "labels", labels.astype(np.int64))

    def __len__(self) -> int:
        return len(self.rewards)


@dataclass(frozen=True)
class Sizes:
    """Sizes of the run that is predicted.

    Attributes
    ----------
    K
        Candidates per kept sample.
    kept
        Samples n kept per round.
    iterations
        Rounds after the first model.
    lam
        Synthetic-to-real ratio: m = n/λ real images, rounded, join each training set; inf for none.
    data
        Real images N that they are chosen from, without replacement; needed where there are any.
    selects
        Whether one of K is kept by reward, or at random: the exact loop of the latter is that of
        K = 1, in which only chance moves anything.

    Raises
    ------
    ValueError
        For numbers out of range.
    """

    K: int
    kept: int
    iterations: int
    lam: float = math.inf
    data: int | None = None
    selects: bool = True

    def __post_init__(self) -> None:
        for name in ("K", "kept", "iterations"):
            value = getattr(self, name)
            least = 0 if name == "iterations" else 1
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(f"{name} = {value!r} is not a whole number of at least {least}.")
        if not self.lam > 0 or math.isinf(self.kept / self.lam):
            raise ValueError(f"lam = {self.lam} is not a positive ratio; inf is the pure loop.")
        if self.real and (self.data is None or self.data < self.real):
            raise ValueError(
                f"lam = {self.lam} takes {self.real} real images per round out of {self.data}: "
                "give their number as data, keep fewer samples or raise lam."
            )

    @property
    def real(self) -> int:
        """Real images m in each training set but the first."""
        return 0 if math.isinf(self.lam) else round(self.kept / self.lam)

    @property
    def judged(self) -> int:
        """Candidates that are compared by reward for each kept one."""
        return self.K if self.selects else 1

    @property
    def real_share(self) -> float:
        """Share m/(n + m) of real images in each training set but the first."""
        return self.real / (self.kept + self.real)


@dataclass(frozen=True, eq=False)
class Prediction:
    """The exact loop on a model's samples, and bands for a run; see the module.

    Attributes
    ----------
    bands
        Mean and variances of the statistics, shape (iterations + 1, classes + 2): the class shares,
        the mean reward, the mean weight. The mean is that of the loop on all atoms.
    classes
        Number of classes.
    reference
        In words, what stood for the real data.
    effective
        Kish's effective number of atoms 1/Σ p_t(i)², shape (iterations + 1,), of atoms as they were
        given: equal ones are counted apart.
    merging
        By how much merging atoms moves the mean, the largest over the rounds, as a share of the
        largest mean, shape (classes + 2,): the bands' widths err by this order. Zero where no atoms
        were merged.
    """

    bands: Bands
    classes: int
    reference: str
    effective: FloatArray
    merging: FloatArray

    @property
    def shares(self) -> FloatArray:
        """Class shares, shape (iterations + 1, classes)."""
        return self.bands.mean[:, : self.classes]

    @property
    def reward(self) -> FloatArray:
        """Mean rewards, shape (iterations + 1,)."""
        return self.bands.mean[:, self.classes]

    @property
    def weight(self) -> FloatArray:
        """Mean weights, shape (iterations + 1,)."""
        return self.bands.mean[:, self.classes + 1]

    def as_json(self) -> dict[str, Any]:
        """Everything that a figure needs, in lists and numbers: shares, reward and weight by round,
        each with the ends of its band."""
        out: dict[str, Any] = {
            "reference": self.reference,
            "level": self.bands.level,
            "effective": self.effective.tolist(),
            "merging": float(self.merging.max()),
        }
        ends = {"": self.bands.mean, "_lower": self.bands.lower, "_upper": self.bands.upper}
        for suffix, values in ends.items():
            out["shares" + suffix] = values[:, : self.classes].tolist()
            out["reward" + suffix] = values[:, self.classes].tolist()
            out["weight" + suffix] = values[:, self.classes + 1].tolist()
        return out


def predict(
    model: Scored,
    sizes: Sizes,
    classes: int,
    *,
    reference: Scored | None = None,
    shared: bool = True,
    level: float = 0.95,
    most_atoms: int = MOST_ATOMS,
) -> Prediction:
    r"""Predict a run from samples of its first model.

    Parameters
    ----------
    model
        Candidates of :math:`p_0`, scored by the reward and classifier of the run.
    sizes
        The run's.
    classes
        Number of classes.
    reference
        Real images, scored likewise, all N or some of them drawn at random; by default
        :math:`p_0`'s samples stand for them (see the module). Without real images in the loop it
        plays no part and is refused.
    shared
        Whether the run's first round curates these very candidates; ``False`` for other samples of
        the same :math:`p_0`.
    level
        Probability of the band at each round.
    most_atoms
        Beyond this number of atoms bands are computed on merged ones (``Prediction.merging``).

    Raises
    ------
    ValueError
        For labels beyond the classes, a ``shared`` model that is not the K·n candidates of a round,
        or a reference that cannot be used.
    """
    _check(model, sizes, classes, reference, shared, level)
    initial, law, labels = _laws(model, reference)
    statistics = _statistics(initial.rewards, labels, classes)
    exact = _run(law, initial, sizes)
    mean = np.array([statistics @ p.probabilities for p in exact])
    # A law of a reference has its atoms too, of which p_0 has none.
    effective = np.array([1 / np.square(p.probabilities).sum() for p in exact])
    merging = np.zeros(len(statistics))
    if len(initial) > most_atoms:
        initial, law, labels = _merged_laws(model, reference, classes)
        statistics = _statistics(initial.rewards, labels, classes)
        exact = _run(law, initial, sizes)
        moved = np.abs([statistics @ p.probabilities for p in exact] - mean).max(axis=0)
        largest = np.abs(mean).max(axis=0)
        merging = np.divide(moved, largest, out=merging, where=largest > 0)
    data, real, kept, measured = _variances(
        exact,
        law,
        statistics,
        sizes,
        len(model),
        None if reference is None else len(reference),
        shared,
    )
    return Prediction(
        Bands(mean, data, real, kept, measured, level),
        classes,
        "none: no real images join"
        if not sizes.real
        else "samples of the first model"
        if reference is None
        else "real images",
        effective,
        merging,
    )


def _check(
    model: Scored,
    sizes: Sizes,
    classes: int,
    reference: Scored | None,
    shared: bool,
    level: float,
) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level = {level} is not a probability strictly between 0 and 1.")
    for name, samples in (("model", model), ("reference", reference)):
        if samples is not None and samples.labels.max() >= classes:
            raise ValueError(
                f"the {name}'s labels go up to {samples.labels.max()} and there are {classes} "
                "classes: give labels from 0 to the number of classes less 1."
            )
    if shared and len(model) != sizes.K * sizes.kept:
        raise ValueError(
            f"{len(model)} samples of the model are not the {sizes.K * sizes.kept} candidates of "
            "the run's first round: give those, or shared=False for other samples of it."
        )
    if reference is None:
        return
    if not sizes.real:
        raise ValueError("no real images join the training sets: leave the reference out.")
    assert sizes.data is not None
    if len(reference) > sizes.data:
        raise ValueError(
            f"the reference has {len(reference)} images and the run {sizes.data}: give those of "
            "the run, or some of them."
        )


def exact_laws(model: Scored, sizes: Sizes) -> list[Law]:
    """Laws of the exact loop on a model's samples, one atom each in their order, by round; they
    stand for the real images too."""
    law, _, _ = _laws(model, None)
    return _run(law, law, sizes)


def _laws(model: Scored, reference: Scored | None) -> tuple[Law, Law, NDArray[np.int64]]:
    """The initial and the reference law on all atoms, and the atoms' labels."""
    if reference is None:
        law = Law(np.full(len(model), 1 / len(model)), model.rewards, normalise=True)
        return law, law, model.labels
    rewards = np.concatenate([model.rewards, reference.rewards])
    first = np.arange(len(rewards)) < len(model)
    return (
        Law(first / len(model), rewards, normalise=True),
        Law(~first / len(reference), rewards, normalise=True),
        np.concatenate([model.labels, reference.labels]),
    )


def _merged_laws(
    model: Scored, reference: Scored | None, classes: int
) -> tuple[Law, Law, NDArray[np.int64]]:
    """The same on atoms that are means of those of one class and nearly one reward; atoms of the
    model stay apart from those of the reference."""
    initial, law, labels = _laws(model, reference)
    side = np.where(initial.probabilities > 0, 0, classes)
    half = Law((initial.probabilities + law.probabilities) / 2, initial.rewards, normalise=True)
    small, owner = merged(half, labels + side, levels=LEVELS)
    # Owners number the labels that occur.
    owner = np.unique(labels + side)[owner]
    p, first = small.probabilities, owner < classes
    if reference is None:
        return small, small, owner
    return (
        small.with_probabilities(p * first, normalise=True),
        small.with_probabilities(p * ~first, normalise=True),
        owner % classes,
    )


def _run(reference: Law, initial: Law, sizes: Sizes) -> list[Law]:
    """Laws of the exact loop, with the ratio n/m that the sizes realise."""
    lam = sizes.kept / sizes.real if sizes.real else math.inf
    return list(RetrainingLoop(reference, sizes.judged, lam, initial).run(sizes.iterations).laws)


def _statistics(rewards: FloatArray, labels: NDArray[np.int64], classes: int) -> FloatArray:
    with np.errstate(over="ignore"):
        weights = np.exp(rewards)
    if not np.isfinite(weights).all():
        raise ValueError(
            f"rewards go up to {rewards.max():g}, too far for their weights: lower gamma."
        )
    return np.concatenate([labels == np.arange(classes)[:, None], [rewards, weights]])


def _variances(
    laws: list[Law],
    reference: Law,
    f: FloatArray,
    sizes: Sizes,
    model_samples: int,
    reference_samples: int | None,
    shared: bool,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    r"""Variances by source, each of shape (rounds + 1, statistics).

    With :math:`f^t_s` the function that the statistic f of round t becomes when carried back to
    round s by the loop's derivative, the run deviates from the loop on the true :math:`p_0` by
    :math:`\sum_{s\ge1}\langle A\eta_{s-1}+B\zeta_{s-1}, f^t_s\rangle`, and the prediction by
    :math:`\langle\varepsilon, f^t_0\rangle + A\langle\varepsilon', \sum_{s\ge1}f^t_s\rangle`, where
    :math:`\varepsilon, \varepsilon'` are the sampling errors of the initial and of the reference
    law: one and the same error where they are one law. Shared candidates make the first n kept
    follow them: the part :math:`\langle\varepsilon, f^t_0\rangle` of :math:`B\zeta_0` is the best
    linear prediction of it from the candidates (Hájek's projection) and drops out of the
    difference.
    """
    A, B = sizes.real_share, 1 - sizes.real_share
    of_real = 1 / sizes.real - 1 / sizes.data if sizes.real and sizes.data else 0.0
    shape = (len(laws), len(f))
    data, real, kept = (np.zeros(shape) for _ in range(3))
    carried, sums = f[None], np.zeros((1, *f.shape))
    for t in range(len(laws) - 1, 0, -1):
        real[t:] += A**2 * of_real * _variance(reference, carried)
        before = laws[t - 1]
        kept[t:] += B**2 * _variance(curate(before, sizes.judged), carried) / sizes.kept
        sums = sums + carried
        back = B * influence(before, sizes.judged, carried.reshape(-1, f.shape[1]))
        carried = np.concatenate([f[None], back.reshape(carried.shape)])
        sums = np.concatenate([np.zeros((1, *f.shape)), sums])
    if shared:
        # At round 0 the candidates are those of the run: nothing deviates, measured or not.
        kept[1:] -= _variance(laws[0], carried[1:]) / model_samples
        carried = np.zeros_like(carried)
    if reference_samples is None:
        data += _variance(reference, carried + A * sums) / model_samples
    else:
        assert sizes.data is not None
        data += _variance(laws[0], carried) / model_samples
        of_reference = 1 / reference_samples - 1 / sizes.data
        data += _variance(reference, A * sums) * of_reference
    measured = np.array([_variance(law, f) for law in laws]) / (sizes.K * sizes.kept)
    if shared:
        measured[0] = 0.0
    # What is left of the kept is never negative but for rounding.
    return data, real, np.maximum(kept, 0.0), measured


def _variance(law: Law, f: FloatArray) -> FloatArray:
    """Variances of functions with values f, shape (..., atoms), under a law."""
    p = law.probabilities
    return ((f - (f @ p)[..., None]) ** 2) @ p
