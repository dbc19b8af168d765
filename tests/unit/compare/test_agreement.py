from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from dlcctr.compare.agreement import MOST_FRAMES, SURE, Positions, agreement
from dlcctr.errors import OutputError
from dlcctr.results.h5.positions import PositionColumns, write_positions
from tests.unit.support.compare_case import write_table

PARTS = ("snout", "tail")
Point = tuple[float, float, float]


def tables(folder: Path, a: list[Point], b: list[Point]) -> tuple[Positions, Positions]:
    files = folder / "a.csv", folder / "b.csv"
    for file, points in zip(files, (a, b), strict=True):
        write_table(file, PARTS, points)
    return Positions(files[0]), Positions(files[1])


def test_distance_where_both_are_sure(tmp_path: Path) -> None:
    a = [(10.0 * k, 5.0, 0.9) for k in range(10)]
    b = [(x + 3, y + 4, 0.9 if k < 6 else 0.3) for k, (x, y, _) in enumerate(a)]
    found = agreement(*tables(tmp_path, a, b), PARTS, 10, 50.0)
    assert (found.frames, found.sure_share, found.median_px, found.median_lengths) == (10, 0.6, 5.0, 0.1)
    assert found.apart_share == 0
    assert agreement(*tables(tmp_path, a, b), PARTS, 10, 8.0).apart_share == 1


def test_parts_are_found_by_their_names(tmp_path: Path) -> None:
    one, other = tmp_path / "a.csv", tmp_path / "b.csv"
    head = "scorer,D,D,D,D,D,D\nbodyparts,{0},{0},{0},{1},{1},{1}\ncoords,x,y,likelihood,x,y,likelihood\n"
    one.write_text(head.format("snout", "tail") + "0,1,1,1,7,7,1\n")
    other.write_text(head.format("tail", "snout") + "0,7,7,1,1,1,1\n")
    assert agreement(Positions(one), Positions(other), PARTS, 1, 10.0).median_px == 0


def test_positions_count_from_the_crop(tmp_path: Path) -> None:
    a, b = tables(tmp_path, [(100.0, 50.0, 1.0)], [(80.0, 40.0, 1.0)])
    assert agreement(a, Positions(b.file, (20, 10)), PARTS, 1, 10.0).median_px == 0


def test_empty_cells_nan_and_no_frames(tmp_path: Path) -> None:
    a, b = tables(tmp_path, [(1.0, 1.0, 1.0), (math.nan, 1.0, 1.0)], [(1.0, 1.0, 1.0), (1.0, 1.0, 1.0)])
    assert agreement(a, b, PARTS, 2, 10.0).sure_share == 0.5
    b.file.write_text(b.file.read_text().replace("1.0", ""))
    assert agreement(a, b, PARTS, 2, 10.0).median_px is None
    a, b = tables(tmp_path, [], [])
    assert agreement(a, b, PARTS, 0, None).sure_share is None


def test_without_a_body_length_there_are_px(tmp_path: Path) -> None:
    found = agreement(*tables(tmp_path, [(0.0, 0.0, 1.0)], [(2.0, 0.0, 1.0)]), PARTS, 1, 0.0)
    assert found.median_px == 2 and found.median_lengths is None and found.apart_share is None


def test_of_a_long_video_some_frames_are_read(tmp_path: Path) -> None:
    n = 2 * MOST_FRAMES + 5
    a = [(0.0, 0.0, 1.0)] * n
    assert MOST_FRAMES / 2 < agreement(*tables(tmp_path, a, a), PARTS, n, 1.0).frames <= MOST_FRAMES


@pytest.mark.parametrize(
    "text",
    [
        "",
        "scorer,a\nindividuals,a\nbodyparts,a\n",
        "scorer,D,D,D\nbodyparts,snout,snout,snout\ncoords,x,y,likelihood\n",
        "scorer,D\nbodyparts,snout,tail\ncoords,x\n",
        "scorer,D,D,D,D\nbodyparts,snout,snout,tail,tail\ncoords,x,y,x,y\n",
        "scorer,D,D,D,D,D,D\nbodyparts,snout,snout,snout,tail,tail,tail\ncoords,x,y,likelihood,x,y,likelihood\n0,mouse,1,1\n",
    ],
)
def test_another_table_is_said_to_be_one(tmp_path: Path, text: str) -> None:
    a, b = tables(tmp_path, [(0.0, 0.0, 1.0)], [(0.0, 0.0, 1.0)])
    b.file.write_text(text)
    with pytest.raises(OutputError, match=r"b\.csv"):
        agreement(a, b, PARTS, 1, 1.0)


def test_a_missing_file(tmp_path: Path) -> None:
    a, b = tables(tmp_path, [(0.0, 0.0, 1.0)], [(0.0, 0.0, 1.0)])
    a.file.unlink()
    with pytest.raises(OutputError, match="No such file"):
        agreement(a, b, PARTS, 1, 1.0)


def test_an_h5_says_the_same(tmp_path: Path) -> None:
    n = 3 * MOST_FRAMES
    dice = np.random.default_rng(0)
    values = dice.random((n, 2, 3))
    file = tmp_path / "a.h5"
    with write_positions(file, PositionColumns("DLC", (("", "tail"), ("", "snout")), several=False)) as writer:
        writer.write(values)
    other = tmp_path / "b.csv"
    write_table(other, PARTS, [(0.0, 0.0, 1.0)] * n)
    found = agreement(Positions(file), Positions(other), PARTS, n, 1.0)
    kept = values[::3].reshape(-1, 3)
    sure = kept[kept[:, 2] >= SURE]
    assert found.frames == MOST_FRAMES and found.sure_share == pytest.approx(len(sure) / len(kept))
    assert found.median_px == pytest.approx(np.median(np.hypot(sure[:, 0], sure[:, 1])))
    with pytest.raises(OutputError, match="no body part paw"):
        agreement(Positions(file), Positions(other), ("paw",), n, 1.0)
