r"""The U-Net of torchcfm for images of any even size, and how many operations it takes.

Source: the network of Tong et al. 2024 (arXiv:2302.00482) for CIFAR-10, which is that of Dhariwal
and Nichol 2021 (arXiv:2105.05233): residual blocks with group normalisation, attention at chosen
widths and in the middle, skips from the way down to the way up. Its last layer is 0 at first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from sim.generators.reference_coupling import seeded_globals

# Group normalisation has this many groups, which must divide every number of channels.
GROUPS = 32

Shape = tuple[int, int, int]
"""Channels, height and width of an image."""


@dataclass(frozen=True)
class UNetSettings:
    """What a U-Net is made of.

    Attributes
    ----------
    channels
        Channels of the first level, a multiple of 32.
    channel_mult
        Channels of each level in multiples of that; the levels halve height and width.
    res_blocks
        Residual blocks of a level on the way down; one more on the way up.
    attention
        Widths in pixels of the levels with attention; the middle always has it.
    head_channels
        Channels of an attention head; divides the channels of the levels with attention.
    dropout
        Share of the hidden units that are dropped in training.

    Raises
    ------
    ValueError
        For a setting out of its range.
    """

    channels: int = 128
    channel_mult: tuple[int, ...] = (1, 2, 2, 2)
    res_blocks: int = 2
    attention: tuple[int, ...] = (16,)
    head_channels: int = 64
    dropout: float = 0.1

    def __post_init__(self) -> None:
        # A list, as configuration files have them, would make the settings unhashable.
        for name in ("channel_mult", "attention"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name in ("channels", "res_blocks", "head_channels"):
            require_count(name, getattr(self, name))
        if self.channels % GROUPS:
            raise ValueError(
                f"channels = {self.channels} is not a multiple of {GROUPS}, the groups of its "
                f"normalisation: give {GROUPS * math.ceil(self.channels / GROUPS)}."
            )
        if not self.channel_mult:
            raise ValueError("channel_mult is empty: give one multiple for each level.")
        for name in ("channel_mult", "attention"):
            for value in getattr(self, name):
                require_count(f"{name} has {value!r}: each", value)
        # The middle, whose channels are the last level's, has attention whatever the settings say.
        if (self.channels * self.channel_mult[-1]) % self.head_channels:
            raise ValueError(
                f"head_channels = {self.head_channels} does not divide the "
                f"{self.channels * self.channel_mult[-1]} channels of the last level."
            )
        if not (isinstance(self.dropout, int | float) and 0 <= self.dropout < 1):
            raise ValueError(f"dropout = {self.dropout!r} is not a share: give 0 to less than 1.")

    def accepts(self, shape: Shape) -> None:
        """Refuse images that this network cannot halve as often as it has levels.

        Raises
        ------
        ValueError
            Naming the shape and what would do.
        """
        factor = 2 ** (len(self.channel_mult) - 1)
        if len(shape) != 3 or any(
            isinstance(side, bool) or not isinstance(side, int) or side < 1 for side in shape
        ):
            raise ValueError(f"shape = {shape!r} is not (channels, height, width) of an image.")
        if shape[1] % factor or shape[2] % factor:
            raise ValueError(
                f"images of {shape[1]} x {shape[2]} pixels cannot be halved "
                f"{len(self.channel_mult) - 1} times: give sides that {factor} divides, or fewer "
                "levels in channel_mult."
            )


def require_count(name: str, value: object) -> None:
    """Refuse, with a sentence that begins with the name, what is not a whole number of at least
    1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} = {value!r} is not a whole number of at least 1.")


def new_unet(settings: UNetSettings, shape: Shape, rng: np.random.Generator) -> nn.Module:
    """A network with random weights, called as ``network(t, x)``, on the CPU in float32.

    ``t`` are times (n,), ``x`` images (n, *shape); the result has the shape of ``x``. The weights
    depend on nothing but the stream.
    """
    # Imported here: it takes seconds, which reading settings should not.
    from torchcfm.models.unet.unet import UNetModelWrapper

    settings.accepts(shape)
    # The wrapper halves the width by what it is told; half a pixel is a level that does not occur.
    widths = settings.attention or (2 * shape[2],)
    with seeded_globals(rng):
        network: nn.Module = UNetModelWrapper(
            dim=shape,
            num_channels=settings.channels,
            num_res_blocks=settings.res_blocks,
            channel_mult=settings.channel_mult,
            attention_resolutions=",".join(str(width) for width in widths),
            num_head_channels=settings.head_channels,
            dropout=settings.dropout,
        )
    return network


def count_parameters(network: nn.Module) -> int:
    """Numbers that training changes."""
    return sum(weight.numel() for weight in network.parameters())


@dataclass(frozen=True)
class Operations:
    """Floating-point operations for one image, a multiplication and an addition being two.

    Attributes
    ----------
    forward
        Of one evaluation: convolutions and matrix products, which is nearly all.
    training
        Of one evaluation and its gradient with respect to the weights.
    """

    forward: int
    training: int


def flops_per_image(network: nn.Module, shape: Shape) -> Operations:
    """Operations counted on one image while the network is evaluated and differentiated.

    Divided into a measured time per image they give the achieved operations per second. The
    weights stay as they are; gradients that were there are lost.
    """
    from torch.utils.flop_counter import FlopCounterMode

    weight = next(network.parameters())
    image = torch.zeros(1, *shape, device=weight.device, dtype=weight.dtype)
    time = torch.zeros(1, device=weight.device, dtype=weight.dtype)
    was_training = network.training
    # Without dropout, whose random numbers would be taken from the global stream.
    network.eval()
    try:
        forward, both = FlopCounterMode(display=False), FlopCounterMode(display=False)
        with forward, torch.no_grad():
            network(time, image)
        with both:
            network(time, image).sum().backward()
    finally:
        network.zero_grad(set_to_none=True)
        network.train(was_training)
    return Operations(forward.get_total_flops(), both.get_total_flops())
