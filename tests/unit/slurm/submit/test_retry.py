from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dlcctr.slurm.jobs.submissions import Submission, SubmittedOptions
from dlcctr.slurm.site.profile import Site
from dlcctr.slurm.status.row_status import Phase, RowStatus
from dlcctr.slurm.submit.retry import PLAIN, REMEDIES, Decision, decide

HAD = SubmittedOptions(time_min=30, mem_gb=16, site_values=Site(max_time_min=100))


def row(index: int, kind: str, phase: Phase = Phase.FAILED, **values: Any) -> RowStatus:
    return RowStatus(index, f"{index}.mp4", phase, cause="because", cause_kind=kind, plan="p", **values)


def decide_on(*rows: RowStatus, had: dict[str, Any] | None = None, **options: Any) -> Decision:
    return decide(
        rows, [Submission("p", (), "2026-01-01T00:00:00+00:00", options=replace(HAD, **(had or {})))], **options
    )


@pytest.mark.parametrize("kind", sorted(PLAIN))
def test_plain_causes_are_tried_as_before(kind: str) -> None:
    (group,) = decide_on(row(3, kind)).groups
    assert (group.rows, group.causes) == ((3,), {kind: (3,)})
    assert (group.time_min, group.mem_gb, group.batch_size, group.exclude) == (None, None, None, ())


@pytest.mark.parametrize("kind", sorted(REMEDIES))
def test_what_a_person_has_to_mend_is_left_until_told(kind: str) -> None:
    decision = decide_on(row(3, kind))
    assert not decision.groups
    assert decision.left[0].rows == (3,)
    assert kind in decision.left[0].why
    assert decide_on(row(3, kind), again=True).groups[0].rows == (3,)


def test_more_time_up_to_what_the_site_allows() -> None:
    assert decide_on(row(1, "timeout")).groups[0].time_min == 60
    assert decide_on(row(1, "timeout"), had={"time_min": 70}).groups[0].time_min == 100
    decision = decide_on(row(1, "timeout"), had={"time_min": 100})
    assert "longest that the site allows" in decision.left[0].why


def test_more_memory_or_a_smaller_batch() -> None:
    assert decide_on(row(1, "out-of-memory")).groups[0].mem_gb == 32
    group = decide_on(row(1, "gpu-memory"), batch_size=16).groups[0]
    assert (group.mem_gb, group.batch_size) == (None, 8), "the node had enough"
    (skipped,) = decide_on(row(1, "gpu-memory"), batch_size=1).left
    assert "a GPU with more memory" in skipped.why
    assert decide_on(row(1, "out-of-memory"), had={"mem_gb": None}, batch_size=6).groups[0].batch_size == 3
    assert decide_on(row(1, "out-of-memory"), had={"mem_gb": None, "batch_size": 2}).groups[0].batch_size == 1
    decision = decide_on(row(1, "out-of-memory"), had={"mem_gb": None, "batch_size": 1})
    assert "--mem-gb" in decision.left[0].why


def test_what_the_advice_asks_for_is_taken_from_the_command_line() -> None:
    spent = {"mem_gb": None, "batch_size": 1, "time_min": 100}
    for kind, given in (("out-of-memory", "memory"), ("gpu-memory", "gpu"), ("timeout", "gpu"), ("timeout", "time")):
        assert decide_on(row(1, kind), had=spent).left, kind
        (group,) = decide_on(row(1, kind), had=spent, given={given}).groups
        assert (group.rows, group.time_min, group.mem_gb, group.batch_size) == ((1,), None, None, 1)
    (group,) = decide_on(row(1, "out-of-memory"), had={"mem_gb": None, "batch_size": 8}, given={"memory"}).groups
    assert group.batch_size == 8, "more memory was asked for, so the batch stays"
    (group,) = decide_on(row(1, "timeout"), given={"gpu"}).groups
    assert group.time_min == 60, "another partition alone does not make a task faster"


def test_a_node_without_its_gpu_is_kept_from_all() -> None:
    decision = decide_on(row(1, "gpu", node="node2"), row(2, "timeout"), had={"exclude": ("node9",)})
    assert {group.rows: group.exclude for group in decision.groups} == {
        (1,): ("node2", "node9"),
        (2,): ("node2", "node9"),
    }


def test_no_node_is_avoided_for_its_gpu_once_the_cpu_is_allowed() -> None:
    decision = decide_on(row(1, "gpu", node="node2"), had={"exclude": ("node9",)}, allow_cpu=True)
    assert [group.exclude for group in decision.groups] == [("node9",)]


def test_rows_with_one_answer_go_together() -> None:
    decision = decide_on(row(1, "timeout"), row(2, "node-fail"), row(3, "lost", Phase.LOST), row(4, "timeout"))
    assert sorted(group.rows for group in decision.groups) == [(1, 4), (2, 3)]
    assert {kind for group in decision.groups for kind in group.causes} == {"timeout", "node-fail", "lost"}


def test_the_same_cause_twice_stops_with_an_explanation() -> None:
    before = {"causes": {"timeout": (1, 2), "preempted": (3,), "analysis": (4,)}, "raised_time_min": True}
    decision = decide_on(row(1, "timeout"), row(2, "node-fail"), row(3, "preempted"), row(4, "analysis"), had=before)
    assert sorted(group.rows for group in decision.groups) == [(2, 3)]
    assert {left.rows: left.why.split(":")[0] for left in decision.left} == {
        (1,): "timeout twice",
        (4,): "analysis twice",
    }
    assert all("--again" in left.why for left in decision.left)
    assert decide_on(row(1, "timeout"), had=before, again=True).groups[0].time_min == 60


def test_what_was_raised_stays_raised() -> None:
    (group,) = decide_on(row(1, "node-fail"), had={"raised_time_min": True, "raised_mem_gb": True}).groups
    assert (group.time_min, group.mem_gb) == (30, 16)


def test_what_somebody_cancelled_may_stay_so() -> None:
    decision = decide_on(row(1, "cancelled"), row(2, "cancelled"), row(3, "preempted"), cancelled=False)
    assert [group.rows for group in decision.groups] == [(3,)]
    (left,) = decision.left
    assert (left.rows, "dlcctr resubmit MANIFEST --rows 1-2" in left.why) == ((1, 2), True)


def test_only_rows_that_need_it() -> None:
    phases = (Phase.DONE, Phase.DEGRADED, Phase.RUNNING, Phase.PENDING, Phase.UNSUBMITTED)
    assert decide_on(*(row(n, "lost", phase) for n, phase in enumerate(phases))) == Decision([], [])
    decision = decide_on(RowStatus(1, "a.mp4", Phase.UNREADABLE, "no video"), RowStatus(2, "b", Phase.BROKEN, "x"))
    assert [left.rows for left in decision.left] == [(1,)]
    assert [group.rows for group in decision.groups] == [(2,)]
