from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import pytest

from dlcctr.contract import ExitCode
from dlcctr.slurm.queue.output import TaskState
from dlcctr.slurm.status.causes import GONE, of_failure, of_task
from dlcctr.slurm.task_log import LogEnd, had_lanes, read_end, row_lines

HEAD = "dlcctr: task 4 (+0) of job 123 on node1, GPU 0, 2026-03-01 12:00:00"
END = "dlcctr-task-end code={} node=node1 signal={} restart={}"
STARTED = datetime(2026, 3, 1, 12, 0).timestamp()


def state(word: str, **facts: object) -> TaskState:
    return TaskState("123", 4, word, **{"node": "node1", "start": 1.0, **facts})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("TIMEOUT", "timeout"),
        ("DEADLINE", "timeout"),
        ("OUT_OF_MEMORY", "out-of-memory"),
        ("NODE_FAIL", "node-fail"),
        ("PREEMPTED", "preempted"),
        ("BOOT_FAIL", "boot-fail"),
        ("LAUNCH_FAILED", "boot-fail"),
        ("CANCELLED", "cancelled"),
    ],
)
def test_final_states(word: str, kind: str) -> None:
    cause = of_task(state(word, exit_code=1, signal=9), LogEnd(75, "other", "TERM", "cancelled"))
    assert (cause.kind, cause.node) == (kind, "node1")
    assert f"(Slurm: {word})" in cause.text


@pytest.mark.parametrize(
    ("cause", "code", "kind", "said"),
    [
        ("nvidia-smi", 6, "gpu", "nvidia-smi fails"),
        ("no-gpu", 6, "no-gpu", "granted this job no GPU"),
        ("no-module", 10, "tool-missing", "have no `module` command"),
        ("no-container", 10, "tool-missing", "neither apptainer nor singularity"),
        ("unreadable", 10, "tool-missing", "cannot be read on the node"),
        ("tomorrows-word", 6, "gpu", "no working GPU"),
    ],
)
def test_what_the_script_itself_stopped_for(cause: str, code: int, kind: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "1.log").write_text(f"error: …\n{END.format(code, 0, 0)} cause={cause}\n")
    end = read_end(tmp_path / "1.log")
    for found in (of_task(None, end), of_task(state("FAILED", exit_code=code), end)):
        assert (found.kind, found.node, found.code) == (kind, "node1", code)
        assert said in found.text


def test_a_row_that_was_granted_no_gpu_does_not_blame_its_node() -> None:
    assert of_failure(6, "Slurm granted this job no GPU (…)", "node1").kind == "no-gpu"
    assert of_failure(6, "no GPU can be used here", "node1").kind == "gpu"


def test_a_task_that_was_cancelled_before_it_began() -> None:
    assert "before it started" in of_task(state("CANCELLED", start=None), None).text
    assert "before it started" not in of_task(state("CANCELLED"), None).text


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (1, "bug"), (2, "usage"), (3, "manifest"), (4, "video"), (5, "model"), (6, "gpu"), (7, "analysis"),
        (8, "output"), (10, "tool-missing"), (11, "command-failed"), (12, "contract"), (20, "output"), (75, "stopped"),
        (126, "tool-missing"), (127, "tool-missing"), (137, "out-of-memory"), (143, "stopped"), (255, "command-failed"),
        (42, "command-failed"),
    ],
)  # fmt: skip
def test_exit_codes_of_tasks_with_and_without_accounting(code: int, kind: str) -> None:
    told = of_task(state("FAILED", exit_code=code), None)
    read = of_task(None, LogEnd(code, "node1"))
    assert told == read
    assert (told.kind, told.node, told.code) == (kind, "node1", code)
    assert told.text


def test_a_signal_that_the_scheduler_names() -> None:
    assert of_task(state("FAILED", signal=9), None).kind == "out-of-memory"
    assert of_task(state("FAILED", signal=11), None).kind == of_task(None, LogEnd(139)).kind == "command-failed"
    assert of_task(state("FAILED", signal=15), None).text == "it was stopped by SIGTERM"


