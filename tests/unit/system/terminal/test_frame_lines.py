"""Lines of frames are found again in the logs that hold them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcctr.system.terminal.frame_lines import (
    FrameLine,
    begun_line,
    clock_text,
    ended_line,
    parse_frame_line,
    so_far_line,
)

LABELS = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1)
COUNTS = st.integers(1, 10**9)


@given(LABELS, COUNTS, COUNTS, st.floats(0, 1e6))
def test_what_is_written_is_read_again(label: str, done: int, total: int, speed: float) -> None:
    done, total = sorted((done, total))
    assert parse_frame_line(begun_line(label, total)) == FrameLine(label, 0, total)
    found = parse_frame_line(so_far_line(label, done, total, speed))
    assert found == FrameLine(label, done, total, round(speed, 1))
    assert parse_frame_line(ended_line(label, done, 61.0, speed)) == FrameLine(label, done, done, ended=True)


def test_the_lines_of_old_logs_are_read() -> None:
    old = "row 3 (a: 5.mp4): analysing: 100/1000 frames (10%), 10.0 frames/s, 0:01:30 left"
    assert parse_frame_line(old) == FrameLine("row 3 (a: 5.mp4): analysing", 100, 1000, 10.0)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "x: started",
        "x: 80 frames, 2.0 frames/s",
        "x: 100/10 frames (1000%), 1.0 frames/s",
        f"x: {'9' * 5000} frames",
        f"x: 1/2 frames (50%), {'9' * 5000}.0 frames/s",
        "Killed",
    ],
)
def test_other_lines_and_unknown_totals_say_nothing(line: str) -> None:
    assert parse_frame_line(line) is None


def test_times() -> None:
    assert [clock_text(each) for each in (-5, 59.6, 3723)] == ["0:00:00", "0:01:00", "1:02:03"]
