r"""For tests of your own code: Hypothesis strategies, and checks against the mathematics of a
selection function, a generator, and the assembly of a round's training set.

``check_curator``, ``check_generator`` and ``check_loop`` are plain functions that return a
report; as pytest fixtures that fail the test (``pytest_plugins = ["theory.testing.fixtures"]``)
they have the same names.
"""

from theory.testing.curator import check_curator
from theory.testing.generator import check_generator
from theory.testing.loop import check_loop
from theory.testing.report import Conformance, Finding
from theory.testing.strategies import (
    candidate_numbers,
    laws,
    loops,
    rational_laws,
    ratios,
    rewards,
)

__all__ = [
    "Conformance",
    "Finding",
    "candidate_numbers",
    "check_curator",
    "check_generator",
    "check_loop",
    "laws",
    "loops",
    "rational_laws",
    "ratios",
    "rewards",
]
