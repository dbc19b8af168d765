"""What a submission requests from the cluster: tasks, resources, GPU-hours, cost, start and end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone

from dlcctr.planning.packing import makespan
from dlcctr.planning.plan import Plan
from dlcctr.slurm.jobs.submissions import Array, Submission
from dlcctr.slurm.site.prices import Cost, cost_of
from dlcctr.slurm.site.profile import Site, steps_site
from dlcctr.system.terminal.console import duration, plural


@dataclass(frozen=True)
class Resources:
    """Resources of each task; None or empty leaves them to the site.

    Parameters
    ----------
    gpu_request : str
        As the site spells it: ``gpu:v100:1``.
    mem_gb : int or None
        Memory in GB; 0 is all of a node's.
    batch_size : int or None
        Frames per network call, where it is not the campaign's.
    """

    gpus: int = 0
    gpu_request: str = ""
    cpus: int | None = None
    mem_gb: int | None = None
    time_limit_min: int | None = None
    partition: str = ""
    batch_size: int | None = None


@dataclass(frozen=True)
class Asked:
    """A submission in numbers.

    Parameters
    ----------
    at_a_time : int
        Tasks that may run at the same time.
    canary : int or None
        Row that goes first, alone.
    gpu_hours, most_gpu_hours : float
        Expected GPU-hours, and those if every task used all of its time limit.
    takes_s : float
        Expected seconds from the first start to the last end.
    start : float or None
        When Slurm expects the first task to start, in seconds since 1970; None if it does not say.
    steps : Resources or None
        Resources of each task that does the steps afterwards, without a GPU; None where there are none.
    steps_s : float
        Expected seconds of the longest of these.
    """

    n_arrays: int
    n_tasks: int
    n_rows: int
    at_a_time: int
    each: Resources
    canary: int | None = None
    gpu_hours: float = 0.0
    most_gpu_hours: float = 0.0
    cost: Cost = field(default_factory=Cost)
    most_cost: Cost = field(default_factory=Cost)
    takes_s: float = 0.0
    start: float | None = None
    steps: Resources | None = None
    steps_s: float = 0.0

    @property
    def end(self) -> float | None:
        """When the last task is expected to end, in seconds since 1970; None where the start is not known."""
        return None if self.start is None else self.start + self.takes_s


def resources_of(site: Site, time_limit_min: int | None, batch_size: int | None) -> Resources:
    """Resources of a task: the site's, with what a submission changed."""
    return Resources(
        gpus=site.gpus_per_task,
        gpu_request=site.gres or site.gpus,
        cpus=site.cpus_per_task,
        mem_gb=site.mem_gb,
        time_limit_min=time_limit_min,
        partition=site.partition,
        batch_size=batch_size,
    )


