"""Hand the training of shuffles to Slurm, each at most once at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from dlcctr.errors import CommandFailedError, OutputError, ToolMissingError, TryAgainError, UsageError
from dlcctr.slurm.jobs.submissions import Array, Submission, SubmittedOptions
from dlcctr.slurm.queue import client
from dlcctr.slurm.queue.client import SubmittedJob
from dlcctr.slurm.queue.scheduler import shown_cluster
from dlcctr.slurm.script import option_words
from dlcctr.slurm.submit import preflight
from dlcctr.slurm.submit.job_arrays import with_clusters
from dlcctr.slurm.submit.submit import LOST_ANSWER, is_refusal
from dlcctr.slurm.training.ended import find_hidden
from dlcctr.slurm.training.ledger import PLAN, LiveTask, TrainingJob, ask, find_live, read_jobs, settle, write_jobs
from dlcctr.slurm.training.prepare import PreparedTraining, TrainRequest, prepare_training
from dlcctr.slurm.training.script import TrainScript, render_training
from dlcctr.system import disk, processes
from dlcctr.system.files import write_text_atomic
from dlcctr.system.kernel_locks import inherited_lock
from dlcctr.system.locks import campaign_lock
from dlcctr.training.paths import TrainingPaths, typed_project
from dlcctr.training.project import TrainProject
from dlcctr.training.start_weights import require_weights
from dlcctr.training.tasks import TrainTask

NO_SLURM_HINT = (
    "type this on a Slurm cluster's login node, or name the project there as for scp: dlcctr train submit HOST:FOLDER; "
    "`dlcctr train script PROJECT` prints the script alone"
)


@dataclass(frozen=True)
class TrainSubmitted:
    """What was (or, in a dry run, would be) submitted.

    Parameters
    ----------
    tasks : tuple of TrainTask
        Empty where everything is finished.
    finished : tuple of int
        Shuffles that were left out, since they are.
    start : float or None
        When Slurm would start it, in seconds since 1970; None where it does not say.
    """

    project: TrainProject
    tasks: tuple[TrainTask, ...] = ()
    finished: tuple[int, ...] = ()
    script: TrainScript | None = None
    text: str = ""
    notes: tuple[str, ...] = ()
    job: SubmittedJob | None = None
    mem_gb: int | None = None
    start: float | None = None


def print_training(project: TrainProject, request: TrainRequest, output: Path | None = None) -> TrainSubmitted:
    """Script for a person to submit, noted so that its job is recognised.

    Parameters
    ----------
    output : Path, optional
        File to write it to; a script that could not be written is not noted.

    Raises
    ------
    UsageError
        No image is known, or everything is finished.
    OutputError
        The project's folder cannot be written: its logs could not be either.
    """
    made = _without_finished(project, request)
    if not made.tasks:
        raise UsageError(_say_finished(made), "train another --shuffle, with --weights and this project")
    ready = prepare_training(project, replace(request, tasks=made.tasks))
    paths = TrainingPaths(project.folder)
    _make_folders(paths)
    printed = _with_script(made, ready)
    with campaign_lock(paths.lock):
        if output:
            write_text_atomic(output, printed.text)
        write_jobs(paths, [*read_jobs(paths), _job(project, ready, by_hand=True)])
    return printed


def submit_training(project: TrainProject, request: TrainRequest, *, dry_run: bool = False) -> TrainSubmitted:
    """Submit the shuffles of a request that are not finished.

    Raises
    ------
    TryAgainError
        One of them waits or runs already, or squeue does not answer.
    DlcctrError
        Every task would fail; nothing was submitted, or the message says what was.
    """
    request = replace(request, site=with_clusters(request.site))
    made = _without_finished(project, request)
    if not made.tasks:
        return made
    require_weights(request.options.weights)
    processes.find_tool("sbatch", hint=NO_SLURM_HINT)
    paths = TrainingPaths(project.folder)
    _make_folders(paths)
    with campaign_lock(paths.lock):
        jobs = read_jobs(paths)
        _refuse_live(project, made.tasks, jobs, paths)
        ready = prepare_training(project, replace(request, tasks=made.tasks))
        made = _with_script(made, ready)
        preflight.check_image_of(ready.script.image, project.engine)
        _check_folder(project)
        start = _try(project, made, ready)
        if dry_run:
            return replace(made, start=start)
        jobs = read_jobs(paths)  # settled by now
        return replace(made, start=start, job=_send(paths, made, ready, jobs))


def _without_finished(project: TrainProject, request: TrainRequest) -> TrainSubmitted:
    left = project.left_of(request.tasks, request.options)
    return TrainSubmitted(project, left, tuple(task.shuffle for task in request.tasks if task not in left))


def _say_finished(made: TrainSubmitted) -> str:
    return f"{made.project.folder}: shuffle {', '.join(map(str, made.finished))} is trained already"


def _make_folders(paths: TrainingPaths) -> None:
    for folder in (paths.logs, paths.scripts):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"{folder}: cannot be created: {error.strerror}", "train a copy of the project that you may write to"
            ) from error


def _check_folder(project: TrainProject) -> None:
    try:
        disk.try_writing(project.folder)
    except OSError as error:
        raise OutputError(
            f"{project.folder}: cannot be written: {error.strerror}", "train a copy that you may write to"
        ) from error


def _refuse_live(
    project: TrainProject, tasks: Sequence[TrainTask], jobs: Sequence[TrainingJob], paths: TrainingPaths
) -> None:
    """Refuse shuffles that a job has; where squeue does not answer nobody knows, and all are refused."""
    if not jobs:
        return
    scheduler = ask(jobs)
    if scheduler.silent:
        names = "".join(map(shown_cluster, sorted(scheduler.silent)))
        raise TryAgainError(
            f"squeue does not answer{names}, so it is not known whether these shuffles wait or run already",
            "nothing was submitted; try again in a few minutes",
        )
    wanted = {task.shuffle for task in tasks}
    jobs = settle(paths, jobs, scheduler)
    live = [each for each in find_live(jobs, scheduler) if each.job.iteration == project.iteration]
    taken = [each for each in live if each.task.shuffle in wanted]
    if taken:
        raise TryAgainError(
            f"nothing was submitted: {'; '.join(map(say_live, taken))}",
            f"see how far it is: dlcctr train status {typed_project(project.folder)}",
        )
    ours = [each for each in jobs if each.iteration == project.iteration]
    hidden = {number: user for number, user in find_hidden(ours, scheduler).items() if number in wanted}
    for number, user in hidden.items():
        raise TryAgainError(
            f"nothing was submitted: {user} has submitted shuffle {number}, and squeue shows no jobs of {user} here",
            f"let {user} say whether it waits or runs, and submit it",
        )


def say_live(each: LiveTask) -> str:
    """``shuffle 1 runs already as job 501_0``."""
    what = "is tried" if each.job.trial else "runs" if each.state.is_running else "waits"
    return f"shuffle {each.task.shuffle} {what} already as job {each.label}{shown_cluster(each.state.cluster)}"


def _with_script(made: TrainSubmitted, ready: PreparedTraining) -> TrainSubmitted:
    text = render_training(ready.script, ready.site)
    return replace(made, script=ready.script, text=text, notes=ready.notes, mem_gb=ready.site.mem_gb)


def _try(project: TrainProject, made: TrainSubmitted, ready: PreparedTraining) -> float | None:
    hint = f"check the script's #SBATCH lines: dlcctr train submit {typed_project(project.folder)} --dry-run"
    return preflight.try_script(made.text, option_words(ready.script, ready.site), project.folder, hint)


def _job(project: TrainProject, ready: PreparedTraining, *, by_hand: bool = False) -> TrainingJob:
    script, site = ready.script, ready.site
    options = SubmittedOptions(
        site=site.name,
        site_values=site,
        image=str(script.image),
        time_min=script.time_min,
        mem_gb=site.mem_gb,
        allow_cpu="--allow-cpu" in script.words,
        exclude=script.exclude,
        user=client.own_user(),
    )
    array = Array(script.name, 0, script.count)
    home = "" if by_hand else client.own_cluster()
    submission = Submission(PLAN, (array,), _now(), options=options, home=home, by_hand=by_hand)
    return TrainingJob(submission, script.tasks, project.iteration, script.words, trial="--trial" in script.words)


def _send(
    paths: TrainingPaths, made: TrainSubmitted, ready: PreparedTraining, jobs: Sequence[TrainingJob]
) -> SubmittedJob:
    """Note what is going to be submitted, submit it, and note the reply."""
    name = ready.script.name
    write_text_atomic(paths.script(name), made.text)
    job = _job(made.project, ready)
    words = ["sbatch", "--parsable", *option_words(ready.script, ready.site), str(paths.script(name))]
    with inherited_lock(paths.sbatch_lock) as handles:
        job = replace(job, submission=replace(job.submission, sent=_now()))
        write_jobs(paths, [*jobs, job])
        try:
            answer = client.submit(words, keep_open=handles)
        except CommandFailedError as error:
            if not is_refusal(error.message):
                hint = "run the same command again: it asks Slurm for the job by its name, and submits nothing twice"
                raise CommandFailedError(f"{error.message}\n{LOST_ANSWER}", hint) from error
            write_jobs(paths, jobs)
            hint = preflight.find_hint(error.message) or "fix the cause, then run the same command again"
            raise CommandFailedError(f"{error.message}\nnothing was submitted", hint) from error
        except (ToolMissingError, TryAgainError):  # it could not even be started
            write_jobs(paths, jobs)
            raise
    write_jobs(paths, [*jobs, replace(job, submission=job.submission.with_job(name, answer))])
    return answer


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")
