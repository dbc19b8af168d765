"""What goes between the supervisor and its worker process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dlcctr.contract import PART_EVERY_S


@dataclass(frozen=True)
class Job:
    """One analysis, as it goes from the supervisor to the worker.

    Parameters
    ----------
    path : str
        ``own`` (our loop) or ``stock`` (one call of `analyze_videos`).
    model : str
        The model's hash.
    config : str
        config.yaml of the private skeleton.
    video : str
        The file to read: the video under a plain name, or a lossless copy.
    folder : str
        Empty private folder for DeepLabCut's files.
    stem : str
        What the files' names begin with in the end: the video's own stem.
    columns : list
        The model's columns in order, without the scorer.
    frames, decoded, missing
        Frames of the stream, those of them that decode, and the ranges ``[first, stop)`` of the others.
    scan : dict
        Fields of the `entrypoint.video.frame_scan.FrameScan`; for our loop.
    device : str
        ``cpu`` or ``cuda``.
    backend : str
        What computes the network in our loop: ``engine``, ``openvino`` or ``auto`` (OpenVINO on a CPU where it gives
        what the engine gives).
    cache : str
        Folder for networks in OpenVINO's form, shared by all tasks; empty for none.
    batch_size, crop
        Those in force, be they the option's, the campaign's or the project's own.
    parts, part_s
        Folder for the finished parts of the positions (see `entrypoint.loop.checkpoint_files`; none are kept where it
        is empty), and seconds from one to the next; for our loop.
    """

    path: str
    model: str
    config: str
    video: str
    folder: str
    stem: str
    columns: list[list[str]]
    frames: int
    decoded: int
    missing: list[list[int]]
    multianimal: bool
    shuffle: int
    trainset_index: int
    device: str
    batch_size: int | None
    crop: list[int] | None
    csv: bool
    backend: str = "engine"
    cache: str = ""
    scan: dict[str, Any] = field(default_factory=dict)
    parts: str = ""
    part_s: float = PART_EVERY_S


MARK = "dlcctr says: "
WARNING = "warning: "


def say(text: str) -> None:
    """Have the supervisor show a line, under the row's name."""
    print(f"{MARK}{text}", flush=True)


def warn(text: str) -> None:
    """The same for a warning."""
    say(f"{WARNING}{text}")
