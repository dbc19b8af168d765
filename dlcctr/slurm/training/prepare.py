"""What comes before a training is submitted or printed: image, binds, time and memory, the script."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dlcctr.contract import SIF_NAME
from dlcctr.errors import UsageError
from dlcctr.image.flavours import find_sifs
from dlcctr.runtime.train_run import settled, training_binds
from dlcctr.slurm.own_image import HOW_TO_NAME, find_own_sif
from dlcctr.slurm.script import job_name
from dlcctr.slurm.site.profile import Site
from dlcctr.slurm.training.script import REQUEUES, TrainScript
from dlcctr.system.files import absolute
from dlcctr.system.terminal.console import duration, plural
from dlcctr.training.needs import TRIAL_MIN, Measured, Needs, measure, needs_of
from dlcctr.training.paths import TrainingPaths
from dlcctr.training.project import TrainProject
from dlcctr.training.tasks import TrainOptions, TrainTask


@dataclass(frozen=True)
class TrainRequest:
    """What is to be trained on a cluster, and how.

    Parameters
    ----------
    image : str
        SIF; empty for the one that is found.
    time_min : int or None
        Time limit of a task in minutes; by default what was measured.
    mem_given : bool
        Whether the site's memory was given on the command line, so that nothing measured replaces it.
    """

    tasks: tuple[TrainTask, ...]
    site: Site
    options: TrainOptions = field(default_factory=TrainOptions)
    image: str = ""
    time_min: int | None = None
    mem_given: bool = False
    max_parallel: int | None = None
    exclude: tuple[str, ...] = ()
    requeues: int = REQUEUES


@dataclass(frozen=True)
class PreparedTraining:
    """A script that would be submitted; `notes` say where time and memory come from."""

    script: TrainScript
    site: Site
    notes: tuple[str, ...] = ()


def prepare_training(project: TrainProject, request: TrainRequest) -> PreparedTraining:
    """Make the script of a request; nothing is asked or written.

    Raises
    ------
    UsageError
        No image is known, or a path cannot be bound.
    ModelError
        The start weights are a bundle that does not fit.
    """
    options = settled(request.options, project)
    needs, notes = _needs(project, request)
    site = request.site
    if needs.mem_gb is not None and site.mem_gb != 0 and not request.mem_given:
        site = replace(site, mem_gb=needs.mem_gb)
    paths, count = TrainingPaths(project.folder), len(request.tasks)
    what = "trial of" if options.trial else "training of"
    throttle = request.max_parallel or site.max_parallel
    script = TrainScript(
        name=job_name(f"dlcctr-train-{project.folder.name}-{secrets.token_hex(4)}"),
        title=f"dlcctr: {what} {plural(count, 'shuffle')} of {project.folder}, iteration {project.iteration}",
        image=find_image(request.image, project),
        logs=paths.logs,
        count=count,
        throttle=throttle,
        time_min=needs.time_min,
        binds=training_binds(project.folder, options),
        words=options.words,
        exclude=request.exclude,
        project=project.folder,
        tasks=request.tasks,
        requeues=0 if options.trial else request.requeues,
    )
    return PreparedTraining(script, site, tuple(notes))


def find_image(wanted: str, project: TrainProject) -> Path:
    """SIF that trains: the one asked for, the one this program runs in, or one here or beside or in the project.

    The file need not exist: this may run on another machine than the tasks.

    Raises
    ------
    UsageError
        No SIF is known.
    """
    if wanted:
        return absolute(Path(wanted).expanduser())
    if own := find_own_sif():
        return own
    folders = (Path(), project.folder, project.folder.parent)
    names = [*(folder / SIF_NAME for folder in folders), *_flavoured(folders, project.engine)]
    for file in names:
        if file.is_file():
            return absolute(file)
    raise UsageError(
        f"no image is given, and there is no {SIF_NAME} here, in {project.folder} or beside it", HOW_TO_NAME
    )


def _flavoured(folders: Sequence[Path], engine: str) -> Iterator[Path]:
    for folder in folders:
        yield from find_sifs(folder, engine)


def _needs(project: TrainProject, request: TrainRequest) -> tuple[Needs, list[str]]:
    """Time and memory to ask for, and a line on where each comes from."""
    most = request.site.max_time_min
    if request.options.trial:
        limit = request.time_min or min(TRIAL_MIN, most or TRIAL_MIN)
        return Needs(limit), [f"time limit: {duration(60 * limit)}, for a short trial"]
    measured = _measured(project, request)
    needs = needs_of(measured, most)
    known = [each for each in measured if each is not None]
    notes = [] if request.time_min else [_say_time(needs, known)]
    if not request.mem_given and request.site.mem_gb != 0:
        notes.append(_say_memory(needs, known, request.site.mem_gb))
    return (replace(needs, time_min=request.time_min) if request.time_min else needs), notes


def _measured(project: TrainProject, request: TrainRequest) -> list[Measured | None]:
    """What each shuffle takes; one of which nothing was measured takes what another one's trial says."""
    options = request.options
    trials = [each.trial for each in project.shuffles if each.trial is not None]
    alike = [measure(trial, None, options.epochs) for trial in trials if options.net_type in ("", trial.net_type)]
    most = max((each for each in alike if each is not None), key=lambda each: each.seconds, default=None)
    folders = [project.find(task.shuffle) for task in request.tasks]
    return [(measure(each.trial, each.training, options.epochs) if each else None) or most for each in folders]


def _say_time(needs: Needs, known: Sequence[Measured]) -> str:
    limit = f"time limit: {duration(60 * needs.time_min)}"
    if not known:
        return (
            f"{limit}, since nothing was measured; a training that needs longer goes on in the next job. Short jobs "
            "start sooner: after a trial (the same command with --trial, minutes) it asks for what is needed. "
            "Or give --time"
        )
    longest = max(known, key=lambda each: each.seconds)
    on = f" on {longest.device}" if longest.device else ""
    again = f"; it goes on in about {plural(needs.jobs - 1, 'more job')}" if needs.jobs > 1 else ""
    return f"{limit}, for {duration(longest.seconds)} as measured{on}{again}"


def _say_memory(needs: Needs, known: Sequence[Measured], site_gb: int | None) -> str:
    if needs.mem_gb is None:
        return (
            f"memory: {f'{site_gb} GB' if site_gb else 'the cluster decides'}, as the site profile says: not measured"
        )
    return f"memory: {needs.mem_gb} GB, for {max(each.host_mb for each in known) / 1024:.1f} GB as measured"
