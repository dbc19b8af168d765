"""How fast work goes now."""

from __future__ import annotations

import pytest

from dlcctr.system.terminal.speed import RecentSpeed
from tests.unit.system.terminal.test_live import Clock


def run(speed: RecentSpeed, clock: Clock, begin: int, per_s: int, seconds: int) -> int:
    """Work at a speed; gives what is done."""
    for _ in range(seconds):
        clock.now += 1
        begin += per_s
        speed.update(begin)
    return begin


def test_nothing_is_known_at_first() -> None:
    assert RecentSpeed(clock=Clock()).per_s == 0.0


def test_what_comes_before_the_first_progress_is_not_counted() -> None:
    clock = Clock()
    speed = RecentSpeed(100, clock)
    speed.update(100)
    clock.now += 30
    assert run(speed, clock, 100, 10, 10) == 200
    assert speed.per_s == pytest.approx(10)
    assert speed.average_per_s == pytest.approx(100 / 40)


def test_the_last_minute_counts() -> None:
    clock = Clock()
    speed = RecentSpeed(0, clock)
    done = run(speed, clock, 0, 10, 600)
    run(speed, clock, done, 40, 60)
    assert speed.per_s == pytest.approx(40)


def test_work_that_stands_still_gets_slower() -> None:
    clock = Clock()
    speed = RecentSpeed(0, clock)
    run(speed, clock, 0, 10, 61)
    assert speed.per_s == pytest.approx(10)
    clock.now += 60
    assert speed.per_s == pytest.approx(5)


def test_progress_that_begins_below_what_was_done_before_counts_from_there() -> None:
    clock = Clock()
    speed = RecentSpeed(100, clock)
    speed.update(0)
    run(speed, clock, 0, 10, 10)
    assert speed.per_s == pytest.approx(10)
