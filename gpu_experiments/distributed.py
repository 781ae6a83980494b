"""One run on several devices: every process runs the same loop, and they share out the work.

Processes are started by ``torchrun``; Lightning Fabric finds them. All draw from the same streams
and therefore agree on candidates, rewards and who is kept; what they share out is the training, a
part of every batch each (gradients are averaged), and the sampling, a part of the candidates each.
Who is kept is what the first process found: rewards are rounded alike only on devices that are
alike. The first process writes the run's folder.
"""

from __future__ import annotations

import functools
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
import torch

from sim.loop import Loop, Round
from sim.protocols import Generator, Progress, silent

# How long processes wait for the first one, which trains the classifier alone and measures rounds.
PATIENCE = timedelta(hours=6)
T = TypeVar("T")


def processes() -> tuple[int, int]:
    """How many processes there are, and how many of them on this machine: one, unless torchrun
    started several."""
    # Of other launchers' variables of the same names nothing is known.
    if not torch.distributed.is_torchelastic_launched():
        return 1, 1
    return int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_WORLD_SIZE"])


class EndedElsewhere(RuntimeError):
    """Another process of the run has ended, and has said why: this one cannot go on."""


class Team:
    """The processes of a run, one device each.

    Parameters
    ----------
    device
        ``"auto"``, ``"cpu"`` or ``"cuda"``; a single process may also name one, as ``"cuda:1"``.

    Raises
    ------
    ValueError
        For a device that is not there, or fewer of them than processes.
    """

    def __init__(self, device: str = "auto") -> None:
        kind, _, index = device.partition(":")
        known = index.isdecimal() and kind == "cuda" if ":" in device else True
        if kind not in ("auto", "cpu", "cuda") or not known:
            raise ValueError(f"device {device!r}: give auto, cpu, cuda or one like cuda:1.")
        count = torch.cuda.device_count()
        if kind == "cuda" and (count == 0 or (index and int(index) >= count)):
            raise ValueError(
                f"device {device!r} cannot be used here, which has {count} CUDA devices: give auto "
                "or one that there is."
            )
        if kind == "auto":
            kind = "cuda" if count else "cpu"
        several, here = processes()
        if several > 1:
            if index:
                raise ValueError(f"device {device!r} is one for {several} processes: give cuda.")
            if kind == "cuda" and here > count:
                raise ValueError(
                    f"there are {here} processes here and {count} CUDA devices: start as many "
                    "processes as devices."
                )
            # Imported here: it takes seconds, which a single process need not wait.
            from lightning_fabric import Fabric
            from lightning_fabric.strategies import DDPStrategy

            logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
            strategy = DDPStrategy(timeout=PATIENCE)
            self.fabric = Fabric(
                accelerator=kind, devices=here, num_nodes=several // here, strategy=strategy
            )
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
        if self.fabric is None:
            return value
        with self._together():
            return self.fabric.broadcast(value)

    def agreed(self, function: Callable[[], T]) -> T:
        """What a function gives in the first process, which alone calls it, in all of them.

        Raises
        ------
        EndedElsewhere
            In the others, where it raises in the first.
        """
        if self.fabric is None:
            return function()
        found, fault = None, None
        if self.first:
            try:
                found = function()
            except Exception as error:
                fault = error
        found, failed = self.told((found, fault is not None))
        if fault is not None:
            raise fault
        if failed:
            raise EndedElsewhere(f"process {self.rank} ends with the first one, which says why.")
        return found

    def average(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace each tensor by its mean over the processes."""
        if self.fabric is None:
            return
        # In one piece: a call for each of hundreds of tensors would cost more than their transfer.
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        with self._together():
            torch.distributed.all_reduce(flat)
        flat /= self.count
        for tensor, part in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def gathered(self, part: torch.Tensor, n: int) -> torch.Tensor:
        """The first n of the parts of all processes, one after the other, in all of them."""
        if self.fabric is None:
            return part[:n]
        # Exchanged is memory as it lies: without this, images with channels last would be mixed up.
        part = part.contiguous()
        parts = [torch.empty_like(part) for _ in range(self.count)]
        with self._together():
            torch.distributed.all_gather(parts, part)
        return torch.cat(parts)[:n]

    def together(self) -> None:
        """Wait until all processes are here."""
        if self.fabric is not None:
            with self._together():
                self.fabric.barrier()

    @contextmanager
    def _together(self) -> Iterator[None]:
        """Says in one sentence that another process is gone."""
        try:
            yield
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            fault = str(error).partition(". ")[0].partition("\n")[0]
            raise EndedElsewhere(
                f"process {self.rank} cannot reach the others any more ({fault}): one of them has "
                "ended, and says why."
            ) from error


@functools.cache
def team_on(device: str) -> Team:
    """The one team of this process on that device: processes can be joined only once."""
    return Team(device)


def leave(status: int) -> None:
    """Take this process out of its team, if it has one, before it ends with an exit status.

    Threads of the exchange that are still there while Python ends can abort the process.
    """
    if not torch.distributed.is_initialized():
        return
    if status:
        # Leaving in good order can wait for processes that are gone.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    torch.distributed.destroy_process_group()


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

    def _round(self) -> Round:
        found = super()._round()
        if self.team.count == 1 or found.kept is None:
            return found
        kept = self.team.told(found.kept.cpu())
        return replace(found, kept=kept.to(found.rewards.device))
