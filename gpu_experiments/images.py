r"""The one scale of images: floating-point tensors (n, channels, height, width) in [-1, 1].

:data:`Images` is the type of such tensors. What makes one are :func:`from_bytes`, for pixels from 0
to 255, :func:`clamped`, for what a generator returns, and :func:`as_images`, which checks a tensor
and returns it as it is. Every function that takes images calls :func:`as_images` first: one pass
over the pixels and one number pair sent to the host, whatever the number of images.

What the check cannot see: images in [0, 1] are also images in [-1, 1], only without dark pixels.
"""

from __future__ import annotations

import math
from typing import Literal, NewType

import torch

Images = NewType("Images", torch.Tensor)
"""Images (n, channels, height, width) in [-1, 1], -1 being black; float32, or less on a device."""

# The floating-point types of networks; float64 would double the memory and slow a GPU silently.
DTYPES = (torch.float32, torch.bfloat16, torch.float16)

Channels = Literal["first", "last"]


def as_images(tensor: torch.Tensor, what: str, shape: tuple[int, int, int] | None = None) -> Images:
    """The tensor itself, found to be images.

    Parameters
    ----------
    tensor
        Shape (n, channels, height, width), of a type among :data:`DTYPES`; n may be 0.
    what
        What the images are, for messages: "samples", "training images".
    shape
        (channels, height, width) that they must have; any by default.

    Raises
    ------
    TypeError
        For what is no tensor, or of another type.
    ValueError
        For another shape, and for pixels that are not numbers in [-1, 1].

    Examples
    --------
    >>> as_images(torch.full((1, 3, 8, 8), 255.0), "photographs")
    Traceback (most recent call last):
        ...
    ValueError: photographs have values from 255 to 255 where images have -1 to 1: give whole \
numbers from 0 to 255 as uint8 to from_bytes.
    """
    if not isinstance(tensor, torch.Tensor):
        raise TypeError(f"{what} are of type {type(tensor).__name__}: give a torch tensor.")
    if tensor.dtype == torch.uint8:
        raise TypeError(f"{what} are bytes where images have -1 to 1: give them to from_bytes.")
    if tensor.dtype not in DTYPES:
        raise TypeError(
            f"{what} are of type {tensor.dtype}: convert images in [-1, 1] with .float()."
        )
    if tensor.dim() != 4 or 0 in tensor.shape[1:]:
        raise ValueError(
            f"{what} have shape {tuple(tensor.shape)}: give (n, channels, height, width)."
        )
    if shape is not None and tensor.shape[1:] != shape:
        raise ValueError(
            f"{what} have (channels, height, width) {tuple(tensor.shape[1:])} where {tuple(shape)} "
            "is expected: give images of that size, or make what takes them for this one."
        )
    low, high = _range(tensor)
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(
            f"{what} have a value that is no number or infinite: look for what made it, as a "
            "training that diverged."
        )
    if low < -1 or high > 1:
        if low >= 0 and high > 2:
            remedy = "give whole numbers from 0 to 255 as uint8 to from_bytes"
        else:
            remedy = "rescale them, or clamp what a model returned by clamped"
        raise ValueError(
            f"{what} have values from {low:.6g} to {high:.6g} where images have -1 to 1: {remedy}."
        )
    return Images(tensor)


def clamped(tensor: torch.Tensor, what: str = "samples") -> Images:
    """What a model returned (n, channels, height, width), as float32 with values beyond ±1 cut off.

    Raises
    ------
    ValueError
        When values are no numbers or infinite: those are no images a little out of their range.
    """
    if isinstance(tensor, torch.Tensor) and tensor.is_floating_point():
        low, high = _range(tensor)
        if math.isfinite(low) and math.isfinite(high):
            tensor = tensor.float().clamp(-1, 1)
    return as_images(tensor, what)


def from_bytes(pixels: torch.Tensor, channels: Channels | None = None) -> Images:
    """Images of bytes, 0 becoming -1 and 255 becoming 1, on the device that the bytes are on.

    Parameters
    ----------
    pixels
        uint8, shape (n, channels, height, width) or (n, height, width, channels), with one or
        three channels.
    channels
        Where the channels are. By default they are where there are one or three of them, which
        cannot be told from images one or three pixels wide or high.

    Raises
    ------
    TypeError
        For other numbers than uint8.
    ValueError
        For another shape, or one that leaves open where the channels are.
    """
    if not isinstance(pixels, torch.Tensor) or pixels.dtype != torch.uint8:
        kind = pixels.dtype if isinstance(pixels, torch.Tensor) else type(pixels).__name__
        raise TypeError(f"pixels are of type {kind}: give a tensor of uint8.")
    places = [
        place
        for place, axis in (("first", 1), ("last", 3))
        if pixels.dim() == 4
        and 0 not in pixels.shape[1:]
        and pixels.shape[axis] in (1, 3)
        and channels in (None, place)
    ]
    if not places:
        raise ValueError(
            f"pixels have shape {tuple(pixels.shape)}: give (n, channels, height, width) or "
            "(n, height, width, channels) with 1 or 3 channels."
        )
    if len(places) == 2:
        raise ValueError(
            f"pixels have shape {tuple(pixels.shape)}, where the channels may be first or last: "
            'say channels="first" or "last".'
        )
    first = pixels if places == ["first"] else pixels.permute(0, 3, 1, 2)
    # In place after the first copy: all of CIFAR-10 takes 614 MB in float32.
    values = first.to(torch.float32, memory_format=torch.contiguous_format)
    return Images(values.div_(127.5).sub_(1))


def to_bytes(images: Images) -> torch.Tensor:
    """Images as uint8 (n, height, width, channels), rounded; the inverse of :func:`from_bytes`."""
    checked = as_images(images, "images")
    rounded = checked.float().add(1).mul_(127.5).round_()
    return rounded.to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def _range(tensor: torch.Tensor) -> tuple[float, float]:
    """Least and greatest value, NaN if there is one; (0, 0) of nothing."""
    if tensor.numel() == 0:
        return 0.0, 0.0
    # One copy to the host: a GPU is waited for once.
    low, high = torch.stack(torch.aminmax(tensor.detach())).tolist()
    return low, high
