"""The sides of `tests.benchmarks.reading`, in the environment that has DeepLabCut.

Usage: reading_sides.py PROJECT VIDEO THREADS TURNS. Its last line is JSON: frames/s of each side in each turn.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy

BATCH = 8
BODYPARTS = 4
COLUMNS = [[f"part{number}", coord] for number in range(BODYPARTS) for coord in ("x", "y", "likelihood")]


class NullNetwork:
    """Takes no time and finds every body part at 0, 0."""

    scorer, n_bodyparts, batch_matters, ahead = "DLC_Null", BODYPARTS, False, 0

    def box(self, job: Any, width: int, height: int) -> None:
        return None

    def allocate(self, shape: tuple[int, ...]) -> Any:
        return numpy.empty(shape, numpy.uint8)

    def predict(self, frames: Any) -> Any:
        return numpy.zeros((len(frames), BODYPARTS, 3), numpy.float32)

    def start(self, frames: Any) -> Callable[[], Any]:
        found = self.predict(frames)
        return lambda: found

    def predict_as_stock(self, frame: Any) -> Any:
        return self.predict(frame[None])[0]

    def use_engine(self) -> str:
        return "nothing"

    def tune(self, frames: Any, equal: Any) -> str:
        return ""

    def write(self, job: Any, poses: Any, runtime: Any) -> None:
        assert poses.shape == (job.frames, BODYPARTS, 3)


def decode(video: Path, threads: int) -> int:
    import av

    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count, stream.codec_context.thread_type = threads, "AUTO"
        return sum(1 for _ in container.decode(stream))


def scan(video: Path, threads: int) -> int:
    from entrypoint.video.scan import scan_video

    return scan_video(video, threads=threads).decoded


def read(video: Path, threads: int) -> int:
    from entrypoint.loop.batch_reader import BatchReader

    network = NullNetwork()
    with BatchReader(video, None, batch_size=BATCH, box=None, allocate=network.allocate, threads=threads) as reader:
        return sum(len(batch) for batch in reader)


def run_loop(video: Path, threads: int, models: int = 1) -> int:
    """Our whole loop: frames proven, pictures, positions on disk; the rows of so many models one after the other."""
    from entrypoint.loop.loop import Loop
    from entrypoint.protocol import Job

    with tempfile.TemporaryDirectory() as name:
        jobs = []
        for number in range(models):
            folder = Path(name) / str(number) / "results"
            folder.mkdir(parents=True)
            jobs.append(Job(
                path="own", model=str(number), config="", video=str(video), folder=str(folder), stem="v",
                columns=COLUMNS, scan=None, multianimal=False, shuffle=1, trainset_index=0, device="cpu",
                batch_size=BATCH, crop=None, csv=True, checkpoint_folder=f"{name}/parts-{number}", checkpoint_s=60.0,
            ))  # fmt: skip
        loop = Loop(lambda _: NullNetwork())  # type: ignore[arg-type,return-value]
        results = [loop.analyze(job, lambda _: None, jobs[number + 1 :]) for number, job in enumerate(jobs)]
        (decoded,) = {result.scan.decoded for result in results if result.scan}
        return decoded


def run_three(video: Path, threads: int) -> int:
    return run_loop(video, threads, models=3)


def stock(project: Path, threads: int) -> Callable[[Path, int], int]:
    """DeepLabCut's own reading and preparing, and its bookkeeping, with a network that takes no time."""
    from entrypoint.engines.torchvision_ops import declare_missing

    declare_missing()
    import torch
    from deeplabcut.pose_estimation_pytorch.apis import utils, videos
    from deeplabcut.pose_estimation_pytorch.data import DLCLoader

    torch.set_num_threads(threads)
    loader = DLCLoader(project / "config.yaml", trainset_index=0, shuffle=1)
    index, _ = utils.parse_snapshot_index_for_analysis(loader.project_cfg, loader.model_cfg, None, None)
    snapshot = utils.get_model_snapshots(index, loader.model_folder, loader.pose_task)[0]
    loader.model_cfg["device"] = "cpu"
    found = numpy.zeros((1, BODYPARTS, 3), numpy.float32)

    def run(video: Path, threads: int) -> int:
        runner = utils.get_pose_inference_runner(
            model_config=loader.model_cfg, snapshot_path=snapshot.path, max_individuals=1, batch_size=BATCH
        )
        runner.predict = lambda inputs, **_: [{"bodypart": {"poses": found}} for _ in inputs]
        start = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            count = len(videos.video_inference(str(video), runner))
        run.took_s = time.perf_counter() - start  # type: ignore[attr-defined] - without loading the weights
        return count

    return run


def ffmpeg(video: Path, threads: int) -> int:
    subprocess.run(
        ["ffmpeg", "-v", "error", "-threads", str(threads), "-i", str(video), "-pix_fmt", "bgr24", "-f", "rawvideo",
         "-y", "/dev/null"], check=True,
    )  # fmt: skip
    return 0


def main() -> None:
    """Measure all sides in turn."""
    project, video, threads, turns = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    sides: dict[str, Callable[[Path, int], int]] = {
        "decoding": decode, "scan": scan, "reader": read, "loop": run_loop, "three": run_three,
        "stock": stock(project, threads),
    }  # fmt: skip
    if shutil.which("ffmpeg"):
        sides["ffmpeg"] = ffmpeg
    frames = decode(video, threads)
    speeds: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(turns + 1):  # the first one warms up
        for name, side in sides.items():
            start = time.perf_counter()
            count = side(video, threads)
            took_s = getattr(side, "took_s", time.perf_counter() - start)
            assert count in (0, frames), (name, count, frames)
            if turn:
                speeds[name].append(frames / took_s)
    print(json.dumps(speeds))


if __name__ == "__main__":
    main()
