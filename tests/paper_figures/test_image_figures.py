"""Figures of runs on images: what they say of runs, made or recorded, and of missing records."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import AxesImage

from gpu_experiments.experiment import ImageExperiment
from gpu_experiments.presets import CONTROLS, PRESETS
from paper_figures import (
    image_choice,
    image_control,
    image_quality,
    image_repeats,
    image_rewards,
    image_runs,
    image_samples,
    image_seeds,
    image_theory,
    style,
    trained,
)
from paper_figures.__main__ import main
from paper_figures.figure import produce
from paper_figures.keep import keep
from paper_figures.registry import FIGURES
from paper_figures.results import source_files
from sim.experiment import Experiment
from sim.presets import EXPERIMENTS
from sim.recording import load_samples
from sim.runs import METRICS, read_lines
from tests.paper_figures.conftest import TINY
from tests.paper_figures.synthetic_images import write_run

CIFAR10 = [name for name in FIGURES if name.startswith("cifar10_")]


@pytest.fixture
def recorded_in(monkeypatch):
    """Makes a folder that of the recorded runs."""
    return lambda folder: monkeypatch.setattr(image_runs, "RECORDED", folder)


@pytest.fixture(scope="module")
def perfect(tmp_path_factory):
    """Three runs of each setting with a generator without error, by name."""
    folder = tmp_path_factory.mktemp("perfect")
    return {
        f"{reward}-{ratio}-{seed}": write_run(folder, reward, ratio, seed, 4, kept=400, K=4)
        for reward in image_runs.REWARDS
        for ratio in image_runs.RATIOS
        for seed in range(3)
    }


def options(tmp_path):
    return [f"--{name}={tmp_path / name}" for name in ("out", "results", "runs")]


# What is read


@pytest.mark.parametrize("reward", image_runs.REWARDS)
def test_the_runs_on_digits_are_those_of_the_preset(reward):
    wanted = image_runs.experiments(image_runs.made((reward,)))
    preset = PRESETS["digits-quick"].runs
    assert set(wanted) == {name for name in preset if name.startswith(f"{reward}-")}
    assert len(wanted) == 6
    for name, run in wanted.items():
        assert run == preset[name]
        assert run.places.device == "cpu"


def test_the_first_rounds_of_a_longer_run_are_a_shorter_one(tmp_path):
    """Figures of several runs cut the longer ones: it changes nothing that they begin with."""
    tiny = TINY["class-mixed-0"]
    wanted = {
        str(iterations): dataclasses.replace(tiny, iterations=iterations) for iterations in (1, 2)
    }
    assert [done.error for done in trained.run(wanted, tmp_path, 1)] == ["", ""]
    short, long = (read_lines(tmp_path / name / METRICS) for name in ("1", "2"))
    assert len(short) == 2 < len(long)
    # Who is kept in its last round a run does not ask: that is all that the longer one adds.
    more = {"kept_reward", "kept_shares"}
    assert short[0] == long[0]
    assert short[1] == {key: value for key, value in long[1].items() if key not in more}
    for t in range(2):
        begun, same = (load_samples(tmp_path / name, t) for name in ("1", "2"))
        for key, array in begun.items():
            np.testing.assert_array_equal(array, same[key])


def test_runs_are_compared_in_the_rounds_that_all_have(perfect, tmp_path):
    long = write_run(tmp_path, "class", "mixed", 0, 6, kept=400, K=4)
    runs = {**perfect, "class-mixed-0": long}
    found, expected = (image_rewards.compute(each, "class") for each in (runs, perfect))
    # Metrics of a made-up run do not depend on its length either.
    for key, array in expected.items():
        np.testing.assert_array_equal(found[key], array)
    shared = image_quality.compute(runs, ("class-mixed",))["class-mixed_frechet"]
    np.testing.assert_array_equal(shared, 3 * [[10, 11, 12, 13, 14]])
    whole = image_quality.compute(runs, ("class-mixed",), whole=True)["class-mixed_frechet"]
    np.testing.assert_array_equal(whole[0], [10, 11, 12, 13, 14, 15, 16])
    assert np.isnan(whole[1:, 5:]).all()
    assert (whole[1:, :5] == whole[0, :5]).all()
    seeds = image_seeds.compute(runs)
    assert seeds["class_mixed_measured"].shape == seeds["class_mixed_mean"].shape == (3, 5, 2)
    assert image_samples.compute(runs)["class_mixed_rounds"] == 4


def test_folders_of_runs_on_images_go_by_their_code():
    run = PRESETS["digits-quick"].runs["class-mixed-1"]
    name = trained.folder(run, Path("runs")).name
    assert re.fullmatch(r"digits-class-lam-1-flow-1-[0-9a-f]{16}", name)
    other = dataclasses.replace(run, gamma=4.0)
    assert trained.folder(other, Path("runs")).name != name
    code = Path(__file__).parents[2] / "gpu_experiments" / "unet_training.py"
    assert code in source_files(code.with_name("experiment.py"))
    assert trained._code(ImageExperiment) != trained._code(Experiment)
    # That of other runs is as it was before there were any on images.
    assert "\n" not in trained._code(Experiment)
    assert "-pure-" in trained.folder(EXPERIMENTS["moons-pure"].paper, Path("runs")).name


def test_models_that_runs_share_are_those_of_this_code(monkeypatch, tmp_path):
    run = PRESETS["digits-quick"].runs["class-mixed-1"]
    placed = trained._placed(run, tmp_path)
    assert placed == run
    assert placed.places.models.is_relative_to(tmp_path / "models")
    monkeypatch.setattr(trained, "_code", lambda kind: "of other code")
    assert trained._placed(run, tmp_path).places.models != placed.places.models


def test_what_others_wait_for_is_run_first(monkeypatch, tmp_path):
    order = []
    monkeypatch.setattr(trained, "sweep", lambda grid, *_, **__: order.extend(grid))
    runs = {name: TINY[name] for name in ("class-pure-0", "class-pure-1")}
    trained.run(
        {**runs, "first": dataclasses.replace(runs["class-pure-0"], iterations=0)}, tmp_path, 1
    )
    assert [point.name for point in order] == ["first", *runs]


def test_runs_of_one_setting_differ_in_their_seeds_alone(tmp_path):
    folders = {
        "class-pure-0": write_run(tmp_path, "class", "pure", 0, 1, kept=20),
        "class-pure-1": write_run(tmp_path, "class", "pure", 1, 1, kept=21),
    }
    with pytest.raises(ValueError, match="the 2 runs of class-pure are not of one configuration"):
        image_runs.chosen(folders, "class", "pure")
    with pytest.raises(ValueError, match="the 0 runs of class-mixed"):
        image_runs.chosen(folders, "class", "mixed")


# What is predicted, and what runs do


@pytest.mark.parametrize("reward", image_runs.REWARDS)
def test_runs_without_model_error_stay_in_the_band(perfect, reward):
    results = image_rewards.compute(perfect, reward)
    outside = total = 0
    for ratio in image_runs.RATIOS:
        measured = results[f"{ratio}_measured"][:, 1:, :11]
        lower, upper = (results[f"{ratio}_{end}"][1:, :11] for end in ("lower", "upper"))
        outside += ((measured < lower) | (measured > upper)).sum()
        total += measured.size
    # 0.05 are expected, and statistics of a run are not independent.
    assert outside / total < 0.15


@pytest.mark.parametrize("reward", image_runs.REWARDS)
def test_the_law_of_the_rewards_has_the_predicted_mean(perfect, reward):
    """The integral of its upper tail."""
    results = image_rewards.compute(perfect, reward)
    below = results["below"]
    for ratio in image_runs.RATIOS:
        tail = np.trapezoid(1 - results[f"{ratio}_predicted"], below)
        # The grid is as fine as that.
        assert results[f"{ratio}_mean"][-1, 10] == pytest.approx(tail, abs=below[1])


def test_refits_that_bring_low_rewards_back_leave_the_band_below(tmp_path, perfect):
    blurred = {
        f"confidence-{ratio}-0": write_run(
            tmp_path, "confidence", ratio, 0, 4, blurred=0.1, kept=400, K=4
        )
        for ratio in image_runs.RATIOS
    }
    for ratio in image_runs.RATIOS:
        results = image_rewards.compute(blurred, "confidence")
        assert (results[f"{ratio}_measured"][0, 1:, 10] < results[f"{ratio}_lower"][1:, 10]).all()
    # Seen in the law of the last round's rewards too, which without the error is as predicted.
    results, right = (image_rewards.compute(each, "confidence") for each in (blurred, perfect))
    low = np.flatnonzero(results["below"] > 9)[0]
    assert results["pure_last"][0, low] > 0.05 > 10 * results["pure_predicted"][low]
    gap = right["pure_last"].mean(axis=0) - right["pure_predicted"]
    assert np.abs(gap).max() < 0.1


def test_what_the_class_reward_does(perfect):
    results = image_rewards.compute(perfect, "class")
    for ratio in image_runs.RATIOS:
        mean = results[f"{ratio}_measured"].mean(axis=0)
        assert (np.diff(mean[:, 0]) > 0).all()
        assert (np.diff(mean[:, 10]) > 0).all()
        assert (mean[-1, 1:10] < mean[0, 1:10]).all()
    assert results["pure_measured"][:, -1, 0].min() > 0.9
    assert results["mixed_measured"][:, -1, 0].max() < 0.6


def test_what_the_confidence_reward_does(perfect):
    results = image_rewards.compute(perfect, "confidence")
    spread = {
        ratio: np.ptp(results[f"{ratio}_measured"].mean(axis=0)[:, :10], axis=1)
        for ratio in image_runs.RATIOS
    }
    assert spread["pure"][-1] > 2 * spread["mixed"][-1]
    assert spread["pure"][-1] > 3 * spread["pure"][0]


@pytest.mark.parametrize("name", ["digits_class_reward", "digits_confidence_reward"])
def test_figures_of_rewards_show_what_the_runs_measured(computed, name):
    results = computed(name)
    for ratio in image_runs.RATIOS:
        measured = results[f"{ratio}_measured"]
        assert measured.shape == (2, 3, 12)
        np.testing.assert_allclose(measured[..., :10].sum(axis=-1), 1, rtol=1e-12)
        # The prediction begins with the candidates of all runs together.
        np.testing.assert_allclose(
            results[f"{ratio}_mean"][0], measured[:, 0].mean(axis=0), rtol=1e-6
        )
    assert str(results["provenance"]) == ""


def test_each_independent_run_has_its_own_prediction(computed):
    results = computed("digits_independent_runs")
    assert results["seeds"].tolist() == [0, 1]
    for reward in image_runs.REWARDS:
        for ratio in image_runs.RATIOS:
            measured, mean, lower, upper = (
                results[f"{reward}_{ratio}_{part}"]
                for part in ("measured", "mean", "lower", "upper")
            )
            assert measured.shape == (2, 3, 2)
            np.testing.assert_allclose(mean[:, 0], measured[:, 0], rtol=1e-6)
            # Its own candidates are known: chance begins after them.
            np.testing.assert_allclose(lower[:, 0], upper[:, 0], atol=1e-12)
            assert (lower[:, 1:, 1] < upper[:, 1:, 1]).all()


def test_without_common_seeds_there_is_nothing_to_compare(perfect):
    apart = {name: path for name, path in perfect.items() if name.endswith("-0")}
    apart["class-mixed-1"] = perfect["class-mixed-1"]
    del apart["class-mixed-0"]
    with pytest.raises(ValueError, match="no seed has runs of all settings"):
        image_seeds.compute(apart)


def test_quality_is_compared_in_one_kind_of_features(perfect, tmp_path):
    settings = image_runs.settings()
    results = image_quality.compute(perfect, settings)
    assert str(results["features"]) == "made-up features (7)"
    assert results["frechet_level"] == 5.0
    assert results["recall_level"] == pytest.approx(0.85)
    np.testing.assert_allclose(results["class-pure_frechet"], 3 * [[10, 11, 12, 13, 14]])
    other = write_run(tmp_path, "class", "pure", 0, 4, kept=400, K=4)
    text = (other / METRICS).read_text()
    (other / METRICS).write_text(text.replace("made-up features (7)", "features of others"))
    with pytest.raises(ValueError, match=r"features of others and made-up features \(7\)"):
        image_quality.compute({**perfect, "class-pure-0": other}, settings)


@pytest.mark.parametrize(
    ("name", "says", "entries"),
    [
        ("quality_class_reward", "class reward", ["pure", "mixed"]),
        (
            "quality_with_real_data",
            "loop with real images",
            ["class reward", "confidence reward"],
        ),
    ],
)
def test_quality_names_its_features_and_its_runs(drawn, name, says, entries):
    (legend,) = drawn(f"digits_{name}").legends
    assert legend.get_title().get_text() == f"{says}, in digits network features (48)"
    assert [text.get_text() for text in legend.get_texts()] == [*entries, "real images"]


# What repetition shows


@pytest.mark.parametrize("ratio", image_runs.RATIOS)
def test_runs_without_model_error_have_the_exact_loop_as_mean(perfect, ratio):
    """Drawn image by image against the loop of laws, which is what their mean is up to 1/n."""
    paths = image_runs.chosen(perfect, "confidence", ratio)
    replicas = 300
    drawn = image_repeats.perfect_runs(
        image_runs.start(paths), image_runs.sizes(paths), 10, replicas, np.random.default_rng(3)
    )
    assert drawn.shape == (replicas, 5, 10)
    exact = image_runs.predicted(paths).bands.mean[:, :10]
    error = drawn.std(axis=0) / np.sqrt(replicas)
    # Fifty means; a bias of 1/n = 1/400 of what there is comes on top.
    assert (np.abs(drawn.mean(axis=0) - exact) < 4.5 * error + exact / 400).all()


@pytest.mark.parametrize("ratio", image_runs.RATIOS)
def test_the_range_holds_runs_without_model_error_and_not_others(perfect, ratio):
    results = image_repeats.compute(perfect)
    shares = results[f"{ratio}_shares"][:, -1]
    lower, upper = (results[f"{ratio}_shares_{end}"] for end in ("lower", "upper"))
    # 1.5 of 30 are expected outside, and shares of a run depend on each other.
    assert ((shares < lower) | (shares > upper)).sum() <= 6
    moved = results[f"{ratio}_moved"]
    lower, upper = (results[f"{ratio}_moved_{end}"] for end in ("lower", "upper"))
    assert ((moved < lower) | (moved > upper)).mean() < 0.35
    # Shares that go where no reward drives them are outside.
    turned = np.roll(shares, 5, axis=1)
    lower, upper = (results[f"{ratio}_shares_{end}"] for end in ("lower", "upper"))
    assert ((turned < lower) | (turned > upper)).sum() > 12


def test_the_distance_from_the_start_is_the_most_that_a_set_of_classes_gains():
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(6), size=(2, 4))
    sets = np.array(list(itertools.product([0, 1], repeat=6)))
    gains = (shares - shares[:, :1]) @ sets.T
    np.testing.assert_allclose(image_repeats.moved(shares), gains.max(axis=-1), atol=1e-12)


def test_the_bound_of_the_mixed_loop_is_the_most_that_any_set_gains(perfect):
    """The envelope iterated to its limit, on sets of every mass."""
    results = image_repeats.compute(perfect)
    masses = np.linspace(1e-6, 1, 100_001)
    reached = masses
    for _ in range(400):
        reached = (masses + 1 - (1 - reached) ** 4) / 2
    assert float(results["bound"]) == pytest.approx((reached - masses).max(), abs=1e-5)
    assert results["mixed_moved"].max() < results["bound"]


@pytest.mark.parametrize(("name", "K"), [("digits_choice", 4), ("cifar10_choice", 20)])
def test_one_of_all_candidates_is_kept(computed, drawn, name, K):
    results = computed(name)
    for reward in image_runs.REWARDS:
        rewards, chances = results[f"{reward}_rewards"], results[f"{reward}_probabilities"]
        assert rewards.shape == (K,)
        weights = np.exp(rewards)
        np.testing.assert_allclose(chances, weights / weights.sum(), rtol=1e-10)
        assert 0 <= results[f"{reward}_kept"] < K
    panels = drawn(name).findobj(AxesImage)
    assert len(panels) == 2 * K
    told = [panel.axes.get_xlabel() for panel in panels]
    assert [("kept" in text) for text in told] == [
        number == results[f"{reward}_kept"] for reward in image_runs.REWARDS for number in range(K)
    ]


def test_the_kept_image_is_the_one_that_the_run_kept(perfect):
    results = image_choice.compute(perfect)
    with np.load(perfect["class-pure-0"] / "samples" / "000.npz") as saved:
        (place,) = np.flatnonzero(
            (saved["images"] == results["class_images"][results["class_kept"]]).all(axis=(1, 2, 3))
        )
        assert place in saved["kept"]
        assert results["class_rewards"][results["class_kept"]] == saved["rewards"][place]
        # Of the three groups that were saved it is the one whose choice is nearest to half open.
        weights = np.exp(saved["rewards"][:12].astype(float)).reshape(3, 4)
        chances = weights / weights.sum(axis=1, keepdims=True)
        bits = -(chances * np.log2(chances)).sum(axis=1)
        assert place // 4 == np.abs(bits - 1).argmin() != np.abs(bits).argmin()


def test_a_choice_among_images_that_were_not_saved_is_refused(tmp_path):
    path = write_run(tmp_path, "class", "pure", 0, 1, kept=20)
    file = path / "samples" / "000.npz"
    with np.load(file) as saved:
        arrays = {name: saved[name] for name in saved.files}
    np.savez(file, **{**arrays, "images": arrays["images"][:19]})
    with pytest.raises(ValueError, match="19 images were saved per round and a choice is among 20"):
        image_choice.compute({"class-pure-0": path})


def test_tiles_are_images_in_rows():
    images = np.arange(5 * 16 * 16 * 1, dtype=np.uint8).reshape(5, 16, 16, 1)
    grid = image_samples.tiled(images, 2)
    assert grid.shape == (33, 33, 1)
    np.testing.assert_array_equal(grid[:16, 17:], images[1])
    np.testing.assert_array_equal(grid[17:, :16], images[2])
    assert (grid[16] == image_samples.GREY).all()


def test_grids_begin_with_the_same_images(perfect, tmp_path):
    results = image_samples.compute(perfect)
    with np.load(perfect["confidence-mixed-0"] / "samples" / "004.npz") as saved:
        np.testing.assert_array_equal(results["confidence_mixed"], saved["images"])
    other = write_run(tmp_path, "class", "mixed", 7, 4, kept=400, K=4)
    with pytest.raises(
        ValueError, match="class-mixed does not begin with the images of the others"
    ):
        image_samples.compute({**perfect, "class-mixed-0": other})


# What is recorded


def test_figures_of_cifar10_wait_for_a_record(recorded_in, tmp_path, monkeypatch, capsys):
    assert len(CIFAR10) == 10
    recorded_in(tmp_path / "nothing")
    monkeypatch.setattr("paper_figures.__main__.claims", {})  # checked elsewhere
    assert main([*CIFAR10, *options(tmp_path)]) == 0
    told = capsys.readouterr()
    assert told.err == "Nothing to compute: all is saved.\n"
    assert f"{len(CIFAR10)} not recorded: " in told.out
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["index.html"]
    assert not (tmp_path / "results").exists()
    done = produce(FIGURES[CIFAR10[0]], *(tmp_path / name for name in ("results", "runs", "out")))
    assert (done.paths, done.computed, done.drawn) == ([], False, False)
    assert main(["list"]) == 0
    listed = " ".join(capsys.readouterr().out.split())
    assert listed.count("(not recorded yet)") == len(CIFAR10)


def test_half_a_record_is_none(recorded_in, synthetic_record, tmp_path):
    recorded_in(tmp_path)
    for path in synthetic_record.iterdir():
        if path.name != "class-mixed-0" and path.name != "class-mixed-1":
            (tmp_path / path.name).symlink_to(path)
    there = {name for name in CIFAR10 if FIGURES[name].record(FIGURES[name].parameters)}
    assert there == {"cifar10_confidence_reward", "cifar10_confidence_repeated"}


def test_a_recorded_figure_says_where_it_was_made(recorded_in, synthetic_record, tmp_path, capsys):
    recorded_in(synthetic_record)
    assert main(["cifar10_class_reward", *options(tmp_path), "--processes", "1"]) == 0
    assert "not recorded" not in capsys.readouterr().out
    assert (tmp_path / "out" / "cifar10_class_reward.png").is_file()


@pytest.mark.parametrize(("bits", "same"), [(1, True), (3, False)])
def test_images_are_the_same_up_to_what_a_gpu_rounds(perfect, tmp_path, bits, same):
    """Every byte off by 1, or by 1 or 3 as its second bit says: by 2 in the mean."""
    path = tmp_path / "class-mixed-0"
    shutil.copytree(perfect["class-mixed-0"], path)
    arrays = load_samples(path, 0)
    np.savez(path / "samples" / "000.npz", **{**arrays, "images": arrays["images"] ^ bits})
    folders = {**perfect, "class-mixed-0": path}
    if same:
        found = image_samples.compute(folders)["start"]
        np.testing.assert_array_equal(found, image_samples.compute(perfect)["start"])
    else:
        with pytest.raises(ValueError, match="does not begin with the images of the others"):
            image_samples.compute(folders)


@pytest.mark.parametrize("name", CIFAR10)
def test_provenance_is_printed_in_the_figure(drawn, name):
    told = " ".join(drawn(name).get_supxlabel().split())
    runs, seeds = {
        "cifar10_class_reward": (4, "seeds 0, 1"),
        "cifar10_confidence_reward": (4, "seeds 0, 1"),
        "cifar10_quality_class_reward": (4, "seeds 0, 1"),
        "cifar10_confidence_repeated": (4, "seeds 0, 1"),
        "cifar10_quality_with_real_data": (4, "seeds 0, 1"),
        "cifar10_choice": (2, "seed 0"),
        "cifar10_samples": (4, "seed 0"),
        "cifar10_control": (10, "seeds 0, 1"),
    }.get(name, (8, "seeds 0, 1"))
    assert "one made-up GPU with 7 cores" in told
    assert "Python 3.11.7, torch 9.8.7, torchcfm 1.0.7" in told
    assert f"{runs} runs, {seeds}" in told
    # 100 seconds in each of 11 rounds of pure runs and 21 of mixed ones.
    rounds = {"cifar10_choice": 11, "cifar10_quality_with_real_data": 21}.get(name, 16)
    # The two controls are as short as pure runs.
    seconds = 100 * (8 * rounds + 2 * 11 if runs == 10 else rounds * runs)
    assert f"wall time {round(seconds / 60)} min" in told


def test_another_record_is_computed_anew(recorded_in, tmp_path):
    runs, record = tmp_path / "made", tmp_path / "record"
    for ratio in image_runs.RATIOS:
        path = write_run(runs, "class", ratio, 0, 1, kept=50)
        keep(path, "one computer", record)
    recorded_in(record)
    places = [tmp_path / name for name in ("results", "runs", "out")]
    figure = FIGURES["cifar10_class_reward"]
    assert produce(figure, *places).computed
    assert not produce(figure, *places).computed
    provenance = record / "class-pure-0" / image_runs.PROVENANCE
    said = {**json.loads(provenance.read_text()), "hardware": "another computer"}
    provenance.write_text(json.dumps(said))
    assert produce(figure, *places).computed


def test_a_record_whose_seeds_were_cut_short_is_drawn_as_far_as_all_go(tmp_path):
    """Of recorded runs there are samples of the first and last rounds alone, which differ."""
    settings = (*image_runs.settings(), *CONTROLS)
    kept = {}
    for setting, (seed, rounds) in itertools.product(settings, enumerate((3, 2, 4))):
        path = write_run(tmp_path / "runs", *setting.split("-"), seed, rounds, kept=40)
        kept[path.name] = keep(path, "one computer", tmp_path / "record").path
    for reward in image_runs.REWARDS:
        found = image_rewards.compute(kept, reward)
        assert found["pure_measured"].shape[:2] == (3, 3)
        assert len(found["pure_last"]) == 1
    assert image_samples.compute(kept)["class_mixed_rounds"] == 2
    assert len(image_theory.compute(kept)["class-mixed_rise"]) == 1
    assert image_control.compute(kept)["class-mixed_exact"].shape == (3, 3)
    image_theory.draw(image_theory.compute(kept)).draw_without_rendering()
    image_rewards.draw_class(image_rewards.compute(kept, "class")).draw_without_rendering()


def test_what_is_kept_of_a_run_gives_the_same_figure(perfect, tmp_path):
    kept = {
        name: keep(path, "one computer", tmp_path).path
        for name, path in perfect.items()
        if name.endswith("-0")
    }
    alone = {name: path for name, path in perfect.items() if name in kept}
    assert {path.name for path in kept.values()} == set(kept)
    for compute in (
        lambda runs: image_rewards.compute(runs, "class"),
        lambda runs: image_rewards.compute(runs, "confidence"),
        lambda runs: image_quality.compute(runs, image_runs.settings()),
        image_repeats.compute,
        image_seeds.compute,
        image_choice.compute,
        image_samples.compute,
        image_theory.compute,
    ):
        found, expected = compute(kept), compute(alone)
        assert str(found.pop("provenance")).startswith("one computer; Python 3.11.7")
        assert str(expected.pop("provenance")) == ""
        assert found.keys() == expected.keys()
        for key, array in found.items():
            np.testing.assert_array_equal(array, expected[key])


def test_one_run_of_each_setting_is_drawn_too(perfect):
    alone = {name: path for name, path in perfect.items() if name.endswith("-0")}
    with style.rc():
        figures = [
            image_rewards.draw_class(image_rewards.compute(alone, "class")),
            image_seeds.draw(image_seeds.compute(alone)),
            image_repeats.draw(image_repeats.compute(alone)),
        ]
        for figure in figures:
            figure.draw_without_rendering()
    labels = [text.get_text() for text in figures[0].legends[0].get_texts()]
    assert "one run" in labels
