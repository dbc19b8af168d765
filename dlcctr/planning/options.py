"""Options of a plan, and its summary."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from dlcctr.campaign.rows import Row
from dlcctr.errors import UsageError
from dlcctr.planning.cost import Speed
from dlcctr.planning.speed import Calibration

DEFAULT_MAX_ARRAY_SIZE = 1001
"""Slurm's own default."""
ASSUMED = "Slurm's default, assumed: scontrol does not answer here"


@dataclass(frozen=True)
class Limits:
    """Limits of the scheduler.

    Parameters
    ----------
    max_array_size : int
        Slurm's MaxArraySize: array indices go from 0 to one less.
    max_submit : int or None
        Jobs that a user may have in the queue at once; each array task is one. None without a limit.
    source : str
        Where the limits come from, for people.
    """

    max_array_size: int = DEFAULT_MAX_ARRAY_SIZE
    max_submit: int | None = None
    source: str = ASSUMED

    @property
    def answered(self) -> bool:
        """Whether the limits were reported rather than assumed."""
        return self.source != ASSUMED


DEFAULT_PARALLEL = 20
"""GPUs that a campaign is expected to have at once by default."""


@dataclass(frozen=True)
class PlanOptions:
    """Options of the command line; see `dlcctr plan --help`.

    Parameters
    ----------
    margin : float or None
        Time limit over expected time; None for the usual one for the speed's source.
    max_time_min : int or None
        Longest job that the partition takes; a row that is longer is an error.
    site_max_time_min : int or None
        Longest time limit by the site profile, in minutes; exceeding it is a warning.
    max_parallel, gpus_per_task : int
        GPUs.
    all_rows : bool
        Plan finished rows too.
    rows : str
        Rows to plan, as ``0-9,12``; all where empty.
    time_factor : float
        Stretches the time limit, for rows that ran out of it.
    steps_apart : bool
        Steps are done in tasks of their own, without a GPU.
    """

    fps: float | None = None
    calibration: Calibration | None = None
    tasks: int | None = None
    task_time_min: float | None = None
    max_parallel: int = DEFAULT_PARALLEL
    gpus_per_task: int = 1
    margin: float | None = None
    max_time_min: int | None = None
    site_max_time_min: int | None = None
    limits: Limits = field(default_factory=Limits)
    all_rows: bool = False
    rows: str = ""
    time_factor: float = 1.0
    steps_apart: bool = False

    @property
    def asks_for_more(self) -> bool:
        """Whether options are given that an existing plan may not fulfil; the site's facts do not count."""
        return (self.fps, self.tasks, self.task_time_min, self.margin, self.max_time_min) != (None,) * 5 or (
            self.calibration is not None or self.time_factor != 1.0
        )

    @property
    def time_cap_min(self) -> int | None:
        """The tighter of the two longest times."""
        return min((each for each in (self.max_time_min, self.site_max_time_min) if each is not None), default=None)


@dataclass(frozen=True)
class StepsSummary:
    """What the steps of the planned rows need.

    Parameters
    ----------
    seconds : dict of str to float
        Expected seconds of each step over all rows, by its name.
    assumed : tuple of str
        Steps of which too few are done for a measured time.
    mem_gb : int
        Memory of the one that needs most, in GB.
    apart : bool
        Whether they are done in tasks of their own.
    time_limit_min : int or None
        Time limit of such a task, in minutes; None where there are none.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()
    mem_gb: int = 0
    apart: bool = False
    time_limit_min: int | None = None


@dataclass(frozen=True)
class Summary:
    """Summary of a plan; all times are expected.

    Parameters
    ----------
    shortest_s, longest_s : float
        Expected time of the shortest and of the longest task, in seconds.
    total_s : float
        GPU time, in seconds.
    finish_s : float
        Seconds until all is done, with `parallel` GPUs from the start on.
    unreadable : list of Row
        Rows that are left out because their video cannot be read.
    fixed_share : float
        Share of the total time for imports, starts, loading and writing, 0-1.
    slices : list of (int, int)
        Offset and number of tasks of each job array.
    steps : StepsSummary
        The steps after the analyses.
    warnings : list of str
        What a person should look at before the plan is used.
    notes : list of str
        What was assumed; nothing has to be done about it.
    """

    manifest: Path
    n_rows: int = 0
    n_finished: int = 0
    unreadable: list[Row] = field(default_factory=list)
    speed: Speed | None = None
    margin: float = 0.0
    n_tasks: int = 0
    shortest_s: float = 0.0
    longest_s: float = 0.0
    total_s: float = 0.0
    finish_s: float = 0.0
    parallel: int = 0
    fixed_share: float = 0.0
    slices: list[tuple[int, int]] = field(default_factory=list)
    steps: StepsSummary = field(default_factory=StepsSummary)
    limits: Limits = field(default_factory=Limits)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check_options(options: PlanOptions) -> None:
    """Raise `UsageError` for options that contradict each other or make no sense."""
    if options.tasks is not None and options.task_time_min is not None:
        raise UsageError("--tasks and --task-time both say how the rows are divided", "give one of them")
    if options.fps is not None and options.calibration:
        raise UsageError("--fps and --calibrate both say how fast a GPU is", "give one of them")
    if options.margin is not None and not 1 <= options.margin <= 100:
        raise UsageError(
            f"--margin {options.margin:g} must be from 1 to 100", "the time limit is margin x expected time"
        )
    if options.task_time_min is not None and not 0 < options.task_time_min < math.inf:
        raise UsageError(
            f"--task-time {options.task_time_min:g} is not a time", "give minutes, for example --task-time 60"
        )
