"""An engine without DeepLabCut, for the real worker process: its network reads the number in each picture.

What it does besides is named by $NUMBER_ENGINE.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from dlcctr.results.sections import DeviceUsed
from entrypoint.engines.base import EngineFacts, NotCovered
from entrypoint.protocol import Job
from entrypoint.video.decoding.decode_pass import DecodePass
from tests.unit.support.number_network import Numbers

SCORER = "DLC_Numbers"
COLUMNS = [[part, value] for part in ("nose", "tail") for value in ("x", "y", "likelihood")]
BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); from tests.unit.support import number_engine; "
    "sys.modules |= {'entrypoint.engines.numbers.engine': number_engine, 'cv2': number_engine}; "
    "from entrypoint.worker import main; "
    "main(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))"
)
"""In place of `entrypoint.analyze.worker.process.BOOT`; the engine's name is ``numbers``."""


PASSES = "NUMBER_PASSES"
"""Variable with the file that gets a line for each pass over a video."""


def count_passes(replace: Any = setattr) -> None:
    """Have every pass over a video counted in the file that $NUMBER_PASSES names."""
    before = DecodePass.__init__

    def count(self: DecodePass, path: Path, **options: Any) -> None:
        with Path(os.environ[PASSES]).open("a") as file:
            file.write(f"{path}\n")
        before(self, path, **options)

    replace(DecodePass, "__init__", count)


class VideoCapture:
    """OpenCV's, which gives no picture."""

    def __init__(self, file: str) -> None:
        self.file = file

    def read(self) -> tuple[bool, None]:
        return False, None

    def release(self) -> None:
        pass


def mode() -> str:
    return os.environ.get("NUMBER_ENGINE", "")


class Network(Numbers):
    scorer = SCORER

    def predict(self, frames: Any) -> Any:
        if mode() == "slow" and len(self.batches) > 2:
            Path(os.environ["NUMBER_REACHED"]).touch()
            time.sleep(600)
        return super().predict(frames)

    def write(self, job: Job, poses: Any, runtime: tuple[float, float]) -> None:
        write_table(job, poses)


def write_table(job: Job, poses: Any) -> None:
    import pandas

    columns = pandas.MultiIndex.from_tuples([(SCORER, *map(str, column)) for column in job.columns])
    table = pandas.DataFrame(poses.reshape(len(poses), -1), columns=columns)
    table.to_hdf(Path(job.folder) / f"{Path(job.video).stem}{SCORER}.h5", key="df_with_missing", format="table")


def load(threads: int) -> EngineFacts:
    if PASSES in os.environ:
        count_passes()
    return EngineFacts(cuda=False, cuda_version="12.6", fixes=("#1", "#2"))


def open_network(job: Job) -> Any:
    if mode() == "not covered":
        raise NotCovered("it is not asked to")
    return Network()


def analyze(job: Job) -> str:
    """Print as DeepLabCut does, and write a row for each frame."""
    import numpy

    if mode() == "no memory":
        raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
    frames = job.decoded - (mode() == "short")
    print("Running pose prediction with batch size 4")
    for done in range(0, frames + 1):
        print(f"\r{done}%|#| {done}/{frames} [00:00<00:00]", end="", file=sys.stderr)
    write_table(job, numpy.zeros((frames, 2, 3), numpy.float32))
    return SCORER


def device_used(job: Job) -> DeviceUsed:
    return DeviceUsed("cpu", threads=1)
