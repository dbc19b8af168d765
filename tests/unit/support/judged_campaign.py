"""Campaigns of any number of rows that were never analysed: manifest, receipts, quality, pictures, failures.

`python -m tests.unit.support.judged_campaign FOLDER ROWS` makes one to look at.
"""

from __future__ import annotations

import io
import math
import random
import sys
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from dlcctr.campaign.config import Campaign, write_campaign
from dlcctr.campaign.manifest import write_manifest
from dlcctr.campaign.rows import Row
from dlcctr.contract import RECEIPT_FILENAME, RowState, failure_file, row_folder
from dlcctr.quality.flagging.flag_kinds import FLAG_KINDS
from dlcctr.quality.record import (
    MAX_BINS,
    Flag,
    PartQuality,
    Picture,
    PriorUsed,
    Quality,
    Stretch,
    Timeline,
    write_quality,
)
from dlcctr.results.receipt import Receipt
from dlcctr.results.sections import (
    AnalysedRow,
    Columns,
    DeviceUsed,
    FrameCounts,
    ImageUsed,
    ModelUsed,
    OutputFile,
    Parameters,
)
from tests.unit.support.results import MODEL_HASH, MODEL_ID, SCORER

BODYPARTS = ("snout", "left ear", "right ear", "body centre", "tail base")
CAMERAS = (
    ("box A", 640, 480, 30.0),
    ("box B", 640, 480, 30.0),
    ("rig 2", 1280, 1024, 60.0),
    ("home cage", 800, 600, 25.0),
)
FLAGGED_SHARE = 0.2
BEGIN = datetime(2026, 3, 2, 8, tzinfo=timezone.utc)
PICTURE_KINDS = 24


