"""What labelled pictures look like: brightness, contrast, sharpness and a coarse mean picture, in pure Python.

The same measures are taken of videos in `dlcctr.quality.measures.pictures`; a test holds both to the same numbers.
Only the green channel is looked at, and of it some lines.
"""

from __future__ import annotations

import contextlib
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcctr.model.prior.record import SCENE_HEIGHT, SCENE_WIDTH, Appearance
from dlcctr.model.prior.shape import quantiles

MAX_PICTURES = 40
LINES = 48
"""Lines of a picture that are measured, evenly spread."""
SCENE_LINES = 192
"""Lines that the coarse picture is made of: enough that a camera that shakes by a pixel hardly changes it."""
STEP_PX = 4
"""Brightness and contrast are those of every fourth pixel."""
EDGES = 0.02
"""Sharpness looks at this share of the differences, the strongest: weak ones are noise."""
FAR_PX = 8
"""Sharpness compares neighbours with pixels this far apart: across a sharp edge, both differ equally."""
MAX_PIXELS = 100_000_000
SHARES = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class Look:
    """Measures of one picture."""

    width: int
    height: int
    brightness: float
    contrast: float
    sharpness: float
    scene: tuple[float, ...]


def measured_lines(height: int) -> range:
    """Numbers of the lines of a picture that are measured."""
    step = -(-height // LINES) or 1
    return range(step // 2, height, step)


def scene_step(height: int) -> int:
    """Every how many lines the coarse picture is made of."""
    return -(-height // SCENE_LINES) or 1


def look_at(lines: Sequence[Sequence[int]], scene_lines: Sequence[Sequence[int]], width: int, height: int) -> Look:
    """Measure a picture by some of its lines, each a sequence of grey levels."""
    some = [level for line in lines for level in line[::STEP_PX]]
    near, far = _steps(lines, 1), _steps(lines, min(FAR_PX, max(1, len(lines[0]) - 2)))
    low, high = quantiles(some, (0.05, 0.95))
    return Look(
        width,
        height,
        brightness=statistics.fmean(some),
        contrast=high - low,
        sharpness=_edges(near, EDGES / FAR_PX) / max(_edges(far, EDGES), 1.0),
        scene=_scene(scene_lines),
    )


def _steps(lines: Sequence[Sequence[int]], px: int) -> list[int]:
    """Sorted differences of pixels that are some px apart."""
    return sorted(abs(b - a) for line in lines for a, b in zip(line[:-px], line[px:], strict=True))


def _edges(ordered: Sequence[int], share: float) -> float:
    """Mean of the strongest differences. One edge makes a single difference of neighbours, but eight of far pixels."""
    return statistics.fmean(ordered[-max(1, int(share * len(ordered))) :])


def _scene(lines: Sequence[Sequence[int]]) -> tuple[float, ...]:
    cells = []
    for row in range(SCENE_HEIGHT):
        band = lines[row * len(lines) // SCENE_HEIGHT : max((row + 1) * len(lines) // SCENE_HEIGHT, 1)] or lines[-1:]
        for column in range(SCENE_WIDTH):
            width = len(band[0])
            first = min(column * width // SCENE_WIDTH, width - 1)
            stop = max((column + 1) * width // SCENE_WIDTH, first + 1)
            cells.append(statistics.fmean(level for line in band for level in line[first:stop]))
    return tuple(cells)


def read_look(file: Path) -> Look:
    """Measure a picture's file; raises `OSError` or `ValueError` where it is none."""
    import av

    # A picture and nothing else: no playlist that leads elsewhere, no pattern of names, none that fills the memory
    options = {"pattern_type": "none", "protocol_whitelist": "file"}
    with av.open(str(file.absolute()), format="image2", options=options) as container:
        container.streams.video[0].codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        frame: Any = next(container.decode(video=0), None)
        if frame is None or not 0 < frame.width * frame.height <= MAX_PIXELS or frame.width <= 2 * STEP_PX:
            raise ValueError("no picture, or of an impossible size")
        plane = frame.reformat(format="rgb24").planes[0]
        data, stride = bytes(plane), plane.line_size
        width, height = frame.width, frame.height
    measured, scene = (
        [data[y * stride + 1 : y * stride + 3 * width : 3] for y in numbers]
        for numbers in (measured_lines(height), range(0, height, scene_step(height)))
    )
    return look_at(measured, scene, width, height)


def find_looks(pictures: Sequence[Path]) -> tuple[dict[Path, Look], list[str]]:
    """Measure some of the pictures, evenly spread over all; notes say how many are not there or cannot be read."""
    chosen = _evenly(sorted(set(pictures)), MAX_PICTURES)
    looks: dict[Path, Look] = {}
    for file in chosen:
        # whatever the decoder says of a broken file: pictures are a bonus
        with contextlib.suppress(Exception):
            looks[file] = read_look(file)
    unread = len(chosen) - len(looks)
    return looks, [f"{unread} of {len(chosen)} labelled pictures are not there, or cannot be read"] if unread else []


def find_appearance(pictures: Sequence[Path]) -> tuple[Appearance, tuple[int, int] | None, list[str]]:
    """Measure some of the pictures.

    Returns
    -------
    Appearance
        Without pictures if none can be read.
    tuple of int or None
        Width and height of most of them.
    list of str
        Notes about pictures that are not there or cannot be read.
    """
    found, notes = find_looks(pictures)
    looks = list(found.values())
    if not looks:
        return Appearance(), None, notes
    size = Counter((look.width, look.height) for look in looks).most_common(1)[0][0]
    cells = zip(*(look.scene for look in looks), strict=True)
    appearance = Appearance(
        pictures=len(looks),
        brightness=_spread([look.brightness for look in looks]),
        contrast=_spread([look.contrast for look in looks]),
        sharpness=_spread([look.sharpness for look in looks]),
        scene=tuple(round(statistics.median(cell)) for cell in cells),
    )
    return appearance, size, notes


def _spread(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(round(q, 3) for q in quantiles(values, SHARES))


def _evenly(items: Sequence[Path], most: int) -> list[Path]:
    n_items = min(len(items), most)
    return [items[n * len(items) // n_items] for n in range(n_items)]
