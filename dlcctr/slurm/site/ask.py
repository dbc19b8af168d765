"""Ask the cluster for its partitions, GPUs, accounts and limits."""

from __future__ import annotations

import getpass
import grp
import os
import re
import shutil
from collections.abc import Mapping, Sequence

from dlcctr.errors import CommandFailedError, ToolMissingError, TryAgainError
from dlcctr.planning.options import Limits
from dlcctr.slurm.site.cluster import (
    ASSOCIATION_FIELDS,
    QOS_FIELDS,
    SINFO_FORMAT,
    Cluster,
    add_partition_settings,
    parse_associations,
    parse_config,
    parse_qos,
    parse_sinfo,
)
from dlcctr.system.processes import run
from dlcctr.system.values.numbers import parse_whole, short_numbers

ASK_TIMEOUT_S = 60.0
LIMITS_TIMEOUT_S = 20.0
"""Shorter timeout, in seconds: a plan can be made without an answer."""
SACCTMGR = ("sacctmgr", "--noheader", "--parsable2", "show")
NO_SLURM_HINT = "run it on a cluster's login node; or edit a copy of the file that `dlcctr site show generic` names"


def ask_cluster() -> Cluster:
    """Ask this machine's Slurm.

    Raises
    ------
    ToolMissingError
        Slurm is not installed here.
    CommandFailedError, TryAgainError
        sinfo failed, or did not answer in time.
    """
    if shutil.which("sinfo") is None:
        raise ToolMissingError("no Slurm on this machine: sinfo was not found", NO_SLURM_HINT)
    partitions = parse_sinfo(_run("sinfo", "--noheader", f"--format={SINFO_FORMAT}"))
    config = parse_config(_try("scontrol", "show", "config"))
    settings = _try("scontrol", "show", "partition", "--oneliner")
    name = config.get("ClusterName", "")
    account = _try(*SACCTMGR, "user", getpass.getuser(), "format=DefaultAccount").strip()
    silent = [] if config else ["scontrol did not answer: MaxArraySize and who may use which partition are not known"]
    silent += [] if account else ["sacctmgr did not answer (no accounting here?): account and limits are not known"]
    associations = _try(*SACCTMGR, "associations", *_mine(name), f"format={ASSOCIATION_FIELDS}") if account else ""
    return Cluster(
        partitions=add_partition_settings(partitions, settings, select=config.get("SelectType", "")),
        name=name,
        max_array_size=_max_array_size(config),
        account=account.splitlines()[0] if account else "",
        associations=parse_associations(associations),
        qos=parse_qos(_try(*SACCTMGR, "qos", f"format={QOS_FIELDS}")) if account else {},
        groups=_groups(),
        tool=next((name for name in ("apptainer", "singularity") if shutil.which(name)), ""),
        silent=tuple(silent),
    )


def _max_array_size(config: Mapping[str, str]) -> int | None:
    return parse_whole(config.get("MaxArraySize", "")) or None  # 0: no arrays at all


def _run(*argv: str, timeout_s: float = ASK_TIMEOUT_S) -> str:
    # people choose with these what the commands print, and of which partitions
    theirs = dict.fromkeys(name for name in os.environ if name.startswith("SINFO_"))
    return run(argv, merge=False, timeout_s=timeout_s, env={**theirs, "LC_ALL": "C"}).stdout


def _try(*argv: str, timeout_s: float = ASK_TIMEOUT_S) -> str:
    try:
        return _run(*argv, timeout_s=timeout_s)
    except (CommandFailedError, ToolMissingError, TryAgainError):
        return ""


def _groups() -> tuple[str, ...]:
    names = []
    for number in {os.getgid(), *os.getgroups()}:
        try:
            names.append(grp.getgrgid(number).gr_name)
        except KeyError:  # a group that this machine has no name for
            continue
    return tuple(sorted(names))


def ask_limits(clusters: Sequence[str] = ()) -> Limits:
    """Ask Slurm how large an array may be and how many tasks may wait, or assume it.

    Parameters
    ----------
    clusters : sequence of str
        Clusters that may get the jobs, so that the least limit counts; by default this machine's own.
    """
    found = [_ask_limits_of(cluster) for cluster in clusters or ("",)]
    sizes = [size for size, _ in found if size is not None]
    if not sizes:
        return Limits()
    submit = min((most for _, most in found if most is not None), default=None)
    return Limits(min(sizes), submit, "scontrol" if submit is None else "scontrol and sacctmgr")


def _ask_limits_of(cluster: str) -> tuple[int | None, int | None]:
    where = [f"--clusters={cluster}"] if cluster else []
    config = parse_config(_try("scontrol", *where, "show", "config", timeout_s=LIMITS_TIMEOUT_S))
    size = _max_array_size(config)
    if size is None:
        return None, None
    mine = [*_mine(cluster or config.get("ClusterName", "")), "format=MaxSubmit"]
    return size, read_max_submit(_try(*SACCTMGR, "associations", *mine, timeout_s=LIMITS_TIMEOUT_S))


def _mine(cluster: str) -> list[str]:
    """Arguments for this user's associations on one cluster: a slurmdbd may serve several, and lists those of all."""
    return [f"user={getpass.getuser()}", *([f"cluster={cluster}"] if cluster else [])]


def read_max_submit(text: str) -> int | None:
    """Smallest limit in the output of ``sacctmgr … format=MaxSubmit --parsable2 --noheader``; None without any."""
    return min((int(word) for word in re.findall(r"[0-9]+", short_numbers(text))), default=None)
