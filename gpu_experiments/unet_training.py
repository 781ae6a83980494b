r"""Training a U-Net on images and evaluating it, whatever it predicts: velocities or noise.

What is learnt comes as a :data:`Lesson`, which turns images into times, inputs and wanted outputs;
the loss is the mean squared error per pixel. The weights that count are a moving average of those
that the optimiser moves: sampling uses them, a state is them, and the next fit starts from them,
since the samples it is fitted to are theirs. Its optimiser starts anew: its moments belong to
other weights and another law, they would make the state three times as large, and the rate rises
from 0 while they are found again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch

from gpu_experiments.interrupted_fits import (
    UnfinishedFit,
    digest,
    global_streams,
    put_global_streams,
    put_stream_state,
    stream_state,
    unfinished_fit,
)
from gpu_experiments.unet import Shape, UNetSettings, new_unet, require_count
from sim.generators.reference_coupling import seeded_globals
from sim.generators.velocity import one_thread
from sim.protocols import DivergedTraining, Progress
from sim.streams import torch_generator

# Steps between two looks at the loss: on a GPU each look waits for it.
BLOCK = 25
# A loss of this many times that of predicting 0 is no fit any more.
BLOWN_UP = 10.0

# Of one piece of a batch: images to (times (n,), inputs and wanted outputs like the images), with
# the two sources of randomness.
Lesson = Callable[
    [torch.Tensor, torch.Generator, np.random.Generator],
    tuple[torch.Tensor, torch.Tensor, torch.Tensor],
]
Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class TrainedUNetSettings(UNetSettings):
    r"""A network, its training, and how it runs; the defaults are those of torchcfm's CIFAR-10.

    Attributes
    ----------
    batch
        Images per training step, over all devices.
    piece
        Images of a batch that are drawn together, and coupled together in flow matching; divides
        the batch. Several devices share out the pieces, so that their number changes no number.
    steps, rate
        Steps of the first fit, and the peak of Adam's rate.
    warm_steps, warm_rate
        The same for every later fit, which starts from the last weights.
    rise
        Share of the steps over which the rate rises from 0 to its peak.
    fall
        What the rate does then: ``"constant"``, or ``"cosine"`` down to 0.
    beta_2
        Memory of Adam's second moments; 0.999 needs some thousand steps to be of use.
    average
        Memory of the moving average of the weights, in the limit of many steps. After k steps it is
        at most (1 + k)/(10 + k), an average over about the last tenth of the fit, in which the
        weights that it began with have no part.
    clip
        Largest norm of the gradient; larger ones are scaled down to it.
    flips
        Whether images are mirrored left to right with probability 1/2.
    compile
        Whether the network is compiled, where the device is a GPU: minutes once, faster ever after.
    in_flight
        Images that are evaluated together in sampling.
    """

    batch: int = 128
    piece: int = 128
    steps: int = 400_000
    rate: float = 2e-4
    warm_steps: int = 20_000
    warm_rate: float = 1e-4
    rise: float = 0.0125
    fall: Literal["constant", "cosine"] = "constant"
    beta_2: float = 0.999
    average: float = 0.9999
    clip: float = 1.0
    flips: bool = True
    compile: bool = True
    in_flight: int = 2048

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("batch", "piece", "steps", "warm_steps", "in_flight"):
            require_count(name, getattr(self, name))
        if self.batch % self.piece:
            raise ValueError(
                f"batch = {self.batch} is not whole pieces of {self.piece}: give a piece that "
                "divides the batch, such as the batch itself."
            )
        for name in ("rate", "warm_rate", "clip"):
            value = getattr(self, name)
            if not (isinstance(value, int | float) and 0 < value < math.inf):
                raise ValueError(f"{name} = {value!r} is not a positive number.")
        for name in ("rise", "beta_2", "average"):
            value = getattr(self, name)
            if not (isinstance(value, int | float) and 0 <= value < 1):
                raise ValueError(f"{name} = {value!r} is not a share: give 0 to less than 1.")
        if self.fall not in ("constant", "cosine"):
            raise ValueError(f"fall = {self.fall!r} is neither 'constant' nor 'cosine'.")
        for name in ("flips", "compile"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} = {getattr(self, name)!r} is neither True nor False.")

    def rate_at(self, step: int, steps: int, peak: float) -> float:
        """Adam's rate at a step in 0, …, steps - 1."""
        risen = min(1.0, (step + 1) / max(1.0, self.rise * steps))
        if self.fall == "constant":
            return peak * risen
        return peak * risen * math.cos(math.pi * step / steps / 2) ** 2


