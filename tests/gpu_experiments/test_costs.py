"""What runs took, added up by hand and from real runs."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from gpu_experiments.costs import PUBLISHED, as_json, costs, settings
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


@pytest.fixture
def timed(runs, tmp_path):
    """Copies of the runs with other seconds; their first fits took 3 s and 50 s, as all others."""

    def copy(path, name, fit, gpu="", **changed):
        folder = tmp_path / name
        folder.mkdir()
        config = json.loads((path / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, **changed}))
        (folder / "environment.json").write_text(json.dumps({"gpu": gpu} if gpu else {}))
        (folder / METRICS).write_bytes((path / METRICS).read_bytes())
        times = [{"t": t, "fit": fit, "sample": 1.0, "all": fit + 2.0} for t in range(3)]
        (folder / SECONDS).write_text("".join(json.dumps(line) + "\n" for line in times))
        return folder

    return copy


def test_the_longest_first_fit_is_the_pretraining(runs, timed):
    found = costs(timed(path, path.name, fit) for path, fit in zip(runs, (3.0, 50.0), strict=True))
    assert {each.name: each.seconds for each in found} == {
        "pretraining": 50.0,
        "refits": 2 * 3.0 + 2 * 50.0,
        "sampling": 6.0,
        "the rest": 6.0 + 3.0,
    }


def test_rounds_of_a_setting_are_those_of_all_its_seeds_on_one_gpu(runs, timed):
    folders = [
        timed(runs[0], "class-pure-0", 10.0, "one"),
        timed(runs[1], "class-pure-1", 20.0, "one"),
        timed(runs[0], "class-pure-2", 20.0, "another"),
        timed(runs[0], "class-mixed-0", 30.0, "one", lam=1.0),
        # Of as many rounds as were done, and cut short in writing the next.
        timed(runs[0], "control-pure-0", 40.0, "one", selects=False, iterations=7),
        timed(runs[0], "begun-0", 50.0, "one", gamma=7.0),
    ]
    lines = (folders[4] / METRICS).read_bytes().splitlines(keepends=True)
    (folders[4] / METRICS).write_bytes(lines[0] + lines[1] + lines[2][:-9])
    (folders[5] / METRICS).write_bytes(lines[0])
    found = settings(folders)
    assert [(each.name, each.gpu, each.runs, each.rounds, each.seconds) for each in found] == [
        ("class-pure", "one", 2, 4, 2 * 12.0 + 2 * 22.0),
        ("class-pure", "another", 1, 2, 2 * 22.0),
        ("class-mixed", "one", 1, 2, 2 * 32.0),
        ("control-pure", "one", 1, 1, 42.0),
    ]
    assert found[0].hours(20) == pytest.approx(20 * 17.0 / 3600)
    assert found[0].hours() == found[0].hours(20)


def test_hours_are_those_of_all_devices_and_shares_add_up(runs, timed):
    folders = [timed(runs[0], "class-pure-0", 10.0, "one"), timed(runs[1], "class-pure-1", 20.0)]
    one, two = as_json(folders), as_json(folders, devices=2)
    assert one["hardware"] == ["", "one"]
    assert sum(phase["share"] for phase in one["phases"]) == pytest.approx(1)
    for phase, doubled, each in zip(one["phases"], two["phases"], costs(folders), strict=True):
        assert phase["device_hours"] == each.seconds / 3600
        assert doubled["device_hours"] == 2 * phase["device_hours"]
        assert doubled["flops_per_second"] == phase["flops_per_second"] == each.achieved
    assert two["settings"][0]["extrapolated_device_hours"] == pytest.approx(2 * 20 * 12.0 / 3600)
    # The paper's are of CIFAR-10.
    assert one["settings"][0]["published_device_hours"] is None
    colours = as_json([timed(runs[0], "coloured", 10.0, "one", data="cifar10")])
    assert colours["settings"][0]["published_device_hours"] == 22.0
    assert json.loads(json.dumps(one))["published"] == {
        "data": PUBLISHED.data,
        "hours": 22.0,
        "device": "A100-40GB",
        "rounds": 20,
        "source": "arXiv:2407.09499",
    }


def test_no_run_is_told():
    with pytest.raises(ValueError, match="no run to add up"):
        costs([])


def test_a_run_of_another_kind_is_told(tmp_path):
    (tmp_path / "config.json").write_text('{"data": {"kind": "TwoMoons"}}')
    with pytest.raises(ValueError, match="is no run on images"):
        costs([tmp_path])
