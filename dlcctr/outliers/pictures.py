"""How unlike each other the pictures of frames are, by what was measured of them when their videos were judged.

Of a frame there is its mean grey level, of its video a coarse picture of the beginning, the whole and the end. Needs
numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dlcctr.model.prior.record import SCENE_HEIGHT, SCENE_WIDTH
from dlcctr.quality.record import Quality

CELLS = SCENE_WIDTH * SCENE_HEIGHT
QUARTERS = 4
OTHER_LIGHT = 4.0
"""Factor of brightness at which pictures of one scene are as unlike as pictures of two."""
LEAST_LEVEL = 4.0
"""Grey level that is added before levels are compared: below it a camera sees noise."""


@dataclass(frozen=True)
class Looks:
    """What pictures look like.

    Parameters
    ----------
    scenes : array, (n, CELLS)
        Coarse pictures around their mean, of length 1; zeros where there is none.
    levels : array, (n,)
        Mean grey level, 0-255; NaN where not known.
    """

    scenes: Any
    levels: Any

    @classmethod
    def of(cls, scenes: Sequence[Sequence[float]], levels: Sequence[float | None]) -> Looks:
        """Looks of coarse pictures, each of `CELLS` grey levels or empty."""
        import numpy

        found = numpy.zeros((len(scenes), CELLS))
        for n, scene in enumerate(scenes):
            if len(scene) == CELLS:
                found[n] = numpy.asarray(scene, float) - numpy.mean(scene)
        size = numpy.linalg.norm(found, axis=1, keepdims=True)
        found = numpy.where(size > 0, found / numpy.where(size > 0, size, 1.0), 0.0)
        return cls(found, numpy.array([numpy.nan if level is None else level for level in levels], float))

    def unlikeness(self, scene: Any, level: float) -> Any:
        """How unlike each picture is to one: 0 for the same, 1 for another scene or quite another light, (n,).

        The correlation of the coarse pictures, which no change of light alters, and the ratio of their grey levels;
        what is not known of either picture counts as equal.
        """
        import numpy

        both = self.scenes.any(axis=1) & bool(numpy.any(scene))
        other_scene = numpy.where(both, 1 - self.scenes @ scene, 0.0)
        ratio = numpy.log((self.levels + LEAST_LEVEL) / (level + LEAST_LEVEL)) / numpy.log(OTHER_LIGHT)
        return numpy.clip(numpy.hypot(other_scene, numpy.nan_to_num(ratio)), 0.0, 1.0)


def scene_at(quality: Quality, frame: int) -> tuple[int, ...]:
    """Coarse picture of a row's video where a frame lies: of its first or last quarter, or of all of it."""
    if frame * QUARTERS < quality.frames and quality.scene_first:
        return quality.scene_first
    if frame * QUARTERS >= quality.frames * (QUARTERS - 1) and quality.scene_last:
        return quality.scene_last
    return quality.scene
