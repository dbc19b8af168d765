"""What the daemons of the bench read: settings in, text out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ACCOUNT = "lab"
MEMORY_MB = 8000
CPUS = 4


@dataclass(frozen=True)
class Node:
    """A compute node and its fake GPUs: harmless device files that Slurm hands out as if they were some."""

    name: str
    devices: tuple[str, ...]


NODES = (Node("node1", ("/dev/zero", "/dev/full")), Node("node2", ("/dev/zero",)))


@dataclass(frozen=True)
class Settings:
    """What a test may want otherwise.

    Parameters
    ----------
    max_array_size : int
        Slurm's MaxArraySize: the largest array index plus one.
    accounting : bool
        Run slurmdbd, so that `sacct` answers.
    node_timeout_s : int
        A node that is silent for so long is down, and its jobs are NODE_FAIL.
    memory_cgroups : bool
        Jobs have memory cgroups and end as OUT_OF_MEMORY; needs cgroups of version 1 here. Else Slurm looks every
        second and kills, and the job is FAILED by signal 9: both are found on clusters. (22.05 without accounting
        does not look, and kills nothing.)
    extra : mapping
        More lines of slurm.conf, or other values for those here.
    """

    max_array_size: int = 1001
    accounting: bool = True
    node_timeout_s: int = 10
    memory_cgroups: bool = Path("/sys/fs/cgroup/memory").is_dir()
    extra: Mapping[str, str] = field(default_factory=dict)


def slurm_conf(settings: Settings, addresses: Mapping[str, str]) -> str:
    """Text of slurm.conf; `addresses` has one for ``login`` and for every node."""
    options = {
        "ClusterName": "bench",
        "SlurmctldHost": f"login({addresses['login']})",
        "SlurmUser": "slurm",
        "AuthType": "auth/munge",
        # a requeued job waits for so long; Slurm's own 120 s are long in a test
        "AuthInfo": "cred_expire=10",
        "StateSaveLocation": "/var/lib/slurm/slurmctld",
        "SlurmdSpoolDir": "/var/lib/slurm/slurmd",
        "SlurmctldPidFile": "/run/bench/slurmctld-own.pid",
        "SlurmdPidFile": "/run/bench/slurmd-own.pid",
        # no systemd and no cgroup of its own in a container
        "ProctrackType": "proctrack/linuxproc",
        "TaskPlugin": "task/cgroup" if settings.memory_cgroups else "task/none",
        "MpiDefault": "none",
        "PropagateResourceLimits": "NONE",
        "SelectType": "select/cons_tres",
        "SelectTypeParameters": "CR_Core_Memory",
        "DefMemPerCPU": "500",
        "GresTypes": "gpu",
        # more CPUs and memory than this machine may have
        "SlurmdParameters": "config_overrides",
        "MaxArraySize": str(settings.max_array_size),
        "JobRequeue": "1",
        "ReturnToService": "2",
        "OverTimeLimit": "0",
        "KillWait": "3",
        "MinJobAge": "300",
        "SlurmdTimeout": str(settings.node_timeout_s),
        "SlurmctldTimeout": "10",
        "SchedulerParameters": "sched_interval=2,bf_interval=3,batch_sched_delay=1",
        "JobAcctGatherType": "jobacct_gather/linux",
        "JobAcctGatherFrequency": "task=1",
        "AccountingStorageType": "accounting_storage/none",
    }
    if settings.accounting:
        options |= {
            "AccountingStorageType": "accounting_storage/slurmdbd",
            "AccountingStorageHost": "login",
            "AccountingStorageTRES": "gres/gpu",
            "AccountingStorageEnforce": "associations,limits,qos",
        }
    if not settings.memory_cgroups:
        options["JobAcctGatherParams"] = "OverMemoryKill"
    options |= settings.extra
    lines = [f"{name}={value}" for name, value in options.items()]
    for node in NODES:
        size = f"CPUs={CPUS} RealMemory={MEMORY_MB} Gres=gpu:{len(node.devices)}"
        lines.append(f"NodeName={node.name} NodeAddr={addresses[node.name]} {size} State=UNKNOWN")
    names = ",".join(node.name for node in NODES)
    lines.append(f"PartitionName=gpu Nodes={names} Default=YES DefaultTime=00:10:00 MaxTime=02:00:00 State=UP")
    lines.append(f"PartitionName=short Nodes={names} DefaultTime=00:05:00 MaxTime=00:10:00 State=UP")
    return "\n".join(lines) + "\n"


def gres_conf() -> str:
    """Text of gres.conf."""
    lines = [f"NodeName={node.name} Name=gpu File={device}" for node in NODES for device in node.devices]
    return "\n".join(lines) + "\n"


def cgroup_conf(settings: Settings, slurm: str) -> str:
    """Text of cgroup.conf; Slurm 22.05 cannot do without any cgroup plugin."""
    if settings.memory_cgroups:
        return "CgroupPlugin=cgroup/v1\nCgroupMountpoint=/sys/fs/cgroup\nConstrainRAMSpace=yes\n"
    return f"CgroupPlugin={'cgroup/v1' if slurm == '22.05' else 'disabled'}\n"


def slurmdbd_conf() -> str:
    """Text of slurmdbd.conf; the database is asked through its socket, so that there is no password."""
    options = {
        "AuthType": "auth/munge",
        "DbdHost": "login",
        "SlurmUser": "slurm",
        "PidFile": "/run/bench/slurmdbd-own.pid",
        "StorageType": "accounting_storage/mysql",
        "StorageHost": "localhost",
        "StorageUser": "slurm",
        "StorageLoc": "slurm_acct_db",
        "CommitDelay": "1",
    }
    return "".join(f"{name}={value}\n" for name, value in options.items())


def slurm_files(settings: Settings, slurm: str, addresses: Mapping[str, str]) -> dict[str, str]:
    """Texts of all files by their names."""
    return {
        "slurm.conf": slurm_conf(settings, addresses),
        "gres.conf": gres_conf(),
        "cgroup.conf": cgroup_conf(settings, slurm),
        "slurmdbd.conf": slurmdbd_conf(),
    }
