"""A small project with labels, made without DeepLabCut: pictures with a bright square, whose corners are labelled."""

from __future__ import annotations

import json
import random
import struct
import zlib
from pathlib import Path
from typing import Any

SCORER, PARTS = "lab", ("top left", "bottom right")
WIDTH, HEIGHT, SQUARE = 96, 64, 16


def make_labelled(folder: Path, pictures: int = 12, **changes: Any) -> Path:
    """Write config.yaml and labeled-data; `changes` go into config.yaml."""
    labels = folder / "labeled-data" / "clip"
    labels.mkdir(parents=True)
    places = random.Random(7)
    lines = [
        ["scorer", "", "", *[SCORER] * 2 * len(PARTS)],
        ["bodyparts", "", "", *(part for part in PARTS for _ in "xy")],
        ["coords", "", "", *["x", "y"] * len(PARTS)],
    ]
    for number in range(pictures):
        left, top = places.randrange(WIDTH - SQUARE), places.randrange(HEIGHT - SQUARE)
        name = f"img{number:04}.png"
        (labels / name).write_bytes(png(left, top))
        corners = (left, top, left + SQUARE - 1, top + SQUARE - 1)
        lines.append(["labeled-data", "clip", name, *map(str, corners)])
    (labels / f"CollectedData_{SCORER}.csv").write_text("".join(",".join(line) + "\n" for line in lines))
    table = {
        "Task": "square", "scorer": SCORER, "date": "Jan1", "multianimalproject": False, "identity": False,
        "project_path": "/nowhere/square", "engine": "pytorch",
        "video_sets": {"/nowhere/clip.mp4": {"crop": f"0, {WIDTH}, 0, {HEIGHT}"}}, "bodyparts": list(PARTS),
        "start": 0, "stop": 1, "numframes2pick": 10, "skeleton": [], "skeleton_color": "black", "pcutoff": 0.6,
        "dotsize": 8, "alphavalue": 0.7, "colormap": "rainbow", "TrainingFraction": [0.8], "iteration": 0,
        "default_net_type": "resnet_50", "default_augmenter": "default", "snapshotindex": -1, "batch_size": 4,
        "cropping": False, "x1": 0, "x2": WIDTH, "y1": 0, "y2": HEIGHT, "corner2move2": [50, 50],
        "move2corner": True, **changes,
    }  # fmt: skip
    (folder / "config.yaml").write_text("".join(f"{key}: {json.dumps(value)}\n" for key, value in table.items()))
    return folder


def png(left: int, top: int) -> bytes:
    """Picture with a bright square on a dark ground."""
    rows = []
    for y in range(HEIGHT):
        inside = top <= y < top + SQUARE
        row = bytearray((40, 30, 20) * WIDTH)
        if inside:
            row[3 * left : 3 * (left + SQUARE)] = bytes((250, 240, 230)) * SQUARE
        rows.append(b"\0" + bytes(row))
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
