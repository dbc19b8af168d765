"""Reasons of waiting tasks that do not go away by themselves, and what to change."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

from dlcctr.system.terminal.console import ranges

HELD = "the job is held: `scontrol release` lets it go on; if it does not, ask the site why"
LESS_TIME = "ask for less time: smaller --task-time, for a training --time"
REMEDIES = (
    (r"DependencyNeverSatisfied", "the job that it depends on failed: see that job's cause first"),
    (r"BadConstraints", "no node has what is asked for: change --gres, --gpus, --cpus or --mem-gb"),
    (r"InvalidAccount|AccountNotAllowed", "the partition does not take this account: choose another with --account"),
    (r"InvalidQOS|QOSNotAllowed", "the partition does not take this QoS: choose another with --qos"),
    (r"PartitionTimeLimit|(Assoc|QOS)Max(WallDuration|\w*Minutes)PerJob\w*", LESS_TIME),
    (r"PartitionNodeLimit|(Assoc|QOS)MaxNodePer\w+", "ask for fewer nodes, or choose another partition"),
    (r"(Assoc|QOS)MaxC(pu|PU)\w*Per(Job|Node)\w*", "ask for fewer CPUs with --cpus"),
    (r"(Assoc|QOS)MaxGRES\w*Per(Job|Node)\w*", "ask for fewer GPUs with --gres or --gpus"),
    (r"(Assoc|QOS)MaxMem\w*Per(Job|Node)\w*", "ask for less memory with --mem-gb"),
    (r"(Assoc|QOS)Max\w+Per(Job|Node)\w*", "ask for fewer CPUs, fewer GPUs or less memory"),
    (r"QOSMin\w+", "the QoS has a minimum that is not reached: ask for more, or choose another with --qos"),
    (r"(Assoc|QOS)Grp(?!\w*Run)\w*Minutes\w*", "the budget of this account or QoS is used up: choose another"),
    (r"JobHeld(Admin|User)|JobHoldMaxRequeue|requeue_hold|special_exit", HELD),
    (r"launch[ _]failed[ _]requeued[ _]held|job[ _]requeued[ _]in[ _]held[ _]state", HELD),
)  # fmt: skip
"""Patterns of Slurm's reasons (its manual, "Job Reason Codes") and remedies; the first match counts."""


def find_remedy(reason: str) -> str:
    """What to change for a task that would wait for ever; empty if waiting helps, or the reason is not known."""
    return next((remedy for pattern, remedy in REMEDIES if re.fullmatch(pattern, reason)), "")


def waits_for_release(reason: str) -> bool:
    """Whether a task only has to be released, with nothing to change in its job."""
    return find_remedy(reason) == HELD


def release_command(tasks: Iterable[str], cluster: str = "") -> str:
    """Command that releases held tasks.

    Parameters
    ----------
    tasks : iterable of str
        Their names, as ``123_4``.
    cluster : str
        Cluster that Slurm's commands have to be told; empty for none.
    """
    indices: dict[str, list[int]] = {}
    for job, _, index in (task.partition("_") for task in tasks):
        indices.setdefault(job, []).append(int(index))
    jobs = [f"{job}_{held[0]}" if len(held) == 1 else f"{job}_[{ranges(held)}]" for job, held in indices.items()]
    option = f"--clusters={cluster} " if cluster else ""
    return f"scontrol {option}release {shlex.quote(','.join(jobs))}"


CANARY = "the canary"
WAITS = (
    (r"Priority", "jobs of a higher priority, which go first"),
    (r"Resources", "a free node or GPU"),
    (r"JobArrayTaskLimit", "a running one to end: no more may run at once"),
    (r"Dependency", "another job to end"),
    (r"BeginTime", "the time from which Slurm may start it again"),
    (r"ReqNodeNotAvail.*|NodeDown|PartitionDown|PartitionInactive", "nodes that are down, reserved or switched off"),
    (r"Reservation", "the reservation to begin"),
    (r"Licenses", "a free licence"),
    (r"(Assoc|QOS)(Max|Grp)\w+", "room below a limit of the site ({})"),
    (r"Cleaning|Prolog", "a node to be made ready"),
    (r"|None", "Slurm to look at it"),
)  # fmt: skip
"""Patterns of reasons that pass by themselves, and what a task waits for; the first match counts."""


def waits_for(reason: str, *, after_canary: bool = False) -> str:
    """What a task waits for, as a phrase that completes "waits for"; Slurm's own reason if it is not known.

    Parameters
    ----------
    reason : str
        Slurm's word.
    after_canary : bool
        The task was submitted behind a canary.
    """
    if reason == "Dependency" and after_canary:
        return CANARY
    if find_remedy(reason):
        return f"something that does not happen by itself ({reason})"
    return next((text.format(reason) for pattern, text in WAITS if re.fullmatch(pattern, reason)), reason)
