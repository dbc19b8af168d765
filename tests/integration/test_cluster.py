"""The Slurm bench is what its tests take it for: a cluster whose jobs end in every way that jobs end elsewhere."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.cluster.cluster import Cluster
from tests.cluster.config import Settings
from tests.cluster.containers import HERE
from tests.cluster.record import HUNGRY

pytestmark = pytest.mark.real

LONG = "sleep 600"


def sacct(cluster: Cluster, job: str, *options: str) -> list[list[str]]:
    """Fields State, ExitCode, NodeList, Restarts of a job's records."""
    argv = ["sacct", "--noheader", "--parsable2", "--jobs", job, *options, "--format=State,ExitCode,NodeList,Restarts"]
    return [line.split("|") for line in cluster.run_as_user(argv).stdout.splitlines()]


def queue(cluster: Cluster, job: str) -> list[str]:
    """State, reason and node of a job that has not ended."""
    done = cluster.run_as_user(["squeue", "--noheader", "--jobs", job, "--format=%T|%r|%N"])
    return done.stdout.strip().split("|")


def docker(*words: str) -> list[str]:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.fixture(scope="module")
def ends(cluster: Cluster) -> dict[str, str]:
    """Jobs, by how they will end: submitted together, because Slurm takes its time to see some of it."""
    return {
        "fine": cluster.sbatch("true"),
        "exit": cluster.sbatch("exit 7"),
        "timeout": cluster.sbatch(LONG, "--time=1", "--nodelist=node1"),
        "memory": cluster.sbatch(f"exec {HUNGRY}", "--mem=100M", "--nodelist=node1"),
        "memory of a step": cluster.sbatch(f"srun {HUNGRY}", "--mem=100M", "--nodelist=node1"),
    }


def test_array_runs_on_both_nodes_each_task_with_a_gpu_of_its_own(cluster: Cluster) -> None:
    job = cluster.sbatch(
        'echo $(hostname) $CUDA_VISIBLE_DEVICES $(id -un) > "gpu-$SLURM_ARRAY_TASK_ID"; sleep 3',
        *("--array=0-2", "--gres=gpu:1"),
    )
    tasks = [f"{job}_{index}" for index in range(3)]
    assert {cluster.wait_for_end(task) for task in tasks} == {"COMPLETED"}
    said = sorted((cluster.scratch / f"gpu-{index}").read_text().strip() for index in range(3))
    assert said == ["node1 0 student", "node1 1 student", "node2 0 student"]


def test_apptainer_runs_in_a_job_on_every_node(cluster: Cluster, small_sif: Path) -> None:
    for node in ("node1", "node2"):
        job = cluster.sbatch(
            f"singularity --quiet run --nv {small_sif} on {node}", f"--nodelist={node}", "--gres=gpu:1"
        )
        cluster.wait_for_end(job)
        log = (cluster.scratch / f"slurm-{job}.out").read_text()
        assert f"on|{node}|" in log, log


def test_sacct_tells_exit_codes_apart(cluster: Cluster, ends: dict[str, str]) -> None:
    assert [cluster.wait_for_end(ends[end]) for end in ("fine", "exit")] == ["COMPLETED", "FAILED"]
    assert sacct(cluster, ends["fine"], "-X") == [["COMPLETED", "0:0", "node1", "0"]]
    assert sacct(cluster, ends["exit"], "-X") == [["FAILED", "7:0", "node1", "0"]]


def test_memory_overuse_is_seen(cluster: Cluster, ends: dict[str, str]) -> None:
    for end in ("memory", "memory of a step"):
        cluster.wait_for_end(ends[end])
    log = (cluster.scratch / f"slurm-{ends['memory']}.out").read_text()
    job, step = sacct(cluster, ends["memory"], "-X")[0], sacct(cluster, ends["memory of a step"])[-1]
    if cluster.settings.memory_cgroups:
        assert job[:2] == step[:2] == ["OUT_OF_MEMORY", "0:125"]
        assert "oom_kill" in log
    else:
        assert job[:2] == ["FAILED", "0:9"]
        assert step[:2] == ["CANCELLED by 0", "0:9"]
        assert "exceeded memory limit" in log
    # with srun the batch script goes on, and its own exit code is all that the job shows
    assert sacct(cluster, ends["memory of a step"], "-X")[0][0] == "FAILED"


