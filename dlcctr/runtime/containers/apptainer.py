"""Rows in a SIF, by Apptainer or Singularity."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from dlcctr.contract import CALLED_BY_HOST
from dlcctr.errors import ContractError, ToolMissingError
from dlcctr.image.labels import check_contract
from dlcctr.runtime.base import Command, Job, _without_options
from dlcctr.runtime.containers.binds import Bind, mount_words
from dlcctr.system import gpus, processes


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
        mps = gpus.mps_folders(os.environ) if job.gpu is not None else []
        for bind in [*job.binds, *(Bind(folder, folder, writable=True) for folder in mps)]:
            argv += bind_words(bind)
        inside = {"PYTHONUNBUFFERED": "1", CALLED_BY_HOST: "1", "SLURM_CPUS_PER_TASK": str(job.n_cpus)}
        if job.gpu is not None:
            inside |= {"CUDA_VISIBLE_DEVICES": job.gpu, **gpus.gpu_environment(os.environ)}
        env = _without_options(os.environ)
        for prefix in ("APPTAINERENV_", "SINGULARITYENV_"):
            env.update({f"{prefix}{name}": value for name, value in inside.items()})
        return Command([*argv, str(self.sif), *job.words], env)

    def clean(self, job: Job) -> None:
        """Nothing to remove: nothing outlives the command."""


def bind_words(bind: Bind) -> list[str]:
    """Option that shows a container a bind; --mount, which takes any name, is not in singularity before 3.10."""
    if set(",:") & set(f"{bind.source}{bind.target}"):
        return ["--mount", mount_words(bind, "destination")]
    return ["--bind", f"{bind.source}:{bind.target}:{'rw' if bind.writable else 'ro'}"]


def find_apptainer(sif: Path) -> Apptainer:
    """Apptainer or Singularity with a SIF that speaks our contract. Raises as `find_docker` does."""
    tool = processes.find_tool("apptainer", "singularity")
    if not sif.exists():
        raise ToolMissingError(f"{sif} does not exist", "make it with `make sif`, or name one with --image")
    found = processes.run([tool, "inspect", "--json", str(sif)], merge=False)
    try:
        labels = dict(json.loads(found.stdout)["data"]["attributes"]["labels"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ContractError(f"{sif}: its labels cannot be read", "make it again from a dlcctr image") from error
    check_contract(str(sif), labels)
    return Apptainer(tool, Path(os.path.realpath(sif)))
