"""First half of the step: which pose of each frame belongs to which tracklet, with checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcctr.errors import OutputError
from entrypoint.steps.tracks.detections import HINT, Detections
from entrypoint.steps.tracks.kept_arrays import read_arrays, write_arrays
from entrypoint.steps.tracks.settings import TrackSettings
from entrypoint.steps.tracks.trackers import FrameTracker, clean_poses

CHECKPOINT_FRAMES = 4_000
"""Some seconds to a minute of work."""
STATE_FILE = "tracker.npz"


@dataclass(frozen=True)
class Tracklets:
    """The tracklets of a video, on disk: blocks of `CHECKPOINT_FRAMES` frames.

    Parameters
    ----------
    folder : Path
        Of the checkpoints.
    """

    folder: Path
    frames: int

    def rows(self, first: int, stop: int) -> Any:
        """Rows of some frames: int32, (n, 3) of frame, tracklet and pose, in the order in which they were found."""
        import numpy

        blocks = range(first // CHECKPOINT_FRAMES * CHECKPOINT_FRAMES, min(stop, self.frames), CHECKPOINT_FRAMES)
        held = [_block(self.folder, block) for block in blocks]
        rows = numpy.concatenate([each["rows"] for each in held if each] or [numpy.empty((0, 3), dtype=numpy.int32)])
        return rows[(rows[:, 0] >= first) & (rows[:, 0] < stop)]

    def frames_with_animals(self) -> int:
        """Number of frames in which an animal has a tracklet."""
        import numpy

        starts = range(0, self.frames, CHECKPOINT_FRAMES)
        return sum(len(numpy.unique(held["rows"][:, 0])) for held in (_block(self.folder, n) for n in starts) if held)


def track(detections: Detections, settings: TrackSettings, kept: Path, progress: Callable[[int], None]) -> Tracklets:
    """Track all frames, or those that a killed attempt has not tracked.

    Parameters
    ----------
    kept : Path
        Folder of the step's checkpoints.
    progress : callable
        Called with the number of frames that are done.
    """
    tracker = FrameTracker(settings)
    done = _resume(tracker, kept)
    for first in range(done, settings.frames, CHECKPOINT_FRAMES):
        stop = min(first + CHECKPOINT_FRAMES, settings.frames)
        write_arrays(_block_file(kept, first), rows=_rows(detections, settings, tracker, range(first, stop)))
        # only the state makes the block count
        write_arrays(kept / STATE_FILE, done=_scalar(stop), **tracker.state())
        progress(stop)
    return Tracklets(kept, settings.frames)


def _rows(detections: Detections, settings: TrackSettings, tracker: FrameTracker, frames: range) -> Any:
    import numpy

    held: list[Any] = [numpy.empty((0, 3), dtype=numpy.int32)]
    for frame, poses in poses_of(detections, settings, frames):
        found = tracker.track(poses)
        held.append(numpy.column_stack([numpy.full(len(found), frame), found]).astype(numpy.int32))
    return numpy.concatenate(held)


def poses_of(detections: Detections, settings: TrackSettings, frames: range) -> Iterator[tuple[int, Any]]:
    """Each frame that has animals, and their poses (animals, parts, 3 or 4), which tracklets refer to by number."""
    for frame in frames:
        poses = clean_poses(detections.animals(frame), settings)
        if poses is not None:
            _check_parts(poses, settings, frame)
            yield frame, poses


def _check_parts(poses: Any, settings: TrackSettings, frame: int) -> None:
    if poses.shape[1] != len(settings.bodyparts):
        raise OutputError(
            f"in frame {frame} animals have {poses.shape[1]} body parts, the model has {len(settings.bodyparts)}", HINT
        )


def _resume(tracker: FrameTracker, kept: Path) -> int:
    state = read_arrays(kept / STATE_FILE)
    if state is None:
        return 0
    try:
        done = int(state["done"])
        if not all(_block_file(kept, first).is_file() for first in range(0, done, CHECKPOINT_FRAMES)):
            return 0
        tracker.restore(state)
    except (KeyError, ValueError, TypeError):
        return 0
    return done


def _scalar(value: int) -> Any:
    import numpy

    return numpy.array(value)


def _block_file(folder: Path, first: int) -> Path:
    return folder / f"tracklets-{first:09d}.npz"


def _block(folder: Path, first: int) -> dict[str, Any] | None:
    return read_arrays(_block_file(folder, first))
