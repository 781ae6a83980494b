"""Several processes are one run: the same weights, samples of the same law, and one end for all."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import chisquare, ks_2samp

from gpu_experiments.distributed import Sharded, Team, processes
from gpu_experiments.experiment import ImageExperiment, Places
from sim.recording import load_samples, record
from sim.runs import METRICS, read_lines

Pair = Callable[..., tuple[list[int], list[str]]]
TORCHRUN = {"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}


@pytest.mark.parametrize(
    "device", ["gpu", "", "cuda:", "cuda:x", "cuda:-1", "cpu:1", "auto:0", "mps"]
)
def test_an_unknown_device_is_refused(device: str) -> None:
    with pytest.raises(ValueError, match=r"give auto, cpu, cuda or one like cuda:1\."):
        Team(device)


@pytest.mark.parametrize(("device", "count"), [("cuda", 0), ("cuda:0", 0), ("cuda:2", 2)])
def test_a_device_that_is_not_there_is_refused(
    device: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    with pytest.raises(ValueError, match=f"'{device}' cannot be used here, which has {count} CUDA"):
        Team(device)


@pytest.mark.parametrize(
    ("device", "count", "found"),
    [("auto", 0, "cpu"), ("cpu", 2, "cpu"), ("auto", 2, "cuda"), ("cuda:1", 2, "cuda:1")],
)
def test_a_single_process_takes_the_device_it_is_given(
    device: str, count: int, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    team = Team(device)
    assert str(team.device) == found
    assert (team.rank, team.count, team.first) == (0, 1, True)


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("cuda:0", "device 'cuda:0' is one for 2 processes: give cuda"),
        ("cuda", "there are 2 processes here and 1 CUDA devices: start as many processes"),
        ("auto", "there are 2 processes here and 1 CUDA devices"),
    ],
)
def test_processes_without_a_device_each_are_refused(
    device: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in TORCHRUN.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ValueError, match=message):
        Team(device)


def test_variables_of_other_launchers_mean_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "8")
    assert processes() == (1, 1)
    for name, value in TORCHRUN.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("WORLD_SIZE", "6")
    assert processes() == (6, 2)


def test_one_process_alone_changes_nothing() -> None:
    team = Team("cpu")
    values = [torch.arange(3.0), torch.ones(2, 2)]
    team.average(values)
    assert torch.equal(values[0], torch.arange(3.0))
    assert torch.equal(team.gathered(torch.arange(4.0), 3), torch.arange(3.0))
    assert team.told("x") == team.agreed(lambda: "x") == "x"
    with pytest.raises(ZeroDivisionError):
        team.agreed(lambda: 1 // 0)


COLLECTIVES = """
import torch
from gpu_experiments.distributed import EndedElsewhere, team_on
team = team_on("cpu")
assert (team.rank, team.count, team.first) == (rank, 2, rank == 0)
values = [torch.tensor([1.0, 3.0]) * (rank + 1), torch.full((2, 2), float(rank))]
team.average(values)
assert values[0].tolist() == [1.5, 4.5] and values[1].tolist() == [[0.5] * 2] * 2, values
part = torch.arange(6.0).reshape(3, 2) + 100 * rank
assert team.gathered(part, 5).tolist() == [[0, 1], [2, 3], [4, 5], [100, 101], [102, 103]]
# As slices and transposes come.
assert team.gathered(part.T, 4)[2].tolist() == [100, 102, 104]
images = torch.arange(96.0).reshape(2, 3, 4, 4) + 100 * rank
last = images.to(memory_format=torch.channels_last)
assert team.gathered(last, 4)[:2].flatten().tolist() == list(range(96))
assert team.told(rank) == 0 and team.told({"weights": torch.ones(2)})["weights"].tolist() == [1, 1]
calls = []
assert team.agreed(lambda: calls.append(rank) or "done") == "done"
assert calls == ([0] if rank == 0 else [])
try:
    team.agreed(lambda: 1 // 0)
except (ZeroDivisionError if rank == 0 else EndedElsewhere):
    print("as it should")
# Both go on together after it, and then one of them is gone.
assert team.told(rank + 5) == 5
if rank == 0:
    os._exit(0)
try:
    team.average(values)
except EndedElsewhere as error:
    assert str(error).startswith("process 1 cannot reach the others any more (")
    assert str(error).endswith("): one of them has ended, and says why.")
    print("missed")
"""


def test_what_processes_tell_each_other(pair: Pair) -> None:
    codes, printed = pair(COLLECTIVES)
    assert (codes, printed) == ([0, 0], ["as it should\n", "as it should\nmissed\n"])


TRAINING = """
import torch
states = []
loop = run.loop()
reward = loop.reward
# As if the other device rounded very differently.
loop.reward = lambda images: reward(images) + 9 * rank * (torch.arange(len(images)) % 2)
for found in loop.rounds():
    states.append((loop.generator.state()["weights"], loop.fitted, found.candidates, found.kept))
torch.save(states, folder / f"states-{rank}")
"""


def flat(weights: dict[str, torch.Tensor]) -> torch.Tensor:
    return torch.cat([value.flatten() for value in weights.values()])


def test_two_processes_train_the_weights_of_one_and_agree_on_everything(
    pair: Pair, tiny: ImageExperiment, tmp_path: Path
) -> None:
    # Of one process compared is the first fit, in which only the order of the sums differs; later
    # ones are to other samples.
    run = replace(tiny, model=replace(tiny.model, steps=12), lam=0.5, iterations=1)
    codes, printed = pair(
        TRAINING,
        run=replace(run, places=Places(models=tmp_path / "both", device="cpu")),
    )
    assert codes == [0, 0], printed
    one, other = (torch.load(tmp_path / f"states-{rank}") for rank in range(2))
    for (weights, told, candidates, kept), there in zip(one, other, strict=True):
        assert all(torch.equal(weights[name], there[0][name]) for name in weights)
        assert told == there[1]
        assert torch.equal(candidates, there[2])
        assert (kept is None and there[3] is None) or torch.equal(kept, there[3])
    alone = replace(run, places=Places(models=tmp_path / "alone")).loop()
    next(alone.rounds())
    fitted = flat(alone.generator.state()["weights"])
    short = replace(run, model=replace(run.model, steps=1))
    begun = replace(short, places=Places(models=tmp_path / "begun")).loop()
    next(begun.rounds())
    moved = (fitted - flat(begun.generator.state()["weights"])).norm()
    # Adam divides by the size of the gradient: where that is rounding alone, steps are too.
    assert (flat(one[0][0]) - fitted).norm() < 0.01 * moved
    assert one[0][1]["loss"] == pytest.approx(alone.fitted["loss"], rel=1e-5, abs=0)


def test_pieces_that_processes_do_not_share_out_evenly_are_refused(
    pair: Pair, tiny: ImageExperiment
) -> None:
    run = replace(tiny, model=replace(tiny.model, piece=16), places=Places(device="cpu"))
    codes, printed = pair(
        "try:\n    run.loop()\nexcept ValueError as error:\n    print(error)", run=run
    )
    assert codes == [0, 0]
    for text in printed:
        assert "a batch of 1 pieces cannot be shared out to 2 devices" in text


COMMAND = """
import sys
os.chdir(folder)
from gpu_experiments import __main__ as cli
from gpu_experiments.presets import PRESETS, Preset
from theory.command_line import ended
PRESETS["tiny"] = Preset("for tests", runs)
sys.argv = ["gpu_experiments", "run", "tiny", "--device", "cpu", *words]
cli.Places = lambda data, inception, device: Places(data, models, inception, device)
from gpu_experiments.experiment import Places
sys.exit(ended(cli.main))
"""


def test_a_run_of_two_processes_is_recorded_once_with_the_law_of_one(
    pair: Pair, tiny: ImageExperiment, models: Path, tmp_path: Path
) -> None:
    # A classifier that is surer of itself, so that rewards differ.
    judges = replace(tiny.classifier, epochs=20, batch=20)
    run = replace(tiny, kept=600, K=3, iterations=1, saved=1800, classifier=judges)
    words = {"words": ["--out", "runs"], "runs": {"only": run}, "models": models}
    alone = record(run, tmp_path / "alone").path
    codes, printed = pair(COMMAND, **words)
    assert codes == [0, 0], printed
    assert "Results are in runs" in printed[0]
    assert printed[1] == ""
    path = tmp_path / "runs" / "only"
    lines = read_lines(path / METRICS)
    assert [line["t"] for line in lines] == [0, 1]
    assert json.loads((path / "config.json").read_text()) == json.loads(json.dumps(run.as_json()))
    one, both = (load_samples(place, 0) for place in (alone, path))
    # The first model is that of the same file: candidates are of one law, and so are the kept.
    assert lines[0]["fit"] == read_lines(alone / METRICS)[0]["fit"]
    # The two draw from streams of their own, and nobody's images are the other's.
    flat = both["images"].reshape(1800, -1)
    assert len(np.unique(flat, axis=0)) == len(np.unique(one["images"].reshape(1800, -1), axis=0))
    assert np.array_equal(both["kept"] // 3, np.arange(600))
    # Three tests, each of which errs in one of a thousand seeds; this one does not.
    candidates = ks_2samp(one["rewards"], both["rewards"]).pvalue
    kept = ks_2samp(one["rewards"][one["kept"]], both["rewards"][both["kept"]]).pvalue
    expected = np.bincount(one["classes"], minlength=10)
    counts = np.bincount(both["classes"], minlength=10)
    enough = expected + counts >= 20
    table = np.stack([expected[enough], counts[enough]])
    means = table.sum(axis=0) / 2
    shares = chisquare(table.ravel(), np.tile(means, 2), ddof=len(means), sum_check=False).pvalue
    assert min(candidates, kept, shares) > 1e-3
    # They would see a run that keeps candidates whatever their rewards.
    assert ks_2samp(one["rewards"], both["rewards"][both["kept"]]).pvalue < 1e-3


def test_runs_of_two_processes_end_and_go_on_together(
    pair: Pair, tiny: ImageExperiment, models: Path, tmp_path: Path
) -> None:
    run = replace(tiny, iterations=3)
    given = {"runs": {"only": run}, "models": models}
    assert pair(COMMAND, words=["--out", "whole"], **given)[0] == [0, 0]
    whole = (tmp_path / "whole/only" / METRICS).read_bytes()

    # The same command again is refused by the first process, and the other does not wait for it.
    codes, printed = pair(COMMAND, words=["--out", "whole"], **given)
    assert codes == [2, 1]
    assert "holds this run up to round 3 of 3" in printed[0]
    assert printed[1] == "Process 1 ends with the first one, which says why.\n"
    assert pair(COMMAND, words=["--out", "whole", "--resume"], **given)[0] == [0, 0]
    assert (tmp_path / "whole/only" / METRICS).read_bytes() == whole

    # The first fails in the middle, when it measures round 2.
    codes, printed = pair(FAILS + COMMAND, words=["--out", "failed"], **given)
    assert codes == [2, 1]
    assert "Round 2 cannot be measured.\n" in printed[0]
    assert "Process 1 cannot reach the others any more" in printed[1]
    assert printed[1].count("\n") == 1
    assert len(read_lines(tmp_path / "failed/only" / METRICS)) == 2
    codes, printed = pair(COMMAND, words=["--out", "failed", "--resume"], **given)
    assert codes == [0, 0], printed
    assert (tmp_path / "failed/only" / METRICS).read_bytes() == whole

    # A folder of another run.
    other = {**given, "runs": {"only": replace(run, gamma=4.0)}}
    codes, printed = pair(COMMAND, words=["--out", "whole", "--resume"], **other)
    assert codes == [2, 1]
    assert "gamma: 5.0 there, 4.0 here" in printed[0]


FAILS = """
from gpu_experiments.experiment import ImageExperiment
measured = ImageExperiment.measured
def fails(self, found):
    if found.t == 2:
        raise ValueError("round 2 cannot be measured")
    return measured(self, found)
ImageExperiment.measured = fails
"""


def test_an_experiment_whose_pieces_are_too_few_gets_smaller_ones(
    pair: Pair, tiny: ImageExperiment, models: Path, tmp_path: Path
) -> None:
    run = replace(tiny, iterations=0, model=replace(tiny.model, piece=16))
    codes, printed = pair(COMMAND, words=["--out", "runs"], runs={"only": run}, models=models)
    assert codes == [0, 0], printed
    assert json.loads((tmp_path / "runs/only/config.json").read_text())["model"]["piece"] == 8


class Counting:
    """A generator whose samples are the numbers of its stream."""

    def sample(self, n: int, rng: np.random.Generator) -> torch.Tensor:
        return torch.as_tensor(rng.random((n, 1)))


class Three:
    """Three processes, seen from one of them."""

    count = 3

    def __init__(self, rank: int) -> None:
        self.rank = rank

    def gathered(self, part: torch.Tensor, n: int) -> torch.Tensor:
        return part


@pytest.mark.parametrize(("n", "part"), [(9, 3), (10, 4), (1, 1), (2, 1)])
def test_every_process_samples_its_part_from_a_stream_of_its_own(n: int, part: int) -> None:
    parts = [
        Sharded(Counting(), Three(rank)).sample(n, np.random.default_rng(5))  # type: ignore[arg-type]
        for rank in range(3)
    ]
    assert [len(found) for found in parts] == [part] * 3
    assert len({float(value) for found in parts for value in found}) == 3 * part
    streams: Any = np.random.default_rng(5).spawn(3)
    for found, stream in zip(parts, streams, strict=True):
        assert np.array_equal(found.numpy(), stream.random((part, 1)))


def test_one_process_samples_from_the_stream_of_the_round() -> None:
    found = Sharded(Counting(), Team("cpu")).sample(5, np.random.default_rng(5))  # type: ignore[arg-type]
    assert np.array_equal(found.numpy(), np.random.default_rng(5).random((5, 1)))
