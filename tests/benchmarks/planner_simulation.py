"""Campaigns of a thousand hours, planned by `make_plan` and run by a simulated Slurm, all from fixed seeds."""

from __future__ import annotations

import heapq
import random
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dlcctr.campaign.config import Campaign, write_campaign
from dlcctr.campaign.manifest import write_manifest
from dlcctr.campaign.rows import Row
from dlcctr.planning import cost
from dlcctr.planning.options import PlanOptions
from dlcctr.planning.plan import Plan
from dlcctr.planning.planner import make_plan

GPUS = (20, 40, 60)
FACTORS = (0.5, 1.0, 2.0)
N_VIDEOS, HOURS, FPS = 1000, 1000.0, 30.0
SIZES = ((640, 480), (1280, 720))
PLANNED_FPS = 60.0
NOISE = 0.15
"""Standard deviation of the logarithm of each row's own speed: other nodes, other content."""
TASK_S = 40.0
"""What a task really costs before its first row; the planner expects half of it."""
ROW_S = 2.0


def lognormal(rng: random.Random) -> float:
    return rng.lognormvariate(0, 0.9)


def pareto(rng: random.Random) -> float:
    return min(rng.paretovariate(1.2), 15)


def mixture(rng: random.Random) -> float:
    """Many short clips, some sessions, a few recordings of a whole night."""
    kind = rng.random()
    return (
        rng.lognormvariate(-2, 0.5) if kind < 0.7 else rng.lognormvariate(0, 0.4) if kind < 0.97 else 4 + rng.random()
    )


LENGTHS: dict[str, Callable[[random.Random], float]] = {"lognormal": lognormal, "Pareto": pareto, "mixture": mixture}


def make_rows(kind: str, seed: int) -> list[Row]:
    """A thousand videos of a thousand hours in all, from two cameras, in no order."""
    rng = random.Random(seed)
    lengths = [LENGTHS[kind](rng) for _ in range(N_VIDEOS)]
    rows = []
    for index, length in enumerate(lengths):
        seconds = length * HOURS * 3600 / sum(lengths)
        width, height = SIZES[rng.random() < 0.25]
        rows.append(
            Row(index, f"{index}.mp4", round(seconds * FPS), FPS, width, height, fingerprint=f"v1:1:{index:032x}")
        )
    return rows


def write(folder: Path, rows: Sequence[Row]) -> Path:
    """Campaign of videos that are nowhere: to plan takes no more than a manifest."""
    write_campaign(
        Campaign(file=folder / "campaign.toml", model_hash="ab" * 32, model_id="model", engine="pytorch",
                 bodyparts=("snout",), video_root=folder / "videos", out=folder / "results")
    )  # fmt: skip
    manifest = folder / "m.csv"
    write_manifest(manifest, rows)
    return manifest


def real_times(rows: Sequence[Row], factor: float, seed: int) -> list[float]:
    """Seconds that each row really takes, where the GPUs are `factor` times as fast as the plan believes."""
    rng = random.Random(seed)
    speed = cost.speed_of_fps(PLANNED_FPS * factor, cost.usual_px(cost.row_work(rows, None)), "pytorch")
    return [
        ROW_S + (work.cost_s(speed) - speed.fixed_per_row_s) * rng.lognormvariate(0, NOISE)
        for work in cost.row_work(rows, None)
    ]


@dataclass(frozen=True)
class Outcome:
    """Of a simulated campaign: its end in seconds, and the tasks that ran out of their time limit."""

    makespan_s: float
    timeouts: int = 0


def simulate(tasks: Sequence[Sequence[int]], times: Sequence[float], gpus: int, limit_s: float) -> Outcome:
    """Slurm: the next task of the array starts as soon as a GPU is free, and is killed at its time limit.

    The rows that a killed task did not finish are run again, in a task at the end that is given enough time.
    """
    free, again = [0.0] * gpus, []
    for task in tasks:
        seconds, lost = TASK_S, []
        for index in task:
            seconds += times[index]
            lost += [index] if seconds > limit_s else []
        heapq.heapreplace(free, free[0] + min(seconds, limit_s))
        again += [lost] if lost else []
    for lost in again:
        heapq.heapreplace(free, free[0] + TASK_S + sum(times[index] for index in lost))
    return Outcome(max(free), len(again))


def lower_bound(times: Sequence[float], gpus: int) -> float:
    """No schedule ends sooner: all GPUs busy with rows all the time, and the longest row has to end."""
    return max(sum(times) / gpus, *times)


@dataclass(frozen=True)
class Case:
    """One campaign on so many GPUs: makespans over the lower bound."""

    kind: str
    gpus: int
    factor: float
    tasks: int
    ours: float
    protocol: float
    timeouts: int


def run_case(kind: str, rows: Sequence[Row], plan: Plan, gpus: int, factor: float) -> Case:
    times = real_times(rows, factor, seed=gpus)
    bound = lower_bound(times, gpus)
    ours = simulate([task.rows for task in plan.tasks], times, gpus, plan.time_limit_min * 60)
    protocol = simulate([[row.index] for row in rows], times, gpus, float("inf"))
    return Case(
        kind, gpus, factor, len(plan.tasks), ours.makespan_s / bound, protocol.makespan_s / bound, ours.timeouts
    )


def cases_of(kind: str, seed: int, gpus: Sequence[int] = GPUS) -> list[Case]:
    """One campaign on several numbers of GPUs: half as fast as believed, as fast, and twice as fast."""
    rows, cases = make_rows(kind, seed), []
    with tempfile.TemporaryDirectory() as folder:
        manifest = write(Path(folder), rows)
        for number in gpus:
            plan, _ = make_plan(manifest, PlanOptions(fps=PLANNED_FPS, max_parallel=number), write=False)
            assert plan is not None
            cases += [run_case(kind, rows, plan, number, factor) for factor in FACTORS]
    return cases


def all_cases() -> list[Case]:
    """The three campaigns that are held to the target."""
    return [case for seed, kind in enumerate(LENGTHS) for case in cases_of(kind, seed)]
