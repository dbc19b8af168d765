"""From a project's labelled frames to its pose prior."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from dlcctr.errors import ModelError
from dlcctr.model.files import ModelTree
from dlcctr.model.prior.appearance import find_appearance
from dlcctr.model.prior.labels import Labels, read_labels
from dlcctr.model.prior.record import MAX_PARTS, PRIOR_FILENAME, PRIORS, Appearance, PosePrior, parse_prior
from dlcctr.model.prior.shape import Pose, body_length, find_shape, pair_distances, side_pairs
from dlcctr.system.terminal.console import one_line, plural

MAX_POSES = 2000
USUAL_PARTS = 20
"""Of animals with more body parts, fewer poses are taken: a host computes in pure Python."""
MAX_NOTES = 20


def make_prior(project: Path, bodyparts: Sequence[str], scorer: str = "") -> PosePrior | None:
    """Compute a project's prior; None where it has no labels that can be read.

    Parameters
    ----------
    bodyparts : sequence of str
        The model's, in its order, without unique ones.
    scorer : str
        The project's `scorer`, whose labels DeepLabCut trains with.

    Returns
    -------
    PosePrior or None
        What could not be used is in its notes. Nothing is raised for broken labels.
    """
    names = tuple(bodyparts)[:MAX_PARTS]
    labels = read_labels(project, names, scorer)
    if not labels.poses:
        return None
    prior = prior_of_poses([each.points for each in labels.poses], names, "labels")
    appearance, size, notes = find_appearance([each.picture for each in labels.poses])
    return _with_pictures(prior, appearance, size, [*_notes(labels), *notes])


def prior_of_poses(poses: Sequence[Pose], names: Sequence[str], source: str) -> PosePrior:
    """Prior of given poses, without pictures."""
    n_kept = min(len(poses), MAX_POSES * USUAL_PARTS // max(USUAL_PARTS, len(names)))
    kept = [poses[n * len(poses) // n_kept] for n in range(n_kept)]
    length_px, sides = body_length(kept), side_pairs(names)
    shape = find_shape(kept, length_px, sides) if length_px else None
    there = [sum(pose[n] is not None for pose in poses) / len(poses) for n in range(len(names))]
    return PosePrior(
        source=source,
        bodyparts=tuple(names),
        poses=len(poses),
        body_length_px=round(length_px, 3) if length_px else None,
        labelled_share=tuple(round(share, 4) for share in there),
        distances=pair_distances(kept, length_px) if length_px else (),
        mean=shape.mean if shape else (),
        covariance=shape.covariance if shape else (),
        scale=shape.scale if shape else (),
        sides=sides,
        sides_agree=shape.sides_agree if shape else 0.0,
    )


def _with_pictures(
    prior: PosePrior, appearance: Appearance, size: tuple[int, int] | None, notes: Sequence[str]
) -> PosePrior:
    width, height = size or (None, None)
    return replace(prior, appearance=appearance, width_px=width, height_px=height, notes=tuple(notes))


def _notes(labels: Labels) -> list[str]:
    """How many files were skipped and why, without their names: a bundle tells nothing of a project's folders."""
    reasons = Counter(reason for _, reason in labels.skipped)
    return [
        f"{plural(count, 'file')} of labels skipped: {one_line(reason)}"
        for reason, count in reasons.most_common(MAX_NOTES)
    ]


def prior_text(prior: PosePrior) -> str:
    """Text of the bundle's file: the same bytes for the same labels."""
    table = PRIORS.table(prior)
    return json.dumps(table, separators=(",", ":"), ensure_ascii=False) + "\n"


def find_prior(tree: ModelTree) -> PosePrior | None:
    """Prior of a bundle; None for a project, and for a bundle from before there were any.

    Raises
    ------
    ModelError
        It is damaged.
    """
    name = PurePosixPath(PRIOR_FILENAME)
    if tree.listing is None or not tree.is_file(name):
        return None
    return parse_prior(tree.text(name), tree.root / PRIOR_FILENAME)


def prior_of_model(tree: ModelTree, bodyparts: Sequence[str], scorer: str = "") -> PosePrior | None:
    """Prior of a model: the bundle's, or computed from the labels of a project; None where there is neither."""
    if tree.listing is None:
        return make_prior(tree.root, bodyparts, scorer)
    try:
        found = find_prior(tree)
    except ModelError:
        return None
    return found if found and found.bodyparts == tuple(bodyparts)[:MAX_PARTS] else None
