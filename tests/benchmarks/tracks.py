"""The step `tracks` beside DeepLabCut's functions: `python -m tests.benchmarks.tracks [FRAMES …]`.

On the same detections of ten animals with twelve body parts, each side in a process of its own: seconds of CPU (other
programs on the machine do not change them much) and the most memory. Stock gets the first length only, ours all.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ANIMALS, PARTS = 10, 12
LENGTHS = (20_000, 200_000)
ROOT = Path(__file__).resolve().parents[2]


def measure_stock(folder: Path, frames: int) -> dict[str, Any]:
    """`convert_detections2tracklets` and `stitch_tracklets` without their search for files; the tracker is mended."""
    from deeplabcut.pose_estimation_pytorch.apis.tracklets import build_tracklets
    from deeplabcut.refine_training_dataset.stitch import TrackletStitcher

    from entrypoint.engines.ellipse_tracker import mend
    from tests.animals import FILE

    mend()
    inference = {"pcutoff": 0.1, "iou_threshold": 0.6, "max_age": 1, "min_hits": 1, "boundingboxslack": 0}
    with (folder / FILE).open("rb") as stream:
        found = pickle.load(stream)
    joints = [f"part{n}" for n in range(PARTS)]
    clock = time.process_time()
    tracklets = build_tracklets(found, "ellipse", {**inference, "topktoretain": ANIMALS}, joints, "DLC_x", frames)
    tracked = time.process_time() - clock
    with (folder / "stock.pickle").open("wb") as stream:
        pickle.dump(tracklets, stream, pickle.HIGHEST_PROTOCOL)
    stitcher = TrackletStitcher.from_pickle(folder / "stock.pickle", ANIMALS)
    stitcher.build_graph()
    stitcher.stitch()
    stitcher.write_tracks(str(folder / "stock.h5"), animal_names=[f"animal{n}" for n in range(ANIMALS)])
    return {"tracking_s": tracked, "tracklets": len(stitcher)}


def measure_ours(folder: Path, frames: int) -> dict[str, Any]:
    """The step."""
    from dlcctr.campaign.steps.tracks import TracksParameters
    from entrypoint.steps.tracks import run
    from tests.animals import step_input

    result = run(step_input(folder, frames, TracksParameters(), animals=ANIMALS, parts=PARTS))
    return result.facts


def side(name: str, folder: Path, frames: int) -> None:
    """One side, in this process; prints JSON."""
    from entrypoint.engines.torchvision_ops import declare_missing, supply_operators

    if declare_missing():
        supply_operators()
    import deeplabcut.pose_estimation_pytorch.apis.tracklets
    import deeplabcut.refine_training_dataset.stitch  # noqa: F401

    before, clock = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    facts = (measure_stock if name == "stock" else measure_ours)(folder, frames)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        json.dumps({"cpu_s": time.process_time() - clock, "peak_mb": peak // 1024, "bare_mb": before // 1024} | facts)
    )


def main() -> int:
    """Measure and print."""
    from tests.integration.conftest import native_python_of

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("frames", type=int, nargs="*", default=LENGTHS)
    python = str(native_python_of("pytorch"))
    environment = {**os.environ, "DLClight": "True", "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "-1"}
    for number, frames in enumerate(parser.parse_args().frames):
        with tempfile.TemporaryDirectory() as folder:
            make = f"from tests.animals import *; write_assemblies(Path({folder!r}) / FILE, wander({frames}, 10, 12))"
            subprocess.run([python, "-c", make], env=environment, check=True)
            for name in ("stock", "ours") if number == 0 else ("ours",):
                command = [python, "-m", "tests.benchmarks.tracks", "--side", name, folder, str(frames)]
                done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
                print(f"{frames} frames, {name}: {done.stdout.splitlines()[-1]}", flush=True)
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--side"]:
        side(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
    else:
        sys.exit(main())
