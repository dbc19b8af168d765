"""What was handed to the scheduler: one file for each submission, written before sbatch is asked and again after."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from dlcctr.campaign.manifest import read_manifest
from dlcctr.campaign.paths import CampaignPaths
from dlcctr.errors import ManifestError, OutputError
from dlcctr.planning.plan import Plan, PlanTask, read_plan
from dlcctr.results.receipt import epoch
from dlcctr.slurm.queue.client import SubmittedJob, is_cluster
from dlcctr.slurm.site.profile import Site
from dlcctr.system.files import files_of, write_text_atomic
from dlcctr.system.state_files import StateFile
from dlcctr.system.values.names import check_name
from dlcctr.system.values.records import OMIT, Open

ROW_BY_ROW = "row-by-row"
"""Plan id of a script without a plan: its array task N is row N."""
LOST_HINT = "put the file back, or check with squeue and sacct which jobs this campaign has"


@dataclass(frozen=True)
class Array:
    """One job array of a submission: its array indices 0 to ``count - 1`` are the plan's tasks from `offset` on.

    Parameters
    ----------
    name : str
        Job name; unique, so that a job whose id was never written down can be found by it.
    offset, count : int
        Number of its first task in the plan, from 0, and number of its tasks.
    job_id : str
        Job id; empty until sbatch has answered.
    cluster : str
        Cluster that took the job, if sbatch reported it; else empty.
    only : tuple of int
        Its array indices, if a person left some out; empty for all of them.
    steps : bool
        Its tasks do the steps of rows whose analysis is whole, and nothing else.

    Raises
    ------
    ValueError
        It covers no possible tasks, or its name, id or cluster is not valid.
    """

    name: str
    offset: int
    count: int
    job_id: str = ""
    cluster: str = field(default="", metadata=OMIT)
    only: tuple[int, ...] = field(default=(), metadata=OMIT)
    steps: bool = field(default=False, metadata=OMIT)

    def __post_init__(self) -> None:
        if self.offset < 0 or self.count < 1:
            raise ValueError(f"{self.count} tasks from number {self.offset} on")
        if not is_cluster(self.cluster):
            raise ValueError(f"cluster {self.cluster!r} is not a name")
        check_name(self.name, "the name of a job")
        if self.job_id:
            check_name(self.job_id, "the id of a job")

    def tasks(self, n_tasks: int) -> list[tuple[int, int]]:
        """Its array indices, each with the number of its task in a plan of `n_tasks`."""
        indices = self.only or range(self.count)
        return [(index, self.offset + index) for index in indices if self.offset + index < n_tasks]


@dataclass(frozen=True)
class SubmittedOptions(Open):
    """What a submission asked for, so that the next one can ask for the same or for more.

    Parameters
    ----------
    site : str
        Name of the site profile.
    site_values : Site or None
        The site as it was then, with the command line's changes; None if it was not recorded.
    image : str
        SIF that the tasks run.
    time_min, mem_gb : int or None
        Time limit in minutes and memory in GB of a task; None for the site's default.
    max_parallel, batch_size : int or None
        From the command line: most tasks at once, and frames per network call.
    allow_cpu : bool
        Whether tasks may run on a CPU.
    exclude : tuple of str
        Nodes to avoid.
    trust_model : bool
        Whether tasks may run code in a snapshot if the project asks for it.
    canary : int or None
        Index of the row that ran first, alone.
    user : str
        Who submitted it.
    causes : dict
        For a resubmission: machine word of the cause to the indices of its rows.
    steps_time_min, steps_mem_gb : int or None
        The same of the tasks that do the steps; None where there are none.
    raised_time_min, raised_mem_gb : bool
        Whether the limit was raised because of a cause; it then stays raised.
    """

    site: str = ""
    site_values: Site | None = None
    image: str = ""
    time_min: int | None = None
    mem_gb: int | None = None
    max_parallel: int | None = None
    batch_size: int | None = None
    allow_cpu: bool = False
    exclude: tuple[str, ...] = ()
    trust_model: bool = field(default=False, metadata=OMIT)
    canary: int | None = None
    user: str = ""
    causes: dict[str, tuple[int, ...]] = field(default_factory=dict, metadata=OMIT)
    steps_time_min: int | None = field(default=None, metadata=OMIT)
    steps_mem_gb: int | None = field(default=None, metadata=OMIT)
    raised_time_min: bool = field(default=False, metadata=OMIT)
    raised_mem_gb: bool = field(default=False, metadata=OMIT)

    @property
    def of_steps(self) -> SubmittedOptions:
        """The same for the tasks that did the steps, where these were apart."""
        if self.steps_time_min is None:
            return self
        return replace(self, time_min=self.steps_time_min, mem_gb=self.steps_mem_gb, site_values=None)

    @property
    def kept_time_min(self) -> int | None:
        """Time limit that was raised because of a cause, in minutes; None where it was not."""
        return self.time_min if self.raised_time_min else None

    @property
    def kept_mem_gb(self) -> int | None:
        """Memory that was raised because of a cause, in GB; None where it was not."""
        return self.mem_gb if self.raised_mem_gb else None


@dataclass(frozen=True)
class Submission:
    """A plan that was submitted.

    Parameters
    ----------
    plan : str
        Id of the plan.
    arrays : tuple of Array
        Its job arrays; a canary is an array of one task.
    created : str
        Time in UTC, ISO 8601.
    kind : str
        ``submit`` or ``resubmit``.
    options : SubmittedOptions
        Options of the command that submitted it.
    home : str
        Cluster of the machine that submitted it, which gets the jobs if none is named; empty if not known.
    sent : str
        When sbatch was last started, as `created`; empty if never recorded, and once all arrays have an id.
    logs : str
        Folder of its logs below the campaign's logs; empty where they lie in that itself.
    by_hand : bool
        A person submitted its scripts, or may do so: see `dlcctr.slurm.jobs.by_hand`.

    Raises
    ------
    ValueError
        `created` or `sent` is not a time, or `plan` or `logs` is not a plain name: files are written under them.
    """

    plan: str
    arrays: tuple[Array, ...]
    created: str
    kind: str = "submit"
    options: SubmittedOptions = field(default_factory=SubmittedOptions)
    home: str = field(default="", metadata=OMIT)
    sent: str = field(default="", metadata=OMIT)
    logs: str = field(default="", metadata=OMIT)
    by_hand: bool = field(default=False, metadata=OMIT)

    def __post_init__(self) -> None:
        for name, time in (("created", self.created), ("sent", self.sent or self.created)):
            if epoch(time) is None:
                raise ValueError(f"{name} {time!r} is not a time")
        if not is_cluster(self.home):
            raise ValueError(f"home {self.home!r} is not a name")
        check_name(self.plan, "the id of a plan")
        if self.logs:
            check_name(self.logs, "a folder of logs")

    @property
    def created_s(self) -> float:
        """When it was submitted, in seconds since 1970."""
        return epoch(self.created) or 0.0

    @property
    def sent_s(self) -> float:
        """When sbatch was last started for it, in seconds since 1970."""
        return epoch(self.sent) or self.created_s

    @property
    def lost(self) -> tuple[Array, ...]:
        """Arrays whose job's id is not known."""
        return tuple(array for array in self.arrays if not array.job_id)

    def with_job(self, name: str, job: SubmittedJob) -> Submission:
        """Copy that knows the job of one of its arrays."""
        arrays = tuple(
            replace(each, job_id=job.job_id, cluster=job.cluster) if each.name == name else each for each in self.arrays
        )
        return replace(self, arrays=arrays, sent=self.sent if any(not each.job_id for each in arrays) else "")

    def with_sent_only(self) -> Submission:
        """Copy with only the arrays that have an id, since the others are known not to have been submitted."""
        return replace(self, arrays=tuple(each for each in self.arrays if each.job_id), sent="")

    def clusters(self, array: Array, *, name_home: bool) -> tuple[str, ...]:
        """Clusters that have, or may have, an array's job.

        Parameters
        ----------
        name_home : bool
            Include the name of the default cluster, if it is known.

        Returns
        -------
        tuple of str
            At least one name; an empty one is the cluster that this machine's commands use by default.
        """
        if array.cluster:
            return (array.cluster,)
        site = self.options.site_values
        return (site.clusters if site else ()) or (self.home if name_home else "",)


