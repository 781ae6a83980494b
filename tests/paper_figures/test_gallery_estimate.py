"""Estimates of how long the work takes: from earlier runs here, else from the shipped table."""

from __future__ import annotations

import itertools
import json
import os
import statistics

import pytest
from rich.console import Console

from paper_figures import estimate, evidence
from paper_figures.estimate import Bar, Seconds, wall, words
from paper_figures.figure import origin_file, stamp_file
from paper_figures.registry import FIGURES
from paper_figures.trained import label
from tests.paper_figures import toy_gallery
from theory.claims import claims

TOY = toy_gallery.FIGURES["second"]


@pytest.fixture
def shipped(monkeypatch, tmp_path):
    table = {
        "claims": {"known": 4.0, "other": 6.0, "third": 20.0},
        "runs": {"LineMixture-pure-gaussian": 3.0, "another": 100.0},
        "computed": {"second": 7.0},
        "drawn": {"second": 2.0},
    }
    (tmp_path / "seconds.json").write_text(json.dumps(table))
    monkeypatch.setattr(estimate, "SHIPPED", tmp_path / "seconds.json")
    return Seconds(tmp_path / "results", tmp_path / "runs")


def test_the_shipped_table_stands_in(shipped):
    assert shipped.claim("known") == 4.0
    assert shipped.computing(TOY) == 7.0
    assert shipped.drawing(TOY) == 2.0


def test_what_was_never_measured_takes_the_median_of_its_kind(shipped):
    assert shipped.claim("never measured") == 6.0


def test_what_it_took_here_comes_first(shipped, tmp_path):
    files = {
        origin_file("second", tmp_path / "results"): {"seconds": 1.5},
        stamp_file("second", tmp_path / "results"): {"seconds": 0.5},
        evidence.report_file("known", tmp_path / "results"): {
            "key": "old", "time": "", "report": {"seconds": 0.25},
        },
    }  # fmt: skip
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    assert (shipped.computing(TOY), shipped.drawing(TOY)) == (1.5, 0.5)
    assert shipped.claim("known") == 0.25
    for path in files:
        path.write_text("{")
    assert (shipped.computing(TOY), shipped.drawing(TOY)) == (7.0, 2.0)
    assert shipped.claim("known") == 4.0


@pytest.fixture
def experiment():
    from sim.experiment import with_fields
    from sim.presets import EXPERIMENTS

    return with_fields(EXPERIMENTS["line-pure"].quick, {"generator": "gaussian", "seed": "1"})


def test_a_run_takes_as_long_as_the_latest_of_its_kind(shipped, experiment, tmp_path):
    from sim.experiment import with_fields

    assert shipped.run(experiment) == statistics.median([3.0, 100.0])
    longer = with_fields(experiment, {"iterations": "9"})
    # The first, latest of all, is of another kind; the next of another seed.
    for age, (made, seconds) in enumerate(
        [(longer, 50.0), (with_fields(experiment, {"seed": "7"}), 5.0), (experiment, 9.0)]
    ):
        folder = tmp_path / "runs" / f"{label(made)}-{age}"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps(made.as_json()))
        lines = [json.dumps({"t": t, "all": seconds / 2}) for t in (0, 1)]
        (folder / "seconds.jsonl").write_text("\n".join(lines) + "\n")
        os.utime(folder / "seconds.jsonl", (1000 - age, 1000 - age))
    assert shipped.run(experiment) == 5.0
    assert shipped.run(longer) == 50.0


def test_the_shipped_table_knows_a_run_whatever_its_seed(shipped, experiment):
    from sim.experiment import with_fields

    table = {**shipped.shipped, "runs": {estimate._kind(experiment): 3.0, "another": 100.0}}
    shipped.shipped = table
    assert shipped.run(with_fields(experiment, {"seed": "5"})) == 3.0