@pytest.mark.parametrize(
    ("elapsed", "limit", "kind"),
    [(3500, 3600, "timeout"), (3420, 3600, "timeout"), (1800, 3600, "stopped"), (3500, None, "stopped")],
)
def test_stopped_shortly_before_the_limit(elapsed: int, limit: int | None, kind: str) -> None:
    ended = state("FAILED", exit_code=75, elapsed_s=elapsed, time_limit_s=limit)
    assert of_task(ended, LogEnd(75, "node1", "TERM")).kind == kind
    assert of_task(None, LogEnd(75, "node1", "TERM", elapsed_s=elapsed), limit).kind == kind


def test_the_signal_that_a_site_warns_with() -> None:
    assert of_task(None, LogEnd(75, "node1", "USR1")).kind == "timeout"


def test_without_any_word_it_is_lost() -> None:
    assert (of_task(None, None).kind, of_task(None, None).text) == ("lost", GONE)
    for cause in (of_task(state("COMPLETED"), None), of_task(None, LogEnd(0, "node1"))):
        assert (cause.kind, cause.node) == ("lost", "node1")
        assert "exited normally" in cause.text


@pytest.mark.parametrize(
    ("code", "text", "kind"),
    [
        (ExitCode.GPU, "no GPU is visible", "gpu"),
        (ExitCode.VIDEO, "cannot be read", "video"),
        (ExitCode.ANALYSIS, "a.mp4: the analysis was killed by the system, as a rule because …", "out-of-memory"),
        (ExitCode.ANALYSIS, "out of memory: MemoryError", "out-of-memory"),
        (ExitCode.ANALYSIS, "out of memory: RuntimeError: CUDA error: out of memory", "gpu-memory"),
        (ExitCode.ANALYSIS, "out of GPU memory: ResourceExhaustedError: OOM when allocating", "gpu-memory"),
        (ExitCode.ANALYSIS, "no convergence", "analysis"),
        (ExitCode.OUTPUT, "out of memory.mp4: the disk is full", "output"),
    ],
)
def test_failure_files(code: ExitCode, text: str, kind: str) -> None:
    cause = of_failure(int(code), text, "node7")
    assert (cause.kind, cause.text, cause.node, cause.code) == (kind, text, "node7", int(code))


def log(folder: Path, *lines: str, written: float = STARTED + 60) -> Path:
    file = folder / "123_4.log"
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", errors="surrogateescape")
    os.utime(file, (written, written))
    return file


STEPD = "slurmstepd: error: *** JOB 127 ON node3 CANCELLED AT 2026-03-01T12:01:00 {}***"
OOM = "slurmstepd-node3: error: Detected 1 oom_kill event in StepId=127.batch. Some have been OOM Killed."


def test_slurmstepd_has_the_last_word(tmp_path: Path) -> None:
    """It counts the kernel's kills when the batch script has ended."""
    end = read_end(log(tmp_path, HEAD, END.format(7, 0, 0), OOM))
    assert end == LogEnd(7, "node1", "", "out-of-memory", 60.0, restarts=0)
    assert of_task(state("FAILED", exit_code=7), end).kind == "out-of-memory"


def test_a_warned_task_ran_out_of_time(tmp_path: Path) -> None:
    """Slurm calls the signal before the time limit a cancellation too."""
    warned = STEPD.format("DUE to SIGNAL Terminated ")
    end = read_end(log(tmp_path, HEAD, warned, END.format(75, "TERM", 0)))
    assert end == LogEnd(75, "node1", "TERM", "", 60.0, restarts=0)
    assert of_task(None, end, time_limit_s=70).kind == "timeout"
    assert of_task(None, end, time_limit_s=7000).kind == "stopped"
    end = read_end(log(tmp_path, HEAD, STEPD.format("DUE to SIGNAL Killed ")))
    assert end and end.said == "stopped"


def test_of_two_ends_the_last_counts(tmp_path: Path) -> None:
    assert read_end(log(tmp_path, END.format(10, 0, 0), END.format(0, 0, 1))) == LogEnd(0, "node1", restarts=1)


def test_the_particular_cause_counts(tmp_path: Path) -> None:
    for lines in ([OOM, STEPD.format("")], [STEPD.format("DUE to SIGNAL Killed "), OOM]):
        end = read_end(log(tmp_path, HEAD, *lines))
        assert end and (end.said, end.node) == ("out-of-memory", "node3")


def test_the_end_line(tmp_path: Path) -> None:
    assert read_end(log(tmp_path, HEAD, "work", END.format(75, "SIGTERM", 0))) == LogEnd(
        75, "node1", "TERM", elapsed_s=60.0, restarts=0
    )
    assert read_end(log(tmp_path, END.format(0, 0, ""))) == LogEnd(0, "node1")


