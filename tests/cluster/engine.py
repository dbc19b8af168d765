"""The few calls of the Docker client that the cluster needs; each ends by itself or by its time limit."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.docker.apptainer import PRIVILEGES


def docker(*words: str, timeout_s: float = 60, stdin: str | None = None) -> str:
    """Standard output of one call; a failed one raises with what Docker said."""
    done = subprocess.run(
        ["docker", *words],
        text=True,
        errors="replace",
        capture_output=True,
        input=stdin or "",
        timeout=timeout_s,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"docker {' '.join(words[:3])} … ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout.strip()


@dataclass(frozen=True)
class Network:
    """A network that leads nowhere but to this machine; `prefix` is an address without its last number."""

    id: str
    prefix: str


def make_network(name: str, label: str) -> Network:
    """Make one with addresses that nobody uses: Docker gives containers fixed ones only where it was told a subnet."""
    for attempt in range(20):
        # the range that RFC 2544 sets aside for test benches
        prefix = f"198.{random.choice((18, 19))}.{random.randrange(256)}"
        options = ["--internal", "--label", label, "--subnet", f"{prefix}.0/28", "--gateway", f"{prefix}.1"]
        try:
            return Network(docker("network", "create", *options, name), prefix)
        except RuntimeError as error:
            if "overlap" not in str(error).lower() or attempt == 19:
                raise
    raise AssertionError("not reached")


@dataclass(frozen=True)
class ContainerOptions:
    """How a container of the cluster is started."""

    name: str
    hostname: str
    address: str
    network: Network
    label: str
    binds: tuple[str, ...]
    env: tuple[str, ...]
    hosts: tuple[str, ...]


def start_container(image: str, options: ContainerOptions, argv: Sequence[str]) -> str:
    """Start a container and return its id; what it does afterwards shows in `docker logs`."""
    words = ["run", "--detach", "--init", *PRIVILEGES]
    # slurmstepd reads /proc/PID/io of the user's processes, else it measures no memory and kills nothing
    words += ["--cap-add", "SYS_PTRACE"]
    # so that slurmd finds its own cgroup as the root, and touches no other
    words += ["--cgroupns", "private"]
    words += ["--name", options.name, "--hostname", options.hostname, "--label", options.label]
    words += ["--network", options.network.id, "--ip", options.address]
    for flag, values in (("--volume", options.binds), ("--env", options.env), ("--add-host", options.hosts)):
        for value in values:
            words += [flag, value]
    return docker(*words, image, *argv)


def remove(containers: Iterable[str], network: str | None) -> None:
    """Remove containers and a network by their ids; what is gone already is no error."""
    left = []
    for container in containers:
        left += _failed("rm", "--force", "--volumes", container)
    if network:
        left += _failed("network", "rm", network)
    if left:
        raise RuntimeError("the cluster was not removed as a whole: " + "; ".join(left))


def _failed(*words: str) -> list[str]:
    try:
        docker(*words)
    except RuntimeError as error:
        return [] if "no such" in str(error).lower() or "not found" in str(error).lower() else [str(error)]
    return []
