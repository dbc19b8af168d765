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
from dlcctr.results.receipt import epoch
from dlcctr.slurm.queue.scheduler import read_scheduler
from dlcctr.slurm.status.pending import find_remedy, waits_for_release
from dlcctr.slurm.training.ended import WITHOUT_FAULT, EndedTask, find_ended, find_hidden
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
    """It has been submitted, and squeue does not answer, or does not show that user's jobs."""
    UNTRAINED = "untrained"


CLOCKS_S = 60.0
"""A node's clock and the controller's may differ by so much."""
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
    cause, hint : str
        Why it stopped or failed, or why nothing is known of it, and what to do about that.
    losses : tuple of LossRow
        Loss curve of the pose network.
    log : Path or None
        Log of its job; of one that is over, where that ended without success.
    trial_failed : bool
        Its last job was a trial, which ended without success.
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
    hint: str = ""
    losses: tuple[LossRow, ...] = ()
    log: Path | None = None
    trial_failed: bool = False

    @property
    def remedy(self) -> str:
        """What to change where it would wait for ever; empty otherwise."""
        return find_remedy(self.reason)

    @property
    def is_held(self) -> bool:
        """Whether it waits until somebody releases its job."""
        return waits_for_release(self.reason)

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
    ended, hidden = find_ended(jobs, scheduler, paths), find_hidden(jobs, scheduler)
    unknown = {number: f"squeue does not show jobs of {user}, who submitted it" for number, user in hidden.items()}
    if silent:
        unknown |= {task.shuffle: "" for each in jobs if not each.is_only_printed for task in each.tasks}
    numbers = sorted({each.shuffle for each in project.shuffles} | set(live) | set(ended) | set(unknown))
    shuffles = [
        _look(project, number, paths, _Seen(live.get(number), ended.get(number), unknown.get(number)))
        for number in numbers
    ]
    return TrainStatus(project, tuple(shuffles), silent=silent, has_slurm=shutil.which("sbatch") is not None)


@dataclass(frozen=True)
class _Seen:
    """What Slurm says of a shuffle: its task that waits or runs, or that is over, or why it is not known."""

    live: LiveTask | None = None
    ended: EndedTask | None = None
    unknown: str | None = None


def _look(project: TrainProject, number: int, paths: TrainingPaths, seen: _Seen) -> ShuffleStatus:
    live, there = seen.live, project.find(number)
    training = there.training if there else None
    train = project.folder / there.folder / "train" if there else None
    phase = _phase(there, train, seen)
    losses: Sequence[LossRow] = ()
    ended = _to_tell(seen.ended, training, phase)
    cause, hint = (training.cause, training.hint) if training and phase in _OVER else ("", "")
    if ended and ended.cause and not cause:
        cause, hint = ended.text, ended.remedy
    if phase is TrainPhase.UNKNOWN:
        cause, hint = seen.unknown or "", ""
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
        hint=hint,
        losses=tuple(losses),
        log=paths.log(live.state.job_id, live.number) if live else ended.log if ended else None,
        trial_failed=bool(ended and ended.trial),
    )


_OVER = (TrainPhase.FAILED, TrainPhase.STOPPED)


def _to_tell(ended: EndedTask | None, training: Training | None, phase: TrainPhase) -> EndedTask | None:
    """Task that is over without success, where it is the last that was done for its shuffle."""
    if ended is None or ended.cause is None or phase not in (*_OVER, TrainPhase.UNTRAINED):
        return None
    changed = epoch(training.changed) if training else None
    return None if changed and ended.end is not None and ended.end < changed - CLOCKS_S else ended


def _phase(there: TrainedShuffle | None, train: Path | None, seen: _Seen) -> TrainPhase:
    training, live = there.training if there else None, seen.live
    if live is not None:
        here = TrainPhase.RUNNING if live.state.is_running else TrainPhase.WAITING
        return TrainPhase.TRIAL if live.job.trial else here
    if training and training.status in (Status.DONE, Status.FAILED):
        return TrainPhase.DONE if training.status is Status.DONE else TrainPhase.FAILED
    if training and training.status is Status.RUNNING and train is not None and is_held(lock_file(train)):
        return TrainPhase.RUNNING
    if seen.unknown is not None:
        return TrainPhase.UNKNOWN
    if training:
        return TrainPhase.STOPPED
    cause = seen.ended.cause if seen.ended else None
    return TrainPhase.FAILED if cause and cause.kind not in WITHOUT_FAULT else TrainPhase.UNTRAINED
