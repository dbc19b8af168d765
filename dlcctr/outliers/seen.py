"""What is seen in frames, pose and picture, and how unlike that of another frame it is. Needs numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dlcctr.outliers.pictures import Looks
from dlcctr.outliers.poses import distances

FARTHEST = 1.0
"""Of poses (a body length) and pictures (another scene) together."""


@dataclass(frozen=True)
class Seen:
    """Poses and pictures of frames.

    Parameters
    ----------
    shapes : array, (n, parts, 2)
        Poses, as of `dlcctr.outliers.poses.as_shapes`.
    looks : Looks
        Of the same frames.
    """

    shapes: Any
    looks: Looks

    def distances(self, other: Seen, place: int) -> Any:
        """How unlike each frame is to one of `other`: 0 to `FARTHEST`, (n,)."""
        import numpy

        poses = distances(self.shapes, other.shapes[place])
        pictures = self.looks.unlikeness(other.looks.scenes[place], other.looks.levels[place])
        return numpy.minimum(numpy.hypot(poses, pictures), FARTHEST)
