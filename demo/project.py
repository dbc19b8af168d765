"""A DeepLabCut project from drawn frames, as if a person had labelled them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from videos import BODY_PARTS, TRAIN_FRAMES, TRAINING, draw_clip, write_clip

TASK, EXPERIMENTER = "demo", "dlcctr"


def make_project(folder: Path) -> Path:
    """Make a new project with the demo's labelled frames; returns its config.yaml."""
    frames, truth = draw_clip(TRAINING, TRAIN_FRAMES, jumps=True)
    return project_of(folder, frames, truth)


def project_of(folder: Path, frames: list[Any], truth: Any) -> Path:
    """Make a new project of labelled frames.

    Parameters
    ----------
    frames : list of array, (height, width, 3)
        uint8, BGR.
    truth : array, (n, n_bodyparts, 2)
        Labels in px.

    Returns
    -------
    Path
        Its config.yaml.
    """
    import deeplabcut
    from deeplabcut.utils import auxiliaryfunctions

    video = folder / TRAINING.name
    write_clip(video, frames, TRAINING.fourcc)
    config = Path(deeplabcut.create_new_project(TASK, EXPERIMENTER, [str(video)], str(folder), copy_videos=True))
    auxiliaryfunctions.edit_config(
        str(config),
        {"bodyparts": list(BODY_PARTS), "skeleton": [], "TrainingFraction": [0.95], "date": "Jan1", "dotsize": 4},
    )
    write_labels(config.parent / "labeled-data" / video.stem, frames, truth)
    return config


def write_labels(folder: Path, frames: Sequence[Any], truth: Any, names: Sequence[str] = ()) -> None:
    """Write the frames and the table of labels that DeepLabCut's labelling window would have written."""
    import cv2

    folder.mkdir(parents=True, exist_ok=True)
    names = names or [f"img{number:03d}.png" for number in range(len(frames))]
    for name, frame in zip(names, frames, strict=True):
        cv2.imwrite(str(folder / name), frame)
    save_labels(folder, names, truth)


def save_labels(folder: Path, names: Sequence[str], truth: Any) -> None:
    """Write the table of labels (n, n_bodyparts, 2), in px, of pictures that are there."""
    import pandas as pd

    columns = pd.MultiIndex.from_product(
        [[EXPERIMENTER], BODY_PARTS, ["x", "y"]], names=["scorer", "bodyparts", "coords"]
    )
    index = pd.MultiIndex.from_tuples([("labeled-data", folder.name, name) for name in names])
    table = pd.DataFrame(truth.reshape(len(names), -1), index=index, columns=columns)
    table.to_hdf(folder / f"CollectedData_{EXPERIMENTER}.h5", key="df_with_missing", mode="w")
    table.to_csv(folder / f"CollectedData_{EXPERIMENTER}.csv")


def even_split(n_frames: int) -> tuple[list[int], list[int]]:
    """Every twentieth frame tests, the others train: the same split at every run."""
    test = list(range(0, n_frames, 20))
    return [number for number in range(n_frames) if number not in test], test
