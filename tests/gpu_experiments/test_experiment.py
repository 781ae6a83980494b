"""Runs on images: fields, what is measured and saved, and that stopping a run changes nothing."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gpu_experiments.classifier import Classifier
from gpu_experiments.classifier_training import ClassifierSettings
from gpu_experiments.data import Labelled, load
from gpu_experiments.diffusion import ImageDiffusionSettings
from gpu_experiments.experiment import ImageExperiment, Places
from gpu_experiments.flow import FlowSettings
from gpu_experiments.images import Images, from_bytes
from gpu_experiments.rewards import LearntReward
from sim.recording import load_samples, record
from sim.runs import METRICS, RunFolder, read_lines

SMOKE = FlowSettings.smoke()
DIFFUSION = ImageDiffusionSettings.like(SMOKE, visited=3, times=10)


def contents(path: Path) -> dict[str, bytes]:
    """Everything in the folder that has to be the same, and every name."""
    files = {str(file.relative_to(path)): file for file in path.rglob("*") if file.is_file()}
    varying = ("seconds.jsonl", "environment.json")
    return {name: b"" if name in varying else file.read_bytes() for name, file in files.items()}


def in_colour(places: Places) -> ImageExperiment:
    """A run on images that Inception takes."""
    return ImageExperiment(
        data="cifar10",
        reward="class",
        gamma=1.0,
        K=4,
        kept=4,
        iterations=1,
        model=SMOKE,
        classifier=ClassifierSettings.cifar10(),
        places=places,
    )


@pytest.fixture(scope="module")
def done(tiny: ImageExperiment, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run, with all candidates of its rounds."""
    path = tmp_path_factory.mktemp("done") / "run"
    return record(replace(tiny, saved=20), path)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"data": "mnist"}, "data = 'mnist': give one of digits, cifar10"),
        ({"data": None}, "data = None: give one of"),
        ({"reward": "beauty"}, "reward = 'beauty': give one of class, confidence, learnt"),
        ({"K": 0}, "K = 0 is not a whole number of at least 1"),
        ({"K": 2.0}, "K = 2.0 is not a whole number"),
        ({"kept": 0}, "kept = 0 is not a whole number of at least 1"),
        ({"kept": 1}, r"K \* kept = 2 candidates are too few"),
        ({"kept": True}, "kept = True"),
        ({"iterations": -1}, "iterations = -1"),
        ({"iterations": 1.5}, "iterations = 1.5"),
        ({"lam": 0.0}, "lam = 0.0 keeps no synthetic data"),
        ({"lam": -1.0}, "lam = -1.0 keeps no synthetic data"),
        ({"lam": float("nan")}, "lam = nan keeps no synthetic data"),
        ({"lam": 1e9}, "leaves no real sample"),
        ({"lam": 1e-310}, "more real data than there are numbers"),
        ({"lam": "1"}, "lam = '1' is not a number"),
        ({"gamma": float("nan")}, "gamma = nan is not a positive finite number"),
        ({"gamma": float("inf")}, "gamma = inf is not a positive finite number"),
        ({"gamma": 0.0}, "gamma = 0.0 is not a positive"),
        ({"gamma": -5.0}, "gamma = -5.0 is not a positive"),
        ({"gamma": 710.0}, "gamma = 710.0 is not a positive finite number of at most 709"),
        ({"gamma": True}, "gamma = True is not a number"),
        ({"gamma": "5"}, "gamma = '5' is not a number"),
        ({"temperature": 0.0}, "temperature = 0.0 is not a positive"),
        ({"temperature": float("inf")}, "temperature = inf is not a positive"),
        ({"index": 10}, "index = 10 is no class of digits: give one from 0 to 9"),
        ({"index": -1}, "index = -1 is not a whole number of at least 0"),
        ({"index": 1.0}, "index = 1.0 is not a whole number"),
        ({"comparisons": 0}, "comparisons = 0 is not a whole number of at least 1"),
        ({"limit": 3}, "limit = 3 is not a whole number of at least 20"),
        ({"limit": 30.0}, "limit = 30.0 is not a whole number"),
        ({"limit": True}, "limit = True is not a whole number"),
        ({"compared": 9}, "compared = 9 is not a whole number of at least 10"),
        ({"saved": -1}, "saved = -1 is not a whole number of at least 0"),
        ({"seed": -1}, "seed -1 is not a whole number"),
        ({"pretraining": 0.5}, "seed 0.5 is not a whole number"),
        ({"selects": 0}, "selects = 0 is neither True nor False"),
        ({"warm_start": "no"}, "warm_start = 'no' is neither True nor False"),
        ({"model": ClassifierSettings.digits()}, "is no settings of a model"),
        ({"classifier": SMOKE}, "is no settings of a classifier"),
        ({"classifier": ClassifierSettings.cifar10()}, r"'vgg11' takes images of shape \(3, 32"),
        ({"data": "cifar10"}, r"'digits' takes images of shape \(1, 8, 8\) and those of cifar10"),
        ({"model": replace(SMOKE, channel_mult=(1,) * 5)}, "cannot be halved 4 times"),
        ({"places": Places(inception=Path(__file__))}, "Inception takes colour images, which dig"),
    ],
    ids=lambda value: value.split(":")[0] if isinstance(value, str) else "",
)
def test_bad_fields_are_refused_in_one_sentence(
    fields: dict[str, Any], message: str, tiny: ImageExperiment
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        replace(tiny, **fields)
    assert "\n" not in str(caught.value)


def test_inception_that_cannot_be_imported_is_missed_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "weights.pth"
    weights.write_bytes(b"")
    read = load("digits").images[:60].repeat(1, 3, 4, 4)
    one = Labelled(Images(read), torch.arange(60) % 10, load("digits").names, "digits in colour")
    monkeypatch.setattr("gpu_experiments.experiment._read", lambda *_: one)
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    run = in_colour(Places(models=tmp_path / "models", inception=weights))
    with pytest.raises(ImportError, match="torch-fidelity cannot be imported"):
        record(run, tmp_path / "run")
    assert not (tmp_path / "models").exists()


def test_parameters_of_inception_that_are_not_there_are_missed_at_once() -> None:
    with pytest.raises(FileNotFoundError, match=r"absent\.pth is no file"):
        in_colour(Places(inception=Path("absent.pth")))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kept": 200, "lam": 1.0}, "lam = 1.0 asks for 200 real images per round and there are"),
        ({"places": {"data": Path("here")}}, "take no path"),
    ],
    ids=["real", "path"],
)
def test_what_does_not_fit_the_data_is_refused_before_anything_is_trained(
    fields: dict[str, Any], message: str, tiny: ImageExperiment, tmp_path: Path
) -> None:
    places = Places(models=tmp_path / "models", **fields.pop("places", {}))
    with pytest.raises(ValueError, match=message):
        record(replace(tiny, places=places, **fields), tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_go_on_is_refused_before_anything_is_trained(
    tiny: ImageExperiment, done: RunFolder, tmp_path: Path
) -> None:
    before = contents(done.path)
    elsewhere = Places(models=tmp_path / "models")
    with pytest.raises(ValueError, match=r"gamma: 5\.0 there, 4\.0 here"):
        record(replace(tiny, saved=20, gamma=4.0, places=elsewhere), done.path, resume=True)
    longer = replace(tiny, saved=20, model=replace(tiny.model, steps=5), places=elsewhere)
    with pytest.raises(ValueError, match=r"model\.steps: 4 there, 5 here"):
        record(longer, done.path, resume=True)
    same = replace(tiny, saved=20, places=elsewhere)
    with pytest.raises(ValueError, match="holds this run up to round 2 of 2: --resume"):
        record(same, done.path)
    # A complete run is left as it is, wherever its models are.
    assert record(same, done.path, resume=True).metrics() == done.metrics()
    assert contents(done.path) == before
    assert list(tmp_path.iterdir()) == []


def test_the_configuration_is_all_that_numbers_depend_on(tiny: ImageExperiment) -> None:
    found = json.loads(json.dumps(tiny.as_json(), allow_nan=False))
    assert set(found) == (set(asdict(tiny)) - {"places"}) | {"generator"}
    assert found["lam"] == "inf"
    assert found["model"] == json.loads(json.dumps(asdict(tiny.model)))
    assert found["classifier"]["epochs"] == 1
    assert found["generator"] == "flow"
    assert replace(tiny, model=DIFFUSION).as_json()["generator"] == "ddim"
    assert replace(tiny, places=Places(device="cpu")).as_json() == tiny.as_json()
    assert replace(tiny, places=Places(device="cpu")) == tiny


def test_metrics_and_arrays_are_those_of_the_candidates(
    tiny: ImageExperiment, done: RunFolder
) -> None:
    names = load("digits").names
    judges = replace(tiny).judges
    lines = done.metrics()
    assert [line["t"] for line in lines] == [0, 1, 2]
    for line in lines:
        arrays = load_samples(done.path, line["t"])
        assert set(arrays) == {"rewards", "classes", "images"} | (
            {"kept"} if line["t"] < 2 else set()
        ) | ({"coordinates"} if line["t"] == 0 else set())
        images = from_bytes(torch.from_numpy(arrays["images"]))
        assert images.shape == (20, 1, 8, 8)
        # All candidates were saved, to 8 bits: their rewards are nearly those of the images.
        probabilities = judges.probabilities(images)
        assert arrays["rewards"] == pytest.approx(5 * probabilities[:, 0].numpy(), abs=0.01)
        assert np.ptp(arrays["rewards"]) > 0
        assert line["reward"] == pytest.approx(arrays["rewards"].mean(), rel=1e-6, abs=0)
        counts = np.bincount(arrays["classes"], minlength=10)
        assert line["shares"] == {name: counts[k] / 20 for k, name in enumerate(names)}
        assert line["candidates"] == 20
        (quality,) = line["quality"]
        assert quality["features"] == "digits network features (48)"
        # The test images, of which as many as there are candidates are compared.
        assert (quality["real"], quality["generated"], quality["compared"]) == (60, 20, 20)
        if "kept" in arrays:
            kept = arrays["kept"]
            assert np.array_equal(kept // 2, np.arange(10))
            mean = arrays["rewards"][kept].mean()
            assert line["kept_reward"] == pytest.approx(mean, rel=1e-6, abs=0)
    first = load_samples(done.path, 0)["coordinates"]
    assert first.shape == (20, len(lines[0]["reference"][0]["axes_variances"]))
    along = lines[0]["quality"][0]["along_axes"]
    # Kept in float32.
    assert first.mean(axis=0) == pytest.approx(np.array(along["mean"]), rel=1e-4, abs=1e-5)
    report = asdict(judges.report(replace(tiny)._test))
    assert lines[0]["classifier"] == json.loads(json.dumps(report))
    assert [entry["real"] for entry in lines[0]["reference"]] == [60]
    assert "classifier" not in lines[1]


def test_a_control_keeps_at_random_what_the_loop_keeps_by_reward(
    tiny: ImageExperiment, done: RunFolder, tmp_path: Path
) -> None:
    # Rewards of which any choice by reward keeps the largest, at any place among the K.
    rewards = torch.tensor([900.0, 0.0] * 200 + [0.0, 900.0] * 200, dtype=torch.float64)
    best = torch.cat([torch.arange(0, 400, 2), torch.arange(401, 800, 2)])
    kept = tiny.curator().keep(rewards, np.random.default_rng(0))
    assert torch.equal(kept, best)
    control = replace(tiny, selects=False, saved=20)
    drawn = control.curator().keep(rewards, np.random.default_rng(0))
    assert torch.equal(drawn // 2, torch.arange(400))
    # 400 tosses: 200 with a deviation of 10.
    assert abs(int((drawn == best).sum()) - 200) < 50
    lines = record(replace(control, iterations=1), tmp_path / "control").metrics()
    before = done.metrics()
    assert lines[0]["reward"] == before[0]["reward"]
    assert lines[0]["kept_reward"] != before[0]["kept_reward"]
    assert lines[0]["reference"] == before[0]["reference"]


def test_a_control_measures_the_reward_that_choosing_runs_learn(
    tiny: ImageExperiment, tmp_path: Path
) -> None:
    """Which of them begins must not matter: the learnt reward is kept for both."""
    found = []
    for selects in (True, False):
        places = replace(tiny.places, models=tmp_path / str(selects))
        run = replace(tiny, reward="learnt", selects=selects, comparisons=200, places=places)
        found.append(run.judge(run._test.images.to(run.team.device)))
    assert torch.equal(*found)


def test_real_images_are_read_once_for_all_runs(
    tiny: ImageExperiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert replace(tiny, limit=None)._train is replace(tiny, limit=None, seed=9)._train
    assert replace(tiny, limit=None)._train is not replace(tiny, limit=None)._test


def test_the_images_that_judge_are_not_those_that_train(tiny: ImageExperiment) -> None:
    one = replace(tiny)
    assert "train part" in one._train.source
    assert "test part" in one._test.source
    assert len(one._train) == len(one._test) == 60
    assert len(replace(tiny, limit=None)._train) == 1442
    assert len(replace(tiny, limit=1000)._test) == 355
    assert not torch.equal(one._train.images, replace(tiny, pretraining=1)._train.images)


def test_same_seed_same_bytes_and_another_seed_has_the_same_first_model(
    tiny: ImageExperiment, tmp_path: Path
) -> None:
    # In a folder of models of their own: trained anew, or read, the bytes are the same.
    again = replace(tiny, places=Places(models=tmp_path / "models"))
    whole = [
        contents(record(run, tmp_path / name).path)
        for name, run in (("one", tiny), ("trained", again), ("read", replace(again)))
    ]
    assert whole[0] == whole[1] == whole[2]
    # Also where the other seed makes the first model.
    elsewhere = Places(models=tmp_path / "other models")
    other = record(replace(tiny, seed=1, places=elsewhere), tmp_path / "other")
    first = [read_lines(tmp_path / name / METRICS)[0] for name in ("one", "other")]
    assert first[0]["reward"] != first[1]["reward"]
    assert first[0]["fit"] == first[1]["fit"]
    assert first[0]["classifier"] == first[1]["classifier"]
    assert other.metrics()[1]["fit"] != read_lines(tmp_path / "one" / METRICS)[1]["fit"]


def test_models_are_trained_once_for_all_runs_that_share_them(
    tiny: ImageExperiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = replace(tiny, iterations=0, places=Places(models=tmp_path / "models"))
    record(shared, tmp_path / "first")
    trained = {file.name for file in (tmp_path / "models").glob("*.pt")}
    assert sorted(name.partition("-")[0] for name in trained) == ["classifier", "pretrained"]

    def again(*_: Any, **__: Any) -> None:
        raise AssertionError("trained again")

    with monkeypatch.context() as patch:
        patch.setattr("gpu_experiments.experiment.train_classifier", again)
        patch.setattr("gpu_experiments.flow.ImageFlow.fit", again)
        for number, fields in enumerate(
            (
                {"seed": 3, "gamma": 1.0, "K": 3, "lam": 1.0, "temperature": 2.0},
                {"reward": "confidence", "index": 1, "saved": 0, "compared": 10, "kept": 5},
                {"warm_start": False},
            )
        ):
            record(replace(shared, **fields), tmp_path / str(number))
    for fields in (
        {"pretraining": 1},
        {"limit": 61},
        {"classifier": replace(tiny.classifier, rate=0.02)},
    ):
        other = replace(shared, **fields)
        with monkeypatch.context() as patch:
            patch.setattr("gpu_experiments.experiment.train_classifier", again)
            with pytest.raises(AssertionError, match="trained again"):
                other.loop()


def test_the_temperature_is_that_of_the_run_and_not_of_the_file(tiny: ImageExperiment) -> None:
    images = Images(torch.zeros(1, 1, 8, 8))
    cold, warm = (replace(tiny, temperature=value).judges for value in (0.5, 2.0))
    assert torch.allclose(cold.logits(images), 4 * warm.logits(images))


def runs_of(tiny: ImageExperiment) -> dict[str, ImageExperiment]:
    return {
        "pure": tiny,
        "mixed": replace(tiny, lam=0.5),
        "cold": replace(tiny, warm_start=False),
        "ddim": replace(tiny, model=DIFFUSION, reward="confidence"),
        "learnt": replace(tiny, reward="learnt"),
    }


@pytest.mark.parametrize("kind", ["mixed", "cold", "ddim", "learnt"])
def test_every_kind_of_run_gives_the_same_when_stopped_and_resumed(
    kind: str, tiny: ImageExperiment, tmp_path: Path
) -> None:
    run = runs_of(tiny)[kind]
    whole = record(run, tmp_path / "whole")
    assert [line["t"] for line in whole.metrics()] == [0, 1, 2]
    assert all(line["shares"] for line in whole.metrics())

    def stop(status: Any) -> None:
        if status.t == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record(replace(run), tmp_path / "stopped", watch=stop)
    again = record(replace(run), tmp_path / "stopped", resume=True)
    assert contents(again.path) == contents(whole.path)


def test_a_cold_start_is_fitted_to_what_was_kept(tiny: ImageExperiment) -> None:
    loop = replace(tiny, warm_start=False, iterations=1).loop()
    states = [(loop.generator.state(), loop.fitted) for _ in loop.rounds()]
    (first, told), (second, later) = states
    assert told["steps"] == later["steps"] == tiny.model.steps
    assert told["loss"] != later["loss"]
    weights = [state["weights"] for state in (first, second)]
    assert any(not torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    warm = replace(tiny, iterations=1).loop()
    assert [warm.fitted["steps"] for _ in warm.rounds()] == [4, 2]


def test_real_images_join_the_kept_ones_in_a_mixed_run(tiny: ImageExperiment) -> None:
    loop = replace(tiny, lam=0.5, iterations=1).loop()
    seen = []
    for found in loop.rounds():
        if found.kept is not None:
            fit = loop.generator.fit
            loop.generator.fit = lambda data, *rest, fit=fit: (seen.append(data), fit(data, *rest))[
                1
            ]
            kept = found.candidates[found.kept]
    (data,) = seen
    assert len(data) == 10 + 20
    assert torch.equal(data[:10], kept)
    real = replace(tiny)._train.images
    assert all(any(torch.equal(one, other) for other in real) for one in data[10:])


def test_a_learnt_reward_is_learnt_once_from_the_answers_to_the_class_reward(
    tiny: ImageExperiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = Places(models=tmp_path)
    learnt = replace(tiny, reward="learnt", comparisons=60, places=places)
    images = learnt._train.images
    reward = learnt.judge
    assert isinstance(reward, LearntReward)
    true = replace(tiny, places=places).judge(images)
    # Sixty answers about a reward that hardly differs say little; that they say something is seen
    # with a reward of a hundred times the spread.
    sharp = replace(learnt, gamma=600.0, temperature=0.2)
    found = sharp.judge(images)
    true = replace(sharp, reward="class").judge(images)
    assert float(torch.corrcoef(torch.stack([found, true]))[0, 1]) > 0.5

    def again(*_: Any) -> None:
        raise AssertionError("learnt again")

    monkeypatch.setattr("gpu_experiments.experiment.learn_reward", again)
    assert torch.equal(replace(learnt).judge(images), reward(images))
    assert torch.equal(replace(learnt, seed=1, kept=20).judge(images), reward(images))
    for fields in ({"K": 3}, {"index": 1}, {"comparisons": 61}, {"temperature": 2.0}):
        with pytest.raises(AssertionError, match="learnt again"):
            _ = replace(learnt, **fields).judge


@pytest.mark.parametrize("kind", ["pure", "cold"])
def test_killed_at_random_moments_a_run_gives_the_same_files(
    kind: str, processes: Any, tiny: ImageExperiment, tmp_path: Path
) -> None:
    rounds = 9
    run = replace(runs_of(tiny)[kind], iterations=rounds)
    whole = contents(record(run, tmp_path / "whole").path)
    rng = np.random.default_rng(len(kind))
    path, killed = tmp_path / "killed", 0
    # The first is killed with the classifier and the pretraining still to be made.
    elsewhere = replace(run, places=Places(models=tmp_path / "models"))
    for stop in (-1, 0, 3, 6):
        process = processes.Process(
            target=record, args=(replace(elsewhere), path), kwargs={"resume": True}
        )
        process.start()
        deadline = time.monotonic() + 100
        while len(read_lines(path / METRICS)) <= stop or not (tmp_path / "models").exists():
            assert time.monotonic() < deadline
            time.sleep(0.0005)
        time.sleep(rng.uniform(0, 0.05))
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert process.exitcode == -signal.SIGKILL
        killed += len(read_lines(path / METRICS)) <= rounds
    # At least one in the middle, or nothing was tested: all four unless the machine is slow.
    assert killed >= 1
    assert contents(record(replace(elsewhere), path, resume=True).path) == whole


def test_a_state_of_another_kind_of_generator_is_refused(
    tiny: ImageExperiment, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path, tiny.as_json())
    loop = replace(tiny, model=DIFFUSION, iterations=0).loop()
    for _ in loop.rounds():
        folder.checkpoint(loop.state())
    with pytest.raises(ValueError, match=r"checkpoint\.pt is not of this version of the program"):
        record(replace(tiny), tmp_path, resume=True)


def test_too_little_memory_names_a_batch_and_keeps_the_rounds_before(
    tiny: ImageExperiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = contents(record(tiny, tmp_path / "whole").path)
    calls = []

    def too_much(self: Any, *rest: Any) -> Any:
        # The warm fits have 2 steps each; fails in the second step of p_2.
        calls.append(1)
        if len(calls) == 4:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        return original(self, *rest)

    original = type(replace(tiny)._generator().unet)._step
    with monkeypatch.context() as patch:
        patch.setattr(type(replace(tiny)._generator().unet), "_step", too_much)
        with pytest.raises(MemoryError, match="give batch = 8 instead of 16"):
            record(replace(tiny), tmp_path / "run")
    assert len(read_lines(tmp_path / "run" / METRICS)) == 2
    assert contents(record(replace(tiny), tmp_path / "run", resume=True).path) == whole


def test_no_images_are_saved_if_none_are_wanted(tiny: ImageExperiment, tmp_path: Path) -> None:
    record(replace(tiny, iterations=0, saved=0), tmp_path / "none")
    arrays = load_samples(tmp_path / "none", 0)
    assert arrays["images"].shape == (0, 8, 8, 1)
    assert arrays["rewards"].shape == (20,)


def test_the_first_images_are_saved(tiny: ImageExperiment, done: RunFolder, tmp_path: Path) -> None:
    record(replace(tiny, iterations=0, saved=3), tmp_path)
    images = load_samples(tmp_path, 0)["images"]
    assert np.array_equal(images, load_samples(done.path, 0)["images"][:3])


@pytest.mark.parametrize(
    ("batch", "piece", "processes", "smaller"),
    [
        (16, 8, 2, 8),
        (16, 16, 2, 8),
        (128, 128, 8, 16),
        (512, 128, 8, 64),
        (12, 12, 4, 3),
        (48, 4, 8, 2),
    ],
)
def test_pieces_are_made_smaller_until_all_processes_have_one(
    batch: int, piece: int, processes: int, smaller: int, tiny: ImageExperiment
) -> None:
    run = replace(tiny, model=replace(tiny.model, batch=batch, piece=piece))
    found = run.shared_by(processes)
    assert found.model == replace(run.model, piece=smaller)
    assert replace(found, model=run.model) == run
    assert (batch // smaller) % processes == 0
    assert run.shared_by(1) is run


def test_a_batch_that_processes_cannot_share_is_refused(tiny: ImageExperiment) -> None:
    with pytest.raises(ValueError, match="batch of 16 images cannot be shared out to 3 processes"):
        tiny.shared_by(3)


def test_the_classifier_is_one_that_was_trained(tiny: ImageExperiment) -> None:
    judges = replace(tiny).judges
    assert isinstance(judges, Classifier)
    # One epoch of 60 images is no good judge; that it is better than none is seen on them.
    longer = replace(tiny, classifier=replace(tiny.classifier, epochs=40, batch=20))
    assert longer.judges.report(longer._test).accuracy > 0.4