def asked_of(
    plan: Plan,
    arrays: Sequence[Array],
    each: Resources,
    site: Site,
    *,
    throttle: int | None = None,
    canary: int | None = None,
    start: float | None = None,
    steps: Resources | None = None,
) -> Asked:
    """Add up what some arrays of a plan request. Pure.

    Parameters
    ----------
    arrays : sequence of Array
        Arrays of analyses and of steps; or of steps alone.
    site : Site
        For its prices.
    steps : Resources, optional
        Of a task that does steps after the analyses.
    throttle : int, optional
        Tasks that may run at a time over all arrays; without it all of them.
    """
    only_steps = all(array.steps for array in arrays)
    arrays = [array for array in arrays if array.steps == only_steps]
    tasks = [plan.tasks[number] for array in arrays for _, number in array.tasks(len(plan.tasks))]
    if only_steps:
        tasks = [replace(task, cost_s=task.steps_s) for task in tasks]
    first = [task.cost_s for task in tasks if canary is not None and task.rows == (canary,)]
    others = [task.cost_s for task in tasks if canary is None or task.rows != (canary,)]
    at_a_time = max(1, min(throttle or len(tasks), len(others) or 1))
    lanes = max(1, plan.facts.gpus_per_task)
    expected = max(1, min(at_a_time, (plan.facts.max_parallel or at_a_time * lanes) // lanes))
    hours = each.gpus * sum(task.cost_s for task in tasks) / 3600
    most = each.gpus * len(tasks) * (each.time_limit_min or 0) / 60
    return Asked(
        n_arrays=len(arrays),
        n_tasks=len(tasks),
        n_rows=sum(len(task.rows) for task in tasks),
        at_a_time=at_a_time,
        each=each,
        canary=canary,
        gpu_hours=round(hours, 3),
        most_gpu_hours=round(max(most, hours), 3),
        cost=cost_of(site, hours),
        most_cost=cost_of(site, max(most, hours)),
        takes_s=round(sum(first) + makespan(others, expected), 1),
        start=start,
        steps=steps,
        steps_s=max((task.steps_s for task in tasks), default=0.0) if steps else 0.0,
    )


def asked_before(submission: Submission, plan: Plan) -> Asked:
    """What an earlier submission requested; its start is no longer known."""
    had = submission.options
    site = replace(had.site_values or Site(), mem_gb=had.mem_gb)
    steps = None
    if had.steps_time_min is not None:
        steps = resources_of(steps_site(site, had.steps_mem_gb or 0), had.steps_time_min, None)
    only_steps = all(array.steps for array in submission.arrays)
    return asked_of(
        plan,
        submission.arrays,
        steps if steps and only_steps else resources_of(site, had.time_min, had.batch_size),
        site,
        steps=None if only_steps else steps,
        throttle=had.max_parallel or site.max_parallel,
        canary=had.canary,
    )


def as_fields(asked: Asked) -> dict[str, object]:
    """The same for JSON: times in UTC, ISO 8601; None where not known."""
    return asdict(asked) | {"start": _utc(asked.start), "end": _utc(asked.end)}


def _utc(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds")


def table_of(asked: Asked, before: Asked | None = None) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    """Columns and lines of a table for people.

    Parameters
    ----------
    before : Asked, optional
        Previous request, shown in a third column where it differs.
    """
    now = _cells(asked)
    if before is None:
        return ("asked for", "this much"), list(now.items())
    then = {what: value for what, value in _cells(before).items() if not what.startswith("expected")}
    columns = ("asked for", "this time", "the last time")
    return columns, [(what, value, _before(then.get(what), value)) for what, value in now.items()]


def _before(then: str | None, now: str) -> str:
    return "" if then is None else "the same" if then == now else then


def _cells(asked: Asked) -> dict[str, str]:
    each, no_gpu = asked.each, "none requested"
    gpus = plural(each.gpus, "GPU") + (f" ({each.gpu_request})" if each.gpu_request else "")
    cells = {
        "array tasks": _tasks(asked),
        "rows": f"{asked.n_rows}",
        "partition": each.partition,
        "GPUs of a task": gpus if each.gpus else no_gpu,
        "CPU cores of a task": "the site's default" if each.cpus is None else f"{each.cpus}",
        "memory of a task": _memory(each.mem_gb),
        "time limit of a task": duration(60 * each.time_limit_min) if each.time_limit_min else "the site's default",
        "batch size": f"{each.batch_size or ''}",
        "steps afterwards": _steps(asked),
        "GPU-hours": f"about {_hours(asked.gpu_hours)}, at most {_hours(asked.most_gpu_hours)}" if each.gpus else "",
        "cost": f"about {asked.cost.text}; at most {asked.most_cost.text}" if each.gpus and asked.cost.text else "",
    }
    if asked.start is not None and asked.end is not None:
        cells["expected start"] = f"{_clock(asked.start)}, by Slurm's estimate"
        cells["expected end"] = f"{_clock(asked.end)}, {duration(asked.takes_s)} later"
    elif asked.takes_s:
        cells["expected end"] = f"{duration(asked.takes_s)} after the first task starts"
    return {what: value for what, value in cells.items() if value}


def _tasks(asked: Asked) -> str:
    arrays = f" in {asked.n_arrays} arrays" if asked.n_arrays > 1 else ""
    canary = "" if asked.canary is None else f"; row {asked.canary} first, as the canary"
    return f"{asked.n_tasks}{arrays}, at most {asked.at_a_time} at a time{canary}"


def _steps(asked: Asked) -> str:
    each = asked.steps
    if each is None:
        return ""
    limit = f", time limit {duration(60 * each.time_limit_min)}" if each.time_limit_min else ""
    words = f"as many tasks, no GPU, {each.cpus} CPU cores, {_memory(each.mem_gb)}{limit}"
    return f"on {each.partition}: {words}; the longest takes about {duration(asked.steps_s)}"


def _memory(mem_gb: int | None) -> str:
    return "the site's default" if mem_gb is None else f"{mem_gb} GB" if mem_gb else "all of the node's"


def _hours(hours: float) -> str:
    return f"{hours:,.1f}" if hours >= 1 else f"{hours:.2g}"


def _clock(seconds: float) -> str:
    """``Mon 2026-03-02 09:15``, in this machine's time zone."""
    return f"{datetime.fromtimestamp(seconds):%a %Y-%m-%d %H:%M}"
