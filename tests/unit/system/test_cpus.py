from __future__ import annotations

import os
from pathlib import Path

import pytest

from dlcctr.system.cpus import POOL_VARIABLES, WAIT_POLICY, cpu_count, thread_environment


@pytest.fixture(autouse=True)
def many_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_affinity_without_cgroups(tmp_path: Path) -> None:
    assert cpu_count(tmp_path) == 16


@pytest.mark.parametrize(("slurm", "cpus"), [("4", 4), ("32", 16), ("", 16), ("0", 16), ("x", 16)])
def test_slurm_counts_where_it_is_less(slurm: str, cpus: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", slurm)
    assert cpu_count(tmp_path) == cpus


@pytest.mark.parametrize(("quota", "cpus"), [("250000 100000", 3), ("max 100000", 16), ("1000 100000", 1), ("", 16)])
def test_cgroup_v2(quota: str, cpus: int, tmp_path: Path) -> None:
    write(tmp_path, "proc/self/cgroup", "0::/slurm/job1\n")
    write(tmp_path, "sys/fs/cgroup/slurm/job1/cpu.max", quota)
    assert cpu_count(tmp_path) == cpus


def test_a_quota_of_a_parent_group_holds(tmp_path: Path) -> None:
    write(tmp_path, "proc/self/cgroup", "0::/slurm/job1/step0\n")
    write(tmp_path, "sys/fs/cgroup/slurm/job1/step0/cpu.max", "max 100000")
    write(tmp_path, "sys/fs/cgroup/slurm/cpu.max", "500000 100000")
    assert cpu_count(tmp_path) == 5


@pytest.mark.parametrize("folder", ["cpu,cpuacct/docker/abc", "cpu,cpuacct", "cpu/docker/abc"])
def test_cgroup_v1_also_where_the_path_is_the_hosts(folder: str, tmp_path: Path) -> None:
    write(tmp_path, "proc/self/cgroup", "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n")
    write(tmp_path, f"sys/fs/cgroup/{folder}/cpu.cfs_quota_us", "200000\n")
    write(tmp_path, f"sys/fs/cgroup/{folder}/cpu.cfs_period_us", "100000\n")
    assert cpu_count(tmp_path) == 2


def test_cgroup_v1_without_a_quota(tmp_path: Path) -> None:
    write(tmp_path, "proc/self/cgroup", "4:cpu,cpuacct:/\n")
    write(tmp_path, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n")
    write(tmp_path, "sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n")
    assert cpu_count(tmp_path) == 16


def test_every_pool_is_told() -> None:
    told = thread_environment(3)
    del told[WAIT_POLICY]
    assert set(told) == set(POOL_VARIABLES)
    assert set(told.values()) == {"3"}
    for name in ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "NUMBA"):
        assert f"{name}_NUM_THREADS" in told
    assert thread_environment(0)["OMP_NUM_THREADS"] == "1"


def test_threads_that_wait_sleep_unless_the_user_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(WAIT_POLICY, raising=False)
    assert thread_environment(2)[WAIT_POLICY] == "PASSIVE"
    monkeypatch.setenv(WAIT_POLICY, "ACTIVE")
    assert thread_environment(2)[WAIT_POLICY] == "ACTIVE"
