"""The readers of scheduler text against what a real Slurm printed; see recorded/README.md."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dlcctr.slurm.jobs.ledger import SubmittedTask
from dlcctr.slurm.queue.output import TaskState, parse_sacct, parse_squeue
from dlcctr.slurm.queue.scheduler import Answer, Scheduler
from dlcctr.slurm.status.causes import of_task
from dlcctr.slurm.task_log import read_end

RECORDED = Path(__file__).parents[2] / "recorded" / "slurm-26.05"
SQUEUE = "JOBID|ARRAY_JOB_ID|ARRAY_TASK_ID|STATE|REASON|NODELIST|TIME|TIME_LIMIT|NAME|START_TIME\n"
SACCT = (
    "JobID|JobIDRaw|JobName|State|ExitCode|NodeList|ElapsedRaw|TimelimitRaw|Start|End|Partition|ReqMem|MaxRSS|"
    "AllocTRES|Restarts\n"
)
"""Headers of the recorded columns; they were recorded without."""
WAITING = [0, 1, 2, 7, 9, 11, 13, 15, 17, 19]
REQUEUED = ("18", "20")


def by_name(states: list[TaskState] | None) -> dict[str, list[TaskState]]:
    assert states
    found: dict[str, list[TaskState]] = {}
    for state in states:
        found.setdefault(state.name, []).append(state)
    return found


def squeue(when: str) -> list[TaskState] | None:
    return parse_squeue(SQUEUE + (RECORDED / f"squeue-{when}.out").read_text())


def sacct(when: str) -> list[TaskState] | None:
    return parse_sacct(SACCT + (RECORDED / f"sacct-{when}.out").read_text())


@pytest.mark.parametrize("when", ["begin", "node-down", "end"])
def test_an_array_reads_the_same_with_and_without_array(when: str) -> None:
    def shown(states: list[TaskState] | None) -> set[TaskState]:
        assert states
        return {replace(state, elapsed_s=None) for state in states}  # they were recorded a second apart

    assert shown(squeue(when)) == shown(squeue(f"array-{when}"))


def test_the_queue() -> None:
    found = by_name(squeue("begin"))
    assert [(each.job_id, each.task) for each in found["waiting"]] == [("26", n) for n in WAITING]
    assert {(each.state, each.reason) for each in found["waiting"]} == {("PENDING", "Resources")}
    (running,) = found["running"]
    assert (running.key, running.state, running.node) == (("21", 5), "RUNNING", "node1")
    assert (running.elapsed_s, running.time_limit_s, running.reason) == (6, 600, "")
    assert {name: found[name][0].reason for name in ("never", "after-running", "later", "held", "too-long")} == {
        "never": "DependencyNeverSatisfied",
        "after-running": "Dependency",
        "later": "BeginTime",
        "held": "JobHeldUser",
        "too-long": "PartitionTimeLimit",
    }
    assert found["too-long"][0].time_limit_s == 24 * 3600


def test_how_each_end_shows() -> None:
    found = by_name(sacct("x-end"))
    ends = {name: of_task(found[name][0], None) for name in (
        "exits-7", "segfault", "timeout", "memory", "cancelled", "lost-node", "fails",
    )}  # fmt: skip
    assert {name: (cause.kind, cause.node) for name, cause in ends.items()} == {
        "exits-7": ("analysis", "node1"),
        "segfault": ("command-failed", "node2"),
        "timeout": ("timeout", "node1"),
        "memory": ("out-of-memory", "node2"),
        "cancelled": ("cancelled", "node2"),
        "lost-node": ("node-fail", "node2"),
        "fails": ("bug", "node1"),
    }
    assert {(each.key, each.state, each.exit_code) for each in found["one|of three fails"]} == {
        (("8", 1), "COMPLETED", 0),
        (("8", 2), "FAILED", 4),
        (("8", 3), "COMPLETED", 0),
    }
    assert [each.gpu_s for each in found["good"]] == [1, 1, 1, 1]
    assert [each.task for each in found["waiting"]] == WAITING


def test_memory_without_cgroups() -> None:
    states = sacct("x-memory-without-cgroups")
    assert states and [of_task(state, None).kind for state in states] == ["out-of-memory"] * 2


def test_steps_are_left_out() -> None:
    with_steps, without = sacct("end"), sacct("x-end")
    assert with_steps and without
    assert {state.key for state in with_steps} == {state.key for state in without}


def test_requeued_jobs() -> None:
    found = by_name(sacct("x-duplicates-end"))
    for name in ("requeued", "lost-node-requeued"):
        (state,) = found[name]
        assert (state.state, state.restarts) == ("RUNNING", 1)


@pytest.mark.parametrize("job", REQUEUED)
def test_a_requeued_job_waits_although_accounting_calls_it_ended(job: str) -> None:
    submitted = SubmittedTask(job, 0, 0, "p", (0,), 1.0, 0.0)
    here = [""]
    said = Scheduler(Answer.of(squeue("node-down"), here), Answer.of(sacct("x-duplicates-node-down"), here))
    state = submitted.state(said)
    assert state and (state.state, state.reason) == ("PENDING", "BeginTime")


@pytest.mark.parametrize(
    ("name", "said", "node"),
    [
        ("log-timeout", "timeout", "node1"),
        ("log-memory", "out-of-memory", ""),
        ("log-memory-without-cgroups", "out-of-memory", "node1"),
    ],
)
def test_what_slurmstepd_writes_into_logs(name: str, said: str, node: str) -> None:
    end = read_end(RECORDED / f"{name}.out")
    assert end and (end.code, end.said, end.node) == (None, said, node)
