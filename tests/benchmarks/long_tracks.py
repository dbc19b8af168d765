"""Memory of the step `tracks` over the length of a video, killed on the way: `python -m tests.benchmarks.long_tracks`.

Detections of ten animals that were never there are written first, frame by frame. Then the step runs in a process of
its own, is killed at random places (SIGKILL) and started again, until it is done or the time is over; not while it
looks for the first time where each frame is in the file, which is begun anew. After each start a line: frames tracked
and stitched so far, and the most memory that any process has had.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from entrypoint.steps.tracks.detections import INDEX_FILE
from tests.animals import FILE

ROOT = Path(__file__).resolve().parents[2]
MB = 1024


def do_step(folder: Path, frames: int, animals: int, parts: int) -> None:
    """The step, in this process, from where the last one was killed."""
    from entrypoint.engines.torchvision_ops import declare_missing, supply_operators

    if declare_missing():
        supply_operators()
    from dlcctr.campaign.steps.tracks import TracksParameters
    from entrypoint.steps.tracks import run
    from tests.animals import step_input

    result = run(step_input(folder, frames, TracksParameters(), animals=animals, parts=parts))
    print(result.facts, result.remark, flush=True)


def peak_mb(pid: int) -> int:
    """Most memory that a process has had, in MB; 0 once it has ended."""
    try:
        found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(found[1]) // MB if found else 0


def cpu_s(pid: int) -> float:
    """Seconds of CPU that a process has had; 0 once it has ended."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def reached(folder: Path) -> str:
    """How far the checkpoints are."""
    from entrypoint.steps.tracks.tracking import CHECKPOINT_FRAMES

    kept = folder / "kept"
    blocks = len(list(kept.glob("tracklets-*.npz")))
    windows = len(list(kept.glob("tracks-*.npz")))
    return f"{blocks * CHECKPOINT_FRAMES:,} frames tracked, {windows} windows stitched"


def main() -> int:
    """Measure and print."""
    from tests.integration.conftest import native_python_of

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=2_160_000)
    parser.add_argument("--animals", type=int, default=10)
    parser.add_argument("--parts", type=int, default=6)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--every-s", type=float, default=180, help="CPU seconds between two kills, on average")
    parser.add_argument("--folder", type=Path, help="where the detections are kept for the next run; none by default")
    parser.add_argument("--minutes", type=float, default=120)
    asked = parser.parse_args()
    python = str(native_python_of("pytorch"))
    environment = {**os.environ, "DLClight": "True", "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "-1"}
    generator, end = random.Random(7), time.monotonic() + 60 * asked.minutes
    with contextlib.ExitStack() as stack:
        folder = asked.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(exist_ok=True)
        clock = time.monotonic()
        if not (folder / FILE).exists():
            make = (
                f"from tests.animals import *; write_assemblies(Path({str(folder)!r}) / FILE, "
                f"wander({asked.frames}, {asked.animals}, {asked.parts}))"
            )
            subprocess.run([python, "-c", make], env=environment, check=True)
        print(f"detections: {(folder / FILE).stat().st_size / 1e9:.2f} GB", flush=True)
        words = [python, "-m", "tests.benchmarks.long_tracks", "--step", str(folder)]
        words += [str(asked.frames), str(asked.animals), str(asked.parts)]
        kills, most, used = 0, 0, 0.0
        while True:
            process = subprocess.Popen(words, env=environment, cwd=ROOT)
            limit = asked.every_s * generator.uniform(0.3, 1.7) if kills < asked.kills else float("inf")
            spent = begun = 0.0
            while process.poll() is None and spent - begun < limit and time.monotonic() < end:
                most, spent = max(most, peak_mb(process.pid)), max(spent, cpu_s(process.pid))
                begun = begun if (folder / "kept" / INDEX_FILE).exists() else spent
                time.sleep(0.5)
            over = process.poll() is not None
            if not over:
                process.kill()
                process.wait()
            used += spent
            taken = f"{time.monotonic() - clock:.0f} s, {used:.0f} s of CPU"
            print(f"{taken}, {kills} kills: {reached(folder)}, at most {most} MB", flush=True)
            if over:
                return process.returncode
            if time.monotonic() >= end:
                print("the time is over", flush=True)
                return 1
            kills += 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        do_step(Path(sys.argv[2]), *map(int, sys.argv[3:6]))
    else:
        sys.exit(main())
