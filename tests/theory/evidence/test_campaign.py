"""Campaigns: the same counterexamples here, in processes and on a real Dask cluster."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from theory.evidence import ball
from theory.evidence.campaign import Outcome, campaign
from theory.evidence.search import Hunt
from theory.evidence.target import Target
from theory.evidence.verdict import Status
from theory.workers import NoCluster

FALSE = Target("theorem-2.4-sharp", "any start")
TRUE = Target("lemma-2.2")


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
    ) as cluster:
        yield cluster.scheduler_address


def confirmed(target: Target, outcome: Outcome) -> bool:
    found = outcome.refutation
    assert found is not None
    return ball.check(target.statement().sides, found.instance).status is Status.FAILS


def test_a_campaign_ends_at_its_first_counterexample() -> None:
    began = time.perf_counter()
    outcome = campaign(FALSE, FALSE.statement(), 60.0)
    assert time.perf_counter() - began < 20
    assert confirmed(FALSE, outcome)
    assert outcome.searches == 1
    assert outcome.refutation is not None
    assert outcome.evaluations == outcome.refutation.evaluations > 0


def test_a_campaign_against_a_truth_uses_its_time_and_counts_what_it_tried() -> None:
    told: list[Outcome] = []
    outcome = campaign(TRUE, TRUE.statement(), 2.0, watch=told.append)
    assert outcome.refutation is None
    assert 2.0 <= outcome.seconds < 10
    assert outcome.searches >= 1
    assert outcome.evaluations > 100
    assert outcome.closest is not None
    assert 0 <= outcome.margin < 1
    counted = [report.evaluations for report in told]
    assert counted == sorted(counted)
    assert counted[-1] == outcome.evaluations


def test_the_same_seed_finds_the_same_counterexample() -> None:
    first, second, other = (
        campaign(FALSE, FALSE.statement(), 60.0, seed=seed).refutation for seed in (3, 3, 4)
    )
    assert first is not None
    assert second is not None
    assert other is not None
    assert first.instance == second.instance != other.instance


def test_processes_find_a_counterexample() -> None:
    outcome = campaign(FALSE, FALSE.statement(), 60.0, processes=2)
    assert confirmed(FALSE, outcome)


def test_a_cluster_finds_a_counterexample(scheduler: str) -> None:
    outcome = campaign(FALSE, FALSE.statement(), 60.0, scheduler=scheduler)
    assert confirmed(FALSE, outcome)


def test_a_cluster_searches_with_many_seeds_until_the_time_is_over(scheduler: str) -> None:
    outcome = campaign(TRUE, TRUE.statement(), 3.0, scheduler=scheduler)
    assert outcome.refutation is None
    assert outcome.searches >= 2
    assert outcome.evaluations > 100


def test_a_claim_file_travels_to_the_cluster(scheduler: str, tmp_path: Path) -> None:
    template = Path(__file__).parents[3] / "theory" / "claims" / "_template.py"
    target = Target(str(tmp_path / "elsewhere.py"), "2 % per round", template.read_text())
    outcome = campaign(target, target.statement(), 60.0, scheduler=scheduler)
    assert confirmed(target, outcome)


def test_no_scheduler_at_the_address_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("theory.workers.PATIENCE", 0.5)
    with pytest.raises(NoCluster, match=r"No Dask scheduler answers at tcp://127\.0\.0\.1:9 "):
        campaign(TRUE, TRUE.statement(), 5.0, scheduler="tcp://127.0.0.1:9")


def test_an_outcome_keeps_the_closest_approach_of_all_searches() -> None:
    far: dict[str, Any] = {"refutation": None, "evaluations": 10, "seconds": 1.0, "closest": None}
    outcome = Outcome()
    for margin in (0.5, 0.25, 0.75):
        outcome = outcome.joined(Hunt(**far, margin=margin), 1.0)
    assert outcome.margin == 0.25
    assert outcome.searches == 3
    assert outcome.evaluations == 30
