"""Theorems and the control on runs on images: what the two figures say of perfect generators, and
of others."""

from __future__ import annotations

import json
import math
import shutil

import numpy as np
import pytest

from gpu_experiments.prediction import Scored, Sizes
from gpu_experiments.presets import CONTROLS
from gpu_experiments.pretrained import FIRST_MODEL
from gpu_experiments.theory_checks import check_run
from paper_figures import image_control, image_repeats, image_runs, image_theory
from paper_figures.keep import keep
from sim.recording import load_samples
from sim.runs import METRICS, read_lines
from tests.paper_figures.synthetic_images import VARIANCES, coordinates, population, write_run
from theory.divergences import envelope_kl

SIZES = {"kept": 400, "K": 4}
ROUNDS = 4
SEEDS = 3


def written(folder, blurred=0.0):
    """Runs of each setting and of the control, by name."""
    return {
        path.name: path
        for setting in (*image_runs.settings(), *CONTROLS)
        for seed in range(SEEDS)
        for path in [write_run(folder, *setting.split("-"), seed, ROUNDS, blurred, **SIZES)]
    }


@pytest.fixture(scope="module")
def perfect(tmp_path_factory):
    return written(tmp_path_factory.mktemp("perfect"))


@pytest.fixture(scope="module")
def blurred(tmp_path_factory):
    """Generators a third of whose images are of the lowest reward, whatever they were fitted to."""
    return written(tmp_path_factory.mktemp("blurred"), 1 / 3)


@pytest.fixture(scope="module")
def theory(perfect):
    return image_theory.compute(perfect)


@pytest.fixture(scope="module")
def control(perfect):
    return image_control.compute(perfect)


@pytest.fixture(scope="module")
def spoilt_theory(blurred):
    return image_theory.compute(blurred)


@pytest.fixture(scope="module")
def spoilt(blurred):
    return image_control.compute(blurred)


def exact_law(reward, lam, rounds):
    """The exact loop on the population, by what K = 4 keeps of atoms sorted by class and reward:
    a sum over 4000 drawn rivals, without the code of the figures."""
    rewards, labels = population(reward)
    weights, p = np.exp(rewards - rewards.max()), np.full(len(rewards), 1 / len(rewards))
    rng = np.random.default_rng(3)
    start = p
    for _ in range(rounds):
        rivals = weights[rng.choice(len(p), p=p, size=(4000, 3))].sum(axis=1)
        ratio = np.array([(4 * w / (w + rivals)).mean() for w in np.unique(weights)])
        curated = p * ratio[np.unique(weights, return_inverse=True)[1]]
        curated /= curated.sum()
        p = curated if math.isinf(lam) else (curated * lam + start) / (1 + lam)
    return p, rewards, labels


# Theorems


def test_mean_weights_are_shares_of_the_largest_and_rise(theory, perfect):
    for reward, gamma in (("class", 5.0), ("confidence", 15.0)):
        weight, error = theory[f"{reward}-pure_weight"], theory[f"{reward}-pure_weight_se"]
        assert weight.shape == error.shape == (SEEDS, ROUNDS + 1)
        candidates = load_samples(perfect[f"{reward}-pure-1"], 2)["rewards"].astype(float)
        assert weight[1, 2] == pytest.approx(np.exp(candidates - gamma).mean(), rel=1e-5)
        assert (np.diff(weight) > 0).all()
        # Three half-widths of the band, six deviations, hold five rounds of three runs.
        expected = theory[f"{reward}-pure_expected"]
        band = theory[f"{reward}-pure_upper"] - expected
        assert (np.abs(weight - expected) <= 3 * band + 1e-12).all()
        assert (error[:, 1:] > 0).all()


def test_no_share_with_a_lower_reward_rises_and_what_is_drawn_is_what_is_checked(theory, perfect):
    for setting in image_runs.settings():
        rise, allowed = theory[f"{setting}_rise"], theory[f"{setting}_allowed"]
        assert rise.shape == (SEEDS, len(theory["places"]))
        assert (rise <= allowed).all()
        assert rise.min() < -0.1
        for seed, each in enumerate(rise):
            found = next(
                one for one in check_run(perfect[f"{setting}-{seed}"]) if one.check == "dominance"
            )
            assert found.allowed == pytest.approx(float(allowed))
            # The check looks at every reward, the figure at places.
            assert each.max() <= found.found + 1e-12


