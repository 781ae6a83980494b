r"""Between two latents: the great circle, along which interpolated latents stay typical."""

from __future__ import annotations

import torch


def slerp(one: torch.Tensor, two: torch.Tensor, fractions: torch.Tensor) -> torch.Tensor:
    r"""Spherical interpolation of two vectors (d,) at fractions (n,) in [0, 1], shape (n, d).

    .. math:: \frac{\sin((1-f)\theta)}{\sin\theta}\,a + \frac{\sin(f\theta)}{\sin\theta}\,b

    with the angle :math:`\theta` between them: for vectors of equal length the length is kept, and
    for independent standard normal vectors in many dimensions that is what makes a latent typical.
    Source: Song, Meng, Ermon 2021 (arXiv:2010.02502), section 5.3.

    Raises
    ------
    ValueError
        For a vector that is 0 and for opposite vectors: no great circle joins them, or every one.
    """
    lengths = one.norm() * two.norm()
    if lengths == 0:
        raise ValueError("a latent is 0 and has no direction: slerp needs two that are not.")
    # The half angle of the difference and the sum is exact where the arc cosine is not.
    u, v = one / one.norm(), two / two.norm()
    angle = 2 * torch.atan2((u - v).norm(), (u + v).norm())
    fractions = fractions[:, None]
    if angle.sin() < 1e-6:
        if angle > 1:
            raise ValueError("the latents are opposite: every great circle through one joins them.")
        # Parallel vectors: the limit of the formula.
        return (1 - fractions) * one + fractions * two
    weights = torch.sin((1 - fractions) * angle), torch.sin(fractions * angle)
    return (weights[0] * one + weights[1] * two) / angle.sin()
