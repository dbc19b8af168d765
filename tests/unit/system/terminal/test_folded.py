"""Commands whose output is folded into a line."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlcctr.system.terminal import folded
from dlcctr.system.terminal.folded import log_file, log_tail, run_folded
from tests.unit.system.terminal.test_live import Terminal


def shell(text: str) -> list[str]:
    return ["sh", "-c", text]


def step(line: str) -> tuple[int, int, str] | None:
    words = line.split(" ", 2)
    return (int(words[1]), 3, words[2]) if words[0] == "step" else None


def test_all_output_is_in_the_log_and_none_on_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "x.log"
    text = "for n in $(seq 650); do echo line $n; done; echo broken >&2; exit 3"
    assert run_folded(shell(text), "building x", log) == 3
    lines = log.read_text().splitlines()
    assert (len(lines), lines[0], lines[-1]) == (651, "line 1", "broken")
    assert log_tail(log).splitlines()[-2:] == ["line 650", "broken"]
    assert len(log_tail(log).splitlines()) == 30
    assert capfd.readouterr() == ("", "")


def test_where_there_is_no_terminal_a_line_now_and_then_says_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(folded, "PLAIN_EVERY_S", 0.3)
    monkeypatch.setattr(folded, "WAIT_S", 0.1)
    run_folded(shell("echo step 2 RUN apt; sleep 1.2"), "building x", tmp_path / "log", read_step=step)
    said = capsys.readouterr().err.splitlines()
    assert 2 <= len(said) <= 4
    assert said[0] == "building x: step 2 of 3, RUN apt; 0 s so far"


def test_a_terminal_sees_the_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(sys, "stderr", terminal)
    run_folded(shell("echo step 2 RUN apt; echo noise; sleep 1.3"), "building x", tmp_path / "log", read_step=step)
    assert "step 2 of 3" in terminal.getvalue()
    assert " 33%" in terminal.getvalue(), "the step that runs is not done"
    assert "noise" not in terminal.getvalue()
    run_folded(shell("echo working; sleep 1.3"), "building x.sif", tmp_path / "log")
    assert "building x.sif  1 s  working" in terminal.getvalue()
    assert terminal.getvalue().endswith("\x1b[2K")


def test_a_stopped_build_leaves_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(_stream: object) -> Iterator[bytes]:
        yield b""
        time.sleep(0.3)
        raise KeyboardInterrupt

    monkeypatch.setattr(folded, "_read", stopped)
    with pytest.raises(KeyboardInterrupt):
        run_folded(shell(f"echo $$ >{tmp_path}/pid; exec sleep 60"), "building x", tmp_path / "log")
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_log_has_a_place_where_the_cache_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert log_file("image") == tmp_path / "cache" / "dlcctr" / "logs" / "image.log"
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    other = log_file("image")
    assert other.is_file() and other.name.startswith("dlcctr-image-")
    other.unlink()


def test_a_display_that_another_one_has_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with folded.one_display():
        assert run_folded(shell("echo x"), "building x", tmp_path / "log") == 0
