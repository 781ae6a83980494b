"""The first model is that of the pretraining, whoever asks for it first and with what seed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gpu_experiments.pretrained import FIRST_MODEL, Pretrained
from sim.protocols import DivergedTraining, Progress, silent
from sim.streams import Streams

REAL = torch.zeros(4, 1, 2, 2)
OTHER = torch.ones(3, 1, 2, 2)


class Drawn:
    """A generator that is one number, drawn anew in every fit and added to the last one."""

    def __init__(self) -> None:
        self.value = 0.0
        self.fits: list[torch.Tensor] = []

    def fit(
        self, data: torch.Tensor, rng: np.random.Generator, progress: Progress = silent
    ) -> Mapping[str, float]:
        self.fits.append(data)
        self.value += rng.random()
        progress(1.0, self.value)
        return {"loss": self.value}

    def sample(self, n: int, rng: np.random.Generator) -> torch.Tensor:
        return torch.full((n, 1, 2, 2), self.value)

    def state(self) -> Any:
        return {"values": [torch.tensor([self.value], dtype=torch.float64)], "kind": "drawn"}

    def load(self, state: Any) -> None:
        self.value = float(state["values"][0])


def pretrained(folder: Path, pretraining: int = 0, data: torch.Tensor = REAL) -> Pretrained:
    return Pretrained(
        Drawn(),
        data,
        folder,
        {"pretraining": pretraining},
        lambda: Streams(pretraining)("pretraining"),
    )


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_runs_of_all_seeds_have_the_same_first_model_with_and_without_the_file(
    tmp_path: Path,
) -> None:
    made, read, elsewhere = (pretrained(tmp_path / name) for name in ("one", "one", "two"))
    told = [one.fit(REAL, rng(seed)) for seed, one in enumerate((made, read, elsewhere))]
    assert [len(one.generator.fits) for one in (made, read, elsewhere)] == [1, 0, 1]
    drawn = Streams(0)("pretraining").random()
    assert told[0] == told[1] == told[2] == {"loss": drawn, FIRST_MODEL: abs(drawn)}
    for one in (made, read, elsewhere):
        assert torch.equal(one.sample(2, rng(0)), torch.full((2, 1, 2, 2), told[0]["loss"]))
    other = pretrained(tmp_path / "one", pretraining=1)
    assert other.fit(REAL, rng(0)) != told[0]


def test_the_later_fits_go_on_from_the_first_and_draw_from_the_run_alone(tmp_path: Path) -> None:
    made, read = pretrained(tmp_path), pretrained(tmp_path)
    for one in (made, read):
        stream = rng(5)
        first = one.fit(REAL, stream)["loss"]
        assert stream.random() == rng(5).random()
        # The real data themselves too: they are fitted to, not looked up.
        assert one.fit(REAL, rng(6))["loss"] == first + rng(6).random()
    assert made.state() == read.state()


def test_a_generator_that_starts_anew_in_a_later_round_is_fitted_to_what_was_kept(
    tmp_path: Path,
) -> None:
    pretrained(tmp_path).fit(REAL, rng(0))
    anew = pretrained(tmp_path)
    assert anew.fit(OTHER, rng(7)) == {"loss": rng(7).random()}
    assert anew.generator.fits == [OTHER]
    # It has been begun: another fit goes on from it.
    assert anew.fit(REAL, rng(8))["loss"] == rng(7).random() + rng(8).random()


def test_a_state_makes_a_fitted_generator(tmp_path: Path) -> None:
    one, other = pretrained(tmp_path), pretrained(tmp_path)
    one.fit(REAL, rng(0))
    other.load(one.state())
    assert other.state() == one.state()
    assert other.fit(REAL, rng(1)) == one.fit(REAL, rng(1))


def test_who_watches_sees_the_pretraining(tmp_path: Path) -> None:
    seen: list[Any] = []
    pretrained(tmp_path).fit(REAL, rng(0), lambda done, loss: seen.append((done, loss)))
    assert seen == [(1.0, Streams(0)("pretraining").random())]


def test_a_pretraining_that_diverges_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverged(*_: Any) -> None:
        raise DivergedTraining("the loss is nan")

    monkeypatch.setattr(Drawn, "fit", diverged)
    one = pretrained(tmp_path)
    with pytest.raises(DivergedTraining):
        one.fit(REAL, rng(0))
    monkeypatch.undo()
    # As before: its next fit is the pretraining.
    assert one.fit(REAL, rng(0))["loss"] == Streams(0)("pretraining").random()
