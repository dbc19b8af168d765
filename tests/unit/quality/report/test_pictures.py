from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dlcctr.quality.record import Picture, Quality
from dlcctr.quality.report.pictures import ALL_BYTES, JPEG, ROW_BYTES, embed, rooms_for, shrink
from tests.unit.support.fuzz import damaged
from tests.unit.support.judged_campaign import draw_picture

SHOT = draw_picture(np.random.default_rng(1))


def quality(*names: str) -> Quality:
    return Quality(100, pictures=tuple(Picture(name, 1) for name in names))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for k in range(8):
        (tmp_path / f"picture-{k}.jpg").write_bytes(SHOT)
    return tmp_path


def sizes(found: dict[str, str]) -> int:
    return sum(len(text.partition(",")[2]) * 3 // 4 for text in found.values())


def test_pictures_are_whole_where_there_is_room_and_smaller_where_not(folder: Path) -> None:
    names = [f"picture-{k}.jpg" for k in range(8)]
    assert len(SHOT) > 6_000
    found = embed(folder, quality(*names), ROW_BYTES)
    assert list(found) == names[:6], "worst first, and not too many"
    assert sizes(found) == pytest.approx(6 * len(SHOT), abs=20)
    tight = embed(folder, quality(*names), 12_000)
    assert list(tight) == names[:3]
    assert sizes(tight) <= 12_000
    assert all(text.startswith("data:image/jpeg;base64,/9j/") for text in tight.values())
    assert embed(folder, quality(*names), 0) == {}


def test_a_file_that_is_no_picture_is_left_out(folder: Path) -> None:
    (folder / "picture-0.jpg").write_bytes(b"<svg onload=alert(1)>")
    (folder / "picture-1.jpg").write_bytes(SHOT + bytes(2 << 20))
    found = embed(folder, quality("picture-0.jpg", "picture-1.jpg", "none.jpg", "picture-2.jpg"), ROW_BYTES)
    assert list(found) == ["picture-2.jpg"]


def test_whatever_is_in_a_file_it_is_a_picture_of_that_size_or_none() -> None:
    sound = shrink(SHOT, 4_000)
    assert sound and sound.startswith(JPEG) and len(sound) <= 4_000
    for each in damaged(SHOT, most=40):
        found = shrink(JPEG + each, 4_000)
        assert found is None or len(found) <= 4_000


@pytest.mark.parametrize("n_rows", [1, 10, 1_000, 10_000])
def test_all_pictures_together_stay_small_and_flagged_rows_get_more(n_rows: int) -> None:
    rooms = rooms_for([k % 5 == 0 for k in range(n_rows)])
    assert sum(rooms) <= max(ALL_BYTES, ROW_BYTES)
    assert max(rooms) <= ROW_BYTES
    assert rooms[0] >= rooms[-1]
    assert rooms_for([]) == []
