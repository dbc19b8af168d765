"""Reasons for which a task waits that no waiting cures, and what to change."""

from __future__ import annotations

import re

HELD = "the job is held: `scontrol release JOBID`, or ask the site why"
REMEDIES = (
    (r"DependencyNeverSatisfied", "the job that it depends on failed: see that job's cause first"),
    (r"BadConstraints", "no node has what is asked for: change --gres, --gpus, --cpus or --mem-gb"),
    (r"InvalidAccount|AccountNotAllowed", "the partition does not take this account: choose another with --account"),
    (r"InvalidQOS|QOSNotAllowed", "the partition does not take this QoS: choose another with --qos"),
    (r"PartitionTimeLimit|(Assoc|QOS)Max(WallDuration|\w*Minutes)PerJob\w*", "ask for less time: smaller --task-time"),
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
"""Slurm's words (its manual, "Job Reason Codes"), as patterns, and remedies; the first that fits counts."""


def find_remedy(reason: str, cluster: str = "") -> str:
    """What to change for a task that waits for ever; empty where waiting helps, or where the reason is not known.

    Parameters
    ----------
    cluster : str
        Cluster that Slurm's commands have to be told; empty for none.
    """
    found = next((remedy for pattern, remedy in REMEDIES if re.fullmatch(pattern, reason)), "")
    return found.replace("scontrol ", f"scontrol --clusters={cluster} ") if cluster else found
