"""Configurations: fields by their types, presets as published, metrics that are what they say."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from sim.curation import KChoice
from sim.datasets import GaussianMixture, TwoMoons
from sim.experiment import Experiment, UnknownField, field_values, with_fields
from sim.loop import Round
from sim.metrics import measured
from sim.models import MODELS
from sim.presets import EXPERIMENTS
from sim.protocols import DivergedTraining
from sim.recording import AlreadyBegun, Status, record
from sim.runs import SECONDS, RunFolder, read_lines
from sim.streams import Streams
from theory.choice import BestOf

QUICK = EXPERIMENTS["mixture-pure"].quick
SMALL = with_fields(
    QUICK, {"generator": "gaussian", "kept": "50", "real": "100", "iterations": "3"}
)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({"K": "4"}, {"K": 4}),
        ({"lam": "inf"}, {"lam": math.inf}),
        ({"warm-start": "False"}, {"warm_start": False}),
        ({"centre": "-1 2.5"}, {"centre": (-1.0, 2.5)}),
        ({"data.modes": "3", "data.std": "0.1"}, {"data.modes": 3, "data.std": 0.1}),
        ({"model.ode_steps": "7"}, {"model.ode_steps": 7}),
        ({"model.steps": "9", "generator": "ddim"}, {"generator": "ddim", "model.steps": 9}),
        ({"generator": "kernel", "model.bandwidth": "0.5"}, {"model.bandwidth": 0.5}),
    ],
)
def test_fields_are_read_by_their_types(texts: dict[str, str], expected: dict[str, Any]) -> None:
    values = field_values(with_fields(QUICK, texts))
    for name, value in expected.items():
        assert values[name] == value
        assert type(values[name]) is type(value)
    changed = {name for name, value in field_values(QUICK).items() if values.get(name) != value}
    assert {name for name in changed if not name.startswith("model.")} <= {"generator", *expected}


def test_no_fields_change_nothing() -> None:
    assert with_fields(QUICK, {}) == QUICK
    assert with_fields(QUICK, {"generator": QUICK.generator}) == QUICK


def test_another_generator_has_the_settings_of_the_preset() -> None:
    quick, paper = (
        with_fields(QUICK, {"generator": "ddpm"}, preset) for preset in ("quick", "paper")
    )
    assert quick.model == MODELS["ddpm"].quick
    assert paper.model == MODELS["ddpm"].paper != quick.model


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"Kx": "4"}, "no field 'Kx': did you mean 'K'"),
        ({"gama": "4"}, "did you mean 'gamma'"),
        ({"model.stepz": "4"}, "did you mean 'model.steps'"),
        ({"data.mode": "4"}, "did you mean 'data.modes'"),
        ({"model": "4"}, "no field 'model'"),
        ({"generator": "flows"}, "no generator 'flows': did you mean 'flow'"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(texts: dict[str, str], message: str) -> None:
    with pytest.raises(UnknownField, match=message):
        with_fields(QUICK, texts)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"K": "x"}, "K = 'x': give a whole number"),
        ({"K": "2.5"}, "K = '2.5'"),
        ({"K": "0"}, "K = 0"),
        ({"K": "3", "choice": "cyclic"}, "cyclic"),
        ({"choice": "bets"}, "choice model"),
        ({"choice": "{"}, "is not JSON"),
        ({"lam": "0"}, "keeps no synthetic data"),
        ({"lam": "0.1"}, "lam = 0.1 asks for 25000 real samples per round and there are 5000"),
        ({"iterations": "-1"}, "iterations = -1"),
        ({"real": "0"}, "real = 0"),
        ({"saved": "-1"}, "saved = -1"),
        ({"seed": "-1"}, "seed -1"),
        ({"gamma": "nan"}, "gamma = nan"),
        ({"centre": "1"}, r"centre = \(1.0,\) is no point of the data: give 2 finite numbers"),
        ({"centre": "1 nan"}, "is no point of the data"),
        ({"data.modes": "0"}, "modes is 0"),
        ({"warm_start": "maybe"}, "give True or False"),
        ({"model.method": "runge"}, "give euler or midpoint"),
        ({"model.rate": "-1"}, "rate = -1"),
        ({"device": "cuda"}, "'flow' runs on the CPU only"),
        ({"device": "no such"}, "device = 'no such'"),
        ({"device": "meta", "generator": "ddim"}, "device = 'meta' cannot be used here"),
        ({"lam": "1e-320"}, "more real data than there are numbers"),
        ({"generator": "exact", "warm_start": "False"}, "leave warm_start True"),
        ({"generator": "exact", "choice": "best-of-K"}, "take another generator"),
    ],
)
def test_bad_fields_are_refused_in_one_sentence(texts: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        with_fields(QUICK, texts)
    assert "\n" not in str(caught.value)


def test_settings_of_another_generator_are_refused() -> None:
    with pytest.raises(ValueError, match="the generator 'ddim' takes DiffusionSettings"):
        replace(QUICK, generator="ddim")


def test_the_paper_preset_is_what_was_published() -> None:
    for name, law, iterations in (("mixture", GaussianMixture, 8), ("moons", TwoMoons, 5)):
        for kind, lam, real in (("pure", math.inf, 0), ("mixed", 1.0, 5000)):
            paper = EXPERIMENTS[f"{name}-{kind}"].paper
            assert isinstance(paper.data, law)
            assert (paper.iterations, paper.K, paper.kept, paper.lam) == (iterations, 2, 5000, lam)
            assert paper.settings.real == real
            assert paper.model.coupling == "torchcfm"
            assert (paper.model.method, paper.model.ode_steps) == ("euler", 250)
    assert EXPERIMENTS["moons-pure"].paper.data == TwoMoons(noise=0.1)
    # All times of the chain, and a tenth of them.
    assert MODELS["ddpm"].paper.visited == MODELS["ddpm"].paper.times
    assert 10 * MODELS["ddim"].paper.visited == MODELS["ddim"].paper.times


def test_the_choice_model_named_is_the_one_that_chooses() -> None:
    assert replace(SMALL, choice="best-of-K", K=3).curator() == KChoice(3, BestOf())


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_configurations_are_json_and_tell_experiments_apart(name: str) -> None:
    quick, paper = EXPERIMENTS[name].quick, EXPERIMENTS[name].paper
    text = json.dumps(quick.as_json(), allow_nan=False)
    assert set(json.loads(text)) == {member.name for member in fields(Experiment)}
    assert quick.as_json() != paper.as_json()
    others = [other.quick.as_json() for key, other in EXPERIMENTS.items() if key != name]
    assert quick.as_json() not in others


def test_metrics_are_those_of_the_samples() -> None:
    data = GaussianMixture(modes=2, radius=1.0)
    candidates = torch.tensor([[1.0, 0.0], [1.1, 0.0], [-1.0, 0.0], [0.9, 0.1]])
    rewards = torch.tensor([0.0, -1.0, -2.0, -3.0], dtype=torch.float64)
    found = Round(4, candidates, rewards, torch.tensor([0, 3]), {"loss": torch.tensor(0.5)})
    metrics = measured(found, data)
    assert metrics["t"] == 4
    assert metrics["candidates"] == 4
    assert metrics["reward"] == pytest.approx(-1.5, abs=0)
    # Variance 5/3 of 0..3, over four samples.
    assert metrics["reward_se"] == pytest.approx(math.sqrt(5 / 12), rel=1e-15, abs=0)
    weights = [math.exp(-k) for k in range(4)]
    assert metrics["weight"] == pytest.approx(sum(weights) / 4, rel=1e-15, abs=0)
    assert metrics["weight_se"] == pytest.approx(np.std(weights, ddof=1) / 2, rel=1e-14, abs=0)
    assert metrics["kept_reward"] == -1.5
    assert metrics["shares"] == {"mode 0": 0.75, "mode 1": 0.25}
    assert metrics["shares_se"]["mode 0"] == pytest.approx(math.sqrt(3) / 8, rel=1e-15, abs=0)
    assert metrics["fit"] == {"loss": 0.5}
    json.dumps(metrics, allow_nan=False)


def test_the_last_round_keeps_nothing_and_one_candidate_has_no_error() -> None:
    found = Round(0, torch.zeros(1, 2), torch.zeros(1), None, {})
    metrics = measured(found, GaussianMixture())
    assert "kept_reward" not in metrics
    assert metrics["reward_se"] is None


@pytest.mark.parametrize("generator", MODELS)
def test_every_generator_runs_and_gives_the_same_numbers_again(
    generator: str, tmp_path: Path
) -> None:
    texts = {"generator": generator, "kept": "40", "real": "80", "iterations": "2", "lam": "1"}
    if hasattr(MODELS[generator].quick, "steps"):
        texts |= {"model.steps": "20", "model.warm_steps": "10", "model.width": "8"}
    experiment = with_fields(QUICK, texts)
    one, two = (record(experiment, tmp_path / name) for name in ("one", "two"))
    assert [line["t"] for line in one.metrics()] == [0, 1, 2]
    files = [(folder.path / "metrics.jsonl").read_bytes() for folder in (one, two)]
    assert files[0] == files[1]
    other = record(replace(experiment, seed=1), tmp_path / "other")
    assert (other.path / "metrics.jsonl").read_bytes() != files[0]


def test_a_run_keeps_samples_and_seconds(tmp_path: Path) -> None:
    folder = record(replace(SMALL, saved=7), tmp_path)
    for t in range(4):
        with np.load(tmp_path / "samples" / f"{t:03d}.npz") as stored:
            assert stored["candidates"].shape == (7, 2)
            assert ("kept" in stored) == (t < 3)
            if t < 3:
                assert stored["kept"].shape == (7, 2)
    seconds = folder.lines(SECONDS)
    assert [line["t"] for line in seconds] == [0, 1, 2, 3]
    assert all(0 < line["fit"] + line["sample"] < line["all"] for line in seconds)


def test_the_candidates_stored_are_those_measured(tmp_path: Path) -> None:
    (line,) = record(replace(SMALL, iterations=0, saved=1000), tmp_path).metrics()
    with np.load(tmp_path / "samples" / "000.npz") as stored:
        points = stored["candidates"]
    assert len(points) == line["candidates"] == 100
    # Stored in single precision.
    assert line["reward"] == pytest.approx(SMALL.reward()(points).mean(), rel=1e-6, abs=0)


def test_who_watches_sees_rounds_losses_and_rewards(tmp_path: Path) -> None:
    seen: list[Status] = []
    texts = {"kept": "40", "real": "80", "iterations": "2", "model.warm_steps": "400"}
    folder = record(with_fields(QUICK, texts), tmp_path, watch=seen.append)
    assert [status.t for status in seen] == sorted(status.t for status in seen)
    assert {status.t for status in seen} == {0, 1, 2, 3}
    assert all(0 <= status.done <= 1 for status in seen)
    rewards = [line["reward"] for line in folder.metrics()]
    assert all(status.reward == (rewards[status.t - 1] if status.t else None) for status in seen)
    assert any(status.loss is not None and status.t == 1 for status in seen)


def test_seconds_are_those_of_the_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A clock that moves by one whenever it is read.
    clock = SimpleNamespace(perf_counter=itertools.count().__next__)
    monkeypatch.setattr("sim.recording.time", clock)
    for line in record(SMALL, tmp_path).lines(SECONDS):
        assert (line["fit"], line["sample"], line["all"]) == (1, 1, 5)


def test_who_watches_a_resumed_run_sees_where_it_is(tmp_path: Path) -> None:
    def stop(status: Status) -> None:
        if status.t == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record(SMALL, tmp_path, watch=stop)
    seen: list[Status] = []
    folder = record(SMALL, tmp_path, resume=True, watch=seen.append)
    # Round 1 was found, and its generator is in the checkpoint: it is found again.
    assert (seen[0].t, seen[0].done) == (1, 0.0)
    assert seen[0].reward == folder.metrics()[0]["reward"]


def test_a_run_is_not_begun_twice_unless_resumed(tmp_path: Path) -> None:
    record(SMALL, tmp_path)
    before = {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    with pytest.raises(AlreadyBegun, match=r"round 3 of 3: --resume goes on"):
        record(SMALL, tmp_path)
    record(SMALL, tmp_path, resume=True)
    assert {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()} == before


def test_a_run_of_another_configuration_is_refused(tmp_path: Path) -> None:
    record(SMALL, tmp_path)
    with pytest.raises(ValueError, match=r"gamma: 2\.0 there, 3\.0 here"):
        record(replace(SMALL, gamma=3.0), tmp_path, resume=True)


def test_a_folder_that_is_being_written_is_refused(tmp_path: Path) -> None:
    with (
        RunFolder(tmp_path, SMALL.as_json()).alone(),
        pytest.raises(ValueError, match="is being written by another process"),
    ):
        record(SMALL, tmp_path)
    record(SMALL, tmp_path)


def test_diverged_training_keeps_earlier_rounds_and_says_how_to_go_on(tmp_path: Path) -> None:
    texts = {"kept": "40", "real": "80", "model.steps": "20", "model.warm_rate": "1e9"}
    with pytest.raises(DivergedTraining) as caught:
        record(with_fields(QUICK, texts), tmp_path)
    message = str(caught.value)
    assert "training of p_1 diverged" in message
    assert f"Rounds before 1 are in {tmp_path}, where --resume tries round 1 again" in message
    kept = (tmp_path / "metrics.jsonl").read_bytes()
    assert [line["t"] for line in read_lines(tmp_path / "metrics.jsonl")] == [0]
    with pytest.raises(DivergedTraining):
        record(with_fields(QUICK, texts), tmp_path, resume=True)
    assert (tmp_path / "metrics.jsonl").read_bytes() == kept


def test_rewards_too_large_for_their_mean_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"rewards of samples of p_0 go down to .*lower gamma"):
        record(replace(SMALL, gamma=1e200), tmp_path)


def test_a_state_of_other_code_is_refused(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, SMALL.as_json())
    folder.checkpoint({"t": 0, "generator": {"centre": 0.0}, "fit": {}})
    with pytest.raises(ValueError, match=r"checkpoint\.pt is not of this version of the program"):
        record(SMALL, tmp_path, resume=True)


def test_runs_in_threads_of_one_process_do_not_disturb_each_other(tmp_path: Path) -> None:
    # With the coupling that draws from random numbers of the whole process.
    texts = {"kept": "40", "real": "80", "iterations": "1", "model.width": "8"}
    steps = {"model.steps": "60", "model.warm_steps": "60", "model.coupling": "torchcfm"}
    runs = [with_fields(QUICK, {**texts, **steps, "seed": str(seed)}) for seed in range(3)]

    def run(where: str) -> list[Callable[[], RunFolder]]:
        return [partial(record, one, tmp_path / where / str(one.seed)) for one in runs]

    alone = [call().metrics() for call in run("alone")]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda call: call().metrics(), run("together")))
    assert together == alone


def test_a_run_uses_one_thread_and_gives_the_others_back(tmp_path: Path) -> None:
    seen = []
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        record(SMALL, tmp_path, watch=lambda status: seen.append(torch.get_num_threads()))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert set(seen) == {1}


def test_the_real_data_share_no_stream_with_the_rounds() -> None:
    streams = Streams(SMALL.seed)
    data = SMALL.real_data()
    assert (data == SMALL.real_data()).all()
    for name in ("fit", "candidates", "curation", "real"):
        for t in range(2):
            assert (data != SMALL.data.sample(SMALL.real, streams(name, t))).any()
    assert (data != replace(SMALL, seed=1).real_data()).any()


def test_the_settings_of_a_generator_reach_it(tmp_path: Path) -> None:
    line = {"kept": "40", "real": "80", "iterations": "1"}
    quick = EXPERIMENTS["line-pure"].quick
    changed = {
        "kernel": {"model.bandwidth": "3"},
        # The loop that it is exact for.
        "exact": {"lam": "0.5"},
    }
    for name, texts in changed.items():
        runs = [{**line, "generator": name}, {**line, "generator": name, **texts}]
        rewards = [
            record(with_fields(quick, run), tmp_path / f"{name}{k}").metrics()[1]["reward"]
            for k, run in enumerate(runs)
        ]
        assert rewards[0] != rewards[1]
    gamma = {**line, "generator": "exponential-family", "model.family": "gamma"}
    # The data are not all positive.
    with pytest.raises(ValueError, match="gamma"):
        record(with_fields(quick, gamma), tmp_path / "gamma")
