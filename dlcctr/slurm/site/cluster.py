"""Facts about a cluster, from the output of sinfo, scontrol and sacctmgr."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import zip_longest

from dlcctr.system.values.numbers import short_numbers

SINFO_FORMAT = "%P|%a|%l|%D|%c|%m|%G|%f"
ASSOCIATION_FIELDS = "Account,Partition,MaxJobs,MaxSubmit,DefaultQOS,QOS"
QOS_FIELDS = "Name,MaxWall,MaxJobsPU,MaxSubmitPU"
_NO_LIMIT = ("", "infinite", "unlimited", "n/a", "none", "not_set", "invalid", "partition_limit")


@dataclass(frozen=True)
class Nodes:
    """Nodes of one kind in a partition.

    Parameters
    ----------
    cpus, memory_mb, gpus : int
        CPUs, memory in MB and GPUs of one node; of the smallest where sinfo put different ones together.
    gpu_types : tuple of str
        GPU types as gres spells them; empty where the site gives GPUs no type.
    """

    count: int
    cpus: int
    memory_mb: int
    gpus: int = 0
    gpu_types: tuple[str, ...] = ()


@dataclass(frozen=True)
class Partition:
    """A partition.

    Parameters
    ----------
    max_time_min : int or None
        None without a limit.
    whole_nodes : bool
        Whether each job gets whole nodes (OverSubscribe=EXCLUSIVE).
    accounts, groups : tuple of str or None
        Accounts and groups that may use the partition; None for all.
    qos : str
        QoS of the partition, whose limits hold for every job in it.
    allowed_qos, denied_qos : tuple of str or None
        QoS that jobs in the partition may ask for, None for all, and those that they may not.
    preemptible : bool
        Whether its jobs may be preempted.
    """

    name: str
    nodes: tuple[Nodes, ...] = ()
    default: bool = False
    up: bool = True
    max_time_min: int | None = None
    whole_nodes: bool = False
    accounts: tuple[str, ...] | None = None
    denied_accounts: tuple[str, ...] = ()
    groups: tuple[str, ...] | None = None
    qos: str = ""
    allowed_qos: tuple[str, ...] | None = None
    denied_qos: tuple[str, ...] = ()
    preemptible: bool = False

    @property
    def gpu_nodes(self) -> tuple[Nodes, ...]:
        """Its nodes that have GPUs."""
        return tuple(nodes for nodes in self.nodes if nodes.gpus)

    def takes_qos(self, name: str) -> bool:
        """Whether its jobs may ask for a QoS."""
        return (self.allowed_qos is None or name in self.allowed_qos) and name not in self.denied_qos

    @property
    def gpus(self) -> int:
        """GPUs of all its nodes."""
        return sum(nodes.count * nodes.gpus for nodes in self.nodes)

    @property
    def gpu_types(self) -> tuple[str, ...]:
        """Types of its GPUs, each once; empty if one of its kinds of nodes gives no type."""
        if not all(nodes.gpu_types for nodes in self.gpu_nodes):
            return ()
        return tuple(dict.fromkeys(kind for nodes in self.gpu_nodes for kind in nodes.gpu_types))


@dataclass(frozen=True)
class Association:
    """One user's association with one account.

    Parameters
    ----------
    partition : str
        Empty where it holds for all.
    qos : str
        QoS of jobs that ask for none; empty for Slurm's own default.
    all_qos : tuple of str
        QoS that jobs may ask for; empty where accounting does not say.
    """

    account: str
    partition: str = ""
    max_jobs: int | None = None
    max_submit: int | None = None
    qos: str = ""
    all_qos: tuple[str, ...] = ()


@dataclass(frozen=True)
class Qos:
    """Limits of a QoS for each user."""

    max_time_min: int | None = None
    max_jobs: int | None = None
    max_submit: int | None = None


@dataclass(frozen=True)
class Cluster:
    """All facts that a cluster reported.

    Parameters
    ----------
    account : str
        The user's default account; empty where there is no accounting.
    groups : tuple of str
        The user's groups on this machine.
    tool : str
        ``apptainer`` or ``singularity`` where it is on PATH; else empty.
    silent : tuple of str
        Commands that did not answer, and what is therefore not known.
    """

    partitions: tuple[Partition, ...]
    name: str = ""
    max_array_size: int | None = None
    account: str = ""
    associations: tuple[Association, ...] = ()
    qos: dict[str, Qos] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    tool: str = ""
    silent: tuple[str, ...] = ()


def minutes(text: str) -> int | None:
    """Whole minutes of a Slurm time (``30:00``, ``1-12``, ``2-00:00:00``, ``90``); None without a limit."""
    text = text.strip()
    if text.lower() in _NO_LIMIT:
        return None
    match = re.fullmatch(r"(?:([0-9]+)-)?([0-9]+)(?::([0-9]+))?(?::([0-9]+))?", text)
    if not match:
        return None
    days, *words = match.groups()
    numbers = [int(word) for word in words if word is not None]
    if days is not None:  # days-hours[:minutes[:seconds]]
        return int(days) * 1440 + numbers[0] * 60 + (numbers[1] if len(numbers) > 1 else 0)
    return numbers[0] * 60 + numbers[1] if len(numbers) == 3 else numbers[0]


def parse_gres(text: str) -> tuple[int, tuple[str, ...]]:
    """GPUs of a node and their types from ``gpu:a100:4(S:0-1),nvme:1``."""
    count, types = 0, []
    for item in re.sub(r"\([^)]*\)", "", text).split(","):
        words = item.strip().split(":")
        if words[0] != "gpu":
            continue
        numeric = len(words) > 1 and re.fullmatch(r"[0-9]+", words[-1])
        count += int(words[-1]) if numeric else 1
        types += words[1:2] if len(words) - bool(numeric) > 1 else []
    return count, tuple(dict.fromkeys(types))


def parse_sinfo(text: str) -> tuple[Partition, ...]:
    """Partitions in the output of ``sinfo --noheader --format`` with `SINFO_FORMAT`, in its order."""
    found: dict[str, Partition] = {}
    for line in short_numbers(text).splitlines():
        cells = [cell.strip() for cell in line.split("|", 7)]
        if len(cells) < 7 or not cells[0]:
            continue
        name = cells[0].removesuffix("*")
        gpus, types = parse_gres(cells[6])
        nodes = Nodes(_number(cells[3]) or 0, _number(cells[4]) or 0, _number(cells[5]) or 0, gpus, types)
        known = found.get(name) or Partition(
            name, default=cells[0].endswith("*"), up=cells[1] == "up", max_time_min=minutes(cells[2])
        )
        found[name] = replace(known, nodes=(*known.nodes, nodes))
    return tuple(found.values())


def _number(text: str) -> int | None:
    """Leading whole number: sinfo writes 16+ for nodes of which the smallest has 16."""
    match = re.match(r"[0-9]+", text.strip())
    return int(match[0]) if match else None


def parse_config(text: str) -> dict[str, str]:
    """Settings in the output of ``scontrol show config``."""
    pairs = (line.partition("=") for line in short_numbers(text).splitlines() if "=" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}


def add_partition_settings(partitions: Iterable[Partition], text: str, *, select: str = "") -> tuple[Partition, ...]:
    """Add what only ``scontrol show partition --oneliner`` says, such as who may use a partition.

    Parameters
    ----------
    select : str
        The cluster's SelectType; with ``select/linear`` every partition gives nodes whole.
    """
    linear = select == "select/linear"
    partitions = [replace(each, whole_nodes=each.whole_nodes or linear) for each in partitions]
    said = {}
    for line in short_numbers(text).splitlines():
        words = dict(re.findall(r"(?:^|\s)(\w+)=(\S*)", line))
        said[words.get("PartitionName", "")] = words
    return tuple(_with_settings(each, said[each.name]) if each.name in said else each for each in partitions)


def _with_settings(partition: Partition, words: dict[str, str]) -> Partition:
    limit = minutes(words.get("MaxTime", ""))
    return replace(
        partition,
        max_time_min=partition.max_time_min if limit is None else limit,
        up=partition.up and words.get("State", "UP") == "UP",
        whole_nodes=partition.whole_nodes
        or words.get("OverSubscribe", "").startswith("EXCLUSIVE")
        or words.get("Exclusive") == "NODE",  # the spelling of Slurm 26.05
        accounts=_names(words.get("AllowAccounts", "ALL")),
        denied_accounts=_names(words.get("DenyAccounts", "ALL")) or (),
        groups=_names(words.get("AllowGroups", "ALL")),
        qos="" if words.get("QoS", "N/A") == "N/A" else words["QoS"],
        allowed_qos=_names(words.get("AllowQos", "ALL")),
        denied_qos=_names(words.get("DenyQos", "ALL")) or (),
        preemptible=words.get("PreemptMode", "OFF").split(",")[0] in ("REQUEUE", "CANCEL", "SUSPEND"),
    )


def _names(text: str) -> tuple[str, ...] | None:
    return None if text.upper() in ("ALL", "") else tuple(text.split(","))


def parse_associations(text: str, fields: str = ASSOCIATION_FIELDS) -> tuple[Association, ...]:
    """Associations in the output of ``sacctmgr --noheader --parsable2 show associations format=<fields>``."""
    return tuple(
        Association(
            account=row["Account"],
            partition=row.get("Partition", ""),
            max_jobs=_number(row.get("MaxJobs", "")),
            max_submit=_number(row.get("MaxSubmit", "")),
            qos=row.get("DefaultQOS", ""),
            all_qos=tuple(name for name in row.get("QOS", "").split(",") if name),
        )
        for row in _rows(text, fields)
        if row["Account"]
    )


def parse_qos(text: str, fields: str = QOS_FIELDS) -> dict[str, Qos]:
    """QoS by name in the output of ``sacctmgr --noheader --parsable2 show qos format=<fields>``."""
    return {
        row["Name"]: Qos(minutes(row["MaxWall"]), _number(row["MaxJobsPU"]), _number(row["MaxSubmitPU"]))
        for row in _rows(text, fields)
        if row["Name"]
    }


def _rows(text: str, fields: str) -> list[dict[str, str]]:
    """Rows by column; columns at the end that an older sacctmgr does not print are empty."""
    names = fields.split(",")
    cells = (line.split("|") for line in short_numbers(text).splitlines() if "|" in line)
    return [dict(zip_longest(names, row, fillvalue="")) for row in cells if len(row) <= len(names)]
