"""Throughput of a campaign: frames/s, GPU-hours, time left, speed-up. Unknown values stay None."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dlcctr.results.row_state import Attempt, RowResult
from dlcctr.slurm.jobs.ledger import Ledger, SubmittedTask
from dlcctr.slurm.queue.output import Key, TaskState
from dlcctr.slurm.status.live_tasks import LiveTask

RECENT = 100
"""Number of newest receipts that give the current speed."""


@dataclass(frozen=True)
class Throughput:
    """Throughput of a campaign; None where not known.

    Parameters
    ----------
    running_tasks, pending_tasks : int
        Array tasks that run and wait.
    frames_per_s : float or None
        Frames per second of all running tasks together, by their logs, else by the newest receipts.
    gpu_hours : float or None
        GPU-hours used so far.
    gpu_hours_source : str
        ``accounting``, ``receipts``, which know only of rows that were finished, or ``accounting and receipts``; empty
        where not known.
    left_s : float or None
        Expected time until the last task ends, if as many tasks run as now. None also where all that was planned
        for the running tasks is used up and nothing of them was measured.
    left_is_measured : bool
        Whether the time left was measured in this campaign rather than taken from the plan.
    measured_to_expected : float or None
        Time that finished tasks took, over what the plan had expected.
    speed_up : float or None
        Time that finished rows took one by one, over the time since the first of them was begun.
    """

    running_tasks: int = 0
    pending_tasks: int = 0
    frames_per_s: float | None = None
    gpu_hours: float | None = None
    gpu_hours_source: str = ""
    left_s: float | None = None
    left_is_measured: bool = False
    measured_to_expected: float | None = None
    speed_up: float | None = None


def measure(
    live: Iterable[int],
    results: Sequence[RowResult],
    ledger: Ledger,
    states: Mapping[Key, TaskState | None],
    accounted: Iterable[TaskState],
    *,
    looked: Iterable[LiveTask] = (),
    now: float,
) -> Throughput:
    """Measure a campaign.

    Parameters
    ----------
    live : iterable of int
        Indices of rows that wait or run.
    results : sequence of RowResult
        Results of all rows, from `dlcctr.results.check.check`.
    states : mapping
        States of the tasks that are the newest of some row.
    accounted : iterable of TaskState
        States of all tasks that accounting knows.
    looked : iterable of LiveTask
        How far the tasks that run are, by their logs.
    now : float
        Seconds since 1970.
    """
    left, tasks = set(live), ledger.tasks
    made = {each.row.index: each.made for each in results if each.made}  # whatever the steps after them still wait for
    going = [task for task in tasks if left.intersection(task.rows) and (state := states.get(task.key)) is not None
             and state.is_live]  # fmt: skip
    running = [task for task in going if _running(states, task)]
    analysing = [task for task in running if not task.steps]
    own = [attempt for attempt in made.values() if ledger.has(attempt.job_id, attempt.cluster) and attempt.total_s]
    seen = {each.key: each for each in looked}
    ratio = _ratio(tasks, made, states)
    pace = ratio or _running_ratio(running, seen)
    left_s = _left(going, running, left, states, seen=seen, ratio=pace or 1.0)
    hours, source = _gpu_hours([state for state in accounted if (state.job_id, state.cluster) in ledger.jobs], own)
    return Throughput(
        running_tasks=len(running),
        pending_tasks=len(going) - len(running),
        frames_per_s=_speed_now(analysing, seen)
        or _frames_per_s(own, sum(min(task.lanes, len(task.rows)) for task in analysing)),
        gpu_hours=hours,
        gpu_hours_source=source,
        left_s=left_s,
        left_is_measured=left_s is not None and pace is not None,
        measured_to_expected=ratio,
        speed_up=_speed_up(own, now if left else None),
    )


def _running(states: Mapping[Key, TaskState | None], task: SubmittedTask) -> bool:
    state = states.get(task.key)
    return state is not None and state.is_running


def _speed_now(running: Sequence[SubmittedTask], seen: Mapping[Key, LiveTask]) -> float | None:
    """Speed of all running tasks by their logs; those that are starting are taken for as fast as the others."""
    known = [task.frames_per_s for each in running if (task := seen.get(each.key)) and task.frames_per_s]
    return sum(known) / len(known) * len(running) if known else None


def _running_ratio(running: Sequence[SubmittedTask], seen: Mapping[Key, LiveTask]) -> float | None:
    """Time that running tasks will have taken, as it was measured, over what the plan expected."""
    taken = expected = 0.0
    for each in running:
        task = seen.get(each.key)
        if task and task.left_s is not None and task.elapsed_s is not None:
            taken += task.elapsed_s + task.left_s
            expected += each.cost_s
    return taken / expected if taken > 0 and expected > 0 else None


def _frames_per_s(own: Sequence[Attempt], at_a_time: int) -> float | None:
    """Speed of one row by the newest receipts, times the rows that are worked on at a time."""
    known = [each for each in own if each.frames and each.finished is not None]
    recent = sorted(known, key=lambda each: each.finished or 0.0)[-RECENT:]
    seconds = sum(each.total_s or 0.0 for each in recent)
    return at_a_time * sum(each.frames or 0 for each in recent) / seconds if at_a_time and seconds > 0 else None


def _gpu_hours(states: Sequence[TaskState], own: Sequence[Attempt]) -> tuple[float | None, str]:
    """Of all that accounting counted; of jobs that it has forgotten, or does not show, what their receipts say."""
    accounted = {state.job_id for state in states if state.gpu_s is not None}
    hours = sum(state.gpu_s or 0 for state in states) / 3600
    seconds = [each.total_s or 0.0 for each in own if each.on_gpu and each.job_id not in accounted]
    source = " and ".join([*(["accounting"] if accounted else []), *(["receipts"] if seconds else [])])
    return (hours + sum(seconds) / 3600, source) if source else (None, "")


def _ratio(
    tasks: Iterable[SubmittedTask], made: Mapping[int, Attempt], states: Mapping[Key, TaskState | None]
) -> float | None:
    """Of tasks that have finished all of their rows: by accounting, else from the first start to the last end."""
    measured = expected = 0.0
    for task in tasks:
        attempts = [made[row] for row in task.rows if row in made]
        if len(attempts) < len(task.rows) or not all(map(task.made, attempts)):
            continue
        state = states.get(task.key)
        seconds = float(state.elapsed_s or 0) if state and not state.is_live else 0.0
        measured += seconds or _wall(attempts)
        expected += task.cost_s
    return measured / expected if measured > 0 and expected > 0 else None


def _wall(attempts: Sequence[Attempt]) -> float:
    begun = [each.started for each in attempts if each.started is not None]
    ended = [each.finished for each in attempts if each.finished is not None]
    return max(ended) - min(begun) if begun and ended else 0.0


def _left(
    going: Sequence[SubmittedTask],
    running: Sequence[SubmittedTask],
    left: set[int],
    states: Mapping[Key, TaskState | None],
    *,
    seen: Mapping[Key, LiveTask],
    ratio: float,
) -> float | None:
    """Work left, shared by the tasks that run; no less than the longest of them. Unknown while none runs."""
    measured = {key: task.left_s for key, task in seen.items() if task.left_s is not None}
    if not running or not all(task.cost_s or task.key in measured for task in going):
        return None  # a script without a plan expects nothing of a task that waits
    costs = [
        measured[task.key] if task.key in measured else ratio * _cost_left(task, left, states.get(task.key), ratio)
        for task in going
    ]
    return max(sum(costs) / len(running), *costs) if measured or any(costs) else None


def _cost_left(task: SubmittedTask, left: set[int], state: TaskState | None, ratio: float) -> float:
    """Expected seconds: of the rows that are not done, less what has been spent on the one at work."""
    by_rows = task.cost_s * len(left.intersection(task.rows)) / len(task.rows)
    if state is None or not state.is_running or state.elapsed_s is None:
        return by_rows
    return min(by_rows, max(task.cost_s - state.elapsed_s / ratio, 0.0))


def _speed_up(own: Sequence[Attempt], now: float | None) -> float | None:
    """Until now while rows are left, else until the last one was done."""
    begun = [each.started for each in own if each.started is not None]
    wall = now - min(begun) if now is not None and begun else _wall(own)
    return sum(each.total_s or 0.0 for each in own) / wall if wall > 0 else None
