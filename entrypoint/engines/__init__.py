"""How DeepLabCut is called, one module per engine behind one small protocol. Runs in the worker only."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Any, Protocol, cast

from dlcctr.contract import PART_EVERY_S

if TYPE_CHECKING:
    from entrypoint.loop import Network

DISTRIBUTIONS = (
    "deeplabcut", "torch", "torchvision", "tensorflow", "tensorflow-cpu", "tf-keras", "numpy", "pandas", "tables",
    "opencv-python-headless", "opencv-python", "av", "filterpy", "dlcctr",
)  # fmt: skip


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
        Fields of the `entrypoint.video.FrameScan`; for our loop.
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
        Folder for the finished parts of the positions (see `entrypoint.loop.parts`; none are kept where it is empty),
        and seconds from one to the next; for our loop.
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


class Engine(Protocol):
    """What both engine modules offer."""

    def load(self, threads: int) -> dict[str, Any]:
        """Import all that an analysis needs. Returns ``cuda``: whether this build can use a GPU here, and versions."""

    def analyze(self, job: Job) -> str:
        """Call stock `analyze_videos`. Returns the scorer."""

    def open_network(self, job: Job) -> Network:
        """Network of a job for our own loop; raises `entrypoint.loop.NotCovered`."""

    def device_used(self, job: Job) -> dict[str, Any]:
        """Where the network really ran; raises `GpuError` where that is not what the job asked for."""


def get_engine(name: str) -> Engine:
    """Module of an engine, ``pytorch`` or ``tensorflow``."""
    return cast(Engine, importlib.import_module(f"entrypoint.engines.{name}"))


def versions() -> dict[str, str]:
    """Versions of the installed parts that decide results."""
    from entrypoint.loop import openvino

    found = {}
    for name in DISTRIBUTIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    if number := openvino.version():
        found["openvino"] = number
    return found
