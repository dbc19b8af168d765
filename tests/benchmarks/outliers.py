"""How long `dlcctr outliers` looks for frames in a campaign of a thousand hours, before it opens a video.

    python -m tests.benchmarks.outliers                # 1,000 videos of an hour, judged; 50 frames

Videos are synthetic (see `tests.benchmarks.collect`): 12 body parts, 30 frames/s; each result is a hard link to one of
a few, so that the disk holds them. What is read and compared is as long as of different ones.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dlcctr.campaign.manifest import read_manifest
from dlcctr.outliers.gather import choose_outliers
from dlcctr.outliers.project import Project
from dlcctr.outliers.results import judged_results
from tests.benchmarks.collect import PARTS, make_rows
from tests.unit.support.collected_campaign import make_positions

LABELLED = 1000
"""Labelled poses of the project, which candidates are compared with."""


def make_project() -> Project:
    """A project with labels of poses as its videos have them."""
    places = make_positions(LABELLED, len(PARTS), seed=99)[..., :2]
    poses = tuple((tuple(complex(x, y) for x, y in each.tolist()),) for each in places)
    return replace(Project(PARTS, 0, frozenset()), labelled=poses)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="time of choosing frames over a campaign")
    parser.add_argument("--rows", type=int, default=1000, help="number of videos")
    parser.add_argument("--seconds", type=int, default=3600, help="length of each")
    parser.add_argument("--frames", type=int, default=50, help="number of frames to choose")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the campaign is made; by default a temporary folder")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        bench = make_rows(Path(name), options.rows, options.seconds)
        project = make_project()
        for _ in range(options.runs):
            begin, cpu = time.perf_counter(), time.process_time()
            judged = judged_results(bench.manifest, bench.campaign, read_manifest(bench.manifest))
            read_s, read_cpu = time.perf_counter() - begin, time.process_time() - cpu
            chosen = choose_outliers(judged, project, options.frames)
            all_s, all_cpu = time.perf_counter() - begin, time.process_time() - cpu
            print(
                f"{len(judged)} videos of {options.seconds} s: {len(chosen.frames)} frames in {all_s:.1f} s"
                f" ({all_cpu:.1f} s CPU), {read_s:.1f} s ({read_cpu:.1f} s CPU) of it for reading the judgements",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
