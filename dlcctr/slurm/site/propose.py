"""Ask a cluster what it has, and propose a site profile."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from dlcctr.errors import UsageError
from dlcctr.slurm.site.cluster import Association, Cluster, Partition, Qos
from dlcctr.slurm.site.profile import Site, override

MAX_CPUS = 8
MAX_MEM_GB = 32
"""Most CPUs and memory that help a task; docs/local.md says what a row needs."""
MAX_PARALLEL = 20
SHORT_MIN = 60
"""Partitions with a shorter limit, in minutes, are for testing."""
DEFAULT_QOS = "normal"
"""Slurm's fallback QoS."""
MEMORY_SHARE = 0.9
"""Usable share of a node's memory; the system needs the rest."""

Values = dict[str, str | int | bool | None]
"""Keys of a site profile to their values; None for what is left to the site."""


@dataclass(frozen=True)
class Proposal:
    """A site as the cluster's answers suggest it, why, and what to note beside its keys."""

    site: Site
    reasons: tuple[str, ...]
    notes: dict[str, str] = field(default_factory=dict)


def is_allowed(cluster: Cluster, partition: Partition) -> bool:
    """Whether the user may use a partition, as far as the cluster reported."""
    mine = {each.account for each in cluster.associations} | ({cluster.account} if cluster.account else set())
    by_group = partition.groups is None or not cluster.groups or bool(set(partition.groups) & set(cluster.groups))
    by_account = partition.accounts is None or not mine or bool(set(partition.accounts) & mine)
    names = {name for each in cluster.associations for name in each.all_qos}
    by_qos = not names or any(map(partition.takes_qos, names))
    return by_group and by_account and by_qos and not (mine and mine <= set(partition.denied_accounts))


def gpu_partitions(cluster: Cluster) -> list[Partition]:
    """Partitions with GPUs that are up and that the user may use, the best first.

    Partitions that share nodes come before those that allocate whole ones, production before testing,
    out, those whose jobs stay before those whose jobs may have to go; then the one with the most GPUs, the longest
    limit, the cluster's default.
    """
    found = [each for each in cluster.partitions if each.gpus and each.up and is_allowed(cluster, each)]
    return sorted(found, key=_rank)


def _rank(partition: Partition) -> tuple[bool, bool, bool, int, float, bool, str]:
    limit = float("inf") if partition.max_time_min is None else partition.max_time_min
    last = (partition.whole_nodes, limit < SHORT_MIN, partition.preemptible)
    return (*last, -partition.gpus, -limit, not partition.default, partition.name)


def describe(partition: Partition) -> str:
    """One line for people: GPUs, their types, the time limit."""
    types = f" ({', '.join(partition.gpu_types)})" if partition.gpu_types else ""
    limit = "no time limit" if partition.max_time_min is None else f"at most {_hours(partition.max_time_min)}"
    nodes = sum(nodes.count for nodes in partition.nodes)
    whole = ", gives whole nodes" if partition.whole_nodes else ""
    return f"{partition.gpus} GPUs{types}, {nodes} nodes, {limit}{whole}"


def _hours(time_min: int) -> str:
    return f"{time_min} min" if time_min < 120 else f"{time_min / 60:.4g} h"


def propose(cluster: Cluster, name: str, partition: str = "") -> Proposal:
    """Propose a site.

    Parameters
    ----------
    partition : str
        The one to use; by default the first of `gpu_partitions`, else the cluster's default.

    Raises
    ------
    UsageError
        There is no such partition, or none at all.
    """
    chosen, reason = _choose(cluster, partition)
    qos = _find_qos(cluster, chosen)
    limits = _limits(cluster, chosen, qos)
    notes: dict[str, str] = {"partition": describe(chosen)}
    values: Values = {"partition": chosen.name, "account": _account(cluster, chosen), "qos": qos.name, **limits}
    reasons = [reason]
    if qos.why:
        reasons.append(qos.why)
        notes["qos"] = f"this partition takes: {', '.join(qos.taken) or 'none of yours'}"
    if chosen.gpus:
        values |= _gpu_values(chosen)
        types = chosen.gpu_types
        if len(types) > 1:
            notes["gres"] = f"any type; for one type only: {' or '.join(f'gpu:{kind}:1' for kind in types)}"
            reasons.append(f"{chosen.name} has GPUs of several types; a task takes any: {', '.join(types)}")
        together = chosen.gpus // max(1, gpu_share(str(values["gres"])))
        values["max_parallel"] = max(1, min(MAX_PARALLEL, together, limits["max_parallel"] or together))
        if apart := _steps_partition(cluster, chosen, limits["max_time_min"]):
            values["steps_partition"] = apart.name
            reasons.append(f"steps after the analyses go to partition {apart.name}, which has no GPUs")
    else:
        values |= {"cpus_per_task": max(1, min(MAX_CPUS, *(n.cpus for n in chosen.nodes))), "nv": False}
        reasons.append("it has no GPUs: tasks will run on CPUs, many times slower")
    if not cluster.tool:
        reasons.append("neither apptainer nor singularity is on PATH: put the module that has it into `modules`")
    description = f"{cluster.name or 'this cluster'}, partition {chosen.name}"
    values["description"] = description if description.isprintable() else ""
    return Proposal(override(Site(name=name), **values), (*reasons, *cluster.silent), notes)


