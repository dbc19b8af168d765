from __future__ import annotations

import math

import pytest

from entrypoint.steps.label_video.clock import Clock, stamp_text

NAN = math.nan


@pytest.mark.parametrize(
    ("times", "shown"),
    [
        ([3.0, 3.1, 3.4, 3.5], [0, 0.1, 0.4, 0.5, 0.6]),
        ([NAN, 1.0, NAN, NAN, 1.9, 2.0, NAN], [0, 0.3, 0.6, 0.9, 1.2, 1.3, 1.6, 1.9]),
        ([0.0, 0.1, 0.1, 0.05, 0.15], [0, 0.1, 0.2, 0.3, 0.4, 0.5]),
        ([0.0], [0, 0.02]),
        ([], [0]),
        (None, [0, 0.02, 0.04]),
    ],
    ids=["uneven", "unknown", "standstill and back", "one", "none", "no times"],
)
def test_frames_are_shown_as_long_as_they_lasted(times: list[float] | None, shown: list[float]) -> None:
    frames = len(shown) - 1
    clock = Clock(times, frames, 50.0, 1.0)
    assert [clock.shown(n) for n in range(frames + 1)] == pytest.approx(shown)
    assert clock.known == bool(times)
    slow = Clock(times, frames, 50.0, 0.5)
    assert [slow.shown(n) for n in range(frames + 1)] == pytest.approx([2 * each for each in shown])


@pytest.mark.parametrize("rate", [None, 0.0, NAN, -3.0])
def test_without_times_and_rate_there_are_25_a_second(rate: float | None) -> None:
    assert Clock(None, 3, rate, 1.0).shown(2) == pytest.approx(2 / 25)


def test_more_or_fewer_times_than_frames() -> None:
    assert Clock([0.0, 1.0, 2.0], 2, None, 1.0).shown(2) == 2
    assert Clock([0.0, 1.0], 4, None, 1.0).shown(4) == 4


def test_played_fast_no_more_than_60_frames_a_second_are_picked() -> None:
    clock = Clock([n / 30 for n in range(300)], 300, None, 10.0)
    picked = list(clock.pick(0, 300))
    assert picked == list(range(0, 300, 5))
    assert list(Clock([n / 30 for n in range(300)], 300, None, 1.0).pick(5, 9)) == [5, 6, 7, 8]


def test_around_stays_within_the_video() -> None:
    clock = Clock([n / 10 for n in range(100)], 100, None, 1.0)
    assert clock.around(50, 52, 1.0) == (46, 56)
    assert clock.around(0, 2, 1.0) == (0, 10)
    assert clock.around(98, 100, 1.0) == (90, 100)
    assert clock.around(10, 20, 1000.0) == (0, 100)
    assert Clock([0.0], 1, None, 1.0).around(0, 1, 4.0) == (0, 1)


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (0, "0:00:00.000"),
        (3723.4567, "1:02:03.457"),
        (59.9996, "0:01:00.000"),
        (-1.5, "-0:00:01.500"),
        (NAN, "-:--:--.---"),
    ],
)
def test_stamps(time: float, text: str) -> None:
    assert stamp_text(time) == text
