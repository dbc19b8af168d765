"""The line of long work, drawn on terminals of a fixed width."""

from __future__ import annotations

import io
import sys
import time

import pytest
from rich.console import Console

from dlcctr.system.terminal import progress
from dlcctr.system.terminal.console import warn
from dlcctr.system.terminal.meter import Meter
from tests.unit.system.terminal.test_live import Clock, Terminal


def line(meter: Meter, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=True)
    return meter.text(console).plain


def gigabytes(done: int, total: int) -> str:
    return f"{done / 1e9:.1f} of {total / 1e9:.1f} GB"


def test_a_line_has_what_is_done_a_bar_and_the_time_left() -> None:
    clock = Clock()
    meter = Meter("saving dlcctr:0.1.0", 3_000_000_000, gigabytes, io.StringIO(), clock=clock)
    clock.now += 1
    meter.update(100_000_000)
    assert line(meter, 80).endswith("0.1 of 3.0 GB  1 s"), "the first second says nothing of the time left"
    clock.now += 9
    meter.update(1_500_000_000)
    assert line(meter, 80) == "saving dlcctr:0.1.0  ━━━━━━━━────────  50%  1.5 of 3.0 GB  10 s left"
    meter.update(3_000_000_000)
    assert "━━━━━━━━━━━━━━━━ 100%  3.0 of 3.0 GB" in line(meter, 80)


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_is_wrapped_and_ctrl_c_has_room_behind_it(width: int) -> None:
    meter = Meter(
        f"row 12 ({'名' * 60}.mp4): analysing", 10**9, lambda *_: "123456789/1000000000 frames", io.StringIO()
    )
    meter.update(5 * 10**8)
    meter.note = "x" * 200
    drawn = meter.text(Console(file=io.StringIO(), width=width))
    assert drawn.cell_len <= width - 3
    if width >= 80:
        assert drawn.plain.startswith("row 12 (名"), "what it is about is seen"


def test_a_note_stands_where_there_is_room() -> None:
    meter = Meter("building x", 0, lambda *_: "", io.StringIO(), tells_left=False)
    meter.note = "Collecting numpy"
    assert line(meter, 80).endswith("  Collecting numpy")
    assert "Coll" not in line(meter, 25)


def test_a_terminal_gets_a_line_that_is_gone_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress.transfer_bar("saving", 1000) as update:
        update(2000)
        warn("a warning")
        with progress.progress("checking rows", 3) as step:
            step()
    shown = terminal.getvalue()
    assert "saving" in shown and "100%" in shown
    assert "a warning\n" in shown.replace("\x1b[2K", "")
    assert "checking rows" not in shown, "one display at a time"
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") == 1, "the cursor is back"
    assert shown.endswith("\x1b[2K"), "the line is gone"


@pytest.mark.parametrize("no_color", ["", "1"])
def test_there_are_no_colours_without_a_meaning(no_color: str, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress.progress("checking rows", 3) as step:
        step()
    assert "checking rows" in terminal.getvalue()
    assert not [word for word in terminal.getvalue().split("\x1b[") if word.split("m")[0].replace(";", "").isdigit()]


def test_a_log_gets_a_plain_line_every_half_minute(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    with progress.transfer_bar("saving x", 1000) as update:
        for done in range(0, 1001, 10):
            clock.now += 1
            update(done)
    assert capsys.readouterr().err.splitlines() == [
        "saving x: 290 B of 1.0 kB (29%) after 30 s",
        "saving x: 590 B of 1.0 kB (59%) after 60 s",
        "saving x: 890 B of 1.0 kB (89%) after 90 s",
    ]
    with progress.progress("checking rows", 2) as step:
        step()
    assert capsys.readouterr().err == "", "what is over soon is not mentioned"
