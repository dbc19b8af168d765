"""`train status`: how far each shuffle is, and what to type next."""

from __future__ import annotations

import math
import shlex
from typing import TYPE_CHECKING, Any

import typer

from dlcctr.commands.cluster.options import SqueueText
from dlcctr.commands.training.train import options as own

if TYPE_CHECKING:
    from dlcctr.slurm.training.status import ShuffleStatus, TrainStatus

MOST_LOSSES = 200
"""Most points of a curve in JSON."""
COLUMNS = ("shuffle", "state", "done", "loss", "test", "curve", "left", "job")
CURVE = 12


def status(project: own.ProjectAnywhere, *, squeue: SqueueText = "", as_json: own.AsJson = False) -> None:
    """Show how far each shuffle is trained, its loss, and what to type next.

    Exits with 0 if all are trained, 75 while one waits or runs, and 20 if one needs your attention.
    """
    from dlcctr.commands.cluster.options import given_texts
    from dlcctr.slurm.training.status import train_status
    from dlcctr.training.project import read_train_project

    text, _ = given_texts(squeue, "")
    found = train_status(read_train_project(project), text)
    if as_json:
        _print_json(found)
    else:
        _print(found)
    raise typer.Exit(int(found.exit_code))


def _print(found: TrainStatus) -> None:
    from dlcctr.slurm.status.pending import release_command
    from dlcctr.system.terminal.console import print_lines, print_table, warn

    project = found.project
    print_lines([f"{project.folder}: iteration {project.iteration}, {project.engine}"])
    if found.silent:
        warn("squeue does not answer: what waits or runs is not known")
    if found.shuffles:
        print_table(COLUMNS, [_cells(each) for each in found.shuffles])
    else:
        print_lines(["no shuffle has a training yet"])
    for each in found.shuffles:
        if each.cause:
            print_lines([f"shuffle {each.shuffle}: {each.cause}"])
            if each.hint:
                print_lines([f"  what to do: {each.hint}"])
        if each.reason:
            print_lines([f"shuffle {each.shuffle} waits: {each.reason}"])
        if each.is_held:
            print_lines([f"  it would wait for ever: {each.remedy}: {release_command([each.job])}"])
        elif each.remedy:
            print_lines([f"  it would wait for ever: {each.remedy}; first take it back: scancel {each.job}"])
        if each.log is not None and each.log.is_file():
            print_lines([f"shuffle {each.shuffle}, log: {each.log}"])
    print_lines(say_next(found))


def _cells(each: ShuffleStatus) -> tuple[str, ...]:
    from dlcctr.system.terminal.console import duration
    from dlcctr.training.curve import sparkline

    training = each.training
    done = f"{training.epochs_done}/{training.epochs_wanted}" if training else ""
    train = [row.train_loss for row in each.losses]
    left = each.seconds_left
    place = " ".join(filter(None, (each.job, each.node)))
    return (
        str(each.shuffle),
        each.phase.value,
        done,
        _number(_last(train)),
        _number(_last([row.test_loss for row in each.losses])),
        sparkline(train, CURVE),
        duration(left) if left else "",
        place,
    )


def _last(values: list[float]) -> float:
    return next((value for value in reversed(values) if math.isfinite(value)), math.nan)


def _number(value: float) -> str:
    return f"{value:.2g}" if math.isfinite(value) else ""


def say_next(found: TrainStatus) -> list[str]:
    """What to type next, one line for each kind of shuffle."""
    from dlcctr.slurm.training.status import BUSY, TrainPhase
    from dlcctr.training.paths import is_typed_elsewhere, typed_project

    name = typed_project(found.project.folder)
    of: dict[TrainPhase, list[int]] = {}
    for each in found.shuffles:
        of.setdefault(each.phase, []).append(each.shuffle)
    tried = [each.shuffle for each in found.shuffles if each.phase is TrainPhase.UNTRAINED and each.trial]
    untried = [number for number in of.get(TrainPhase.UNTRAINED, []) if number not in tried]
    lines, here = [], found.has_slurm
    start = f" --weights {shlex.quote(str(found.project.folder))}" if found.project.has_before else ""
    if untried or not found.shuffles:
        why = "a short trial, which measures time and memory"
        lines.append(_train(name, untried, why, f"{start} --trial", has_slurm=here))
    if tried:
        lines.append(_train(name, tried, "as measured", start, has_slurm=here))
    lines += _next_stopped(found, name)
    if any(phase in BUSY for phase in of):
        lines.append(f"next, to look again: dlcctr train status {name}")
    if numbers := of.get(TrainPhase.DONE):
        lines.append(
            f"next, shuffle {_listed(numbers)}, bring it home: dlcctr train fetch {name} PROJECT"
            if is_typed_elsewhere()
            else f"next, shuffle {_listed(numbers)}, evaluate it and go on: dlcctr loop status {name}"
        )
    return lines


def _next_stopped(found: TrainStatus, name: str) -> list[str]:
    from dlcctr.slurm.training.status import TrainPhase

    failed = [each for each in found.shuffles if each.phase is TrainPhase.FAILED]
    whys = (
        ("go on from the last snapshot", "", [each for each in found.shuffles if each.phase is TrainPhase.STOPPED]),
        ("when the cause is fixed", "", [each for each in failed if not each.trial_failed]),
        ("when the cause is fixed", " --trial", [each for each in failed if each.trial_failed]),
    )
    return [_train(name, [each.shuffle for each in some], why, options, has_slurm=found.has_slurm)
            for why, options, some in whys if some]  # fmt: skip


def _train(name: str, numbers: list[int], why: str, options: str = "", *, has_slurm: bool) -> str:
    from dlcctr.training.paths import is_typed_elsewhere

    words = "".join(f" --shuffle {number}" for number in numbers) + options
    about = f", shuffle {_listed(numbers)}" if numbers else ""
    # `run` is for the machine where it is typed: somebody elsewhere is told by `submit` what is missing there
    if has_slurm or is_typed_elsewhere():
        return f"next{about}, {why}: dlcctr train submit {name}{words}"
    return f"next{about}, {why}: dlcctr train run {name}{words}"


def _listed(numbers: list[int]) -> str:
    from dlcctr.system.terminal.console import ranges

    return ranges(numbers)


def _print_json(found: TrainStatus) -> None:
    from dlcctr.system.terminal.console import print_json

    print_json(
        "train status",
        project=str(found.project.folder),
        iteration=found.project.iteration,
        engine=found.project.engine,
        silent=found.silent,
        shuffles=[_fields(each) for each in found.shuffles],
        next=say_next(found),
    )


def _fields(each: ShuffleStatus) -> dict[str, Any]:
    from dlcctr.model.curve.losses import losses_for_json
    from dlcctr.system.values.records import to_table

    left = each.seconds_left
    step = max(1, math.ceil(len(each.losses) / MOST_LOSSES))
    rows = each.losses[::-1][::step][::-1]  # the last one is always among them
    return {
        "shuffle": each.shuffle,
        "state": each.phase.value,
        "folder": each.folder,
        "job": each.job,
        "node": each.node,
        "reason": each.reason,
        "cause": each.cause,
        "hint": each.hint,
        "seconds_left": None if left is None else round(left, 1),
        "training": to_table(each.training) if each.training else None,
        "trial": to_table(each.trial) if each.trial else None,
        "losses": losses_for_json(rows),
    }
