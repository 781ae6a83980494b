"""Three stages on one task: against closed forms where the model is Gaussian, and as a program."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from sim import GaussianMixture
from sim.generators.gaussian import Gaussian
from sim.three_stages import Measured, Settings, ThreeStages, main
from theory.rewards import Linear

SMALL = Settings(
    pretraining=4000,
    fresh=2000,
    comparisons=1000,
    kept=4000,
    measured=4000,
)


def by_name(found: list[Measured]) -> dict[str, Measured]:
    return {one.model: one for one in found}


def divergence(mean: float, variance: float) -> float:
    return (variance + mean**2 - 1 - math.log(variance)) / 2


def test_gaussian_models_of_a_gaussian_with_a_linear_reward() -> None:
    settings = replace(SMALL, generator="gaussian", share=0.5, beta=2.0, pretraining=20_000)
    data = GaussianMixture(modes=1, radius=0.0, std=1.0)
    stages = ThreeStages(settings, data=data, preference=Linear((1.0, 0.0)))
    found = by_name(stages.run())
    # The upper half of N(0, 1) has mean sqrt(2/pi) and variance 1 - 2/pi, and the tilt of a
    # Gaussian by x/2 moves its mean by half its variance.
    mean, variance = math.sqrt(2 / math.pi), 1 - 2 / math.pi
    assert found["pretrained"].reward == pytest.approx(0, abs=0.05)
    # The tilt of the data's law by x/2 moves its mean by 1/2; eight levels give a little less.
    assert found["conditioned on quality"].reward == pytest.approx(0.5, abs=0.08)
    for name, shifted in (
        ("fine-tuned on quality", mean),
        ("fine-tuned, true reward", mean + variance / 2),
        ("fine-tuned, learnt reward", mean + variance / 2),
    ):
        one = found[name]
        # 1000 to 4000 samples behind each stage; five standard errors of the first stages, and
        # the learnt reward's.
        assert one.reward == pytest.approx(shifted, abs=0.1)
        expected = divergence(shifted, variance)
        assert one.kl == pytest.approx(expected, abs=5 * one.kl_error + 0.05)
        # The frontier of a Gaussian: its square root.
        assert one.attainable == pytest.approx(math.sqrt(2 * one.kl), rel=1e-3)
        assert one.reward < one.attainable


def test_curation_starts_from_the_fine_tuned_model() -> None:
    settings = replace(SMALL, generator="gaussian", rounds=1, kept=20_000, fresh=20_000)
    data = GaussianMixture(modes=1, radius=0.0, std=1.0)
    stages = ThreeStages(settings, data=data, preference=Linear((1.0, 0.0)))
    found = by_name(stages.run())["fine-tuned, curated"]
    mean, std = math.sqrt(2 / math.pi), math.sqrt(1 - 2 / math.pi)

    # One round of K = 2: by symmetry the gain is E[d tanh(d/2)]/2, d the difference of the pair.
    def gain(d: float) -> float:
        return float(d * math.tanh(d / 2) / 2 * norm.pdf(d, scale=math.sqrt(2) * std))

    expected = mean + quad(gain, -10, 10)[0]
    assert found.reward == pytest.approx(expected, abs=0.05)


def test_feedback_trains_on_from_the_fine_tuned_model() -> None:
    warm: list[bool] = []

    class Watched(Gaussian):
        def fit(self, *arguments: Any) -> Any:
            warm.append(len(self.mean) > 0)
            return super().fit(*arguments)

    ThreeStages(replace(SMALL, rounds=1, levels=3), make=Watched).run()
    # Pretraining is from scratch; tuning goes on from it; three levels of the conditioned model
    # begin anew; two alignments and the round of curation go on.
    assert warm == [False, True, False, False, False, True, True, True]


def test_every_stage_gains_and_stays_under_the_frontier() -> None:
    stages = ThreeStages(SMALL)
    found = stages.run()
    named = by_name(found)
    assert [one.model for one in found][:2] == ["pretrained", "fine-tuned on quality"]
    assert abs(named["pretrained"].kl) < 5 * named["pretrained"].kl_error + 0.01
    assert named["fine-tuned on quality"].reward > named["pretrained"].reward + 1
    for name in ("fine-tuned, learnt reward", "fine-tuned, true reward", "fine-tuned, curated"):
        assert named[name].reward > named["fine-tuned on quality"].reward + 1
        assert named[name].kl > named["fine-tuned on quality"].kl
        # The kernel widens the modes, and divergences have their errors.
        assert named[name].reward < named[name].attainable + 0.1
    assert 0.7 < stages.agreement < 0.9


def test_the_seed_decides() -> None:
    tiny = replace(SMALL, pretraining=500, comparisons=100, kept=500, measured=500)
    one, same, other = (ThreeStages(replace(tiny, seed=seed)).run() for seed in (3, 3, 4))
    assert one == same
    assert one != other


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("pretraining", 100, "pretraining = 100 is not a whole number of 400 or more"),
        ("measured", 10, "measured = 10"),
        ("K", 1, "K = 1 is not a whole number of 2 or more"),
        ("rounds", 0, "rounds = 0"),
        ("share", 0.0, "share = 0.0 of fresh"),
        ("share", 0.01, "leaves 50 data"),
        ("beta", -1.0, "beta = -1.0"),
        ("gamma", math.inf, "gamma = inf"),
        ("seed", -1, "seed -1"),
    ],
)
def test_bad_settings_are_refused_before_any_work(name: str, value: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **{name: value})


def test_the_program_refuses_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["three_stages", "--beta", "0"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert "beta = 0.0 is not a positive, finite number." in capsys.readouterr().err


def test_the_program_prints_and_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "stages.json"
    sizes = {"pretraining": 400, "fresh": 200, "kept": 400, "measured": 400, "comparisons": 50}
    arguments = [part for name, size in sizes.items() for part in (f"--{name}", str(size))]
    monkeypatch.setattr(
        sys, "argv", ["three_stages", "--generator", "gaussian", "--out", str(out), *arguments]
    )
    main()
    printed = capsys.readouterr().out
    assert "fine-tuned, curated" in printed
    assert "foretells" in printed
    content = json.loads(out.read_text())
    assert content["settings"]["pretraining"] == 400
    assert len(content["models"]) == 6
    assert np.isfinite([one["kl"] for one in content["models"]]).all()