def _steps_partition(cluster: Cluster, chosen: Partition, max_time_min: int | None) -> Partition | None:
    """Partition without GPUs that takes the same account and the default QoS, for as long as the chosen one."""
    longest = float("inf")
    least = max(SHORT_MIN, longest if max_time_min is None else max_time_min)
    found = [
        each
        for each in cluster.partitions
        if not each.gpus and each.up and not each.whole_nodes and not each.preemptible
        and (longest if each.max_time_min is None else each.max_time_min) >= least
        and is_allowed(cluster, each)
        and _account(cluster, each) == _account(cluster, chosen)
        and _find_qos(cluster, each) == _QosChoice()
    ]  # fmt: skip
    return min(found, key=lambda each: (not each.default, each.name), default=None)


def gpu_share(gres: str) -> int:
    """GPUs of a task that asks for ``gpu:a100:2``."""
    return int(gres.rpartition(":")[2])


def _choose(cluster: Cluster, name: str) -> tuple[Partition, str]:
    if name:
        for each in cluster.partitions:
            if each.name == name:
                return each, f"partition {name}: as requested; {describe(each)}"
        known = ", ".join(each.name for each in cluster.partitions) or "none"
        raise UsageError(f"this cluster has no partition {name!r}", f"there are: {known}")
    if ranked := gpu_partitions(cluster):
        best = ranked[0]
        why = "the only one with GPUs" if len(ranked) == 1 else "the best of those with GPUs"
        return best, f"partition {best.name}: {why} that you may use; {describe(best)}"
    for each in sorted(cluster.partitions, key=lambda each: (not each.up, not each.default)):
        return each, f"partition {each.name}: no partition that you may use has GPUs"
    raise UsageError("sinfo names no partition that you may see", "ask the cluster's support for access")


def _gpu_values(partition: Partition) -> Values:
    nodes, types = partition.gpu_nodes, partition.gpu_types
    kind = f"gpu:{types[0]}" if len(types) == 1 else "gpu"
    if partition.whole_nodes:
        return {"gres": f"{kind}:{min(each.gpus for each in nodes)}", "whole_node": True, "mem_gb": 0}
    mem_gb = int(min(each.memory_mb / each.gpus for each in nodes) * MEMORY_SHARE / 1024)
    return {
        "gres": f"{kind}:1",
        "cpus_per_task": max(1, min(MAX_CPUS, *(each.cpus // each.gpus for each in nodes))),
        "mem_gb": min(MAX_MEM_GB, mem_gb) or None,  # sites that do not schedule memory declare 1 MB
    }


def _account(cluster: Cluster, partition: Partition) -> str:
    """The default account, or where the partition does not take it, the first of the user's that it takes."""
    granted = [each.account for each in cluster.associations]
    default = [cluster.account] if not granted or cluster.account in granted else []  # it may be another cluster's
    mine = [*default, *granted] if cluster.account else []
    taken = [name for name in mine if partition.accounts is None or name in partition.accounts]
    return next((name for name in taken if name not in partition.denied_accounts), (*mine, "")[0])


@dataclass(frozen=True)
class _QosChoice:
    """QoS to ask for (empty: the default one will do), all of the user's that the partition takes, and why."""

    name: str = ""
    taken: tuple[str, ...] = ()
    why: str = ""


def _find_qos(cluster: Cluster, partition: Partition) -> _QosChoice:
    """The default QoS, or where the partition does not take it, the first of the user's that it takes."""
    mine = _associations(cluster, partition)
    default = next((each.qos for each in mine if each.qos), DEFAULT_QOS)
    if not cluster.account or partition.takes_qos(default):
        return _QosChoice()
    own = list(dict.fromkeys(name for each in mine for name in each.all_qos)) or list(cluster.qos)
    taken = tuple(name for name in partition.allowed_qos or own if partition.takes_qos(name) and name in own)
    if not taken:
        why = (
            f"{partition.name} does not take the QoS {default}, and none of yours that it takes is known: ask the site"
        )
        return _QosChoice(why=why)
    return _QosChoice(taken[0], taken, f"{partition.name} does not take the QoS {default}: {taken[0]} is asked for")


def _associations(cluster: Cluster, partition: Partition) -> list[Association]:
    account = _account(cluster, partition)
    return [each for each in cluster.associations
            if each.account == account and each.partition in ("", partition.name)]  # fmt: skip


def _limits(cluster: Cluster, partition: Partition, qos: _QosChoice) -> dict[str, int | None]:
    mine = _associations(cluster, partition)
    names = {partition.qos, *([qos.name] if qos.name else [each.qos or DEFAULT_QOS for each in mine])}
    rules = [cluster.qos.get(name, Qos()) for name in names]
    return {
        "max_time_min": _least([partition.max_time_min, *(rule.max_time_min for rule in rules)]),
        "max_array_size": cluster.max_array_size,
        "max_submit_jobs": _least([*(each.max_submit for each in mine), *(rule.max_submit for rule in rules)]),
        "max_parallel": _least([*(each.max_jobs for each in mine), *(rule.max_jobs for rule in rules)]),
    }


def _least(limits: Iterable[int | None]) -> int | None:
    return min((limit for limit in limits if limit), default=None)
