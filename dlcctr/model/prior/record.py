"""The pose prior: a few kilobytes of plain numbers that say what the poses of a project look like.

Lengths are in body lengths unless a name ends in `_px`. Poses are turned and moved onto each other first, so that mean
and covariance are those of the animal's own shape, whatever way it looks.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from dlcctr.errors import ModelError
from dlcctr.system.state_files import StateFile
from dlcctr.system.values.records import OMIT, Open

PRIOR_FILENAME = "pose-prior.json"
"""Name of its file in a bundle."""
MAX_PARTS = 60
"""Most body parts that a prior describes; the first ones of more."""
QUANTILES = (0.01, 0.05, 0.5, 0.95, 0.99)
SCENE_WIDTH, SCENE_HEIGHT = 16, 12
"""Cells of the coarse mean picture."""


@dataclass(frozen=True)
class PairDistance(Open):
    """Distance between two body parts.

    Parameters
    ----------
    first, second : int
        Their places in the list of body parts.
    quantiles : tuple of float
        1, 5, 50, 95 and 99 percent, in body lengths.
    count : int
        Labelled poses that have both.
    """

    first: int
    second: int
    quantiles: tuple[float, ...]
    count: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.first < self.second or len(self.quantiles) != len(QUANTILES):
            raise ValueError("a distance is between two body parts in order, and has five quantiles")


@dataclass(frozen=True)
class SidePair(Open):
    """A left and a right body part, by their places in the list of body parts."""

    left: int
    right: int


@dataclass(frozen=True)
class Appearance(Open):
    """Labelled pictures: 5, 50 and 95 percent of each measure (see `dlcctr.model.prior.appearance`).

    Parameters
    ----------
    pictures : int
        How many were measured; the others' numbers are empty if none was.
    brightness, contrast : tuple of float
        Grey levels, 0-255.
    sharpness : tuple of float
        How much of the strongest edges lies between two neighbouring pixels: 1 for sharp ones.
    scene : tuple of int
        Coarse mean picture, 16 x 12 grey levels, row by row.
    """

    pictures: int = 0
    brightness: tuple[float, ...] = ()
    contrast: tuple[float, ...] = ()
    sharpness: tuple[float, ...] = ()
    scene: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        lists = (self.brightness, self.contrast, self.sharpness)
        if any(len(each) != (3 if self.pictures else 0) for each in lists):
            raise ValueError("measures of pictures have three quantiles")
        if len(self.scene) != (SCENE_WIDTH * SCENE_HEIGHT if self.pictures else 0):
            raise ValueError(f"a coarse picture has {SCENE_WIDTH} x {SCENE_HEIGHT} cells")


@dataclass(frozen=True)
class PosePrior(Open):
    """What poses look like.

    Parameters
    ----------
    source : str
        ``labels``, or ``campaign``: confident frames of the campaign's own results.
    bodyparts : tuple of str
        Names in the model's order; all per-part lists follow it.
    poses : int
        Poses that it was computed from.
    body_length_px : float or None
        Median distance of the two body parts that are farthest apart; None for fewer than two.
    labelled_share : tuple of float
        Share of poses in which each part was labelled.
    distances : tuple of PairDistance
        Of each pair; of the stiffest ones where there are many body parts.
    mean : tuple of float
        Mean shape: x, y of each part.
    covariance : tuple of float
        Covariance of x, y of all parts around it; lower triangle, row by row. The PCA of poses follows from it.
    scale : tuple of float
        1, 5, 50, 95 and 99 percent of the poses' size, the mean shape's being 1.
    sides : tuple of SidePair
        Left and right parts, by name.
    sides_agree : float
        Share of labelled poses that fit the mean shape better as they are than with left and right exchanged. Where an
        animal is seen from both of its sides, this is near 0.5, and sides cannot be judged.
    width_px, height_px : int or None
        Size of most of the labelled pictures.
    appearance : Appearance
        Of the labelled pictures.
    notes : tuple of str
        What was skipped, and why.
    """

    source: str
    bodyparts: tuple[str, ...]
    poses: int
    body_length_px: float | None = None
    labelled_share: tuple[float, ...] = ()
    distances: tuple[PairDistance, ...] = ()
    mean: tuple[float, ...] = ()
    covariance: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    sides: tuple[SidePair, ...] = ()
    sides_agree: float = 0.0
    width_px: int | None = field(default=None, metadata=OMIT)
    height_px: int | None = field(default=None, metadata=OMIT)
    appearance: Appearance = field(default_factory=Appearance)
    notes: tuple[str, ...] = field(default=(), metadata=OMIT)
    version: int = 1

    def __post_init__(self) -> None:
        n_parts = len(self.bodyparts)
        if n_parts > MAX_PARTS:
            raise ValueError(f"more than {MAX_PARTS} body parts")
        n_values = 2 * n_parts if self.mean else 0
        if len(self.mean) != n_values or len(self.covariance) != n_values * (n_values + 1) // 2:
            raise ValueError("mean and covariance do not fit the body parts")
        if len(self.labelled_share) not in (0, n_parts) or len(self.scale) not in (0, len(QUANTILES)):
            raise ValueError("a list does not fit the body parts")
        places = [(pair.first, pair.second) for pair in self.distances] + [(s.left, s.right) for s in self.sides]
        if any(not 0 <= place < n_parts for pair in places for place in pair):
            raise ValueError("a pair names a body part that does not exist")
        if self.body_length_px is not None and not self.body_length_px > 0:
            raise ValueError("a body has a length")

    @property
    def has_shape(self) -> bool:
        """Whether poses can be compared with a mean shape."""
        return bool(self.mean) and self.body_length_px is not None

    @property
    def hash(self) -> str:
        """SHA-256 of its text."""
        return hashlib.sha256(PRIORS.text(self).encode()).hexdigest()


PRIORS = StateFile(
    PosePrior,
    "a pose prior",
    ModelError,
    hint="pack the model again from the project: dlcctr model pack PROJECT -o MODEL",
)


def parse_prior(text: str, file: Path) -> PosePrior:
    """Prior in a text that came from `file`; raises `ModelError`."""
    return PRIORS.parse(text, file)
