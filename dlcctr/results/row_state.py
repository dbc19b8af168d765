"""The state of every row, as `check` finds it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from dlcctr.campaign.config import Campaign
from dlcctr.campaign.rows import Row
from dlcctr.contract import ExitCode
from dlcctr.results.receipt import Receipt, array_index, epoch, job_id, restart_count
from dlcctr.results.steps.receipt import StepReceipt
from dlcctr.results.steps.standing import StepStanding
from dlcctr.system.terminal.console import row_ranges


class State(str, Enum):
    """State of a row in `check`."""

    WHOLE = "whole"
    DEGRADED = "degraded"
    FAILED = "failed"
    QUARANTINED = "quarantined"
    UNFINISHED = "unfinished"
    BROKEN = "broken"
    UNREADABLE = "unreadable"


class Hindrance(str, Enum):
    """Why it does not help to analyse a broken row again; what there is to do instead depends on it."""

    NONE = ""
    VIDEO = "video"
    MODEL = "model"
    FOLDER = "folder"
    FOREIGN = "foreign"


@dataclass(frozen=True)
class Attempt:
    """Who made a receipt, and when; the little of it that is worth keeping of ten thousand.

    Parameters
    ----------
    exit_code : int
        Exit code; 0 if it gave a result.
    host : str
        Machine, or Slurm's name of the node.
    job_id : str
        Job id of the array, else of the job; empty without a scheduler.
    task : int or None
        Array index.
    frames : int or None
        Frames in the stream.
    total_s : float or None
        Time from start to end, in seconds.
    started, finished : float or None
        Seconds since 1970.
    on_gpu : bool
        Whether a GPU did the work.
    cluster : str
        Slurm's name of its cluster; empty where not known.
    restarts : int
        How often Slurm had started its task again by then.
    """

    exit_code: int
    host: str = ""
    job_id: str = ""
    task: int | None = None
    frames: int | None = None
    total_s: float | None = None
    started: float | None = None
    finished: float | None = None
    on_gpu: bool = False
    cluster: str = ""
    restarts: int = 0

    @classmethod
    def of(cls, receipt: Receipt) -> Attempt:
        """Take the facts from a receipt."""
        return cls(
            exit_code=receipt.exit_code,
            host=receipt.host,
            job_id=receipt.job_id,
            task=receipt.array_index,
            frames=receipt.frames.stream if receipt.frames else None,
            total_s=receipt.timings_s.get("total"),
            started=epoch(receipt.started),
            finished=epoch(receipt.finished),
            on_gpu=receipt.device.on_gpu,
            cluster=receipt.scheduler.get("SLURM_CLUSTER_NAME", ""),
            restarts=restart_count(receipt.scheduler),
        )

    @classmethod
    def of_step(cls, receipt: StepReceipt) -> Attempt:
        """Take the facts from the receipt of a step."""
        job = receipt.scheduler
        return cls(
            exit_code=receipt.exit_code,
            host=receipt.host,
            job_id=job_id(job),
            task=array_index(job),
            total_s=receipt.seconds,
            started=epoch(receipt.started),
            finished=epoch(receipt.finished),
            cluster=job.get("SLURM_CLUSTER_NAME", ""),
            restarts=restart_count(job),
        )


@dataclass(frozen=True)
class RowResult:
    """One row's state, its cause (empty for whole ones), and notes that change nothing.

    Parameters
    ----------
    remark : str
        What a whole result itself says: that no animal was found. It stands in `notes` as well.
    flags : tuple of str
        Kinds of what is suspicious about its tracking, as the receipt says.
    attempt : Attempt or None
        Who made the receipt that the state was read from, that of a step which failed, too; None where there is none.
    made : Attempt or None
        Who made its analysis, whatever became of the steps after it; None without a result.
    kept_frames : int
        Frames of a row without a result that an attempt has kept; it stands in `notes` as well.
    steps : tuple of StepStanding
        The steps after its analysis, in the campaign's order; empty without a result.
    hindrance : Hindrance
        Of a broken row: its video is not the manifest's, its model cannot be read, it has no folder of its own, or
        a result of another video is there.
    """

    row: Row
    state: State
    cause: str = ""
    notes: tuple[str, ...] = ()
    folder: Path | None = None
    attempt: Attempt | None = None
    made: Attempt | None = None
    remark: str = ""
    flags: tuple[str, ...] = ()
    kept_frames: int = 0
    steps: tuple[StepStanding, ...] = ()
    hindrance: Hindrance = Hindrance.NONE

    @property
    def analysed(self) -> bool:
        """Whether its analysis is whole, or degraded; the row is not while a step after it is due or has failed."""
        return self.state in (State.WHOLE, State.DEGRADED) or bool(self.steps)


@dataclass(frozen=True)
class CheckResult:
    """States of all rows, sorted by index, and notes about the results' root."""

    manifest: Path
    campaign: Campaign
    rows: list[RowResult]
    accept_degraded: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def totals(self) -> dict[str, int]:
        """Number of rows in each state, all states named."""
        counts = Counter(result.state for result in self.rows)
        return {state.value: counts[state] for state in State}

    @property
    def remarks(self) -> list[str]:
        """Remarks in whole results, each once, with the rows that have it."""
        rows: dict[str, list[int]] = {}
        for result in self.rows:
            if result.remark:
                rows.setdefault(result.remark, []).append(result.row.index)
        return [f"{row_ranges(indices)}: {remark}" for remark, indices in rows.items()]

    @property
    def unwhole(self) -> list[RowResult]:
        """Rows that make `check` end with 20."""
        accepted = {State.WHOLE, State.DEGRADED} if self.accept_degraded else {State.WHOLE}
        return [result for result in self.rows if result.state not in accepted]

    @property
    def exit_code(self) -> ExitCode:
        """0 where all rows are whole (or accepted), else 20."""
        return ExitCode.UNFINISHED if self.unwhole else ExitCode.OK
