"""Folders of labels as napari-deeplabcut saves them, and projects that they come back to: all hand-made."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dlcctr.labels.check import Checked, check_labels
from dlcctr.labels.project import read_project
from tests.unit.support.projects import config

PARTS = ("snout", "earLeft", "tail")
"""Not in the order of the alphabet."""
SIZE = (64, 48)
Rows = Mapping[str, Sequence[object]]
"""Picture to x, y of each part."""
OLD = 1_600_000_000


def png(size: tuple[int, int] = SIZE, grey: int = 0) -> bytes:
    """A whole PNG of one grey."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixels = (b"\0" + bytes([grey]) * size[0]) * size[1]
    head = struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


def jpeg(size: tuple[int, int] = SIZE) -> bytes:
    """The head of a JPEG: all that its size is read from."""
    frame = struct.pack(">BHHB", 8, size[1], size[0], 1) + b"\1\x11\0"
    return b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xff\xc0" + struct.pack(">H", len(frame) + 2) + frame


CONFIG = """\
# Project definitions (do not edit)
Task: mouse
scorer: lab   # me
date: Jan1
multianimalproject: false

# Annotation data set configuration (and individual video cropping parameters)
video_sets:
  /home/lab/mouse/videos/old.mp4:
    crop: 0, 64, 0, 48
bodyparts:
- snout
- earLeft
- tail

iteration: 0
snapshotindex: -1
"""


def make_project(root: Path, text: str = CONFIG) -> Path:
    """A project without labels."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "config.yaml").write_text(text)
    return root


def config_of_several() -> dict[str, Any]:
    """config.yaml of two animals and a corner."""
    return config(
        multianimalproject=True, bodyparts="MULTI!", individuals=["a", "b"],
        multianimalbodyparts=["snout", "tail"], uniquebodyparts=["corner"],
    )  # fmt: skip


def table(
    rows: Rows, *, folder: str = "v", parts: Sequence[object] = PARTS, scorer: str = "lab",
    coords: Sequence[str] = ("x", "y"),
) -> str:  # fmt: skip
    """A table; parts are names, or pairs of animal and name."""
    pairs = [part if isinstance(part, tuple) else ("", part) for part in parts for _ in coords]
    lines = [["scorer", "", "", *[scorer] * len(pairs)]]
    if any(animal for animal, _ in pairs):
        lines.append(["individuals", "", "", *(animal for animal, _ in pairs)])
    lines += [["bodyparts", "", "", *(str(part) for _, part in pairs)]]
    lines += [["coords", "", "", *[*coords] * (len(pairs) // len(coords))]]
    lines += [["labeled-data", folder, name, *map(str, cells)] for name, cells in rows.items()]
    return "".join(",".join(line) + "\n" for line in lines)


def make_folder(
    place: Path, rows: Rows | None = None, *, text: str | None = None, scorer: str = "lab", **more: Any
) -> Path:
    """A folder with a table and its pictures; it has the name of its table."""
    rows = {"img1.png": (1, 2, 3, 4, 5, 6)} if rows is None else rows
    place.mkdir(parents=True, exist_ok=True)
    for name in rows:
        (place / name).write_bytes(png(grey=sum(name.encode()) % 256))
    file = place / f"CollectedData_{scorer}.csv"
    file.write_text(table(rows, folder=place.name, scorer=scorer, **more) if text is None else text)
    os.utime(file, (OLD, OLD))
    return place


def checked(project: Path, *places: Path, any_scorer: bool = False) -> Checked:
    return check_labels(read_project(project), places, any_scorer=any_scorer)


def kinds(project: Path, *places: Path) -> list[str]:
    """Kinds of all problems, in the order in which they were found."""
    return [problem.kind for problem in checked(project, *places).problems]
