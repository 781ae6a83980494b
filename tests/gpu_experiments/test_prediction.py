"""The prediction against loops drawn sample by sample, cases by hand, and the bands of sim."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from gpu_experiments.prediction import Scored, Sizes, predict
from sim.finite_sample import SampledLoop
from theory import Law

RNG = np.random.default_rng

# Six kinds of samples in three classes, and laws of p_0 and of the real data on them.
REWARDS = np.array([0.0, 0.4, 0.9, 1.3, 2.0, -1.0])
LABELS = np.array([0, 0, 1, 1, 2, 2])
P_0 = np.array([0.3, 0.15, 0.2, 0.15, 0.05, 0.15])
P_REAL = np.array([0.1, 0.2, 0.2, 0.1, 0.25, 0.15])
STATISTICS = np.concatenate([LABELS == np.arange(3)[:, None], [REWARDS, np.exp(REWARDS)]])


def scored(kinds):
    return Scored(REWARDS[kinds], LABELS[kinds])


def drawn_run(rng, sizes, real):
    """The loop, sample by sample: measured statistics of each round, and the first candidates."""
    K, n = sizes.K, sizes.kept
    model, out = P_0, []
    first = None
    for _ in range(sizes.iterations + 1):
        candidates = rng.choice(6, size=K * n, p=model)
        first = candidates if first is None else first
        out.append(STATISTICS[:, candidates].mean(axis=1))
        weights = np.exp(REWARDS[candidates] * sizes.selects).reshape(n, K)
        below = np.cumsum(weights, axis=1)
        place = (below < rng.random((n, 1)) * below[:, -1:]).sum(axis=1)
        kept = candidates.reshape(n, K)[np.arange(n), place]
        trained = kept
        if sizes.real:
            trained = np.concatenate([kept, rng.permutation(real)[: sizes.real]])
        model = np.bincount(trained, minlength=6) / len(trained)
    return np.array(out), first


def population(law, n):
    counts = np.round(n * law).astype(int)
    assert counts.sum() == n
    return np.repeat(np.arange(6), counts)


PURE = Sizes(K=3, kept=400, iterations=3)
MIXED = Sizes(K=3, kept=400, iterations=3, lam=1.0, data=800)


@pytest.mark.parametrize(
    ("sort", "shared"),
    [
        ("pure", True),
        ("pure", False),
        ("control", True),
        ("control", False),
        ("model for real", True),
        ("model for real", False),
        ("all real", True),
        ("part of real", False),
    ],
)
def test_runs_deviate_from_the_prediction_as_its_band_says(sort, shared):
    """150 runs: each variance is found to 12 percent, a mean to 0.08 of a standard deviation."""
    sizes = {"pure": PURE, "control": replace(PURE, selects=False)}.get(sort, MIXED)
    rng = RNG(sum(map(ord, sort)) + shared)
    # Where p_0 stands for the real data, what they become in the model has the law of p_0.
    reference_given = sort in ("all real", "part of real")
    real = population(P_REAL if reference_given else P_0, 800)
    deviations, variances = [], []
    for _ in range(150):
        found, first = drawn_run(rng, sizes, real)
        samples = first if shared else rng.choice(6, size=500, p=P_0)
        reference = None
        if reference_given:
            reference = scored(rng.permutation(real)[: 300 if "part" in sort else 800])
        # One merged atom for each kind, which is no change, to save time.
        said = predict(scored(samples), sizes, 3, reference=reference, shared=shared, most_atoms=0)
        assert said.merging.max() < 1e-12
        deviations.append(found - said.bands.mean)
        variances.append(said.bands.std**2)
    square, variance = np.square(deviations).mean(axis=0), np.mean(variances, axis=0)
    later = slice(1, None) if shared else slice(None)
    if shared:
        np.testing.assert_allclose(np.array(deviations)[:, 0], 0, atol=1e-12)
        np.testing.assert_array_equal(variance[0], 0)
    ratio = square[later] / variance[later]
    # Four standard errors each way, and three of the mean over statistics as if they were two.
    assert ratio.min() > 0.53
    assert ratio.max() < 1.5
    np.testing.assert_allclose(ratio.mean(axis=1), 1, atol=0.25)
    bias = np.mean(deviations, axis=0)[later] / np.sqrt(variance[later])
    # The shift of order 1/n is a few hundredths of a deviation here.
    np.testing.assert_allclose(bias, 0, atol=4 * 0.082 + 0.05)


def test_two_atoms_are_followed_by_hand():
    """K = 2, weights 1 and 3: the better is kept of p^2 + 2 p (1 - p) 3/4 of the pairs."""
    said = predict(
        Scored([0.0, math.log(3)], [1, 0]), Sizes(K=2, kept=1, iterations=3), 2, shared=True
    )
    p, expected = Fraction(1, 2), []
    for _ in range(4):
        expected.append(float(p))
        p = p**2 + p * (1 - p) * Fraction(3, 2)
    assert expected[1] == 0.625
    np.testing.assert_allclose(said.shares[:, 0], expected, rtol=1e-12)
    np.testing.assert_allclose(said.shares.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(said.weight, 1 + 2 * np.array(expected), rtol=1e-12)
    np.testing.assert_allclose(said.reward, math.log(3) * np.array(expected), rtol=1e-12)
    p = np.array(expected)
    np.testing.assert_allclose(said.effective, 1 / (p**2 + (1 - p) ** 2), rtol=1e-12)


@pytest.mark.parametrize("real", [None, [1, 0, 0, 0]])
def test_real_images_join_in_proportion_by_hand(real):
    """n = 2 and lam = 2/3 make m = 3: three fifths of each training set follow the reference."""
    sizes = Sizes(K=2, kept=2, iterations=2, lam=2 / 3, data=4)
    gain = math.log(3)
    model = Scored([0.0, gain, 0.0, gain], [0, 1, 0, 1])
    reference = None if real is None else Scored(gain * np.array(real), real)
    said = predict(model, sizes, 2, reference=reference)
    r = Fraction(1, 2) if real is None else Fraction(1, 4)
    p, expected = Fraction(1, 2), []
    for _ in range(3):
        expected.append(float(p))
        p = Fraction(3, 5) * r + Fraction(2, 5) * (p**2 + p * (1 - p) * Fraction(3, 2))
    np.testing.assert_allclose(said.shares[:, 1], expected, rtol=1e-12)
    assert said.reference == ("samples of the first model" if real is None else "real images")


@pytest.mark.parametrize("sizes", [PURE, MIXED])
def test_bands_of_other_samples_are_those_of_the_sampled_loop(sizes):
    """Its N data are what p_0 is known from and what real images are chosen from: N of each."""
    kinds = RNG(1).choice(6, size=800, p=P_0)
    said = predict(scored(kinds), sizes, 3, shared=False).bands
    loop = SampledLoop(
        Law.from_samples(np.arange(800), REWARDS[kinds]), 3, kept=400, data=800, lam=sizes.lam
    )
    bands = loop.bands(STATISTICS[:, kinds], 3)
    for name in ("mean", "data", "real", "kept", "measured"):
        np.testing.assert_allclose(
            getattr(said, name), getattr(bands, name), rtol=1e-9, atol=1e-18, err_msg=name
        )


@pytest.mark.parametrize("mixed", [False, True])
def test_merging_atoms_changes_bands_little_and_says_so(mixed):
    rng = RNG(2)
    model = Scored(15 * rng.beta(4, 1, size=1200), rng.integers(4, size=1200))
    reference = Scored(15 * rng.beta(9, 1, size=600), rng.integers(4, size=600))
    sizes = Sizes(4, 300, 5, 1.0, 900) if mixed else Sizes(4, 300, 5)
    chosen = reference if mixed else None
    whole, small = (
        predict(model, sizes, 4, reference=chosen, most_atoms=most) for most in (10_000, 100)
    )
    assert whole.merging.max() == 0
    assert 0 < small.merging.max() < 0.01
    np.testing.assert_array_equal(small.bands.mean, whole.bands.mean)
    # 200 intervals of 0.075 nats: a percent of the width, five rounds on.
    np.testing.assert_allclose(small.bands.std[1:], whole.bands.std[1:], rtol=0.02)


def test_few_atoms_come_to_carry_the_law_of_a_pure_loop():
    rng = RNG(3)
    model = Scored(rng.normal(size=1000), np.zeros(1000, dtype=int))
    said = predict(model, Sizes(10, 100, 8), 1)
    assert said.effective[0] == pytest.approx(1000)
    assert (np.diff(said.effective) < 0).all()
    assert said.effective[-1] < 50


def test_a_control_stands_still_and_drifts_by_the_kept_alone():
    """After t rounds each statistic of 400 kept has 1/400 of its variance for every round."""
    control = replace(PURE, selects=False)
    kinds = np.arange(6).repeat(200)
    said = predict(scored(kinds), control, 3)
    values = STATISTICS[:, kinds]
    for row in said.bands.mean:
        np.testing.assert_allclose(row, values.mean(axis=1), rtol=1e-12)
    variance = values.var(axis=1)
    for t in (1, 2, 3):
        # The first 400 are among the 1200 candidates, a share of their variance that is no
        # deviation; it is as large as that of measuring on 1200 others.
        expected = variance * (t / 400 - 1 / 1200 + 1 / 1200)
        np.testing.assert_allclose(said.bands.std[t] ** 2, expected, rtol=1e-9)


def test_a_loop_without_rounds_is_its_first_model():
    said = predict(Scored([1.0, 2.0], [0, 1]), Sizes(2, 1, 0), 3)
    np.testing.assert_allclose(said.shares, [[0.5, 0.5, 0]])
    assert said.bands.std.tolist() == [[0.0] * 5]


def test_a_prediction_is_written_as_json():
    said = predict(scored(np.arange(6).repeat(200)), PURE, 3)
    out = json.loads(json.dumps(said.as_json(), allow_nan=False))
    np.testing.assert_array_equal(out["shares"], said.shares)
    np.testing.assert_array_equal(out["weight_upper"], said.bands.upper[:, 4])
    np.testing.assert_array_equal(out["reward_lower"], said.bands.lower[:, 3])
    assert out["level"] == 0.95


SAMPLES = scored(np.arange(6))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Scored([1.0], [1, 2]), r"shapes \(1,\) and \(2,\)"),
        (lambda: Scored([math.inf], [0]), "not all finite"),
        (lambda: Scored([1.0], [-1]), "whole numbers from 0"),
        (lambda: Scored([1.0], [0.5]), "whole numbers from 0"),
        (lambda: Sizes(0, 1, 1), "K = 0"),
        (lambda: Sizes(1, 1, -1), "iterations = -1"),
        (lambda: Sizes(1, 10, 1, lam=0.0), r"lam = 0\.0"),
        (lambda: Sizes(1, 10, 1, lam=1.0), "10 real images per round out of None"),
        (lambda: Sizes(1, 10, 1, lam=1.0, data=9), "10 real images per round out of 9"),
        (lambda: predict(SAMPLES, Sizes(2, 3, 1), 2), "labels go up to 2 and there are 2"),
        (lambda: predict(SAMPLES, Sizes(2, 4, 1), 3), "6 samples of the model are not the 8"),
        (lambda: predict(SAMPLES, Sizes(2, 3, 1), 3, level=1.0), r"level = 1\.0"),
        (lambda: predict(SAMPLES, Sizes(2, 3, 1), 3, reference=SAMPLES), "leave the reference"),
        (
            lambda: predict(SAMPLES, Sizes(2, 3, 1, 1.0, 5), 3, reference=SAMPLES),
            "6 images and the run 5",
        ),
        (lambda: predict(Scored([800.0], [0]), Sizes(1, 1, 1), 1), "rewards go up to 800"),
    ],
)
def test_what_cannot_be_predicted_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
