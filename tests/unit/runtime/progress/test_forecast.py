"""When all rows will be done."""

from __future__ import annotations

import pytest

from dlcctr.runtime.progress.forecast import Forecast, RunningRow
from dlcctr.runtime.progress.row_report import RowReport


def at(done: int, total: int, speed: float, elapsed: float = 100.0) -> RunningRow:
    return RunningRow(total, elapsed, RowReport("analysing", done, total, speed))


def test_nothing_is_known_before_anything_was_measured() -> None:
    assert Forecast().left_s([RunningRow(1000, 5.0, RowReport("starting"))], [1000]) is None
    assert Forecast().left_s([], []) is None


def test_the_first_rows_tell_of_the_others_by_their_speed_and_their_start() -> None:
    # 100 s, of which 80 s are 800 frames at 10 a second: 20 s before the first frame; 20 s are left of it
    assert Forecast().left_s([at(800, 1000, 10.0)], [1000, 500]) == pytest.approx(20 + (20 + 100) + (20 + 50))


def test_rows_that_run_at_the_same_time_share_what_waits() -> None:
    running = [at(800, 1000, 10.0), at(400, 1000, 10.0, elapsed=60.0)]
    # 20 s and 60 s left: the first waiting row begins after 20 s and takes 120 s, the second after 60 s
    assert Forecast().left_s(running, [1000, 1000]) == pytest.approx(60 + 120)


def test_finished_rows_tell_more_than_running_ones() -> None:
    forecast = Forecast()
    forecast.add(1000, 200.0)
    forecast.add(3000, 600.0)
    assert forecast.left_s([at(500, 1000, 10.0)], [2000]) == pytest.approx(50 + 400)


def test_a_row_that_is_still_loading_is_taken_for_one_like_the_others() -> None:
    forecast = Forecast()
    forecast.add(1000, 200.0)
    loading = RunningRow(1000, 30.0, RowReport("loading DeepLabCut"))
    assert forecast.left_s([loading], []) == pytest.approx(170)
    late = RunningRow(1000, 300.0, RowReport("loading DeepLabCut"))
    assert forecast.left_s([late], []) == 0.0


def test_videos_whose_frames_are_not_counted_are_taken_for_typical_ones() -> None:
    forecast = Forecast()
    forecast.add(None, 100.0)
    assert forecast.left_s([], [None, None]) == pytest.approx(200)
    assert forecast.left_s([], [1000, None]) == pytest.approx(200)
    forecast.add(1000, 50.0)
    assert forecast.left_s([], [1000, None]) == pytest.approx(100)
