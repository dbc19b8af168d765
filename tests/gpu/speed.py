"""Speed of both sides on one clip, what bounds it, and how much of the time the GPU waits."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.benchmarks.loop import Case, job_of, shares, summarise
from tests.gpu.context import Context, Outcome
from tests.gpu.equality import compare_files
from tests.gpu.gpu_samples import Usage
from tests.gpu.sides import NAMES
from tests.integration.support.own_loop import only
from tests.integration.support.tiny_models import RESNET50

KINDS = {"ResNet-18": "pytorch-single", "ResNet-50": RESNET50}


def measure_speed(context: Context, case: Case, turns: int) -> Outcome:
    """Let both sides analyse the same clip in turn, `turns` times after one to warm up, and measure the ceilings."""
    model = context.model(KINDS[case.network])
    clip = context.clips.usual(case.width, case.height, case.frames)
    short = context.clips.usual(case.width, case.height, min(case.frames, 2 * case.batch_size))
    where = context.folder / "speed" / f"{case.network}-{case.width}-{case.batch_size}"
    turn = _Turn(context, case, model, where)
    for name in NAMES:
        turn.run(name, short, "warm")
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in NAMES}
    usage: dict[str, Usage | None] = {}
    for number in range(turns):
        for name in NAMES:
            start = time.monotonic()
            answers[name].append(turn.run(name, clip, str(number)))
            usage[name] = context.samples.between(start, time.monotonic())
    ceilings = context.sides["own"].do("ceilings", job=turn.job(clip, where))
    what = f"{case.network}, {case.width} x {case.height}, batch {case.batch_size}: ours against stock"
    ours, stock = (only(where / f"{name}-0", "*.h5") for name in ("own", "stock"))
    speed = speed_of(case, answers, usage, ceilings, clip.name)
    return Outcome([compare_files(what, ours, stock, context.tolerance)], speed=speed)


class _Turn:
    """Runs of one case."""

    def __init__(self, context: Context, case: Case, model: Path, where: Path) -> None:
        self._context, self._case, self._where = context, case, where
        self._model = context.private(model)
        self._jobs: dict[Path, dict[str, Any]] = {}

    def job(self, clip: Path, folder: Path) -> dict[str, Any]:
        """Job of our loop; stock takes a part of it."""
        if clip not in self._jobs:
            device = self._context.device
            self._jobs[clip] = job_of(self._case, self._model, clip, folder, device, "engine")
        return {**self._jobs[clip], "folder": str(folder)}

    def run(self, name: str, clip: Path, turn: str) -> dict[str, Any]:
        folder = self._where / f"{name}-{turn}"
        folder.mkdir(parents=True)
        return self._context.sides[name].do("analyse", job=self.job(clip, folder))


def speed_of(
    case: Case,
    answers: dict[str, list[dict[str, Any]]],
    usage: dict[str, Usage | None],
    ceilings: dict[str, Any],
    clip: str,
) -> dict[str, Any]:
    """Summary of a case: medians of both sides, ratios, and ours beside its ceilings.

    Parameters
    ----------
    answers, usage : dict
        Of each side: all turns' answers of `tests.gpu.server`, and the GPU's usage in the last turn.
    ceilings : dict
        Of `tests.gpu.server.Own.ceilings`.
    clip : str
        Name of the clip's file.
    """
    sides: dict[str, dict[str, Any]] = {}
    for name, found in answers.items():
        memory: dict[str, Any] = {
            key: max(answer[key] for answer in found)
            for key in ("gpu_allocated_mb", "gpu_reserved_mb") if key in found[0]
        }  # fmt: skip
        used = usage.get(name)
        sides[name] = {**summarise(case, found), **memory, "gpu": None if used is None else asdict(used)}
    pairs = zip(answers["stock"], answers["own"], strict=True)
    ratios = sorted(stock["frames_s"] / own["frames_s"] for stock, own in pairs)
    ours = sides["own"]["fps"]
    return {
        **asdict(case), "clip": clip, "turns": len(ratios), "sides": sides, "ratios": ratios,
        "shares": shares(answers["own"]), **ceilings, "waits": waiting_share(ours, ceilings["network_fps"]),
        "gflops": ours * ceilings["gflop"],
    }  # fmt: skip


def waiting_share(fps: float, network_fps: float) -> float:
    """Share of the frames' time, 0-1, in which the device has nothing to compute.

    Parameters
    ----------
    fps, network_fps : float
        Frames/s of our loop, and of the network alone on a batch that is ready, its copies included.
    """
    return max(0.0, 1 - fps / network_fps)
