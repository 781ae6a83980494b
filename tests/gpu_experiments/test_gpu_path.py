"""What a GPU needs of the code, on a CPU: one compilation for all runs, bfloat16, no waiting."""

from __future__ import annotations

import gc
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from gpu_experiments.classifier_training import ClassifierSettings, train_classifier
from gpu_experiments.data import Labelled
from gpu_experiments.flow import FlowSettings, ImageFlow
from gpu_experiments.images import Images
from gpu_experiments.unet import UNetSettings, new_unet
from gpu_experiments.unet_training import BLOCK, TrainedUNet

SHAPE = (3, 8, 8)
# With all kinds of layers: two widths, attention in a level and in the middle.
TINY = replace(
    FlowSettings.smoke(),
    channel_mult=(1, 2),
    attention=(4,),
    batch=8,
    piece=4,
    steps=3,
    warm_steps=2,
    in_flight=6,
    solver_steps=2,
)


def images(n=24, shape=SHAPE, seed=0):
    drawn = torch.rand(n, *shape, generator=torch.Generator().manual_seed(seed))
    return 2 * drawn - 1


class AsOnAGPU(TrainedUNet):
    """Precision, layout and compilation of a GPU, by torch's own code for the CPU; graphs are
    counted instead of being translated, which takes a minute."""

    backend = None

    def _make(self, rng):
        network = new_unet(self.settings, self.shape, rng)
        self.network = network.to(memory_format=torch.channels_last)
        self._run = self.network
        if self.backend is not None:
            self._run = torch.compile(self.network, dynamic=False, backend=self.backend)

    def _precision(self):
        return torch.autocast("cpu", torch.bfloat16)

    def _laid_out(self, batch):
        return batch.contiguous(memory_format=torch.channels_last)


def flow(of=AsOnAGPU, seed=0, settings=TINY):
    found = ImageFlow(settings, SHAPE)
    found.unet = of(settings, SHAPE)
    found.fit(images(), np.random.default_rng(seed))
    return found


@pytest.fixture
def counted(monkeypatch):
    from torch._dynamo.testing import CompileCounter

    torch._dynamo.reset()
    backend = CompileCounter()
    monkeypatch.setattr(AsOnAGPU, "backend", backend)
    yield backend
    torch._dynamo.reset()


def test_all_fits_and_samples_of_all_runs_share_two_compiled_graphs(counted):
    """One for training and one for sampling: not one more for a last batch that is not full, for
    new weights, or for the network of the next run, when the first one is gone."""
    first = flow()
    first.sample(15, np.random.default_rng(1))
    first.fit(images(seed=5), np.random.default_rng(2))
    first.sample(6, np.random.default_rng(3))
    state = first.state()
    assert counted.frame_count == 2
    del first
    gc.collect()
    second = flow(seed=7)
    second.load(state)
    second.sample(4, np.random.default_rng(4))
    second.fit(images(), np.random.default_rng(5))
    assert counted.frame_count == 2


def test_the_network_compiles_as_one_graph():
    settings = UNetSettings(
        channels=32, channel_mult=(1, 2), res_blocks=1, attention=(4,), head_channels=32
    )
    network = new_unet(settings, SHAPE, np.random.default_rng(0))
    torch._dynamo.reset()
    found = torch._dynamo.explain(network)(torch.zeros(2), torch.zeros(2, *SHAPE))
    assert (found.graph_count, found.graph_break_count) == (1, 0)


def test_compiled_sampling_follows_weights_that_are_put_in_place(counted):
    made = flow()
    noise = made.noise(6, np.random.default_rng(1))
    before = made.transport(noise)
    made.fit(images(seed=5), np.random.default_rng(2))
    plain = flow(TrainedUNet)
    plain.load(made.state())
    moved = (made.transport(noise) - before).norm()
    assert float((made.transport(noise) - plain.transport(noise)).norm()) < 0.2 * float(moved)


def test_bfloat16_with_channels_last_samples_what_float32_does():
    """The weights are moved far from 0, where the last layers begin: all layers count."""
    made, plain = flow(), flow(TrainedUNet)
    weights = plain.state()
    generator = torch.Generator().manual_seed(3)
    for value in weights["weights"].values():
        value += 0.05 * torch.randn(value.shape, generator=generator)
    made.load(weights)
    plain.load(weights)
    noise = plain.noise(32, np.random.default_rng(1))
    velocity = plain.unet(noise, 0.4)
    apart = (made.unet(noise, 0.4) - velocity).norm() / velocity.norm()
    # Operands of bfloat16 have 8 bits.
    assert 1e-4 < float(apart) < 2e-2
    assert made.unet(noise, 0.4).dtype == torch.float32


class Waits(TorchDispatchMode):
    """Counts the numbers that are asked of a device: each would make the host wait for it."""

    count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.name()
        self.count += "_local_scalar_dense" in name or "nonzero" in name
        return function(*args, **(kwargs or {}))


def test_steps_of_a_flow_ask_nothing_of_the_device():
    def waits(steps):
        settings = replace(TINY, channel_mult=(1,), attention=(), batch=2, piece=2, steps=steps)
        with Waits() as seen:
            ImageFlow(settings, SHAPE).fit(images(), np.random.default_rng(0))
        return seen.count

    # Up to the second look at the loss, which is one transfer of many numbers.
    assert waits(BLOCK + 1) == waits(2 * BLOCK)


def test_steps_of_a_classifier_ask_nothing_of_the_device():
    def waits(epochs):
        # AdamW, which is fused on a GPU, is not on a CPU.
        settings = replace(
            ClassifierSettings.digits(), epochs=epochs, batch=8, flips=True, optimiser="sgd"
        )
        data = Labelled(
            Images(images(32, (1, 8, 8))), torch.arange(32) % 10, tuple("0123456789"), "noise"
        )
        with Waits() as seen:
            train_classifier(data, settings, np.random.default_rng(0))
        return seen.count

    # Four steps in an epoch; looks are at the first step and the last.
    assert waits(2) == waits(10)