def test_a_log_that_goes_on_or_is_not_there(tmp_path: Path) -> None:
    assert read_end(tmp_path / "none.log") is None
    assert read_end(log(tmp_path)) is None
    assert read_end(log(tmp_path, HEAD, "== row 3 (a.mp4)", "work")) is None


@pytest.mark.parametrize(
    ("line", "said", "node"),
    [
        (STEPD.format("DUE TO TIME LIMIT "), "timeout", "node3"),
        (STEPD.format("DUE TO PREEMPTION "), "preempted", "node3"),
        (STEPD.format("DUE TO NODE FAILURE, SEE SLURMCTLD LOG FOR DETAILS "), "node-fail", "node3"),
        (STEPD.format(""), "cancelled", "node3"),
        (OOM, "out-of-memory", ""),
        (
            "[2026-03-01T12:01:00.022] error: *** JOB 127 ON node3 CANCELLED AT 2026-03-01 DUE TO TIME LIMIT ***",
            "timeout",
            "node3",
        ),
        ("[2026-03-01T12:01:00.725] error: Detected 1 oom_kill event in StepId=11.batch.", "out-of-memory", ""),
        ("slurmstepd: error: Job 127 exceeded memory limit (20 > 10), being killed", "out-of-memory", ""),
    ],
)
def test_what_slurmstepd_wrote_where_there_is_no_accounting(tmp_path: Path, line: str, said: str, node: str) -> None:
    end = read_end(log(tmp_path, HEAD, "work", line, "error: stopped by SIGTERM"))
    assert end == LogEnd(None, node, "", said, 60.0)
    cause = of_task(None, end)
    assert (cause.kind, cause.node) == (said, node)
    assert read_end(log(tmp_path, HEAD, line, END.format(75, "TERM", 0))) == LogEnd(
        75, "node1", "TERM", said, 60.0, restarts=0
    )


def test_a_requeued_task_that_was_killed_does_not_end_as_its_first_run_did(tmp_path: Path) -> None:
    first = [HEAD, STEPD.format("DUE TO TIME LIMIT "), END.format(75, "TERM", 0)]
    assert read_end(log(tmp_path, *first, HEAD, "== row 3 (a.mp4)")) is None
    assert read_end(log(tmp_path, *first, HEAD, END.format(0, 0, 1))) == LogEnd(0, "node1", elapsed_s=60.0, restarts=1)
    second = read_end(log(tmp_path, *first, HEAD, OOM))
    assert second and (second.code, second.said) == (None, "out-of-memory")


@pytest.mark.parametrize(
    "line",
    [
        "error: dlcctr-task-end code=0 node=x signal=0 restart=0",
        "dlcctr-task-end code=x node=x signal=0 restart=0",
        "row 1 (slurmstepd: oom_kill.mp4)",
        "dlcctr: task 4 (+0) of job 1 on x, GPU 0, 9999-99-99 99:99:99",
        "\udcff\udcfe",
    ],
)
def test_lines_that_only_look_like_an_end(tmp_path: Path, line: str) -> None:
    assert read_end(log(tmp_path, line)) is None


def test_only_the_end_of_a_long_log_is_read(tmp_path: Path) -> None:
    end = read_end(log(tmp_path, HEAD, *["x" * 99] * 10_000, END.format(7, 0, 0)))
    assert end == LogEnd(7, "node1", restarts=0)


def test_lines_of_a_row(tmp_path: Path) -> None:
    file = log(
        tmp_path, HEAD, "== row 3 (a (1).mp4)", "three", "", "== row 31 (== row 3 (b).mp4)", "other",
        "== row 3 (a (1).mp4)", "again\r", "task 4: 1 of 2 rows done; exit code 7: rows 3", "x", END.format(7, 0, 0),
    )  # fmt: skip
    assert list(row_lines(file, 3)) == ["== row 3 (a (1).mp4)", "three", "", "== row 3 (a (1).mp4)", "again"]
    assert list(row_lines(file, 31)) == ["== row 31 (== row 3 (b).mp4)", "other"]
    assert list(row_lines(file, 4)) == []
    assert not had_lanes(file)
    assert had_lanes(log(tmp_path, HEAD, "task 4: 6 rows on 2 GPUs (0, 1)"))
