"""What choosing frames needs to know of a project: order of body parts, iteration, its videos and its labels."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath

from dlcctr.errors import UsageError
from dlcctr.model.files import open_tree
from dlcctr.model.prior.labels import LABELS_FOLDER, read_labels
from dlcctr.model.prior.shape import Pose
from dlcctr.model.project.shuffles import CONFIG, names_of, read_config
from dlcctr.outliers.labelled_pictures import LabelledPictures, pictures_of_bundle, pictures_of_labels

_PICTURE = re.compile(r"img([0-9]{1,9})\.png")


@dataclass(frozen=True)
class Project:
    """A single-animal project, or the bundle of its model.

    Parameters
    ----------
    bodyparts : tuple of str
        In config.yaml's own order.
    iteration : int
        Of its training sets; in the name of machine labels.
    taken : frozenset of str
        Folders of labels, and names of its videos without their endings.
    labelled : tuple of Pose
        Poses that are labelled already; empty for a bundle, which has no labels.
    labelled_frames : frozenset of (str, int)
        Folder and frame of pictures that are labelled.
    pictures : LabelledPictures
        What labelled pictures look like.
    """

    bodyparts: tuple[str, ...]
    iteration: int
    taken: frozenset[str]
    labelled: tuple[Pose, ...] = ()
    labelled_frames: frozenset[tuple[str, int]] = frozenset()
    pictures: LabelledPictures = field(default_factory=LabelledPictures)

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
        The project is of several animals, or names no body parts.
    """
    place = out if (out / CONFIG).is_file() or model is None else model
    tree = open_tree(place)
    config = read_config(tree)
    if config.get("multianimalproject"):
        raise UsageError(
            f"{tree.root}: a project of several animals, and frames are chosen for one animal only so far",
            "take frames with DeepLabCut: deeplabcut.extract_outlier_frames(CONFIG, VIDEOS, track_method=…)",
        )
    parts = tuple(dict.fromkeys(names_of(config.get("bodyparts"))))
    if not parts:
        raise UsageError(f"{tree.root / CONFIG}: names no bodyparts", "give the project that the model was trained in")
    labels = read_labels(tree.root, parts, str(config.get("scorer") or "")) if tree.root.is_dir() else None
    videos = config.get("video_sets")
    taken = {PureWindowsPath(str(name)).stem for name in videos} if isinstance(videos, dict) else set()
    for root in {tree.root, out}:
        taken |= _names(root / LABELS_FOLDER)
    poses = tuple(each.points for each in labels.poses) if labels else ()
    pictures = [each.picture for each in labels.poses] if labels else []
    numbered = [(each.parent.name, found) for each in pictures if (found := _PICTURE.fullmatch(each.name))]
    frames = frozenset((folder, int(found[1])) for folder, found in numbered)
    looks = pictures_of_labels(pictures) if pictures else pictures_of_bundle(tree)
    return Project(parts, int(config["iteration"]), frozenset(taken), poses, frames, looks)


def _names(folder: Path) -> set[str]:
    try:
        return {each.name for each in folder.iterdir()}
    except OSError:
        return set()
