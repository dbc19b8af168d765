"""How good and how fast the planner is: `python -m tests.benchmarks.planner` writes tables and plot of docs/planner.md.

Ends with 1 where a plan is worse than `TARGET`.
"""

from __future__ import annotations

import heapq
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dlcctr.campaign.rows import Row
from dlcctr.planning.options import PlanOptions
from dlcctr.planning.planner import make_plan
from tests.benchmarks.planner_simulation import (
    FPS,
    GPUS,
    LENGTHS,
    PLANNED_FPS,
    TASK_S,
    Case,
    all_cases,
    cases_of,
    lognormal,
    lower_bound,
    make_rows,
    real_times,
    write,
)

ROOT = Path(__file__).parents[2]
PAGE, PLOT = ROOT / "docs/planner.md", ROOT / "docs/planner.png"
TARGET = 1.10
OTHER_SEEDS = range(100, 110)
ROWS = (1_000, 10_000, 100_000)
MEASURE = """
import resource, subprocess, sys, time
start = time.perf_counter()
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss)
"""


def other_seeds() -> str:
    """How the planner fares on campaigns that it was not tried on before."""
    cases = [case for seed in OTHER_SEEDS for kind in LENGTHS for case in cases_of(kind, seed)]
    killed = [case for case in cases if case.timeouts]
    ratios = sorted(case.ours for case in cases if not case.timeouts)
    line = f"{len(cases)} more cases, of {len(OTHER_SEEDS)} other seeds: median {ratios[len(ratios) // 2]:.3f}, worst "
    line += f"{ratios[-1]:.3f}"
    if not killed:
        return f"{line}; no task ran out of time."
    factors = ", ".join(sorted({f"{case.factor:g}" for case in killed}))
    worst = max(case.ours for case in killed)
    line += f", but for {len(killed)} cases (at speed {factors}) in which a task ran out of its time limit and was run"
    return f"{line} again at the end (up to {worst:.2f})."


def case_table(cases: Sequence[Case]) -> list[str]:
    """Markdown; a line for each campaign and number of GPUs."""
    lines = [
        "| campaign | GPUs | tasks | ours, real speed 0.5, 1, 2 x the planned | one video a task, the same speeds |",
        "|---|---|---|---|---|",
    ]
    for kind in LENGTHS:
        for gpus in GPUS:
            found = [case for case in cases if (case.kind, case.gpus) == (kind, gpus)]
            ours = ", ".join(f"{case.ours:.3f}" for case in found)
            theirs = ", ".join(f"{case.protocol:.2f}" for case in found)
            lines.append(f"| {kind} | {gpus} | {found[0].tasks} | {ours} | {theirs} |")
    return lines


@dataclass(frozen=True)
class Scale:
    """What the command costs: seconds of waiting and of the processor, the process's peak memory."""

    rows: int
    seconds: float
    cpu_s: float
    peak_mb: float
    kind: str


