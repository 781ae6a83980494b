"""CUDA devices that are only claimed: tensors stay on the CPU, and are refused what devices refuse.

In the context :class:`ClaimedCuda` ``device="cuda"`` works on any machine: real numbers are
computed by the CPU's own code, and of every storage it is noted on which device it claims to be.
Refused, as on a device, are tensors of two devices in one operation, generators of another device
than the tensor's, and NumPy's view of what is not in the host's memory. What is asked of the
device, each of which the host waits for, is counted. Work has a place on its stream: to read
numbers that another stream made, and that were not waited for, is a race, and so is to give back
memory that another stream may still use.

Not seen: kernels and their types, memory, autocast, which has the CPU's lists, and compilation: the
compiled network is the network.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

CPU = torch.device("cpu")
_GROUPED, _SAVE = torch._C._group_tensors_by_device_and_dtype, torch.save
TENSOR = torch.Tensor
# What takes tensors of several devices: copies, and indices that are on the CPU.
COPIES = ("aten::copy_", "aten::_to_copy")
INDEXED = ("aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_")
# The host waits for the length or the value of their results.
ASKS = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "equal", "bincount")


class Race(AssertionError):
    """Work of two streams that nothing puts in order."""


class Stream:
    """A stream: how much work it was given, and how much of the others' is done before its next."""

    def __init__(self, device: Any = None, priority: int = 0) -> None:
        self.device = torch.device("cuda" if device is None else device)
        self.given = 0
        self.knows: dict[Stream, int] = {}

    def wait_stream(self, other: Stream) -> None:
        """Later work here is after the work that the other has now, and what that was after."""
        for stream, place in {**other.knows, other: other.given}.items():
            self.knows[stream] = max(place, self.knows.get(stream, 0))

    def after(self, other: Stream, place: int) -> bool:
        """Whether what comes next is after that piece of the other's work."""
        return self is other or self.knows.get(other, -1) >= place


class Memory:
    """A storage on a device: where, and what the streams did with it."""

    def __init__(self, of: torch.UntypedStorage, device: torch.device, stream: Stream) -> None:
        self.storage, self.device, self.stream = StorageWeakRef(of), device, stream
        self.empty = of.nbytes() == 0
        self.written = (stream, stream.given)
        self.used: dict[Stream, int] = {}
        self.recorded: set[Stream] = set()

    def read(self, stream: Stream) -> None:
        if not stream.after(*self.written):
            raise Race("a stream reads what another one may not have written yet: wait_stream")
        self.used[stream] = stream.given

    def write(self, stream: Stream) -> None:
        self.read(stream)
        if not all(stream.after(other, place) for other, place in self.used.items()):
            raise Race("a stream writes what another one may still read: wait_stream")
        self.written = (stream, stream.given)

    def refuse_early_end(self) -> None:
        """The allocator hands it out again at once, to the stream that it was made on."""
        for other, place in [] if self.empty else self.used.items():
            if other not in self.recorded and not self.stream.after(other, place):
                raise Race("memory was given back while another stream may use it: record_stream")


class Generator(torch.Generator):
    """A generator that claims a device."""

    def __new__(cls, device: Any = "cpu") -> Generator:
        found = super().__new__(cls, "cpu")
        found.claimed = torch.device(device)
        return found

    @property
    def device(self) -> torch.device:
        return self.claimed


