"""Figures that read runs of trained generators: which runs are made, kept, and made again."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from paper_figures import style, trained
from paper_figures.__main__ import main
from paper_figures.figure import PaperFigure, produce, runs_needed
from paper_figures.registry import FIGURES
from sim.experiment import with_fields
from sim.presets import EXPERIMENTS
from sim.runs import METRICS
from sim.sweep import Ended

TINY = {"generator": "gaussian", "kept": "20", "real": "50", "iterations": "2", "saved": "40"}


@dataclasses.dataclass(frozen=True)
class Parameters:
    seeds: tuple[int, ...] = (0, 1)
    gamma: str = "1"


def experiments(parameters):
    base = EXPERIMENTS["line-pure"].quick
    return {
        f"seed {seed}": with_fields(base, {**TINY, "seed": str(seed), "gamma": parameters.gamma})
        for seed in parameters.seeds
    }


def compute(parameters, runs):
    return {
        "rewards": np.array([trained.metrics(path, "reward") for path in runs.values()]),
        "shares": trained.metrics(runs["seed 0"], "shares"),
        "last": trained.candidates(runs["seed 0"])[-1],
    }


def draw(results):
    figure = style.new_figure(2, 2)
    figure.subplots().plot(results["rewards"].T)
    return figure


TOY = PaperFigure("toy", "Rewards", Path(__file__), Parameters(), compute, draw, experiments)


def make_runs(figure, tmp_path):
    wanted = trained.missing(figure.experiments(figure.parameters), tmp_path / "runs")
    return {done.name: done.error for done in trained.run(wanted, tmp_path / "runs", 1)}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The toy's runs, and what it found in them."""
    tmp_path = tmp_path_factory.mktemp("toy")
    done = make_runs(TOY, tmp_path)
    found = compute(
        TOY.parameters,
        {
            name: trained.folder(each, tmp_path / "runs")
            for name, each in experiments(TOY.parameters).items()
        },
    )
    return tmp_path, done, found


def test_missing_runs_are_made_once(made):
    tmp_path, done, _ = made
    assert len(done) == 2
    assert not any(done.values())
    assert make_runs(TOY, tmp_path) == {}


def test_a_figure_reads_its_runs(made):
    _, _, found = made
    assert found["rewards"].shape == (2, 3)
    assert found["shares"].shape == (3, 2)
    assert found["last"].shape == (40, 1)
    # The reward of a run is the mean over its candidates, all of which are saved here.
    reward = experiments(TOY.parameters)["seed 0"].reward()
    np.testing.assert_allclose(reward(found["last"]).mean(), found["rewards"][0, -1], rtol=1e-6)
    assert (found["rewards"][0] != found["rewards"][1]).all()


def test_runs_are_needed_until_the_results_are_saved(made):
    tmp_path, _, _ = made
    assert set(runs_needed(TOY, tmp_path / "results")) == {"seed 0", "seed 1"}
    produce(TOY, tmp_path / "results", tmp_path / "runs", tmp_path / "figures")
    assert runs_needed(TOY, tmp_path / "results") == {}
    other = dataclasses.replace(TOY, parameters=Parameters(seeds=(0, 1, 2)))
    assert set(runs_needed(other, tmp_path / "results")) == {"seed 0", "seed 1", "seed 2"}
    assert len(trained.missing(other.experiments(other.parameters), tmp_path / "runs")) == 1


def test_a_run_that_was_stopped_is_finished(tmp_path):
    make_runs(TOY, tmp_path)
    path = trained.folder(experiments(TOY.parameters)["seed 0"], tmp_path / "runs")
    complete = (path / METRICS).read_bytes()
    (path / METRICS).write_bytes(b"".join(complete.splitlines(keepends=True)[:-1]))
    assert list(make_runs(TOY, tmp_path)) == [path.name]
    assert (path / METRICS).read_bytes() == complete


def test_other_settings_and_other_sources_have_other_folders(monkeypatch, tmp_path):
    base = experiments(Parameters())["seed 0"]
    steeper = experiments(Parameters(gamma="2"))["seed 0"]
    assert trained.folder(base, tmp_path) != trained.folder(steeper, tmp_path)
    before = trained.folder(base, tmp_path)
    # A process keeps the key of the code that it began with.
    monkeypatch.setattr("paper_figures.results.source_files", lambda file: [])
    assert trained.folder(base, tmp_path) == before
    monkeypatch.setattr(trained, "_code", trained._code.__wrapped__)
    assert trained.folder(base, tmp_path) != before


def test_the_command_makes_runs_and_says_which_failed(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(FIGURES, "toy", TOY)
    folders = [f"--{name}={tmp_path / name}" for name in ("out", "results", "runs")]
    assert main(["toy", *folders, "--processes", "1"]) == 0
    assert (tmp_path / "out" / "toy.png").is_file()
    assert len(list((tmp_path / "runs").iterdir())) == 2
    origin = json.loads((tmp_path / "results" / "toy.origin.json").read_text())
    assert origin["runs"] == {
        name: trained.folder(each, tmp_path / "runs").name
        for name, each in experiments(TOY.parameters).items()
    }
    capsys.readouterr()
    # A file in a folder's place cannot become one.
    broken = dataclasses.replace(TOY, parameters=Parameters(seeds=(7,)))
    trained.folder(experiments(broken.parameters)["seed 7"], tmp_path / "runs").write_text("")
    monkeypatch.setitem(FIGURES, "toy", broken)
    assert main(["toy", *folders, "--processes", "1"]) == 1
    told = capsys.readouterr().err
    assert "gaussian-7-" in told
    assert "Traceback" not in told
    assert "Not made: toy." in told


def test_a_run_that_another_process_completes_meanwhile_is_no_failure(
    monkeypatch, tmp_path, capsys
):
    monkeypatch.setitem(FIGURES, "toy", TOY)
    run = trained.run

    def shared(wanted, root, processes):
        """The first run is refused while another process makes it, which ends before the last."""
        first = min(wanted)
        yield Ended(first, f"{first} is being written by another process")
        for done in run(wanted, root, processes):
            if done.name != first:
                yield done

    monkeypatch.setattr(trained, "run", shared)
    folders = [f"--{name}={tmp_path / name}" for name in ("out", "results", "runs")]
    assert main(["toy", *folders, "--processes", "1"]) == 0
    assert "is being written by another process" in capsys.readouterr().err
    assert (tmp_path / "out" / "toy.png").is_file()


def test_no_processes_make_no_runs(capsys):
    assert main(["--processes", "0"]) == 2
    assert "--processes 0 runs nothing" in capsys.readouterr().err
