"""Algorithm 1 with a generator that is known in closed form."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch

from sim.curation import KChoice
from sim.generators.gaussian import Gaussian
from sim.loop import Loop, LoopSettings
from sim.protocols import DivergedTraining
from sim.streams import Streams
from theory.testing import check_generator, check_loop


def real(n: int = 4000) -> torch.Tensor:
    return torch.as_tensor(np.random.default_rng(1).normal(size=(n, 2)))


def reward(samples: torch.Tensor) -> torch.Tensor:
    return samples[:, 0]


def loop(seed: int = 0, **settings: Any) -> Loop:
    chosen = LoopSettings(**{"iterations": 3, "kept": 1000, **settings})
    return Loop(Gaussian, real(), reward, KChoice(4), chosen, Streams(seed))


def summary(found: Any) -> tuple[float, ...]:
    return (found.t, *found.candidates[:3].ravel().tolist(), float(found.rewards.mean()))


def test_rounds_are_counted_and_sized() -> None:
    rounds = list(loop().rounds())
    assert [found.t for found in rounds] == [0, 1, 2, 3]
    assert all(len(found.candidates) == 4000 for found in rounds)
    assert [None if r.kept is None else len(r.kept) for r in rounds] == [1000, 1000, 1000, None]
    # One of each four consecutive candidates.
    assert (rounds[0].kept // 4 == torch.arange(1000)).all()


def test_the_pure_loop_follows_gaussian_selection() -> None:
    # At t = 0 the kept law's mean is E[max-like choice]; by simulation with other code.
    rng = np.random.default_rng(3)
    draws = rng.normal(size=(200_000, 4))
    weights = np.exp(draws)
    expected = float((draws * weights / weights.sum(axis=1, keepdims=True)).sum(axis=1).mean())
    rounds = list(loop(kept=20_000, iterations=1).rounds())
    mean = float(rounds[1].candidates[:, 0].mean())
    # Four standard errors of 20 000 kept plus those of the real data's own mean (4000 samples).
    assert mean == pytest.approx(expected, abs=4 * (1 / math.sqrt(20_000) + 1 / math.sqrt(4000)))
    assert float(rounds[1].candidates[:, 1].mean()) == pytest.approx(0, abs=0.1)


def test_real_data_hold_the_loop() -> None:
    pure = list(loop(iterations=8).rounds())[-1].rewards.mean()
    mixed = list(loop(iterations=8, lam=1.0).rounds())[-1].rewards.mean()
    none = list(loop(iterations=8, lam=0.3).rounds())[-1].rewards.mean()
    assert pure > mixed + 0.5 > none + 0.5


def test_the_same_seed_gives_the_same_rounds() -> None:
    one, same, other = ([summary(found) for found in loop(seed).rounds()] for seed in (5, 5, 6))
    assert one == same
    assert one != other


@pytest.mark.parametrize("stop", [0, 1, 2, 3])
def test_a_loaded_state_goes_on_as_if_nothing_had_happened(stop: int) -> None:
    whole = [summary(found) for found in loop().rounds()]
    first = loop()
    for found in itertools.islice(first.rounds(), stop + 1):
        state = first.state()
        assert found.t == state["t"]
    second = loop()
    second.load(state)
    assert [summary(found) for found in second.rounds()] == whole[stop:]


def test_a_warm_start_keeps_the_generator_and_a_cold_one_does_not() -> None:
    made = []

    def make() -> Gaussian:
        made.append(Gaussian())
        return made[-1]

    for warm, count in ((True, 1), (False, 5)):
        made.clear()
        settings = LoopSettings(iterations=3, kept=10, warm_start=warm)
        list(Loop(make, real(), reward, KChoice(2), settings, Streams(0)).rounds())
        assert len(made) == count


def test_the_training_set_conforms() -> None:
    def training_set(candidates: Any, reward_of: Any, real_data: Any, rng: Any) -> Any:
        settings = LoopSettings(iterations=1, kept=len(candidates) // 4, lam=0.5)
        assembled = Loop(
            Gaussian, torch.as_tensor(real_data), reward, KChoice(4), settings, Streams(3)
        )
        assembled.t = 0
        rewards = torch.as_tensor(reward_of(candidates))
        kept = KChoice(4).keep(rewards, rng)
        return assembled._training_set(torch.as_tensor(candidates)[kept]).numpy()

    check_loop(training_set, K=4, lam=0.5).require()


class Listening(Gaussian):
    """Keeps what it was fitted to; samples are in single precision."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[torch.Tensor] = []

    def fit(self, data: Any, rng: Any, progress: Any = None) -> Any:
        self.heard.append(data)
        return super().fit(data, rng)

    def sample(self, n: int, rng: Any) -> torch.Tensor:
        return super().sample(n, rng).float()


def test_training_sets_are_the_kept_and_other_real_data_each_round() -> None:
    settings = LoopSettings(iterations=3, kept=10, lam=0.5)
    data = real(30)
    run = Loop(Listening, data, reward, KChoice(2), settings, Streams(0))
    rounds = list(run.rounds())
    assert isinstance(run.generator, Listening)
    first, *later = run.generator.heard
    assert torch.equal(first, data)
    chosen = []
    for found, heard in zip(rounds, later, strict=False):
        assert heard.dtype == torch.float32
        assert torch.equal(heard[:10], found.candidates[found.kept])
        (rows,) = torch.where((data.float()[None] == heard[10:, None]).all(dim=2).any(dim=0))
        # Twenty of them, none twice.
        assert len(rows) == len(heard) - 10 == 20
        chosen.append(tuple(rows.tolist()))
    assert len(set(chosen)) == 3


