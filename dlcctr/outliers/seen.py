"""What is seen in frames, pose and picture, and how unlike that of another frame it is. Needs numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dlcctr.outliers.pictures import Looks
from dlcctr.outliers.poses import distances

FARTHEST = 1.0
"""Of poses (a body length) and pictures (another scene) together."""
UNKNOWN = 0.3
"""How unlike poses count as where one of them is not to be trusted, and the frames are of two videos."""
FAR_S = 10.0
"""Seconds between two frames of one video at which poses that are not to be trusted count as half a length apart."""
NO_VIDEO = -1


@dataclass(frozen=True)
class Seen:
    """Poses and pictures of frames.

    Parameters
    ----------
    shapes : array, (n, parts, 2)
        Poses, as of `dlcctr.outliers.poses.as_shapes`.
    looks : Looks
        Of the same frames.
    trust : array, (n,)
        How probably the pose is right, 0 to 1: that of a lost network says nothing of the animal's.
    videos : array of int, (n,)
        A number for each video; `NO_VIDEO` for labelled frames.
    times_s : array, (n,)
        In the video, in seconds.
    """

    shapes: Any
    looks: Looks
    trust: Any
    videos: Any
    times_s: Any

    def distances(self, other: Seen, place: int) -> Any:
        """How unlike each frame is to one of `other`: 0 to `FARTHEST`, (n,).

        Where poses are not to be trusted, the time between two frames of one video stands for how unlike they are.
        """
        import numpy

        apart_s = numpy.abs(self.times_s - other.times_s[place])
        is_same = (self.videos == other.videos[place]) & (self.videos != NO_VIDEO)
        guessed = numpy.where(is_same, apart_s / (apart_s + FAR_S), UNKNOWN)
        trust = self.trust * other.trust[place]
        poses = trust * distances(self.shapes, other.shapes[place]) + (1 - trust) * guessed
        pictures = self.looks.unlikeness(other.looks.scenes[place], other.looks.levels[place])
        return numpy.minimum(numpy.hypot(poses, pictures), FARTHEST)
