"""Generators without a training error: the laws of the exact loop, and the empirical law."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy.stats import chi2

from sim import GaussianMixture, LineMixture
from sim.curation import KChoice
from sim.generators.exact import EmpiricalLaw, ExactSampler, cell_ends
from sim.loop import Loop, LoopSettings
from sim.streams import Streams
from theory import Law, RetrainingLoop
from theory.testing import check_generator

RNG = np.random.default_rng


def laws(data, side, steps=2):
    law = Law.from_density(
        data.density, lambda x: np.reshape(x, (len(x), -1))[:, 0], data.grid(side), normalise=True
    )
    return list(RetrainingLoop(law, K=3).run(steps).laws)


@pytest.mark.parametrize(("data", "side"), [(LineMixture(), 60), (GaussianMixture(modes=3), 12)])
@pytest.mark.parametrize("t", [0, 2])
def test_fit_number_t_samples_the_law_of_round_t(data, side, t):
    """Pearson's chi-square on the grid's own cells, false-alarm rate 1e-4 each (seed fixed)."""
    exact = laws(data, side)
    sampler = ExactSampler(exact)
    for _ in range(t + 1):
        sampler.fit(torch.zeros(5, 1), RNG(0))
    n = 40_000
    samples = sampler.sample(n, RNG(11)).numpy()
    edges = []
    for axis in exact[0].grid:
        step = axis[1] - axis[0]
        edges.append(np.append(axis - step / 2, axis[-1] + step / 2))
    counts = np.histogramdd(samples, bins=edges)[0].ravel()
    assert counts.sum() == n
    expected = n * exact[t].probabilities
    large = expected >= 8
    counts = np.append(counts[large], counts[~large].sum())
    expected = np.append(expected[large], expected[~large].sum())
    statistic = ((counts - expected) ** 2 / expected).sum()
    assert statistic < chi2.isf(1e-4, df=len(counts) - 1)


def test_samples_are_spread_evenly_over_a_cell():
    sampler = ExactSampler([Law.from_density([0.0, 1.0], [0.0, 0.0], ([1.0, 2.0],))])
    sampler.fit(torch.zeros(1, 1), RNG(0))
    samples = np.sort(sampler.sample(10_000, RNG(3)).numpy()[:, 0])
    # Kolmogorov-Smirnov against the uniform law on (1.5, 2.5), false-alarm rate 1e-4: 2.23/sqrt(n).
    ideal = 1.5 + (np.arange(10_000) + 0.5) / 10_000
    assert np.abs(samples - ideal).max() < 2.23 / 100


def test_cells_reach_half_way_and_end_cells_as_far_outwards():
    low, high = cell_ends(np.array([1.0, 2.0, 4.0]))
    assert low.tolist() == [0.5, 1.5, 3.0]
    assert high.tolist() == [1.5, 3.0, 5.0]


def test_a_law_without_a_grid_gives_its_atoms():
    sampler = ExactSampler([Law([0.5, 0.5, 0.0], [0, 1, 2], atoms=[[1, 2], [3, 4], [5, 6]])])
    sampler.fit(torch.zeros(1, 2), RNG(0))
    rows, counts = np.unique(sampler.sample(4000, RNG(1)).numpy(), axis=0, return_counts=True)
    assert rows.tolist() == [[1, 2], [3, 4]]
    assert abs(counts[0] - 2000) < 4 * np.sqrt(1000)


def test_the_exact_sampler_conforms_whatever_the_data():
    data, held_out = (GaussianMixture().sample(4000, RNG(seed)) for seed in (1, 2))
    # A grid of 200 cells per axis is within a total variation of 1e-3 of the mixture.
    exact = laws(GaussianMixture(), 200)
    check_generator(lambda: ExactSampler(exact), data, held_out, fit_error=1e-3).require()


def test_the_empirical_law_conforms_but_copies():
    data, held_out = (GaussianMixture().sample(4000, RNG(seed)) for seed in (1, 2))
    found = check_generator(EmpiricalLaw, data, held_out)
    assert [finding.check for finding in found.findings if not finding.passed] == ["new samples"]
    # Drawing from 4000 points adds their own sampling to that of the draws: total variation on
    # 16 cells about sqrt(16 / 4000) / 2.
    check_generator(EmpiricalLaw, data, held_out, copies=True, fit_error=0.03).require()


def test_the_empirical_law_counts_its_distinct_rows():
    data = torch.tensor([[1.0, 2.0], [1.0, 2.0], [1.0, 3.0], [4.0, 2.0]])
    assert EmpiricalLaw().fit(data, RNG(0)) == {"distinct": 0.75}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64])
@pytest.mark.parametrize("shape", [(500,), (500, 2), (500, 2, 3)])
def test_distinct_rows_are_counted_as_torch_counts_them(dtype, shape):
    """Of a transposed view too; zeros of either sign are equal."""
    few = torch.as_tensor(RNG(1).integers(-1, 2, size=shape))
    data = (few.to(dtype) * torch.as_tensor(RNG(2).choice([-1, 1], size=shape))).to(dtype)
    for points in (data, data.T.contiguous().T if len(shape) == 2 else data):
        distinct = len(torch.unique(points.reshape(500, -1), dim=0))
        assert EmpiricalLaw().fit(points, RNG(0)) == {"distinct": distinct / 500}


def test_a_loop_with_the_exact_sampler_resumes():
    exact = laws(GaussianMixture(modes=2), 40, steps=3)

    def loop():
        settings = LoopSettings(iterations=3, kept=100)
        return Loop(
            lambda: ExactSampler(exact),
            torch.zeros(10, 2),
            lambda samples: samples[:, 0],
            KChoice(3),
            settings,
            Streams(4),
        )

    whole = [found.rewards.tolist() for found in loop().rounds()]
    first = loop()
    for _ in itertools.islice(first.rounds(), 2):
        state = first.state()
    second = loop()
    second.load(state)
    assert [found.rewards.tolist() for found in second.rounds()] == whole[1:]


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="no laws"):
        ExactSampler([])
    with pytest.raises(ValueError, match="no atoms"):
        ExactSampler([Law([1.0], [0.0])])
    with pytest.raises(ValueError, match="has not been fitted"):
        EmpiricalLaw().sample(3, RNG(0))
    with pytest.raises(ValueError, match="at least one row"):
        EmpiricalLaw().fit(torch.zeros(0, 2), RNG(0))
    sampler = ExactSampler([Law([1.0], [0.0], atoms=[0.0])])
    sampler.fit(torch.zeros(1, 1), RNG(0))
    with pytest.raises(ValueError, match="end at p_0"):
        sampler.fit(torch.zeros(1, 1), RNG(0))
