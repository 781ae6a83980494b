"""Settings for every test: Hypothesis profiles, and one thread for linear algebra.

The profile is named by the environment variable ``HYPOTHESIS_PROFILE``; without it, ``ci`` where
``CI`` is set and ``dev`` elsewhere.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# Before NumPy is first imported: a BLAS pool per test process would fight over the cores, and the
# order of a threaded sum is not reproducible. Child processes of tests inherit the setting.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"
# Figures are drawn to files; no test may look for a display.
os.environ["MPLBACKEND"] = "Agg"

# No profile has a deadline: the first call of a compiled kernel takes seconds, any later one
# microseconds, so a time limit per example would test the compiler's cache.
settings.register_profile("dev", deadline=None, max_examples=100)
settings.register_profile("ci", deadline=None, max_examples=100, derandomize=True, print_blob=True)
settings.register_profile(
    "nightly", deadline=None, max_examples=5_000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev")
)
