"""How a running row tells how far it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcctr.contract import ROW_REPORT
from dlcctr.runtime.progress.row_report import STARTING, RowReport, read_report, write_report
from dlcctr.runtime.rows.row_run import LOG_HEAD

LINE = "row 3 (a.mp4): analysing: 250/1000 frames (25%), 12.5 frames/s, 0:01:00 left\n"


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    report = RowReport("analysing", 250, 1000, 12.5)
    write_report(tmp_path / "own", report)
    assert read_report(tmp_path, tmp_path / "none.log") == report
    assert (report.fraction, report.left_s) == (0.25, 60.0)
    assert [file.name for file in (tmp_path / "own").iterdir()] == [ROW_REPORT]


def test_a_phase_without_frames_has_no_bar_and_no_time_left() -> None:
    loading = RowReport("loading DeepLabCut")
    assert (loading.fraction, loading.left_s) == (None, None)
    assert RowReport("analysing", 0, 1000).left_s is None
    assert RowReport("analysing", 1200, 1000, 1.0).left_s == 0


@pytest.mark.parametrize("text", ["", "{", "[]", '{"phase": 3}', "x" * 10_000])
def test_a_damaged_report_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / ROW_REPORT).write_text(text)
    assert read_report(tmp_path, tmp_path / "none.log") == STARTING


def test_an_image_that_writes_no_report_is_followed_by_its_log(tmp_path: Path) -> None:
    log = tmp_path / "row.log"
    log.write_text(f"{LOG_HEAD}now\n{LINE}noise\n")
    assert read_report(tmp_path, log) == RowReport("analysing", 250, 1000, 12.5)
    log.write_text(f"{LOG_HEAD}then\n{LINE}{LOG_HEAD}now\nnoise\n")
    assert read_report(tmp_path, log) == STARTING, "an earlier attempt's lines say nothing of this one"


def test_a_folder_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    write_report(tmp_path / "none", RowReport("analysing"))