def test_all_real_data_can_be_asked_for_and_no_more() -> None:
    settings = LoopSettings(iterations=1, kept=10, lam=0.5)
    assert settings.real == 20
    list(Loop(Gaussian, real(20), reward, KChoice(2), settings, Streams(0)).rounds())
    with pytest.raises(ValueError, match="asks for 20 real samples per round and there are 19"):
        Loop(Gaussian, real(19), reward, KChoice(2), settings, Streams(0))


def test_the_gaussian_conforms() -> None:
    data, held_out = (
        np.random.default_rng(seed).normal([1, 2], [1, 3], (5000, 2)) for seed in (1, 2)
    )
    check_generator(Gaussian, data, held_out).require()


class Broken(Gaussian):
    def __init__(self, fault: str) -> None:
        super().__init__()
        self.fault = fault

    def fit(self, data: Any, rng: Any, progress: Any = None) -> Any:
        if self.fault == "diverges" and len(data) == 1000:
            raise DivergedTraining("loss is nan")
        return super().fit(data, rng)

    def sample(self, n: int, rng: Any) -> torch.Tensor:
        drawn = super().sample(n, rng)
        if self.fault == "short":
            return drawn[:-1]
        if self.fault == "long":
            return torch.cat([drawn, drawn[:1]])
        if self.fault == "nan":
            drawn[0, 0] = math.nan
        return drawn


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        ("diverges", DivergedTraining, r"training of p_1 diverged \(loss is nan\)"),
        ("short", ValueError, "gave 3999 of 4000 candidates"),
        ("long", ValueError, "gave 4001 of 4000 candidates"),
        ("nan", DivergedTraining, "samples of p_0 are not all finite"),
    ],
)
def test_faults_of_a_generator_stop_the_loop(
    fault: str, error: type[Exception], message: str
) -> None:
    settings = LoopSettings(iterations=2, kept=1000)
    broken = Loop(lambda: Broken(fault), real(), reward, KChoice(4), settings, Streams(0))
    with pytest.raises(error, match=message):
        list(broken.rounds())


class Lazy(KChoice):
    def keep(self, rewards: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
        return super().keep(rewards, rng)[:-1]


def test_fewer_kept_than_asked_is_an_error() -> None:
    settings = LoopSettings(iterations=2, kept=1000)
    with pytest.raises(ValueError, match="kept 999 of 1000"):
        list(Loop(Gaussian, real(), reward, Lazy(4), settings, Streams(0)).rounds())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"iterations": -1}, "iterations = -1"),
        ({"kept": 0}, "kept = 0"),
        ({"kept": True}, "kept = True"),
        ({"lam": 0.0}, "keeps no synthetic data"),
        ({"lam": math.nan}, "lam = nan"),
        ({"lam": 0.1, "kept": 4000}, "give more real data"),
        ({"lam": 1e-320}, "more real data than there are numbers"),
        ({"lam": 1e9}, "leaves no real sample beside 1000 kept ones"),
    ],
)
def test_bad_sizes_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        loop(**settings)


@dataclass(frozen=True)
class Noted(Streams):
    """Streams that note which of them were asked for."""

    asked: list[tuple[Any, ...]] = field(default_factory=list)

    def __call__(self, name: str, *index: int) -> np.random.Generator:
        self.asked.append((name, *index))
        return super().__call__(name, *index)


def test_every_use_in_every_round_has_a_stream_of_its_own() -> None:
    streams = Noted(0)
    settings = LoopSettings(iterations=2, kept=10, lam=1.0)
    list(Loop(Gaussian, real(), reward, KChoice(2), settings, streams).rounds())
    uses = [
        [("fit", t), ("candidates", t), *([("curation", t), ("real", t)] if t < 2 else [])]
        for t in range(3)
    ]
    assert streams.asked == [use for found in uses for use in found]


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda samples: samples[:-1, 0], "rewards of 40 candidates have shape .39,."),
        (lambda samples: samples, "rewards of 40 candidates have shape .40, 2."),
        (lambda samples: samples[:, 0] * math.nan, "rewards of samples of p_0 are not all numbers"),
    ],
)
def test_faults_of_a_reward_stop_the_loop(broken: Any, message: str) -> None:
    # Also in the last round, in which nobody chooses by them.
    settings = LoopSettings(iterations=0, kept=20)
    with pytest.raises(ValueError, match=message):
        list(Loop(Gaussian, real(), broken, KChoice(2), settings, Streams(0)).rounds())


def test_one_real_sample_is_enough_for_a_mixture() -> None:
    # 7 / 10 of a sample rounded.
    assert LoopSettings(iterations=1, kept=7, lam=10.0).real == 1
    with pytest.raises(ValueError, match="leaves no real sample"):
        LoopSettings(iterations=1, kept=4, lam=10.0)
