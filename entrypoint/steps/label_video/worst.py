"""Which parts of a video are most probably wrong, as `quality.json` says; and a sheet with a picture of each."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcctr.errors import OutputError
from dlcctr.quality.pictures.jpeg import encode_jpeg
from dlcctr.quality.record import QUALITY_FILENAME, Stretch, read_quality
from entrypoint.steps.base import StepInput
from entrypoint.steps.label_video.clock import Clock, stamp_text
from entrypoint.steps.label_video.layout import NO_COLOUR, PAPER, even
from entrypoint.steps.label_video.pictures import Picture
from entrypoint.steps.label_video.text import lay_mask, open_font, write

CLIPS_FILENAME, SHEET_FILENAME = "clips.csv", "clips.jpg"
TILE_PX = 320
COLUMNS = 3
GAP_PX = 8
QUANTISER = 4


@dataclass(frozen=True)
class Clip:
    """Frames ``[first, stop)`` of a video, around a stretch.

    Parameters
    ----------
    number : int
        From 1, the worst first.
    """

    number: int
    first: int
    stop: int
    stretch: Stretch


def worst_clips(given: StepInput, clock: Clock, frames: int) -> list[Clip]:
    """Choose clips around the worst stretches that do not overlap, the worst first.

    Raises
    ------
    OutputError
        The row has not been judged.
    """
    if QUALITY_FILENAME not in given.source.analysis.hashes:
        raise OutputError(
            f"{given.source.analysis.folder}: has no {QUALITY_FILENAME}, which says what its worst stretches are",
            "judge the row first: dlcctr quality m.csv",
        )
    quality = read_quality(given.take(QUALITY_FILENAME).parent)
    found = list(quality.stretches) if quality else []
    chosen: list[Clip] = []
    for stretch in sorted(found, key=lambda each: -each.score):
        if stretch.first >= frames or len(chosen) == given.parameters.clip_number:
            continue
        first, stop = clock.around(stretch.first, min(stretch.stop, frames), given.parameters.clip_s)
        if all(stop <= each.first or first >= each.stop for each in chosen):
            chosen.append(Clip(len(chosen) + 1, first, stop, stretch))
    return chosen


def write_list(file: Path, clips: Sequence[Clip], names: Sequence[str], clock: Clock) -> None:
    """Write what each clip shows as a table."""
    with file.open("w", encoding="utf-8", newline="") as text:
        lines = csv.writer(text, lineterminator="\n")
        lines.writerow(("clip", "file", "first", "stop", "time_s", "score", "flags"))
        for clip, name in zip(clips, names, strict=True):
            time = float(clock.true[clip.first])
            flags = " ".join(clip.stretch.flags)
            shown = "" if math.isnan(time) else f"{time:.3f}"
            lines.writerow((clip.number, name, clip.first, clip.stop, shown, f"{clip.stretch.score:.3f}", flags))


class ContactSheet:
    """Small pictures side by side, each with a line below."""

    def __init__(self) -> None:
        self._tiles: list[tuple[Picture, str]] = []

    def add(self, frame: Any, clip: Clip, time_s: float) -> None:
        """Add a labelled frame, in the format nv12."""
        import cv2
        import numpy

        whole = Picture.over(frame)
        width, height = whole.size
        scale = TILE_PX / max(width, height)
        size = even(width * scale), even(height * scale)
        luma = cv2.resize(numpy.ascontiguousarray(whole.luma), size, interpolation=cv2.INTER_AREA)
        half = size[0] // 2, size[1] // 2
        chroma = cv2.resize(numpy.ascontiguousarray(whole.chroma), half, interpolation=cv2.INTER_AREA)
        words = f"{clip.number}  {stamp_text(time_s)}  score {clip.stretch.score:.2f}"
        self._tiles.append((Picture(luma, chroma), " ".join([words, *clip.stretch.flags])))

    def write(self, file: Path) -> None:
        """Write it as a JPEG."""
        import av

        font = open_font("DejaVuSans.ttf", 13)
        captions = [write(text, font)[:, :TILE_PX] for _, text in self._tiles]
        line = even(captions[0].shape[0] + 4)
        height = max(tile.size[1] for tile, _ in self._tiles)
        columns = min(COLUMNS, len(self._tiles))
        rows = -(-len(self._tiles) // columns)
        size = even(columns * (TILE_PX + GAP_PX) + GAP_PX), even(rows * (height + line + GAP_PX) + GAP_PX)
        frame = av.VideoFrame(*size, "nv12")
        whole = Picture.over(frame)
        whole.luma[:], whole.chroma[:] = PAPER, NO_COLOUR
        for place, ((tile, _), caption) in enumerate(zip(self._tiles, captions, strict=True)):
            x = GAP_PX + place % columns * (TILE_PX + GAP_PX)
            y = GAP_PX + place // columns * (height + line + GAP_PX)
            target = whole.part(x, y, *tile.size)
            target.luma[:], target.chroma[:] = tile.luma, tile.chroma
            lay_mask(whole.luma, caption, x, y + tile.size[1] + 2, paper=PAPER)
        file.write_bytes(encode_jpeg(frame, *size, QUANTISER))
