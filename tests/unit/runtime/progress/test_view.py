"""What `run` shows: on terminals of a fixed width, in logs, and what it leaves behind on a terminal."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console
from rich.live import Live

from dlcctr.runtime.progress.row_report import RowReport, write_report
from dlcctr.runtime.progress.view import LiveView, PlainView, describe
from dlcctr.runtime.rows.row_run import Outcome, RowRun, Started
from dlcctr.runtime.rows.slots import Slot
from tests.unit.system.terminal.test_live import Clock

GPU, CPUS = Slot("3", None, 4), Slot(None, None, 2)
NAME = "cohort A/mouse {:02d}/2026-11-02 open field.mp4"


class Bench:
    """Rows of a run, some of which have reports, and the view of them."""

    def __init__(self, folder: Path, width: int, *, total: int = 12) -> None:
        self.folder, self.clock, self.text = folder, Clock(), io.StringIO()
        self.console = Console(file=self.text, width=width, height=30, force_terminal=True, color_system=None)
        self.view = LiveView(total, Live(console=self.console, auto_refresh=False), self.clock)
        self.rows: list[Started] = []

    def start(self, index: int, slot: Slot = GPU, *, frames: int | None = 1000, name: str = NAME) -> Path:
        """Start a row; gives the folder for its reports."""
        scratch = self.folder / f"scratch{index}"
        task = RowRun(index, name.format(index), Path("m.csv"), self.folder / f"row{index}.log", frames=frames)
        (scratch / "own").mkdir(parents=True)
        self.rows.append(Started(task, slot, scratch, self.clock()))
        self.view.started(task, slot)
        return scratch / "own"

    def lines(self, *, waiting: int = 0) -> list[str]:
        """What is drawn."""
        tasks = [RowRun(90 + n, "w.mp4", Path("m.csv"), self.folder / "w.log", frames=1000) for n in range(waiting)]
        drawn = self.view.drawn(self.rows, tasks, self.console)
        self.text.truncate(0)
        self.text.seek(0)
        self.console.print(drawn)
        return [line.rstrip() for line in self.text.getvalue().splitlines()]


def test_a_row_has_its_bar_its_speed_and_its_time_left(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 80)
    write_report(bench.start(4), RowReport("analysing", 630, 1000, 41.26))
    write_report(bench.start(11), RowReport("finding animals", 1000, 1000, 100.0))
    write_report(bench.start(105), RowReport("loading DeepLabCut"))
    bench.start(7)
    assert bench.lines(waiting=3) == [
        "0 of 12 rows done, 4 running; 141 frames/s; about 35 s left",
        "row video                                                 frames/s  time left",
        "  4 …11-02 open field.mp4 analysing       ━━━━━━────  63%     41.3       10 s",
        " 11 …11-02 open field.mp4 finding animals ━━━━━━━━━━ 100%    100.0       10 s",
        "105 …11-02 open field.mp4 loading DeepLabCut",
        "  7 …11-02 open field.mp4 starting",
    ]


def test_a_wide_terminal_has_room_for_names_places_and_a_longer_bar(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 120)
    write_report(bench.start(4), RowReport("analysing", 500, 1000, 50.0))
    bench.start(5, CPUS)
    _, _, first, second = bench.lines()
    assert first == (
        "  4 …rt A/mouse 04/2026-11-02 open field.mp4 GPU 3  "
        "analysing       ━━━━━━━━━━━━────────────  50%     50.0       10 s"
    )
    assert second.endswith(" 2 CPUs starting")


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_no_line_reaches_the_end_of_the_terminal(tmp_path: Path, width: int) -> None:
    bench = Bench(tmp_path, width, total=123456)
    long = "名" * 50 + "\x1b[2J{}.mp4"
    write_report(bench.start(123450, name=long), RowReport("analysing\x1b[2J", 10**11, 10**12, 12345.6))
    write_report(bench.start(123451, name="[bold]x[/bold].mp4"), RowReport("finding animals", 1, 10**12, 0.1))
    drawn = bench.lines(waiting=200)
    assert len(drawn) == 4, "no line is wrapped"
    assert max(Console(width=400).measure(line).maximum for line in drawn) <= width - 3
    assert not any("\x1b" in line for line in drawn)


def test_the_table_is_in_ascii_where_the_terminal_knows_no_more(tmp_path: Path) -> None:
    class Latin(io.StringIO):
        encoding = "latin-1"  # type: ignore[assignment]

    bench = Bench(tmp_path, 80)
    bench.console = Console(file=Latin(), width=80, force_terminal=True, color_system=None)
    bench.text = bench.console.file  # type: ignore[assignment]
    write_report(bench.start(1), RowReport("analysing", 500, 1000, 50.0))
    assert "#####-----" in bench.lines()[-1]


def test_a_bar_never_stays_at_97_percent(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 80)
    own = bench.start(1)
    write_report(own, RowReport("analysing", 970, 1000, 50.0))
    assert "97%" in bench.lines()[-1]
    write_report(own, RowReport("saving the results"))
    assert bench.lines()[-1].endswith("saving the results")
    bench.rows.clear()
    bench.view.ended(Outcome(1, "v.mp4", 0, 24.0))
    assert bench.lines(waiting=11)[0] == "1 of 12 rows done, 0 running; about 5 min left"


def test_failed_rows_are_counted_apart_and_in_red(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 80)
    bench.console = Console(file=bench.text, width=80, force_terminal=True, color_system="standard", no_color=False)
    bench.view.live.console = bench.console
    bench.view.ended(Outcome(1, "v.mp4", 4, 24.0, cause="half a video"))
    assert "\x1b[1;31mFAILED\x1b[0m with exit code 4" in bench.text.getvalue()
    bench.start(2)
    head = bench.lines()[0]
    assert head == "0 of 12 rows done, \x1b[1;31m1 FAILED\x1b[0m, 1 running; time left: not known yet"


def test_messages_wrap_at_words(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 60)
    bench.view.say("row 3 FAILED with exit code 4: cohort A/mouse 03.mp4: the video is cut in its middle")
    assert bench.text.getvalue().splitlines() == [
        "row 3 FAILED with exit code 4: cohort A/mouse 03.mp4: the ",
        "video is cut in its middle",
    ]


def test_a_terminal_that_is_gone_ends_no_row(tmp_path: Path) -> None:
    class Gone(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError(5, "Input/output error")

    bench = Bench(tmp_path, 80)
    bench.start(1)
    bench.view.live = Live(console=Console(file=Gone(), width=80, force_terminal=True), auto_refresh=False)
    bench.view.stopping()
    bench.view.running(bench.rows, [])
    bench.view.ended(Outcome(1, "v.mp4", 0, 1.0))


def test_a_log_gets_a_line_for_each_start_and_end_and_how_far_all_is_now_and_then(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock()
    view = PlainView(3, clock)
    task = RowRun(0, "a.mp4", Path("m.csv"), tmp_path / "row.log", frames=10_000)
    view.started(task, GPU)
    scratch = tmp_path / "scratch"
    (scratch / "own").mkdir(parents=True)
    row = Started(task, GPU, scratch, clock())
    for done in range(0, 3050, 50):
        write_report(scratch / "own", RowReport("analysing", done, 10_000, 5.0))
        view.running([row], [task, task])
        clock.now += 10
    view.ended(Outcome(0, "a.mp4", 0, 610.0))
    assert capsys.readouterr().err.splitlines() == [
        "row 0 started on GPU 3: a.mp4",
        "0 of 3 rows done, 1 running; about 95 min left",
        "0 of 3 rows done, 1 running; about 90 min left",
        "[1/3] row 0 done in 10 min: a.mp4",
    ]


def test_a_failed_row_is_described_with_its_cause_and_log() -> None:
    text = describe(Outcome(7, "a b.mp4", 4, cause="it is empty", log=Path("logs/x.log")))
    assert text == "row 7 FAILED with exit code 4: a b.mp4: it is empty (log: logs/x.log)"
    assert describe(Outcome(7, "a.mp4", 0, 3725.0)) == "row 7 done in 62 min: a.mp4"


PROGRAM = """
import sys, os
from pathlib import Path
from dlcctr.runtime.base import Command
from dlcctr.runtime.rows.executor import run_tasks
from dlcctr.runtime.rows.row_run import RowRun
from dlcctr.runtime.rows.slots import Slot
from dlcctr.runtime.progress.view import open_view

