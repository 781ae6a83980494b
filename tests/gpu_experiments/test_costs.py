"""What runs took, added up by hand and from real runs."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from gpu_experiments.costs import costs
from gpu_experiments.experiment import KNOWN
from gpu_experiments.unet import new_unet
from sim.recording import record
from sim.runs import METRICS, SECONDS, read_lines


@pytest.fixture(scope="module")
def runs(tiny, tmp_path_factory):
    """Two short runs that share their pretraining."""
    root = tmp_path_factory.mktemp("runs")
    here = replace(tiny, places=replace(tiny.places, models=root / "models", device="cpu"))
    for seed in (0, 1):
        record(replace(here, seed=seed), root / str(seed))
    return [root / "0", root / "1"]


def test_all_seconds_are_in_one_phase_or_another(runs):
    phases = costs(runs)
    assert [each.name for each in phases] == ["pretraining", "refits", "sampling", "the rest"]
    everything = sum(line["all"] for path in runs for line in read_lines(path / SECONDS))
    assert sum(each.seconds for each in phases) == pytest.approx(everything, rel=1e-12)
    assert all(each.seconds > 0 for each in phases)


def test_images_are_those_that_were_trained_on_and_sampled(runs, tiny):
    pretraining, refits, sampling, rest = costs(runs)
    batch, rounds = tiny.model.batch, tiny.iterations
    assert pretraining.images == tiny.model.steps * batch  # once, for both
    assert refits.images == 2 * rounds * tiny.model.warm_steps * batch
    # The network is entered once for each batch and evaluation.
    assert sampling.images % (2 * (rounds + 1) * tiny.K * tiny.kept) == 0
    assert (rest.images, rest.flops, rest.achieved) == (0, 0, 0)


def test_operations_are_those_of_the_layers(runs, tiny):
    """Multiplications and additions of convolutions and linear layers, counted as they are met."""
    shape, _ = KNOWN[tiny.data]
    network = new_unet(tiny.model, shape, np.random.default_rng(0)).eval()
    counted = 0

    def count(layer, inputs, output):
        nonlocal counted
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Conv1d):
            counted += 2 * output.numel() * layer.weight[0].numel()
        elif isinstance(layer, torch.nn.Linear):
            counted += 2 * output.numel() * layer.in_features

    for layer in network.modules():
        layer.register_forward_hook(count)
    with torch.no_grad():
        network(torch.zeros(1), torch.zeros(1, *shape))
    sampling = costs(runs)[2]
    # Products of attention are counted too, and are no layers.
    assert counted <= sampling.flops / sampling.images < 1.2 * counted


def test_the_longest_first_fit_is_the_pretraining(runs, tmp_path):
    for path, fit in zip(runs, (3.0, 50.0), strict=True):
        copy = tmp_path / path.name
        copy.mkdir()
        for name in ("config.json", METRICS):
            (copy / name).write_bytes((path / name).read_bytes())
        times = [{"t": t, "fit": fit, "sample": 1.0, "all": fit + 2.0} for t in range(3)]
        (copy / SECONDS).write_text("".join(json.dumps(line) + "\n" for line in times))
    found = {each.name: each.seconds for each in costs([tmp_path / "0", tmp_path / "1"])}
    assert found == {
        "pretraining": 50.0,
        "refits": 2 * 3.0 + 2 * 50.0,
        "sampling": 6.0,
        "the rest": 6.0 + 3.0,
    }


def test_no_run_is_told():
    with pytest.raises(ValueError, match="no run to add up"):
        costs([])


def test_a_run_of_another_kind_is_told(tmp_path):
    (tmp_path / "config.json").write_text('{"data": {"kind": "TwoMoons"}}')
    with pytest.raises(ValueError, match="is no run on images"):
        costs([tmp_path])