SUBMISSIONS = StateFile(
    Submission,
    "a submission",
    ManifestError,
    hint=LOST_HINT,
    read_hint=LOST_HINT,
    version_hint="use the dlcctr that submitted it",
)


def write_submission(paths: CampaignPaths, submission: Submission) -> None:
    """Write a submission under its plan's id."""
    write_text_atomic(paths.submission(submission.plan), SUBMISSIONS.text(submission))


def announce_submission(paths: CampaignPaths, submission: Submission) -> None:
    """Record what sbatch is about to be given. If that fails, nothing more counts as submitted.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    try:
        write_submission(paths, submission)
    except OutputError:
        with contextlib.suppress(OutputError, OSError):  # else the next command waits until it cannot arrive any more
            forget_arrays(paths, submission.with_sent_only())
        raise


def read_submissions(paths: CampaignPaths) -> list[Submission]:
    """All submissions, oldest first; none where nothing was submitted.

    Raises
    ------
    ManifestError
        A file cannot be read, or is not a submission; without it rows could be submitted twice.
    ContractError
        One was written by another contract version.
    OSError
        The folder cannot be read, as where it is another user's.
    """
    files = files_of(paths.submissions, ".json")
    # not by their names: these begin with a local time, which goes back by an hour in autumn
    return sorted(map(SUBMISSIONS.read, files), key=lambda each: (each.created_s, each.kind != "submit"))


def find_plan(paths: CampaignPaths, plan_id: str) -> Plan:
    """Plan of a submission; for a script that has none, the one whose task N is row N.

    Raises
    ------
    ManifestError, ContractError
        As `dlcctr.planning.plan.read_plan`.
    """
    if plan_id != ROW_BY_ROW:
        return read_plan(paths.plan(plan_id))
    last = max((row.index for row in read_manifest(paths.manifest)), default=-1)
    tasks = tuple(PlanTask((index,), 0.0, "") for index in range(last + 1))
    return Plan(ROW_BY_ROW, paths.manifest.name, tasks, time_limit_min=0)


def allocated_rows(paths: CampaignPaths, submissions: Iterable[Submission]) -> set[int]:
    """Rows of all tasks that were ever submitted.

    Raises
    ------
    ManifestError
        A plan that was submitted cannot be read.
    """
    rows: set[int] = set()
    for submission in submissions:
        if submission.arrays:
            tasks = find_plan(paths, submission.plan).tasks
            for array in submission.arrays:
                for _, number in array.tasks(len(tasks)):
                    rows.update(tasks[number].rows)
    return rows


def forget_arrays(paths: CampaignPaths, submission: Submission) -> None:
    """Write a submission without the arrays that were not submitted; remove it if none is left."""
    if submission.arrays:
        write_submission(paths, submission)
    else:
        paths.submission(submission.plan).unlink(missing_ok=True)
