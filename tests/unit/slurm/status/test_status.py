from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dlcctr.campaign.manifest import write_manifest
from dlcctr.contract import ExitCode, RowState
from dlcctr.errors import ManifestError
from dlcctr.results.sections import DeviceUsed, FrameCounts
from dlcctr.slurm.jobs.arrivals import GRACE_S
from dlcctr.slurm.jobs.submissions import Array
from dlcctr.slurm.queue import client
from dlcctr.slurm.queue.client import Place
from dlcctr.slurm.queue.output import TaskState
from dlcctr.slurm.site.profile import Site
from dlcctr.slurm.status.row_status import Phase
from dlcctr.slurm.status.status import SETTLE_S, status
from tests.unit.support.slurm_case import (
    JOB,
    NOW,
    SUBMITTED,
    SlurmCase,
    local,
    make_case,
    sacct_line,
    sacct_text,
    squeue_line,
    squeue_text,
    utc,
)

END = "dlcctr-task-end code={} node=node3 signal={} restart=0"


@pytest.fixture
def case(tmp_path: Path) -> SlurmCase:
    """Three rows, a task each."""
    made = make_case(tmp_path)
    made.submit([[0], [1], [2]])
    return made


def test_a_campaign_that_was_never_submitted(tmp_path: Path) -> None:
    case = make_case(tmp_path)
    case.bench.commit(1)
    case.fail(2, job="", cause="no such model", code=int(ExitCode.MODEL))
    result = status(case.bench.manifest, now=NOW)
    assert [row.phase for row in result.rows] == [Phase.UNSUBMITTED, Phase.DONE, Phase.FAILED]
    assert (result.rows[2].cause_kind, result.rows[2].attempts, result.rows[2].job) == ("model", 0, "")
    assert (result.exit_code, result.notes) == (ExitCode.UNFINISHED, [])


def test_all_done(case: SlurmCase) -> None:
    for index in range(3):
        case.commit(index, task=index)
    result = case.status()
    assert result.totals == {**{phase.value: 0 for phase in Phase}, "done": 3}
    assert result.exit_code is ExitCode.OK
    assert not result.is_live
    row = result.rows[1]
    assert (row.job, row.task, row.plan, row.attempts, row.node, row.cause) == ("123_1", 1, "plan-0", 1, "node7", "")


def test_running_and_waiting(case: SlurmCase) -> None:
    case.commit(0)
    result = case.status(
        squeue=squeue_text(squeue_line(1, "RUNNING", node="node2"), squeue_line("2", "PENDING", reason="Priority"))
    )
    done, running, pending = result.rows
    assert (done.phase, running.phase, pending.phase) == (Phase.DONE, Phase.RUNNING, Phase.PENDING)
    assert (running.node, running.reason, pending.reason) == ("node2", "", "Priority")
    assert result.exit_code is ExitCode.TRY_AGAIN
    assert result.is_live
    assert result.asked == {"squeue": True, "sacct": False}


@pytest.mark.parametrize(
    ("word", "phase", "reason"),
    [
        ("COMPLETING", Phase.RUNNING, "completing"),
        ("CONFIGURING", Phase.RUNNING, "configuring"),
        ("SUSPENDED", Phase.RUNNING, "suspended"),
        ("REQUEUED", Phase.PENDING, "requeued"),
        ("SPECIAL_EXIT", Phase.PENDING, "special_exit"),
    ],
)
def test_states_between(case: SlurmCase, word: str, phase: Phase, reason: str) -> None:
    row = case.row(squeue=squeue_text(squeue_line(0, word)))
    assert (row.phase, row.reason) == (phase, reason)


def test_a_shortened_range_of_waiting_tasks(case: SlurmCase) -> None:
    result = case.status(squeue=squeue_text(squeue_line(0, "RUNNING"), squeue_line("1,...", "PENDING")))
    assert [row.phase for row in result.rows] == [Phase.RUNNING, Phase.PENDING, Phase.PENDING]


