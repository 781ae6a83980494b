"""Pickles of bytes arrays, read without running anything that a pickle asks for.

A pickle is a program: read by :func:`pickle.load`, a file from elsewhere could run any command.
Here it may build dictionaries, lists, tuples, numbers, bytes, and arrays of uint8, and anything
else is refused by name before it happens. For arrays it finds not even NumPy's own functions but
the two classes below, which take down what it says and check it.
"""

from __future__ import annotations

import io
import math
import pickle
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Refused(pickle.UnpicklingError):
    """The pickle asks for something that arrays of bytes have no need of."""


class _Type:
    """Stands for ``numpy.dtype``: the one type there is."""

    def __init__(self, code: Any, *_: Any) -> None:
        if code not in ("u1", b"u1"):
            raise Refused(f"it holds an array of type {code!r} instead of uint8")

    def __setstate__(self, state: Any) -> None:
        """Byte order and layout, of which bytes have none."""


class _Array:
    """Stands for ``numpy.ndarray`` and for the function that pickles make arrays by."""

    # Before its state arrives it is an array of nothing.
    array: NDArray[np.uint8] = np.zeros(0, dtype=np.uint8)

    def __init__(self, kind: Any, *_: Any) -> None:
        if kind is not _Array:
            raise Refused("it makes an array of no known kind")

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, by_columns, data = state
        if not isinstance(kind, _Type) or by_columns or not isinstance(data, bytes):
            raise Refused("it holds an array that is not of bytes in rows")
        whole = isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape)
        if not whole or math.prod(shape) != len(data):
            raise Refused(f"it holds an array of shape {shape!r} with {len(data)} bytes")
        self.array = np.frombuffer(data, dtype=np.uint8).reshape(shape)


_STANDING = {
    ("numpy", "dtype"): _Type,
    ("numpy", "ndarray"): _Array,
    # Where the function is in NumPy 1, which wrote the official files, and in NumPy 2.
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
}


# The implementation in Python, whose memo is a dictionary: in the one in C a damaged file that puts
# something at place 2^32 of it would take 64 GB.
class _Reader(pickle._Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _STANDING:
            raise Refused(f"it asks for {module}.{name}, which could run a program")
        return _STANDING[module, name]


def read_dictionary(data: bytes) -> dict[Any, Any]:
    """The dictionary that a pickle holds; strings of Python 2 are bytes, arrays are NumPy's.

    Raises
    ------
    ValueError
        For a pickle that is cut off, asks for anything else, or holds no dictionary; the message
        goes on after the name of the file.
    """
    try:
        found = _Reader(io.BytesIO(data), encoding="bytes").load()
        if not isinstance(found, dict):
            raise Refused(f"it holds a {type(found).__name__} instead of a dictionary")
    except Refused as error:
        raise ValueError(f"is refused as a pickle: {error}") from error
    # What reading a pickle raises for bytes that are none: it trusts that each code finds what it
    # needs on the stack.
    except (
        pickle.UnpicklingError,
        struct.error,
        ArithmeticError,
        AssertionError,
        AttributeError,
        EOFError,
        LookupError,
        MemoryError,
        TypeError,
        ValueError,
    ) as error:
        raise ValueError(f"is cut off, or no pickle ({type(error).__name__})") from error
    return {key: value.array if type(value) is _Array else value for key, value in found.items()}