def measure_scale(n_rows: int, *, with_results: bool) -> list[Scale]:
    """`dlcctr plan` and `sbatch` of so many rows, as processes; results mean that each row has to be looked up."""
    rng = random.Random(n_rows)
    rows = [
        Row(index, f"mouse {index % 100}/{index}.mp4", round(1000 + 1e5 * lognormal(rng)), FPS, 640, 480,
            fingerprint=f"v1:1:{index:032x}")
        for index in range(n_rows)
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        manifest = write(Path(folder), rows)
        if with_results:
            (Path(folder) / "results").mkdir()
        plan = ["plan", str(manifest), "--fps", "60", "--tasks", str(n_rows // 10)]
        script = ["sbatch", str(manifest), "--image", "dlc.sif", "--array", "0"]
        kind = "plan, rows looked up" if with_results else "plan, never run before"
        found = [measure(plan, n_rows, kind)]
        return found if with_results else [*found, measure(script, n_rows, "sbatch of that plan")]


def measure(words: Sequence[str], n_rows: int, kind: str) -> Scale:
    # a small process in between: a child's peak begins with what its parent holds when it is forked
    argv = [sys.executable, "-c", MEASURE, sys.executable, "-m", "dlcctr", *words]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    seconds, cpu_s, peak_kb = map(float, done.stdout.split())
    return Scale(n_rows, seconds, cpu_s, peak_kb / 1024, kind)


def scale_table(scales: Sequence[Scale]) -> list[str]:
    """Markdown, with the growth from one size to the next."""
    lines = [
        "| | rows | seconds | CPU seconds | peak memory | growth of CPU time, of memory |",
        "|---|---|---|---|---|---|",
    ]
    for before, each in zip([None, *scales], scales, strict=False):
        same = before and before.kind == each.kind
        growth = f"x {each.cpu_s / before.cpu_s:.1f}, x {each.peak_mb / before.peak_mb:.1f}" if same else ""
        times = f"{each.seconds:.1f} | {each.cpu_s:.1f}"
        lines.append(f"| {each.kind} | {each.rows:,} | {times} | {each.peak_mb:.0f} MB | {growth} |")
    return lines


def busy_gpus(tasks: Sequence[Sequence[int]], times: Sequence[float], gpus: int) -> tuple[list[float], list[int]]:
    """Hours at which tasks end when no task waits any more, and how many GPUs are still busy then."""
    free = [0.0] * gpus
    for task in tasks:
        heapq.heapreplace(free, free[0] + TASK_S + sum(times[index] for index in task))
    ends = sorted(free)
    return [0.0, *(end / 3600 for end in ends)], [gpus, *range(gpus - 1, -1, -1)]


def draw(cases: Sequence[Case]) -> None:
    """Busy GPUs over time for one campaign, and all makespans."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), constrained_layout=True)
    kind, gpus = "mixture", GPUS[-1]
    rows = make_rows(kind, list(LENGTHS).index(kind))
    times = real_times(rows, 1.0, seed=gpus)
    with tempfile.TemporaryDirectory() as folder:
        plan, _ = make_plan(write(Path(folder), rows), PlanOptions(fps=PLANNED_FPS, max_parallel=gpus), write=False)
    assert plan is not None
    for tasks, label, colour in (
        ([task.rows for task in plan.tasks], "dlcctr plan", "tab:blue"),
        ([[row.index] for row in rows], "one video a task, listing order", "tab:orange"),
    ):
        left.step(*busy_gpus(tasks, times, gpus), where="post", label=label, color=colour)
    left.axvline(lower_bound(times, gpus) / 3600, color="0.4", ls="--", label="lower bound")
    left.set(xlabel="hours after the start", ylabel="GPUs at work", ylim=(0, gpus * 1.05), xlim=(0, None))
    left.set_title(f"{kind}, {gpus} GPUs", fontsize=10)
    left.legend(loc="lower left", fontsize=9)
    labels = [f"{kind}, {number}" for kind in LENGTHS for number in GPUS]
    for values, label, colour in (
        ([case.ours for case in cases], "dlcctr plan", "tab:blue"),
        ([case.protocol for case in cases], "one video a task, listing order", "tab:orange"),
    ):
        places = [labels.index(f"{case.kind}, {case.gpus}") for case in cases]
        right.plot(values, places, "o", ms=5, alpha=0.7, color=colour, label=label)
    right.axvline(TARGET, color="0.4", ls=":", label=f"target {TARGET:.2f}")
    right.set_yticks(range(len(labels)), labels)
    right.invert_yaxis()
    right.set(xlabel="time until all is done / lower bound", xlim=(0.98, None))
    right.set_title("real speed 0.5, 1 and 2 times the planned", fontsize=10)
    right.set_ylabel("campaign, GPUs")
    right.legend(loc="upper right", fontsize=9)
    figure.savefig(PLOT, dpi=110)


def replace_part(text: str, name: str, lines: Sequence[str]) -> str:
    """Put lines between a page's two marks of a name."""
    first, last = f"<!-- {name}: python -m tests.benchmarks.planner -->\n", f"<!-- end of {name} -->"
    head, _, rest = text.partition(first)
    _, found, tail = rest.partition(last)
    if not found:
        raise SystemExit(f"{PAGE}: the marks of {name} are missing")
    return head + first + "\n".join(lines) + "\n" + last + tail


def main() -> int:
    """Simulate, measure, write the tables and the plot."""
    cases = all_cases()
    found = [each for known in (False, True) for rows in ROWS for each in measure_scale(rows, with_results=known)]
    scales = sorted(found, key=lambda each: each.kind)
    quality = [*case_table(cases), "", other_seeds()]
    print("\n".join([*quality, "", *scale_table(scales)]))
    draw(cases)
    page = replace_part(PAGE.read_text(encoding="utf-8"), "quality", quality)
    PAGE.write_text(replace_part(page, "scale", scale_table(scales)), encoding="utf-8")
    return 0 if max(case.ours for case in cases) <= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
