"""How many CPUs this process may use, and telling every thread pool about it."""

from __future__ import annotations

import os
from pathlib import Path

POOL_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMEXPR_MAX_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "OPENCV_FOR_THREADS_NUM",
    "OPENCV_FFMPEG_THREADS",
)
WAIT_POLICY = "OMP_WAIT_POLICY"
"""Whether threads of OpenMP sleep or spin while they wait for each other."""


def cpu_count(root: Path = Path("/")) -> int:
    """Number of CPUs that this process may use.

    The least of the affinity mask, the cgroup quota (v1 and v2, `docker run --cpus`) and Slurm's CPUs per task
    (which a site without CPU binding does not enforce).

    Parameters
    ----------
    root : Path
        Where ``proc`` and ``sys`` are mounted; only tests give another one.
    """
    limits = [_affinity(), *_cgroup_limits(root)]
    slurm = os.environ.get("SLURM_CPUS_PER_TASK", "")
    if slurm.isdecimal() and int(slurm) > 0:
        limits.append(int(slurm))
    return max(1, min(limits))


def thread_environment(n: int) -> dict[str, str]:
    """Environment that keeps every thread pool of the two engines and of the decoders to `n` threads.

    They sleep while they wait for each other, unless the user says otherwise: threads that spin, as GNU's OpenMP has
    them, take a machine that others use as well half of its time, and twice to four times as long.
    """
    wait = os.environ.get(WAIT_POLICY) or "PASSIVE"
    return {**dict.fromkeys(POOL_VARIABLES, str(max(1, n))), WAIT_POLICY: wait}


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cgroup_limits(root: Path) -> list[int]:
    limits = []
    for folder in _cgroup_folders(root):
        quota = _quota_v2(folder / "cpu.max") or _quota_v1(folder)
        if quota is not None:
            limits.append(quota)
    return limits


def _cgroup_folders(root: Path) -> list[Path]:
    """Folders from this process's own cgroup up to the mount; a quota of any of them holds."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    folders = []
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            mounts = [root / "sys/fs/cgroup", root / "sys/fs/cgroup/unified"]
        elif "cpu" in controllers.split(","):
            mounts = [root / "sys/fs/cgroup" / controllers, root / "sys/fs/cgroup/cpu"]
        else:
            continue
        for mount in mounts:
            own = mount / path.lstrip("/")
            # In a container the path may be the host's and not be mounted: the mount itself is then our group.
            folders += [f for f in (own, *own.parents) if f == mount or mount in f.parents]
    return list(dict.fromkeys(folders))


def _quota_v2(file: Path) -> int | None:
    words = _words(file)
    if len(words) != 2 or not all(word.isdecimal() for word in words):
        return None
    return _cpus(int(words[0]), int(words[1]))


def _quota_v1(folder: Path) -> int | None:
    quota, period = _words(folder / "cpu.cfs_quota_us"), _words(folder / "cpu.cfs_period_us")
    if len(quota) != 1 or len(period) != 1 or not quota[0].isdecimal() or not period[0].isdecimal():
        return None
    return _cpus(int(quota[0]), int(period[0]))


def _words(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").split()
    except OSError:
        return []


def _cpus(quota: int, period: int) -> int | None:
    if quota <= 0 or period <= 0:
        return None
    return max(1, -(-quota // period))


def cpu_list(root: Path = Path("/")) -> tuple[list[int] | None, int]:
    """CPUs of this process, and how many of them it may use (`cpu_count`).

    The list is None where it is longer than that number (a cgroup quota, Slurm without CPU binding): which CPUs are
    ours is then not known, so that nothing is pinned.

    Parameters
    ----------
    root : Path
        As for `cpu_count`.
    """
    count = cpu_count(root)
    if not hasattr(os, "sched_setaffinity"):
        return None, count
    cpus = sorted(os.sched_getaffinity(0))
    return (cpus if count == len(cpus) else None), count