def test_an_array_with_an_offset(tmp_path: Path) -> None:
    case = make_case(tmp_path, 5)
    arrays = [Array("a", 0, 2, "123"), Array("b", 2, 3, "124")]
    case.submit([[4], [3], [2], [1], [0]], arrays=arrays)
    rows = case.status(squeue=squeue_text(squeue_line(1, "RUNNING", job="124"), squeue_line("0", "PENDING"))).rows
    assert {row.index: row.job for row in rows} == {4: "123_0", 3: "123_1", 2: "124_0", 1: "124_1", 0: "124_2"}
    assert rows[1].phase is Phase.RUNNING and rows[1].task == 3
    assert rows[4].phase is Phase.PENDING
    assert rows[0].phase is rows[2].phase is rows[3].phase is Phase.LOST


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("TIMEOUT", "timeout"),
        ("OUT_OF_MEMORY", "out-of-memory"),
        ("NODE_FAIL", "node-fail"),
        ("PREEMPTED", "preempted"),
        ("BOOT_FAIL", "boot-fail"),
        ("CANCELLED by 1000", "cancelled"),
    ],
)
@pytest.mark.parametrize("source", ["sacct", "squeue"])
def test_the_task_ended_without_a_word(case: SlurmCase, word: str, kind: str, source: str) -> None:
    sacct = sacct_text(sacct_line(0, word, node="node5")) if source == "sacct" else None
    line = squeue_line(0, word.partition(" ")[0], node="node5", start=local(SUBMITTED))
    squeue = "" if source == "sacct" else squeue_text(line)
    row = case.row(squeue=squeue, sacct=sacct)
    assert (row.phase, row.cause_kind, row.node) == (Phase.FAILED, kind, "node5")
    assert row.blames_node == (kind in ("node-fail", "boot-fail"))


def test_a_failure_file_says_why(case: SlurmCase) -> None:
    case.fail(0, code=int(ExitCode.ANALYSIS), cause="the network exploded")
    case.fail(1, code=int(ExitCode.VIDEO), cause="half a video", task=1)
    case.fail(2, code=int(ExitCode.GPU), cause="no GPU is visible", task=2)
    failed, bad, no_gpu = case.status(sacct=sacct_text(*[sacct_line(n, "FAILED", code="7:0") for n in range(3)])).rows
    assert (failed.phase, failed.cause_kind, failed.code) == (Phase.FAILED, "analysis", 7)
    assert "the network exploded" in failed.cause
    assert (bad.phase, bad.cause_kind) == (Phase.QUARANTINED, "video")
    assert (no_gpu.phase, no_gpu.cause_kind, no_gpu.node) == (Phase.FAILED, "gpu", "node7")
    assert no_gpu.blames_node


def test_killed_for_memory_by_the_row_itself(case: SlurmCase) -> None:
    case.fail(0, cause="v0.mp4: the analysis was killed by the system, as a rule because it needed more memory")
    assert case.row(sacct=sacct_text(sacct_line(0, "FAILED", code="7:0"))).cause_kind == "out-of-memory"


def test_rows_of_a_task_that_died_share_its_cause_but_for_those_that_are_done(tmp_path: Path) -> None:
    case = make_case(tmp_path, 4)
    case.submit([[0, 1, 2, 3]])
    case.commit(0)
    case.fail(1, cause="it diverged")
    rows = case.status(sacct=sacct_text(sacct_line(0, "TIMEOUT"))).rows
    assert [row.phase for row in rows] == [Phase.DONE, Phase.FAILED, Phase.FAILED, Phase.FAILED]
    assert [row.cause_kind for row in rows] == ["", "analysis", "timeout", "timeout"]


def test_a_tasks_exit_code_is_its_first_failed_rows_alone(tmp_path: Path) -> None:
    case = make_case(tmp_path, 3)
    case.submit([[0, 1, 2]])
    case.fail(0, code=int(ExitCode.VIDEO))
    rows = case.status(sacct=sacct_text(sacct_line(0, "FAILED", code="4:0"))).rows
    assert [row.phase for row in rows] == [Phase.QUARANTINED, Phase.LOST, Phase.LOST]
    assert "after row 0 failed" in rows[1].cause


