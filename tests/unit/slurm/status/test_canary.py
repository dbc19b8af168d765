from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dlcctr.contract import ExitCode
from dlcctr.slurm.jobs.submissions import Array, read_submissions
from dlcctr.slurm.status.canary import CANARY
from dlcctr.slurm.status.row_status import Phase, RowStatus, StatusResult
from dlcctr.slurm.submit.retry import Decision, decide
from tests.unit.support.slurm_case import SlurmCase, make_case, sacct_line, sacct_text, squeue_line, squeue_text

ARRAYS = (Array("c", 2, 1, "200"), Array("a", 0, 2, "201"))


@pytest.fixture
def case(tmp_path: Path) -> SlurmCase:
    """Row 3 is the canary, job 200; rows 0 to 2 wait for it, job 201."""
    made = make_case(tmp_path, 4)
    made.submit([[0, 1], [2], [3]], arrays=ARRAYS, canary=3, time_min=30)
    return made


def never(task: int) -> str:
    return sacct_line(task, "CANCELLED by 0", job="201", elapsed=0, start="None", node="None assigned")


def decision(case: SlurmCase, result: StatusResult, **options: bool) -> Decision:
    return decide(result.rows, read_submissions(case.paths), **options)


def cancelled(case: SlurmCase, end: str = "TIMEOUT") -> StatusResult:
    return case.status(sacct=sacct_text(sacct_line(0, end, job="200"), never(0), never(1)))


def test_rows_wait_for_the_canary(case: SlurmCase) -> None:
    live = squeue_text(
        squeue_line(0, "RUNNING", job="200"), squeue_line("0-1", "PENDING", job="201", reason="Dependency")
    )
    result = case.status(squeue=live)
    assert [row.canary for row in result.rows] == [3, 3, 3, None]
    assert "3 rows (0-2) wait for the canary, row 3, which is running" in result.notes
    assert result.exit_code is ExitCode.TRY_AGAIN


def test_a_single_row_is_spoken_of_as_one(tmp_path: Path) -> None:
    case = make_case(tmp_path, 2)
    case.submit([[0], [1]], arrays=(Array("c", 1, 1, "200"), Array("a", 0, 1, "201")), canary=1)
    result = case.status(sacct=sacct_text(sacct_line(0, "TIMEOUT", job="200"), never(0)))
    assert result.notes[0].endswith("; 1 row (0) was cancelled because of it")


def test_it_says_that_the_canary_failed_why_and_what_became_of_the_rest(case: SlurmCase) -> None:
    result = cancelled(case)
    assert [(row.phase, row.cause_kind) for row in result.rows] == [(Phase.FAILED, CANARY)] * 3 + [
        (Phase.FAILED, "timeout")
    ]
    assert result.rows[0].cause == "cancelled before it began, because the canary, row 3, failed"
    assert result.rows[3].cause == "the time limit was reached (Slurm: TIMEOUT)", "said once"
    (note,) = result.notes
    assert note == "the canary, row 3, failed; 3 rows (0-2) were cancelled because of it"


def test_the_rest_still_waits_for_a_canary_that_failed(case: SlurmCase) -> None:
    live = squeue_text(squeue_line("0-1", "PENDING", job="201", reason="DependencyNeverSatisfied"))
    result = case.status(squeue=live, sacct=sacct_text(sacct_line(0, "FAILED", job="200", code="5:0")))
    assert {row.phase for row in result.rows[:3]} == {Phase.PENDING}
    assert "3 rows (0-2) wait for it until Slurm cancels what waits" in result.notes[0]


def test_without_accounting_the_logs_tell(case: SlurmCase) -> None:
    """Slurm has forgotten both jobs; the canary's log says how it ended, and the others never wrote one."""
    case.log("dlcctr-task-end code=6 node=n7 signal=0 restart=0 cause=no-gpu", job="200")
    result = case.status()
    assert [row.cause_kind for row in result.rows] == [CANARY] * 3 + ["no-gpu"]
    case.log("== row 2 (v2.mp4)", job="201", task=1)
    assert case.status().rows[2].cause_kind != CANARY, "it has begun"


def test_a_canary_whose_result_is_whole_stops_nobody(case: SlurmCase) -> None:
    case.commit(3, job="200")
    result = cancelled(case, "COMPLETED")
    assert {row.cause_kind for row in result.rows[:3]} == {"cancelled"}
    assert result.notes == []


def test_what_became_of_the_canary_later_says_nothing_of_before(case: SlurmCase) -> None:
    case.submit([[3]], job="300")
    result = case.status(sacct=sacct_text(sacct_line(0, "TIMEOUT", job="300"), never(0), never(1)))
    assert {row.cause_kind for row in result.rows[:3]} == {"cancelled"}


def test_resubmit_sends_a_canary_first_again_with_what_the_canary_needs(case: SlurmCase) -> None:
    (group,) = decision(case, cancelled(case)).groups
    assert (group.rows, group.canary, group.time_min) == ((0, 1, 2, 3), True, 60)
    assert group.changes == "time limit 60 min, a canary first"
    assert group.causes == {CANARY: (0, 1, 2), "timeout": (3,)}


def test_rows_whose_canary_waits_for_a_person_wait_as_well(case: SlurmCase) -> None:
    case.log("dlcctr-task-end code=6 node=n7 signal=0 restart=0 cause=no-gpu", job="200")
    found = decision(case, case.status())
    assert found.groups == []
    own, others = sorted(found.left, key=lambda each: -each.rows[0])
    assert (own.rows, others.rows) == ((3,), (0, 1, 2))
    assert others.why.startswith("the canary, row 3, has failed: no-gpu: ask for one")
    assert "dlcctr resubmit MANIFEST --again --rows 0-2" in others.why
    (group,) = decision(case, case.status(), again=True).groups
    assert (group.rows, group.canary) == ((0, 1, 2, 3), True)


def test_a_bad_video_of_the_canary_stops_only_itself(case: SlurmCase) -> None:
    case.fail(3, code=int(ExitCode.VIDEO), cause="half a video", job="200")
    found = decision(case, cancelled(case, "FAILED"))
    (group,) = found.groups
    assert (group.rows, group.canary, group.time_min) == ((0, 1, 2), True, None)
    assert [each.rows for each in found.left] == [(3,)]


def test_a_canary_that_is_not_among_the_chosen_rows_decides_all_the_same(case: SlurmCase) -> None:
    rows = cancelled(case).rows
    (group,) = decide(rows[:2], read_submissions(case.paths), others=rows).groups
    assert (group.rows, group.canary, group.time_min) == ((0, 1), True, 60)


def test_rows_that_waited_for_no_canary_go_without_one() -> None:
    row = RowStatus(1, "v.mp4", Phase.FAILED, cause_kind="cancelled")
    (group,) = decide([row], []).groups
    assert not group.canary
    assert decide([replace(row, cause_kind=CANARY, canary=5)], []).groups[0].canary
