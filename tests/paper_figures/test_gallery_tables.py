"""Numbers behind figures as CSV: nothing is lost, and the same numbers give the same bytes."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from paper_figures import tables
from paper_figures.results import read_results, save_results

ARRAYS = {
    "pair": np.array([[0.1, -2.5e-300], [np.nan, np.inf]]),
    "single": np.array([0.1, 1 / 3], dtype=np.float32),
    "count": np.array(12345678901234567),
    "whether": np.array([True, False]),
    "names": np.array(["plain", 'with, "comma"', "two\nlines", ""]),
    "empty": np.empty((0, 3)),
}


def arrays_of(text):
    """Arrays of a table, their values as text."""
    header, *rows = csv.reader(io.StringIO(text))
    assert header[0] == "array"
    assert header[-1] == "value"
    found = {}
    for name, *index, value in rows:
        found.setdefault(name, {})[tuple(int(i) for i in index if i)] = value
    return {
        name: np.array([*entries.values()]).reshape(
            tuple(1 + max(axis) for axis in zip(*entries, strict=True))
        )
        for name, entries in found.items()
    }


def test_numbers_come_back_as_they_were():
    found = arrays_of(tables.as_csv(ARRAYS))
    assert set(found) == set(ARRAYS) - {"empty"}
    for name in ("pair", "single", "count"):
        array = ARRAYS[name]
        np.testing.assert_array_equal(found[name].astype(array.dtype), array)
        assert found[name].shape == array.shape
    assert found["whether"].tolist() == ["True", "False"]
    assert found["names"].tolist() == ARRAYS["names"].tolist()


def test_floats_have_the_digits_of_their_precision():
    assert "single,1,,0.33333334\n" in tables.as_csv(ARRAYS)


def test_columns_are_as_many_as_the_deepest_array_needs():
    lines = tables.as_csv(ARRAYS).splitlines()
    assert lines[0] == "array,index_1,index_2,value"
    assert lines[1] == "count,,,12345678901234567"
    assert tables.as_csv({"a": np.array(2)}) == "array,value\na,2\n"


def test_the_order_of_the_arrays_does_not_matter():
    assert tables.as_csv(dict(reversed(ARRAYS.items()))) == tables.as_csv(ARRAYS)


@pytest.fixture
def results(tmp_path):
    def save(arrays):
        save_results(tmp_path / "toy.npz", "key", arrays)
        return tmp_path / "toy.npz"

    return save


def test_long_arrays_are_left_to_a_copy_of_the_results(results, tmp_path):
    arrays = {"short": np.arange(tables.LONGEST), "long": np.zeros((tables.LONGEST + 1, 1))}
    table = tables.write(results(arrays), tmp_path / "data")
    assert table.left_out == {"long": (tables.LONGEST + 1, 1)}
    assert set(arrays_of(table.csv.read_text())) == {"short"}
    np.testing.assert_array_equal(read_results(table.archive)[0]["long"], arrays["long"])


def test_the_copy_goes_when_it_is_not_needed_any_more(results, tmp_path):
    tables.write(results({"long": np.zeros(tables.LONGEST + 1)}), tmp_path / "data")
    table = tables.write(results({"short": np.zeros(2)}), tmp_path / "data")
    assert table.archive is None
    assert [file.name for file in (tmp_path / "data").iterdir()] == ["toy.csv"]


def test_files_that_have_not_changed_are_not_touched(results, tmp_path):
    path = results({"x": np.arange(3)})
    first = tables.write(path, tmp_path / "data").csv.stat().st_mtime_ns
    assert tables.write(path, tmp_path / "data").csv.stat().st_mtime_ns == first
    tables.write(results({"x": np.arange(4)}), tmp_path / "data")
    assert (tmp_path / "data" / "toy.csv").read_text().endswith("x,3,3\n")
