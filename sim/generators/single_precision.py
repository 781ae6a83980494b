"""Data in single precision, which networks are trained in, or a refusal."""

from __future__ import annotations

from typing import Any

import torch

# Largest rounding that is let pass, as a share of a coordinate's standard deviation: it adds the
# square of that, 1e-4, to the variance.
LOST = 0.01


def in_single_precision(data: Any, device: torch.device | str = "cpu") -> torch.Tensor:
    """Data (n, d) in float32 on the device.

    Raises
    ------
    ValueError
        For another shape, for numbers that are not finite in float32, and for a coordinate that is
        so far from 0 that the rounding would be a hundredth of its spread or more.
    """
    given = torch.as_tensor(data)
    if given.ndim != 2 or 0 in given.shape:
        raise ValueError(f"data have shape {tuple(given.shape)}: give (n, d), neither of them 0.")
    rounded = given.float()
    if not torch.isfinite(rounded).all():
        raise ValueError("data are not all finite numbers of single precision: mend the rows.")
    if given.dtype != torch.float32:
        wide = given.double()
        lost = (rounded.double() - wide).square().mean(dim=0).sqrt()
        varies = (wide != wide[0]).any(dim=0)
        if (varies & (lost > LOST * wide.std(dim=0, correction=0))).any():
            raise ValueError(
                "data are so far from 0 that single precision cannot tell them apart: subtract "
                "their mean."
            )
    return rounded.to(device)
