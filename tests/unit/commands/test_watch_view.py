"""What `status --watch` draws on terminals of a fixed size, and how it leaves them."""

from __future__ import annotations

import io
import os
import signal
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from rich.console import Console

from dlcctr.commands.cluster.status import watch_text
from dlcctr.commands.cluster.watch_view import drawn
from dlcctr.contract import ExitCode
from dlcctr.slurm.jobs.submissions import Array
from dlcctr.slurm.status.row_status import StatusResult
from tests.unit.runtime.progress.test_view import on_a_terminal
from tests.unit.slurm.status.test_live_tasks import HEAD, at
from tests.unit.support.slurm_case import NOW, SlurmCase, make_case, squeue_line, squeue_text

LOOKED = datetime(2026, 3, 1, 13, 0)


@pytest.fixture
def case(tmp_path: Path) -> SlurmCase:
    """Two rows in each of eight tasks, the first of which is the canary."""
    made = make_case(tmp_path, 16)
    arrays = [Array("x-canary", 0, 1, "122"), Array("x", 1, 7, "123")]
    made.submit([[n, n + 1] for n in range(0, 16, 2)], arrays=arrays, canary=0)
    made.commit(0, job="122")
    made.commit(1, job="122")
    made.fail(8, code=int(ExitCode.VIDEO), cause="half a video", task=3)
    made.log(HEAD, "== row 2 (v2.mp4)", at(2, 13, 20, 0.5), task=0, written=NOW)
    made.log(HEAD, "== row 4 (v4.mp4)", at(4, 5, 20, 0.1, phase="finding animals"), task=1, written=NOW)
    made.log(HEAD, at(6, 5, 20, 0.1), task=2, written=NOW - 720)
    return made


def look(case: SlurmCase) -> StatusResult:
    queue = [squeue_line(n, "RUNNING", node=f"gpu{n}.cluster", time="1:00") for n in range(4)]
    queue += [squeue_line("4-5", "PENDING", reason="Priority"), squeue_line(6, "PENDING", reason="Dependency")]
    return case.status(squeue=squeue_text(*queue))


def lines(result: StatusResult, width: int = 80, height: int = 24) -> list[str]:
    text = io.StringIO()
    console = Console(file=text, width=width, height=height, force_terminal=True, color_system=None)
    console.print(drawn(result, watch_text(result), console, looked=LOOKED, interval=30))
    return [line.rstrip() for line in text.getvalue().splitlines()]


def test_each_task_has_its_row_its_percent_its_speed_its_node_and_its_time_left(case: SlurmCase) -> None:
    shown = lines(look(case))
    assert shown[:11] == [
        "16 rows: 2 done, 7 running, 6 pending, 1 quarantined",
        "4 tasks running, 3 waiting; 1.2 frames/s; about 10 min left",
        "",
        "task  node         done row                       frames/s time left",
        "123_0 gpu0.cluster  0/2   2 ━━━━━━━━━━──────  65%      0.5      55 s",
        "123_1 gpu1.cluster  0/2   4 finding animals   25%      0.1    10 min",
        "123_2 gpu2.cluster  0/2   6 silent for 12 min",
        "123_3 gpu3.cluster  1/2     starting",
        "2 tasks wait for jobs of a higher priority, which go first",
        "1 task waits for the canary",
        "",
    ]
    assert shown[11].startswith("quarantined (8): video: half a video")
    assert shown[-1] == "2026-03-01 13:00:00, refreshed every 30 s; Ctrl-C to stop"


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_of_the_table_is_wrapped(case: SlurmCase, width: int) -> None:
    result = look(case)
    tasks = [replace(task, name="1234567_1234", node="long-name-" * 20 + "\x1b[2J") for task in result.tasks]
    shown = lines(replace(result, tasks=tasks), width)
    assert len([line for line in shown if line.startswith("1234567_1234")]) == 4
    assert max(map(len, shown)) <= width
    assert not any("\x1b" in line for line in shown)


def test_a_low_terminal_lists_fewer_tasks_and_says_so(case: SlurmCase) -> None:
    shown = lines(look(case), height=14)
    assert len(shown) <= 14
    assert "… and 3 more tasks; a larger window shows them" in shown
    assert shown[-1].endswith("Ctrl-C to stop")


def test_a_campaign_that_is_done_has_no_tasks(tmp_path: Path) -> None:
    case = make_case(tmp_path, 2)
    case.submit([[0], [1]])
    for row in range(2):
        case.commit(row, task=row)
    shown = lines(case.status())
    assert shown[0] == "2 rows: 2 done"
    assert not [line for line in shown if "task" in line]
    assert [line for line in shown if line.startswith("next: dlcctr check")]


SQUEUE = """#!/bin/sh
cat <<'EOF'
{text}EOF
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_watching_ends_with_the_terminal_as_it_was(
    case: SlurmCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    text = squeue_text(squeue_line("0-6", "RUNNING", node="node2", time="1:00"))
    (folder / "squeue").write_text(SQUEUE.format(text=text))
    (folder / "squeue").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    words = [sys.executable, "-m", "dlcctr", "status", str(case.bench.manifest), "--watch", "--interval", "60"]
    written, code = on_a_terminal(words, getattr(signal, name), b"Ctrl-C to stop")
    before, _, after = written.partition("\x1b[?1049l")
    assert code == ExitCode.UNFINISHED, written
    assert before.count("\x1b[?1049h") == 1, "a screen of its own"
    assert written.count("\x1b[?25l") == written.count("\x1b[?25h") == 1, "the cursor is shown again"
    assert "16 rows: 2 done" in after, "the last look stays"
