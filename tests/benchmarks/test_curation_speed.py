"""Speed of the exact core, as ratios measured in one process.

``make bench`` times these; the suite runs each once, for its answer. A *pass* is one ``np.exp``
over the law's log-probabilities. Both sides of a ratio are timed in turn, again and again, and the
medians compared, so that a change of the machine's pace meets both alike.
"""

from __future__ import annotations

import math
import statistics
import time

import numpy as np
import pytest

from theory import Law, RetrainingLoop, curate, kernels
from theory.curation import log_curation_factor
from theory.quadrature import plain_log_factor

REPEATS = 9
ATOMS = 10**6
RANGE = 15.0


def law_of(atoms, reward_range=RANGE):
    rng = np.random.default_rng(0)
    log_masses = rng.normal(size=atoms)
    masses = np.exp(log_masses)
    return Law(masses, rng.uniform(-reward_range, 0, atoms), normalise=True)


def paired(benchmark, work, baseline, repeats=REPEATS):
    """Run ``work`` under the benchmark; record its ratio to ``baseline`` when timing is on."""
    answer = benchmark.pedantic(work, rounds=1, iterations=1, warmup_rounds=int(benchmark.enabled))
    if benchmark.enabled:
        baseline()
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(repeats):
            for function, record in zip((work, baseline), times, strict=True):
                start = time.perf_counter()
                function()
                record.append(time.perf_counter() - start)
        medians = [statistics.median(record) for record in times]
        benchmark.extra_info["ms"] = round(1e3 * medians[0], 3)
        benchmark.extra_info["baseline_ms"] = round(1e3 * medians[1], 3)
        benchmark.extra_info["ratio"] = float(f"{medians[0] / medians[1]:.3g}")
        print(
            f"\n{benchmark.name}: {1e3 * medians[0]:.2f} ms, baseline {1e3 * medians[1]:.2f} ms, "
            f"ratio {medians[0] / medians[1]:.3g}"
        )
    return answer


@pytest.fixture(scope="module")
def million():
    return law_of(ATOMS)


@pytest.fixture(params=["numba", "numpy"])
def kernel(request, monkeypatch):
    if request.param == "numba":
        pytest.importorskip("numba", reason="the extra [fast] is not installed")
    else:
        monkeypatch.setattr(kernels, "HAVE_NUMBA", False)
        monkeypatch.setattr(kernels, "BLOCK", kernels.NUMPY_BLOCK)
    return request.param


@pytest.mark.parametrize("K", [2, 1000])
def test_one_factor_against_one_pass(benchmark, million, kernel, K):
    log_p = million.log_probabilities
    factor = paired(benchmark, lambda: log_curation_factor(million, K), lambda: np.exp(log_p))
    # Masses of a million atoms sum to 1 with pairwise rounding, 1e-14, times K - 1 rivals' weight.
    assert np.exp(factor + log_p).sum() == pytest.approx(1, abs=1e-12)


def test_one_round_against_one_pass(benchmark, million, kernel):
    curated = paired(
        benchmark, lambda: curate(million, 4), lambda: np.exp(million.log_probabilities)
    )
    assert curated.expectation(curated.rewards) > million.expectation(million.rewards)


def test_one_factor_against_the_plain_quadrature(benchmark):
    """10^5 atoms: the plain rule holds 240 nodes against every one of them."""
    law = law_of(10**5)
    factor = paired(
        benchmark,
        lambda: log_curation_factor(law, 4),
        lambda: plain_log_factor(law.log_probabilities, law.rewards, 4),
        repeats=3,
    )
    plain = plain_log_factor(law.log_probabilities, law.rewards, 4)
    assert np.abs(factor - plain).max() < 5e-14


@pytest.mark.parametrize("lam", [math.inf, 0.3])
def test_forty_rounds_against_forty_passes(benchmark, million, kernel, lam):
    log_p = million.log_probabilities

    def passes():
        for _ in range(40):
            np.exp(log_p)

    run = paired(benchmark, lambda: RetrainingLoop(million, 4, lam).run(40), passes)
    assert np.abs(run.mass_defect).max() < 1e-13
    assert run.laws[40].probabilities.sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("atoms", [10**4, 10**5, 10**6, 10**7])
def test_scaling_of_one_factor_per_atom(benchmark, atoms):
    """Against a pass over as many atoms: the ratio must not grow with the law."""
    if atoms > 10**6 and not benchmark.enabled:
        pytest.skip("ten million atoms only when timing")
    law = law_of(atoms)
    factor = paired(
        benchmark, lambda: log_curation_factor(law, 4), lambda: np.exp(law.log_probabilities)
    )
    assert np.isfinite(factor).all()


@pytest.mark.parametrize("reward_range", [1.0, 15.0, 60.0, 700.0])
def test_reward_range_against_one_pass(benchmark, reward_range):
    law = law_of(ATOMS if benchmark.enabled else 10**4, reward_range)
    factor = paired(
        benchmark, lambda: log_curation_factor(law, 4), lambda: np.exp(law.log_probabilities)
    )
    assert np.isfinite(factor).all()
