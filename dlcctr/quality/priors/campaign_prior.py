"""A pose prior for projects without labels: of frames in which the network is sure of most parts. Needs numpy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from dlcctr.model.prior.make import MAX_POSES, prior_of_poses
from dlcctr.model.prior.record import MAX_PARTS, PosePrior
from dlcctr.model.prior.shape import Pose
from dlcctr.quality.measures.track import Track, import_numpy

CONFIDENT = 0.9
"""Likelihood from which on a point may say what poses look like."""
PARTS_SHARE = 0.75
"""Share of body parts that must be that sure."""
MIN_POSES = 50


def prior_of_campaign(tracks: Iterable[Track], bodyparts: Sequence[str]) -> PosePrior | None:
    """Prior of the campaign's own confident frames, each video with equally many; None where there are too few.

    It cannot know that all videos are wrong in the same way; labels can.
    """
    names = tuple(bodyparts)[:MAX_PARTS]
    by_video = [_confident(track, len(names)) for track in tracks if track.bodyparts[: len(names)] == names]
    by_video = [poses for poses in by_video if poses]
    if not by_video:
        return None
    each = max(1, MAX_POSES // len(by_video))
    poses = [pose for video in by_video for pose in _evenly(video, each)]
    return prior_of_poses(poses, names, "campaign") if len(poses) >= MIN_POSES else None


def _evenly(poses: list[Pose], most: int) -> list[Pose]:
    n_poses = min(len(poses), most)
    return [poses[n * len(poses) // n_poses] for n in range(n_poses)]


def _confident(track: Track, n_parts: int) -> list[Pose]:
    numpy = import_numpy()
    flat = track.positions[:, :, :n_parts].reshape(-1, n_parts, 3)
    sure = numpy.isfinite(flat).all(axis=2) & (numpy.nan_to_num(flat[..., 2]) >= CONFIDENT)
    chosen = numpy.flatnonzero(sure.mean(axis=1) >= PARTS_SHARE)
    chosen = chosen[:: max(1, len(chosen) // MAX_POSES)]
    return [_pose(flat[n], sure[n]) for n in chosen]


def _pose(points: Any, sure: Any) -> Pose:
    return tuple(complex(x, y) if there else None for (x, y, _), there in zip(points.tolist(), sure, strict=True))
