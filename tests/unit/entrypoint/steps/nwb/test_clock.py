from __future__ import annotations

import math
from array import array
from pathlib import Path

import pytest

from dlcctr.errors import OutputError
from dlcctr.results.times.frame_times import write_frame_times
from entrypoint.steps.nwb.clock import read_clock


def times_of(folder: Path, *times: float) -> Path:
    write_frame_times(folder / "frame-times.csv.gz", array("d", times))
    return folder / "frame-times.csv.gz"


def test_true_times_as_they_are(tmp_path: Path) -> None:
    found = read_clock(times_of(tmp_path, 1.4, 1.433, 1.9), 2, None)
    assert list(found.times) == [1.4, 1.433, 1.9] and (found.shifted_s, found.unknown, found.remarks) == (0, 0, ())


def test_the_first_frame_is_put_where_the_lab_says(tmp_path: Path) -> None:
    found = read_clock(times_of(tmp_path, math.nan, 1.4, 1.9), 3, 10.0)
    assert math.isnan(found.times[0]) and found.times[1:] == array("d", [10.0, 1.9 + (10.0 - 1.4)])
    assert found.shifted_s == 10.0 - 1.4


def test_unknown_times_stay_unknown_and_are_counted(tmp_path: Path) -> None:
    found = read_clock(times_of(tmp_path, 0.0, math.nan, 0.5, math.nan), 4, None)
    assert found.unknown == 2 and [math.isnan(time) for time in found.times] == [False, True, False, True]
    assert found.remarks == ("the time of 2 of 4 frames is not known: their timestamps are NaN",)


@pytest.mark.parametrize("times", [(0.0, 0.5, 0.5), (0.0, 0.5, 0.4), (0.0, 0.5, math.nan, 0.5)])
def test_times_that_do_not_ascend_are_remarked(times: tuple[float, ...], tmp_path: Path) -> None:
    assert any("repeat or go backwards" in each for each in read_clock(times_of(tmp_path, *times), 3, None).remarks)


def test_times_since_1970_are_remarked(tmp_path: Path) -> None:
    (remark,) = read_clock(times_of(tmp_path, 1.77e9, 1.77e9 + 1), 2, None).remarks
    assert "video_start_s" in remark
    assert read_clock(times_of(tmp_path, 1.77e9, 1.77e9 + 1), 2, 0.0).remarks == ()


def test_without_times_there_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no times of its frames"):
        read_clock(None, 3, None)
    with pytest.raises(OutputError, match="no time of any frame is known") as caught:
        read_clock(times_of(tmp_path, math.nan, math.nan), 2, None)
    assert "column `times`" in caught.value.hint
    with pytest.raises(OutputError, match="has no frames"):
        read_clock(times_of(tmp_path), 0, None)
    with pytest.raises(OutputError, match="1 times for 2 rows"):
        read_clock(times_of(tmp_path, 0.0), 2, None)
