"""The real project's labelled frames, as folders of labels and as videos. Nothing of them is in this repository."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[4]
REAL_DATA = Path(os.environ.get("DLCCTR_REAL_DATA", ROOT.parent / "shared"))
PROJECT = REAL_DATA / "data" / "openfield-Pranav-2018-10-30"
MODEL = REAL_DATA / "models" / "openfield-pytorch-resnet18"
LABELS = PROJECT / "labeled-data" / "m4s1"
SCORER = "Pranav"
TABLE = f"CollectedData_{SCORER}.csv"
HEAD_LINES = 3
BODY_PARTS = ("snout", "leftear", "rightear", "tailbase")

HELD_FRAMES, RATE = 5, 30
"""Each labelled picture is shown for five frames of a video of 30 frames/s: the true pace is not known, and frames that
are picked are ten apart at least."""
NOISE = 2.0
"""Grey levels of noise that is new in every frame, as a camera's, so that the video does not seem to stand still."""


def missing(*, with_model: bool = True) -> str:
    """What of the real data is not there; empty if all is."""
    needed = [PROJECT / "config.yaml", LABELS / TABLE, *([MODEL / "config.yaml"] if with_model else [])]
    lacking = [str(each) for each in needed if not each.exists()]
    if not lacking:
        return ""
    return f"not there: {', '.join(lacking)}; DLCCTR_REAL_DATA names the folder of the open-field data"


def picture_of(frame: int) -> Path:
    """Picture of a labelled frame."""
    return LABELS / f"img{frame:04d}.png"


def write_labels(folder: Path, frames: Mapping[str, int], *, copy: bool = False) -> None:
    """Write the table of labels of pictures in a folder, as napari-deeplabcut would.

    Parameters
    ----------
    frames : mapping of str to int
        Name of each picture in the folder, and the labelled frame that it shows.
    copy : bool
        Copy the real pictures, too.
    """
    with (LABELS / TABLE).open(encoding="utf-8", newline="") as stream:
        lines = list(csv.reader(stream))
    known = {line[0].rpartition("/")[2]: line[1:] for line in lines[HEAD_LINES:]}
    folder.mkdir(parents=True, exist_ok=True)
    rows = [[f"labeled-data/{folder.name}/{name}", *known[picture_of(frame).name]] for name, frame in frames.items()]
    with (folder / TABLE).open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([*lines[:HEAD_LINES], *rows])
    if copy:
        for name, frame in frames.items():
            shutil.copy(picture_of(frame), folder / name)


def copy_labels(folder: Path, frames: Iterable[int]) -> None:
    """Write labels and pictures of some frames under their own names."""
    write_labels(folder, {picture_of(frame).name: frame for frame in frames}, copy=True)


def write_video(file: Path, frames: Sequence[int]) -> None:
    """Make a video of labelled frames, in their order; the same frames give the same video."""
    import av

    rng = np.random.default_rng(frames[0])
    file.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(file), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "12", "preset": "fast", "threads": "1"})
        stream.height, stream.width = read_picture(frames[0]).shape[:2]
        stream.pix_fmt = "yuv420p"
        for number in range(len(frames) * HELD_FRAMES):
            picture = read_picture(frames[number // HELD_FRAMES])
            noisy = np.clip(picture + rng.normal(0, NOISE, picture.shape), 0, 255).round().astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(noisy, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def read_picture(frame: int) -> Any:
    """Picture of a labelled frame (height, width, 3), uint8, BGR."""
    return cv2.imread(str(picture_of(frame)))
