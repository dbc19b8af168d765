"""The network alone, by memory layout, TF32 and batch size: what would be worth changing."""

from __future__ import annotations

from tests.benchmarks.loop import Case, job_of
from tests.gpu.context import Context, Outcome
from tests.gpu.speed import KINDS

BATCHES = [1, 8, 64], [1, 2]
"""On a GPU, on a CPU."""


def measure_network(context: Context) -> Outcome:
    """ResNet-50 at 640 x 480 on frames that are on the device already."""
    batches = BATCHES[not context.on_gpu]
    case = Case("pytorch", "ResNet-50", 640, 480, max(batches), max(batches))
    model = context.private(context.model(KINDS[case.network]))
    clip = context.clips.usual(case.width, case.height, case.frames)
    job = job_of(case, model, clip, context.folder, context.device, "engine")
    found = context.sides["own"].do("grid", job=job, batches=batches)
    lines = [
        "ResNet-50 with group norm, 640 x 480 px, seeded weights, without copies to and from the device. Differences "
        f"are from the plain layout in float32, in batches of {min(8, max(batches))}."
    ]
    if not context.on_gpu:
        lines.append("There is no TF32 on a CPU.")
    return Outcome(lines=lines, grid=found["lines"])
