"""Jobs that a person submitted, from a script that dlcctr printed or a copy of `slurm/array.sbatch`.

Their ids are not recorded. A waiting job is recognised by its name in squeue's output; once a task has begun, by
the note that the script leaves beside the manifest. From then on it is a submission like any other.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone

from dlcctr.campaign.manifest import read_manifest
from dlcctr.campaign.paths import CampaignPaths
from dlcctr.slurm.jobs.job_notes import JobNote, read_job_notes
from dlcctr.slurm.jobs.submissions import ROW_BY_ROW, SUBMISSIONS, Array, Submission
from dlcctr.slurm.queue.client import SubmittedJob
from dlcctr.slurm.queue.output import TaskState
from dlcctr.slurm.queue.own_jobs import may_be_called
from dlcctr.slurm.queue.scheduler import Scheduler, ask_scheduler
from dlcctr.system.files import files_of, write_text_atomic

COPY_PREFIX = "dlcctr-"
"""Prefix of the job name that copies of `slurm/array.sbatch` should have; the manifest's name follows."""
BEGUN_S = 120.0
"""Seconds after which a task of this campaign has certainly left its note."""


def write_printed(paths: CampaignPaths, name: str, printed: Submission) -> None:
    """Record that scripts were printed, under the name that their jobs' names begin with."""
    paths.printed.mkdir(parents=True, exist_ok=True)
    write_text_atomic(paths.printed / f"{name}.json", SUBMISSIONS.text(printed))


@dataclass(frozen=True)
class ByHand:
    """What files say about jobs that a person submitted, or may submit.

    Parameters
    ----------
    begun : list of Submission
        Jobs with at least one task that has begun; each has an id.
    printed : list of Submission
        Scripts that were printed; none has an id. squeue tells whether one was submitted.
    copy : Submission
        What a copy of `slurm/array.sbatch` would be, whose array index N is row N.
    """

    begun: list[Submission]
    printed: list[Submission]
    copy: Submission


@dataclass(frozen=True)
class FoundByHand:
    """The same, after Slurm was asked.

    Parameters
    ----------
    submissions : list of Submission
        Jobs that exist or existed; each has an id.
    copies : list of Submission
        Jobs whose name alone suggests that they belong to this campaign: see `doubt`.
    unknown : list of Submission
        Printed scripts of which it is not known whether a person submitted them: squeue did not answer, or its text
        cuts names off.
    """

    submissions: list[Submission]
    copies: list[Submission] = field(default_factory=list)
    unknown: list[Submission] = field(default_factory=list)


def read_by_hand(paths: CampaignPaths, submissions: Sequence[Submission]) -> ByHand:
    """Read notes and printed scripts, without the jobs that `submit` sent.

    Raises
    ------
    ManifestError, ContractError
        A file cannot be read.
    """
    files = files_of(paths.printed, ".json")
    printed = [SUBMISSIONS.read(file) for file in files]
    notes = [note for note in read_job_notes(paths) if not any(_has(each, note) for each in submissions)]
    begun = [_of_note(note, printed, paths) for note in notes]
    name = f"{COPY_PREFIX}{paths.manifest.stem}"
    last = max((row.index for row in read_manifest(paths.manifest)), default=0) if paths.manifest.is_file() else 0
    copy = Submission(ROW_BY_ROW, (Array(name, 0, last + 1),), _now(), by_hand=True)
    return ByHand(begun, printed, copy)


def with_noted_ids(paths: CampaignPaths, submission: Submission) -> Submission:
    """Submission whose arrays have the ids that their jobs noted themselves, if sbatch's reply got lost."""
    if submission.lost:
        for note in read_job_notes(paths):
            if note.name in {array.name for array in submission.lost}:
                submission = submission.with_job(note.name, SubmittedJob(note.job_id))
    return submission


def ask_by_hand(found: ByHand, *, copies: bool) -> Scheduler:
    """Ask Slurm for jobs by the names of scripts that were printed.

    Parameters
    ----------
    copies : bool
        Ask for copies of `slurm/array.sbatch` too; squeue not knowing them means nothing.
    """
    asked = ask_scheduler(found.printed) if found.printed else Scheduler()
    return asked.joined(ask_scheduler([found.copy], past=False), quietly=True) if copies else asked