def test_rows_that_were_not_tried_for_want_of_a_gpu(tmp_path: Path) -> None:
    case = make_case(tmp_path, 3)
    case.submit([[0, 1, 2]])
    case.fail(0, code=int(ExitCode.VIDEO))
    case.fail(1, code=int(ExitCode.GPU), host="node9")
    rows = case.status(sacct=sacct_text(sacct_line(0, "FAILED", code="4:0"))).rows
    assert (rows[2].phase, rows[2].cause_kind, rows[2].node) == (Phase.FAILED, "gpu", "node9")
    assert rows[2].blames_node and "row 1" in rows[2].cause


def test_ended_as_if_all_were_well_without_a_receipt(case: SlurmCase) -> None:
    row = case.row(sacct=sacct_text(sacct_line(0, "COMPLETED")))
    assert (row.phase, row.cause_kind) == (Phase.LOST, "lost")
    case.log(END.format(0, 0))
    row = case.row()
    assert (row.phase, row.node) == (Phase.LOST, "node3")


def test_a_shared_file_system_may_show_the_receipt_a_moment_later(case: SlurmCase) -> None:
    for age, phase in ((SETTLE_S - 1, Phase.RUNNING), (SETTLE_S + 1, Phase.LOST)):
        assert case.row(sacct=sacct_text(sacct_line(0, "COMPLETED", end=local(NOW - age)))).phase is phase
    killed = case.row(sacct=sacct_text(sacct_line(0, "TIMEOUT", end=local(NOW - 1))))
    assert killed.phase is Phase.FAILED


def test_without_accounting_the_log_tells(case: SlurmCase) -> None:
    case.log(END.format(10, 0), task=0)
    case.log(END.format(75, "TERM"), task=1)
    result = case.status()
    assert [row.cause_kind for row in result.rows] == ["tool-missing", "stopped", "lost"]
    assert [row.node for row in result.rows] == ["node3", "node3", ""]
    assert result.rows[2].phase is Phase.LOST
    assert "sites with accounting say which" in result.rows[2].cause
    assert any("sacct did not answer" in note for note in result.notes)


def test_without_accounting_a_stop_shortly_before_the_limit_is_the_limit(tmp_path: Path) -> None:
    case = make_case(tmp_path)
    case.submit([[0], [1], [2]], time_min=60)
    for task, minutes in ((0, 59), (1, 20)):
        date = local(SUBMITTED).replace("T", " ")
        head = f"dlcctr: task {task} (+0) of job 123 on node3, GPU 0, {date}"
        case.log(head, END.format(75, "TERM"), task=task, written=SUBMITTED + 60 * minutes)
    assert [row.cause_kind for row in case.status().rows[:2]] == ["timeout", "stopped"]


def test_accounting_that_does_not_know_the_job(case: SlurmCase) -> None:
    row = case.row(sacct=sacct_text())
    assert (row.phase, row.cause_kind) == (Phase.LOST, "lost")


def test_accounting_that_missed_the_end(case: SlurmCase) -> None:
    """slurmdbd was down when the job ended: it calls the job running for ever."""
    row = case.row(sacct=sacct_text(sacct_line(0, "RUNNING", end="Unknown")))
    assert row.phase is Phase.LOST
    case.log(END.format(75, "TERM"))
    assert case.row(sacct=sacct_text(sacct_line(0, "RUNNING", end="Unknown"))).cause_kind == "stopped"


def test_a_controller_that_does_not_answer_makes_nothing_lost(case: SlurmCase) -> None:
    case.log("working", task=0)
    case.log(END.format(6, 0), task=1)
    result = case.status(squeue=None)
    assert [row.phase for row in result.rows] == [Phase.RUNNING, Phase.FAILED, Phase.PENDING]
    assert result.rows[1].cause_kind == "gpu"
    assert any("squeue did not answer" in note for note in result.notes)
    accounted = case.status(squeue=None, sacct=sacct_text(sacct_line(0, "TIMEOUT"), sacct_line("[2-9]", "PENDING")))
    assert [row.phase for row in accounted.rows] == [Phase.FAILED, Phase.FAILED, Phase.PENDING]


def test_a_requeued_task(case: SlurmCase) -> None:
    before = sacct_line(0, "NODE_FAIL", node="node1")
    waiting = case.status(
        squeue=squeue_text(squeue_line(0, "PENDING", reason="BeginTime")), sacct=sacct_text(before)
    ).rows[0]
    assert (waiting.phase, waiting.reason) == (Phase.PENDING, "BeginTime")
    ended = case.row(sacct=sacct_text(before, sacct_line(0, "TIMEOUT", node="node2")))
    assert (ended.cause_kind, ended.node) == ("timeout", "node2")