def test_the_runs_that_pass_are_counted(theory, spoilt_theory):
    asked = {"weight": 2 * SEEDS, "dominance": 4 * SEEDS, "divergence": 2 * SEEDS}
    for check, number in asked.items():
        assert theory[f"{check}_held"].tolist() == [number, number]
    held, number = spoilt_theory["dominance_held"]
    # At least those of the confidence reward in the pure loop fail.
    assert held <= number - SEEDS
    titles = [axes.get_title(loc="left") for axes in image_theory.draw(theory).axes]
    assert "Lemma 2.2 holds in 6 of 6 runs" in titles[0]


def test_images_of_low_reward_that_come_back_rise_above_the_line(spoilt_theory):
    rises = spoilt_theory["confidence-pure_rise"].max(axis=1)
    assert (rises > spoilt_theory["confidence-pure_allowed"]).all()


def test_class_shares_are_inside_the_envelope(theory, perfect):
    for setting in image_runs.settings(ratios=("mixed",)):
        divergence, bound = theory[f"{setting}_divergence"], theory[f"{setting}_bound"]
        assert divergence.shape == (SEEDS, ROUNDS)
        assert (np.diff(bound) > 0).all()
        assert (divergence < bound).all()
        shares = image_runs.statistics([perfect[f"{setting}-2"]])[0, :, :10]
        by_hand = (shares[3] * np.log(shares[3] / shares[0])).sum()
        assert divergence[2, 2] == pytest.approx(by_hand, rel=1e-9)


def test_the_figure_of_theorems_draws_every_run_and_the_bound(theory):
    figure = image_theory.draw(theory)
    weights, rises, divergences = figure.axes
    # Each run with error bars, each setting with its prediction.
    assert len(weights.containers) == 2 * SEEDS
    assert len(weights.lines) >= 2
    below = [line for line in rises.lines if len(line.get_xdata()) == len(theory["places"])]
    assert len(below) == 4 * SEEDS
    assert len(divergences.lines) == 2 * SEEDS + 1
    (bound,) = (line for line in divergences.lines if line.get_label().startswith("bound"))
    np.testing.assert_array_equal(bound.get_ydata(), [0, *theory["class-mixed_bound"]])


# The control


@pytest.mark.parametrize("setting", ["class-pure", "confidence-mixed"])
def test_the_exact_distance_is_that_of_the_exact_loop_on_the_population(control, setting):
    reward, ratio = setting.split("-")
    lam = 1.0 if ratio == "mixed" else math.inf
    p, rewards, labels = exact_law(reward, lam, ROUNDS)
    places = coordinates(rewards, labels)
    mean = p @ places
    covariance = (places - mean).T @ (p[:, None] * (places - mean))
    roots = np.sqrt(np.linalg.eigvals(np.diag(VARIANCES) @ covariance).real.clip(0)).sum()
    far = mean @ mean + sum(VARIANCES) + np.trace(covariance) - 2 * roots
    found = control[f"{setting}_exact"][:, -1]
    # Each run knows p_0 from 1200 images and what they become: three runs within a fifth.
    np.testing.assert_allclose(found.mean(), far, rtol=0.2, atol=0.05)
    assert np.ptp(found) > 0


def test_perfect_generators_are_where_the_exact_loop_is_and_others_are_not(control, spoilt):
    for setting in image_runs.settings():
        measured, exact = control[f"{setting}_frechet"], control[f"{setting}_exact"]
        assert measured.shape == exact.shape == (SEEDS, ROUNDS + 1)
        # Drift of 400 kept for four rounds, in the mean over three runs.
        np.testing.assert_allclose(measured.mean(axis=0), exact.mean(axis=0), rtol=0.3, atol=0.1)
    gap = spoilt["confidence-pure_reward"][:, -1] - spoilt["confidence-pure_expected"][-1]
    assert (gap < -1).all()


