"""Which of Slurm's reasons no waiting cures, and what to change."""

from __future__ import annotations

import pytest

from dlcctr.slurm.status.pending import find_remedy, release_command, waits_for_release

FOR_EVER = {
    "DependencyNeverSatisfied": "depends on",
    "BadConstraints": "no node",
    "InvalidAccount": "--account",
    "AccountNotAllowed": "--account",
    "InvalidQOS": "--qos",
    "PartitionTimeLimit": "less time",
    "PartitionNodeLimit": "fewer nodes",
    "AssocMaxWallDurationPerJobLimit": "less time",
    "QOSMaxWallDurationPerJobLimit": "less time",
    "AssocMaxCpuMinutesPerJobLimit": "less time",
    "QOSMaxCpuPerJobLimit": "--cpus",
    "QOSMaxCpuPerNode": "--cpus",
    "QOSMaxGRESPerJob": "fewer GPUs",
    "AssocMaxMemPerJob": "--mem-gb",
    "QOSMaxMemoryPerJob": "--mem-gb",
    "QOSMaxBillingPerJob": "fewer CPUs, fewer GPUs",
    "AssocMaxNodePerJobLimit": "fewer nodes",
    "QOSMinGRES": "minimum",
    "QOSMinCpuNotSatisfied": "minimum",
    "AssocGrpCPUMinutesLimit": "used up",
    "QOSGrpGRESMinutes": "used up",
    "JobHeldAdmin": "held",
    "JobHeldUser": "held",
    "JobHoldMaxRequeue": "held",
    "launch failed requeued held": "held",
    "launch_failed_requeued_held": "held",
    "job_requeued_in_held_state": "held",
    "requeue_hold": "held",
    "special_exit": "held",
}
PASSES = [
    "Priority", "Resources", "Dependency", "JobArrayTaskLimit", "BeginTime", "QOSMaxJobsPerUserLimit",
    "AssocGrpCpuLimit",
    "QOSGrpGRES", "AssocGrpCPURunMinutesLimit", "QOSGrpCPURunMinutesLimit", "QOSMaxGRESPerUser", "AssocMaxJobsLimit",
    "ReqNodeNotAvail", "NodeDown", "Reservation", "Licenses", "None", "", "SomethingNew",
]  # fmt: skip


@pytest.mark.parametrize("reason", FOR_EVER)
def test_what_waiting_does_not_cure_has_a_remedy(reason: str) -> None:
    assert FOR_EVER[reason] in find_remedy(reason)


def test_held_jobs_are_released_by_their_names() -> None:
    assert [waits_for_release(reason) for reason in ("JobHeldUser", "special_exit", "BadConstraints", "Priority")] == [
        True, True, False, False,
    ]  # fmt: skip
    assert release_command(["32_5"]) == "scontrol release 32_5"
    tasks = ["32_5", "32_1", "32_2", "40_0"]
    assert release_command(tasks, "gpu") == "scontrol --clusters=gpu release '32_[1-2,5],40_0'"


@pytest.mark.parametrize("reason", PASSES)
def test_what_passes_by_itself_has_none(reason: str) -> None:
    assert find_remedy(reason) == ""
