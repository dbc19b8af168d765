"""Commands of the image under Docker, Apptainer (or Singularity) and natively, as argv lists, never shell lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dlcctr.contract import ENV_PREFIX
from dlcctr.runtime.containers.binds import Bind


class Job(Protocol):
    """A command of the image, with what it sees and may use."""

    @property
    def name(self) -> str:
        """Name of its container, unique on this machine."""

    @property
    def words(self) -> list[str]:
        """What follows the program's name in every runtime."""

    @property
    def binds(self) -> tuple[Bind, ...]:
        """What a container sees."""

    @property
    def gpu(self) -> str | None:
        """Index or UUID of its GPU; None for the CPU."""

    @property
    def cpus(self) -> frozenset[int] | None:
        """CPUs to be pinned to; None where only their number is limited."""

    @property
    def n_cpus(self) -> int:
        """Number of its CPUs."""


@dataclass(frozen=True)
class RowJob:
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
    """What to start: arguments and the whole environment."""

    argv: list[str]
    env: dict[str, str]


class Runtime(Protocol):
    """One way to run the image's commands."""

    @property
    def name(self) -> str:
        """Name in --runtime."""

    @property
    def subject(self) -> str:
        """Image, SIF or Python, for people."""

    @property
    def contained(self) -> bool:
        """Whether a command sees nothing but its binds."""

    def command(self, job: Job) -> Command:
        """Command that runs a job."""

    def clean(self, job: Job) -> None:
        """Remove what may be left after the job's command has ended or was killed."""


def _without_options(environment: Mapping[str, str]) -> dict[str, str]:
    """Options of `analyze` set in the caller's environment must not reach some runtimes and not others."""
    prefixes = (ENV_PREFIX, f"APPTAINERENV_{ENV_PREFIX}", f"SINGULARITYENV_{ENV_PREFIX}")
    return {name: value for name, value in environment.items() if not name.startswith(prefixes)}
