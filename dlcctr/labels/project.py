"""What a project's config.yaml says of its labels, and the two keys of it that new labels change."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

from dlcctr.contract import VIDEO_EXTENSIONS
from dlcctr.errors import ModelError
from dlcctr.labels.table import PartName, is_plain
from dlcctr.model.prior.labels import LABELS_FOLDER, UNIQUE_OWNER
from dlcctr.model.project.shuffles import CONFIG, MODEL_FOLDERS, is_on, no_config
from dlcctr.model.yaml.yaml12 import WIDTH, parse_yaml, read_bytes, read_text
from dlcctr.system.files import write_bytes_atomic

ENTER_LABELS = "dlcctr labels add PROJECT PROJECT/labeled-data"
"""Enters a project's own folders of labels in config.yaml's `video_sets`, by which DeepLabCut finds them."""
NEW_ITERATION = f"{ENTER_LABELS} --new-iteration"
"""Counts up the iteration, so that the next training set is a new one."""
TRAINING_SETS = "training-datasets"
MAX_SCORER = 60


@dataclass(frozen=True)
class Project:
    """A project as far as labels need it.

    Parameters
    ----------
    parts : tuple of (str, str)
        Individual (empty in a single-animal project) and body part, in DeepLabCut's order of columns.
    videos : tuple of str
        Keys of video_sets.
    """

    folder: Path
    scorer: str
    is_of_several: bool
    parts: tuple[PartName, ...]
    iteration: int
    videos: tuple[str, ...]

    @property
    def config(self) -> Path:
        return self.folder / CONFIG

    @property
    def labels(self) -> Path:
        return self.folder / LABELS_FOLDER

    def has_video(self, name: str) -> bool:
        """Whether DeepLabCut finds a folder of labels: it goes by the names of the videos."""
        return any(PureWindowsPath(video).stem == name for video in self.videos)

    @property
    def is_trained(self) -> bool:
        """Whether this iteration has a training set or models already."""
        tops = (TRAINING_SETS, *MODEL_FOLDERS.values())
        return any((self.folder / top / f"iteration-{self.iteration}").is_dir() for top in tops)


def read_project(folder: Path) -> Project:
    """Read a project, given as its folder or its config.yaml; raises `ModelError` naming file and key."""
    file = folder if folder.name == CONFIG.name else folder / CONFIG
    if not file.exists():
        raise no_config(file.parent)
    table = parse_yaml(read_text(file), file)
    scorer, iteration = table.get("scorer"), table.get("iteration", 0)
    if not isinstance(scorer, str) or not 0 < len(scorer) <= MAX_SCORER or not is_plain(scorer):
        raise _wrong(file, "scorer", f"a name of at most {MAX_SCORER} characters")  # it is part of a file's name
    if not isinstance(iteration, int) or isinstance(iteration, bool) or iteration < 0:
        raise _wrong(file, "iteration", "a whole number")
    is_of_several = is_on(table.get("multianimalproject"))
    if is_of_several:
        animals, own = (_names(table, key, file) for key in ("individuals", "multianimalbodyparts"))
        unique = _names(table, "uniquebodyparts", file) if table.get("uniquebodyparts") else []
        parts = [(animal, part) for animal in animals for part in own] + [(UNIQUE_OWNER, part) for part in unique]
    else:
        parts = [("", part) for part in _names(table, "bodyparts", file)]
    videos = table.get("video_sets")
    keys = tuple(map(str, videos)) if isinstance(videos, dict) else ()
    return Project(file.parent, scorer, is_of_several, tuple(parts), iteration, keys)


def _names(table: Mapping[str, Any], key: str, file: Path) -> list[str]:
    names = table.get(key)
    if not isinstance(names, list) or not names or any(isinstance(name, (dict, list, type(None))) for name in names):
        raise _wrong(file, key, "a list of names")
    texts = list(map(str, names))
    if len(set(texts)) < len(texts):
        raise _wrong(file, key, "a list in which no name is twice")
    return texts


def _wrong(file: Path, key: str, wanted: str) -> ModelError:
    return ModelError(f"{file}: {key} is not {wanted}", "correct it, or copy the file again from the project")


def change_config(project: Project, crops: Mapping[str, str], iteration: int) -> bool:
    """Add videos of new folders and set the iteration; comments and everything else stay as they are.

    Parameters
    ----------
    crops : mapping of str
        Name of each new folder to its crop, ``0, width, 0, height``.

    Returns
    -------
    bool
        Whether the file was written.

    Raises
    ------
    ModelError
        The file cannot be changed without changing more.
    """
    if not crops and iteration == project.iteration:
        return False
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    file = project.config
    text = read_text(file)
    wanted = parse_yaml(text, file)
    yaml: Any = YAML()
    yaml.preserve_quotes, yaml.width = True, WIDTH
    stream = io.StringIO()
    try:
        table = yaml.load(text)
        for each in (wanted, table):
            each["iteration"] = iteration
            if crops and not isinstance(each.get("video_sets"), dict):
                each["video_sets"] = {}
            for name, crop in crops.items():
                each["video_sets"][video_of(project, name)] = {"crop": crop}
        yaml.dump(table, stream)
        is_right = parse_yaml(stream.getvalue(), file) == wanted
    except (YAMLError, ModelError, ValueError, TypeError, AttributeError, NotImplementedError):
        is_right = False
    if not is_right:
        keys = "".join(f", video {video_of(project, name)}" for name in crops)
        raise ModelError(
            f"{file}: cannot be changed without changing more of it",
            f"enter these by hand, then the same command again: iteration: {iteration}{keys}",
        )
    is_windows = b"\r\n" in read_bytes(file)
    text = stream.getvalue().replace("\n", "\r\n") if is_windows else stream.getvalue()
    write_bytes_atomic(file, text.encode("utf-8"), keep=True)
    return True


def video_of(project: Project, name: str) -> str:
    """Path by which config.yaml names a folder's video: the project's own one, whether it is there or not.

    In a project of Windows it is a path of Windows, too: beside one of another system DeepLabCut finds no folder of the
    others (#920).
    """
    others = [PureWindowsPath(video) for video in project.videos]
    if others and all(each.drive for each in others):
        return str(others[-1].with_name(f"{name}.mp4"))
    videos = project.folder.absolute() / "videos"
    for ending in VIDEO_EXTENSIONS:
        if (videos / f"{name}{ending}").exists():
            return str(videos / f"{name}{ending}")
    return str(videos / f"{name}.mp4")