@pytest.mark.parametrize("word", ["NODE_FAIL", "PREEMPTED", "BOOT_FAIL", "REQUEUED"])
def test_accounting_alone_cannot_tell_a_dead_task_from_a_requeued_one(case: SlurmCase, word: str) -> None:
    row = case.row(squeue=None, sacct=sacct_text(sacct_line(0, word)))
    assert row.phase is Phase.PENDING


def test_a_failure_of_the_run_before_the_requeue_does_not_count(case: SlurmCase) -> None:
    case.fail(0, at=SUBMITTED + 100)
    again = squeue_line(0, "RUNNING", start=local(SUBMITTED + 200))
    assert case.row(squeue=squeue_text(squeue_line(0, "PENDING"))).phase is Phase.PENDING
    assert case.row(squeue=squeue_text(again)).phase is Phase.RUNNING
    timeout = sacct_line(0, "TIMEOUT", start=local(SUBMITTED + 200))
    assert case.row(sacct=sacct_text(timeout)).cause_kind == "timeout"


def test_a_row_that_failed_while_its_task_goes_on(tmp_path: Path) -> None:
    case = make_case(tmp_path, 2)
    case.submit([[0, 1]])
    case.fail(0, at=SUBMITTED + 300)
    result = case.status(squeue=squeue_text(squeue_line(0, "RUNNING", start=local(SUBMITTED + 60))))
    assert [row.phase for row in result.rows] == [Phase.FAILED, Phase.RUNNING]
    assert result.exit_code is ExitCode.UNFINISHED
    assert result.is_live


def test_resubmitted_rows(case: SlurmCase) -> None:
    case.fail(0, at=SUBMITTED + 600)
    case.commit(1, task=1)
    case.submit([[2], [0]], job="200", at=SUBMITTED + 1200)
    queue = squeue_text(squeue_line(1, "PENDING", job="200"), squeue_line(0, "RUNNING", job="200"))
    rows = case.status(squeue=queue).rows
    assert [row.phase for row in rows] == [Phase.PENDING, Phase.DONE, Phase.RUNNING]
    assert [(row.job, row.attempts, row.plan) for row in rows] == [
        ("200_1", 2, "plan-1"),
        ("123_1", 1, "plan-0"),
        ("200_0", 2, "plan-1"),
    ]
    dead = case.status(sacct=sacct_text(sacct_line(1, "NODE_FAIL", job="200", start=local(SUBMITTED + 1300)))).rows[0]
    assert (dead.phase, dead.cause_kind) == (Phase.FAILED, "node-fail"), "the older failure file says nothing of it"


def test_a_node_whose_clock_is_behind_is_believed_where_its_log_tells_the_run(case: SlurmCase) -> None:
    case.fail(0, code=int(ExitCode.VIDEO), cause="no frame", at=SUBMITTED - 600)
    over = sacct_text(sacct_line(0, "FAILED", code="4:0"))
    case.log(END.format(4, 0))
    row = case.row(sacct=over)
    assert (row.phase, "no frame" in row.cause) == (Phase.QUARANTINED, True)
    case.log(END.format(4, 0).replace("restart=0", "restart=1"))
    assert case.row(sacct=over).phase is Phase.FAILED, "the failure is of the first run"


@pytest.mark.parametrize(("zone", "kind"), [(" +0100", "timeout"), (" +0000", "stopped"), (" -0800", "stopped")])
def test_a_logs_first_line_tells_its_time_zone(case: SlurmCase, zone: str, kind: str) -> None:
    """59 of 60 minutes had passed, if the node's clock is an hour ahead of UTC."""
    case.submit([[0]], job="200", at=SUBMITTED + 1, time_min=60)
    begun = f"dlcctr: task 0 (+0) of job 200 on node3, GPU 0, 2026-03-01 13:01:00{zone}"
    case.log(begun, "dlcctr-task-end code=75 node=node3 signal=TERM restart=0", job="200", written=SUBMITTED + 3600)
    assert case.row(sacct=None).cause_kind == kind


