"""`train script` and `train submit`: training as an array job of Slurm."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dlcctr.commands.cluster.options import ClusterOptions, with_cluster_options
from dlcctr.commands.option_group import with_options
from dlcctr.commands.training.train import options as own

if TYPE_CHECKING:
    from dlcctr.slurm.training.prepare import TrainRequest
    from dlcctr.slurm.training.submit import TrainSubmitted

WITHOUT = ("time_min", "batch_size", "allow_cpu", "trust_model", "fps", "tasks", "task_time_min")
Minutes = Annotated[
    int | None, typer.Option("--time", min=1, metavar="MIN", help="Time limit of a task; by default as was measured.")
]
Requeues = Annotated[
    int, typer.Option(min=0, metavar="N", help="How often a task puts itself back into the queue at its time limit.")
]


@with_options(own.TrainChoices, "chosen")
@with_cluster_options(without=WITHOUT)
def script(
    project: own.Project,
    *,
    chosen: own.TrainChoices,
    time_min: Minutes = None,
    requeues: Requeues = 20,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write; printed by default.")] = None,
    shared: ClusterOptions,
) -> None:
    """Print the sbatch script that trains shuffles of a project, to read, edit and submit.

    Several shuffles are tasks of one array. A task that reaches its time limit puts itself back into the queue.
    """
    from dlcctr.slurm.training.submit import print_training
    from dlcctr.system.terminal.console import print_script, warn
    from dlcctr.training.project import read_train_project

    request = _request(shared, chosen, time_min, requeues)
    made = print_training(read_train_project(project), request, output)
    _warn(made)
    if output:
        warn(f"wrote {output}; next: sbatch {shlex.quote(str(output))}")
    else:
        print_script(made.text)


@with_options(own.TrainChoices, "chosen")
@with_cluster_options(without=WITHOUT)
def submit(
    project: own.ProjectAnywhere,
    *,
    chosen: own.TrainChoices,
    time_min: Minutes = None,
    requeues: Requeues = 20,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and print the script; submit nothing.")] = False,
    shared: ClusterOptions,
    as_json: own.AsJson = False,
) -> None:
    """Submit the training of shuffles to Slurm; each goes on from its last snapshot.

    Shuffles that are trained are left out, and one that waits or runs already is refused. With --trial only a short
    trial is submitted; later submissions ask for the time and memory that it measured.
    """
    from dlcctr.slurm.training.submit import submit_training
    from dlcctr.training.project import read_train_project

    request = _request(shared, chosen, time_min, requeues)
    done = submit_training(read_train_project(project), request, dry_run=dry_run)
    _print_submitted(done, dry_run=dry_run, as_json=as_json)


def _request(shared: ClusterOptions, chosen: own.TrainChoices, time_min: int | None, requeues: int) -> TrainRequest:
    from dlcctr.commands.cluster.options import node_names
    from dlcctr.slurm.training.prepare import TrainRequest

    return TrainRequest(
        chosen.tasks(),
        shared.resolve_site(),
        chosen.options(),
        image=shared.image,
        time_min=time_min,
        mem_given=shared.mem_gb is not None,
        max_parallel=shared.max_parallel,
        exclude=node_names(shared.exclude),
        requeues=requeues,
    )


def _warn(made: TrainSubmitted) -> None:
    from dlcctr.system.terminal.console import warn

    for number in made.finished:
        warn(f"shuffle {number} left out: it is trained")
    for note in made.notes:
        warn(note)


def _print_submitted(done: TrainSubmitted, *, dry_run: bool, as_json: bool) -> None:
    from dlcctr.slurm.queue.scheduler import shown_cluster
    from dlcctr.system.terminal.console import plural, print_json, print_lines, print_script
    from dlcctr.training.paths import typed_project

    if as_json:
        print_json(
            "train submit",
            project=str(done.project.folder),
            iteration=done.project.iteration,
            shuffles=[{"shuffle": each.shuffle, "seed": each.seed} for each in done.tasks],
            finished=list(done.finished),
            job=done.job.job_id if done.job else None,
            cluster=done.job.cluster if done.job else None,
            name=done.script.name if done.script else None,
            time_min=done.script.time_min if done.script else None,
            mem_gb=done.mem_gb,
            notes=list(done.notes),
            dry_run=dry_run,
        )
        return
    _warn(done)
    name = typed_project(done.project.folder)
    if not done.tasks or done.script is None:
        print_lines(["nothing to submit", f"next: dlcctr train status {name}"])
        return
    if dry_run:
        print_script(f"{done.text}\n")
    what = (
        "would be submitted"
        if dry_run
        else f"job {done.job.job_id}{shown_cluster(done.job.cluster)}"
        if done.job
        else ""
    )
    numbers = ", ".join(
        f"{each.shuffle}" + (f" (seed {each.seed})" if each.seed is not None else "") for each in done.tasks
    )
    kind = "trial of shuffle" if "--trial" in done.script.words else "training of shuffle"
    print_lines([f"{what}: {plural(done.script.count, 'task')}, {kind} {numbers}"])
    print_lines(
        ["next: the same command without --dry-run submits this" if dry_run else f"next: dlcctr train status {name}"]
    )