def find_by_hand(by_hand: ByHand, known: Iterable[Submission], scheduler: Scheduler) -> FoundByHand:
    """Find out which scripts became which jobs.

    Parameters
    ----------
    known : iterable of Submission
        All other submissions, which have their own jobs.
    """
    taken = [*known, *by_hand.begun]
    found, unknown = [_with_waiting(each, scheduler) for each in by_hand.begun], list[Submission]()
    for printed in by_hand.printed:
        jobs = [made for array in printed.arrays for made in _jobs(printed, array, scheduler, taken)]
        found += jobs
        places = {place for array in printed.arrays for place in printed.clusters(array, name_home=False)}
        if not jobs and not scheduler.knows(places, printed.options.user) and not _has_begun(printed, by_hand.begun):
            unknown.append(printed)
    copies = _jobs(by_hand.copy, by_hand.copy.arrays[0], scheduler, [*taken, *found])
    return FoundByHand(found, [each for each in copies if _may_be(each, scheduler)], unknown)


def doubt(copy: Submission) -> tuple[str, str]:
    """Why it is not certain that a job belongs to this campaign, and what to do about that; both for people."""
    (array,) = copy.arrays
    return (
        f"job {array.job_id} is called {array.name}, as a copy of slurm/array.sbatch for this manifest would be; "
        "whether it is one is known once a task of it has begun",
        f"wait until then; or, if it is another campaign's: scontrol update JobId={array.job_id} JobName=NAME",
    )


def _has(submission: Submission, note: JobNote) -> bool:
    """Whether a job that left a note belongs to a submission."""
    return any(
        note.is_of(array.job_id, array.cluster or submission.home) if array.job_id else array.name == note.name
        for array in submission.arrays
    )


def _of_note(note: JobNote, printed: Sequence[Submission], paths: CampaignPaths) -> Submission:
    script = next((each for each in printed if note.name in {array.name for array in each.arrays}), None)
    logs = script.logs if script else ""
    indices = note.indices
    if not indices:  # a list such as 3,7,12: the tasks that have begun have logs
        prefix = f"{note.job_id}_"
        names = [file.stem.removeprefix(prefix) for file in (paths.logs / logs).glob(f"{prefix}*.log")]
        indices = tuple(sorted(int(name) for name in names if name.isdecimal()))
    return note.submission(script, indices, logs)


def _has_begun(printed: Submission, begun: Iterable[Submission]) -> bool:
    names = {array.name for array in printed.arrays}
    return any(array.name in names for each in begun for array in each.arrays)


def _jobs(script: Submission, array: Array, scheduler: Scheduler, known: Sequence[Submission]) -> Iterable[Submission]:
    """Jobs with an array's name that belong to no submission yet, one after the other."""
    states: dict[tuple[str, str], list[TaskState]] = {}
    for answer in (scheduler.squeue, scheduler.sacct):
        for state in answer.states.values():
            if may_be_called(state, array.name) and not _is_known(state, known):
                states.setdefault((state.job_id, state.cluster), []).append(state)
    for (job_id, cluster), members in states.items():
        tasks = [state.task for state in members]
        only = () if None in tasks else tuple(sorted({task for task in tasks if task is not None}))
        count = max([array.count, *(task + 1 for task in only)])
        made = Array(array.name, array.offset, count, job_id, cluster, only)
        yield replace(script, arrays=(made,))


def _is_known(state: TaskState, submissions: Iterable[Submission]) -> bool:
    return any(_is_of(state, each) for each in submissions)


def _is_of(state: TaskState, submission: Submission) -> bool:
    """Whether a task belongs to a submission; an unknown cluster, on either side, is taken for the right one."""
    for array in submission.arrays:
        places = {state.cluster, array.cluster or submission.home}
        if array.job_id == state.job_id and ("" in places or len(places) == 1):
            return True
    return False


def _with_waiting(begun: Submission, scheduler: Scheduler) -> Submission:
    """Job whose array indices are a list: those that wait are in squeue's text."""
    (array,) = begun.arrays
    if not array.only:
        return begun
    states = [each for answer in (scheduler.squeue, scheduler.sacct) for each in answer.states.values()]
    tasks = {state.task for state in states if _is_of(state, begun)}
    only = () if None in tasks else tuple(sorted({*array.only, *(task for task in tasks if task is not None)}))
    return replace(begun, arrays=(replace(array, only=only, count=max([array.count, *(n + 1 for n in only)])),))


def _may_be(job: Submission, scheduler: Scheduler) -> bool:
    """Whether a job with a copy's name may be this campaign's: it is live, and has not run for long without a note."""
    array = job.arrays[0]
    states = [each for each in scheduler.squeue.states.values() if each.job_id == array.job_id]
    long = [each for each in states if each.is_running and (each.elapsed_s is None or each.elapsed_s > BEGUN_S)]
    return any(each.is_live for each in states) and not long


def _now() -> str:
    return datetime.fromtimestamp(time.time(), timezone.utc).isoformat(timespec="seconds")