def test_what_a_task_said_before_its_first_row_is_its_cause(case: SlurmCase) -> None:
    head = "dlcctr: task 0 (+0) of job 123 on node3, GPU 0, 2026-03-01 12:01:00 +0000"
    over = sacct_text(sacct_line(0, "FAILED", code="3:0"))
    case.log(head, "error: no task 7: tasks run from 0 to 1", "  what to do: x", END.format(3, 0))
    assert case.row(sacct=over).cause.endswith("(exit code 3 of the task): no task 7: tasks run from 0 to 1")
    case.log(head, "== row 1 (v1.mp4)", "error: row 1 (v1.mp4): its manifest's row is bad", END.format(3, 0))
    assert "row 1" not in case.row(sacct=over).cause, "it is of another row"


def test_a_failure_of_another_job_says_nothing_while_a_task_works_on_the_row(case: SlurmCase) -> None:
    case.fail(0, job="900", at=SUBMITTED + 600)
    running = squeue_text(squeue_line(0, "RUNNING", start=local(SUBMITTED + 60)))
    assert case.row(squeue=running).phase is Phase.RUNNING
    assert case.row(squeue=squeue_text()).phase is Phase.FAILED


def test_a_local_run_after_the_submission(case: SlurmCase) -> None:
    case.fail(0, job="", at=SUBMITTED + 2000, cause="the disk is full", code=int(ExitCode.OUTPUT))
    assert case.row(sacct=sacct_text(sacct_line(0, "TIMEOUT"))).cause_kind == "output"


def test_a_submission_whose_id_was_never_written_down(tmp_path: Path) -> None:
    case = make_case(tmp_path)
    case.submit([[0], [1], [2]], arrays=[Array("dlcctr-x-0", 0, 3, "")])
    found = case.status(squeue=squeue_text(squeue_line(0, "RUNNING", job="77", name="dlcctr-x-0")), now=NOW).rows
    assert (found[0].phase, found[0].job, found[1].phase) == (Phase.RUNNING, "77_0", Phase.LOST)
    soon = case.status(now=SUBMITTED + GRACE_S - 1).rows[0]
    assert (soon.phase, soon.job) == (Phase.PENDING, "")
    assert soon.reason.startswith("sbatch has not answered: squeue does not know it, but it may still be on its way")
    later = case.status(now=SUBMITTED + GRACE_S + 1).rows[0]
    assert (later.phase, later.attempts) == (Phase.UNSUBMITTED, 0)
    assert case.status(squeue=None, now=NOW).rows[0].phase is Phase.PENDING


@pytest.mark.parametrize("reason", ["BadConstraints", "QOSMaxBillingPerJob", "launch failed requeued held"])
def test_what_waits_for_ever_needs_a_person(case: SlurmCase, reason: str) -> None:
    result = case.status(squeue=squeue_text(squeue_line("0-2", "PENDING", reason=reason)))
    assert all(row.is_stuck for row in result.rows)
    assert result.exit_code is ExitCode.UNFINISHED
    assert not result.is_live


def test_degraded_rows_are_accepted_only_when_asked(case: SlurmCase) -> None:
    for index in (0, 1):
        case.commit(index, task=index)
    case.commit(2, task=2, state=RowState.DEGRADED, frames=FrameCounts(20, 20, 18, ((3, 5),)))
    result = case.status()
    assert (result.rows[2].phase, result.exit_code) == (Phase.DEGRADED, ExitCode.UNFINISHED)
    assert "did not decode" in result.rows[2].cause
    assert case.status(accept_degraded=True).exit_code is ExitCode.OK


def test_broken_and_unreadable_rows(case: SlurmCase) -> None:
    rows = [*case.bench.rows[:2], replace(case.bench.rows[2], error="no video stream")]
    write_manifest(case.bench.manifest, rows)
    case.commit(0)
    next(case.bench.folder(0).glob("*.h5")).unlink()
    result = case.status(squeue=squeue_text(squeue_line(1, "RUNNING")))
    assert [row.phase for row in result.rows] == [Phase.BROKEN, Phase.RUNNING, Phase.UNREADABLE]
    assert "is missing" in result.rows[0].cause
    assert result.rows[2].cause == "no video stream"
    again = case.status(squeue=squeue_text(squeue_line("0-1", "PENDING")))
    assert again.rows[0].phase is Phase.PENDING


