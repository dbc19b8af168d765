"""What the labelled pictures of a project look like, and what nobody could label beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dlcctr.model.files import ModelTree
from dlcctr.model.prior.appearance import SHARES, Look, find_looks
from dlcctr.model.prior.make import find_prior
from dlcctr.model.prior.shape import quantiles
from dlcctr.quality.record import Quality

DARKEST, FLATTEST = 0.2, 0.2
"""Shares of what the darkest and the flattest labelled pictures (5 percent) have, below which nobody sees an animal."""


@dataclass(frozen=True)
class LabelledPictures:
    """Labelled pictures.

    Parameters
    ----------
    looks : tuple of Look or None
        Of each labelled picture, in their order: its own, or one of its folder; None where there is none.
    least_level, least_contrast : float
        Grey level and contrast below which nobody can label a picture; 0 where nothing is known.
    """

    looks: tuple[Look | None, ...] = ()
    least_level: float = 0.0
    least_contrast: float = 0.0

    def is_flat(self, quality: Quality) -> bool:
        """Whether a video's pictures have so little contrast that nobody could label them."""
        contrast = quality.summary.get("contrast")
        return contrast is not None and contrast < self.least_contrast


def pictures_of_labels(pictures: Sequence[Path]) -> LabelledPictures:
    """Look at some of the labelled pictures."""
    looks, _ = find_looks(pictures)
    if not looks:
        return LabelledPictures()
    of_folder = {file.parent: look for file, look in looks.items()}
    known = list(looks.values())
    return LabelledPictures(
        tuple(looks.get(file) or of_folder.get(file.parent) for file in pictures),
        DARKEST * quantiles([look.brightness for look in known], SHARES)[0],
        FLATTEST * quantiles([look.contrast for look in known], SHARES)[0],
    )


def pictures_of_bundle(tree: ModelTree) -> LabelledPictures:
    """What a bundle's prior says of the pictures that it was labelled in."""
    prior = find_prior(tree)
    if prior is None or not prior.appearance.pictures:
        return LabelledPictures()
    look = prior.appearance
    return LabelledPictures((), DARKEST * look.brightness[0], FLATTEST * look.contrast[0])