class Sleeps:
    name = subject = "fake"
    contained = False
    def command(self, job):
        return Command([sys.executable, "-c", "import time; time.sleep(60)"], dict(os.environ))
    def clean(self, job):
        pass

folder = Path(sys.argv[1])
tasks = [RowRun(n, f"v{n}.mp4", folder / "m.csv", folder / f"{n}.log") for n in range(3)]
with open_view(3) as view:
    found = run_tasks(tasks, Sleeps(), [Slot(None, None, 1)] * 2, view, scratch_root=folder)
print("ended with", [each.code for each in found])
"""


def on_a_terminal(words: list[str], signum: int, begun: bytes) -> tuple[str, int]:
    """Start a program on a terminal of 80 columns, signal it once it has drawn something; what it wrote, its code."""
    controller, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
    process = subprocess.Popen(
        words, stdin=terminal, stdout=terminal, stderr=terminal, env=environment, start_new_session=True
    )
    os.close(terminal)
    written, deadline = b"", time.monotonic() + 60
    with contextlib.suppress(OSError):  # EIO: the other end is closed
        while data := os.read(controller, 1 << 16):
            written += data
            assert time.monotonic() < deadline, written
            if signum and begun in written:
                process.send_signal(signum)
                signum = 0
    os.close(controller)
    return written.decode(), process.wait(timeout=30)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_an_interrupted_run_leaves_the_terminal_clean(tmp_path: Path, name: str) -> None:
    words = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    written, code = on_a_terminal(words, getattr(signal, name), b"v1.mp4")
    assert code == 0
    assert written.count("\x1b[?25l") == written.count("\x1b[?25h") == 1, "the cursor is shown again"
    after = written[written.rindex("\x1b[2K") :]
    assert "starting" not in re.sub(r"stopping.*", "", after), "nothing is left of the table"
    assert "ended with [75, 75, 75]" in after
    assert re.search(r"\[[12]/3\] row 1 stopped: v1\.mp4", written), "whichever of the two ends first"
    assert not list(tmp_path.glob("dlcctr-scratch-*"))
