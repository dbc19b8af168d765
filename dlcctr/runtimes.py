"""How one row's command looks under Docker, Apptainer (or Singularity) and natively. argv lists, never shell lines."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from dlcctr.binds import Bind, mount_words
from dlcctr.contract import ENV_PREFIX
from dlcctr.errors import ContractError, ToolMissingError
from dlcctr.image.labels import check_contract
from dlcctr.system import processes

REMOVALS = 50
"""Times to ask the engine for a container's removal, five a second."""


@dataclass(frozen=True)
class Job:
    """One row, ready to start.

    Parameters
    ----------
    name : str
        Unique among all containers of this machine.
    options : tuple of str
        Options of `analyze` beside --manifest, --index and --scratch.
    gpu : str or None
        Index or UUID of its GPU; None for the CPU.
    cpus : frozenset of int or None
        CPUs to be pinned to; None where only their number is limited.
    """

    name: str
    index: int
    manifest: Path
    scratch: Path
    options: tuple[str, ...] = ()
    binds: tuple[Bind, ...] = ()
    gpu: str | None = None
    cpus: frozenset[int] | None = None
    n_cpus: int = 1

    @property
    def words(self) -> list[str]:
        """What follows the program's name in every runtime."""
        words = ["analyze", "--manifest", str(self.manifest), "--index", str(self.index)]
        return [*words, "--scratch", str(self.scratch), *self.options]


@dataclass(frozen=True)
class Command:
    """What to start: words and the whole environment."""

    argv: list[str]
    env: dict[str, str]


class Runtime(Protocol):
    """One way to run rows."""

    @property
    def name(self) -> str:
        """What --runtime calls it."""

    @property
    def subject(self) -> str:
        """Image, SIF or Python, for people to read."""

    @property
    def contained(self) -> bool:
        """Whether a row sees nothing but its binds."""

    def command(self, job: Job) -> Command:
        """What to start for a job."""

    def clean(self, job: Job) -> None:
        """Remove what may be left once the job's command has ended or was killed."""


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
        argv += ["--workdir", "/", "--env", "PYTHONUNBUFFERED=1"]
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
        """Remove the container if the client could not; wait where the engine is at it already."""
        for _ in range(REMOVALS):
            answer = processes.run(["docker", "rm", "--force", job.name], check=False)
            if answer.returncode == 0 or "in progress" not in answer.stdout:
                return
            time.sleep(0.2)


@dataclass(frozen=True)
class Apptainer:
    """`apptainer run` (or `singularity run`) of a SIF: clean environment, only the row's folders."""

    tool: str
    sif: Path
    name: str = "apptainer"
    contained: bool = True

    @property
    def subject(self) -> str:
        return f"{self.sif} with {self.tool}"

    def command(self, job: Job) -> Command:
        """`apptainer run`; --cleanenv removes every variable, so those that are needed are passed by name."""
        argv = [self.tool, "run", "--cleanenv", "--contain", "--no-home", "--pwd", "/"]
        if job.gpu is not None:
            argv.append("--nv")
        for bind in job.binds:
            argv += bind_words(bind)
        inside = {"PYTHONUNBUFFERED": "1", "SLURM_CPUS_PER_TASK": str(job.n_cpus)}
        if job.gpu is not None:
            inside["CUDA_VISIBLE_DEVICES"] = job.gpu
        env = _without_options(os.environ)
        for prefix in ("APPTAINERENV_", "SINGULARITYENV_"):
            env.update({f"{prefix}{name}": value for name, value in inside.items()})
        return Command([*argv, str(self.sif), *job.words], env)

    def clean(self, job: Job) -> None:
        """Nothing outlives the command."""


def bind_words(bind: Bind) -> list[str]:
    """Option that shows a container a bind; --mount, which takes any name, is not in singularity before 3.10."""
    if set(",:") & set(f"{bind.source}{bind.target}"):
        return ["--mount", mount_words(bind, "destination")]
    return ["--bind", f"{bind.source}:{bind.target}:{'rw' if bind.writable else 'ro'}"]


@dataclass(frozen=True)
class Native:
    """The native environment's Python, without a container."""

    python: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    name: str = "native"
    contained: bool = False

    @property
    def subject(self) -> str:
        return f"{self.python}"

    def command(self, job: Job) -> Command:
        """`python -I -m entrypoint`: isolated from PYTHONPATH and the user's own packages, as in the image."""
        env = _without_options(os.environ)
        env |= {"PYTHONUNBUFFERED": "1", "DLClight": "True", "SLURM_CPUS_PER_TASK": str(job.n_cpus)}
        env["CUDA_VISIBLE_DEVICES"] = job.gpu or ""
        return Command([str(self.python), "-I", "-m", "entrypoint", *job.words], env | dict(self.environment))

    def clean(self, job: Job) -> None:
        """Nothing outlives the command."""


def _without_options(environment: Mapping[str, str]) -> dict[str, str]:
    """Options of `analyze` set in the caller's environment must not reach some runtimes and not others."""
    prefixes = (ENV_PREFIX, f"APPTAINERENV_{ENV_PREFIX}", f"SINGULARITYENV_{ENV_PREFIX}")
    return {name: value for name, value in environment.items() if not name.startswith(prefixes)}


def find_docker(image: str) -> Docker:
    """Docker with an image that is on this machine and speaks our contract.

    Raises
    ------
    ToolMissingError
        There is no engine, or the image is not there; the hint says how to build it.
    ContractError
        The image was made for another contract.
    """
    processes.find_tool("docker")
    answer = processes.run(["docker", "info", "--format", "{{.ServerVersion}} {{.SecurityOptions}}"], check=False)
    if answer.returncode != 0:
        raise ToolMissingError(
            "docker is installed, but no engine answers", "start it (systemctl start docker) and let this user use it"
        )
    found = processes.run(["docker", "image", "inspect", "--format", "{{json .Config.Labels}}", image], check=False)
    if found.returncode != 0:
        raise ToolMissingError(f"image {image} is not on this machine", "build it (make image), pull it or load it")
    check_contract(f"image {image}", _labels(found.stdout))
    return Docker(image, rootless="name=rootless" in answer.stdout)


def find_apptainer(sif: Path) -> Apptainer:
    """Apptainer or Singularity with a SIF that speaks our contract. Raises as `find_docker` does."""
    tool = processes.find_tool("apptainer", "singularity")
    if not sif.exists():
        raise ToolMissingError(f"{sif} is not there", "make it with `make sif`, or name one with --image")
    found = processes.run([tool, "inspect", "--json", str(sif)], merge=False)
    try:
        labels = json.loads(found.stdout)["data"]["attributes"]["labels"]
    except (ValueError, KeyError, TypeError) as error:
        raise ContractError(f"{sif}: its labels cannot be read", "make it again from a dlcctr image") from error
    check_contract(str(sif), labels)
    return Apptainer(tool, Path(os.path.realpath(sif)))


def _labels(text: str) -> dict[str, Any]:
    try:
        return json.loads(text) or {}
    except ValueError:
        return {}
