"""A loop beside the exact one: gaps, their parts, and what they are made of."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import chi2, norm

from sim import Beta, GaussianMixture, LineMixture
from sim.comparison import (
    DISTANCES,
    EMPIRICAL,
    EXACT,
    Setting,
    compare,
    compare_samples,
    from_json,
    on_samples,
)
from sim.experiment import Experiment
from sim.generators.exact import EmpiricalLaw, ExactSampler
from sim.generators.exponential_family import ExponentialFamily
from sim.generators.kernel import KernelDensity
from sim.loop import LoopSettings
from sim.models import MODELS
from theory.rewards import ClippedDistance, Linear

SEEDS = tuple(range(8))
PLANE = Setting(
    data=GaussianMixture(modes=4, radius=2.0, std=0.4),
    reward=ClippedDistance(1.0, (2.0, 0.0), 0.5),
    K=2,
    loop=LoopSettings(iterations=3, kept=500, lam=1.0),
    real=500,
    side=80,
)


@pytest.fixture(scope="module")
def found():
    return compare(PLANE, {"kernel": KernelDensity, "copy": EmpiricalLaw}, SEEDS)


def test_every_number_has_its_shape(found):
    assert set(found.measured) == {EXACT, EMPIRICAL, "kernel", "copy"}
    for measures in found.measured.values():
        assert measures["shares"].shape == (8, 4, 4)
        for name in ("reward", *DISTANCES):
            assert measures[name].shape == (8, 4)
            assert np.isfinite(measures[name]).all()
    assert found.predicted["shares"].shape == (4, 4)
    np.testing.assert_allclose(found.predicted["shares"].sum(axis=1), 1)


def test_recorded_samples_give_what_running_gives(found):
    """Runs that an experiment makes, and their samples compared afterwards."""
    experiments = [
        Experiment(
            data=PLANE.data,
            centre=PLANE.reward.centre,
            gamma=PLANE.reward.gamma,
            radius=PLANE.reward.radius,
            K=PLANE.K,
            lam=1.0,
            iterations=3,
            kept=500,
            real=500,
            generator="kernel",
            model=MODELS["kernel"].quick,
            seed=seed,
        )
        for seed in SEEDS[:2]
    ]
    samples = [[drawn.candidates for drawn in each.loop().rounds()] for each in experiments]
    afterwards = compare_samples(PLANE, {"kernel": samples}, SEEDS[:2])
    for measure, values in afterwards.measured["kernel"].items():
        np.testing.assert_array_equal(values, found.measured["kernel"][measure][:2])
    for measure, values in afterwards.predicted.items():
        np.testing.assert_array_equal(values, found.predicted[measure])


@pytest.mark.parametrize("runs", [[[np.zeros((5, 2))] * 4], [[np.zeros((5, 2))] * 3] * 2])
def test_runs_that_lack_seeds_or_rounds_are_refused(runs):
    with pytest.raises(ValueError, match="give 2 runs, one for each seed, with rounds 0 to 3"):
        compare_samples(PLANE, {"kernel": runs}, SEEDS[:2])


def test_parts_add_up_to_the_total(found):
    for measure in ("reward", "shares", *DISTANCES):
        parts = found.parts("kernel", measure)
        total = sum(parts[name][0] for name in ("measurement", "drift", "fit"))
        np.testing.assert_allclose(total, parts["total"][0], atol=1e-14)
        gap = found.gap("kernel", measure)
        np.testing.assert_allclose(parts["total"][0], gap.mean(axis=0))
        np.testing.assert_allclose(
            parts["total"][1], gap.std(axis=0, ddof=1) / math.sqrt(8), rtol=1e-12
        )


def test_a_generator_without_a_training_error_has_no_fit_part(found):
    """The empirical law under another name: the same seeds give the same runs."""
    for measure in ("reward", "shares", *DISTANCES):
        mean, error = found.parts("copy", measure)["fit"]
        assert not mean.any()
        assert not error.any()


def test_the_exact_sampler_has_measurement_noise_alone(found):
    """Squared gaps over their variances, 8 seeds, 4 rounds: chi-square at 1e-4 (seeds fixed)."""
    law = PLANE.law()
    laws = PLANE.sampled().laws(3)
    variance = [p.probabilities @ (law.rewards - p.probabilities @ law.rewards) ** 2 for p in laws]
    scores = (found.gap(EXACT, "reward") ** 2 / (np.array(variance) / 1000)).sum()
    assert chi2.ppf(5e-5, 32) < scores < chi2.isf(5e-5, 32)
    p = found.predicted["shares"][:, 0]
    scores = (found.gap(EXACT, "shares")[:, :, 0] ** 2 / (p * (1 - p) / 1000)).sum()
    assert chi2.ppf(5e-5, 32) < scores < chi2.isf(5e-5, 32)
    for measure in ("divergence", "energy"):
        gap = found.gap(EXACT, measure)
        assert abs(gap.mean()) < 4 * gap.std() / math.sqrt(32)


def test_the_empirical_law_stays_within_the_bands_of_finite_samples(found):
    loop, law = PLANE.sampled(), PLANE.law()
    bands = loop.bands(PLANE.statistics(law), 3)
    np.testing.assert_allclose(bands.mean[:, 0], found.predicted["reward"], rtol=1e-12)
    np.testing.assert_allclose(bands.mean[:, 1:], found.predicted["shares"], atol=1e-12)
    runs = np.concatenate(
        [found.measured[EMPIRICAL]["reward"][..., None], found.measured[EMPIRICAL]["shares"]],
        axis=2,
    )
    # 8 independent runs, each round a chi-square test at 1e-4.
    scores = ((runs - bands.mean) ** 2 / bands.std**2).sum(axis=0)
    assert ((scores > chi2.ppf(5e-5, 8)) & (scores < chi2.isf(5e-5, 8))).all(), scores


def test_a_model_that_blurs_has_a_fit_part(found):
    """Silverman's rule blurs these modes: less reward, and a distance far above the noise."""
    for measure, sign in [("reward", -1), ("divergence", 1), ("energy", 1)]:
        mean, error = found.parts("kernel", measure)["fit"]
        assert (sign * mean > 5 * error).all()
    drift, error = found.parts("kernel", "divergence")["drift"]
    assert (drift > 4 * error).all()