def test_a_plan_that_is_gone_is_an_error(case: SlurmCase) -> None:
    case.paths.plan("plan-0").unlink()
    with pytest.raises(ManifestError, match=r"plan-0\.json"):
        case.status()


def test_squeue_and_sacct_are_asked_once_each_for_all_jobs(case: SlurmCase, monkeypatch: pytest.MonkeyPatch) -> None:
    case.submit([[0]], job="200", at=SUBMITTED + 1200)
    asked: list[tuple[str, Any]] = []

    def squeue(*words: Any) -> list[TaskState]:
        asked.append(("squeue", words))
        return []

    def sacct(*words: Any) -> list[TaskState]:
        asked.append(("sacct", words))
        return [TaskState("200", 0, "OUT_OF_MEMORY")]

    monkeypatch.setattr(client, "query_squeue", squeue)
    monkeypatch.setattr(client, "query_sacct", sacct)
    assert status(case.bench.manifest, now=NOW).rows[0].cause_kind == "out-of-memory"
    assert asked == [
        ("squeue", (["123", "200"], [], Place())),
        ("sacct", (["123", "200"], SUBMITTED - 24 * 3600, [], Place())),
    ]


def test_where_an_id_is_missing_all_are_asked_for_by_name(case: SlurmCase, monkeypatch: pytest.MonkeyPatch) -> None:
    case.submit([[0], [1]], arrays=[Array("again-0", 0, 1, "200"), Array("again-1", 1, 1)], at=SUBMITTED + 1200)
    asked: list[Any] = []
    monkeypatch.setattr(client, "query_squeue", lambda *words: asked.append(words[:2]))
    monkeypatch.setattr(client, "query_sacct", lambda *words: asked.append((words[0], words[2])))
    status(case.bench.manifest, now=NOW)
    assert asked == [(["123", "200"], ["dlcctr", "again-0", "again-1"])] * 2


def test_a_task_that_ends_while_status_looks_is_not_lost(case: SlurmCase, monkeypatch: pytest.MonkeyPatch) -> None:
    """Receipts are read after the scheduler was asked."""

    def ends_now(*_: Any) -> list[TaskState]:
        case.commit(0)
        return [TaskState(JOB, n, "RUNNING") for n in range(3)]

    monkeypatch.setattr(client, "query_squeue", ends_now)
    monkeypatch.setattr(client, "query_sacct", lambda *_: None)
    assert status(case.bench.manifest, now=NOW).rows[0].phase is Phase.DONE


def test_unknown_paces_stay_unknown(case: SlurmCase) -> None:
    pace = case.status(squeue=squeue_text(squeue_line("0-2", "PENDING"))).pace
    assert (pace.running_tasks, pace.pending_tasks) == (0, 3)
    unknown = (pace.frames_per_s, pace.gpu_hours, pace.left_s, pace.measured_to_expected, pace.speed_up)
    assert unknown == (None,) * 5


def test_pace(tmp_path: Path) -> None:
    case = make_case(tmp_path, 7)
    case.submit([[0], [1], [2], [3], [4, 5], [6]], cost_s=100.0)
    for index, started in ((0, 0), (1, 0), (4, 100)):
        case.commit(
            index, task=min(index, 4), timings_s={"total": 200.0}, started=utc(NOW - 400 + started),
            finished=utc(NOW - 200 + started), device=DeviceUsed("cuda"),
        )  # fmt: skip
    queue = [
        squeue_line(2, "RUNNING", time="0:50"),
        squeue_line(3, "PENDING"),
        squeue_line(5, "PENDING"),
        squeue_line(4, "RUNNING", time="3:20"),
    ]
    result = case.status(squeue=squeue_text(*queue))
    pace = result.pace
    assert (pace.running_tasks, pace.pending_tasks) == (2, 2)
    assert pace.measured_to_expected == pytest.approx(2.0)  # task 4 is not finished
    assert pace.frames_per_s == pytest.approx(2 * 60 / 600)  # 3 rows of 20 frames in 600 s, two tasks
    assert (pace.gpu_hours, pace.gpu_hours_source) == (pytest.approx(600 / 3600), "receipts")
    assert pace.speed_up == pytest.approx(600 / 400)
    # at twice the plan's time: 150 s of task 2, 200 s of tasks 3 and 5, none of task 4 (all spent); over two GPUs
    assert pace.left_s == pytest.approx((150 + 200 + 200 + 0) / 2)
    alone = case.status(squeue=squeue_text(queue[0], queue[1])).pace
    assert alone.left_s == pytest.approx(350)


