"""Jobs that only share a number with one of the campaign's, and jobs that this user is not shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcctr.contract import ExitCode
from dlcctr.slurm.jobs.submissions import Array, Submission, SubmittedOptions
from dlcctr.slurm.queue import client
from dlcctr.slurm.queue.client import Surroundings
from dlcctr.slurm.queue.output import TaskState
from dlcctr.slurm.queue.own_jobs import without_strangers
from dlcctr.slurm.queue.scheduler import Answer, Scheduler
from dlcctr.slurm.status.row_status import Phase
from dlcctr.slurm.status.status import status
from tests.unit.support.hand_jobs import PLAIN_HEAD, plain_line
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
)

END = "dlcctr-task-end code=75 node=node3 signal=TERM restart=0"


@pytest.fixture
def case(tmp_path: Path) -> SlurmCase:
    made = make_case(tmp_path)
    made.submit([[0], [1], [2]], user="anna", time_min=60)
    return made


@pytest.fixture
def me(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(client, "own_user", lambda: "ben")
    return "ben"


TRES = "gres/gpu=1"


def test_a_later_job_of_the_same_number_is_not_the_campaigns(case: SlurmCase) -> None:
    """After the controller lost its state numbers start again at 1."""
    old = sacct_line(0, "TIMEOUT", tres=TRES, elapsed=3600)
    new = sacct_line(0, "COMPLETED", tres=TRES, elapsed=7200, name="somebody-else", start=local(NOW - 50))
    running = squeue_line(0, "RUNNING", name="somebody-else")
    found = case.status(squeue=squeue_text(running), sacct=sacct_text(old, new))
    row = found.rows[0]
    assert (row.phase, row.cause_kind, row.attempts) == (Phase.FAILED, "timeout", 1)
    assert found.pace.gpu_hours == pytest.approx(1.0)
    assert found.tasks == []


def test_without_accounting_the_user_tells_them_apart(case: SlurmCase) -> None:
    case.log(END, task=0)
    text = squeue_text(squeue_line(0, "RUNNING", name="other", user="carl"), squeue_line(1, "RUNNING", user="anna"))
    rows = case.status(squeue=text).rows
    assert [row.phase for row in rows[:2]] == [Phase.FAILED, Phase.RUNNING]


def test_a_job_that_a_person_renamed_is_still_the_campaigns(case: SlurmCase) -> None:
    row = case.row(squeue=squeue_text(squeue_line(0, "RUNNING", name="my mice", user="anna")))
    assert row.phase is Phase.RUNNING


def test_a_name_that_plain_squeue_cuts_off_is_the_campaigns() -> None:
    array = Array("dlcctr-m-1", 0, 1, "7")
    submission = Submission("plan", (array,), "2026-03-01T12:00:00+00:00", options=SubmittedOptions(user="anna"))
    cut = TaskState("7", 0, "RUNNING", name="dlcctr-m", name_is_cut=True)
    whole = TaskState("7", 0, "TIMEOUT", name="dlcctr-m-1")
    other = TaskState("7", 0, "RUNNING", name="other")
    assert without_strangers([cut, other], [(submission, array)], [cut, whole, other]) == [cut]


def test_of_two_jobs_of_one_name_the_one_that_runs_counts() -> None:
    over, waits, runs = (TaskState(job, 0, state, name="n")
                         for job, state in (("9", "FAILED"), ("8", "PENDING"), ("7", "RUNNING")))  # fmt: skip
    for states, number in (([over, waits, runs], "7"), ([over, waits], "8"), ([over], "9")):
        found = Scheduler(squeue=Answer.of(states, [""])).job_of("n")
        assert found is not None
        assert found.job_id == number


def test_plain_squeue_cuts_users_off(case: SlurmCase, monkeypatch: pytest.MonkeyPatch) -> None:
    """`squeue --me` of somebody with a long name and a short job: it shows nobody else's jobs."""
    monkeypatch.setattr(client, "own_user", lambda: "maximilian")
    mine = PLAIN_HEAD + plain_line("900", "R", "short", "node1").replace(" student", "maximili")
    assert [row.phase for row in case.status(squeue=mine).rows] == [Phase.PENDING] * 3
    everybodys = mine + plain_line("901", "R", "short", "node1").replace(" student", "    carl")
    assert [row.phase for row in case.status(squeue=everybodys).rows] == [Phase.LOST] * 3


def test_what_squeue_does_not_show_is_not_lost(case: SlurmCase, me: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """``PrivateData=jobs``: squeue answers as if the jobs of others did not exist."""
    case.log("dlcctr: task 1 (+0) of job 123 on node1, GPU 0, 2026-03-01 12:00:00", task=1)
    case.log(END, task=2)
    monkeypatch.setattr(client, "look_around", lambda: Surroundings("", only_own_jobs=True))
    monkeypatch.setattr(client, "query_squeue", lambda *_: [])
    monkeypatch.setattr(client, "query_sacct", lambda *_: None)
    found = status(case.bench.manifest, now=NOW)
    assert [row.phase for row in found.rows] == [Phase.PENDING, Phase.RUNNING, Phase.FAILED]
    assert found.rows[0].reason == "squeue does not show jobs of anna"
    assert any("anna can look at them" in note for note in found.notes)
    assert found.exit_code is ExitCode.UNFINISHED

    monkeypatch.setattr(client, "query_sacct", lambda *_: [TaskState(JOB, n, "RUNNING", name="dlcctr") for n in (0, 1)])
    assert [row.reason for row in status(case.bench.manifest, now=NOW).rows] == ["", "", ""], "accounting shows them"

    monkeypatch.setattr(client, "own_user", lambda: "anna")
    monkeypatch.setattr(client, "query_sacct", lambda *_: None)
    assert status(case.bench.manifest, now=NOW).rows[0].phase is Phase.LOST


def test_a_text_with_only_my_jobs_says_nothing_of_others(case: SlurmCase, me: str) -> None:
    found = case.status(squeue=squeue_text(squeue_line(5, "RUNNING", job="900", user=me)))
    assert [row.phase for row in found.rows] == [Phase.PENDING] * 3
    assert any(note.startswith("give the output of all jobs: squeue --array ") for note in found.notes)
    everybodys = squeue_text(squeue_line(5, "RUNNING", job="900", user="carl"))
    assert [row.phase for row in case.status(squeue=everybodys).rows] == [Phase.LOST] * 3


def test_a_reply_that_got_lost_is_not_taken_for_a_job_that_never_arrived(
    tmp_path: Path, me: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = make_case(tmp_path)
    case.submit([[0], [1], [2]], arrays=[Array("dlcctr", 0, 3)], user="anna", at=SUBMITTED - 7200)
    monkeypatch.setattr(client, "look_around", lambda: Surroundings("", only_own_jobs=True))
    monkeypatch.setattr(client, "query_squeue", lambda *_: [])
    monkeypatch.setattr(client, "query_sacct", lambda *_: None)
    (phase,) = {row.phase for row in status(case.bench.manifest, now=NOW).rows}
    assert phase is Phase.PENDING
