"""One run on several devices: every process runs the same loop, and they share out the work.

Processes are started by ``torchrun``; Lightning Fabric finds them. All draw from the same streams
and therefore agree on candidates, rewards and who is kept; what they share out is the training, a
part of every batch each (gradients are averaged), and the sampling, a part of the candidates each.
The first process writes the run's folder.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric

from sim.loop import Loop, Round
from sim.protocols import Generator, Progress, silent

# What torchrun tells its processes.
COUNT = "WORLD_SIZE"


def processes() -> int:
    """How many processes there are: one, unless torchrun started several."""
    return int(os.environ.get(COUNT, "1"))


class Team:
    """The processes of a run, one device each.

    Parameters
    ----------
    device
        ``"auto"``, ``"cpu"`` or ``"cuda"``; a single process may also name one, as ``"cuda:1"``.

    Raises
    ------
    ValueError
        For a device that is not there.
    """

    def __init__(self, device: str = "auto") -> None:
        kind, _, index = device.partition(":")
        if kind not in ("auto", "cpu", "cuda") or (index and not index.isdecimal()):
            raise ValueError(f"device {device!r}: give auto, cpu, cuda or one like cuda:1.")
        count = torch.cuda.device_count()
        if kind == "cuda" and (count == 0 or (index and int(index) >= count)):
            raise ValueError(
                f"device {device!r} cannot be used here, which has {count} CUDA devices: give auto "
                "or one that there is."
            )
        if kind == "auto":
            kind = "cuda" if count else "cpu"
        several = processes()
        if several > 1:
            self.fabric = Fabric(accelerator=kind, devices=several, strategy="ddp")
            self.fabric.launch()
            self.device = self.fabric.device
            self.rank, self.count = self.fabric.global_rank, self.fabric.world_size
        else:
            self.fabric = None
            self.device = torch.device(f"{kind}:{index}" if index else kind)
            self.rank, self.count = 0, 1

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes."""
        return self.rank == 0

    def told(self, value: Any) -> Any:
        """What the first process says, in all of them."""
        return value if self.fabric is None else self.fabric.broadcast(value)

    def average(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace each tensor by its mean over the processes."""
        if self.fabric is None:
            return
        # In one piece: a call for each of hundreds of tensors would cost more than their transfer.
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        torch.distributed.all_reduce(flat)
        flat /= self.count
        for tensor, part in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def gathered(self, part: torch.Tensor, n: int) -> torch.Tensor:
        """The first n of the parts of all processes, one after the other, in all of them."""
        if self.fabric is None:
            return part[:n]
        parts = [torch.empty_like(part) for _ in range(self.count)]
        torch.distributed.all_gather(parts, part.contiguous())
        return torch.cat(parts)[:n]


@functools.cache
def team_on(device: str) -> Team:
    """The one team of this process on that device: processes can be joined only once."""
    return Team(device)


class Sharded:
    """A generator whose samples are made by all processes, a part each.

    Parameters
    ----------
    generator
        What is fitted and sampled; its training is shared out by its own replicas.
    team
        The processes.
    """

    def __init__(self, generator: Generator, team: Team) -> None:
        self.generator = generator
        self.team = team

    def fit(
        self, data: torch.Tensor, rng: np.random.Generator, progress: Progress = silent
    ) -> Mapping[str, float]:
        """Fit, in all processes alike."""
        return self.generator.fit(data, rng, progress)

    def sample(self, n: int, rng: np.random.Generator) -> torch.Tensor:
        """n samples, the same in all processes."""
        if self.team.count == 1:
            return self.generator.sample(n, rng)
        # Parts of one size, since the processes exchange them as tensors; the rest is dropped.
        part = -(-n // self.team.count)
        own = rng.spawn(self.team.count)[self.team.rank]
        return self.team.gathered(self.generator.sample(part, own), n)

    def state(self) -> Any:
        """The generator's."""
        return self.generator.state()

    def load(self, state: Any) -> None:
        """From a state of the generator."""
        self.generator.load(state)


class SharedLoop(Loop):
    """A loop in each of several processes, all of which begin where the first one does."""

    team: Team

    def rounds(self) -> Iterator[Round]:
        """As of :class:`sim.loop.Loop`, from the state of the first process."""
        if self.team.count > 1:
            state = self.team.told(self.state() if self.team.first and self.t >= 0 else None)
            if state is not None and not self.team.first:
                self.load(state)
        yield from super().rounds()
