"""Checks of recorded runs: loops with perfect generators pass, and each planted fault is found."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import norm

from gpu_experiments import theory_checks
from gpu_experiments.theory_checks import ALARM, check_bands, check_run
from theory import Law, RetrainingLoop
from theory.divergences import envelope, envelope_kl

K, CLASSES, ATOMS, N = 4, 5, 400, 2_000


def laws(lam, rounds):
    """Exact loop on atoms with rewards and classes, class 0 having the highest rewards."""
    rng = np.random.default_rng(5)
    classes = np.arange(ATOMS) % CLASSES
    rewards = np.where(classes == 0, 2.0, 0.0) + rng.normal(size=ATOMS)
    start = Law(np.full(ATOMS, 1 / ATOMS), rewards)
    return (
        rewards,
        classes,
        [p.probabilities for p in RetrainingLoop(start, K, lam).run(rounds).laws],
    )


def write_run(path, lam, rounds=4, seed=0, change=None, selects=True):
    """A run with a perfect generator: N candidates a round from the exact law.

    ``change`` takes the round, rewards and classes of its candidates and gives others.
    """
    rng = np.random.default_rng(seed)
    rewards, classes, probabilities = laws(lam, rounds)
    (path / "samples").mkdir(parents=True)
    (path / "config.json").write_text(json.dumps({"lam": str(lam), "K": K, "selects": selects}))
    lines = []
    for t, law in enumerate(probabilities):
        drawn = rng.choice(ATOMS, size=N, p=law)
        r, c = rewards[drawn], classes[drawn]
        if change is not None:
            r, c = change(t, r, c)
        w = np.exp(r)
        shares = {str(k): float((c == k).mean()) for k in range(CLASSES)}
        lines.append(
            {
                "t": t,
                "candidates": N,
                "reward": float(r.mean()),
                "weight": float(w.mean()),
                "weight_se": float(w.std(ddof=1) / math.sqrt(N)),
                "shares": shares,
            }
        )
        np.savez(path / "samples" / f"{t:03d}.npz", rewards=r, classes=c)
    (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def by_name(path):
    return {found.check: found for found in check_run(path)}


@pytest.mark.parametrize("lam", [math.inf, 0.2, 1.0])
@pytest.mark.parametrize("seed", range(5))
def test_perfect_generators_pass(tmp_path, lam, seed):
    found = by_name(write_run(tmp_path / "run", lam, seed=seed))
    assert found.keys() == {"weight" if math.isinf(lam) else "divergence", "dominance"}
    assert all(each.holds for each in found.values()), [*map(str, found.values())]


def test_a_round_that_loses_weight_is_found(tmp_path):
    path = write_run(tmp_path / "run", math.inf, change=lambda t, r, c: (r - (t == 3) * 2.0, c))
    found = by_name(path)["weight"]
    assert not found.holds
    assert found.t == 3
    assert "weight fails: " in str(found)


def test_a_fall_is_in_standard_errors_of_the_difference_of_two_rounds():
    lines = [
        {"weight": weight, "weight_se": error}
        for weight, error in ((2.0, 3.0), (3.0, 4.0), (1.0, 3.0), (1.0, 4.0))
    ]
    found = theory_checks._weight(lines)
    assert (found.t, found.found) == (2, pytest.approx(2 / 5))
    # One of three differences goes that far by chance with probability ALARM.
    assert 3 * norm.sf(found.allowed) == pytest.approx(ALARM)


def test_shares_that_stay_may_move_by_chance_alone():
    """Two classes have one degree of freedom: chi-square is then the square of a normal."""
    lines = [{"shares": {"a": 0.5, "b": 0.5}, "candidates": n} for n in (100, 400)]
    found = theory_checks._divergence(lines, 0.3, K)
    square = norm.isf(ALARM / 4) ** 2
    allowed = envelope_kl(0.3, K, 1) + square / 2 * (1 / 100 + 1 / 400)
    assert (found.found, found.allowed) == (0, pytest.approx(allowed))


def test_each_round_errs_by_its_own_number_of_candidates():
    """By the delta method: gradients log(p/q) in p and -p/q in q, each with a multinomial's
    variance."""
    (p, n), (q, m) = (np.array([0.6, 0.3, 0.1]), 400), (np.array([0.2, 0.3, 0.5]), 9000)
    lines = [
        {"shares": dict(zip("abc", shares.tolist(), strict=True)), "candidates": count}
        for shares, count in ((q, m), (p, n))
    ]
    found = theory_checks.class_divergences(lines, 0.3, K)
    error = 0.0
    for gradient, law, count in ((np.log(p / q), p, n), (-p / q, q, m)):
        error += (law @ gradient**2 - (law @ gradient) ** 2) / count
    level = ALARM / 2
    # Three classes have two degrees of freedom: chi-square is beyond x with probability exp(-x/2).
    square = -math.log(level) * (1 / n + 1 / m)
    expected = envelope_kl(0.3, K, 1) + norm.isf(level) * math.sqrt(error) + square
    assert found.allowed[0] == pytest.approx(expected, rel=1e-9)


def test_a_class_that_was_not_seen_at_first_counts_as_half_a_candidate():
    lines = [
        {"shares": {"a": a, "b": 1 - a}, "candidates": count} for a, count in ((1, 50), (0.9, 80))
    ]
    found = theory_checks.class_divergences(lines, 1.0, K)
    by_hand = 0.9 * math.log(0.9) + 0.1 * math.log(0.1 / 0.01)
    assert found.measured[0] == pytest.approx(by_hand, rel=1e-9)
    assert math.isfinite(found.allowed[0])
    # A class that was there and has gone adds nothing.
    (gone,) = theory_checks.class_divergences(lines[::-1], 1.0, K).measured
    assert gone == pytest.approx(-math.log(0.9), rel=1e-9)


def test_a_run_is_held_where_it_is_furthest_in_units_of_what_is_allowed():
    """Not where the divergence is largest: the envelope grows."""
    shares = ([0.5, 0.5], [0.95, 0.05], [0.96, 0.04])
    lines = [{"shares": dict(zip("ab", each, strict=True)), "candidates": 10**6} for each in shares]
    found = theory_checks._divergence(lines, 1.0, K)
    assert found.t == 1
    assert not found.holds


def test_low_rewards_that_come_back_are_found(tmp_path):
    """The mean rises all the same: dominance says more."""

    def change(t, r, c):
        spoilt = np.arange(N) < 0.15 * N * (t > 0)
        return np.where(spoilt, -4.0, r), c

    path = write_run(tmp_path / "run", 1.0, change=change)
    found = by_name(path)
    assert not found["dominance"].holds
    # 15 % below everything, less the few that were there.
    assert found["dominance"].found == pytest.approx(0.15, abs=0.01)
    lines = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["weight"] > lines[0]["weight"]


def test_classes_that_drift_beyond_every_reward_are_found(tmp_path):
    def change(t, r, c):
        return r, np.where(np.arange(N) < 0.3 * N * t, 0, c)

    found = by_name(write_run(tmp_path / "run", 0.1, change=change))["divergence"]
    assert not found.holds
    assert found.found > found.allowed > envelope_kl(0.1, K, found.t)


@pytest.mark.parametrize("lam", [0.1, 1.0])
def test_the_allowance_for_chance_is_what_chance_needs(lam):
    """Two classes, of which the loop gives the first all that it can: no alarms, and an allowance
    that is no larger than the scatter of the measured divergence by much."""
    rng = np.random.default_rng(1)
    share = 0.2
    most = float(envelope(np.array(share), lam, K, 1))
    divergences, allowances = [], []
    for _ in range(400):
        lines = [
            {
                "candidates": N,
                "shares": dict(zip("ab", rng.multinomial(N, [p, 1 - p]) / N, strict=True)),
            }
            for p in (share, most)
        ]
        found = theory_checks._divergence(lines, lam, K)
        divergences.append(found.found)
        allowances.append(found.allowed - envelope_kl(lam, K, 1))
    # Coarser than the bound's law, so well inside it: not one alarm in 400 at 1 in 1000.
    assert (np.array(divergences) < envelope_kl(lam, K, 1) + np.array(allowances)).all()
    # Its level of 1 in 2000 is at 3.3 standard deviations of a normal law, to which the chi-square
    # term adds most where the divergence is small.
    assert 3 < np.mean(allowances) / np.std(divergences) < 8


def test_dominance_alarms_as_often_as_it_says(tmp_path):
    """Two samples of one law: the share of alarms at a level of 1 in 10 is at most that."""
    rng = np.random.default_rng(2)
    (tmp_path / "samples").mkdir()
    alarms, level = 0, 0.1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(theory_checks, "ALARM", level)
        for _ in range(300):
            for t in (0, 1):
                np.savez(tmp_path / "samples" / f"{t:03d}.npz", rewards=rng.normal(size=150))
            alarms += not theory_checks._dominance(tmp_path, 1, True).holds
    # Binomial with mean at most 30: beyond 50 once in 10^4.
    assert 3 < alarms < 50
    assert ALARM == 1e-3


def test_what_is_outside_its_band_is_listed(tmp_path):
    path = write_run(tmp_path / "run", 1.0)
    lines = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    values = np.array(
        [[*each["shares"].values(), each["reward"], each["weight"]] for each in lines]
    )
    std = np.full(values.shape, 0.05)
    bands = SimpleNamespace(mean=values.copy(), std=std, lower=values - 0.1, upper=values + 0.1)
    outside, count = check_bands(path, SimpleNamespace(bands=bands))
    assert outside == []
    assert count == 4 * (CLASSES + 2)
    bands.lower[2, 1] = values[2, 1] + 0.01
    bands.upper[3, CLASSES] = values[3, CLASSES] - 0.01
    bands.upper[0, 0] = values[0, 0] - 0.01  # round 0 is what the prediction starts from
    outside, _ = check_bands(path, SimpleNamespace(bands=bands))
    assert [(each.statistic, each.t) for each in outside] == [("share of 1", 2), ("mean reward", 3)]
    # Of 28 statistics one is 4.13 deviations away on either side with a probability of 1 in 1000.
    assert 28 * 2 * norm.sf(4.12) > ALARM > 28 * 2 * norm.sf(4.14)
    for far, by_chance in ((-4.14, False), (-4.12, True), (4.12, True), (4.14, False)):
        bands.mean[2, 1] = values[2, 1] + 0.05 * far
        outside, _ = check_bands(path, SimpleNamespace(bands=bands))
        assert [each.by_chance for each in outside] == [by_chance, True]


def test_divergences_of_all_rounds_are_those_of_the_shares():
    shares = ([0.5, 0.5], [0.6, 0.4], [0.9, 0.1])
    lines = [{"shares": dict(zip("ab", each, strict=True)), "candidates": N} for each in shares]
    found = theory_checks.class_divergences(lines, 1.0, K)
    by_hand = [p * math.log(2 * p) + q * math.log(2 * q) for p, q in shares[1:]]
    np.testing.assert_allclose(found.measured, by_hand, rtol=1e-12)
    np.testing.assert_allclose(found.bound, [envelope_kl(1.0, K, t) for t in (1, 2)])
    assert (found.allowed > found.bound).all()


def test_nothing_is_asked_of_a_control(tmp_path):
    """Whatever its rewards did: theorems speak of choices."""

    def change(t, r, c):
        return r - t, c

    assert check_run(write_run(tmp_path / "run", math.inf, change=change, selects=False)) == []
    assert not by_name(write_run(tmp_path / "as chosen", math.inf, change=change))["weight"].holds


def test_one_round_is_no_loop(tmp_path):
    path = write_run(tmp_path / "run", 1.0, rounds=0)
    with pytest.raises(ValueError, match="has 1 rounds: a loop is seen from two on"):
        check_run(path)
