"""DeepLabCut's trackers, frame by frame, with a state that can be kept and taken up again."""

from __future__ import annotations

import warnings
from typing import Any

from entrypoint.steps.tracks.settings import TrackSettings

COUNTS = ("id", "time_since_update", "age", "hits", "hit_streak")
NO_POSE = -1


def clean_poses(poses: Any, settings: TrackSettings) -> Any:
    """Poses of a frame as DeepLabCut's tracklets have them.

    Parameters
    ----------
    poses : numpy.ndarray or None
        (animals, parts, 3 or 4), as detected. It is changed.

    Returns
    -------
    numpy.ndarray or None
        None where no animal is left.
    """
    import numpy

    if poses is None:
        return None
    if settings.topktoretain == 1:
        first = poses[:1]
        if settings.engine == "pytorch":
            first[first[..., 2] < settings.pcutoff] = numpy.nan
        return first
    if settings.engine == "pytorch":
        poses[(poses[..., :3] < 0).any(axis=-1), :2] = numpy.nan
        poses[poses[..., 2] < settings.pcutoff, :2] = numpy.nan
        poses = poses[~numpy.isnan(poses[:, :, :2]).all(axis=(1, 2))]
    return poses if len(poses) else None


class FrameTracker:
    """Gives each pose of a frame the number of its tracklet."""

    def __init__(self, settings: TrackSettings) -> None:
        self._settings, self._kept = settings, list(settings.kept_parts)
        self._sort = None if settings.identity or settings.topktoretain == 1 else _make_sort(settings)

    def track(self, poses: Any) -> Any:
        """Take the next frame that has animals.

        Returns
        -------
        numpy.ndarray
            Int, (n, 2): number of the tracklet and number of the pose.
        """
        import numpy

        if self._settings.topktoretain == 1:
            return numpy.zeros((1, 2), dtype=int)
        if self._sort is None:
            return self._by_identity(poses)
        with warnings.catch_warnings():  # of boxes and distances without any body part
            warnings.simplefilter("ignore", RuntimeWarning)
            found = self._sort.track(self._looked_at(poses))
        numbers = numpy.asarray(found)[:, -2:].astype(int)
        # DeepLabCut fills in what the skeleton tracker expects, as seen with certainty. Nobody saw it.
        return numbers[numbers[:, 1] != NO_POSE]

    def _looked_at(self, poses: Any) -> Any:
        seen = poses[:, self._kept]
        if self._settings.tracker != "box":
            return seen[..., :2]
        from deeplabcut.core.trackingutils import calc_bboxes_from_keypoints

        return calc_bboxes_from_keypoints(seen, self._settings.boundingboxslack)

    def _by_identity(self, poses: Any) -> Any:
        """Give each animal one identity, the whole frame's likelihoods being as high as possible."""
        import numpy
        from scipy.optimize import linear_sum_assignment
        from scipy.special import softmax

        scores = numpy.zeros((len(poses), self._settings.topktoretain))
        for row, pose in zip(scores, poses, strict=True):
            seen = pose[~numpy.isnan(pose).any(axis=1)]
            identities, which = numpy.unique(seen[:, 3], return_inverse=True)
            weights = numpy.bincount(which, weights=seen[:, 2])
            if self._settings.engine == "tensorflow":
                weights = weights / numpy.bincount(which)
            row[identities.astype(int)] = softmax(weights)
        animals, tracks = linear_sum_assignment(scores, maximize=True)
        return numpy.c_[tracks, animals]

    def state(self) -> dict[str, Any]:
        """Everything that later frames depend on, as arrays."""
        import numpy

        if self._sort is None:
            return {}
        trackers = self._sort.trackers
        return {
            "sort": numpy.array([self._sort.n_frames, _tracker_kind(self._settings).n_trackers]),
            "x": numpy.array([each.kf.x for each in trackers]),
            "P": numpy.array([each.kf.P for each in trackers]),
            "counts": numpy.array([[getattr(each, name) for name in COUNTS] for each in trackers], dtype=numpy.int64),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a state that `state` gave; raises KeyError or ValueError where it is none of this tracker."""
        if self._sort is None:
            return
        n_frames, made = (int(each) for each in state["sort"])
        held = zip(*(state[name] for name in ("x", "P", "counts")), strict=True)
        self._sort.trackers = [self._restored(*each) for each in held]
        self._sort.n_frames, _tracker_kind(self._settings).n_trackers = n_frames, made

    def _restored(self, x: Any, covariance: Any, counts: Any) -> Any:
        import numpy

        kind = _tracker_kind(self._settings)
        parts = len(self._kept)
        first = {"ellipse": (1.0,) * 5, "box": numpy.array([0.0, 0.0, 1.0, 1.0])}.get(self._settings.tracker, parts)
        tracker = kind(first)
        if tracker.kf.x.shape != x.shape or tracker.kf.P.shape != covariance.shape:
            raise ValueError("it is the state of another tracker")
        tracker.kf.x, tracker.kf.P = x.copy(), covariance.copy()
        for name, value in zip(COUNTS, counts, strict=True):
            setattr(tracker, name, int(value))
        return tracker


def _tracker_kind(settings: TrackSettings) -> Any:
    from deeplabcut.core import trackingutils

    names = {"ellipse": "EllipseTracker", "box": "BoxTracker", "skeleton": "SkeletonTracker"}
    return getattr(trackingutils, names[settings.tracker])


def _make_sort(settings: TrackSettings) -> Any:
    from deeplabcut.core.trackingutils import SORTBox, SORTEllipse, SORTSkeleton

    from entrypoint.engines.ellipse_tracker import mend

    mend()
    if settings.tracker == "box":
        return SORTBox(settings.max_age, settings.min_hits, settings.iou_threshold)
    if settings.tracker == "skeleton":
        return SORTSkeleton(len(settings.kept_parts), settings.max_age, settings.min_hits)
    return SORTEllipse(settings.max_age, settings.min_hits, settings.iou_threshold)