@pytest.mark.parametrize("name", CONTROLS)
def test_the_control_stands_still_but_for_chance(control, perfect, spoilt, name):
    reward = control[f"{name}_reward"]
    expected = control[f"{name}_expected"]
    np.testing.assert_allclose(expected, expected[0], rtol=1e-12)
    width = control[f"{name}_upper"] - expected
    assert (np.abs(reward - expected) <= 3 * width + 1e-12).all()
    moved, upper = control[f"{name}_moved"], control[f"{name}_moved_upper"]
    assert moved.shape == (SEEDS, ROUNDS + 1)
    assert (moved[:, 1:] < 2 * upper[1:]).all()
    # A choice moves them further than chance alone would.
    assert (control["confidence-pure_moved"][:, -1] > upper[-1]).all()
    assert (spoilt[f"{name}_reward"][:, -1] < spoilt[f"{name}_expected"][-1] - 1).all()
    first = read_lines(perfect[f"{name}-0"] / METRICS)[0]
    assert reward[0, 0] == first["reward"]


def test_the_figure_of_the_control_draws_every_run_in_its_panel(control):
    figure = image_control.draw(control)
    panels = figure.axes
    assert len(panels) == 6
    pure, mixed, rewards = panels[:3]
    # Runs, their exact loops, and the controls of the same loop.
    assert len(pure.lines) == len(mixed.lines) == 3 * SEEDS
    assert len(rewards.lines) == 3 * (SEEDS + 1)
    drawn = [line.get_ydata() for line in pure.lines]
    for values in (*control["class-pure_frechet"], *control["class-pure_exact"]):
        assert any(np.array_equal(values, line) for line in drawn)
    assert pure.get_yscale() == "log"


def test_a_control_is_named_as_one(perfect):
    config = json.loads((perfect["control-pure-2"] / "config.json").read_text())
    assert image_runs.name_of(config) == "control-pure-2"
    assert image_runs.sizes([perfect["control-pure-2"]]).judged == 1
    assert image_runs.sizes([perfect["confidence-pure-2"]]).judged == 4
    wanted = image_runs.made(controls=True).runs
    assert len(wanted) == len(image_runs.made().runs) + 2
    assert set(CONTROLS) < set(image_runs.on_record(controls=True).settings)


# Of both, what is drawn where runs differ


def test_titles_count_the_runs_that_pass(spoilt_theory):
    found = spoilt_theory
    held, asked = found["dominance_held"]
    assert held < asked
    title = image_theory.draw(found).axes[1].get_title(loc="left")
    assert f"holds in {held} of {asked} runs" in title


