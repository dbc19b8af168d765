"""Divide one machine among the rows that run at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dlcctr.errors import UsageError


@dataclass(frozen=True)
class Slot:
    """Share of this machine for one running row."""

    gpu: str | None
    cpus: frozenset[int] | None
    n_cpus: int


def divide(jobs: int, gpus: Sequence[str], cpus: Sequence[int] | None, n_cpus: int) -> list[Slot]:
    """Divide the machine: one GPU for each running row, the CPUs in even parts, at least one each.

    Raises
    ------
    UsageError
        More rows at a time than GPUs.
    """
    if gpus and jobs > len(gpus):
        raise UsageError(
            f"--jobs {jobs} with {len(gpus)} GPU(s): each running row needs its own GPU",
            f"use --jobs {len(gpus)}, or name a GPU twice (--gpus 0,0) to let two rows share it",
        )
    slots = []
    for number in range(jobs):
        first, stop = number * n_cpus // jobs, (number + 1) * n_cpus // jobs
        stop = max(stop, first + 1)
        pinned = frozenset(cpus[first % len(cpus) : first % len(cpus) + stop - first]) if cpus else None
        slots.append(Slot(gpu=gpus[number] if gpus else None, cpus=pinned, n_cpus=stop - first))
    return slots
