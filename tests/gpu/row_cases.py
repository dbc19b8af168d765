"""Whole rows on the device: killed, stopped and resumed; two at once."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

from dlcctr.campaign.rows import Row
from dlcctr.contract import CHECKPOINTS_PREFIX, ExitCode
from tests.gpu.budget import TimeIsOver
from tests.gpu.context import Context, Outcome
from tests.gpu.equality import compare_files
from tests.gpu.rows import Rows, RowsError, Running
from tests.integration.support.tiny_models import RESNET50

RESUMED = re.compile(r"continuing at frame (\d+) of (\d+)")
DISCARDED = "what earlier attempts finished is not used"
"""What it says then where the network gives other positions than before: on a GPU, perhaps, by TF32."""
CHECKPOINT_S = 0.5
POLL_S = 0.05


def kill_and_resume(context: Context) -> Outcome:
    """A row that is killed, stopped by SIGTERM and then finished equals the uninterrupted one."""
    model = context.model(RESNET50 if context.on_gpu else "pytorch-single")
    size = (640, 480) if context.on_gpu else (144, 96)
    frames = context.by_device(4000, 300)
    rows = context.rows("kill")
    row = rows.add(context.clips.made(*size, frames), model, "kill")
    outcome = Outcome()
    killed, whole = (_attempt(context, rows, out) for out in ("killed", "whole"))
    _wait_for_checkpoint(rows, killed, frames // 10)
    killed.process.kill()  # the worker dies with it
    killed.process.wait()
    reach = checkpoint_reach(rows.folder / "killed")
    whole.wait()
    stopped = _attempt(context, rows, "killed")
    _wait_for_checkpoint(rows, stopped, reach + frames // 10)
    start = time.monotonic()
    stopped.process.send_signal(signal.SIGTERM)
    stopped.wait(int(ExitCode.TRY_AGAIN))
    took_s = time.monotonic() - start
    last = _attempt(context, rows, "killed").wait()
    places = [resumed_at(text) for text in (stopped.said, last)]
    outcome.lines.append(
        f"{frames} frames of {size[0]} x {size[1]} px: killed by SIGKILL with {reach} frames kept, resumed at frame "
        f"{places[0]}, ended {took_s:.1f} s after SIGTERM, resumed at frame {places[1]}."
    )
    outcome.problems += resume_problems(places, reach)
    tables = (rows.table(row, "killed"), rows.table(row, "whole"))
    outcome.comparisons.append(compare_files("killed twice against uninterrupted", *tables, context.tolerance))
    outcome.facts = {"kept": reach, "resumed_at": places, "stopped_after_s": took_s}
    return outcome


def _attempt(context: Context, rows: Rows, out: str) -> Running:
    often = ["--checkpoint-s", str(CHECKPOINT_S)]
    return rows.start(out, *context.backend, *often, device=context.device)


def _wait_for_checkpoint(rows: Rows, running: Running, beyond: int) -> None:
    """Wait until a checkpoint keeps more frames than `beyond`."""
    while checkpoint_reach(rows.folder / "killed") <= beyond:
        if running.process.poll() is not None:
            running.wait()  # raises where it failed
            raise RowsError("the row was finished before it could be interrupted: the clip is too short for this GPU")
        if not rows.budget.left_s:
            running.process.kill()
            raise TimeIsOver("the time of the check was over before there was a checkpoint")
        time.sleep(POLL_S)


def checkpoint_reach(folder: Path) -> int:
    """Frames up to which the names of the checkpoints below a folder go."""
    files = (file for place in folder.rglob(f"{CHECKPOINTS_PREFIX}*") for file in place.glob("[0-9]*-[0-9]*.npz"))
    return max((int(file.stem.split("-")[1]) for file in files), default=0)


def resumed_at(said: str) -> int | None:
    """Frame at which `analyze` says that it continues; None where it began anew."""
    found = RESUMED.findall(said)
    return int(found[-1][0]) if found and DISCARDED not in said else None


def resume_problems(places: list[int | None], kept: int) -> list[str]:
    """What is wrong with the frames at which a row was resumed, after a kill that left `kept` frames and a stop."""
    first, second = places
    problems = []
    if first is None or first < kept:
        problems.append(f"{kept} frames were kept when it was killed, but it was resumed at frame {first or 0}")
    if second is None or second <= kept:
        problems.append(f"what was done before SIGTERM was not kept: it was resumed at frame {second or 0}")
    return problems


def two_rows(context: Context) -> Outcome:
    """Two processes that analyse a row each on the same device at once, beside one alone."""
    model = context.model(RESNET50 if context.on_gpu else "pytorch-single")
    size = (640, 480) if context.on_gpu else (144, 96)
    frames = context.by_device(2000, 96)
    rows = context.rows("two")
    clip = context.clips.made(*size, frames)
    alone, *both = (rows.add(clip, model, name) for name in ("alone", "first", "second"))
    rows.start("out", *context.backend, device=context.device, rows=[alone]).wait()
    start = time.monotonic()
    running = [rows.start("out", *context.backend, device=context.device, rows=[row]) for row in both]
    for each in running:
        each.wait()
    used = context.samples.between(start, time.monotonic())
    speeds = [_fps(rows, row, frames) for row in (alone, *both)]
    lines = [
        f"One row alone: {speeds[0]:.1f} frames/s; two at once: {speeds[1]:.1f} and {speeds[2]:.1f}, together "
        f"{(speeds[1] + speeds[2]) / speeds[0]:.2f} times as fast as one."
    ]
    if used is not None and used.utilisation is not None:
        lines.append(f"The GPU was busy {used.utilisation:.0%} of the time of both, start-up included.")
    found = [
        compare_files(f"{rows.name_of(row)} of two rows at once against one alone", rows.table(row, "out"),
                      rows.table(alone, "out"), context.tolerance)
        for row in both
    ]  # fmt: skip
    return Outcome(found, lines, facts={"fps": speeds})


def _fps(rows: Rows, row: Row, frames: int, out: str = "out") -> float:
    timings = rows.receipt(row, out).timings_s
    return frames / (timings["decoding"] + timings["network"])


def decode_on_gpu(context: Context) -> Outcome:
    """The same row with the GPU's video engine and with the CPU, which must give the same positions."""
    model = context.model(RESNET50 if context.on_gpu else "pytorch-single")
    size = (640, 480) if context.on_gpu else (144, 96)
    frames = context.by_device(3000, 96)
    rows = context.rows("decode")
    row = rows.add(context.clips.made(*size, frames), model, "decode")
    said = {}
    for decoder in ("cpu", "nvdec"):
        options = ["--decode", decoder] if context.on_gpu else []
        said[decoder] = rows.start(decoder, *context.backend, *options, device=context.device).wait()
    receipts = {name: rows.receipt(row, name) for name in said}
    outcome = Outcome()
    used = receipts["nvdec"].device.decoder
    speeds = {name: _fps(rows, row, frames, name) for name in said}
    outcome.lines.append(
        f"{frames} frames of {size[0]} x {size[1]} px: {speeds['cpu']:.0f} frames/s with the CPU's decoder, "
        f"{speeds['nvdec']:.0f} with {used or 'the CPU again'}."
    )
    outcome.lines += [line for line in said["nvdec"].splitlines() if "the CPU decodes this video" in line]
    tables = (rows.table(row, "nvdec"), rows.table(row, "cpu"))
    outcome.comparisons.append(compare_files("NVDEC against the CPU's decoder", *tables, context.tolerance))
    outcome.facts = {"fps": speeds, "decoder": used}
    return outcome