def test_requeued_job_runs_again(cluster: Cluster) -> None:
    job = cluster.sbatch(f'echo "$SLURM_RESTART_COUNT" >> restarts; [ "$SLURM_RESTART_COUNT" = 1 ] || {LONG}')
    cluster.wait_for(lambda: queue(cluster, job)[0] == "RUNNING", 30, "a start")
    cluster.run_as_user(["scontrol", "requeue", job])
    cluster.wait_for(lambda: queue(cluster, job)[:2] == ["PENDING", "BeginTime"], 30, "a requeued job")
    # sacct leaves out what becomes eligible later only, so for these seconds it may know the first run or nothing
    assert cluster.states().get(job, "PENDING") in ("PENDING", "RUNNING", "REQUEUED")
    cluster.wait_for_end(job)
    assert sacct(cluster, job, "-X")[0][::3] == ["COMPLETED", "1"]
    assert [record[0] for record in sacct(cluster, job, "-X", "--duplicates")] == ["REQUEUED", "COMPLETED"]


def test_lost_node_fails_its_jobs_and_comes_back(cluster: Cluster) -> None:
    lost = cluster.sbatch(LONG, "--no-requeue", "--nodelist=node2")
    again = cluster.sbatch(f'[ "$SLURM_RESTART_COUNT" = 1 ] || {LONG}', "--nodelist=node2")
    cluster.wait_for(lambda: queue(cluster, lost)[0] == queue(cluster, again)[0] == "RUNNING", 30, "a start")
    cluster.kill_node("node2")
    cluster.wait_for_end(lost)
    assert sacct(cluster, lost, "-X") == [["NODE_FAIL", "1:0", "node2", "0"]]
    assert queue(cluster, again)[0] == "PENDING"
    cluster.start_node("node2")
    cluster.wait_for_end(again)
    assert sacct(cluster, again, "-X") == [["COMPLETED", "0:0", "node2", "1"]]
    assert sacct(cluster, again, "-X", "--duplicates")[0][0] == "NODE_FAIL"


def test_accounting_and_controller_come_back(cluster: Cluster) -> None:
    job = cluster.sbatch("sleep 8")
    cluster.stop_accounting()
    assert cluster.run_as_user(["sacct"]).returncode != 0
    assert cluster.run_as_user(["squeue"]).returncode == 0
    cluster.restart_controller()
    cluster.start_accounting()
    assert cluster.wait_for_end(job) == "COMPLETED"


def test_ssh_leads_to_the_login_node(cluster: Cluster) -> None:
    done = cluster.run_as_user(["ssh", "-o", "BatchMode=yes", "login", "hostname; id -un; squeue -h >&2"], host="node1")
    assert done.stdout.split() == ["login", "student"], done.stderr


def test_this_checkouts_dlcctr_is_there(cluster: Cluster) -> None:
    done = cluster.dlcctr(["version", "--json"])
    assert done.returncode == 0, done.stderr


def test_commands_end_in_time(cluster: Cluster) -> None:
    assert cluster.run_as_user(["sleep", "60"], timeout_s=1).returncode == 124
    assert cluster.run_as_root(["pgrep", "-x", "sleep"], check=False).stdout == ""


def test_time_limit_ends_a_job(cluster: Cluster, ends: dict[str, str]) -> None:
    # last, because Slurm looks at limits every half minute and the shortest one is a minute
    cluster.wait_for_end(ends["timeout"], timeout_s=150)
    assert sacct(cluster, ends["timeout"], "-X") == [["TIMEOUT", "0:0", "node1", "0"]]
    assert "DUE TO TIME LIMIT" in (cluster.scratch / f"slurm-{ends['timeout']}.out").read_text()


@pytest.mark.parametrize("slurm", ["current", pytest.param("22.05", marks=pytest.mark.full)])
def test_cluster_without_accounting_forms_and_leaves_nothing_behind(
    slurm: str, small_sif: Path, tmp_path: Path
) -> None:
    subprocess.run(["sh", str(HERE / "build.sh"), slurm], check=True)
    settings = Settings(accounting=False, max_array_size=6, memory_cgroups=False)
    with Cluster(tmp_path, slurm, settings) as cluster:
        label = f"label=dlcctr-cluster={cluster.name}"
        assert len(docker("ps", "--quiet", "--filter", label)) == 3
        assert len(docker("network", "ls", "--quiet", "--filter", label)) == 1
        assert not docker("ps", "--filter", label, "--format", "{{.Ports}}")
        assert cluster.run_as_user(["sacct"]).stdout == ""
        with pytest.raises(RuntimeError, match="Invalid job array specification"):
            cluster.sbatch("true", "--array=6")
        (cluster.scratch / "small.sif").write_bytes(small_sif.read_bytes())
        job = cluster.sbatch(
            "singularity --quiet run --nv small.sif $CUDA_VISIBLE_DEVICES", "--array=5", "--gres=gpu:2"
        )
        assert cluster.wait_for_end(f"{job}_5") == "COMPLETED"
        assert "0,1|" in (cluster.scratch / f"slurm-{job}_5.out").read_text()
    assert not docker("ps", "--all", "--quiet", "--filter", label)
    assert not docker("network", "ls", "--quiet", "--filter", label)
