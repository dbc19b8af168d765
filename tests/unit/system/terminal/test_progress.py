from __future__ import annotations

import io

import pytest

from dlcctr.system.terminal.progress import FrameProgress


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines(stream: io.StringIO) -> list[str]:
    return stream.getvalue().splitlines()


def test_a_log_gets_a_line_now_and_then() -> None:
    log, clock = io.StringIO(), Clock()
    progress = FrameProgress(1000, "analysing a.mp4", stream=log, clock=clock)
    for done in range(1, 1001):
        clock.now += 0.1
        progress.update(done)
    progress.close()
    progress.close()
    said = lines(log)
    assert said[0] == "analysing a.mp4: 1000 frames"
    assert said[1] == "analysing a.mp4: 100/1000 frames (10%), 10.0 frames/s, 0:01:30 left"
    assert said[-1] == "analysing a.mp4: 1000 frames in 0:01:40, 10.0 frames/s"
    assert len(said) == 11


def test_a_slow_video_says_something_every_half_minute() -> None:
    log, clock = io.StringIO(), Clock()
    progress = FrameProgress(100_000, "x", stream=log, clock=clock)
    for done in range(60):
        clock.now += 10
        progress.update(done)
    assert len(lines(log)) == 1 + 20


def test_a_quick_video_says_little() -> None:
    log, clock = io.StringIO(), Clock()
    with FrameProgress(100, "x", stream=log, clock=clock) as progress:
        for done in range(1, 101):
            clock.now += 0.001
            progress.update(done)
    assert len(lines(log)) == 2


def test_an_unknown_total_and_no_frame_at_all() -> None:
    log, clock = io.StringIO(), Clock()
    with FrameProgress(0, "x", stream=log, clock=clock) as progress:
        clock.now += 40
        progress.update(80)
    assert lines(log) == ["x: started", "x: 80 frames, 2.0 frames/s", "x: 80 frames in 0:00:40, 2.0 frames/s"]
    log = io.StringIO()
    with FrameProgress(0, "x", stream=log, clock=clock):
        pass
    assert lines(log) == ["x: started"]


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    terminal = Terminal()
    with FrameProgress(10, "analysing [b]a.mp4[/b]", stream=terminal) as progress:
        progress.update(5)
        progress.update(10)
    shown = terminal.getvalue()
    assert "[b]a.mp4[/b]" in shown
    assert "10/10" in shown
    assert "frames/s" in shown


def test_a_closed_log_ends_nothing() -> None:
    log = io.StringIO()
    progress = FrameProgress(10, "x", stream=log)
    log.close()
    progress.update(10)
    progress.close()
