"""Second half of the step: tracklets to tracks, one window of frames after the other, with a checkpoint after each.

DeepLabCut stitches all tracklets of a video at once. What it needs for that grows with the square of their number, and
it holds all of them with all of their poses. A video that fits into one window is stitched as DeepLabCut does it; a
longer one in windows that overlap, whose tracks belong together where they hold the same poses in the overlap.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcctr.campaign.steps.tracks import TracksParameters
from entrypoint.steps.tracks.detections import Detections
from entrypoint.steps.tracks.kept_arrays import read_arrays, write_arrays
from entrypoint.steps.tracks.settings import TrackSettings
from entrypoint.steps.tracks.stitcher import stitch
from entrypoint.steps.tracks.tracking import Tracklets, poses_of

OVERLAP_SHARE = 10
"""A tenth of a window is in the next one as well."""
NO_POSE = -1


@dataclass(frozen=True)
class Window:
    """Frames that are stitched at once.

    Parameters
    ----------
    first, stop : int
        All of them, the second excluded.
    used, used_stop : int
        Those whose result comes from this window: from the middle of one overlap to the middle of the next.
    """

    number: int
    first: int
    stop: int
    used: int
    used_stop: int


def plan_windows(frames: int, size: int) -> list[Window]:
    """Windows of a video; a single one where it is not much longer than `size`."""
    overlap = size // OVERLAP_SHARE
    count = max(1, -(-(frames - overlap) // size))
    return [
        Window(
            n,
            n * size,
            frames if n == count - 1 else (n + 1) * size + overlap,
            n * size + (overlap // 2 if n else 0),
            frames if n == count - 1 else (n + 1) * size + overlap // 2,
        )
        for n in range(count)
    ]


@dataclass(frozen=True)
class Tracks:
    """The tracks of a video, on disk.

    Parameters
    ----------
    empty_windows : int
        Windows in which no track could be made.
    """

    folder: Path
    windows: list[Window]
    empty_windows: int

    def poses(self, window: Window) -> Any:
        """Number of each animal's pose in the used frames of a window; int16, (frames, animals), -1 for none."""
        held = read_arrays(_file(self.folder, window))
        assert held is not None
        return held["poses"][: window.used_stop - window.used]


def stitch_windows(
    detections: Detections,
    tracklets: Tracklets,
    settings: TrackSettings,
    parameters: TracksParameters,
    progress: Callable[[int], None],
) -> Tracks:
    """Stitch all windows, or those that a killed attempt has not stitched.

    Parameters
    ----------
    progress : callable
        Called with the number of frames that are done.
    """
    import numpy

    windows, empty = plan_windows(settings.frames, parameters.window), 0
    stitch_one = functools.partial(_stitch_one, detections, tracklets, settings, parameters)
    before: Any = numpy.empty((0, len(settings.names)), dtype=numpy.int16)
    last = numpy.full((len(settings.names), 2), numpy.nan)
    for window in windows:
        file = _file(tracklets.folder, window)
        held = read_arrays(file)
        if held is None or not held.keys() >= {"poses", "last"}:
            held = _link_one(stitch_one(window), window, before, last)
            write_arrays(file, **held)
        poses, last = held["poses"], held["last"]
        empty += int((poses < 0).all())
        before = poses[windows[min(window.number + 1, len(windows) - 1)].first - window.used :]
        progress(window.used_stop)
    return Tracks(tracklets.folder, windows, empty)


def _link_one(found: tuple[Any, Any], window: Window, before: Any, last: Any) -> dict[str, Any]:
    poses, centres = found
    if window.number:
        order = link(before, poses[: len(before)], last, centres)
        poses, centres = poses[:, order], centres[:, order]
    return {"poses": poses[window.used - window.first :], "last": _last_centres(centres, last)}


def _stitch_one(
    detections: Detections, tracklets: Tracklets, settings: TrackSettings, parameters: TracksParameters, window: Window
) -> tuple[Any, Any]:
    """Numbers of poses (frames, animals), -1 for none, and the centres of the poses, (frames, animals, 2) in px."""
    import numpy

    frames = range(window.first, window.stop)
    found = dict(poses_of(detections, settings, frames))
    tracks = stitch(tracklets.rows(window.first, window.stop), found, len(settings.names), parameters)
    if tracks:
        return _numbers_of(tracks, found, window, len(settings.names))
    numbers: Any = numpy.full((len(frames), len(settings.names)), NO_POSE, dtype=numpy.int16)
    return numbers, numpy.full((*numbers.shape, 2), numpy.nan)


def link(before: Any, after: Any, last: Any, centres: Any) -> Any:
    """Which track of a window goes on with each track of the one before.

    Parameters
    ----------
    before, after : numpy.ndarray
        (overlap, tracks): numbers of poses in the same frames, -1 for none.
    last : numpy.ndarray
        (tracks, 2): where each earlier track was seen last, in px.
    centres : numpy.ndarray
        (frames, tracks, 2): centres of the window's tracks.

    Returns
    -------
    numpy.ndarray
        Column of the window for each earlier track.
    """
    import numpy
    from scipy.optimize import linear_sum_assignment

    same = (before[:, :, None] == after[:, None, :]) & (before[:, :, None] >= 0)
    first = _last_centres(centres[::-1], numpy.full_like(last, numpy.nan))
    distance = numpy.sqrt(((last[:, None] - first[None]) ** 2).sum(axis=-1))
    # less than one frame of the overlap, all together: it decides only where none of them does
    near = numpy.nan_to_num(1 / (1 + distance)) / (1 + len(last))
    _, columns = linear_sum_assignment(same.sum(axis=0) + near, maximize=True)
    return columns


def _last_centres(centres: Any, before: Any) -> Any:
    import numpy

    seen = numpy.isfinite(centres).all(axis=-1)
    last = before.copy()
    for n in numpy.flatnonzero(seen.any(axis=0)):
        last[n] = centres[numpy.flatnonzero(seen[:, n])[-1], n]
    return last


def _numbers_of(tracks: list[Any], found: dict[int, Any], window: Window, count: int) -> tuple[Any, Any]:
    """Which pose of each frame a track has, found by the pose itself, which stitching leaves as it is."""
    import numpy

    length = window.stop - window.first
    most = max(len(poses) for poses in found.values())
    shape = next(iter(found.values())).shape[1:]
    everything = numpy.full((length, most, *shape), numpy.inf)
    for frame, poses in found.items():
        everything[frame - window.first, : len(poses)] = numpy.nan_to_num(poses, nan=-numpy.inf)
    numbers: Any = numpy.full((length, count), NO_POSE, dtype=numpy.int16)
    centres = numpy.full((length, count, 2), numpy.nan)
    for n, track in enumerate(tracks[:count]):
        at = track.inds - window.first
        data = numpy.nan_to_num(track.data, nan=-numpy.inf)
        same = (everything[at] == data[:, None]).all(axis=(2, 3))
        if not same.any(axis=1).all():
            raise RuntimeError("a stitched track has a pose that was not detected")
        numbers[at, n] = same.argmax(axis=1)
        centres[at, n] = track.centroid
    return numbers, centres


def _file(folder: Path, window: Window) -> Path:
    return folder / f"tracks-{window.number:06d}.npz"
