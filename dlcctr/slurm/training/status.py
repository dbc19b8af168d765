"""How far the training of each shuffle is: from its own state, and what Slurm says of its job."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from dlcctr.contract import ExitCode
from dlcctr.errors import DlcctrError
from dlcctr.model.curve.losses import POSE, LossRow, read_losses
from dlcctr.slurm.queue.scheduler import read_scheduler
from dlcctr.slurm.status.pending import find_remedy
from dlcctr.slurm.training.ledger import LiveTask, ask, find_live, read_jobs
from dlcctr.system.kernel_locks import is_held
from dlcctr.training.paths import TrainingPaths
from dlcctr.training.project import TrainedShuffle, TrainProject
from dlcctr.training.record import Status, Training, Trial, lock_file


class TrainPhase(str, Enum):
    """Where a shuffle is."""

    DONE = "done"
    RUNNING = "running"
    WAITING = "waiting"
    TRIAL = "trial"
    """A short trial waits or runs."""
    STOPPED = "stopped"
    """Interrupted or killed, and no job is left that would go on."""
    FAILED = "failed"
    UNKNOWN = "unknown"
    """It has been running, and squeue does not answer."""
    UNTRAINED = "untrained"


BUSY = (TrainPhase.RUNNING, TrainPhase.WAITING, TrainPhase.TRIAL, TrainPhase.UNKNOWN)


@dataclass(frozen=True)
class ShuffleStatus:
    """One shuffle.

    Parameters
    ----------
    job : str
        Job and array task that it waits or runs in, as ``501_0``; empty for none.
    node, reason : str
        Where it runs, or why it waits.
    losses : tuple of LossRow
        Loss curve of the pose network.
    log : Path or None
        Log of its job.
    """

    shuffle: int
    phase: TrainPhase
    folder: str = ""
    training: Training | None = None
    trial: Trial | None = None
    job: str = ""
    node: str = ""
    reason: str = ""
    cause: str = ""
    losses: tuple[LossRow, ...] = ()
    log: Path | None = None

    @property
    def remedy(self) -> str:
        """What to change where it would wait for ever; empty otherwise."""
        return find_remedy(self.reason)

    @property
    def seconds_left(self) -> float | None:
        """Estimate of what is left to train; None while nothing is known, and where nothing is left."""
        if self.phase is TrainPhase.DONE:
            return None
        if self.training is not None and self.training.seconds_per_epoch > 0:
            return self.training.seconds_left
        return self.trial.seconds_in_all if self.trial is not None and self.trial.seconds_per_epoch > 0 else None


@dataclass(frozen=True)
class TrainStatus:
    """All shuffles of a project's present iteration; `silent` if squeue should have answered and did not."""

    project: TrainProject
    shuffles: tuple[ShuffleStatus, ...]
    silent: bool = False
    has_slurm: bool = False

    @property
    def exit_code(self) -> ExitCode:
        """0 if all are done, 75 while one waits or runs, 20 if one needs attention."""
        phases = {each.phase for each in self.shuffles}
        if phases & {TrainPhase.FAILED, TrainPhase.STOPPED} or any(each.remedy for each in self.shuffles):
            return ExitCode.UNFINISHED
        if phases & set(BUSY):
            return ExitCode.TRY_AGAIN
        return ExitCode.OK if phases == {TrainPhase.DONE} else ExitCode.UNFINISHED


def train_status(project: TrainProject, squeue_text: str | None = None) -> TrainStatus:
    """Status of all shuffles that have a folder or a job.

    Parameters
    ----------
    squeue_text : str or None
        squeue's output from elsewhere, instead of asking it.

    Raises
    ------
    ModelError
        The list of jobs or a shuffle's state is damaged.
    UsageError
        The text is not squeue's output.
    """
    paths = TrainingPaths(project.folder)
    jobs = [each for each in read_jobs(paths) if each.iteration == project.iteration]
    submissions = [each.submission for each in jobs]
    scheduler = ask(jobs) if squeue_text is None else read_scheduler(submissions, squeue_text, None)
    live = {each.task.shuffle: each for each in find_live(jobs, scheduler)}
    silent = bool(scheduler.silent) and not all(each.is_only_printed for each in jobs)
    numbers = sorted({each.shuffle for each in project.shuffles} | set(live))
    shuffles = [_look(project, number, live.get(number), paths, silent=silent) for number in numbers]
    return TrainStatus(project, tuple(shuffles), silent=silent, has_slurm=shutil.which("sbatch") is not None)


def _look(
    project: TrainProject, number: int, live: LiveTask | None, paths: TrainingPaths, *, silent: bool
) -> ShuffleStatus:
    there = project.find(number)
    training = there.training if there else None
    train = project.folder / there.folder / "train" if there else None
    phase = _phase(there, live, train, silent=silent)
    losses: Sequence[LossRow] = ()
    cause = training.cause if training and phase in (TrainPhase.FAILED, TrainPhase.STOPPED) else ""
    if train is not None:
        try:
            losses = [row for row in read_losses(train) if row.network == POSE]
        except DlcctrError as error:
            cause = cause or error.message
    return ShuffleStatus(
        number,
        phase,
        folder=str(there.folder) if there else "",
        training=training,
        trial=there.trial if there else None,
        job=live.label if live else "",
        node=live.state.node if live else "",
        reason=live.state.reason if live and live.state.is_pending else "",
        cause=cause,
        losses=tuple(losses),
        log=paths.log(live.state.job_id, live.number) if live else None,
    )


def _phase(there: TrainedShuffle | None, live: LiveTask | None, train: Path | None, *, silent: bool) -> TrainPhase:
    training = there.training if there else None
    if live is not None:
        if live.job.trial:
            return TrainPhase.TRIAL
        return TrainPhase.RUNNING if live.state.is_running else TrainPhase.WAITING
    if training is None:
        return TrainPhase.UNTRAINED
    if training.status is Status.RUNNING:
        is_here = train is not None and is_held(lock_file(train))
        return TrainPhase.RUNNING if is_here else TrainPhase.UNKNOWN if silent else TrainPhase.STOPPED
    phases = {
        Status.DONE: TrainPhase.DONE,
        Status.FAILED: TrainPhase.FAILED,
        Status.INTERRUPTED: TrainPhase.STOPPED,
    }
    return phases[training.status]
