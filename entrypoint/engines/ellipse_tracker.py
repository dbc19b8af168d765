"""Fix DeepLabCut's ellipse tracker, which gives an animal's track the pose of another one (DeepLabCut issue #3493).

The tracker leaves out poses that no ellipse fits (fewer than three body parts are seen). It then reports which pose a
track took as a number among the poses that are left, and DeepLabCut looks that number up among all of them: one animal
of which little is seen in a frame shifts the poses of every animal after it.
"""

from __future__ import annotations

import functools
from typing import Any

from dlcctr.contract import ELLIPSE_FIX


def mend() -> str:
    """Let the tracker number poses as its callers do; its tracks stay the same. Returns the fix's name.

    Tracks are those that it made before, position by position: it never used the poses that are left out here. In
    frames where an ellipse fits every pose, the numbers are the same, too.
    """
    from deeplabcut.core.trackingutils import SORTEllipse

    if not hasattr(SORTEllipse.track, "__wrapped__"):
        SORTEllipse.track = _numbering_all_poses(SORTEllipse.track)
    return ELLIPSE_FIX


def _numbering_all_poses(stock: Any) -> Any:
    import numpy

    @functools.wraps(stock)
    def track(self: Any, poses: Any, identities: Any = None) -> Any:
        fitting = numpy.array([n for n, pose in enumerate(poses) if self.fitter.fit(pose) is not None], int)
        kept = [None if each is None else numpy.asarray(each)[fitting] for each in (poses, identities)]
        found = stock(self, *kept)
        taken = found[:, -1] >= 0  # -1: a track without a pose in this frame
        found[taken, -1] = fitting[found[taken, -1].astype(int)]
        return found

    return track
