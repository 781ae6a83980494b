"""Every layout gives the same images; whatever is damaged is refused in one sentence."""

from __future__ import annotations

import pickle
import re
import tarfile
from dataclasses import replace

import numpy as np
import pytest

from gpu_experiments.sources import layout
from sim.protocols import silent


def read(path, split, collection):
    return layout.read(path, split, collection, silent)


def assert_same(found, made, split):
    np.testing.assert_array_equal(found.pixels, made.pixels[split])
    np.testing.assert_array_equal(found.labels, made.labels[split])
    assert found.labels.dtype == np.int64


def pickled_now(value):
    return pickle.dumps(value, protocol=4)


splits = pytest.mark.parametrize("split", ["train", "test"])


@splits
@pytest.mark.parametrize("below", ["", "cifar-10-batches-py"])
def test_unpacked_batches(made, tmp_path, split, below):
    made.batches(tmp_path / below)
    found = read(tmp_path, split, made.collection)
    assert_same(found, made, split)
    assert "official batches" in found.source


def test_batches_written_again_by_python_3(made, tmp_path):
    made.batches(tmp_path, pickled_now)
    assert_same(read(tmp_path, "train", made.collection), made, "train")


@splits
def test_the_archive_or_its_folder(made, tmp_path, split):
    file, collection = made.archive(tmp_path)
    for path in (file, tmp_path):
        found = read(path, split, collection)
        assert_same(found, made, split)
        assert "official archive" in found.source


@splits
@pytest.mark.parametrize("below", ["", "data", "plain_text"])
def test_parquet_files(made, tmp_path, split, below):
    made.parquet(tmp_path / below, split, shards=2)
    found = read(tmp_path, split, made.collection)
    assert_same(found, made, split)
    assert found.source.endswith("(PNG)")


def test_parquet_files_with_jpeg_images_say_that_they_are_a_lossy_copy(made, tmp_path):
    smooth = np.broadcast_to(np.arange(0, 160, 20, dtype=np.uint8), (40, 3, 8, 8))
    made = replace(made, pixels=made.pixels | {"train": smooth})
    made.parquet(tmp_path, "train", encoding="JPEG")
    found = read(tmp_path, "train", made.collection)
    # A ramp has few frequencies: JPEG at Pillow's quality moves it by a few of 256 steps.
    assert np.abs(found.pixels.astype(int) - smooth).max() <= 8
    assert "JPEG, a lossy copy" in found.source


def test_what_is_unpacked_goes_before_its_archive(made, tmp_path):
    made.parquet(tmp_path / "data", "train")
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(b"half of it")
    assert "parquet" in read(tmp_path, "train", made.collection).source
    made.batches(tmp_path / "cifar-10-batches-py")
    assert "official batches" in read(tmp_path, "train", made.collection).source


def test_the_source_names_no_folder(made, tmp_path):
    made.batches(tmp_path)
    assert str(tmp_path) not in read(tmp_path, "train", made.collection).source


def test_progress_ends_at_one_and_never_falls(made, tmp_path):
    said = []
    made.parquet(tmp_path, "train")
    layout.read(tmp_path, "train", made.collection, lambda done, _: said.append(done))
    assert said[-1] == 1
    assert said == sorted(said)