def test_the_fit_part_of_a_wrong_family_is_known_in_closed_form():
    """One normal law fitted to two modes, no selection: the share of the upper mode and the mean
    reward of the fit follow from its mean and standard deviation."""
    data = LineMixture(means=(-1.0, 2.0), stds=(0.5, 0.5), weights=(0.7, 0.3))
    setting = Setting(data, Linear((1.0,)), 1, LoopSettings(0, 10_000), real=10_000, side=400)
    found = compare(setting, {"normal": lambda: ExponentialFamily("normal")}, range(6))
    middle = 0.5 + 0.25 * math.log(0.7 / 0.3) / 3
    std = math.sqrt(0.25 + 0.21 * 9)
    expected = norm.sf(middle, loc=-0.1, scale=std) - (
        0.7 * norm.sf(middle, -1, 0.5) + 0.3 * norm.sf(middle, 2, 0.5)
    )
    mean, error = found.parts("normal", "shares")["fit"]
    assert abs(mean[0, 1] - expected) < 4.5 * error[0, 1]
    assert abs(expected) > 5 * error[0, 1]
    # Its mean reward is right: the mean is fitted.
    mean, error = found.parts("normal", "reward")["fit"]
    assert abs(mean[0]) < 4.5 * error[0]


def test_gaps_from_few_samples_shrink_as_they_grow():
    """Drift is of order 1/n in the energy distance: fourfold sizes leave a quarter of it."""
    drifts = []
    for factor in (1, 4):
        loop = LoopSettings(iterations=2, kept=300 * factor)
        setting = replace(PLANE, loop=loop, real=600 * factor)
        part = compare(setting, {}, range(24)).parts(EMPIRICAL, "energy")["drift"]
        drifts.append((part[0][2], part[1][2]))
    (few, few_error), (many, many_error) = drifts
    assert few > 4 * few_error
    assert abs(many - few / 4) < 4 * math.hypot(many_error, few_error / 4)


def test_a_family_that_holds_the_law_undoes_the_drift():
    """Beta(1, 2) with reward log x: beta laws hold the start, gamma laws do not."""
    setting = Setting(
        Beta(1.0, 2.0), lambda x: np.log(x[:, 0]), 3, LoopSettings(1, 300, 2.0), real=300, side=500
    )
    makers = {name: lambda name=name: ExponentialFamily(name) for name in ("beta", "gamma")}
    found = compare(setting, makers, SEEDS)
    right, wrong = (found.parts(name, "divergence") for name in makers)
    drift, error = right["drift"]
    assert (drift > 5 * error).all()
    fit, error = right["fit"]
    assert (fit < -5 * error).all()
    total, error = right["total"]
    # Two parameters fitted to 300 data cost 2 / (2 x 300) nats on average.
    assert abs(total[0] - 1 / 300) < 4 * error[0]
    total, error = wrong["total"]
    assert (total > 5 * error).all()
    assert (total > 0.015).all()


def test_a_cold_start_refits_from_new():
    made = []

    def make():
        made.append(EmpiricalLaw())
        return made[-1]

    cold = replace(PLANE, loop=LoopSettings(2, 100, warm_start=False))
    compare(cold, {"made": make}, (1, 2))
    # One when the loop is made, and one per fit, for each of two seeds.
    assert len(made) == 2 * (1 + 3)


def test_results_go_through_json(found):
    again = from_json(json.loads(json.dumps(found.as_json())))
    assert again.seeds == found.seeds
    assert again.groups == found.groups
    for measure in ("reward", "shares", "energy"):
        np.testing.assert_array_equal(again.gap("kernel", measure), found.gap("kernel", measure))


def test_progress_is_told_every_round():
    told = []
    small = replace(PLANE, loop=LoopSettings(1, 50), real=50)
    compare(small, {}, (3, 4), lambda *what: told.append(what))
    assert told == [
        (name, seed, t) for name in (EXACT, EMPIRICAL) for seed in (3, 4) for t in (0, 1)
    ]


def test_rewards_of_arrays_become_rewards_of_samples():
    reward = on_samples(ClippedDistance(2.0, (1.0, 0.0)))
    found = reward(torch.tensor([[1.0, 0.0], [1.0, 3.0]], dtype=torch.float32))
    assert found.tolist() == [0.0, -6.0]


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="two or more different"):
        compare(PLANE, {}, (1,))
    with pytest.raises(ValueError, match="two or more different"):
        compare(PLANE, {}, (1, 1))
    with pytest.raises(ValueError, match="'exact sampler' is taken"):
        compare(PLANE, {EXACT: lambda: ExactSampler([])}, (1, 2))
