"""A hostile pickle runs nothing; arrays of bytes come through whoever wrote them."""

from __future__ import annotations

import os
import pickle
import random
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_experiments.sources.pickles import read_dictionary

ARRAY = np.arange(24, dtype=np.uint8).reshape(4, 6)


@pytest.mark.parametrize("protocol", [3, 4])
def test_arrays_and_lists_come_through(protocol):
    batch = {b"data": ARRAY, b"labels": [3, 1, 2, 0], b"names": [b"a", b"b"]}
    found = read_dictionary(pickle.dumps(batch, protocol=protocol))
    np.testing.assert_array_equal(found.pop(b"data"), ARRAY)
    assert found == {b"labels": [3, 1, 2, 0], b"names": [b"a", b"b"]}


class Runs:
    """Pickled, it is a call."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_a_pickle_that_would_run_a_command_runs_none(tmp_path, protocol):
    trace = tmp_path / "trace"
    hostile = pickle.dumps({"data": Runs(os.mkdir, str(trace))}, protocol=protocol)
    with pytest.raises(ValueError, match=r"refused as a pickle: it asks for (posix|nt)\.mkdir"):
        read_dictionary(hostile)
    assert not trace.exists()
    # Where nobody refuses it, it does run: the test would see it.
    pickle.loads(hostile)
    assert trace.exists()


@pytest.mark.parametrize(
    "function", [eval, exec, getattr, os.system, subprocess.Popen, np.load, np.frombuffer, sys.exit]
)
def test_no_function_is_found(function):
    # numpy.frombuffer is what NumPy's own pickles of the newest protocol ask for, in another place.
    with pytest.raises(ValueError, match="refused as a pickle: it asks for"):
        read_dictionary(pickle.dumps({b"data": Runs(function, "1")}))


@pytest.mark.parametrize(
    "value",
    [
        np.zeros(3),
        np.zeros(3, dtype=np.int8),
        np.array([{}, {}], dtype=object),
        np.zeros(2, dtype=[("a", "u1")]),
    ],
    ids=["float64", "int8", "objects", "structured"],
)
def test_arrays_of_other_types_are_refused(value):
    with pytest.raises(ValueError, match=r"refused as a pickle: it holds an array of type"):
        read_dictionary(pickle.dumps({b"data": value}, protocol=4))


def test_arrays_by_columns_are_refused():
    with pytest.raises(ValueError, match="not of bytes in rows"):
        read_dictionary(pickle.dumps({b"data": np.asfortranarray(ARRAY)}, protocol=4))


class Forged:
    """Pickled, an array that says what its maker likes."""

    def __init__(self, kind, state):
        self.kind, self.state = kind, state

    def __reduce__(self):
        make = np.zeros(0).__reduce__()[0]
        return make, (self.kind, (0,), b"b"), self.state


@pytest.mark.parametrize(
    "state",
    [
        (1, (10**12,), np.dtype("u1"), False, b"abc"),
        (1, (-1, -3), np.dtype("u1"), False, b"abc"),
        (1, (3.0,), np.dtype("u1"), False, b"abc"),
        (1, (3,), "u1", False, b"abc"),
        (1, (3,), np.dtype("u1"), False, [1, 2, 3]),
    ],
    ids=["longer than its bytes", "negative", "no whole number", "no type", "no bytes"],
)
def test_forged_arrays_are_refused(state):
    honest = Forged(np.ndarray, (1, (3,), np.dtype("u1"), False, b"abc"))
    found = read_dictionary(pickle.dumps({b"data": honest}))[b"data"]
    assert found.tolist() == list(b"abc")
    with pytest.raises(ValueError, match="refused as a pickle: it holds an array"):
        read_dictionary(pickle.dumps({b"data": Forged(np.ndarray, state)}))


@pytest.mark.parametrize("state", [(), 1, (1, 2)], ids=str)
def test_a_state_that_is_none_is_refused(state):
    with pytest.raises(ValueError, match="is cut off, or no pickle"):
        read_dictionary(pickle.dumps({b"data": Forged(np.ndarray, state)}))


def test_arrays_of_no_known_kind_are_refused():
    with pytest.raises(ValueError, match="array of no known kind"):
        read_dictionary(pickle.dumps({b"data": Forged(3, None)}))


def outcome(data: bytes) -> str:
    """What is said about the bytes; anything but a ValueError comes through."""
    try:
        return f"holds {len(read_dictionary(data))} things, a fine pickle"
    except ValueError as error:
        return str(error)


@given(st.integers(0, 2**32 - 1))
def test_damage_is_told_in_one_sentence_or_harmless(seed):
    rng = random.Random(seed)
    data = bytearray(pickle.dumps({b"data": ARRAY, b"labels": [1, 2, 3, 4]}, protocol=4))
    for _ in range(rng.randint(1, 4)):
        data[rng.randrange(len(data))] = rng.randrange(256)
    assert "pickle" in outcome(bytes(data))


@given(st.binary(max_size=200))
def test_any_bytes_are_told_in_one_sentence_or_harmless(data):
    assert "pickle" in outcome(data)


def test_a_place_far_out_in_the_memo_takes_no_memory():
    # LONG_BINPUT at 2^32 - 1: in a list with that many places, 32 GB.
    data = pickle.EMPTY_DICT + pickle.LONG_BINPUT + b"\xff\xff\xff\xff" + pickle.STOP
    tracemalloc.start()
    try:
        assert read_dictionary(data) == {}
        assert tracemalloc.get_traced_memory()[1] < 1e6
    finally:
        tracemalloc.stop()