def test_nothing_at_the_path(made, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere does not exist: give cifar-10-python"):
        read(tmp_path / "nowhere", "train", made.collection)


def test_another_folder_is_told_by_what_is_in_it(made, tmp_path):
    for i in range(8):
        (tmp_path / f"holiday_{i}.jpg").touch()
    with pytest.raises(
        ValueError,
        match=r"has holiday_0\.jpg, .*holiday_5\.jpg and 2 more, and nothing of the train part of "
        r"CIFAR-10: give .*cifar-10-python\.tar\.gz.*data_batch_1.*train-00000-of-00001\.parquet",
    ):
        read(tmp_path, "train", made.collection)


def test_an_empty_folder(made, tmp_path):
    with pytest.raises(ValueError, match=r"has no files, and nothing of the train part"):
        read(tmp_path, "train", made.collection)


def test_the_other_part_alone_is_not_enough(made, tmp_path):
    made.parquet(tmp_path, "test")
    with pytest.raises(ValueError, match=r"has test-00000.*nothing of the train part"):
        read(tmp_path, "train", made.collection)


def test_a_file_that_is_no_archive(made, tmp_path):
    made.parquet(tmp_path, "train")
    with pytest.raises(ValueError, match=r"is no gzip archive: give"):
        read(tmp_path / "train-00000-of-00001.parquet", "train", made.collection)


def test_a_truncated_archive_is_told_by_its_checksum(made, tmp_path):
    file, collection = made.archive(tmp_path)
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(
        ValueError, match=rf"MD5 [0-9a-f]{{32}}, .* has {collection.md5}: it is cut"
    ):
        read(file, "train", collection)


def test_one_changed_bit_of_an_archive_is_found(made, tmp_path):
    file, collection = made.archive(tmp_path)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(ValueError, match=f"has {collection.md5}: it is cut off or another file"):
        read(file, "train", collection)


def test_an_archive_that_lacks_a_batch(made, tmp_path):
    file, _ = made.archive(tmp_path)
    with tarfile.open(file, "w:gz") as archive:
        archive.add(tmp_path / "made" / "test_batch", "cifar-10-batches-py/test_batch")
    with pytest.raises(ValueError, match="MD5") as refused:
        read(file, "train", made.collection)
    md5 = re.search("has MD5 ([0-9a-f]{32})", str(refused.value))[1]
    with pytest.raises(ValueError, match=r"lacks data_batch_1, data_batch_2: fetch"):
        read(file, "train", replace(made.collection, md5=md5))


def test_a_missing_batch_is_named(made, tmp_path):
    (made.batches(tmp_path) / "data_batch_2").unlink()
    with pytest.raises(ValueError, match="lacks data_batch_2 of the batches of CIFAR-10"):
        read(tmp_path, "train", made.collection)


@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_batch_is_named(made, tmp_path, kept):
    file = made.batches(tmp_path) / "data_batch_2"
    data = file.read_bytes()
    file.write_bytes(data[: int(kept * len(data))])
    with pytest.raises(ValueError, match=r"data_batch_2 is cut off, or no pickle .*: fetch"):
        read(tmp_path, "train", made.collection)


@pytest.mark.parametrize(
    ("batch", "sentence"),
    [
        ({b"data": np.zeros((5, 192), np.uint8)}, "has data where a batch .* data and labels"),
        ({}, "has nothing where a batch"),
        (
            {b"data": np.zeros((5, 3072), np.uint8), b"labels": [0] * 5},
            r"data of shape \(5, 3072\), and CIFAR-10 has \(n, 192\)",
        ),
        ({b"data": [1, 2], b"labels": [0, 1]}, "data of shape list"),
        (
            {b"data": np.zeros((5, 192), np.uint8), b"labels": [0] * 4},
            "has 5 images and 4 labels",
        ),
        (
            {b"data": np.zeros((5, 192), np.uint8), b"labels": [0.5] * 5},
            "labels that are no list of whole numbers",
        ),
        (
            {b"data": np.zeros((5, 192), np.uint8), b"labels": [2**70] * 5},
            "labels that are no list of whole numbers",
        ),
        (
            {b"data": np.zeros((5, 192)), b"labels": [0] * 5},
            "array of type .*f8.* instead of uint8",
        ),
        ([1, 2], "holds a list instead of a dictionary"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_batch_that_holds_something_else(made, tmp_path, batch, sentence):
    (made.batches(tmp_path) / "test_batch").write_bytes(pickled_now(batch))
    with pytest.raises(ValueError, match=f"test_batch .*{sentence}"):
        read(tmp_path, "test", made.collection)


@pytest.mark.parametrize("label", [-1, 10])
def test_labels_out_of_range_are_refused_in_every_layout(made, tmp_path, label):
    made.labels["train"][3] = label
    made.batches(tmp_path / "batches")
    made.parquet(tmp_path / "parquet", "train")
    span = "-1 to 9" if label < 0 else "0 to 10"
    for name in ("batches", "parquet"):
        with pytest.raises(ValueError, match=f"labels from {span}, and CIFAR-10 has 0 to 9"):
            read(tmp_path / name, "train", made.collection)


def test_too_few_images(made, tmp_path):
    made.parquet(tmp_path, "train")
    more = replace(made.collection, counts={"train": 50, "test": 20})
    with pytest.raises(ValueError, match=r"has 40 images and 40 labels, .* has 50"):
        read(tmp_path, "train", more)


def test_classes_of_unequal_size(made, tmp_path):
    place = int(np.flatnonzero(made.labels["train"] == 2)[0])
    made.labels["train"][place] = 7
    made.parquet(tmp_path, "train")
    with pytest.raises(ValueError, match=r"has 3 images of class 2 \(bird\), .* 4 of each"):
        read(tmp_path, "train", made.collection)


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.99])
def test_a_truncated_parquet_file(made, tmp_path, kept):
    file = made.parquet(tmp_path, "train") / "train-00000-of-00001.parquet"
    data = file.read_bytes()
    file.write_bytes(data[: int(kept * len(data))])
    with pytest.raises(ValueError, match=r"parquet \(\d+ bytes\) is cut off or damaged .*: fetch"):
        read(tmp_path, "train", made.collection)


def test_damage_within_a_parquet_file(made, tmp_path):
    file = made.parquet(tmp_path, "train") / "train-00000-of-00001.parquet"
    data = bytearray(file.read_bytes())
    # Among the images: the ends of the file, where the format keeps its tables, stay whole.
    data[len(data) // 3 : len(data) // 3 + 400] = bytes(400)
    file.write_bytes(data)
    with pytest.raises(ValueError, match=r"is cut off or damaged|is neither PNG nor JPEG"):
        read(tmp_path, "train", made.collection)


def test_a_missing_file_of_several_is_named(made, tmp_path):
    (made.parquet(tmp_path, "train", shards=3) / "train-00001-of-00003.parquet").unlink()
    with pytest.raises(ValueError, match=r"lacks train-00001-of-00003\.parquet"):
        read(tmp_path, "train", made.collection)


def test_files_of_two_divisions_are_not_mixed(made, tmp_path):
    made.parquet(tmp_path, "train", shards=1)
    made.parquet(tmp_path, "train", shards=2)
    with pytest.raises(ValueError, match=r"has train files of 1 and of 2 in all"):
        read(tmp_path, "train", made.collection)


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"label": None, "fine_label": [0] * 40}, r"columns img .*fine_label \(int64\), where"),
        ({"img": ["x.png"] * 40}, r"columns img \(string\)"),
        ({"label": ["cat"] * 40}, r"label \(string\), where"),
        (
            {"img": [{"bytes": None, "path": "x.png"}] * 40},
            r"columns img \(struct<bytes: null",
        ),
        ({"label": [None] + [0] * 39}, "has no label for image 0"),
        (
            {"img": [{"bytes": b"x", "path": ""}, {"bytes": None, "path": ""}] * 20},
            "has no bytes in img for image 1",
        ),
        ({"img": [None, *[{"bytes": b"x"}] * 39]}, "has no bytes in img for image 0"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_columns(made, tmp_path, columns, sentence):
    made.parquet(tmp_path, "train", **columns)
    with pytest.raises(ValueError, match=sentence):
        read(tmp_path, "train", made.collection)


def test_an_image_of_another_size_is_named(made, tmp_path):
    made.pixels["train"] = np.zeros((40, 3, 9, 8), np.uint8)
    made.parquet(tmp_path, "train")
    with pytest.raises(ValueError, match=r"image 0 of the train part .* is 8x9 of mode RGB, and"):
        read(tmp_path, "train", made.collection)


def test_a_grey_image_is_named(made, tmp_path):
    made.pixels["train"] = np.zeros((40, 1, 8, 8), np.uint8)
    made.parquet(tmp_path, "train")
    with pytest.raises(ValueError, match=r"is 8x8 of mode L, and CIFAR-10 has 8x8 of mode RGB"):
        read(tmp_path, "train", made.collection)


@pytest.mark.parametrize("encoding", ["PNG", "JPEG"])
def test_a_truncated_image_is_named(made, tmp_path, encoding, encoded):
    images = [encoded(image, encoding) for image in made.pixels["train"]]
    images[5] = images[5][: len(images[5]) * 2 // 3]
    made.parquet(tmp_path, "train", img=[{"bytes": data} for data in images])
    with pytest.raises(ValueError, match=r"image 5 of the train part .* is cut off or damaged"):
        read(tmp_path, "train", made.collection)


def test_an_image_in_another_format_is_named(made, tmp_path, encoded):
    images = [encoded(image, "BMP") for image in made.pixels["train"]]
    made.parquet(tmp_path, "train", img=[{"bytes": data} for data in images])
    with pytest.raises(ValueError, match=r"image 0 .* is neither PNG nor JPEG"):
        read(tmp_path, "train", made.collection)