def test_the_wall_time_is_that_of_the_fullest_process():
    jobs = [5.0, 4.0, 3.0, 3.0, 3.0]
    assert wall(jobs, 1) == sum(jobs)
    assert wall([], 3) == 0
    # In order to the first that is free: 5+3+3 on one, 4+3 on the other.
    assert wall(jobs, 2) == 10.0
    for processes, order in itertools.product((2, 3), itertools.permutations(jobs)):
        assert max(max(jobs), sum(jobs) / processes) <= wall(order, processes) <= 2 * sum(jobs)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.2, "a second"), (4.4, "4 s"), (27, "25 s"), (100, "2 min"), (600, "10 min"),
        (5000, "83 min"), (5600, "1 h 30 min"), (7300, "2 h"),
    ],
)  # fmt: skip
def test_times_are_told_as_people_do(seconds, told):
    assert words(seconds) == told


@pytest.fixture
def clock(monkeypatch):
    """The time that the bar sees, set by the test."""
    now = [0.0]
    monkeypatch.setattr("paper_figures.estimate.time.monotonic", lambda: now[0])
    return now


def test_time_left_follows_the_pace_that_is_found(clock):
    bar = Bar(Console(quiet=True), {"runs": [10.0, 10.0], "figures": [20.0]}, 2)
    task = bar.progress.tasks[0]
    # Two at a time: 10 s of runs, 20 s of figures.
    assert bar.total == pytest.approx(30.0)
    clock[0] = 10.0
    bar.done("runs", 10.0)
    assert task.completed == pytest.approx(5.0)
    assert task.fields["left"] == pytest.approx(25.0 * 2)  # it went at half the speed
    bar.done("runs", 10.0)
    assert task.fields["left"] == pytest.approx(20.0)
    clock[0] = 100.0
    bar.done("figures", 20.0)
    assert task.completed == pytest.approx(bar.total)
    assert task.fields["left"] == pytest.approx(0.0)


@pytest.mark.parametrize(("after", "pace"), [(0.1, 0.5), (1000.0, 3.0)])
def test_the_first_part_alone_is_not_believed_beyond_reason(clock, after, pace):
    bar = Bar(Console(quiet=True), {"runs": [10.0, 10.0]}, 1)
    clock[0] = after
    bar.done("runs", 10.0)
    assert bar.progress.tasks[0].fields["left"] == pytest.approx(10.0 * pace)


def test_the_bar_counts_down_between_its_parts(clock):
    bar = Bar(Console(quiet=True), {"runs": [60.0]}, 1)
    column = estimate._Left()
    assert column.render(bar.progress.tasks[0]).plain == "about 60 s left"
    clock[0] = 40.0
    assert column.render(bar.progress.tasks[0]).plain == "about 20 s left"
    clock[0] = 80.0
    assert column.render(bar.progress.tasks[0]).plain == "nearly done"


def test_the_table_is_measured_where_there_is_something_to_measure(tmp_path):
    shipped = json.loads(estimate.SHIPPED.read_text())
    report = evidence.report_file("lemma-2.2", tmp_path)
    report.parent.mkdir()
    report.write_text(json.dumps({"key": "", "time": "", "report": {"seconds": 123.44}}))
    found = estimate._measured(tmp_path, tmp_path)
    assert set(found) == set(estimate.KINDS)
    assert set(found["claims"]) == set(claims)
    assert found["claims"].pop("lemma-2.2") == 123.4
    for kind, table in found.items():
        middle = statistics.median(shipped[kind].values())
        assert table == {name: round(shipped[kind].get(name, middle), 1) for name in table}


def test_the_shipped_table_knows_claims_and_figures():
    table = json.loads(estimate.SHIPPED.read_text())
    assert set(table) == set(estimate.KINDS)
    assert set(table["claims"]) <= set(claims)
    assert set(table["computed"]) | set(table["drawn"]) <= set(FIGURES)
    assert all(seconds >= 0 for kind in table.values() for seconds in kind.values())
