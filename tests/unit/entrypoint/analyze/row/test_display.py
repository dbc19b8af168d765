"""What is shown and told of a row while its worker is busy."""

from __future__ import annotations

import time

import pytest

from dlcctr.runtime.progress.row_report import RowReport
from entrypoint.analyze.row import display as row_display
from entrypoint.analyze.row.display import RowDisplay
from entrypoint.protocol import Message, Progress


def test_each_stage_is_told_at_its_begin_and_then_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    told: list[RowReport] = []
    display = RowDisplay("row 3 (a.mp4)", 100, reports_start=True, tell=told.append)
    for done in range(20, 100, 2):
        display.show(Progress("finding animals", done))
        now[0] += 0.125
    display.show(Progress("analysing", 0))
    display.show(Message("going on"))
    display.finish()
    assert [(each.phase, each.done, each.total) for each in told] == [
        *(("finding animals", done, 100) for done in range(20, 100, 8)),
        ("analysing", 0, 100),
    ]
    out, err = capsys.readouterr()
    assert out == "row 3 (a.mp4): going on\n"
    assert err.splitlines()[-1].startswith("row 3 (a.mp4): analysing: 100 frames in 0:00:00, ")
    assert row_display.TELL_EVERY_S == 0.5
