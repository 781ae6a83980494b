"""The network: sizes known from elsewhere, what its weights depend on, operations, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gpu_experiments.flow import FlowSettings
from gpu_experiments.unet import UNetSettings, count_parameters, flops_per_image, new_unet

TINY = UNetSettings(
    channels=32, channel_mult=(1,), res_blocks=1, attention=(), head_channels=32, dropout=0.0
)


@pytest.fixture(scope="module")
def tiny():
    return new_unet(TINY, (1, 8, 8), np.random.default_rng(0))


def test_the_published_network_has_its_published_size():
    """35.7 million parameters (Tong et al. 2024, appendix)."""
    network = new_unet(FlowSettings.cifar10(), (3, 32, 32), np.random.default_rng(0))
    assert count_parameters(network) == pytest.approx(35.7e6, rel=2e-3)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 16, 8), (2, 6, 6)])
def test_images_of_any_size_that_can_be_halved(shape):
    settings = UNetSettings(
        channels=32, channel_mult=(1, 1), res_blocks=1, attention=(), head_channels=32
    )
    network = new_unet(settings, shape, np.random.default_rng(0))
    out = network(torch.rand(2), torch.randn(2, *shape))
    assert out.shape == (2, *shape)
    # The last layer is 0 at first.
    assert not out.any()


def test_attention_is_where_the_settings_say():
    sizes = [
        count_parameters(
            new_unet(
                UNetSettings(32, (1, 1), 1, attention, 32, 0.0), (1, 8, 8), np.random.default_rng(0)
            )
        )
        for attention in ((), (8,), (4,), (16,), (8, 4))
    ]
    # A block of attention: normalisation, three products in, one out; 3 of them to a level.
    block = 2 * 32 + (32 * 96 + 96) + (32 * 32 + 32)
    assert [size - sizes[0] for size in sizes] == [0, 3 * block, 3 * block, 0, 6 * block]


def test_weights_depend_on_the_stream_and_leave_the_global_one_alone():
    before = torch.random.get_rng_state()
    one, same, other = (
        new_unet(TINY, (1, 8, 8), np.random.default_rng(seed)).state_dict() for seed in (1, 1, 2)
    )
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["out.2.bias"] + 1, other["out.2.bias"])
    assert not torch.equal(one["time_embed.0.weight"], other["time_embed.0.weight"])


def test_operations_are_those_counted_by_hand():
    """One convolution more, of known cost, between two networks that differ by a res block."""
    counts = [
        flops_per_image(
            new_unet(
                UNetSettings(32, (1,), blocks, (), 32, 0.0), (1, 8, 8), np.random.default_rng(0)
            ),
            (1, 8, 8),
        )
        for blocks in (1, 2)
    ]
    pixels, time = 64, 128
    conv = 2 * pixels * 9 * 32 * 32
    embed = 2 * time * 32
    # On the way down two convolutions; on the way up their input is doubled by the skip, so the
    # first is twice the size and a 1 x 1 convolution brings the sum to size.
    down = 2 * conv + embed
    up = 3 * conv + embed + 2 * pixels * 64 * 32
    assert counts[1].forward - counts[0].forward == down + up
    # The gradient takes as much for the weights and again for the inputs.
    assert counts[0].training == pytest.approx(3 * counts[0].forward, rel=0.02)


def test_counting_leaves_no_trace(tiny):
    tiny.train()
    before = {name: value.clone() for name, value in tiny.state_dict().items()}
    flops_per_image(tiny, (1, 8, 8))
    assert tiny.training
    assert all(weight.grad is None for weight in tiny.parameters())
    assert all(torch.equal(before[name], value) for name, value in tiny.state_dict().items())


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"channels": 48}, "give 64"),
        ({"channels": 0}, "channels = 0"),
        ({"channel_mult": ()}, "channel_mult is empty"),
        ({"channel_mult": (1, 0)}, "channel_mult"),
        ({"res_blocks": True}, "res_blocks = True"),
        ({"head_channels": 48}, "head_channels = 48"),
        ({"attention": (0,)}, "attention"),
        ({"dropout": 1.0}, "dropout = 1.0"),
    ],
)
def test_settings_out_of_range_are_refused(chosen, said):
    with pytest.raises(ValueError, match=said):
        UNetSettings(**chosen)


@pytest.mark.parametrize(
    ("shape", "said"), [((3, 30, 32), "halved 3 times"), ((3, 32), "shape"), ((0, 8, 8), "shape")]
)
def test_images_that_cannot_be_halved_are_refused(shape, said):
    with pytest.raises(ValueError, match=said):
        new_unet(UNetSettings(), shape, np.random.default_rng(0))
