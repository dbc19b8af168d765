"""A Slurm cluster to try things on: ``python -m tests.cluster start [22.05] | shell [COMMAND…] | status | stop``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

from tests.cluster.cluster import Cluster
from tests.cluster.state import FOLDER, forget_state, read_state, write_state

_WELCOME = """\
A Slurm cluster is running: login node, node1 (two fake GPUs), node2 (one fake GPU), partitions gpu and short.

  log in           make cluster-shell
  or with ssh      ssh -i {key} -o UserKnownHostsFile={hosts} student@{address}
  shared folder    {scratch}   (the same path here and on all nodes)
  a first job      sbatch --gres=gpu:1 --array=0-3 --wrap 'hostname; echo GPU $CUDA_VISIBLE_DEVICES'
  and then         squeue; sacct; dlcctr --help
  stop it          make cluster-stop
"""


def start(words: Sequence[str]) -> int:
    running = read_state()
    if running is not None:
        print("a cluster is running already; stop it first: make cluster-stop", file=sys.stderr)
        return 2
    cluster = Cluster(FOLDER, words[0] if words else "current")
    try:
        cluster.start()
        write_state(cluster)
    except BaseException:
        cluster.stop()
        raise
    print(
        _WELCOME.format(
            key=cluster.ssh_key, hosts=cluster.known_hosts, address=cluster.address, scratch=cluster.scratch
        )
    )
    return 0


def stop(_: Sequence[str]) -> int:
    cluster = read_state()
    if cluster is None:
        print("no cluster is running", file=sys.stderr)
        return 0
    cluster.stop()
    forget_state()
    print(f"stopped; what the jobs wrote is still in {cluster.scratch}")
    return 0


def shell(words: Sequence[str]) -> int:
    cluster = _running()
    if words:
        done = cluster.run_as_user(words, timeout_s=3600)
        sys.stdout.write(done.stdout)
        sys.stderr.write(done.stderr)
        return done.returncode
    sys.stdout.flush()
    argv = cluster.user_command(["bash", "--login"], env={"TERM": os.environ.get("TERM", "dumb")})
    container = cluster.containers["login"]
    os.execvp("docker", ["docker", "exec", "-it", "--workdir", str(cluster.scratch), container, *argv])


def status(_: Sequence[str]) -> int:
    for command in (["sinfo"], ["squeue"]):
        print(_running().run_as_user(command).stdout)
    return 0


def _running() -> Cluster:
    cluster = read_state()
    if cluster is None:
        sys.exit("no cluster is running; start one: make cluster")
    return cluster


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {"start": start, "stop": stop, "shell": shell, "status": status}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        sys.exit(f"usage: python -m tests.cluster {'|'.join(COMMANDS)}")
    sys.exit(COMMANDS[sys.argv[1]](sys.argv[2:]))
