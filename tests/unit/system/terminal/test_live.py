"""What all live displays share."""

from __future__ import annotations

import io

import pytest

from dlcctr.system.terminal.live import (
    SteadyTime,
    bar_text,
    is_live,
    one_display,
    percent_text,
    rough_duration,
    shorten,
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("fraction", "bar", "percent"),
    [
        (0.0, "──────────", "0%"),
        (-1.0, "──────────", "0%"),
        (0.55, "━━━━━─────", "55%"),
        (0.9999, "━━━━━━━━━─", "99%"),
        (1.0, "━━━━━━━━━━", "100%"),
        (1.5, "━━━━━━━━━━", "100%"),
    ],
)
def test_a_bar_is_full_and_says_100_only_where_all_is_done(fraction: float, bar: str, percent: str) -> None:
    assert bar_text(fraction, 10) == bar
    assert percent_text(fraction) == percent
    assert bar_text(fraction, 10, ascii_only=True) == bar.replace("━", "#").replace("─", "-")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "5 s"), (7, "10 s"), (41, "45 s"), (59, "60 s"), (61, "2 min"), (599, "10 min"), (4000, "67 min"),
     (8000, "2 h 13 min")],
)  # fmt: skip
def test_a_time_left_is_no_finer_than_it_can_be_known(seconds: float, text: str) -> None:
    assert rough_duration(seconds) == text


def test_a_time_left_counts_down_and_does_not_jump_with_every_estimate() -> None:
    clock = Clock()
    steady = SteadyTime(clock)
    assert steady.update(None) is None
    assert steady.update(100.0) == 100.0
    clock.now += 2
    assert steady.update(104.0) == 98.0, "6 % more is within what such estimates waver by"
    clock.now += 2
    assert steady.update(130.0) == 130.0, "a third more is another estimate"
    clock.now += 200
    assert steady.update(3.0) == 0.0
    assert steady.update(None) is None


@pytest.mark.parametrize(
    ("text", "width", "head", "shown"),
    [
        ("short.mp4", 9, 0, "short.mp4"),
        ("mouse 1/day 12.mp4", 11, 0, "…day 12.mp4"),
        ("row 3 (mouse 1/day 12.mp4): analysing", 20, 6, "row 3 …4): analysing"),
        ("名前の長いビデオ.mp4", 9, 0, "…デオ.mp4"),
        ("abc", 1, 0, "…"),
        ("abc", 0, 0, ""),
    ],
)
def test_names_are_cut_where_they_differ_least(text: str, width: int, head: int, shown: str) -> None:
    assert shorten(text, width, head=head) == shown


def test_only_a_terminal_that_can_move_its_cursor_gets_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setenv("TERM", "xterm")
    assert is_live(Terminal())
    assert not is_live(io.StringIO())
    assert not is_live(closed)
    monkeypatch.setenv("TERM", "dumb")
    assert not is_live(Terminal())


def test_two_displays_never_draw_at_the_same_time() -> None:
    with one_display() as first, one_display() as second:
        assert (first, second) == (True, False)
    with one_display() as again:
        assert again