def test_the_pace_of_tasks_with_several_gpus(tmp_path: Path) -> None:
    case = make_case(tmp_path, 4)
    case.submit([[0, 1], [2, 3]], cost_s=50.0, facts={"gpus_per_task": 2})
    for index in (0, 1):
        case.commit(index, timings_s={"total": 100.0}, started=utc(SUBMITTED), finished=utc(SUBMITTED + 100))
    pace = case.status(squeue=squeue_text(squeue_line(1, "RUNNING"))).pace
    assert pace.frames_per_s == pytest.approx(2 * 20 / 100)
    assert pace.measured_to_expected == pytest.approx(2.0), "both rows ran at the same time"


PLAIN = """\
             JOBID PARTITION     NAME     USER ST       TIME  NODES NODELIST(REASON)
         123_[2%4]       gpu dlcctr-m  student PD       0:00      1 (Priority)
             123_1       gpu dlcctr-m  student  R    1:02:03      1 node2
"""


def test_plain_squeue_on_the_pipe_is_read(case: SlurmCase) -> None:
    result = case.status(squeue=PLAIN)
    assert result.asked["squeue"]
    lost, running, pending = result.rows
    assert (running.phase, running.node, pending.phase, pending.reason) == (
        Phase.RUNNING, "node2", Phase.PENDING, "Priority",
    )  # fmt: skip
    assert lost.phase is Phase.LOST


@pytest.mark.parametrize("text", ["slurm_load_jobs error: Unable to contact slurm controller", "\n"])
def test_a_text_that_is_not_squeues_is_told_what_to_type(case: SlurmCase, text: str) -> None:
    result = case.status(squeue=text)
    assert not result.asked["squeue"]
    assert any("squeue --me --array" in note for note in result.notes)


def test_the_speed_up_of_a_finished_campaign_does_not_fade(tmp_path: Path) -> None:
    case = make_case(tmp_path, 2)
    case.submit([[0], [1]])
    for index in (0, 1):
        case.commit(
            index, task=index, timings_s={"total": 100.0}, started=utc(SUBMITTED), finished=utc(SUBMITTED + 100)
        )
    assert case.status(now=NOW).pace.speed_up == case.status(now=NOW + 1e6).pace.speed_up == pytest.approx(2.0)


def test_the_pace_of_analyses_is_known_while_their_steps_are_due(tmp_path: Path) -> None:
    case = make_case(tmp_path, 2)
    case.submit([[0], [1]], cost_s=50.0)
    case.commit(0, timings_s={"total": 100.0}, started=utc(SUBMITTED), finished=utc(SUBMITTED + 100))
    file = case.bench.campaign.file
    file.write_text(file.read_text() + '\n[[steps]]\nname = "filter"\n')
    result = case.status(squeue=squeue_text(squeue_line(1, "RUNNING")))
    assert result.rows[0].analysed and result.rows[0].phase is not Phase.DONE
    assert result.pace.frames_per_s == pytest.approx(20 / 100)
    assert result.pace.measured_to_expected == pytest.approx(2.0)


def test_gpu_hours_of_accounting_count_failed_and_earlier_runs(case: SlurmCase) -> None:
    case.commit(0, timings_s={"total": 10.0}, device=DeviceUsed("cuda"))
    tres = "cpu=1,gres/gpu=2"
    case.submit([[1]], job="200", at=SUBMITTED + 1200)
    lines = [
        sacct_line(0, "COMPLETED", elapsed=1800, tres=tres),
        sacct_line(1, "NODE_FAIL", elapsed=900, tres=tres),
        sacct_line(1, "TIMEOUT", elapsed=900, tres=tres),
        sacct_line(0, "FAILED", elapsed=1800, tres=tres, job="200"),
        sacct_line(0, "COMPLETED", elapsed=9999, tres=tres, job="31337", name="somebody else's"),
    ]
    pace = case.status(sacct=sacct_text(*lines)).pace
    assert (pace.gpu_hours, pace.gpu_hours_source) == (pytest.approx(3.0), "accounting")


