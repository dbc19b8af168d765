"""Receipts: the proof, beside a row's outputs, of what was made from what and by what, and that it is complete."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Protocol

from dlcctr.contract import CONTRACT_VERSION, RECEIPT_FILENAME, RowState
from dlcctr.errors import OutputError
from dlcctr.results.sections import (
    AnalysedRow,
    Columns,
    DeviceUsed,
    FrameCounts,
    ImageUsed,
    ModelUsed,
    OutputFile,
    Parameters,
)
from dlcctr.results.times.frame_times import FrameTimes
from dlcctr.system.files import sha256_file
from dlcctr.system.state_files import StateFile
from dlcctr.system.values.records import OMIT

OTHER_MODELS = "other models"
"""Phase of a row's time that went into rows of other models, which its pass over the video fed as well."""
ARRAY_INDEX = re.compile(r"[0-9]{1,9}")


def job_id(scheduler: Mapping[str, str]) -> str:
    """Slurm's id of the array, or of the job without one, in a receipt's variables; empty where there is none."""
    return scheduler.get("SLURM_ARRAY_JOB_ID") or scheduler.get("SLURM_JOB_ID") or ""


def array_index(scheduler: Mapping[str, str]) -> int | None:
    """Index in the job array in a receipt's variables; None without one."""
    index = scheduler.get("SLURM_ARRAY_TASK_ID", "")
    return int(index) if ARRAY_INDEX.fullmatch(index) else None


def restart_count(scheduler: Mapping[str, str]) -> int:
    """How often Slurm had started the job again, in a receipt's variables; it says nothing where it never did."""
    count = scheduler.get("SLURM_RESTART_COUNT", "")
    return int(count) if ARRAY_INDEX.fullmatch(count) else 0


@dataclass(frozen=True)
class Receipt:
    """What became of one row.

    Parameters
    ----------
    state : RowState
        State of the row's result, or that there is none.
    cause : str
        Why it failed, or which frames are missing; empty for a whole result.
    exit_code : int
        Exit code of the attempt, see `dlcctr.contract.ExitCode`.
    row : AnalysedRow
        The manifest's row.
    frames : FrameCounts or None
        Frames of the video; None where the attempt failed before they were counted.
    files : list of OutputFile
        Files of the result; empty for a failed attempt.
    columns : Columns
        Columns of the .h5.
    times : FrameTimes or None
        About the times of the frames; None for a failed attempt, and where no times were written (contract version 1).
    model : ModelUsed
        The model of the result.
    parameters : Parameters
        Parameters of the analysis.
    software : dict
        Name to version of the engine, its libraries and the driver; and what was fixed in DeepLabCut (`FIXES_KEY`).
    image : ImageUsed
        The image that it ran in.
    device : DeviceUsed
        Device that the network ran on.
    remark : str
        What a reader of a whole result must know: for example that no animal was found in the video. Usually empty.
    flags : tuple of str
        Kinds of what is suspicious about the tracking, as the row was judged by itself (`quality.json`).
    path : str
        How the result was made: ``own`` (our loop with DeepLabCut's network), ``stock`` (DeepLabCut's
        `analyze_videos` on the video itself) or ``stock-reencoded`` (the same on a lossless copy of the frames that
        decode).
    timings_s : dict
        Phase to its time in seconds; ``total`` is the whole attempt.
    host : str
        Machine, or Slurm's name of the node.
    scheduler : dict
        Slurm's environment variables that name the job, and the GPUs that it was given.
    started, finished : str
        Times in UTC, ISO 8601.
    updated : str
        When files were last added to a finished result, or renewed, in UTC; empty where that never happened.
    contract : int
        Contract version of the program that wrote it.

    Raises
    ------
    ValueError
        A file is listed twice.
    """

    state: RowState
    cause: str
    exit_code: int
    row: AnalysedRow
    frames: FrameCounts | None = None
    files: list[OutputFile] = field(default_factory=list)
    columns: Columns = field(default_factory=Columns)
    times: FrameTimes | None = field(default=None, metadata=OMIT)
    model: ModelUsed = field(default_factory=ModelUsed)
    parameters: Parameters = field(default_factory=Parameters)
    software: dict[str, str] = field(default_factory=dict)
    image: ImageUsed = field(default_factory=ImageUsed)
    device: DeviceUsed = field(default_factory=DeviceUsed)
    remark: str = field(default="", metadata=OMIT)
    flags: tuple[str, ...] = field(default=(), metadata=OMIT)
    path: str = ""
    timings_s: dict[str, float] = field(default_factory=dict)
    host: str = ""
    scheduler: dict[str, str] = field(default_factory=dict)
    started: str = ""
    finished: str = ""
    updated: str = field(default="", metadata=OMIT)
    contract: int = CONTRACT_VERSION

    def __post_init__(self) -> None:
        if len({entry.name for entry in self.files}) < len(self.files):
            raise ValueError("a file is listed more than once")

    @property
    def job_id(self) -> str:
        """Slurm's id of the array, or of the job without one; empty where no scheduler was there."""
        return job_id(self.scheduler)

    @property
    def array_index(self) -> int | None:
        """Index in the job array; None without one."""
        return array_index(self.scheduler)

    def to_json(self) -> str:
        """Text of the receipt file."""
        return RECEIPTS.text(self)

    @classmethod
    def from_json(cls, text: str, where: Path) -> Receipt:
        """Parse a receipt that came from the file `where`; raises as `parse_receipt` does."""
        return RECEIPTS.parse(text, where)


