r"""Couplings of noise and data close to optimal transport, for all samples at once.

The squared transport cost :math:`\sum_i \|x_0^i - x_1^i\|^2` falls when two pairs a, b exchange
their data points exactly if :math:`\langle x_0^b - x_0^a,\, x_1^b - x_1^a\rangle < 0`. Both clouds
are put in the same strip order (strips along the first coordinate, each sorted by the second):
that is a coupling already, and a fixed stride in it is nearly a fixed step in the plane, so that
many exchanges between neighbours are one operation on views, without gathering. Strides are random,
on all scales.

The noise is drawn anew each time and takes the places of the old noise in strip order: its law is
exactly normal, every data point is used exactly once, and few exchanges bring the cost down again.

On 500 points of eight Gaussians or two moons the cost is 7 to 14 % above the optimum on average, at
most 25 %; on thousands it is below that of exact couplings in minibatches of 128. In one dimension
the sorted order is the optimum. Beyond the plane the order ignores all but two coordinates, and the
exchanges, which see all of them, find less: above about eight dimensions couple minibatches
exactly instead.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

# Rounds of exchanges, each of up to n / 2 pairs; more of them hardly show in the fitted law
# (squared energy distance 0.95e-3 with 300 and 60 rounds, 0.92e-3 with 1500 and 60).
FIRST_ROUNDS = 400
REFRESH_ROUNDS = 100


FloatArray = NDArray[np.float32]


class SwapCoupling:
    """Pairs of standard normal noise and data, every data point once.

    Parameters
    ----------
    data
        Points, shape (n, d), float32, n and d at least 1.
    rng
        All randomness.
    """

    def __init__(self, data: torch.Tensor, rng: np.random.Generator) -> None:
        self._rng = rng
        points = data.numpy().T
        self._target = np.ascontiguousarray(points[:, strip_order(points)])
        self._rounds = FIRST_ROUNDS

    def pairs(self) -> tuple[torch.Tensor, torch.Tensor]:
        """New noise and the data coupled to it, each of shape (n, d), in no random order.

        Later calls overwrite what they gave before.
        """
        noise = self._rng.standard_normal(self._target.shape, dtype=np.float32)
        noise = np.ascontiguousarray(noise[:, strip_order(noise)])
        exchange(noise, self._target, self._rounds, self._rng)
        self._rounds = REFRESH_ROUNDS
        return torch.from_numpy(noise.T), torch.from_numpy(self._target.T)


def strip_order(points: FloatArray) -> NDArray[np.int64]:
    """Order of points (d, n), shape (n,): strips along coordinate 0, sorted by coordinate 1."""
    first = np.argsort(points[0])
    if len(points) == 1:
        return first
    n = len(first)
    width = strip_width(n)
    padded = np.full((-(-n // width), width), np.inf, dtype=np.float32)
    padded.ravel()[:n] = points[1][first]
    order = padded.argsort(axis=1) + width * np.arange(len(padded))[:, None]
    # The padding sorts behind everything in the last strip.
    return first[order.ravel()[:n]]


def strip_width(n: int) -> int:
    """Points per strip: as many as there are strips."""
    return max(1, math.isqrt(n))


def exchange(noise: FloatArray, target: FloatArray, rounds: int, rng: np.random.Generator) -> None:
    """Exchange targets where that lowers the cost; noise and target (d, n) in strip order.

    ``target`` is permuted in place; the cost never rises.
    """
    dim, n = target.shape
    if n < 2:
        return
    width = strip_width(n)
    across = (width ** rng.random(rounds) / 2).astype(int) * rng.choice([-1, 1], rounds)
    down = ((n / width) ** rng.random(rounds) / 2).astype(int)
    # Within the strip alone in three of ten rounds.
    down[rng.random(rounds) < 0.3] = 0
    strides = np.clip(np.abs(width * down + across), 1, n // 2)
    offsets = rng.random(rounds) * np.minimum(2 * strides, n - 2 * strides + 1)
    # Memory for all rounds: asking for it in each would take a good part of the time.
    memory = np.empty((2, dim * (n // 2)), dtype=np.float32)
    for stride, offset in zip(strides.tolist(), offsets.astype(int).tolist(), strict=True):
        blocks = (n - offset) // (2 * stride)
        part = slice(offset, offset + 2 * blocks * stride)
        x_0 = noise[:, part].reshape(dim, blocks, 2, stride)
        # Two views of the target.
        one, two = target[:, part].reshape(dim, blocks, 2, stride).transpose(2, 0, 1, 3)
        gain, kept = memory[:, : one.size].reshape(2, dim, blocks, stride)
        np.subtract(two, one, out=gain)
        np.subtract(x_0[:, :, 1], x_0[:, :, 0], out=kept)
        gain *= kept
        crossed = gain.sum(axis=0) < 0
        np.copyto(kept, one)
        np.copyto(one, two, where=crossed)
        np.copyto(two, kept, where=crossed)
