"""What a GPU waits for when a long video ends: `python -m tests.benchmarks.row_end`, in a Python with DeepLabCut.

Made-up positions of an hour of video become files: by DeepLabCut's own functions, as `analyze_videos` calls them, and
by our loop; and they are judged. Seconds of each, in turn, medians. PyTorch, one animal.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import pickle
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy

from dlcctr.quality.judge import judge
from dlcctr.quality.measures.track import Track
from dlcctr.quality.table_file import table_bytes
from dlcctr.system.cpus import cpu_count
from entrypoint.engines.torchvision_ops import declare_missing, supply_operators

if declare_missing():
    supply_operators()

from deeplabcut.pose_estimation_pytorch.apis import videos

from entrypoint.engines.pytorch.files import Project, write_files
from tests.benchmarks.quality.campaigns import make_campaign

SCORER, RATE, WIDTH, HEIGHT = "DLC_none", 30, 640, 480


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frames", type=int, default=3600 * RATE)
    parser.add_argument("--turns", type=int, default=3)
    given = parser.parse_args()
    campaign = make_campaign(7, 1)
    track = longer(campaign.cases[0].track, given.frames)
    poses, parts = track.positions[:, 0].astype(numpy.float32), track.bodyparts
    project = project_of(parts)

    def stock(folder: Path) -> None:
        predictions = [{"bodyparts": pose[None]} for pose in poses]
        with (folder / "full.pickle").open("wb") as file:
            data = videos._generate_output_data(project.pose_cfg, predictions)
            pickle.dump(data, file, pickle.HIGHEST_PROTOCOL)
        videos.create_df_from_prediction(
            predictions=predictions, multi_animal=False, model_cfg=project.model_cfg, dlc_scorer=SCORER,
            output_path=folder, output_prefix="video", save_as_csv=True,
        )  # fmt: skip

    def ours(folder: Path) -> None:
        job: Any = SimpleNamespace(
            folder=str(folder), video="video.mp4", found=SimpleNamespace(width=WIDTH, height=HEIGHT, fps=float(RATE)),
            frames=given.frames, crop=None, csv=True, batch_size=8,
        )  # fmt: skip
        write_files(project, SCORER, job, poses, (0.0, 1.0))

    def judged(_: Path) -> None:
        table_bytes(track, judge(track, campaign.prior))

    ways: dict[str, Callable[[Path], None]] = {"DeepLabCut's files": stock, "ours": ours, "judgement": judged}
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(given.turns):
        for name, way in ways.items():
            with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
                start, clock = time.process_time(), time.perf_counter()
                way(Path(folder))
                seconds[name].append((time.process_time() - start, time.perf_counter() - clock))
    place = f"{cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}"
    print(f"{given.frames} frames, {len(parts)} body parts, {given.turns} turns, {place}")
    for name, found in seconds.items():
        cpu, wall = (
            f"{statistics.median(some):5.1f} ({min(some):.1f}-{max(some):.1f})" for some in zip(*found, strict=True)
        )
        print(f"{name:20s} {cpu} s of CPU, {wall} s")


def longer(track: Track, frames: int) -> Track:
    """A track again and again, with noise of a third of a pixel, in so many frames."""
    positions = numpy.resize(track.positions, (frames, *track.positions.shape[1:]))
    positions[..., :2] += numpy.random.default_rng(7).normal(0, 0.3, positions[..., :2].shape)
    return replace(track, positions=positions, times_s=numpy.arange(frames) / RATE, rate=float(RATE))


class _Model(dict[str, Any]):
    to_dict = dict.copy


def project_of(parts: tuple[str, ...]) -> Project:
    """As much of a project as the writers look at."""
    count = len(parts)
    metadata = {"bodyparts": list(parts), "unique_bodyparts": [], "individuals": ["animal"]}
    pose_cfg = {"all_joints": [[n] for n in range(count)], "all_joints_names": list(parts)}
    return Project({"iteration": 0}, _Model(metadata=metadata, net_type="resnet_18"), pose_cfg, 0.95)


if __name__ == "__main__":
    main()