RECEIPTS = StateFile(
    Receipt,
    "a receipt",
    OutputError,
    hint="analyse this row again with --overwrite",
    version_hint="check results with the dlcctr that made them",
)


def read_receipt(folder: Path) -> Receipt | None:
    """Receipt of a row's folder; None if the folder or its receipt does not exist."""
    return parse_receipt(folder / RECEIPT_FILENAME)


def parse_receipt(file: Path) -> Receipt | None:
    """Receipt in a file, also that of a failed row; None if there is no file.

    Raises
    ------
    OutputError
        It cannot be read, or is not a receipt, or half of one; the message names file and key.
    ContractError
        It was written by another contract version.
    """
    return RECEIPTS.find(file)


class Listed(Protocol):
    """A receipt that lists files."""

    @property
    def files(self) -> list[OutputFile]:
        """Files of the result."""


def broken_files(receipt: Listed, folder: Path, *, hashes: bool = True) -> list[str]:
    """What does not match the receipt: one sentence per missing, truncated or edited file."""
    problems = []
    for entry in receipt.files:
        path = folder / entry.name
        try:
            size = path.stat().st_size
        except OSError:
            problems.append(f"{entry.name} is missing")
            continue
        if size != entry.bytes:
            problems.append(f"{entry.name} has {size} bytes, but {entry.bytes} in the receipt")
        elif hashes and sha256_file(path) != entry.sha256:
            problems.append(f"{entry.name} was changed after it was written (sha256 differs)")
    return problems


def require_unchanged(receipt: Receipt, folder: Path, names: Collection[str]) -> None:
    """Refuse files that are not what the receipt says, before something is made of them.

    Parameters
    ----------
    names : collection of str
        The files that are read; others are not looked at.

    Raises
    ------
    OutputError
        One is missing, cut off or edited, or cannot be read.
    """
    read = replace(receipt, files=[entry for entry in receipt.files if entry.name in names])
    try:
        problems = broken_files(read, folder)
    except OSError as error:
        problems = [f"cannot be read: {error.strerror}"]
    if problems:
        raise OutputError(f"{folder}: {'; '.join(problems)}", "analyse the row again with --overwrite")


def epoch(text: object) -> float | None:
    """Seconds since 1970 of a time as receipts hold it (UTC where it names no zone); None where it is none."""
    try:
        moment = datetime.fromisoformat(str(text))
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
    except (ValueError, OverflowError):
        return None
