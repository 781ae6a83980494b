"""Hugging Face's parquet layout: one or several files a part, with encoded images in a column.

Files are named ``train-00000-of-00001.parquet``; column ``img`` has structures {bytes, path}, the
bytes being a PNG or JPEG file, and column ``label`` whole numbers.
"""

from __future__ import annotations

import io
import os
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpu_experiments.sources.collection import Collection, Decoded
from sim.protocols import Progress

NAME = re.compile(r"(?P<split>\w+)-(?P<index>\d{5})-of-(?P<total>\d{5})\.parquet")
# Images that a thread decodes between two words of progress.
BLOCK = 1000


def files(folder: Path, split: str) -> list[Path]:
    """The files of a part, in their order; none if the folder has none.

    Raises
    ------
    ValueError
        When some of them are missing, or there are files of several divisions.
    """
    found: dict[int, dict[int, Path]] = {}
    for file in folder.iterdir():
        match = NAME.fullmatch(file.name)
        if match and match["split"] == split:
            found.setdefault(int(match["total"]), {})[int(match["index"])] = file
    if not found:
        return []
    if len(found) > 1:
        raise ValueError(
            f"{folder} has {split} files of {' and of '.join(map(str, sorted(found)))} in all: "
            "keep those of one division."
        )
    ((total, of_index),) = found.items()
    missing = [i for i in range(total) if i not in of_index]
    if missing:
        raise ValueError(
            f"{folder} lacks {split}-{missing[0]:05d}-of-{total:05d}.parquet: get all files of the "
            f"{split} part."
        )
    return [of_index[i] for i in range(total)]


def read(folder: Path, split: str, collection: Collection, progress: Progress) -> Decoded:
    """The part of the collection from the parquet files of a folder.

    Raises
    ------
    ValueError
        When a file is cut off, has other columns, or images that are not those of the collection.
    """
    encoded: list[bytes] = []
    labels = []
    for file in files(folder, split):
        images, of_file = _columns(file, collection)
        encoded += images
        labels.append(of_file)
    pixels = np.empty((len(encoded), collection.size, collection.size, 3), dtype=np.uint8)
    formats: Counter[str] = Counter()
    starts = range(0, len(encoded), BLOCK)

    def decode(start: int) -> Counter[str]:
        return _decode(encoded, pixels, start, folder, split, collection)

    # Pillow lets other threads run while it decodes.
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for done, seen in enumerate(pool.map(decode, starts), start=1):
            formats += seen
            progress(done / len(starts), None)
    kinds = " and ".join(sorted(formats))
    if "JPEG" in formats:
        # The pixels are close to the published ones and not equal to them.
        kinds += ", a lossy copy"
    found = Decoded(
        np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)),
        np.concatenate(labels),
        f"{collection.title}, {split} part, from parquet files ({kinds})",
    )
    return collection.checked(found, split, f"{folder} ({split})")


def _columns(file: Path, collection: Collection) -> tuple[list[bytes], NDArray[np.int64]]:
    """Encoded images and labels of a file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file, page_checksum_verification=True) as opened:
            schema = opened.schema_arrow
            _expect_columns(schema, file)
            table = opened.read(columns=["img", "label"])
            images = [
                entry for chunk in table["img"].chunks for entry in chunk.field("bytes").to_pylist()
            ]
            labels = table["label"].to_pylist()
    # Arrow's own errors, and those of the operating system, which Arrow raises for damaged data.
    except (pa.ArrowException, OSError) as error:
        raise ValueError(
            f"{file} ({file.stat().st_size} bytes) is cut off or damaged ({_first_line(error)}): "
            "fetch it again."
        ) from error
    for place, (image, label) in enumerate(zip(images, labels, strict=True)):
        if not image or label is None:
            lacking = "label" if image else "bytes in img"
            raise ValueError(
                f"{file} has no {lacking} for image {place}: get files with the images in them."
            )
    try:
        return images, np.array(labels, dtype=np.int64)
    except OverflowError as error:
        raise ValueError(
            f"{file} has labels as large as {max(labels)}: give files of {collection.title}."
        ) from error


def _expect_columns(schema: Any, file: Path) -> None:
    import pyarrow as pa

    columns = {field.name: field.type for field in schema}
    image, label = columns.get("img"), columns.get("label")
    encoded = (
        image is not None
        and pa.types.is_struct(image)
        and any(
            field.name == "bytes"
            and (pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type))
            for field in image
        )
    )
    if not encoded or label is None or not pa.types.is_integer(label):
        found = ", ".join(f"{name} ({kind})" for name, kind in columns.items())
        raise ValueError(
            f"{file} has columns {found}, where img (a structure with binary bytes) and label (a "
            "whole number) are expected: give files of that layout."
        )


def _decode(
    encoded: list[bytes],
    pixels: NDArray[np.uint8],
    start: int,
    folder: Path,
    split: str,
    collection: Collection,
) -> Counter[str]:
    """Decode a block of images into its place; count the formats."""
    from PIL import Image, UnidentifiedImageError

    formats: Counter[str] = Counter()
    size = (collection.size, collection.size)
    for place in range(start, min(start + BLOCK, len(encoded))):
        which = f"image {place} of the {split} part in {folder}"
        other = ""
        try:
            with Image.open(io.BytesIO(encoded[place]), formats=("PNG", "JPEG")) as image:
                # Before anything is decoded: size and mode stand at the beginning of the file.
                if image.size == size and image.mode == "RGB":
                    pixels[place] = np.asarray(image)
                    formats[str(image.format)] += 1
                else:
                    other = f"{image.size[0]}x{image.size[1]} of mode {image.mode}"
        except UnidentifiedImageError as error:
            raise ValueError(f"{which} is neither PNG nor JPEG: fetch it again.") from error
        # What Pillow raises for damaged files; the last for sizes that no photograph has.
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise ValueError(
                f"{which} is cut off or damaged ({_first_line(error)}): fetch it again."
            ) from error
        if other:
            raise ValueError(
                f"{which} is {other}, and {collection.title} has {size[0]}x{size[1]} of mode RGB: "
                f"give files of {collection.title}."
            )
    return formats


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".")
