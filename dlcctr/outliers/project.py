"""What choosing frames needs to know of a project: order of body parts, iteration, its videos and its labels."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from dlcctr.errors import UsageError
from dlcctr.model.files import open_tree
from dlcctr.model.prior.labels import LABELS_FOLDER, UNIQUE_OWNER, read_labels
from dlcctr.model.prior.shape import Pose
from dlcctr.model.project.shuffles import CONFIG, is_on, names_of, read_config
from dlcctr.outliers.labelled_pictures import LabelledPictures, pictures_of_bundle, pictures_of_labels

_PICTURE = re.compile(r"img([0-9]{1,9})\.[a-z]{3,4}", re.IGNORECASE)


@dataclass(frozen=True)
class Project:
    """A project, or the bundle of its model.

    Parameters
    ----------
    bodyparts : tuple of str
        Of one animal, in config.yaml's own order.
    iteration : int
        Of its training sets; in the name of machine labels.
    taken : frozenset of str
        Folders of labels, and names of its videos without their endings.
    labelled : tuple of tuple of Pose
        Of each picture that is labelled already its animals' poses; empty for a bundle, which has no labels.
    labelled_frames : frozenset of (str, int)
        Folder and frame of pictures that are labelled.
    individuals, unique_bodyparts : tuple of str
        In config.yaml's own order; one empty name, and none, in a project of one animal.
    pictures : LabelledPictures
        What labelled pictures look like.
    """

    bodyparts: tuple[str, ...]
    iteration: int
    taken: frozenset[str]
    labelled: tuple[tuple[Pose, ...], ...] = ()
    labelled_frames: frozenset[tuple[str, int]] = frozenset()
    individuals: tuple[str, ...] = ("",)
    unique_bodyparts: tuple[str, ...] = ()
    pictures: LabelledPictures = field(default_factory=LabelledPictures)

    @property
    def is_of_several(self) -> bool:
        """Whether it is a project of several animals."""
        return self.individuals != ("",)

    @property
    def points(self) -> tuple[tuple[str, str], ...]:
        """Individual and body part of each point of a picture: each animal's, then those that exist once."""
        own = [(who, part) for who in self.individuals for part in self.bodyparts]
        return (*own, *((UNIQUE_OWNER, part) for part in self.unique_bodyparts))

    def animals(self, points: Any) -> Any:
        """The animals of pictures, without parts that exist once.

        Parameters
        ----------
        points : array, (n, len(points), k)

        Returns
        -------
        array, (n, animals, parts, k)
        """
        own = points[:, : len(self.individuals) * len(self.bodyparts)]
        return own.reshape(len(points), len(self.individuals), len(self.bodyparts), points.shape[2])

    def has_labels_of(self, video: str, frame: int) -> bool:
        """Whether a frame of a video is labelled already, by the names of folder and picture."""
        return (PurePosixPath(video).stem, frame) in self.labelled_frames


def find_project(model: Path | None, out: Path) -> Project:
    """Read the project in the folder that frames are written to, else the campaign's model.

    Raises
    ------
    ModelError
        There is neither, or config.yaml cannot be read.
    UsageError
        The project names no body parts.
    """
    place = out if (out / CONFIG).is_file() or model is None else model
    tree = open_tree(place)
    config = read_config(tree)
    several = is_on(config.get("multianimalproject"))
    key = "multianimalbodyparts" if several else "bodyparts"
    parts = tuple(dict.fromkeys(names_of(config.get(key))))
    if not parts:
        raise UsageError(f"{tree.root / CONFIG}: names no {key}", "give the project that the model was trained in")
    labels = read_labels(tree.root, parts, str(config.get("scorer") or "")) if tree.root.is_dir() else None
    videos = config.get("video_sets")
    taken = {PureWindowsPath(str(name)).stem for name in videos} if isinstance(videos, dict) else set()
    for root in {tree.root, out}:
        taken |= _names(root / LABELS_FOLDER)
    poses: dict[Path, list[Pose]] = {}
    for each in labels.poses if labels else ():
        poses.setdefault(each.picture, []).append(each.points)
    pictures = [each.picture for each in labels.poses] if labels else []
    numbered = [(each.parent.name, found) for each in pictures if (found := _PICTURE.fullmatch(each.name))]
    frames = frozenset((folder, int(found[1])) for folder, found in numbered)
    looks = pictures_of_labels(list(poses)) if poses else pictures_of_bundle(tree)
    return Project(
        parts, int(config["iteration"]), frozenset(taken), tuple(map(tuple, poses.values())), frames,
        individuals=tuple(dict.fromkeys(names_of(config.get("individuals")))) if several else ("",),
        unique_bodyparts=tuple(dict.fromkeys(names_of(config.get("uniquebodyparts")))) if several else (),
        pictures=looks,
    )  # fmt: skip


def _names(folder: Path) -> set[str]:
    try:
        return {each.name for each in folder.iterdir()}
    except OSError:
        return set()