class Replicas(Protocol):
    """The devices that train the same network, each on its share of every batch."""

    @property
    def rank(self) -> int:
        """Which of them this one is, from 0."""

    @property
    def count(self) -> int:
        """How many there are."""

    def average(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace each tensor by its mean over the devices."""


class Alone:
    """One device."""

    rank = 0
    count = 1

    def average(self, tensors: Sequence[torch.Tensor]) -> None:
        """Each is its own mean."""


class TrainedUNet:
    """A U-Net, fitted and evaluated.

    On a GPU it runs in bfloat16 where that is safe (autocast), with channels last; on a CPU in
    float32 on one thread, where the same stream gives the same weights, be the fit interrupted or
    not.

    Parameters
    ----------
    settings, shape
        See :class:`TrainedUNetSettings` and :data:`gpu_experiments.unet.Shape`.
    device
        Where the network is.
    replicas
        The devices that share the training.
    unfinished
        Folder of long fits that were interrupted, where the same fit goes on from
        (:mod:`gpu_experiments.interrupted_fits`); by default every fit begins at its beginning.

    Raises
    ------
    ValueError
        For images that the network cannot halve, or pieces that the devices cannot share out.
    """

    def __init__(
        self,
        settings: TrainedUNetSettings,
        shape: Shape,
        device: torch.device | str = "cpu",
        replicas: Replicas | None = None,
        unfinished: Path | None = None,
    ) -> None:
        settings.accepts(tuple(shape))
        self.settings = settings
        self.shape: Shape = tuple(shape)
        self.device = torch.device(device)
        self.replicas = Alone() if replicas is None else replicas
        self.unfinished = unfinished
        pieces = settings.batch // settings.piece
        if pieces % self.replicas.count:
            raise ValueError(
                f"a batch of {pieces} pieces cannot be shared out to {self.replicas.count} "
                f"devices: give a piece of {settings.batch}/{self.replicas.count} or a part of it."
            )
        self.fitted = False
        self.network: torch.nn.Module | None = None
        self._run: Any = None

    def fit(
        self, data: torch.Tensor, lesson: Lesson, rng: np.random.Generator, progress: Progress
    ) -> Mapping[str, float]:
        """Fit to images (n, *shape) on the device.

        The lesson, of which an unfinished fit knows nothing, is one for each class of settings.

        Returns the loss, in mean over the last tenth of the steps; the loss of predicting 0, in
        mean over the same; and the number of steps.

        Raises
        ------
        DivergedTraining
            When the loss or a weight is no number any more, or the loss has blown up. The network
            is then as before, as it is after every other fault.
        MemoryError
            When the device's memory does not hold a batch.
        ValueError
            When the file of this fit, unfinished, is damaged.
        """
        chosen, cold = self.settings, not self.fitted
        # Always as many, so that the numbers depend neither on the device nor on what came before.
        seeds = rng.integers(2**63, size=3 + chosen.batch // chosen.piece).tolist()
        fresh, order = (np.random.default_rng(seed) for seed in seeds[:2])
        # Each device drops other units.
        dropout = np.random.default_rng([seeds[2], self.replicas.rank])
        pieces = [np.random.default_rng(seed) for seed in seeds[3:]]
        if self.network is None:
            self._make(fresh)
        elif cold:
            self.network.load_state_dict(new_unet(chosen, self.shape, fresh).state_dict())
        before = [weight.detach().clone() for weight in self.network.parameters()]
        steps, peak = (chosen.steps, chosen.rate) if cold else (chosen.warm_steps, chosen.warm_rate)
        drawn = _Batches(self, data, lesson, order, pieces)

        def identity() -> Mapping[str, Any]:
            return {
                "settings": [type(chosen).__name__, asdict(chosen)],
                "shape": self.shape,
                "device": self.device.type,
                "process": [self.replicas.rank, self.replicas.count],
                "cold": cold,
                "seeds": seeds,
                "weights": digest(before),
                "data": digest([data]),
            }

        file = unfinished_fit(self.unfinished, steps, identity, self.replicas.average, self.device)
        try:
            with (
                file as unfinished,
                self._at_work(),
                self._seeded(dropout),
                within_memory(self._batch_that_fits),
            ):
                found = self._train(drawn, steps, peak, progress, unfinished)
        except BaseException:
            self._put(before)
            raise
        self.fitted = True
        return found

    @torch.no_grad()
    def __call__(self, x: torch.Tensor, t: float) -> torch.Tensor:
        """Outputs at images (n, *shape) and one time, float32, by the averaged weights.

        All of them at once: who has many passes :attr:`in_flight` at a time.
        """
        self.network.eval()
        n = len(x)
        if self._run is not self.network and n < self.settings.in_flight:
            # A compiled network is compiled for one size.
            x = torch.cat([x, x.new_zeros(self.settings.in_flight - n, *self.shape)])
        times = torch.full((len(x),), t, device=self.device)
        with self._precision(), within_memory(self._in_flight_that_fits):
            return self._run(times, self._laid_out(x))[:n].float()

    def in_flight(
        self, of: Callable[[torch.Tensor], torch.Tensor], latents: torch.Tensor
    ) -> torch.Tensor:
        """``of`` applied to latents (n, *shape), as many at a time as the settings say.

        Raises ``ValueError`` before the first fit, and for latents of another shape.
        """
        if not self.fitted:
            raise ValueError("the generator has not been fitted: call fit or load first.")
        if tuple(latents.shape[1:]) != self.shape:
            raise ValueError(
                f"latents have shape {tuple(latents.shape)}: give (n, "
                f"{', '.join(map(str, self.shape))})."
            )
        latents = latents.to(self.device, torch.float32)
        if len(latents) == 0:
            return latents
        with self._at_work(), torch.no_grad():
            return torch.cat([of(part) for part in latents.split(self.settings.in_flight)])

    def latents(self, n: int, generator: torch.Generator) -> torch.Tensor:
        """Standard normal noise (n, *shape) on the device."""
        return torch.randn(n, *self.shape, generator=generator, device=self.device)

    def state(self) -> dict[str, Any]:
        """The averaged weights, on the CPU; none before the first fit."""
        weights = self.network.state_dict() if self.fitted else {}
        return {
            "shape": list(self.shape),
            "weights": {name: value.detach().cpu().clone() for name, value in weights.items()},
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Become the network of a state.

        Raises
        ------
        ValueError
            When it is of images of another shape or of another network; this one is as before.
        """
        if tuple(state["shape"]) != self.shape:
            raise ValueError(
                f"the state is of images of shape {tuple(state['shape'])} and these are "
                f"{self.shape}: load it where it was made."
            )
        if not state["weights"]:
            self.fitted = False
            return
        if self.network is None:
            self._make(np.random.default_rng(0))
        mine = {name: value.shape for name, value in self.network.state_dict().items()}
        if mine != {name: value.shape for name, value in state["weights"].items()}:
            raise ValueError(
                "the state is of another network: load it with the channels, channel_mult, "
                "res_blocks and attention that it was made with."
            )
        self.network.load_state_dict(state["weights"])
        self.fitted = True

    def _make(self, rng: np.random.Generator) -> None:
        layout = torch.channels_last if self.device.type == "cuda" else torch.contiguous_format
        network = new_unet(self.settings, self.shape, rng)
        self.network = network.to(self.device, memory_format=layout)
        self._run = self.network
        if self.settings.compile and self.device.type == "cuda":
            self._run = torch.compile(self.network, dynamic=False)

    def _train(
        self,
        batches: _Batches,
        steps: int,
        peak: float,
        progress: Progress,
        unfinished: UnfinishedFit | None,
    ) -> dict[str, float]:
        self.network.train()
        course = _Course(self, batches)
        averaged, rows = course.averaged, course.rows
        if unfinished is not None and course.taken_up(unfinished.load()):
            progress(len(rows) / steps, rows[-1][0])
        found: list[torch.Tensor] = []
        batch = batches.draw()
        for step in range(len(rows), steps):
            course.adam.param_groups[0]["lr"] = self.settings.rate_at(step, steps, peak)
            found.append(self._step(batch, course.adam, course.weights))
            memory = min(self.settings.average, (1 + step) / (10 + step))
            torch._foreach_lerp_(
                averaged, [weight.detach() for weight in course.weights], 1 - memory
            )
            last = step + 1 == steps
            kept = unfinished is not None and not last and unfinished.due(step + 1)
            if not (last or kept):
                # While a GPU still computes the step.
                batch = batches.draw()
            if len(found) == BLOCK or last or kept:
                losses = torch.stack(found)
                self.replicas.average([losses])
                rows += losses.tolist()
                _refuse_diverged(rows, len(found), steps, peak)
                found = []
                progress((step + 1) / steps, rows[-1][0])
            if kept:
                unfinished.write(course.state())
                # Now only: the file has the streams as they are before the batch that comes next.
                batch = batches.draw()
        # No loss has judged the last step.
        if not all(bool(torch.isfinite(weight).all()) for weight in averaged):
            raise DivergedTraining(
                f"the weights are no numbers after step {steps} of {steps} at rate {peak:g}"
            )
        self._put(averaged)
        end = torch.tensor(rows[-max(1, steps // 10) :], dtype=torch.float64).mean(dim=0)
        return {"loss": float(end[0]), "loss_of_nothing": float(end[1]), "steps": steps}

    def _step(
        self, batch: Batch, adam: torch.optim.Adam, weights: list[torch.nn.Parameter]
    ) -> torch.Tensor:
        """One step; the loss and that of predicting 0, shape (2,), left on the device."""
        times, inputs, wanted = batch
        with self._precision():
            outputs = self._run(times, self._laid_out(inputs))
        loss = (outputs.float() - wanted).square().mean()
        adam.zero_grad()
        loss.backward()
        self.replicas.average([weight.grad for weight in weights])
        torch.nn.utils.clip_grad_norm_(weights, self.settings.clip, foreach=True)
        adam.step()
        return torch.stack([loss.detach(), wanted.square().mean()])

    def _batch_that_fits(self) -> str:
        batch, piece = self.settings.batch, self.settings.piece
        if batch == 1:
            return "train a smaller network than this, of which it holds no image"
        half = batch // 2
        also = "" if half % piece == 0 else f" and piece = {math.gcd(half, piece)}"
        return f"give batch = {half}{also} instead of {batch}"

    def _in_flight_that_fits(self) -> str:
        size = self.settings.in_flight
        if size == 1:
            return "take a smaller network than this, of which it holds no image"
        return f"give in_flight = {size // 2} instead of {size}"

    @torch.no_grad()
    def _put(self, weights: Sequence[torch.Tensor]) -> None:
        for old, new in zip(self.network.parameters(), weights, strict=True):
            old.copy_(new)

    def _laid_out(self, images: torch.Tensor) -> torch.Tensor:
        if self.device.type == "cuda":
            return images.contiguous(memory_format=torch.channels_last)
        return images

    def _precision(self) -> AbstractContextManager[Any]:
        if self.device.type == "cuda":
            return torch.autocast("cuda", torch.bfloat16)
        return nullcontext()

    def _at_work(self) -> AbstractContextManager[Any]:
        if self.device.type == "cpu":
            return one_thread()
        # A few shapes of convolution occur, thousands of times each: try which kernel is fastest.
        return torch.backends.cudnn.flags(enabled=True, benchmark=True)

    @contextmanager
    def _seeded(self, rng: np.random.Generator) -> Iterator[None]:
        """Dropout draws from the global stream of the device, which is put back after."""
        with seeded_globals(rng):
            if self.device.type == "cpu":
                yield
                return
            with torch.random.fork_rng(devices=[self.device]):
                # The current device need not be this one, as with cuda:1.
                with torch.cuda.device(self.device):
                    torch.cuda.manual_seed(int(rng.integers(2**63)))
                yield


class _Course:
    """What a fit changes while it goes on: weights, their average, Adam, batches to come, losses.

    One row of losses for each step: that of the network and that of predicting 0.
    """

    def __init__(self, unet: TrainedUNet, batches: _Batches) -> None:
        self.weights = list(unet.network.parameters())
        self.averaged = [weight.detach().clone() for weight in self.weights]
        betas = (0.9, unet.settings.beta_2)
        self.adam = torch.optim.Adam(self.weights, betas=betas, fused=True)
        self.rows: list[list[float]] = []
        self._batches = batches
        self._device = unet.device

    def state(self) -> dict[str, Any]:
        """Everything that further steps depend on, while no batch has been drawn for the next."""
        return {
            "step": len(self.rows),
            "weights": [weight.detach() for weight in self.weights],
            "averaged": self.averaged,
            "adam": self.adam.state_dict()["state"],
            "batches": self._batches.state(),
            "globals": global_streams(self._device),
            "losses": torch.tensor(self.rows, dtype=torch.float64),
        }

    @torch.no_grad()
    def taken_up(self, state: Mapping[str, Any] | None) -> bool:
        """Go on from a state, if there is one."""
        if state is None:
            return False
        for name in ("weights", "averaged"):
            for mine, kept in zip(getattr(self, name), state[name], strict=True):
                mine.copy_(kept)
        self.adam.load_state_dict({**self.adam.state_dict(), "state": state["adam"]})
        self._batches.load(state["batches"])
        put_global_streams(state["globals"], self._device)
        self.rows += state["losses"].tolist()
        return True


class _Batches:
    """Batches of a fit: every image once in random order, then all of them again."""

    def __init__(
        self,
        unet: TrainedUNet,
        data: torch.Tensor,
        lesson: Lesson,
        order: np.random.Generator,
        pieces: Sequence[np.random.Generator],
    ) -> None:
        device = unet.device
        self._unet, self._data, self._lesson = unet, data, lesson
        self._order = torch_generator(order, device)
        self._rows = torch.zeros(0, dtype=torch.int64, device=device)
        self._pieces = [
            (place, torch_generator(rng, device), rng) for place, rng in enumerate(pieces)
        ][unet.replicas.rank :: unet.replicas.count]
        # Coupling waits for distances: on a stream of its own it does not wait for the last step,
        # and its small kernels, urgent, not for their turn among those of the step.
        cuda = device.type == "cuda"
        self._stream = torch.cuda.Stream(device, priority=-1) if cuda else None
        self._wait()

    def state(self) -> dict[str, Any]:
        """What all further batches depend on, besides the data."""
        return {
            "order": self._order.get_state(),
            # Without the rows before them, which they share their memory with.
            "rows": self._rows.clone(),
            "pieces": [
                (generator.get_state(), stream_state(rng)) for _, generator, rng in self._pieces
            ],
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        self._order.set_state(state["order"])
        self._rows = state["rows"].to(self._unet.device)
        for (_, generator, rng), (drawn, text) in zip(self._pieces, state["pieces"], strict=True):
            generator.set_state(drawn)
            put_stream_state(rng, text)
        self._wait()
        if self._stream is not None:
            # Made on the stream of the steps, which must not get its memory back while it is read.
            self._rows.record_stream(self._stream)

    def _wait(self) -> None:
        """Have batches wait for what is on its way to the device."""
        if self._stream is not None:
            self._stream.wait_stream(torch.cuda.current_stream(self._unet.device))

    @torch.no_grad()
    def draw(self) -> Batch:
        """The next batch, or this device's share of it."""
        if self._stream is None:
            return self._drawn()
        with torch.cuda.stream(self._stream):
            batch = self._drawn()
        current = torch.cuda.current_stream(self._unet.device)
        current.wait_stream(self._stream)
        for part in batch:
            # Its memory is not given to the next batch before the step has read it.
            part.record_stream(current)
        return batch

    def _drawn(self) -> Batch:
        chosen = self._unet.settings
        while len(self._rows) < chosen.batch:
            again = torch.randperm(len(self._data), generator=self._order, device=self._unet.device)
            self._rows = torch.cat([self._rows, again])
        rows, self._rows = self._rows[: chosen.batch], self._rows[chosen.batch :]
        parts = []
        for place, generator, rng in self._pieces:
            images = self._data[rows[place * chosen.piece : (place + 1) * chosen.piece]]
            if chosen.flips:
                mirrored = torch.rand(len(images), 1, 1, 1, generator=generator, device=rows.device)
                images = torch.where(mirrored < 0.5, images.flip(-1), images)
            parts.append(self._lesson(images, generator, rng))
        times, inputs, wanted = (torch.cat(part) for part in zip(*parts, strict=True))
        return times, inputs, wanted


def spread_times(n: int, generator: torch.Generator) -> torch.Tensor:
    """n times, uniform on [0, 1] each and one in each of n equal parts, in random order."""
    drawn = {"generator": generator, "device": generator.device}
    return (torch.randperm(n, **drawn) + torch.rand(n, **drawn)) / n


@contextmanager
def within_memory(remedy: Callable[[], str]) -> Iterator[None]:
    """Say in one sentence, ending with the remedy, that the device's memory does not suffice."""
    try:
        yield
    except torch.cuda.OutOfMemoryError as fault:
        raise MemoryError(f"the memory of the device does not suffice: {remedy()}.") from fault


def _refuse_diverged(rows: list[list[float]], fresh: int, steps: int, peak: float) -> None:
    for step in range(len(rows) - fresh, len(rows)):
        loss, nothing = rows[step]
        # Not written as ">", which no comparison with a NaN fulfils.
        if not loss <= BLOWN_UP * nothing:
            raise DivergedTraining(
                f"the loss is {loss:.3g} at step {step + 1} of {steps} at rate {peak:g}"
            )