def test_of_runs_of_unequal_lengths_the_rounds_are_drawn_that_all_have(tmp_path):
    """Of recorded ones there are samples of the first and last rounds alone."""
    folders = {}
    for setting in (*image_runs.settings(), *CONTROLS):
        for seed, rounds in ((0, 3), (1, 2)):
            path = write_run(tmp_path / "runs", *setting.split("-"), seed, rounds, kept=40)
            folders[path.name] = keep(path, "one computer", tmp_path / "record").path
    found = image_theory.compute(folders)
    for setting in image_runs.settings():
        (rise,) = found[f"{setting}_rise"]
        first, last = (
            load_samples(folders[f"{setting}-1"], t)["rewards"].astype(float) for t in (0, 2)
        )
        bound = 5 if setting.startswith("class") else 15
        # Half of the bound is the place in the middle.
        expected = (last <= bound / 2).mean() - (first <= bound / 2).mean()
        assert rise[len(rise) // 2] == pytest.approx(expected, abs=1e-12)
    assert found["class-pure_weight"].shape == (2, 3)
    assert found["class-mixed_divergence"].shape == (2, 2)
    assert found["weight_held"][1] == 4
    beside = image_control.compute(folders)
    for name in ("class-pure_frechet", "class-pure_exact", "confidence-pure_reward"):
        assert beside[name].shape == (2, 3)


def test_the_bound_is_the_envelope_without_what_chance_adds(theory):
    for setting in image_runs.settings(ratios=("mixed",)):
        expected = [envelope_kl(1.0, SIZES["K"], t) for t in range(1, ROUNDS + 1)]
        np.testing.assert_allclose(theory[f"{setting}_bound"], expected)


def test_runs_without_model_error_stay_below_what_is_drawn_95_times_of_100(control):
    """Whatever images they begin with: figures know the first model from the runs' own alone."""
    start, sizes = Scored(*population("confidence")), Sizes(**SIZES, iterations=ROUNDS)
    runs = image_repeats.perfect_runs(start, sizes, 10, 200, np.random.default_rng(8))
    below = (image_repeats.moved(runs) <= control["confidence-pure_moved_upper"]).mean(axis=0)
    # 200 shares err by 0.015, a quantile of 200 by as much, and by more what the first images are.
    np.testing.assert_allclose(below[1:], 0.95, atol=0.07)


def test_the_figure_of_the_control_draws_whole_runs_and_bands(control):
    for name in ("confidence-pure", *CONTROLS):
        expected, lower, upper = (
            control[f"{name}_{what}"] for what in ("expected", "lower", "upper")
        )
        np.testing.assert_allclose(upper - expected, expected - lower, atol=1e-9)
    panels = image_control.draw(control).axes
    for axes in panels:
        assert {len(line.get_xdata()) for line in axes.lines} == {ROUNDS + 1}
    for axes, name in ((panels[2], "reward"), (panels[5], "moved")):
        drawn = [line.get_ydata() for line in axes.lines]
        for run in control[f"confidence-pure_{name}"]:
            assert any(np.array_equal(run, line) for line in drawn)
    for axes, ends in ((panels[2], ("lower", "upper")), (panels[5], ("moved_upper",))):
        corners = [set(band.get_paths()[0].vertices[:, 1]) for band in axes.collections]
        band = {y for end in ends for y in control[f"confidence-pure_{end}"]}
        assert any(band <= drawn for drawn in corners)


def test_distances_of_perfect_generators_are_in_the_range_of_chance(control):
    """A distance is a square: chance raises it in the mean too, as the controls show."""
    inside = []
    for name in (*image_runs.settings(), *CONTROLS):
        lower, upper = (control[f"{name}_frechet_{end}"][1:] for end in ("lower", "upper"))
        assert lower.shape == (ROUNDS,)
        inside += [(lower <= run[1:]) & (run[1:] <= upper) for run in control[f"{name}_frechet"]]
    # Of 72, not independent within a run, 95 of 100.
    assert np.mean(inside) > 0.85
    assert (control["control-pure_frechet_upper"][1:] > control["control-pure_frechet"][0, 0]).all()


def test_coordinates_of_two_first_models_are_not_put_together(perfect, tmp_path):
    """They are along other axes: here one of them is told in other units."""
    own, other = perfect["class-pure-0"], tmp_path / "class-pure-1"
    shutil.copytree(perfect["class-pure-1"], other)
    text = (other / METRICS).read_text()
    (other / METRICS).write_text(text.replace(f'"{FIRST_MODEL}": 1.5', f'"{FIRST_MODEL}": 1.25'))
    arrays = load_samples(other, 0)
    arrays["coordinates"] = 100 * arrays["coordinates"]
    np.savez(other / "samples" / "000.npz", **arrays)
    lines = read_lines(own / METRICS)
    alone, beside = (image_control._perfect(paths, lines) for paths in ([own], [own, other]))
    np.testing.assert_array_equal(alone, beside)


def test_runs_measured_in_other_features_are_not_put_beside_each_other(perfect, tmp_path):
    folder = tmp_path / "class-mixed-1"
    shutil.copytree(perfect["class-mixed-1"], folder)
    lines = (folder / METRICS).read_text().replace("made-up features", "other features")
    (folder / METRICS).write_text(lines)
    with pytest.raises(ValueError, match=r"measured in made-up features .* and other features"):
        image_control.compute({**perfect, folder.name: folder})