class ClaimedCuda:
    """A context in which there are CUDA devices.

    Attributes
    ----------
    asked
        What was asked of the devices, by operation; ``"to host"`` and ``"to device"`` are copies.
    states
        Of the devices' global streams of random numbers: their seeds, from which nothing is drawn.
    """

    def __init__(self, count: int = 2) -> None:
        self.count = count
        self.asked: Counter[str] = Counter()
        self.current = 0
        self.claim: torch.device | None = None
        self.states = [torch.zeros(8, dtype=torch.uint8) for _ in range(count)]
        self._memory: dict[int, Memory] = {}
        # Of which the allocator may have to wait for a stream that is not the memory's own.
        self._shared: set[int] = set()
        self._many = 1000
        self._others: set[Stream] = set()
        self._streams = [Stream(torch.device("cuda", index)) for index in range(count)]
        self._open = ExitStack()

    def device_of(self, tensor: torch.Tensor) -> torch.device:
        """Where the tensor claims to be."""
        memory = self._of(tensor)
        with torch._C.DisableTorchFunction():
            return tensor.device if memory is None else memory.device

    def named(self, device: Any) -> torch.device:
        """A device with its index, as tensors have it."""
        found = torch.device("cuda", device) if isinstance(device, int) else torch.device(device)
        if found.type != "cuda":
            return CPU if found.type == "cpu" else found
        index = self.current if found.index is None else found.index
        if index >= self.count:
            raise RuntimeError(f"CUDA error: invalid device ordinal {index}")
        return torch.device("cuda", index)

    def place(self, tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
        """Say that the tensor's storage is on the device; it is the storage's first mention."""
        storage = _storage(tensor)
        self._shared.discard(storage._cdata)
        if device.type == "cuda":
            self._memory[storage._cdata] = Memory(storage, device, self._streams[device.index])
        else:
            self._memory.pop(storage._cdata, None)
        if len(self._memory) > self._many:
            self._memory = {
                place: one
                for place, one in self._memory.items()
                if place in self._shared or not one.storage.expired()
            }
            self._many = 2 * len(self._memory) + 1000
        return tensor

    def __enter__(self) -> ClaimedCuda:
        real_autocast = torch.autocast
        patches: dict[Any, dict[str, Any]] = {
            torch: {
                "Generator": Generator,
                "save": self._saved,
                "compile": lambda network, **_: lambda *given: network(*given),
                "autocast": lambda kind, *rest, **named: real_autocast("cpu", *rest, **named),
            },
            torch._C: {"_group_tensors_by_device_and_dtype": self._grouped},
            # The real one takes real streams alone.
            TENSOR: {"record_stream": lambda tensor, stream: self._recorded(tensor, stream)},
            torch.cuda: {
                "device_count": lambda: self.count,
                "Stream": Stream,
                "stream": self._on_stream,
                "current_stream": lambda device=None: self._streams[
                    self.named("cuda" if device is None else device).index
                ],
                "device": self._on_device,
                "manual_seed": self._seeded,
                "get_rng_state": lambda device="cuda": self.states[self.named(device).index],
                "set_rng_state": self._put_back,
                "synchronize": lambda device=None: None,
                "reset_peak_memory_stats": lambda device=None: None,
                "max_memory_allocated": lambda device=None: 1,
                "get_device_name": lambda device=None: "claimed",
            },
        }
        for of, values in patches.items():
            for name, value in values.items():
                self._open.enter_context(patch.object(of, name, value))
        self._open.enter_context(_Operations(self))
        self._open.enter_context(_Calls(self))
        return self

    def __exit__(self, *fault: Any) -> None:
        self._open.__exit__(*fault)

    def _of(self, tensor: torch.Tensor) -> Memory | None:
        return self._memory.get(_storage(tensor)._cdata)

    @contextmanager
    def _on_device(self, device: Any) -> Iterator[None]:
        before, self.current = self.current, self.named(device).index
        try:
            yield
        finally:
            self.current = before

    @contextmanager
    def _on_stream(self, stream: Stream) -> Iterator[None]:
        index = self.named(stream.device).index
        before, self._streams[index] = self._streams[index], stream
        self._others |= {before, stream}
        try:
            with self._on_device(torch.device("cuda", index)):
                yield
        finally:
            self._streams[index] = before

    def _grouped(self, lists: list[list[torch.Tensor]], with_indices: bool = False) -> Any:
        groups = _GROUPED(lists, with_indices)
        return {
            (self.device_of(of[0][0]), dtype): (of, places)
            for (_, dtype), (of, places) in groups.items()
        }

    def _saved(self, content: Any, *rest: Any, **named: Any) -> None:
        for device in {
            self.device_of(one) for one in tree_leaves(content) if isinstance(one, TENSOR)
        }:
            if device.type == "cuda":
                self.ask("saved", device)
        _SAVE(content, *rest, **named)

    def _recorded(self, tensor: torch.Tensor, stream: Stream) -> None:
        memory = self._of(tensor)
        assert memory is not None, "a tensor of the CPU has no stream"
        memory.recorded.add(stream)

    def _seeded(self, seed: int) -> None:
        self.states[self.current] = torch.tensor(list(seed.to_bytes(8)), dtype=torch.uint8)

    def _put_back(self, state: torch.Tensor, device: Any = "cuda") -> None:
        self.states[self.named(device).index] = state

    def forget(self) -> None:
        """Look at the memory that was given back since the last operation."""
        for place in [one for one in self._shared if self._memory[one].storage.expired()]:
            self._shared.remove(place)
            self._memory.pop(place).refuse_early_end()

    def ask(self, what: str, device: torch.device) -> None:
        """The host waits for the work of the current stream."""
        self.asked[what] += 1
        current = self._streams[device.index]
        for stream in (*self._streams, *self._others):
            stream.wait_stream(current)

    def note(self, read: list[torch.Tensor], written: list[torch.Tensor]) -> None:
        """What an operation of the current streams does with memory."""
        for tensors, act in ((read, Memory.read), (written, Memory.write)):
            for tensor in tensors:
                place = _storage(tensor)._cdata
                if (memory := self._memory.get(place)) is not None:
                    stream = self._streams[memory.device.index]
                    act(memory, stream)
                    if stream is not memory.stream:
                        self._shared.add(place)

    def begin(self, devices: set[torch.device]) -> None:
        """An operation is given to the current streams of these devices."""
        for device in devices:
            if device.type == "cuda":
                self._streams[device.index].given += 1


class _Operations(TorchDispatchMode):
    """What reaches the kernels: checked, done on the CPU, and its results put on their device."""

    def __init__(self, cuda: ClaimedCuda) -> None:
        super().__init__()
        self.cuda = cuda

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        cuda, kwargs, name = self.cuda, kwargs or {}, function._schema.name
        cuda.forget()
        tensors = [one for one in tree_leaves((args, kwargs)) if isinstance(one, TENSOR)]
        devices = [cuda.device_of(one) for one in tensors]
        device = _device(name, function.tags, args, tensors, devices)
        into = cuda.claim if cuda.claim is not None else device
        cuda.begin({into, *devices})
        if device.type == "cuda" and any(word in name for word in ASKS):
            cuda.ask(name.partition("::")[2], device)
        if name in INDEXED and device.type == "cuda":
            for one in tree_leaves(args[1]):
                if isinstance(one, TENSOR) and one.dtype in (torch.bool, torch.uint8):
                    cuda.ask("mask", device)
                elif isinstance(one, TENSOR) and cuda.device_of(one).type == "cpu":
                    cuda.ask("to device", device)
        found = function(*args, **kwargs)
        if name == "aten::copy_" and len(set(devices)) > 1:
            cuda.ask(f"to {'host' if devices[0].type == 'cpu' else 'device'}", _claimed(devices))
        known = {_storage(one)._cdata for one in tensors}
        made = [one for one in tree_leaves(found) if isinstance(one, TENSOR)]
        for one in made:
            if one.device.type == "cpu" and _storage(one)._cdata not in known:
                cuda.place(one, into)
        cuda.note(tensors, _written(function, args, kwargs))
        return found


class _Calls(TorchFunctionMode):
    """What is asked for by name: devices, generators, and the way to NumPy."""

    def __init__(self, cuda: ClaimedCuda) -> None:
        super().__init__()
        self.cuda = cuda
        self.getters: dict[Any, Callable[[torch.device], Any]] = {
            TENSOR.device.__get__: lambda device: device,
            TENSOR.is_cuda.__get__: lambda device: device.type == "cuda",
            TENSOR.is_cpu.__get__: lambda device: device.type == "cpu",
            TENSOR.get_device: lambda device: device.index if device.type == "cuda" else -1,
        }

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        cuda, kwargs = self.cuda, dict(kwargs or {})
        if function in self.getters:
            return self.getters[function](cuda.device_of(args[0]))
        if function in (TENSOR.to, TENSOR.cpu, TENSOR.cuda):
            return self._moved(function, args, kwargs)
        if function in (TENSOR.numpy, TENSOR.__array__) and cuda.device_of(args[0]).type == "cuda":
            raise TypeError("can't convert cuda device type tensor to numpy. Use Tensor.cpu()")
        if function is TENSOR.tolist and cuda.device_of(args[0]).type == "cuda":
            cuda.ask("tolist", cuda.device_of(args[0]))
        asked = kwargs.get("device")
        of = [cuda.device_of(one) for one in tree_leaves(args) if isinstance(one, TENSOR)]
        claim = cuda.named(asked) if asked is not None else None
        generator = kwargs.get("generator")
        if isinstance(generator, Generator):
            here = claim or (of[0] if of else CPU)
            if generator.claimed.type != here.type:
                raise RuntimeError(f"Expected a '{here}' generator but found '{generator.claimed}'")
        if claim is None or claim.type not in ("cpu", "cuda"):
            return function(*args, **kwargs)
        kwargs["device"] = CPU
        before, cuda.claim = cuda.claim, claim
        try:
            found = function(*args, **kwargs)
            if function in (torch.as_tensor, torch.tensor):
                found = self._copied(args[0], found, claim)
        finally:
            cuda.claim = before
        return found

    def _copied(self, given: Any, found: torch.Tensor, claim: torch.device) -> torch.Tensor:
        here = self.cuda.device_of(given) if isinstance(given, TENSOR) else CPU
        if here == claim:
            return found
        self.cuda.ask("to device", claim)
        return self.cuda.place(found.clone(), claim)

    def _moved(self, function: Any, args: Any, kwargs: dict[str, Any]) -> torch.Tensor:
        cuda, (tensor, *rest) = self.cuda, args
        here = target = cuda.device_of(tensor)
        kept = {name: kwargs[name] for name in ("copy", "memory_format", "dtype") if name in kwargs}
        if function is TENSOR.cpu:
            target = CPU
        elif function is TENSOR.cuda:
            target = cuda.named(rest[0] if rest else "cuda")
        for one in [*rest, kwargs.get("device")]:
            if isinstance(one, TENSOR):
                target, kept["dtype"] = cuda.device_of(one), one.dtype
            elif isinstance(one, torch.dtype):
                kept["dtype"] = one
            elif isinstance(one, torch.device | str):
                target = cuda.named(one)
        kept.setdefault("dtype", tensor.dtype)
        if target.type not in ("cpu", "cuda"):
            return TENSOR.to(tensor, target, **kept)
        if target == here:
            return TENSOR.to(tensor, **kept)
        cuda.ask(f"to {'host' if target.type == 'cpu' else 'device'}", _claimed([here, target]))
        return cuda.place(TENSOR.to(tensor, **{**kept, "copy": True}), target)


def _storage(tensor: torch.Tensor) -> torch.UntypedStorage:
    with torch._C.DisableTorchFunction():
        return tensor.untyped_storage()


def _claimed(devices: list[torch.device]) -> torch.device:
    return next(device for device in devices if device.type == "cuda")


def _device(
    name: str, tags: Any, args: Any, tensors: list[torch.Tensor], devices: list[torch.device]
) -> torch.device:
    """Where an operation is done, or the error of a device for tensors of several."""
    if not devices:
        return CPU
    if name in COPIES:
        return devices[0]
    indices = {id(one) for one in tree_leaves(args[1])} if name in INDEXED else set()
    numbers = name in INDEXED or torch.Tag.pointwise in tags or "fill" in name or "where" in name
    strict = [
        device
        for one, device in zip(tensors, devices, strict=True)
        if not (device.type == "cpu" and ((numbers and one.ndim == 0) or id(one) in indices))
    ]
    if len(set(strict)) > 1:
        names = ", ".join(sorted(map(str, set(strict))))
        raise RuntimeError(f"{name}: expected all tensors on the same device, but found {names}")
    return strict[0] if strict else devices[0]


def _written(function: Any, args: Any, kwargs: Any) -> list[torch.Tensor]:
    """The arguments that an operation writes."""
    found = []
    for place, argument in enumerate(function._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            value = args[place] if place < len(args) else kwargs.get(argument.name)
            found += [one for one in tree_leaves(value) if isinstance(one, TENSOR)]
    return found