def test_gpu_hours_of_jobs_that_accounting_has_forgotten_are_their_receipts(case: SlurmCase) -> None:
    """It keeps jobs for some months only, and may not show those of others."""
    case.commit(0, timings_s={"total": 1800.0}, device=DeviceUsed("cuda"))
    case.submit([[1]], job="200", at=SUBMITTED + 1200)
    case.commit(1, timings_s={"total": 10.0}, device=DeviceUsed("cuda"), job="200")
    pace = case.status(sacct=sacct_text(sacct_line(0, "COMPLETED", elapsed=900, tres="gres/gpu=1", job="200"))).pace
    assert (pace.gpu_hours, pace.gpu_hours_source) == (pytest.approx(0.75), "accounting and receipts")


def test_damaged_timings_do_not_stop_it(case: SlurmCase) -> None:
    case.commit(0, timings_s={"total": float("nan")})
    case.commit(1, started="yesterday", finished="today")
    rows = case.status().rows
    assert [row.phase for row in rows[:2]] == [Phase.BROKEN, Phase.DONE]
    assert "timings_s.total: expected a finite number, found nan" in rows[0].cause


def test_results_in_which_no_animal_was_found_are_named(case: SlurmCase) -> None:
    for index in range(3):
        case.commit(index, task=index, **({"remark": "no animal was found in any frame"} if index else {}))
    result = case.status()
    assert result.exit_code is ExitCode.OK
    assert result.notes == ["rows 1-2: no animal was found in any frame"]


def test_a_text_of_one_cluster_says_nothing_of_anothers_jobs(tmp_path: Path) -> None:
    case = make_case(tmp_path, 2)
    case.submit([[0]])
    case.submit([[1]], arrays=[Array("b", 0, 1, JOB, cluster="gpu")], at=SUBMITTED + 10)
    here, there = squeue_text(squeue_line(0, "RUNNING", node="n1")), squeue_text(squeue_line(0, "RUNNING", node="n2"))
    result = case.status(squeue=here)
    assert [(row.phase, row.node) for row in result.rows] == [(Phase.RUNNING, "n1"), (Phase.PENDING, "")]
    assert (result.asked["squeue"], result.silent) == (False, ("gpu",))
    assert "--clusters=gpu" in " ".join(result.notes)
    result = case.status(squeue=f"CLUSTER: gpu\n{there}")
    assert (result.rows[1].phase, result.rows[1].node, result.rows[1].cluster) == (Phase.RUNNING, "n2", "gpu")
    assert result.rows[0].phase is Phase.PENDING, "of the cluster without a name nothing was said"


def test_a_failure_file_of_the_same_number_on_another_cluster_is_not_the_tasks(tmp_path: Path) -> None:
    case = make_case(tmp_path, 1)
    case.submit([[0]], arrays=[Array("b", 0, 1, JOB, cluster="gpu")])
    ids = {"SLURM_ARRAY_JOB_ID": JOB, "SLURM_ARRAY_TASK_ID": "0"}
    text = "CLUSTER: gpu\n" + squeue_text()
    for cluster, phase in (("main", Phase.LOST), ("gpu", Phase.FAILED)):
        case.fail(0, at=SUBMITTED - 5, scheduler={**ids, "SLURM_CLUSTER_NAME": cluster})
        assert case.row(squeue=text).phase is phase


def test_the_cost_so_far_is_of_the_gpu_hours_that_accounting_has(tmp_path: Path) -> None:
    case = make_case(tmp_path, 1)
    case.submit([[0]], site_values=Site(unit="SU", per_gpu_hour=2.0))
    answer = sacct_text(sacct_line(0, "RUNNING", elapsed=5400, tres="billing=1,gres/gpu=2"))
    result = case.status(squeue=squeue_text(squeue_line(0, "RUNNING")), sacct=answer)
    assert (result.pace.gpu_hours, result.cost.text) == (3.0, "6.00 SU")
    assert case.status().cost.text == "", "nothing is known to have been used"
