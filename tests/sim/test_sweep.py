"""Sweeps: every combination in its folder, here, in processes and on a real Dask cluster."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sim.experiment import Experiment, UnknownField, with_fields
from sim.presets import EXPERIMENTS
from sim.recording import record
from sim.sweep import Ended, points, sweep
from theory.workers import NoCluster

BASE = with_fields(
    EXPERIMENTS["line-mixed"].quick,
    {"generator": "gaussian", "kept": "40", "real": "200", "iterations": "2"},
)
GRID = ["K=2,3", "lam=0.5,inf"]
NAMES = ["K=2,lam=0.5", "K=2,lam=inf", "K=3,lam=0.5", "K=3,lam=inf"]


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True
    ) as cluster:
        yield cluster.scheduler_address


def metrics(out: Path) -> dict[str, bytes]:
    return {file.parent.name: file.read_bytes() for file in out.glob("*/metrics.jsonl")}


def test_all_combinations_are_made_in_order() -> None:
    grid = points(BASE, GRID, {"gamma": "3"})
    assert [point.name for point in grid] == NAMES
    found = [(point.experiment.K, point.experiment.lam) for point in grid]
    assert found == [(K, lam) for K in (2, 3) for lam in (0.5, float("inf"))]
    assert {point.experiment.gamma for point in grid} == {3.0}


def test_generators_their_settings_and_choice_models_can_be_swept() -> None:
    grid = points(BASE, ["generator=flow,ddim", "model.steps=7,8"])
    assert [(p.experiment.generator, p.experiment.model.steps) for p in grid] == [
        ("flow", 7),
        ("flow", 8),
        ("ddim", 7),
        ("ddim", 8),
    ]
    noisy = json.dumps({"model": "noisy", "epsilon": "1/10", "inner": {"model": "best-of-K"}})
    assert [p.experiment.choice for p in points(BASE, [f"choice=best-of-K,{noisy}"])] == [
        "best-of-K",
        noisy,
    ]
    assert "/" not in points(BASE, [f"choice={noisy}"])[0].name
    assert points(BASE, ["seed=0,1"])[1].experiment.seed == 1


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        (["K"], "'K' is not of the form field=value,value"),
        (["K="], "is not of the form"),
        (["K=2,"], "is not of the form"),
        (["K=2,2"], "has a value twice"),
        (["K=2", "K=3"], "'K' is given twice"),
        (["gamma=1,2"], "'gamma' is given twice"),
        (["K=2,x"], "K = 'x': give a whole number"),
        (["kapt=2"], "did you mean 'kept'"),
        (["lam=1,0.001"], "asks for 40000 real samples"),
    ],
)
def test_bad_grids_are_refused_before_anything_runs(grid: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        points(BASE, grid, {"gamma": "3"})
    assert isinstance(caught.value, UnknownField) == ("did you mean" in message)


def test_a_sweep_gives_the_runs_one_by_one(tmp_path: Path) -> None:
    grid = points(BASE, GRID)
    ended = list(sweep(grid, tmp_path / "out"))
    assert ended == [Ended(name) for name in NAMES]
    alone = {point.name: record(point.experiment, tmp_path / point.name).path for point in grid}
    assert metrics(tmp_path / "out") == {
        name: (path / "metrics.jsonl").read_bytes() for name, path in alone.items()
    }
    assert len(set(metrics(tmp_path / "out").values())) == 4


@pytest.mark.parametrize("where", ["processes", "scheduler"])
def test_elsewhere_a_sweep_gives_the_same_files(
    where: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    grid = points(BASE, GRID)
    list(sweep(grid, tmp_path / "here"))
    if where == "processes":
        ended = sweep(grid, tmp_path / "there", processes=2)
    else:
        address = request.getfixturevalue("scheduler")
        ended = sweep(grid, tmp_path / "there", scheduler=address)
    assert sorted(run.name for run in ended if not run.error) == sorted(NAMES)
    assert metrics(tmp_path / "there") == metrics(tmp_path / "here")


def test_a_run_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    texts = {"generator": "flow", "model.steps": "10", "model.width": "8", "iterations": "0"}
    grid = points(BASE, ["model.rate=1e9,1e-2"], texts)
    bad, good = sweep(grid, tmp_path)
    assert bad.name == "model.rate=1e9"
    assert "training of p_0 diverged" in bad.error
    assert good == Ended("model.rate=1e-2")


def test_no_error_of_a_run_stops_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def little(experiment: Experiment, path: Path, resume: bool) -> None:
        if experiment.K == 2:
            raise MemoryError("Unable to allocate\n7 TiB")

    monkeypatch.setattr("sim.sweep.record", little)
    assert list(sweep(points(BASE, ["K=2,3"]), tmp_path)) == [
        Ended("K=2", "MemoryError: Unable to allocate 7 TiB"),
        Ended("K=3"),
    ]


def test_workers_are_told_the_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # They may be in another folder.
    paths = []
    monkeypatch.setattr("sim.sweep.record", lambda _, path, resume: paths.append(path))
    monkeypatch.chdir(tmp_path)
    list(sweep(points(BASE, ["K=2"]), Path("out")))
    assert paths == [tmp_path / "out" / "K=2"]


def test_a_sweep_goes_on_only_when_resumed(tmp_path: Path) -> None:
    grid = points(BASE, GRID)
    list(sweep(grid[:2], tmp_path))
    before = metrics(tmp_path)
    again = list(sweep(grid, tmp_path))
    assert [bool(run.error) for run in again] == [True, True, False, False]
    assert "--resume goes on with it" in again[0].error
    assert list(sweep(grid, tmp_path, resume=True)) == [Ended(name) for name in NAMES]
    assert {name: metrics(tmp_path)[name] for name in before} == before


def test_a_scheduler_that_does_not_answer_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("theory.workers.PATIENCE", 0.5)
    with pytest.raises(NoCluster, match=r"No Dask scheduler answers at tcp://127\.0\.0\.1:9 "):
        list(sweep(points(BASE, GRID), tmp_path, scheduler="tcp://127.0.0.1:9"))
    assert os.listdir(tmp_path) == []
