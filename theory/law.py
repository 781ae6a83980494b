r"""Probability laws with rewards: the states of the retraining loop.

Notation (Ferbach et al., NeurIPS 2024, arXiv:2407.09499, section 2):

========================  =============================  =====================================
symbol                    name here                      meaning
========================  =============================  =====================================
:math:`p_t`               ``law``                        law of the generator after t rounds
:math:`p_{\rm ref}`       ``reference``                  law of the real data
:math:`r`                 ``rewards``                    reward of each atom, bounded above
:math:`w = e^r`           ``weights``                    Luce weight of each atom
:math:`r^*`               ``top_reward``                 essential supremum of r under the law
:math:`K`                 ``K``                          candidates drawn for each kept sample
:math:`\lambda`           ``lam``                        synthetic-to-real ratio
:math:`H^K_p`             ``curation_factor``            density of the curated law against p
========================  =============================  =====================================
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from numbers import Rational
from typing import Any

import numpy as np

from theory.validation import (
    TOTAL_MASS_TOLERANCE,
    FloatArray,
    float_vector,
    fraction,
    refuse_first,
)

PointFunction = Callable[[FloatArray], Any]


class Law:
    r"""A law :math:`p = \sum_i p_i \delta_{x_i}` with a reward :math:`r_i = r(x_i)` on every atom.

    Finite laws are given directly; densities become laws by their cell masses on a grid
    (:meth:`from_density`), so that every sum over atoms is an integral; samples become their
    empirical law (:meth:`from_samples`). Arrays are read-only. Laws keep **log-probabilities**: an
    atom of mass :math:`e^{-2000}` keeps its mass and its factor.

    Parameters
    ----------
    probabilities
        n numbers :math:`p_i \ge 0` with sum 1 up to rounding. Zero is allowed: such an atom
        carries a reward and a curation factor, and no mass.
    rewards
        n numbers :math:`r_i < \infty`, in the logarithmic units of the choice model (weight
        :math:`e^{r_i}`). A reward of :math:`-\infty` means *never kept against a finite one*.
    atoms
        Optional coordinates, shape (n,) or (n, d); carried along unchanged.
    normalise
        Divide by the total instead of requiring it to be 1.

    Raises
    ------
    ValueError
        Naming the offending entry: wrong shape, NaN, infinite or negative probability, total
        mass off 1, reward NaN or :math:`+\infty`, or no finite reward among the charged atoms.

    Examples
    --------
    >>> law = Law([0.5, 0.3, 0.2], [0.0, 1.0, 2.0])
    >>> law.top_reward
    2.0
    >>> Law.from_weights([Fraction(1, 2), Fraction(1, 2)], [1, 3]).is_exact
    True
    """

    __slots__ = (
        "_log_probabilities",
        "_reward_sup",
        "_rewards",
        "atoms",
        "cell_volumes",
        "exact_probabilities",
        "exact_weights",
        "grid",
    )

    _log_probabilities: FloatArray
    _rewards: FloatArray
    _reward_sup: float | None
    atoms: FloatArray | None
    cell_volumes: FloatArray | None
    exact_probabilities: tuple[Fraction, ...] | None
    exact_weights: tuple[Fraction, ...] | None
    grid: tuple[FloatArray, ...] | None

    def __init__(
        self,
        probabilities: Any,
        rewards: Any,
        atoms: Any = None,
        *,
        normalise: bool = False,
    ) -> None:
        masses = float_vector(probabilities, "probabilities")
        self._set(
            _log_masses(masses, normalise=normalise, remedy="pass normalise=True to divide by it"),
            float_vector(rewards, "rewards"),
            atoms=atoms,
        )

    @classmethod
    def from_weights(
        cls,
        probabilities: Any,
        weights: Any,
        atoms: Any = None,
        *,
        normalise: bool = False,
    ) -> Law:
        r"""A finite law given by its weights :math:`w_i = e^{r_i} \ge 0` instead of its rewards.

        When every probability and every weight is an ``int`` or a ``Fraction``, the law is
        **exact**: it keeps the rationals, its total must be exactly 1, and enumeration on it
        involves no rounding. A weight of 0 is the reward :math:`-\infty`.

        Raises
        ------
        ValueError
            As the constructor; also for a negative, infinite or NaN weight.

        Examples
        --------
        >>> law = Law.from_weights([Fraction(1, 3), Fraction(2, 3)], [1, 2])
        >>> law.exact_weights
        (Fraction(1, 1), Fraction(2, 1))
        """
        probability_list, weight_list = _as_list(probabilities), _as_list(weights)
        law = cls.__new__(cls)
        exact = (
            len(weight_list) > 0
            and len(probability_list) > 0
            and all(isinstance(entry, Rational) for entry in probability_list + weight_list)
        )
        if not exact:
            values = float_vector(weight_list, "weights")
            refuse_first(np.isnan(values), values, "weights", "is not a number.")
            refuse_first(
                np.isposinf(values),
                values,
                "weights",
                "is infinite: rewards must be bounded above.",
            )
            refuse_first(values < 0, values, "weights", "is negative: a weight is e^reward, >= 0.")
            with np.errstate(divide="ignore"):
                rewards = np.log(values)
            law._set(
                _log_masses(
                    float_vector(probability_list, "probabilities"),
                    normalise=normalise,
                    remedy="pass normalise=True to divide by it",
                ),
                rewards,
                atoms=atoms,
            )
            return law
        p = [fraction(entry) for entry in probability_list]
        w = [fraction(entry) for entry in weight_list]
        for name, numbers in (("probabilities", p), ("weights", w)):
            refuse_first(
                np.array([number < 0 for number in numbers]), numbers, name, "is negative."
            )
        total = sum(p, Fraction(0))
        if normalise and total > 0:
            p = [entry / total for entry in p]
        elif total != 1:
            raise ValueError(
                f"probabilities sum to {total}, not 1: exact laws must sum to 1 exactly, "
                "or pass normalise=True to divide by a positive total."
            )
        law._set(
            np.array([log_of_rational(entry) for entry in p]),
            np.array([log_of_rational(entry) for entry in w]),
            atoms=atoms,
        )
        law.exact_probabilities, law.exact_weights = tuple(p), tuple(w)
        return law

    @classmethod
    def from_density(
        cls,
        density: PointFunction | Any,
        reward: PointFunction | Any,
        grid: Sequence[Any],
        *,
        normalise: bool = False,
        reward_sup: float | None = None,
    ) -> Law:
        r"""A one- or two-dimensional density as the law of its cell masses on a grid.

        Cell i reaches half-way to the coordinates beside :math:`x_i`, end cells as far outwards as
        inwards; its mass is density(x_i) times its volume, so sums over atoms are integrals by the
        midpoint rule (by a first-order rule where the spacing jumps).

        Parameters
        ----------
        density, reward
            Either functions of the grid's points (shape (n,) in one dimension, (n, 2) in two,
            second axis fastest) returning n numbers, or arrays of the grid's shape.
            The density is per unit length or area; it need not vanish outside the grid if
            ``normalise`` is set.
        grid
            Tuple of one or two strictly increasing coordinate arrays, two points or more each.
        normalise
            Divide by the total mass on the grid instead of requiring it to be 1 up to rounding.
        reward_sup
            Essential supremum of the reward where no grid point attains it (a peak between
            points); by default the largest reward on the grid.

        Raises
        ------
        ValueError
            As the constructor; for a grid that is not increasing; for values of another shape;
            for a ``reward_sup`` below a reward on the grid.

        Examples
        --------
        >>> x = (np.arange(100) + 0.5) / 100
        >>> law = Law.from_density(lambda x: 2 * (1 - x), np.log, (x,), reward_sup=0.0)
        >>> round(law.expectation(x), 4)
        0.3333
        """
        axes = _grid_axes(grid)
        shape = tuple(axis.size for axis in axes)
        points = axes[0] if len(axes) == 1 else _product_points(axes)
        volumes = _cell_widths(axes[0])
        for axis in axes[1:]:
            volumes = np.multiply.outer(volumes, _cell_widths(axis)).ravel()
        masses = _values_on_grid(density, points, shape, "density") * volumes
        log_masses = _log_masses(
            masses,
            normalise=normalise,
            name="cell masses (density times cell volume)",
            remedy="widen or refine the grid, or pass normalise=True to divide by it",
        )
        law = cls.__new__(cls)
        law._set(
            log_masses,
            _values_on_grid(reward, points, shape, "reward"),
            atoms=points,
            grid=axes,
            cell_volumes=volumes,
        )
        if reward_sup is not None:
            sup = float(reward_sup)
            if not math.isfinite(sup) or sup < law.top_reward:
                raise ValueError(
                    f"reward_sup = {reward_sup} is not a supremum: a cell of positive mass has "
                    f"reward {law.top_reward}; give a finite value at least as large."
                )
            law._reward_sup = sup
        return law

    @classmethod
    def from_samples(cls, samples: Any, rewards: Any) -> Law:
        r"""The empirical law :math:`\frac1n\sum_i\delta_{x_i}` of n samples with their rewards.

        ``samples`` has shape (n,) or (n, d) and becomes ``atoms``; ``rewards`` has shape (n,).
        """
        reward_vector = float_vector(rewards, "rewards")
        law = cls.__new__(cls)
        law._set(
            np.full(reward_vector.size, -math.log(reward_vector.size)), reward_vector, atoms=samples
        )
        return law

    def _set(
        self,
        log_probabilities: FloatArray,
        rewards: FloatArray,
        atoms: Any = None,
        grid: tuple[FloatArray, ...] | None = None,
        cell_volumes: FloatArray | None = None,
    ) -> None:
        if rewards.size != log_probabilities.size:
            raise ValueError(
                f"{log_probabilities.size} probabilities but {rewards.size} rewards: "
                "give one reward for each atom."
            )
        refuse_first(np.isnan(rewards), rewards, "rewards", "is not a number.")
        refuse_first(
            np.isposinf(rewards), rewards, "rewards", "is infinite: rewards must be bounded above."
        )
        if not np.isfinite(rewards[log_probabilities > -np.inf]).any():
            raise ValueError(
                "every atom of positive probability has reward -inf: at least one must be finite."
            )
        if atoms is not None:
            atoms = np.array(atoms, dtype=np.float64)
            if atoms.ndim not in (1, 2) or atoms.shape[0] != rewards.size:
                raise ValueError(
                    f"atoms have shape {atoms.shape} for {rewards.size} probabilities: "
                    "give coordinates of shape (n,) or (n, d)."
                )
            if not np.isfinite(atoms).all():
                index = int(np.argmax(~np.isfinite(atoms.reshape(rewards.size, -1)).all(axis=1)))
                raise ValueError(f"atoms[{index}] = {atoms[index]} is not a finite coordinate.")
        self._log_probabilities, self._rewards, self._reward_sup = log_probabilities, rewards, None
        self.atoms, self.grid, self.cell_volumes = atoms, grid, cell_volumes
        self.exact_probabilities = self.exact_weights = None
        for array in (log_probabilities, rewards, atoms, cell_volumes, *(grid or ())):
            if array is not None:
                array.flags.writeable = False

    def _with(self, log_probabilities: FloatArray) -> Law:
        """Same atoms and rewards, other log-probabilities (trusted: already normalised)."""
        law = Law.__new__(Law)
        for name in ("_rewards", "_reward_sup", "atoms", "grid", "cell_volumes"):
            setattr(law, name, getattr(self, name))
        log_probabilities.flags.writeable = False
        law._log_probabilities = log_probabilities
        law.exact_probabilities = law.exact_weights = None
        return law

    def reweighted(self, log_factors: FloatArray) -> Law:
        r"""The law proportional to :math:`p_i e^{f_i}`; ``log_factors`` is f, shape (n,)."""
        return self.with_log_probabilities(self._log_probabilities + log_factors)

    def with_log_probabilities(
        self, log_probabilities: FloatArray, *, normalised: bool = False
    ) -> Law:
        """A float64 law on the same atoms from log-probabilities, shape (n,), up to a constant.

        The array is taken over: it is normalised in place, unless its caller has seen to that, and
        made read-only.
        """
        if not normalised:
            log_probabilities -= log_total(log_probabilities)
        return self._with(log_probabilities)

    def with_probabilities(self, probabilities: Any, *, normalise: bool = False) -> Law:
        """A law on the same atoms with other probabilities (exact when all are rational and so is
        this law); validated as in the constructor."""
        entries = _as_list(probabilities)
        if self.exact_weights is not None and all(isinstance(p, Rational) for p in entries):
            return Law.from_weights(entries, self.exact_weights, self.atoms, normalise=normalise)
        masses = float_vector(probabilities, "probabilities")
        if masses.size != len(self):
            raise ValueError(f"{masses.size} probabilities for a law with {len(self)} atoms.")
        return self._with(
            _log_masses(masses, normalise=normalise, remedy="pass normalise=True to divide by it")
        )

    @property
    def log_probabilities(self) -> FloatArray:
        r"""Natural logarithms :math:`\log p_i`, shape (n,), read-only; ``-inf`` without mass."""
        return self._log_probabilities

    @property
    def probabilities(self) -> FloatArray:
        """Probabilities, shape (n,), a fresh float64 array."""
        return np.exp(self._log_probabilities)

    @property
    def rewards(self) -> FloatArray:
        r"""Rewards :math:`r_i = \log w_i`, shape (n,), read-only."""
        return self._rewards

    @property
    def is_exact(self) -> bool:
        """Whether probabilities and weights are kept as rationals."""
        return self.exact_probabilities is not None

    @property
    def is_density(self) -> bool:
        """Whether the atoms are the cells of a grid, standing for a density."""
        return self.grid is not None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the grid, or (n,)."""
        return (len(self),) if self.grid is None else tuple(axis.size for axis in self.grid)

    @property
    def top_reward(self) -> float:
        r"""Essential supremum :math:`r^*`: the largest reward among the charged atoms, or the
        ``reward_sup`` declared for a density."""
        if self._reward_sup is not None:
            return self._reward_sup
        return float(
            np.max(self._rewards, where=self._log_probabilities > -np.inf, initial=-np.inf)
        )

    def density(self) -> FloatArray:
        """Density per unit length or area at the grid's points, of the grid's shape."""
        if self.cell_volumes is None:
            raise ValueError("this law has no grid: only laws made by from_density have a density.")
        return (self.probabilities / self.cell_volumes).reshape(self.shape)

    def expectation(self, values: Any) -> float:
        r"""Expectation :math:`\sum_i p_i f_i`, where :math:`0\cdot\infty=0`; f is ``values``."""
        vector = float_vector(values, "values")
        if vector.size != len(self):
            raise ValueError(f"{vector.size} values for a law with {len(self)} atoms.")
        p = self.probabilities
        charged = p > 0
        if charged.all():
            return float(p @ vector)
        return float(p[charged] @ vector[charged])

    def __len__(self) -> int:
        return int(self._rewards.size)

    def __repr__(self) -> str:
        kind = "exact" if self.is_exact else f"grid {self.shape}" if self.is_density else "float64"
        low, high = self._rewards.min(), self._rewards.max()
        return f"Law({len(self)} atoms, {kind}, rewards in [{low:.6g}, {high:.6g}])"


