"""Last part of the step: the tracks as DeepLabCut's table, written block by block."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from dlcctr.campaign.tracking import UNIQUE_OWNER
from dlcctr.errors import OutputError
from dlcctr.results.h5.positions import BLOCK_FRAMES, PositionColumns, write_positions
from entrypoint.steps.tracks.detections import HINT, Detections
from entrypoint.steps.tracks.settings import TrackSettings
from entrypoint.steps.tracks.tracking import poses_of
from entrypoint.steps.tracks.windows import NO_POSE, Tracks


def write_table(
    file: Path, detections: Detections, tracks: Tracks, settings: TrackSettings, progress: Callable[[int], None]
) -> int:
    """Write one row for each frame of the video; NaN where an animal was not seen.

    Returns
    -------
    int
        Positions of animals in the table (frames times animals).
    """
    columns = table_columns(settings)
    seen = 0
    with write_positions(file, columns) as writer:
        for window in tracks.windows:
            numbers = tracks.poses(window)
            for first in range(window.used, window.used_stop, BLOCK_FRAMES):
                stop = min(first + BLOCK_FRAMES, window.used_stop)
                mine = numbers[first - window.used : stop - window.used]
                writer.write(_block(detections, settings, range(first, stop), mine, len(columns.points)))
                seen += int((mine >= 0).sum())
                progress(stop)
    return seen


def table_columns(settings: TrackSettings) -> PositionColumns:
    """Individuals times body parts, then the unique ones."""
    points = [(who, part) for who in settings.names for part in settings.bodyparts]
    points += [(UNIQUE_OWNER, part) for part in settings.unique]
    return PositionColumns(settings.scorer, tuple(points), True)


def _block(detections: Detections, settings: TrackSettings, frames: range, numbers: Any, points: int) -> Any:
    import numpy

    parts = len(settings.bodyparts)
    block = numpy.full((len(frames), points, 3), numpy.nan)
    for frame, poses in poses_of(detections, settings, frames):
        for animal, number in enumerate(numbers[frame - frames.start]):
            if number != NO_POSE:
                block[frame - frames.start, animal * parts : (animal + 1) * parts] = poses[number, :, :3]
    for frame in frames if settings.unique else ():
        unique = detections.unique(frame)
        if unique is not None and len(unique) != len(settings.unique):
            raise OutputError(f"frame {frame} has {len(unique)} unique body parts, not {len(settings.unique)}", HINT)
        if unique is not None:
            block[frame - frames.start, len(settings.names) * parts :] = unique[:, :3]
    return block
