"""A network that reads the number in each picture of a test video, and jobs for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from entrypoint.engines.base import NotCovered
from entrypoint.protocol import Job
from entrypoint.video.pixels import stock_box
from entrypoint.video.scan import scan_video
from tests import media


class Numbers:
    """A network that reads the number in each picture: x is the number, y the width, the likelihood the batch's size.

    With a limit, larger batches find no memory.
    """

    scorer = "DLC_Numbers"
    n_bodyparts = 2
    batch_matters = False
    ahead = 0

    def __init__(self, limit: int = 1000) -> None:
        self.limit, self.batches, self.shift, self.written = limit, list[int](), 0.0, None

    def box(self, job: Job, width: int, height: int) -> Any:
        return stock_box(job.crop, width, height)

    def first_picture(self, job: Job) -> Any:
        return None

    def allocate(self, shape: tuple[int, ...]) -> Any:
        return np.zeros(shape, np.uint8)

    def predict(self, frames: Any) -> Any:
        if len(frames) > self.limit:
            raise RuntimeError("out of memory")
        self.batches.append(len(frames))
        return np.stack([self.position(frame) for frame in frames])

    def start(self, frames: Any) -> Any:
        positions = self.predict(frames)
        return lambda: positions

    def position(self, frame: Any) -> Any:
        return np.full((2, 3), (media.read_number(frame), frame.shape[1], 0.5), np.float32)

    def predict_as_stock(self, frame: Any) -> Any:
        return self.position(frame) + np.float32(self.shift)

    def is_out_of_memory(self, error: Exception) -> bool:
        return "out of memory" in str(error)

    def use_openvino(self, job: Job, size: tuple[int, int]) -> str:
        raise NotCovered("there is none")

    def use_engine(self) -> str:
        return "Numbers 1"

    def tune(self, frames: Any, equal: Any) -> str:
        return ""

    def use_precision(self, name: str) -> None:
        raise NotCovered(f"numbers are not read in {name}")

    def release_memory(self) -> None:
        pass

    def write(self, job: Job, poses: Any, runtime: tuple[float, float]) -> None:
        self.written = np.array(poses)


def ignore(_: object) -> None:
    """Take a report of which nothing is asked."""


def make_job(video: Path, **options: Any) -> Job:
    found = scan_video(video)
    folder = video.parent / "results"
    folder.mkdir(exist_ok=True)
    job = Job(
        path="own", model="m", config="", video=str(video), folder=str(folder), stem="v", columns=[], scan=found,
        multianimal=False, shuffle=1, trainset_index=0, device="cpu", batch_size=4, crop=None, csv=True,
        announced=found.decoded,
    )  # fmt: skip
    return replace(job, **options)