def log_of_rational(number: Fraction) -> float:
    """Natural logarithm of a rational >= 0 to float64 accuracy, however large its terms.

    >>> round(log_of_rational(Fraction(1, 10**400)), 9)
    -921.034037198
    """
    if number == 0:
        return -math.inf
    if Fraction(1, 2) < number < 2:
        return math.log1p(float(number - 1))  # no cancellation near 1
    shift = number.numerator.bit_length() - number.denominator.bit_length()
    return math.log(float(number / Fraction(2) ** shift)) + shift * math.log(2)


def log_total(log_masses: FloatArray) -> float:
    """Logarithm of the sum of exponentials, -inf allowed; in blocks that stay in cache."""
    largest = float(log_masses.max())
    block = 1 << 15
    total = sum(
        float(np.exp(log_masses[start : start + block] - largest).sum())
        for start in range(0, log_masses.size, block)
    )
    return largest + math.log(total)


def _as_list(values: Any) -> list[Any]:
    try:
        return list(values)
    except TypeError:
        raise ValueError(f"{values!r} is not a list of numbers, one for each atom.") from None


def _log_masses(
    masses: FloatArray, *, normalise: bool, remedy: str, name: str = "probabilities"
) -> FloatArray:
    refuse_first(np.isnan(masses), masses, name, "is not a number.")
    refuse_first(np.isinf(masses), masses, name, "is infinite.")
    refuse_first(masses < 0, masses, name, "is negative: masses must be at least 0.")
    total = float(masses.sum())
    if total == 0 or not math.isfinite(total):
        raise ValueError(f"{name} sum to {total}: at least one must be positive, all finite.")
    if not normalise and abs(total - 1) > TOTAL_MASS_TOLERANCE:
        raise ValueError(f"{name} sum to {total!r}, not 1: {remedy}.")
    with np.errstate(divide="ignore"):
        log_masses: FloatArray = np.log(masses)
    log_masses -= math.log(total)
    return log_masses


