"""The phase of every row, as `status` finds it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from dlcctr.contract import ExitCode
from dlcctr.slurm.site.prices import Cost
from dlcctr.slurm.status.causes import NODE_KINDS
from dlcctr.slurm.status.live_tasks import LiveTask
from dlcctr.slurm.status.pending import find_remedy, waits_for_release
from dlcctr.slurm.status.throughput import Throughput


class Phase(str, Enum):
    """Phase of a row in `status`."""

    DONE = "done"
    DEGRADED = "degraded"
    RUNNING = "running"
    PENDING = "pending"
    FAILED = "failed"
    QUARANTINED = "quarantined"
    UNREADABLE = "unreadable"
    BROKEN = "broken"
    LOST = "lost"
    UNSUBMITTED = "unsubmitted"


LIVE = (Phase.RUNNING, Phase.PENDING)


@dataclass(frozen=True)
class RowStatus:
    """One row.

    Parameters
    ----------
    cause : str
        Why it has no result, for people; empty for rows that are done, waiting or running.
    cause_kind : str
        Machine word for that, see `dlcctr.slurm.status.causes.Cause`.
    node : str
        Node on which the row's task runs or ended.
    job : str
        ``123_4``: the array task that it was handed to last; empty for none.
    task : int or None
        Number of that task in its plan.
    attempts : int
        Number of submissions with this row.
    reason : str
        Why it waits, in Slurm's word.
    code : int
        Exit code of the row or its task; 0 where there is none.
    cluster : str
        Cluster of the job, where Slurm has to be asked for it by name; with commas where it may be one of several.
    canary : int or None
        Canary that this row waits for, or whose failure stopped it.
    flags : tuple of str
        Kinds of what is suspicious about the tracking of a finished row.
    analysed : bool
        Its analysis is whole: what it waits for, or what failed, are the steps after it.
    """

    index: int
    video: str
    phase: Phase
    cause: str = ""
    cause_kind: str = ""
    node: str = ""
    job: str = ""
    task: int | None = None
    plan: str = ""
    attempts: int = 0
    reason: str = ""
    code: int = 0
    cluster: str = ""
    canary: int | None = None
    flags: tuple[str, ...] = ()
    analysed: bool = False

    @property
    def is_live(self) -> bool:
        """Whether it waits or runs."""
        return self.phase in LIVE

    @property
    def is_stuck(self) -> bool:
        """Whether it waits for something that will not happen by itself."""
        return self.phase is Phase.PENDING and bool(find_remedy(self.reason))

    @property
    def is_held(self) -> bool:
        """Whether it waits until somebody releases its job."""
        return self.phase is Phase.PENDING and waits_for_release(self.reason)

    @property
    def blames_node(self) -> bool:
        """Whether the node is the cause."""
        return self.cause_kind in NODE_KINDS


@dataclass(frozen=True)
class StatusResult:
    """Phases of all rows, sorted by index.

    Parameters
    ----------
    asked : dict
        ``squeue`` and ``sacct`` to whether they answered.
    notes : list of str
        Limitations of this answer, for people.
    silent : tuple of str
        Clusters whose squeue did not answer.
    tasks : list of LiveTask
        Array tasks that wait or run.
    cost : Cost
        Cost of the GPU-hours used so far, at the site's prices.
    """

    manifest: Path
    rows: list[RowStatus]
    pace: Throughput
    asked: dict[str, bool]
    notes: list[str] = field(default_factory=list)
    accept_degraded: bool = False
    silent: tuple[str, ...] = ()
    tasks: list[LiveTask] = field(default_factory=list)
    cost: Cost = field(default_factory=Cost)

    @property
    def totals(self) -> dict[str, int]:
        """Number of rows in each phase, all phases named."""
        counts = Counter(row.phase for row in self.rows)
        return {phase.value: counts[phase] for phase in Phase}

    @property
    def is_live(self) -> bool:
        """Whether anything runs, or waits for something that will happen by itself."""
        return any(row.is_live and not row.is_stuck for row in self.rows)

    @property
    def exit_code(self) -> ExitCode:
        """0 where all rows are done (or accepted), 75 where the others wait or run, 20 where one needs a person."""
        good = {Phase.DONE, Phase.DEGRADED} if self.accept_degraded else {Phase.DONE}
        others = [row for row in self.rows if row.phase not in good]
        if not others:
            return ExitCode.OK
        return ExitCode.TRY_AGAIN if all(row.is_live and not row.is_stuck for row in others) else ExitCode.UNFINISHED
