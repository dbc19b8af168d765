"""Rows in a Python environment without a container."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dlcctr.contract import CALLED_BY_HOST
from dlcctr.runtime.base import Command, Job, _without_options


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
        env[CALLED_BY_HOST] = "1"
        env["CUDA_VISIBLE_DEVICES"] = job.gpu or ""
        return Command([str(self.python), "-I", "-m", "entrypoint", *job.words], env | dict(self.environment))

    def clean(self, job: Job) -> None:
        """Nothing to remove: nothing outlives the command."""