def make_judged_campaign(folder: Path, n_rows: int, *, seed: int = 1, pictures: bool = True, **names: str) -> Path:
    """Write a campaign; gives its manifest. `names` are videos by row, as ``row3="x.mp4"``, for hostile ones."""
    dice = random.Random(seed)
    rows = [_row(index, dice, names.get(f"row{index}", "")) for index in range(n_rows)]
    campaign = Campaign(
        file=folder / "campaign.toml",
        model_hash=MODEL_HASH,
        model_id=MODEL_ID,
        engine="pytorch",
        bodyparts=BODYPARTS,
        video_root=folder / "videos",
        out=folder / "results",
        csv=False,
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_campaign(campaign)
    write_manifest(folder / "m.csv", rows)
    shots = [draw_picture(np.random.default_rng(each)) for each in range(PICTURE_KINDS)] if pictures else []
    for row in rows:
        fate = dice.random() if row.index not in (0, 1) else 1.0
        if row.error:
            continue
        if fate < 0.03:
            _fail(campaign, row, dice)
        elif fate > 0.05 or n_rows < 20:
            _finish(campaign, row, dice, shots, is_degraded=fate < 0.07)
    return folder / "m.csv"


def _row(index: int, dice: random.Random, name: str) -> Row:
    camera, width, height, fps = CAMERAS[dice.randrange(len(CAMERAS))]
    day = (BEGIN + timedelta(days=dice.randrange(14))).strftime("%Y-%m-%d")
    frames = dice.randrange(9_000, 54_000)
    return Row(
        index,
        name or f"{camera}/{day}/mouse{dice.randrange(40):02d}_trial{index:04d}.mp4",
        frames=frames,
        fps=fps,
        width=width,
        height=height,
        codec="h264",
        duration_s=frames / fps,
        bytes=frames * 900,
        fingerprint=f"v1:{frames * 900}:{dice.getrandbits(128):032x}",
        error="moov atom not found" if dice.random() < 0.005 and index > 1 else "",
    )


def _receipt(campaign: Campaign, row: Row, dice: random.Random, **changes: Any) -> Receipt:
    begin = BEGIN + timedelta(days=20, seconds=dice.randrange(18_000))
    total_s = (row.frames or 0) / dice.uniform(90, 160)
    frames = row.frames or 0
    whole = Receipt(
        state=RowState.OK,
        cause="",
        exit_code=0,
        row=AnalysedRow(row.index, row.video, row.fingerprint, row.bytes),
        frames=FrameCounts(frames, frames, frames),
        columns=Columns(frames, tuple((part, c) for part in BODYPARTS for c in ("x", "y", "likelihood"))),
        model=ModelUsed(
            MODEL_ID, campaign.model_hash, "pytorch", scorer=SCORER, snapshot="snapshot-200", bodyparts=BODYPARTS
        ),
        parameters=Parameters(shuffle=1, trainset_index=0, csv=False, batch_size=32),
        software={"python": "3.11.9", "deeplabcut": "3.0.0rc13", "torch": "2.7.1", "driver": "550.1"},
        image=ImageUsed(name="dlcctr:0.1.0-pytorch-cu126", version="0.1.0", cuda="12.6", digest="sha256:" + "12" * 32),
        device=DeviceUsed(type="cuda", name="NVIDIA H100", backend="PyTorch 2.7.1"),
        path="own",
        timings_s={"total": total_s},
        host=f"node{dice.randrange(12):02d}",
        scheduler={"SLURM_ARRAY_JOB_ID": "4711", "SLURM_ARRAY_TASK_ID": str(row.index)},
        started=begin.isoformat(),
        finished=(begin + timedelta(seconds=total_s)).isoformat(),
    )
    return replace(whole, **changes)


def _fail(campaign: Campaign, row: Row, dice: random.Random) -> None:
    code, cause = dice.choice(
        [(4, "no frame decodes"), (6, "the GPU does not answer"), (7, "it needed more memory than it was allowed")]
    )
    receipt = _receipt(campaign, row, dice, state=RowState.FAILED, cause=cause, exit_code=code, columns=Columns())
    file = failure_file(campaign.out, campaign.model_id, row.video)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(receipt.to_json(), encoding="utf-8")


def _finish(campaign: Campaign, row: Row, dice: random.Random, shots: list[bytes], *, is_degraded: bool) -> None:
    folder = row_folder(campaign.out, campaign.model_id, row.video)
    folder.mkdir(parents=True)
    (folder / f"{Path(row.video).stem[:100]}{SCORER}.h5").write_bytes(b"poses")
    quality = judge(row, dice, n_pictures=4 if shots else 0)
    for picture in quality.pictures:
        (folder / picture.file).write_bytes(dice.choice(shots))
    write_quality(folder, quality)
    files = [OutputFile.of(file) for file in sorted(folder.iterdir())]
    changes: dict[str, Any] = {"files": files}
    if is_degraded:
        n = row.frames or 0
        changes |= {"state": RowState.DEGRADED, "frames": FrameCounts(n, n, n - 40, ((100, 140),))}
    receipt = _receipt(campaign, row, dice, **changes)
    (folder / RECEIPT_FILENAME).write_text(receipt.to_json(), encoding="utf-8")


def judge(row: Row, dice: random.Random, *, n_pictures: int = 4) -> Quality:
    """Quality of a row that looks measured; one in five has flags."""
    frames = row.frames or 0
    bad = dice.random() < FLAGGED_SHARE
    names = dice.sample(sorted(FLAG_KINDS), dice.randrange(1, 4)) if bad else []
    flags, stretches = [], []
    for name in names:
        first = dice.randrange(frames)
        stop = min(frames, first + dice.randrange(30, 2_000))
        threshold = dice.choice([0.1, 0.05, 3.0])
        part = dice.choice(["", *BODYPARTS])
        value, source = threshold * dice.uniform(1.05, 9), dice.choice(["labels", "campaign", "fixed"])
        flags.append(Flag(name, value, threshold, source, FLAG_KINDS[name].advice, part, first=first, stop=stop))
        stretches.append(Stretch(first, stop, dice.uniform(0.5, 1), (name,), "picture-0.jpg" if n_pictures else ""))
    stretches.sort(key=lambda stretch: -stretch.score)
    pictures = [
        Picture(f"picture-{k}.jpg", frame := dice.randrange(frames), frame / (row.fps or 30),
                names[k % len(names)] if names and k < 3 else "random")
        for k in range(n_pictures)
    ]  # fmt: skip
    level = dice.uniform(0.4, 0.85) if bad else dice.uniform(0.93, 0.99)
    parts = [
        PartQuality(
            part, "", round(min(1.0, level + dice.uniform(-0.05, 0.01)), 4), round(1 - level, 4), 0.002, 0, 0, 0.01
        )
        for part in BODYPARTS
    ]
    return Quality(
        frames,
        row.duration_s,
        PriorUsed("labels", "cd" * 32),
        {"likelihood": level},
        tuple(parts),
        tuple(flags),
        tuple(stretches),
        _timeline(row, dice, stretches, level),
        tuple(pictures),
    )


def _timeline(row: Row, dice: random.Random, stretches: list[Stretch], level: float) -> Timeline:
    frames, fps = row.frames or 1, row.fps or 30.0
    first = tuple(round(k * frames / MAX_BINS) for k in range(MAX_BINS))
    bad = [any(each.first < f + frames / MAX_BINS and f < each.stop for each in stretches) for f in first]
    width, height = row.width or 640, row.height or 480
    phase = dice.uniform(0, 7)
    xs = [width * (0.5 + 0.38 * math.sin(phase + k * 0.031) * math.cos(k * 0.013)) for k in range(MAX_BINS)]
    ys = [height * (0.5 + 0.38 * math.cos(phase + k * 0.023)) for k in range(MAX_BINS)]
    return Timeline(
        first,
        tuple(round(f / fps, 4) for f in first),
        tuple(round(dice.uniform(0.05, 0.6) if b else min(1.0, level + dice.uniform(-0.04, 0.02)), 4) for b in bad),
        tuple(round(dice.expovariate(1 / (9 if b else 2)), 4) for b in bad),
        tuple(round(dice.uniform(0.5, 1) if b else dice.uniform(0, 0.2), 4) for b in bad),
        tuple(None if b and k % 3 == 0 else round(x, 2) for k, (x, b) in enumerate(zip(xs, bad, strict=True))),
        tuple(None if b and k % 3 == 0 else round(y, 2) for k, (y, b) in enumerate(zip(ys, bad, strict=True))),
    )


def draw_picture(rng: np.random.Generator, width: int = 320, height: int = 240) -> bytes:
    """JPEG of a dark animal in a bright arena, with points on it."""
    yy, xx = np.mgrid[:height, :width].astype(np.float32)
    image = np.full((height, width, 3), 60, np.float32)
    image[12:-12, 12:-12] = 175 + rng.normal(0, 6, (height - 24, width - 24, 1))
    cx, cy, angle = rng.uniform(70, width - 70), rng.uniform(60, height - 60), rng.uniform(0, 6.3)
    along = (xx - cx) * np.cos(angle) + (yy - cy) * np.sin(angle)
    across = -(xx - cx) * np.sin(angle) + (yy - cy) * np.cos(angle)
    image[(along / 38) ** 2 + (across / 15) ** 2 < 1] = (48, 42, 40)
    for k, colour in enumerate(((0, 114, 178), (230, 159, 0), (204, 121, 167), (0, 158, 115), (213, 94, 0))):
        px = cx + (38 - 19 * k) * np.cos(angle) + rng.normal(0, 2)
        py = cy + (38 - 19 * k) * np.sin(angle) + rng.normal(0, 2)
        image[(xx - px) ** 2 + (yy - py) ** 2 < 14] = colour
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = width, height, "yuvj420p", Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(image.clip(0, 255).astype(np.uint8), format="rgb24").reformat(format="yuvj420p")
    file = io.BytesIO()
    for packet in [*encoder.encode(frame), *encoder.encode(None)]:
        file.write(bytes(packet))
    return file.getvalue()


if __name__ == "__main__":
    print(make_judged_campaign(Path(sys.argv[1]), int(sys.argv[2])))
