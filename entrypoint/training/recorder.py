"""The state of a training on disk, kept up to date with what its child process reports."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

from dlcctr.errors import DlcctrError, TryAgainError
from dlcctr.model.curve.losses import LOSSES_FILENAME, POSE, LossRow, losses_text
from dlcctr.system.files import write_text_atomic
from dlcctr.training.record import (
    CURVE_FILENAME,
    TRAINING_FILENAME,
    TRAININGS,
    TRIAL_FILENAME,
    TRIALS,
    Status,
    Training,
    Trial,
)
from entrypoint.environment.provenance import host_name, now
from entrypoint.training.curve import draw_curve
from entrypoint.training.events import Began, Measured, Order, Planned, Progress, Weights, row_of
from entrypoint.training.request import AGAIN

EVERY_S = 5.0
"""Seconds between two states on disk; the checkpoint has the curve as well."""


@dataclass(frozen=True)
class Shuffle:
    """A shuffle that is trained: its numbers, and the folder of its snapshots."""

    train: Path
    iteration: int
    fraction: float


class Recorder:
    """Writes one training's files.

    Attributes
    ----------
    rows : list of LossRow
        The curve so far.
    """

    def __init__(self, order: Order, shuffle: Shuffle, before: Training | None) -> None:
        self._order, self._shuffle, self._before = order, shuffle, before
        self._clock, self._written, self._first = time.monotonic(), -EVERY_S, 0
        self.rows: list[LossRow] = []
        self.record: Training | None = None

    def plan(self, event: Planned) -> None:
        """What will be trained is known; the state says that it is running."""
        before, order = self._before, self._order
        self.record = Training(
            Status.RUNNING, order.engine, order.shuffle, self._shuffle.iteration, order.trainset_index, event.seed,
            before.epochs_done if before else 0, event.epochs_wanted,
            unit=event.unit, train_fraction=self._shuffle.fraction, net_type=event.net_type,
            batch_size=event.batch_size, detector_done=before.detector_done if before else 0,
            detector_wanted=event.detector_wanted, frames_train=event.frames_train, frames_test=event.frames_test,
            device=event.device, precision=order.precision, software=event.software,
            starts=(before.starts if before else 0) + 1, started=before.started if before else now(),
            host=host_name(), pid=os.getpid(),
            epochs_asked=order.epochs or 0, weights=order.weights, snapshot=before.snapshot if before else "",
        )  # fmt: skip
        if before:
            self.record = replace(self.record, start=before.start)
        self._write()

    def weights(self, event: Weights) -> None:
        """The weights of the start are known."""
        self._change(start=event.start)

    def begin(self, event: Began) -> None:
        """A network's first epoch comes next; rows of epochs that are lost are dropped."""
        self.rows = [row_of(cells) for cells in event.curve]
        self._first = event.done if event.network == POSE else 0
        setup_s = round(time.monotonic() - self._clock, 1)
        if event.network == POSE:
            self._change(epochs_done=event.done, epochs_wanted=event.wanted, setup_s=setup_s)
        else:
            self._change(detector_done=event.done, detector_wanted=event.wanted, setup_s=setup_s)
        self._write()

    def progress(self, event: Progress) -> LossRow:
        """One more row of the curve; written now and then."""
        row = row_of(event.row)
        self.rows.append(row)
        is_pose = row.network == POSE
        self._change(
            host_mb=event.host_mb, gpu_mb=event.gpu_mb, snapshot=event.snapshot,
            **({"epochs_done": row.epoch} if is_pose else {"detector_done": row.epoch}),
        )  # fmt: skip
        if is_pose and row.epoch > self._first:
            seconds = sum(each.seconds for each in self.rows if each.network == POSE and each.epoch > self._first)
            self._change(seconds_per_epoch=round(seconds / (row.epoch - self._first), 4))
        if time.monotonic() - self._written >= EVERY_S:
            self._write()
        return row

    def done(self, snapshot: str) -> Training:
        """All is trained."""
        assert self.record is not None
        self._change(
            status=Status.DONE, epochs_done=self.record.epochs_wanted, detector_done=self.record.detector_wanted,
            snapshot=snapshot or self.record.snapshot,
        )  # fmt: skip
        self._write()
        with contextlib.suppress(OSError, ImportError):  # a picture for people: nothing depends on it
            draw_curve(self.rows, self._shuffle.train.parent.name, self._shuffle.train / CURVE_FILENAME)
        return self.record

    def stopped(self, error: DlcctrError) -> None:
        """It was interrupted, or failed: the state says why, if it can still be written."""
        if self.record is None:
            return
        status = Status.INTERRUPTED if isinstance(error, TryAgainError) else Status.FAILED
        hint = AGAIN if status is Status.INTERRUPTED else error.hint
        self._change(status=status, exit_code=int(error.exit_code), cause=error.message, hint=hint)
        with contextlib.suppress(DlcctrError, OSError):
            self._write()

    def _change(self, **fields: object) -> None:
        assert self.record is not None
        self.record = replace(self.record, **fields)  # type: ignore[arg-type]

    def _write(self) -> None:
        assert self.record is not None
        self._change(changed=now())
        write_text_atomic(self._shuffle.train / LOSSES_FILENAME, losses_text(self.rows))
        write_text_atomic(self._shuffle.train / TRAINING_FILENAME, TRAININGS.text(self.record))
        self._written = time.monotonic()


class TrialRecorder:
    """Writes what a trial measured, and nothing else."""

    def __init__(self, order: Order, shuffle: Shuffle) -> None:
        self._order, self._shuffle = order, shuffle
        self._clock = time.monotonic()
        self._plan: Planned | None = None
        self._measured: dict[str, Measured] = {}
        self._setup_s = 0.0

    def plan(self, event: Planned) -> None:
        """What would be trained is known."""
        self._plan, self._setup_s = event, time.monotonic() - self._clock

    def measure(self, event: Measured) -> None:
        """One network is measured."""
        self._measured[event.network] = event

    def write(self) -> Trial:
        """Write the file."""
        plan, order = self._plan, self._order
        pose = self._measured[POSE]
        detector = next((each for name, each in self._measured.items() if name != POSE), None)
        assert plan is not None
        trial = Trial(
            order.engine, order.shuffle, self._shuffle.iteration, order.trainset_index, pose.seconds_per_epoch,
            pose.wanted, max(each.host_mb for each in self._measured.values()),
            max(each.gpu_mb for each in self._measured.values()), plan.frames_train, plan.frames_test,
            unit=plan.unit, net_type=plan.net_type, batch_size=plan.batch_size, setup_s=round(self._setup_s, 1),
            steps=pose.steps, seconds_per_detector_epoch=detector.seconds_per_epoch if detector else 0.0,
            detector_wanted=detector.wanted if detector else 0, device=plan.device, precision=order.precision,
            software=plan.software, changed=now(),
        )  # fmt: skip
        write_text_atomic(self._shuffle.train / TRIAL_FILENAME, TRIALS.text(trial))
        return trial
