"""The same results give the same bytes in any process, and files that need nothing of a machine."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from paper_figures import style
from paper_figures.registry import FIGURES
from paper_figures.results import save_results

ROOT = Path(style.__file__).parents[1]

DRAWN = (
    "reward_and_limit",
    "exact_iterates_moons",
    "condensate_phase",
    "finite_sample_bands",
)
"""Figures that have between them maps, level lines, colour bars, bands, error bars, rasterised
parts, subfigures and legends outside."""

DRAW = """
import sys
from pathlib import Path
from paper_figures import style
from paper_figures.registry import FIGURES
from paper_figures.results import read_results
results, out, *names = sys.argv[1:]
for name in names:
    with style.rc():
        figure = FIGURES[name].draw(read_results(Path(results) / f"{name}.npz")[0])
        style.save(figure, Path(out), name, FIGURES[name].caption)
"""


@pytest.fixture(scope="module")
def folders(computed, tmp_path_factory):
    """The figures' files, drawn by two processes in which sets and hashes are ordered otherwise."""
    results = tmp_path_factory.mktemp("results")
    for name in DRAWN:
        save_results(results / f"{name}.npz", "any key", computed(name))
    places = []
    for seed, order in (("1", DRAWN), ("2", DRAWN[::-1])):
        place = tmp_path_factory.mktemp(f"drawn-{seed}")
        subprocess.run(
            [sys.executable, "-c", DRAW, results, place, *order],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            check=True,
        )
        places.append(place)
    return places


@pytest.mark.parametrize("suffix", style.FORMATS)
@pytest.mark.parametrize("name", DRAWN)
def test_two_processes_write_the_same_bytes(folders, name, suffix):
    one, other = ((folder / f"{name}.{suffix}").read_bytes() for folder in folders)
    assert one == other


@pytest.mark.parametrize("suffix", style.FORMATS)
@pytest.mark.parametrize("name", DRAWN)
def test_a_file_says_nothing_of_when_and_where_it_was_drawn(folders, name, suffix):
    content = (folders[0] / f"{name}.{suffix}").read_bytes()
    for private in (str(folders[0]), str(ROOT), str(Path.home()), socket.gethostname()):
        assert len(private) < 4 or private.encode() not in content
    assert not re.search(rb"\b20\d\d-[01]\d-[0-3]\d|\(D:20\d\d|<dc:date>|CreationDate", content)


@pytest.mark.parametrize("name", DRAWN)
def test_fonts_are_embedded_in_the_pdf_as_truetype(folders, name):
    fonts, files = fonts_of((folders[0] / f"{name}.pdf").read_bytes())
    assert fonts
    assert set(fonts) <= {"Type0", "CIDFontType2", "TrueType"}
    assert files == {"FontFile2"}


def fonts_of(content: bytes) -> tuple[list[str], set[str]]:
    """Types of the fonts of a PDF, and the keys by which its descriptors hold a font's outlines.

    Objects are read outside of streams, where matplotlib writes them uncompressed.
    """
    objects = re.sub(rb"stream\r?\n.*?endstream", b"", content, flags=re.DOTALL)
    fonts, files = [], set()
    for found in re.findall(rb"\d+ 0 obj(.*?)endobj", objects, flags=re.DOTALL):
        if re.search(rb"/Type\s*/FontDescriptor\b", found):
            # A Type 3 font has a descriptor without outlines.
            files.update(re.findall(r"/(FontFile\d?)\b", found.decode("latin-1")) or ["none"])
        elif re.search(rb"/Type\s*/Font\b", found):
            fonts += re.findall(r"/Subtype\s*/(\w+)", found.decode("latin-1"))
    return fonts, files


def test_type_3_fonts_would_be_seen(tmp_path):
    figure = style.new_figure(1, 1)
    figure.text(0.5, 0.5, "text")
    with style.rc(), style.matplotlib.rc_context({"pdf.fonttype": 3}):
        (path,) = style.save(figure, tmp_path, "old", "Type 3", ["pdf"])
    fonts, files = fonts_of(path.read_bytes())
    assert "Type3" in fonts
    assert files == {"none"}


@pytest.mark.parametrize("name", DRAWN)
def test_the_svg_is_well_formed_and_needs_no_font_and_no_other_file(folders, name):
    root = ElementTree.parse(folders[0] / f"{name}.svg").getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert "text" not in tags
    assert {"path", "use"} <= tags
    for element in root.iter():
        assert "font" not in element.get("style", "")
        for key, value in element.attrib.items():
            if key.rpartition("}")[2] == "href":
                assert value.startswith(("#", "data:image/png;base64,"))
    titles = [one.text for one in root.iter("{http://purl.org/dc/elements/1.1/}title")]
    assert titles == [FIGURES[name].caption]
