"""One row of a run on this machine: the task, its slot, its outcome, and the view that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dlcctr.runtime.containers.binds import Bind
from dlcctr.runtime.rows.slots import Slot

LOG_HEAD = "### "
"""Begins the line that each attempt at a row writes into its log first."""


@dataclass(frozen=True)
class RowRun:
    """One row to run.

    Parameters
    ----------
    binds : tuple of Bind
        What it needs beside its scratch.
    frames : int or None
        What the manifest says of its video, for a forecast.
    """

    index: int
    video: str
    manifest: Path
    log: Path
    binds: tuple[Bind, ...] = ()
    options: tuple[str, ...] = ()
    frames: int | None = None


@dataclass(frozen=True)
class Started:
    """A row that runs: where, since when (monotonic seconds), and its scratch folder."""

    task: RowRun
    slot: Slot
    scratch: Path
    began: float


@dataclass(frozen=True)
class Outcome:
    """Outcome of a row; `code` is 75 for one that was stopped or never started."""

    index: int
    video: str
    code: int
    duration_s: float = 0.0
    cause: str = ""
    log: Path | None = None
    was_finished: bool = False


class View(Protocol):
    """Shows what happens."""

    def started(self, task: RowRun, slot: Slot) -> None:
        """A row was started."""

    def ended(self, outcome: Outcome) -> None:
        """A row came to its end."""

    def running(self, rows: Sequence[Started], waiting: Sequence[RowRun]) -> None:
        """Rows that run, and those that wait for them; called often."""

    def stopping(self) -> None:
        """A signal came; the running rows are being stopped."""
