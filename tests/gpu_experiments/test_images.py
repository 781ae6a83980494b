"""One scale: what is no image is refused with its values named; bytes come back as they were."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gpu_experiments.images import DTYPES, as_images, clamped, from_bytes, to_bytes


def all_bytes() -> torch.Tensor:
    """Every byte in every one of three channels: (4, 3, 8, 8)."""
    return torch.arange(256, dtype=torch.uint8).repeat(3).reshape(3, 4, 8, 8).transpose(0, 1)


def test_every_byte_comes_back():
    images = from_bytes(all_bytes())
    assert torch.equal(to_bytes(images), all_bytes().permute(0, 2, 3, 1))


def test_black_is_minus_one_and_white_is_one_exactly():
    images = from_bytes(all_bytes())
    assert images.dtype == torch.float32
    assert images.shape == (4, 3, 8, 8)
    assert images.is_contiguous()
    assert images.min() == -1
    assert images.max() == 1
    # (b - 127.5) / 127.5 in float64, and one rounding each of a quotient and a difference below 2.
    exact = (all_bytes().double() - 127.5) / 127.5
    assert (images - exact).abs().max() < 2e-7


def test_channels_are_found_first_or_last():
    first = all_bytes()
    last = first.permute(0, 2, 3, 1)
    assert torch.equal(from_bytes(first), from_bytes(last))


def test_where_channels_could_be_either_they_must_be_said():
    ambiguous = torch.zeros(2, 3, 5, 3, dtype=torch.uint8)
    with pytest.raises(ValueError, match=r'shape \(2, 3, 5, 3\).*say channels="first" or "last"'):
        from_bytes(ambiguous)
    assert from_bytes(ambiguous, channels="first").shape == (2, 3, 5, 3)
    assert from_bytes(ambiguous, channels="last").shape == (2, 3, 3, 5)


@pytest.mark.parametrize("shape", [(8, 8), (2, 4, 8, 8), (3, 8, 8), (2, 1, 0, 8)])
def test_bytes_without_one_or_three_channels_are_refused(shape):
    with pytest.raises(ValueError, match=re.escape(str(shape))):
        from_bytes(torch.zeros(shape, dtype=torch.uint8))


def test_bytes_with_channels_elsewhere_than_said_are_refused():
    with pytest.raises(ValueError, match="1 or 3 channels"):
        from_bytes(torch.zeros(2, 3, 8, 8, dtype=torch.uint8), channels="last")


def test_bytes_must_be_bytes():
    with pytest.raises(TypeError, match="int64"):
        from_bytes(torch.zeros(1, 3, 8, 8, dtype=torch.int64))
    with pytest.raises(TypeError, match="ndarray"):
        from_bytes(np.zeros((1, 3, 8, 8)))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_images_are_returned_as_they_are(dtype):
    images = torch.linspace(-1, 1, 64, dtype=dtype).reshape(1, 1, 8, 8)
    assert as_images(images, "x", (1, 8, 8)) is images


def test_no_images_are_images():
    assert len(as_images(torch.zeros(0, 3, 8, 8), "x")) == 0


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (255.0, r"photos have values from 0 to 255 .* as uint8 to from_bytes\.$"),
        (1.001, r"photos have values from 0 to 1\.001 .* by clamped\.$"),
        (-1.001, r"photos have values from -1\.001 to 0 .* by clamped\.$"),
        (float("nan"), r"photos have a value that is no number or infinite"),
        (float("inf"), r"photos have a value that is no number or infinite"),
        (float("-inf"), r"photos have a value that is no number or infinite"),
    ],
)
def test_one_value_off_the_scale_is_named(value, sentence):
    images = torch.zeros(2, 3, 8, 8)
    images[1, 2, 3, 4] = value
    with pytest.raises(ValueError, match=sentence):
        as_images(images, "photos")


@pytest.mark.parametrize(
    ("tensor", "sentence"),
    [
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), "give them to from_bytes"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.float64), r"float64: .*\.float\(\)"),
        (np.zeros((1, 3, 8, 8), dtype=np.float32), "ndarray: give a torch tensor"),
    ],
    ids=["bytes", "float64", "numpy"],
)
def test_other_types_are_refused(tensor, sentence):
    with pytest.raises(TypeError, match=sentence):
        as_images(tensor, "x")


@pytest.mark.parametrize("shape", [(3, 8, 8), (2, 192), (2, 3, 0, 8)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=re.escape(str(shape))):
        as_images(torch.zeros(shape), "x")


def test_a_size_that_is_expected_is_demanded():
    with pytest.raises(ValueError, match=r"\(3, 8, 8\) where \(3, 32, 32\) is expected"):
        as_images(torch.zeros(2, 3, 8, 8), "x", (3, 32, 32))


def test_clamping_keeps_what_is_within_and_cuts_what_is_beyond():
    values = torch.tensor([-3.0, -1.0, 0.25, 1.0, 1.5]).reshape(5, 1, 1, 1)
    assert clamped(values).flatten().tolist() == [-1, -1, 0.25, 1, 1]
    assert clamped(values.bfloat16()).dtype == torch.float32


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_clamping_hides_no_divergence(value):
    values = torch.zeros(2, 1, 2, 2)
    values[0, 0, 1, 1] = value
    with pytest.raises(ValueError, match="samples have a value that is no number or infinite"):
        clamped(values)


@given(st.floats(-1, 1, width=32))
def test_bytes_are_the_nearest(value):
    byte = int(to_bytes(torch.full((1, 1, 1, 1), value)))
    # Half a step of 2/255, and the rounding of the sum and product in float32.
    assert abs(byte - 127.5 * (value + 1)) <= 0.5 + 3e-5


def test_bytes_are_made_of_images_alone():
    with pytest.raises(ValueError, match="values from 2 to 2"):
        to_bytes(torch.full((1, 3, 8, 8), 2.0))
