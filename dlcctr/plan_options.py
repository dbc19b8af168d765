"""What a plan is asked for, and what it comes to."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from dlcctr.calibrate import Calibration
from dlcctr.cost import Speed
from dlcctr.manifest import Row
from dlcctr.site_limits import Limits


@dataclass(frozen=True)
class PlanOptions:
    """What the command line asks for; see `dlcctr plan --help`.

    Parameters
    ----------
    margin : float or None
        Time limit over expected time; None for what fits the speed's source.
    max_time_min : int or None
        Longest job that the partition takes; a row that is longer is an error.
    site_max_time_min : int or None
        The same where it is only the site profile's word: a warning.
    all_rows : bool
        Plan finished rows too.
    rows : str
        As ``0-9,12``; all where empty.
    time_factor : float
        Stretches the time limit, for rows that ran out of it.
    """

    fps: float | None = None
    calibration: Calibration | None = None
    tasks: int | None = None
    task_time_min: float | None = None
    max_parallel: int = 20
    margin: float | None = None
    max_time_min: int | None = None
    site_max_time_min: int | None = None
    limits: Limits = field(default_factory=Limits)
    all_rows: bool = False
    rows: str = ""
    time_factor: float = 1.0

    @property
    def time_cap_min(self) -> int | None:
        """The tighter of the two longest times."""
        return min((each for each in (self.max_time_min, self.site_max_time_min) if each is not None), default=None)


@dataclass(frozen=True)
class Summary:
    """What a plan comes to. Times in seconds, expected; `finish_s` with `parallel` GPUs from the start on.

    Parameters
    ----------
    unreadable : list of Row
        Left out: the manifest says why.
    fixed_share : float
        Of the total: imports, starts, loading, writing.
    slices : list of (int, int)
        Offset and number of tasks of each job array.
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
    limits: Limits = field(default_factory=Limits)
    warnings: list[str] = field(default_factory=list)
