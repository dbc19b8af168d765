"""Doctor, and whether our results are those of stock DeepLabCut on the device, and of our loop on the CPU."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from dlcctr.campaign.rows import Row
from tests.gpu.budget import TimeIsOver
from tests.gpu.clips import CLIP_FRAMES, ROOT, TRAINED, has_real_data
from tests.gpu.context import Context, Outcome
from tests.gpu.equality import compare_files
from tests.gpu.rows import Rows
from tests.integration.support.tiny_models import NETWORK, RESNET50

SINGLE = "pytorch-single"
KINDS = (
    RESNET50, SINGLE, "pytorch-topdown", "pytorch-multi", f"{NETWORK}hrnet_w18++single",
)  # fmt: skip
"""Our own loop has the first two; the others go through DeepLabCut's `analyze_videos` on both sides."""
CPU_FRAMES = 100
"""Of a clip that was analysed on the GPU, so many are analysed on the CPU once more."""
CALM_FRAMES = 60


def examine(context: Context) -> Outcome:
    """`doctor`, and what it says of the GPU."""
    words = [sys.executable, "-m", "entrypoint", "doctor", "--json", *([] if context.on_gpu else ["--allow-cpu"])]
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, cwd=ROOT, env=context.environment,
        timeout=context.budget.timeout_s,
    )  # fmt: skip
    try:
        table = json.loads(done.stdout)
    except ValueError:
        raise RuntimeError(f"doctor ended with {done.returncode}:\n{(done.stdout + done.stderr)[-1500:]}") from None
    engine, driver = table["engine"], table["driver"]
    lines = [f"{engine['name']} {engine.get('version', '')}, CUDA {engine.get('cuda') or 'none'}, "
             f"driver {driver['version'] or 'none'}, {table['cpus']} CPUs"]  # fmt: skip
    lines += [f"GPU {each['index']}: {each['name']}, {each['memory_gb']} GiB" for each in driver["gpus"]]
    lines += [f"tensors on {test['device']}: {'right' if test['ok'] else 'WRONG'} ({test['detail']})"
              for test in table["tests"]]  # fmt: skip
    wrong = [each["what"] for each in table["problems"] if each["exit_code"]]
    lines += [f"note: {each['what']}" for each in table["problems"] if not each["exit_code"]]
    return Outcome(lines=lines, problems=wrong, facts={"gpus": driver["gpus"], "doctor": table})


def compare_real(context: Context) -> Outcome:
    """The open-field clip with the model that was trained on it, or a seeded model and a clip that is made."""
    context.sides.start()  # both import DeepLabCut meanwhile
    if has_real_data():
        frames, what, model = context.by_device(CLIP_FRAMES, 12), "open-field clip, trained ResNet-18", TRAINED
        clips, remark = [context.clips.real(each) for each in (frames, min(frames, CPU_FRAMES))], ""
    else:
        frames, what, model = context.by_device(2000, 12), "made clip, seeded ResNet-18", context.model(SINGLE)
        clips = [context.clips.made(640, 480, each) for each in (frames, min(frames, CPU_FRAMES))]
        remark = (
            "the open-field clip or its model is not there (DLCCTR_REAL_DATA names their folder): a clip and a model "
            "that are made stand in, which proves less"
        )
    rows = context.rows("real")
    row = rows.add(clips[0], model, what)
    short = rows.add(clips[1], model, f"{what}, first {CPU_FRAMES} frames") if context.on_gpu else row
    outcome = compare_sides(context, rows, [row], [short])
    outcome.remark = remark
    return outcome


def compare_kinds(context: Context) -> Outcome:
    """A seeded model of each kind, on a calm clip; all in one task."""
    rows = context.rows("kinds")
    clip = context.clips.calm(context.by_device(CALM_FRAMES, 12))
    for kind in KINDS:
        rows.add(clip, context.model(kind), kind.removeprefix(NETWORK))
    return compare_sides(context, rows, rows.rows, rows.rows)


def compare_sides(context: Context, rows: Rows, on_device: list[Row], on_cpu: list[Row]) -> Outcome:
    """Ours on the device against stock on the device and, where that is a GPU, ours on the CPU.

    Parameters
    ----------
    on_device, on_cpu : list of Row
        Rows that are compared with stock, and rows that are compared with the CPU.
    """
    each_once = {row.index: row for row in (*on_device, *(on_cpu if context.on_gpu else []))}
    running = rows.start("device", *context.backend, device=context.device, rows=list(each_once.values()))
    other = rows.start("cpu", "--backend", "engine", device="cpu", rows=on_cpu) if context.on_gpu else None
    outcome = Outcome()
    running.wait(any_code=True)
    for row in on_device:
        with _noted(outcome, rows, row, "device"):
            ours = rows.table(row, "device")
            outcome.lines.append(_receipt_line(rows, row))
            video, folder = rows.video(row), rows.folder / "stock" / str(row.index)
            stock = context.stock(Path(row.model), video, folder, rows.batch_size)
            what = f"{rows.name_of(row)}: ours against stock"
            outcome.comparisons.append(compare_files(what, ours, stock, context.tolerance))
    if other is not None:
        other.wait(any_code=True)
        for row in on_cpu:
            with _noted(outcome, rows, row, "cpu"):
                what = f"{rows.name_of(row)}: ours on the GPU against ours on the CPU"
                tables = (rows.table(row, "device"), rows.table(row, "cpu"))
                outcome.comparisons.append(compare_files(what, *tables, context.tolerance))
    return outcome


@contextlib.contextmanager
def _noted(outcome: Outcome, rows: Rows, row: Row, out: str) -> Iterator[None]:
    """Note what fails with one row, with the cause that its receipt gives, and go on with the next."""
    try:
        yield
    except TimeIsOver:
        raise
    except Exception as error:
        cause = rows.cause(row, out)
        said = f"{type(error).__name__}: {' '.join(str(error).split())[:600]}"
        outcome.problems.append(f"{rows.name_of(row)}: {f'analyze failed: {cause}' if cause else said}")


def _receipt_line(rows: Rows, row: Row) -> str:
    receipt = rows.receipt(row, "device")
    device, frames = receipt.device, receipt.frames
    memory = f", at most {device.peak_memory_bytes / 2**20:.0f} MiB of its memory" if device.peak_memory_bytes else ""
    return (
        f"{rows.name_of(row)}: {frames.stream if frames else 0} frames, path `{receipt.path}`, on "
        f"{device.name or device.type}{f' by {device.backend}' if device.backend else ''}{memory}; the row took "
        f"{receipt.timings_s['total']:.1f} s{f'; {receipt.remark}' if receipt.remark else ''}."
    )
