"""What a project's config.yaml says about drawing: skeleton, colours, likelihood. None of it changes a result."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from dlcctr.model.files import open_tree
from dlcctr.model.project.shuffles import names_of, read_config


@dataclass(frozen=True)
class Drawing:
    """A project's own ways of drawing; None or empty where it does not say.

    Parameters
    ----------
    skeleton : tuple of (str, str)
        Pairs of body parts that are connected, each once.
    skeleton_color, colormap : str
        Matplotlib's names.
    pcutoff : float or None
        Likelihood below which DeepLabCut draws no points.
    """

    skeleton: tuple[tuple[str, str], ...] = ()
    skeleton_color: str = ""
    colormap: str = ""
    pcutoff: float | None = None


def project_drawing(project: Path) -> Drawing:
    """Read it from a project or a bundle, which carries the whole config.yaml; raises `ModelError`."""
    config = read_config(open_tree(project))
    chains = config.get("skeleton")
    pairs: list[tuple[str, str]] = []
    for chain in map(names_of, chains) if isinstance(chains, list) else ():
        pairs += pairwise(chain)
    pcutoff = config.get("pcutoff")
    is_share = isinstance(pcutoff, (int, float)) and math.isfinite(pcutoff) and 0 <= pcutoff <= 1
    return Drawing(
        skeleton=tuple(dict.fromkeys(pair for pair in pairs if pair[0] != pair[1])),
        skeleton_color=_text(config.get("skeleton_color")),
        colormap=_text(config.get("colormap")),
        pcutoff=float(pcutoff) if is_share else None,  # type: ignore[arg-type]
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
