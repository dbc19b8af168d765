from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import numpy
import pytest

from dlcctr.quality.record import TABLE_FILENAME, Flag, PartQuality, Quality, Stretch
from dlcctr.tables.judged_frames import FrameFlags, read_scores
from dlcctr.tables.positions import UnreadableRowError
from tests.unit.support.fuzz import damaged

NAMES = [("", "snout"), ("", "tail")]


def texts(quality: Quality, first: int, n_frames: int) -> list[list[str]]:
    codes, words = FrameFlags(quality).codes(first, n_frames, NAMES)
    return [[words[code] for code in line] for line in codes]


def test_a_stretch_holds_for_all_parts_and_a_flag_for_its_own() -> None:
    quality = Quality(
        9,
        flags=(Flag("jumps", 1, 0, part="tail", first=3, stop=5), Flag("dark", 1, 0)),
        stretches=(Stretch(2, 4, 0.9, ("odd-pose", "jumps")),),
    )
    assert texts(quality, 0, 6) == [
        ["", ""],
        ["", ""],
        ["odd-pose;jumps", "odd-pose;jumps"],
        ["odd-pose;jumps", "odd-pose;jumps"],
        ["", "jumps"],
        ["", ""],
    ]
    assert texts(quality, 3, 2) == texts(quality, 0, 6)[3:5]
    assert texts(quality, 7, 2) == [["", ""]] * 2


def test_a_flag_of_one_animal_holds_for_no_other() -> None:
    quality = Quality(2, flags=(Flag("jumps", 1, 0, part="snout", individual="anna", first=0, stop=1),))
    codes, words = FrameFlags(quality).codes(0, 2, [("anna", "snout"), ("otto", "snout"), ("anna", "tail")])
    assert [[words[code] for code in line] for line in codes] == [["jumps", "", ""], ["", "", ""]]


def test_more_kinds_than_bits_do_no_harm() -> None:
    quality = Quality(2, stretches=(Stretch(0, 2, 1.0, tuple(f"kind{n}" for n in range(70))),))
    assert texts(quality, 0, 1)[0][0].startswith("kind0;kind1;")


def written(folder: Path, text: str) -> Path:
    (folder / TABLE_FILENAME).write_bytes(gzip.compress(text.encode()))
    return folder


QUALITY = Quality(3, parts=(PartQuality("snout"), PartQuality("tail", "anna")))


def test_scores_come_in_blocks_by_point(tmp_path: Path) -> None:
    written(tmp_path, "frame,score,score.snout,score.anna.tail\n0,1,0.5,\n1,1,0.25,0.75\n2,1,0,1\n")
    blocks = list(read_scores(tmp_path, QUALITY, 2))
    assert [names for names, _ in blocks] == [[("", "snout"), ("anna", "tail")]] * 2
    values = numpy.concatenate([values for _, values in blocks])
    assert numpy.array_equal(values, [[0.5, numpy.nan], [0.25, 0.75], [0, 1]], equal_nan=True)
    assert list(read_scores(written(tmp_path, "frame,score\n0,1\n"), Quality(1), 2)) == []


@pytest.mark.parametrize(
    "text",
    ["", "frame,score.snout\n0,1\n", "frame,score.snout,score.tail\n0,word,1\n", "frame,score.snout,score.tail\n"],
)
def test_another_file_is_refused_with_its_name(text: str, tmp_path: Path) -> None:
    with pytest.raises(UnreadableRowError, match=TABLE_FILENAME):
        list(read_scores(written(tmp_path, text), QUALITY, 2))


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(b"frame,score.snout,score.tail\n" + b"0,0.5,0.5\n" * 1000)
    refused = 0
    for data in (b"", b"none", whole[:-20], whole[:40] + b"\xff" * 8 + whole[48:], *damaged(whole, 20)):
        (tmp_path / TABLE_FILENAME).write_bytes(data)
        try:
            list(read_scores(tmp_path, QUALITY, 100))
        except UnreadableRowError as error:
            assert str(tmp_path / TABLE_FILENAME) in error.message
            refused += 1
    assert refused > 20
    shutil.rmtree(tmp_path)
    with pytest.raises(UnreadableRowError):
        list(read_scores(tmp_path, QUALITY, 100))
