r"""Accuracy of the quadrature against exact arithmetic: ``make accuracy`` prints the table.

Each entry is the largest relative error of the curation factor, over all atoms of several random
laws with masses down to 1e-12 of each other, in units of 1e-15. Rows up to K = 200 compare with
rationals by enumeration; K = 10^4 and 10^6, two atoms only, with the binomial sum in balls of 200
bits. A dash marks laws that enumeration cannot reach.
"""

from __future__ import annotations

import math
import random
import sys
from fractions import Fraction

import flint
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from theory import Law, curation_factor
from theory.curation import log_curation_factor
from theory.enumeration import DENSE_DEGREE_LIMIT
from theory.law import log_of_rational

CANDIDATES = (1, 2, 5, 20, 200, 10**4, 10**6)
RANGES = (0, 1, 15, 60, 200, 700)
ATOMS = (2, 4, 8, 100)
LAWS = 5
TERMS_LIMIT = 20_000  # a few seconds of enumeration for each law
ACCURACY = 1e-12


def random_law(rng: random.Random, atoms: int, spread: float, bits: int) -> Law:
    """Weights e^-u, u uniform to ``spread`` and reaching both ends, as multiples of 2^-bits, or as
    powers of two times small integers when the spread is too wide for that."""
    depths = [0.0, spread, *(rng.uniform(0, spread) for _ in range(atoms - 2))]
    if spread <= 7:
        weights = [Fraction(max(1, round(2**bits * math.exp(-u))), 2**bits) for u in depths]
    else:
        weights = [
            Fraction(rng.randint(128, 255), 255) / 2 ** math.floor(u / math.log(2)) for u in depths
        ]
    masses = [rng.randint(1, 1000) * 10 ** rng.choice((0, 0, 6, 12)) for _ in depths]
    return Law.from_weights(masses, weights, normalise=True)


def reachable(law: Law, K: int) -> bool:
    """Whether exact enumeration takes seconds at most."""
    weights = law.exact_weights
    assert weights is not None
    common = math.lcm(*(w.denominator for w in weights))
    degree = (K - 1) * int(max(weights) * common)
    multisets = math.comb(len(weights) + K - 2, K - 1)
    return multisets <= TERMS_LIMIT or degree <= min(TERMS_LIMIT, DENSE_DEGREE_LIMIT)


def exact_log_factors(law: Law, K: int) -> np.ndarray | None:
    """Logarithms of the exact factors, rounded once; ``None`` out of reach."""
    if K > 200:
        return binomial_log_factors(law, K) if len(law) == 2 else None
    if not reachable(law, K):
        return None
    return np.array([log_of_rational(h) for h in curation_factor(law, K, "enumeration")])


def binomial_log_factors(law: Law, K: int) -> np.ndarray:
    """Two atoms: the binomial sum, term by term, in balls."""
    assert law.exact_probabilities is not None
    assert law.exact_weights is not None
    with flint.ctx.workprec(200):
        p, q = (ball(x) for x in law.exact_probabilities)
        low, high = (ball(x) for x in law.exact_weights)
        chance, sums = q ** (K - 1), [flint.arb(0), flint.arb(0)]
        for drawn in range(K):
            rivals = drawn * low + (K - 1 - drawn) * high
            for index, weight in enumerate((low, high)):
                sums[index] += chance * (K * weight / (weight + rivals))
            chance = chance * (K - 1 - drawn) / (drawn + 1) * (p / q)
        return np.array([float(total.log()) for total in sums])


def ball(number: Fraction) -> flint.arb:
    """The ball around a rational."""
    return flint.arb(flint.fmpq(number.numerator, number.denominator))


def largest_error(K: int, spread: float, atoms: int) -> float | None:
    """Over a few random laws; ``None`` when none is within reach of exact arithmetic."""
    rng = random.Random(f"{K} {spread} {atoms}")
    worst = None
    for _ in range(LAWS if K <= 200 else 1):
        law = random_law(rng, atoms, spread, bits=40 if atoms <= 8 else 7)
        exact = exact_log_factors(law, K)
        if exact is not None:
            error = np.abs(np.expm1(log_curation_factor(law, K) - exact)).max()
            worst = max(worst or 0.0, float(error))
    return worst


def main() -> int:
    """Print the table; status 1 if any entry is above ``ACCURACY``."""
    console = Console()
    table = Table(title="largest relative error of H, in units of 1e-15")
    table.add_column("K", justify="right")
    table.add_column("atoms", justify="right")
    for spread in RANGES:
        table.add_column(f"range {spread}", justify="right")
    worst = 0.0
    rows = [(K, atoms) for K in CANDIDATES for atoms in ATOMS if K <= 200 or atoms == 2]
    for K, atoms in track(rows, console=Console(stderr=True), description="exact arithmetic"):
        errors = [largest_error(K, spread, atoms) for spread in RANGES]
        worst = max([worst, *(e for e in errors if e is not None)])
        if any(e is not None for e in errors):
            cells = ["–" if e is None else f"{1e15 * e:.1f}" for e in errors]
            table.add_row(str(K), str(atoms), *cells)
    console.print(table)
    console.print(f"largest of all: {worst:.2g}; asked: {ACCURACY:g}")
    return 0 if worst <= ACCURACY else 1


if __name__ == "__main__":
    sys.exit(main())
