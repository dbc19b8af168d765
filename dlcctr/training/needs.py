"""Time and memory to ask for, from what a short trial (or the training so far) measured. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from dlcctr.training.record import Training, Trial

TIME_MARGIN = 1.5
"""Of the measured time: evaluations, snapshots and a slower node come on top."""
MEMORY_MARGIN = 1.5
"""Of the measured memory: a trial sees only a part of the pictures."""
LEAST_MIN = 30
LEAST_GB = 4
TRIAL_MIN = 30
"""Time limit of a trial in minutes."""
DEFAULT_MIN = 12 * 60
"""Time limit in minutes where nothing was measured; a training goes on in the next job."""


@dataclass(frozen=True)
class Measured:
    """What one shuffle's training still takes, as measured.

    Parameters
    ----------
    seconds : float
        Of what is left to train, setting up included.
    host_mb : float
        Most memory; 0 where it is not known.
    device : str
        Device that it was measured on.
    """

    seconds: float
    host_mb: float
    device: str = ""


@dataclass(frozen=True)
class Needs:
    """What a job asks for.

    Parameters
    ----------
    time_min : int
        Time limit in minutes.
    mem_gb : int or None
        Memory in GB; None where nothing was measured.
    jobs : int
        How many times a task is expected to use its time limit until it is finished.
    """

    time_min: int
    mem_gb: int | None = None
    jobs: int = 1


def measure(trial: Trial | None, training: Training | None, epochs: int | None) -> Measured | None:
    """What is left of a shuffle's training, from its trial or else from the training so far; None without either.

    Parameters
    ----------
    epochs : int or None
        Epochs that are asked for; those of the trial or of the training where None.
    """
    done, detector_done = (training.epochs_done, training.detector_done) if training else (0, 0)
    if trial is not None and trial.seconds_per_epoch > 0:
        left = max(0, (epochs or trial.epochs_wanted) - done) * trial.seconds_per_epoch
        left += max(0, trial.detector_wanted - detector_done) * trial.seconds_per_detector_epoch
        return Measured(trial.setup_s + left, trial.host_mb, trial.device)
    if training is not None and training.seconds_per_epoch > 0:
        left = max(0, (epochs or training.epochs_wanted) - done) * training.seconds_per_epoch
        return Measured(training.setup_s + left, training.host_mb, training.device)
    return None


def needs_of(measured: Iterable[Measured | None], most_min: int | None = None) -> Needs:
    """What a job for these shuffles asks for: enough for the one that needs most.

    Parameters
    ----------
    measured : iterable
        None for a shuffle of which nothing was measured; one such leaves the memory to the site.
    most_min : int or None
        Longest time limit of the site in minutes.
    """
    found = list(measured)
    known = [each for each in found if each is not None]
    if not known or len(known) < len(found):
        return Needs(min(DEFAULT_MIN, most_min or DEFAULT_MIN))
    minutes = max(LEAST_MIN, math.ceil(TIME_MARGIN * max(each.seconds for each in known) / 60))
    most = most_min or minutes
    peak = max(each.host_mb for each in known)
    memory = max(LEAST_GB, math.ceil(MEMORY_MARGIN * peak / 1024)) if all(each.host_mb > 0 for each in known) else None
    return Needs(min(minutes, most), memory, jobs=math.ceil(minutes / most))