def _grid_axes(grid: Sequence[Any]) -> tuple[FloatArray, ...]:
    if isinstance(grid, np.ndarray) and grid.ndim == 1:
        grid = (grid,)
    axes = tuple(float_vector(axis, f"grid[{number}]") for number, axis in enumerate(grid))
    if len(axes) not in (1, 2):
        raise ValueError(f"the grid has {len(axes)} axes: give one or two coordinate arrays.")
    for number, axis in enumerate(axes):
        if axis.size < 2 or not np.isfinite(axis).all() or (np.diff(axis) <= 0).any():
            raise ValueError(
                f"grid[{number}] is not a coordinate axis: give two or more finite, strictly "
                "increasing numbers."
            )
    return axes


def _product_points(axes: tuple[FloatArray, ...]) -> FloatArray:
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))


def _cell_widths(axis: FloatArray) -> FloatArray:
    gaps = np.diff(axis)
    edges = np.concatenate(
        ([axis[0] - gaps[0] / 2], axis[:-1] + gaps / 2, [axis[-1] + gaps[-1] / 2])
    )
    return np.diff(edges)


def _values_on_grid(
    function: PointFunction | Any, points: FloatArray, shape: tuple[int, ...], name: str
) -> FloatArray:
    values = np.array(function(points) if callable(function) else function, dtype=np.float64)
    if values.shape not in {shape, (points.shape[0],)}:
        raise ValueError(
            f"{name} has shape {values.shape} on a grid of shape {shape}: "
            "give one value for each grid point."
        )
    return values.ravel()
