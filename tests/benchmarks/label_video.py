"""Labelled videos beside stock's: `python -m tests.benchmarks.label_video`.

Stock's `create_labeled_video`, its fast way and that of matplotlib, and the step `label-video` make videos of the same
clip with the same positions, skeleton included, in turn; and what decoding and encoding alone take, below which no way
of drawing can go. Prints frames/s, how they spread, and ratios; the machine and its load.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from dlcctr.image.flavours import list_flavours, pick_flavour, read_pins
from dlcctr.model.yaml.yaml12 import dump_yaml, read_yaml
from dlcctr.runtime.native.environment import ensure_environment
from dlcctr.system.cpus import cpu_count, thread_environment
from tests.benchmarks.label_video_sides import PARTS, SKELETON
from tests.benchmarks.loop import machine
from tests.benchmarks.reading import CODECS, encode
from tests.gpu.clips import Clips
from tests.integration.support.tiny_models import make_model

ROOT = Path(__file__).resolve().parents[2]
SIDES = Path(__file__).with_name("label_video_sides.py")
OURS = "label-video"


def name_parts(project: Path) -> None:
    """Give the project the body parts of the table: nothing of its network is loaded."""
    file = project / "config.yaml"
    config: dict[str, Any] = read_yaml(file)
    config.update(bodyparts=PARTS, skeleton=SKELETON, skeleton_color="white", project_path=str(project))
    file.write_text(dump_yaml(config), encoding="utf-8")


def line_of(name: str, side: dict[str, Any], ours: dict[str, Any]) -> str:
    """One line of the table."""
    rates = sorted(side["frames"] / seconds for seconds in side["seconds"])
    ratio = statistics.median(ours["frames"] / seconds for seconds in ours["seconds"]) / statistics.median(rates)
    cpu = 1000 * statistics.median(side["cpu"]) / side["frames"]
    cpu_ratio = cpu / (1000 * statistics.median(ours["cpu"]) / ours["frames"])
    spread = f"{rates[0]:.1f}-{rates[-1]:.1f}"
    return f"{name:<22} {statistics.median(rates):8.1f} {spread:>14} {cpu:9.2f} {ratio:8.1f} {cpu_ratio:8.1f}"


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, default=cpu_count(), help="default: all CPUs")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--frames", type=int, default=600)
    parser.add_argument("--slow-frames", type=int, default=30, help="of the clip for matplotlib")
    parser.add_argument("--python", type=Path, help="that has DeepLabCut; default: the native environment's")
    options = parser.parse_args()
    python = options.python or ensure_environment(pick_flavour(list_flavours(), read_pins(), "pytorch", "cpu"))
    environment = {
        **os.environ, **thread_environment(options.threads), "SLURM_CPUS_PER_TASK": str(options.threads),
        "DLClight": "True", "CUDA_VISIBLE_DEVICES": "-1", "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project = make_model(python, "pytorch-single", folder)
        name_parts(project)
        clips = [
            encode(Clips(folder / f"{frames}").usual(640, 480, frames), folder / f"{frames}", *CODECS["H.264"])
            for frames in (options.frames, options.slow_frames)
        ]
        words = [str(python), str(SIDES), str(project), str(clips[0]), str(options.threads), str(options.turns)]
        said = subprocess.run([*words, str(clips[1])], check=True, stdout=subprocess.PIPE, text=True, env=environment)
        sides = json.loads(said.stdout.splitlines()[-1])
    print(json.dumps(machine(options)))
    print(f"{options.frames} frames of 640 x 480 px, {len(PARTS)} body parts, {options.turns} turns")
    print(f"{'':<22} {'frames/s':>8} {'spread':>14} {'CPU ms':>9} {'ratio':>8} {'of CPU':>8}")
    for side, measured in sides.items():
        print(line_of(side, measured, sides[OURS]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
