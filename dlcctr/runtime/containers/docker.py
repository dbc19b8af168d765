"""Rows in Docker containers."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from dlcctr.contract import CALLED_BY_HOST
from dlcctr.errors import ToolMissingError
from dlcctr.image.labels import check_contract, docker_labels
from dlcctr.runtime.base import Command, Job
from dlcctr.runtime.containers.binds import mount_words
from dlcctr.system import processes

REMOVALS = 50
"""Times to ask the engine for a container's removal, five a second."""


@dataclass(frozen=True)
class Docker:
    """`docker run` of an image: caller's user, read-only root, no network."""

    image: str
    rootless: bool = False
    name: str = "docker"
    contained: bool = True

    @property
    def subject(self) -> str:
        return f"image {self.image}"

    def command(self, job: Job) -> Command:
        """`docker run` in the foreground: its exit code is the row's, and it passes SIGTERM on."""
        argv = ["docker", "run", "--rm", "--name", job.name, "--pull", "never", "--read-only", "--network", "none"]
        argv += [*self._user(), "--security-opt", "no-new-privileges"]
        argv += ["--workdir", "/", "--env", "PYTHONUNBUFFERED=1", "--env", f"{CALLED_BY_HOST}=1"]
        if job.cpus:
            argv += ["--cpuset-cpus", ",".join(map(str, sorted(job.cpus)))]
        else:
            argv += ["--cpus", str(job.n_cpus)]
        if job.gpu is not None:
            argv += ["--gpus", f"device={job.gpu}"]
        if not any(bind.target == Path("/tmp") for bind in job.binds):
            argv += ["--tmpfs", "/tmp:mode=1777"]
        for bind in job.binds:
            argv += ["--mount", mount_words(bind, "target")]
        return Command([*argv, self.image, *job.words], dict(os.environ))

    def _user(self) -> list[str]:
        if self.rootless:  # root in there is this user out here
            return ["--user", "0:0"]
        groups = [word for group in sorted(set(os.getgroups()) - {os.getgid()}) for word in ("--group-add", str(group))]
        return ["--user", f"{os.getuid()}:{os.getgid()}", *groups]

    def clean(self, job: Job) -> None:
        """Remove the container if the client could not; wait if the engine is already removing it."""
        for _ in range(REMOVALS):
            answer = processes.run(["docker", "rm", "--force", job.name], check=False)
            if answer.returncode == 0 or "in progress" not in answer.stdout:
                return
            time.sleep(0.2)


def find_docker(image: str) -> Docker:
    """Docker with a local image that has our contract.

    Raises
    ------
    ToolMissingError
        There is no engine or no such image; the hint says how to build it.
    ContractError
        The image was made for another contract.
    """
    processes.find_tool("docker")
    answer = processes.run(["docker", "info", "--format", "{{.ServerVersion}} {{.SecurityOptions}}"], check=False)
    if answer.returncode != 0:
        raise ToolMissingError(
            "docker is installed, but its engine does not answer",
            "start it (systemctl start docker) and give this user access to it",
        )
    check_contract(f"image {image}", docker_labels(image))
    return Docker(image, rootless="name=rootless" in answer.stdout)
