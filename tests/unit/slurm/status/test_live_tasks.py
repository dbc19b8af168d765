"""How far tasks are by their logs, what waiting ones wait for, and the time left that is measured by that."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcctr.slurm.jobs.submissions import Array
from dlcctr.slurm.status.live_tasks import LiveTask, RowAtWork, read_rows
from dlcctr.slurm.status.pending import WAITS, waits_for
from tests.unit.slurm.status.test_pending import FOR_EVER, PASSES
from tests.unit.support.slurm_case import NOW, SlurmCase, make_case, squeue_line, squeue_text

RECORDED = Path(__file__).parents[2] / "recorded"
ARRAY_HEADER = "JOBID|ARRAY_JOB_ID|ARRAY_TASK_ID|STATE|REASON|NODELIST|TIME|TIME_LIMIT|NAME|START_TIME\n"
"""Of `squeue --array` as it was recorded, whose header was left out."""
HEAD = "dlcctr: task 1 (+0) of job 123 on node2, GPU 0, 2026-03-01 12:50:00"


def at(index: int, done: int, total: int, speed: float, *, phase: str = "analysing") -> str:
    percent = 100 * done // total
    return (
        f"row {index} (v{index}.mp4): {phase}: {done}/{total} frames ({percent}%), {speed:.1f} frames/s, 0:00:01 left"
    )


@pytest.fixture
def case(tmp_path: Path) -> SlurmCase:
    """Six rows of 20 frames each in three tasks, planned to take 100 s each."""
    made = make_case(tmp_path, 6)
    made.submit([[0, 1], [2, 3], [4, 5]])
    return made


def running(case: SlurmCase, *lines: str, time: str = "5:00") -> LiveTask:
    (task,) = case.status(squeue=squeue_text(squeue_line(0, "RUNNING", node="node2", time=time), *lines)).tasks
    return task


def test_a_task_s_log_says_which_row_it_is_at_and_how_far(case: SlurmCase) -> None:
    case.log(HEAD, "== row 0 (v0.mp4)", "row 0 (v0.mp4): analysing: 20 frames", at(0, 4, 20, 0.5), written=NOW - 10)
    task = running(case)
    assert (task.name, task.node, task.left, task.is_running) == ("123_0", "node2", (0, 1), True)
    (row,) = task.at_work
    assert (row.index, row.phase, row.done, row.total, row.frames_per_s) == (0, "analysing", 4, 20, 0.5)
    assert row.left_s == pytest.approx(32 - 10), "16 frames at 0.5 a second, 10 s of which are over"
    assert task.left_s == pytest.approx(22 + 40), "and the 20 frames of row 1"
    assert (task.elapsed_s, task.silent_s) == (300, pytest.approx(10))


def test_the_next_row_begins_and_a_requeued_task_begins_anew(case: SlurmCase) -> None:
    case.commit(0)
    case.log(HEAD, at(0, 4, 20, 0.5), "== row 1 (v1.mp4)", "noise", written=NOW)
    assert running(case).at_work == (RowAtWork(1),)
    case.log(HEAD, at(1, 4, 20, 0.5), HEAD, "starting", written=NOW)
    assert running(case).at_work == ()
    case.log(HEAD, "row 1 (v1.mp4): analysing: 20 frames in 0:00:40, 0.5 frames/s", written=NOW)
    assert running(case).at_work == (RowAtWork(1, "saving the results"),)


def test_a_detector_reads_the_frames_before_the_body_parts_do(case: SlurmCase) -> None:
    case.log(HEAD, at(0, 10, 20, 1.0, phase="finding animals"), written=NOW)
    (row,) = running(case).at_work
    assert row.left_s == pytest.approx(10 + 20)


def test_a_log_that_has_been_silent_for_long_is_not_believed(case: SlurmCase) -> None:
    case.log(HEAD, at(0, 4, 20, 0.5), written=NOW - 301)
    task = running(case)
    assert task.is_silent
    assert (task.left_s, task.frames_per_s) == (None, None)
    assert task.at_work[0].done == 4


def test_a_task_without_a_log_is_starting(case: SlurmCase) -> None:
    task = running(case)
    assert (task.at_work, task.silent_s, task.left_s, task.is_silent) == ((), None, None, False)


def test_rows_on_several_gpus_run_at_the_same_time(tmp_path: Path) -> None:
    case = make_case(tmp_path, 6)
    case.submit([[0, 1, 2, 3, 4, 5]], facts={"gpus_per_task": 2})
    case.commit(0)
    lines = ["== row 0 (v0.mp4)", at(0, 20, 20, 1.0), "== row 1 (v1.mp4)", "== row 2 (v2.mp4)", at(2, 10, 20, 1.0)]
    case.log(HEAD, *lines, at(1, 16, 20, 1.0), written=NOW)
    task = running(case)
    assert {(row.index, row.done) for row in task.at_work} == {(1, 16), (2, 10)}
    assert task.left_s == pytest.approx((4 + 10 + 3 * 20) / 2)


@pytest.mark.parametrize(
    "line",
    [
        "row 0 (v0.mp4): analysing: 30/20 frames (150%), 0.5 frames/s",
        f"row {'9' * 5000} (v0.mp4): analysing: 1/20 frames (5%), 0.5 frames/s",
        "row 0: analysing: 1/20 frames (5%), 0.5 frames/s",
        "analysing: 1/20 frames (5%), 0.5 frames/s",
    ],
)
def test_lines_that_only_look_like_a_row_s_are_left_out(line: str, tmp_path: Path) -> None:
    (tmp_path / "log").write_text(f"{line}\n")
    assert read_rows(tmp_path / "log")[0] == []


def test_the_time_left_is_measured_by_the_logs_of_running_tasks(case: SlurmCase) -> None:
    queue = [squeue_line(0, "RUNNING", time="5:00"), squeue_line("1-2", "PENDING", reason="Resources")]
    planned = case.status(squeue=squeue_text(*queue)).pace
    assert (planned.left_s, planned.left_is_measured) == (pytest.approx(200), False)
    case.log(HEAD, at(0, 10, 20, 0.1), written=NOW)
    pace = case.status(squeue=squeue_text(*queue)).pace
    assert pace.frames_per_s == pytest.approx(0.1)
    # task 0 takes 300 s and then 100 s + 200 s, six times as long as was planned; so will the two others
    assert pace.left_s == pytest.approx(300 + 2 * 600)
    assert pace.left_is_measured
    assert pace.measured_to_expected is None, "that is of finished tasks"


def test_a_task_that_starts_is_taken_for_as_fast_as_the_others(case: SlurmCase) -> None:
    case.log(HEAD, at(0, 10, 20, 0.1), written=NOW)
    queue = [squeue_line(0, "RUNNING", time="5:00"), squeue_line(1, "RUNNING", time="0:10")]
    assert case.status(squeue=squeue_text(*queue)).pace.frames_per_s == pytest.approx(0.2)


def test_what_takes_longer_than_planned_is_not_about_to_end(case: SlurmCase) -> None:
    for index in (2, 3, 4, 5):
        case.commit(index, task=index // 2, timings_s={"total": 50.0})
    pace = case.status(squeue=squeue_text(squeue_line(0, "RUNNING", time="50:00"))).pace
    assert (pace.running_tasks, pace.left_s, pace.left_is_measured) == (1, None, False)


def test_tasks_behind_a_canary_wait_for_it(tmp_path: Path) -> None:
    case = make_case(tmp_path, 3)
    arrays = [Array("x-canary", 2, 1, "122"), Array("x", 0, 2, "123")]
    case.submit([[0], [1], [2]], arrays=arrays, canary=2)
    queue = [
        squeue_line(0, "PENDING", job="122", reason="Resources"),
        squeue_line("0-1", "PENDING", reason="Dependency"),
    ]
    tasks = {task.name: task.waits_for for task in case.status(squeue=squeue_text(*queue)).tasks}
    assert tasks == {"122_0": "a free node or GPU", "123_0": "the canary", "123_1": "the canary"}


def test_what_a_real_cluster_s_tasks_wait_for(tmp_path: Path) -> None:
    case = make_case(tmp_path, 9)
    arrays = [Array("running", 0, 6, "21"), Array("after", 6, 1, "22"), Array("waiting", 7, 1, "26")]
    case.submit([[n] for n in range(9)], arrays=[*arrays, Array("held", 8, 1, "25")])
    for row in range(5):
        case.commit(row, task=row, job="21")
    text = ARRAY_HEADER + (RECORDED / "slurm-26.05" / "squeue-array-begin.out").read_text()
    tasks = {task.name: task for task in case.status(squeue=text).tasks}
    assert {name: task.waits_for for name, task in tasks.items()} == {
        "21_5": "",
        "22_0": "another job to end",
        "26_0": "a free node or GPU",
        "25_0": "something that does not happen by itself (JobHeldUser)",
    }
    assert (tasks["21_5"].node, tasks["21_5"].elapsed_s) == ("node1", 6)


@pytest.mark.parametrize("reason", [*PASSES, *FOR_EVER])
def test_every_reason_has_words(reason: str) -> None:
    words = waits_for(reason)
    assert words
    known = [text for _, text in WAITS]
    assert reason == "SomethingNew" or words.startswith(("something", "room below")) or words in known


def test_a_reason_that_slurm_adds_one_day_is_shown_as_it_is() -> None:
    assert waits_for("SomethingNew") == "SomethingNew"
    assert waits_for("Priority", after_canary=True) != "the canary"
