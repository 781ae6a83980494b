"""Data by name: the digits with their fixed parts, real CIFAR-10, and subsets of them."""

from __future__ import annotations

import builtins

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from gpu_experiments.data import Labelled, load
from gpu_experiments.images import as_images, to_bytes


@pytest.fixture(scope="module")
def digits():
    return {split: load("digits", split=split) for split in ("train", "test")}


def test_the_parts_of_the_digits_are_all_digits_once(digits):
    pixels, labels = load_digits(return_X_y=True)
    both = torch.cat([digits[split].images for split in ("train", "test")])
    of_both = torch.cat([digits[split].labels for split in ("train", "test")])
    # Back to 0..16, exactly: the scale is a power of two.
    rows = np.column_stack([((both + 1) * 8).flatten(1).numpy(), of_both.numpy()])
    wanted = np.column_stack([pixels, labels])
    np.testing.assert_array_equal(rows[np.lexsort(rows.T)], wanted[np.lexsort(wanted.T)])


def test_the_parts_of_the_digits_are_those_that_are_published(digits):
    assert (len(digits["train"]), len(digits["test"])) == (1442, 355)
    pixels, labels = load_digits(return_X_y=True)
    fives = pixels[labels == 5]
    of_test = digits["test"].images[digits["test"].labels == 5]
    np.testing.assert_array_equal(((of_test + 1) * 8).flatten(1).numpy(), fives[4::5])


def test_the_digits_are_stratified(digits):
    counts = torch.stack([digits[split].counts for split in ("train", "test")])
    share = counts[1] / counts.sum(dim=0)
    # One in five, rounded down: a class of n loses less than 1/n, and the smallest has 174.
    assert (share <= 0.2).all()
    assert (share > 0.2 - 1 / 174).all()


def test_the_digits_use_the_whole_scale(digits):
    for data in digits.values():
        assert data.shape == (1, 8, 8)
        assert data.images.dtype == torch.float32
        assert data.images.min() == -1
        assert data.images.max() == 1
        assert data.names == tuple("0123456789")
        assert "of each class one image in 5 is test" in data.source


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"name": "mnist"}, r"data 'mnist': give one of digits, cifar10"),
        ({"name": "digits", "split": "valid"}, r"split 'valid': give one of train, test"),
        ({"name": "digits", "path": "x"}, r"take no path \(x\)"),
    ],
)
def test_other_names_are_refused(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        load(**arguments)


def test_cifar10_that_is_nowhere(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist: give cifar-10-python"):
        load("cifar10", tmp_path / "nowhere")


def test_a_missing_package_is_named_with_its_remedy(tmp_path, monkeypatch):
    (tmp_path / "train-00000-of-00001.parquet").touch()
    real = builtins.__import__

    def refuse(name, *rest):
        if name.partition(".")[0] == "pyarrow":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "curated-loops\[images\]"'):
        load("cifar10", tmp_path)


def test_real_cifar10(cifar10_path):
    said = []
    data = load("cifar10", cifar10_path, "test", lambda done, _: said.append(done))
    assert len(data) == 10_000
    assert data.counts.tolist() == [1000] * 10
    assert data.shape == (3, 32, 32)
    assert data.labels.dtype == torch.int64
    assert said[-1] == 1
    # The means of the published test images, 126.0, 123.7 and 114.9 of 255; one part in a hundred
    # is far more than JPEG moves a mean and far less than another scale or order of channels does.
    means = (data.images.mean(dim=(0, 2, 3)) + 1) * 127.5
    np.testing.assert_allclose(means, [126.0, 123.7, 114.9], rtol=0.01)
    # Bytes to images to bytes: the scale loses nothing.
    assert to_bytes(data.images[:8]).shape == (8, 32, 32, 3)


def test_real_cifar10_has_its_labels_on_the_right_images(cifar10_path):
    """Ships lie in blue and frogs do not: an order of labels that is off would level that."""
    data = load("cifar10", cifar10_path, "test")
    blueness = data.images[:, 2].mean(dim=(1, 2)) - data.images[:, 0].mean(dim=(1, 2))
    of_class = {name: blueness[data.labels == k] for k, name in enumerate(data.names)}
    ship, frog = of_class["ship"], of_class["frog"]
    # Ten standard errors of the difference of two means of 1000.
    assert ship.mean() - frog.mean() > 10 * torch.hypot(ship.std(), frog.std()) / 1000**0.5


def made(counts, names=("a", "b", "c")):
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    # The value of an image is its place.
    images = torch.linspace(-1, 1, len(labels)).reshape(-1, 1, 1, 1)
    return Labelled(as_images(images, "x"), labels, names, "made up")


def test_a_subset_has_the_proportions_of_the_whole():
    some = made([100, 50, 50]).subset(40, np.random.default_rng(0))
    assert some.counts.tolist() == [20, 10, 10]
    assert some.source == "40 of 200 images of made up"


def test_a_subset_rounds_up_where_most_would_be_lost():
    # 7 of 20: shares 4.2, 2.1 and 0.7.
    some = made([12, 6, 2]).subset(7, np.random.default_rng(0))
    assert some.counts.tolist() == [4, 2, 1]


def test_equal_losses_are_rounded_by_lot():
    whole = made([10, 10, 10])
    rng = np.random.default_rng(0)
    up = {int(whole.subset(4, rng).counts.argmax()) for _ in range(50)}
    # Missing one of three in 50 draws: 3 (2/3)^50, below 1e-8.
    assert up == {0, 1, 2}


def test_a_subset_repeats_nothing_and_keeps_images_with_their_labels():
    whole = made([40, 30, 30])
    some = whole.subset(50, np.random.default_rng(0))
    values = some.images.flatten()
    assert len(values.unique()) == 50
    place = torch.searchsorted(whole.images.flatten(), values)
    assert torch.equal(whole.labels[place], some.labels)


def test_a_subset_is_in_random_order_and_follows_its_stream():
    whole = made([100, 100, 100])
    one, same = (whole.subset(150, np.random.default_rng(3)) for _ in range(2))
    assert torch.equal(one.images, same.images)
    assert not torch.equal(one.images, whole.subset(150, np.random.default_rng(4)).images)
    # In the order of classes there are two changes; at random about 100.
    assert (one.labels.diff() != 0).sum() > 50


def test_all_of_it_is_a_subset():
    assert made([5, 3, 1]).subset(9, np.random.default_rng(0)).counts.tolist() == [5, 3, 1]


@pytest.mark.parametrize("n", [0, -1, 10, 2.0, True])
def test_other_numbers_are_refused(n):
    with pytest.raises(ValueError, match=rf"n = {n} is not a whole number from 1 to 9"):
        made([5, 3, 1]).subset(n, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (torch.tensor([0, 1, 3]), "labels go from 0 to 3 and there are 3 classes"),
        (torch.tensor([0, -1, 2]), "labels go from -1 to 2"),
        (torch.tensor([0, 1]), r"labels are torch.int64 of shape \(2,\): give one int64 for each"),
        (torch.tensor([0.0, 1.0, 2.0]), "labels are torch.float32"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels, sentence):
    images = as_images(torch.zeros(3, 1, 2, 2), "x")
    with pytest.raises(ValueError, match=sentence):
        Labelled(images, labels, ("a", "b", "c"), "made up")


def test_labelled_images_are_images():
    with pytest.raises(ValueError, match="labelled images have values from 0 to 255"):
        Labelled(torch.tensor([0.0, 255.0]).reshape(2, 1, 1, 1), torch.zeros(2).long(), ("a",), "x")
