"""What is known about an attempt while it runs, and the receipt that is made from it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dlcctr.contract import RowState
from dlcctr.errors import DlcctrError
from dlcctr.results.receipt import Receipt
from dlcctr.results.sections import (
    AnalysedRow,
    Columns,
    DeviceUsed,
    FrameCounts,
    ModelUsed,
    OutputFile,
    Parameters,
)
from dlcctr.results.times.frame_times import FrameTimes
from entrypoint.analyze.row.task import RowTask
from entrypoint.environment import provenance

if TYPE_CHECKING:
    from entrypoint.video.frame_scan import FrameScan

MAX_RANGES = 10


@dataclass
class AttemptRecord:
    """Facts of one attempt, filled in as they become known.

    Parameters
    ----------
    path : str
        ``own``, ``stock`` or ``stock-reencoded``, as in `Receipt`.
    remark : str
        As in `Receipt`.
    batch_size : int or None
        Frames per network call in the end, where it may have become smaller on the way.
    """

    started: str = field(default_factory=provenance.now)
    clock: float = field(default_factory=time.monotonic)
    scan: FrameScan | None = None
    software: dict[str, str] = field(default_factory=dict)
    device: DeviceUsed = field(default_factory=DeviceUsed)
    timings_s: dict[str, float] = field(default_factory=dict)
    scorer: str = ""
    columns: Columns = field(default_factory=Columns)
    times: FrameTimes | None = None
    flags: tuple[str, ...] = ()
    path: str = ""
    remark: str = ""
    batch_size: int | None = None

    @contextlib.contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Add the time of a block to a phase."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.add_time(phase, time.monotonic() - start)

    def add_time(self, phase: str, seconds: float) -> None:
        """Add seconds to a phase."""
        self.timings_s[phase] = round(self.timings_s.get(phase, 0.0) + seconds, 3)

    @property
    def lost_frames(self) -> str:
        """Sentence on the frames that do not decode; empty where all do."""
        if self.scan is None or self.scan.clean:
            return ""
        lost = self.scan.stream - self.scan.decoded
        return f"{lost} of {self.scan.stream} frames do not decode: {_ranges(self.scan.missing)}"


def _ranges(missing: list[list[int]]) -> str:
    shown = ", ".join(str(a) if b - a == 1 else f"{a} to {b - 1}" for a, b in missing[:MAX_RANGES])
    return shown + (f"and {len(missing) - MAX_RANGES} more ranges" if len(missing) > MAX_RANGES else "")


def make_receipt(task: RowTask, record: AttemptRecord, state: RowState, files: list[OutputFile]) -> Receipt:
    """Receipt of a result."""
    return _receipt(task, record, state, cause=record.lost_frames, exit_code=0, files=files)


def make_failure(task: RowTask, record: AttemptRecord, error: DlcctrError, state: RowState) -> Receipt:
    """Receipt of an attempt that gave no result."""
    cause = f"{error.message} ({error.hint})" if error.hint else error.message
    return _receipt(task, record, state, cause=cause, exit_code=int(error.exit_code), files=[])


def _receipt(
    task: RowTask, record: AttemptRecord, state: RowState, *, cause: str, exit_code: int, files: list[OutputFile]
) -> Receipt:
    row = task.row
    return Receipt(
        state=state,
        cause=cause,
        exit_code=exit_code,
        row=AnalysedRow(row.index, row.video, row.fingerprint if exit_code else task.fingerprint, row.bytes),
        frames=_frames(record.scan),
        files=files,
        columns=record.columns,
        times=record.times,
        model=_model(task, record),
        parameters=_parameters(task, record),
        software=record.software,
        image=provenance.image_used(),
        device=record.device,
        path=record.path,
        remark=record.remark,
        flags=record.flags,
        timings_s={**record.timings_s, "total": round(time.monotonic() - record.clock, 3)},
        host=provenance.host_name(),
        scheduler=provenance.scheduler_ids(),
        started=record.started,
        finished=provenance.now(),
    )


def _frames(scan: FrameScan | None) -> FrameCounts | None:
    if scan is None:
        return None
    return FrameCounts(scan.header, scan.stream, scan.decoded, tuple((first, stop) for first, stop in scan.missing))


def _model(task: RowTask, record: AttemptRecord) -> ModelUsed:
    model = task.model
    return ModelUsed(
        id=model.id,
        hash=model.hash,
        engine=model.engine,
        scorer=record.scorer,
        snapshot=model.snapshot,
        detector_snapshot=model.detector_snapshot,
        bodyparts=tuple(model.bodyparts),
        individuals=tuple(model.individuals),
        unique_bodyparts=tuple(model.unique_bodyparts),
        trusted=task.trusted,
        conditions=f"{begun.folder.name}/{begun.snapshot}" if (begun := model.conditions) else "",
        origin=model.origin,
    )


def _parameters(task: RowTask, record: AttemptRecord) -> Parameters:
    return Parameters(
        shuffle=task.model.shuffle,
        trainset_index=task.model.trainset_index,
        crop=task.crop,
        csv=task.settings.csv,
        batch_size=record.batch_size or task.settings.batch_size or task.model.batch_size,
        tracking=task.settings.tracking,
        precision=task.settings.precision,
    )
