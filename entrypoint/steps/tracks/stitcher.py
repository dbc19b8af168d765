"""DeepLabCut's stitching of tracklets, on those of a window of frames."""

from __future__ import annotations

import contextlib
import functools
import io
import itertools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from dlcctr.campaign.steps.tracks import TracksParameters
from entrypoint.engines.no_animal import NO_TRACKS


def stitch(rows: Any, poses: dict[int, Any], n_tracks: int, parameters: TracksParameters) -> list[Any]:
    """Make tracks of tracklets, as `deeplabcut.stitch_tracklets` does it.

    Parameters
    ----------
    rows : numpy.ndarray
        Int, (n, 3): frame, tracklet, number of the pose.
    poses : dict
        Poses of each frame, (animals, parts, 3 or 4).

    Returns
    -------
    list of deeplabcut.refine_training_dataset.stitch.Tracklet
        At most `n_tracks`, in DeepLabCut's order; none where no tracklet is long enough.
    """
    tracklets: dict[int, dict[int, Any]] = {}
    for frame, tracklet, number in rows.tolist():
        tracklets.setdefault(tracklet, {})[frame] = poses[frame][number]
    if not tracklets:
        return []
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(warnings.catch_warnings())
            stack.enter_context(contextlib.redirect_stderr(io.StringIO()))  # its progress
            stack.enter_context(_repeatable())
            stack.enter_context(_quick_joins())
            warnings.simplefilter("ignore")
            tracks = _stitch(tracklets, n_tracks, parameters)
    except (OSError, ValueError) as error:
        if not str(error).startswith(NO_TRACKS):
            raise
        return []
    return sorted(tracks, key=lambda track: track.identity)


def _stitch(tracklets: dict[int, Any], n_tracks: int, parameters: TracksParameters) -> list[Any]:
    with _contains(lambda _, other: False):  # DeepLabCut notes all pairs that overlap, for a training that is not done
        stitcher = _stitcher_class().from_dict_of_dict(
            tracklets, n_tracks, parameters.min_length, parameters.split_tracklets, parameters.prestitch_residuals
        )
    weight = None
    identities = {id(tracklet): tracklet.identity for tracklet in stitcher}
    if any(identity != NO_IDENTITY for identity in identities.values()):

        def weight(one: Any, other: Any) -> float:
            same = identities[id(one)] == identities[id(other)]
            return float((SAME_IDENTITY if same else 1) * stitcher.calculate_edge_weight(one, other))

    stitcher.build_graph(max_gap=parameters.max_gap or None, weight_func=weight)
    with _contains(_overlap):
        stitcher.stitch()
    return list(stitcher.tracks)


NO_IDENTITY = -1
SAME_IDENTITY = 0.01
"""DeepLabCut's own weight of tracklets with the same identity."""


@functools.cache
def _stitcher_class() -> Any:
    from deeplabcut.refine_training_dataset.stitch import TrackletStitcher

    class Stitcher(TrackletStitcher):  # type: ignore[misc]
        """Finds the largest gap without comparing all tracklets with each other."""

        @staticmethod
        def compute_max_gap(tracklets: Any) -> int:
            import numpy

            if not all(each.is_continuous for each in tracklets):
                return int(TrackletStitcher.compute_max_gap(tracklets))
            starts = numpy.array([each.start for each in tracklets])  # ascending
            ends = numpy.array([each.end for each in tracklets])
            following = starts.searchsorted(ends, side="right")
            has = following < len(starts)
            gaps = starts[following[has]] - ends[has]
            return int(gaps.max(initial=0))

    return Stitcher


@contextlib.contextmanager
def _contains(contains: Callable[[Any, Any], bool]) -> Iterator[None]:
    """Answer whether one tracklet overlaps another (``other in one``) by a function of our own."""
    from deeplabcut.refine_training_dataset.stitch import Tracklet

    stock = Tracklet.__contains__
    Tracklet.__contains__ = contains
    try:
        yield
    finally:
        Tracklet.__contains__ = stock


def _overlap(one: Any, other: Any) -> bool:
    """Whether tracklets share frames; of those without gaps only the ends are compared."""
    import numpy

    if one.is_continuous and other.is_continuous:
        return bool(one.start <= other.end and other.start <= one.end)
    return bool(numpy.isin(one.inds, other.inds, assume_unique=True).any())


@contextlib.contextmanager
def _repeatable() -> Iterator[None]:
    """Let sets of tracklets have the same order in each process; DeepLabCut's last resort depends on it."""
    from deeplabcut.refine_training_dataset.stitch import Tracklet

    numbers, stock = itertools.count(), Tracklet.__hash__

    def number_of(self: Any) -> int:
        if not hasattr(self, "_number"):
            self._number = next(numbers)
        return int(self._number)

    Tracklet.__hash__ = number_of
    try:
        yield
    finally:
        Tracklet.__hash__ = stock


@contextlib.contextmanager
def _quick_joins() -> Iterator[None]:
    """Join tracklets at once, and without comparing all of their frames one by one in Python.

    Where no optimal solution is found, DeepLabCut joins all tracklets that are left for every pair of them that
    overlaps, one after the other: hours for a window with some hundred of them.
    """
    from deeplabcut.refine_training_dataset import stitch

    stock = stitch.Tracklet.__add__

    def add(self: Any, other: Any) -> Any:
        return _joined([self, other])

    def add_all(items: Any) -> Any:
        found = list(items)
        if len(found) > 1 and all(isinstance(each, stitch.Tracklet) for each in found):
            return _joined(found)
        return sum(found)

    stitch.Tracklet.__add__, stitch.sum = add, add_all
    try:
        yield
    finally:
        stitch.Tracklet.__add__ = stock
        del stitch.sum


def _joined(tracklets: list[Any]) -> Any:
    """What `Tracklet.__add__` gives of them one after the other: by frame, those of one frame in the given order."""
    import numpy
    from deeplabcut.refine_training_dataset.stitch import Tracklet

    data = numpy.concatenate([each.data for each in tracklets])
    inds = numpy.concatenate([each.inds for each in tracklets])
    if not (inds[1:] > inds[:-1]).all():
        order = numpy.argsort(inds, kind="stable")
        data, inds = data[order], inds[order]
    joined = Tracklet.__new__(Tracklet)
    joined.data, joined.inds, joined._centroid = data, inds, None
    return joined
