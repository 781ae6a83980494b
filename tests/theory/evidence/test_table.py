"""Tables show every column whole, whatever the width of the terminal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from theory.claims import Claim, Standing, claims
from theory.evidence.instance import Instance
from theory.evidence.table import claim_table, describe, show, verdict_table
from theory.evidence.verdict import Strength
from theory.evidence.verify import verify

INCREASE = claims["lemma-2.2"]


def verified(claim: Claim) -> str:
    show(verdict_table([verify(claim, [Strength.EXACT], instances=2)]))
    return claim.id


@pytest.mark.parametrize("columns", [20, 40, 80, 200])
def test_no_column_is_cut(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    verified(replace(INCREASE, id="a-claim-with-quite-a-long-name"))
    lines = capsys.readouterr().out.splitlines()
    (heading,) = (line for line in lines if "evidence" in line and "verdict" in line)
    (row,) = (line for line in lines if "a-claim-with-quite-a-long-name" in line)
    assert heading.split() == [
        "claim", "kind", "verdict", "evidence", "runs", "runs/s", "ratio", "twins", "s"
    ]  # fmt: skip
    for cell in ("lower bound", "holds", "exact", "2/2"):
        assert cell in row
    assert "…" not in row


def test_a_conjecture_survives_and_is_listed_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    claim = replace(
        INCREASE, standing=Standing.CONJECTURE, searched="20 instances in a second", cores=(),
        machine_checked=(),
    )  # fmt: skip
    verified(claim)
    show(claim_table({claim.id: claim}))
    printed = capsys.readouterr().out
    assert "survived" in printed
    assert "conjecture" in printed
    assert "20 instances in a second" in describe(claim)


def test_a_refuted_statement_is_listed_with_its_counterexample(
    capsys: pytest.CaptureFixture[str],
) -> None:
    twin = INCREASE.false_twins[0]
    instance = Instance.of([1, 1], [10**4 - 1, 10**4], K=3, steps=1)
    claim = replace(
        INCREASE, sides=twin.sides, standing=Standing.REFUTED, counterexample=instance,
        false_twins=(), cores=(), machine_checked=(),
    )  # fmt: skip
    verified(claim)
    assert "refuted" in capsys.readouterr().out
    assert str(instance) in describe(claim)


def test_what_a_reader_should_know_is_a_note(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("theory.evidence.rocq.shutil.which", lambda name: None)
    claim = replace(INCREASE, machine_checked=("Lemma_2_2.reward_increase",))
    show(verdict_table([verify(claim, instances=1)]))
    printed = capsys.readouterr().out
    assert "proof not rebuilt here" in printed
    assert "machine-checked" not in printed
