"""The other schedulers: what differs between them beside the head of the script (``slurm/array.<name>.j2``)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dlcctr.campaign.paths import CampaignPaths
from dlcctr.errors import UsageError


@dataclass(frozen=True)
class Scheduler:
    """One scheduler.

    Parameters
    ----------
    name : str
        Its name on the command line, and of its template.
    label : str
        Its name for people.
    submit : str
        What is typed before the script's name to submit it.
    look : str
        What is typed to see the jobs.
    first_id : int
        Id of an array's first task.
    most_tasks : int
        Tasks that an array may have where the site has not changed it.
    name_chars : int
        Characters that a job's name may have in every version.
    gpu : str
        How a task asks for its GPUs; ``{count}`` is their number.
    hours_only : bool
        Time limits are ``hours:minutes``, without seconds.
    has_environments : bool
        Cores are asked for in a parallel environment, which has a name.
    mails_each_task : bool
        Mail is sent for every task, so that none is asked for.
    """

    name: str
    label: str
    submit: str
    look: str
    first_id: int
    most_tasks: int
    name_chars: int
    gpu: str
    hours_only: bool = False
    has_environments: bool = False
    mails_each_task: bool = False

    @property
    def template(self) -> str:
        """Name of its template in ``slurm/``."""
        return f"array.{self.name}.j2"

    def folder(self, paths: CampaignPaths) -> Path:
        """Folder of the tasks' logs; that it is there says that scripts were printed for this scheduler."""
        return paths.root / self.name

    def time_words(self, minutes: int) -> str:
        """Write a time limit."""
        return f"{minutes // 60:02}:{minutes % 60:02}{'' if self.hours_only else ':00'}"


SCHEDULERS = (
    Scheduler(
        name="sge",
        label="Grid Engine",
        submit="qsub",
        look="qstat",
        first_id=1,
        most_tasks=75_000,
        name_chars=120,
        gpu="-l gpu={count}",
        has_environments=True,
    ),
    Scheduler(
        name="pbs",
        label="PBS",
        submit="qsub",
        look="qstat -t",
        first_id=0,
        most_tasks=10_000,
        name_chars=15,
        gpu=":ngpus={count}",
    ),
    Scheduler(
        name="lsf",
        label="LSF",
        submit="bsub <",
        look="bjobs",
        first_id=1,
        most_tasks=1000,
        name_chars=120,
        gpu='-gpu "num={count}"',
        hours_only=True,
        mails_each_task=True,
    ),
)


def find_scheduler(name: str) -> Scheduler:
    """Scheduler of a name; raises `UsageError` where there is none."""
    for each in SCHEDULERS:
        if each.name == name:
            return each
    known = ", ".join(each.name for each in SCHEDULERS)
    slurm = "Slurm's scripts: dlcctr sbatch m.csv; " if name == "slurm" else ""
    raise UsageError(f"--scheduler is {name!r}; it must be one of {known}", f"{slurm}any other one: docs/extending.md")


def used_scheduler(paths: CampaignPaths) -> Scheduler | None:
    """The one that scripts of this campaign were printed for, the newest of several; None where there is none."""
    found = [each for each in SCHEDULERS if each.folder(paths).is_dir()]
    return max(found, key=lambda each: each.folder(paths).stat().st_mtime, default=None)
