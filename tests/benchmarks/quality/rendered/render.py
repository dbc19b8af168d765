"""Render the videos of one seed: ``python -m …rendered.render FOLDER SEED VIDEOS`` in the native environment.

That one has OpenCV.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from tests.benchmarks.quality.rendered.arena import make_camera
from tests.benchmarks.quality.rendered.clip import plain_clip
from tests.benchmarks.quality.rendered.faults import FAULTS

CAMERAS, FAULTY = 3, 0.2


def render(folder: Path, seed: int, n_videos: int) -> None:
    """Write videos, their truth (n, 4, 2) in px, and what is in which; the same seed gives the same ones."""
    rng = np.random.default_rng(seed)
    cameras = [make_camera(number, rng) for number in range(CAMERAS)]
    faulty = rng.permutation(n_videos)[: round(FAULTY * n_videos)]
    kinds = [str(kind) for kind in rng.permutation(list(FAULTS))]
    planted = {int(video): kinds[n % len(kinds)] for n, video in enumerate(faulty)}
    cases = []
    (folder / "truth").mkdir(parents=True, exist_ok=True)
    for number, own in enumerate(rng.spawn(n_videos)):
        camera = cameras[number % CAMERAS]
        clip = plain_clip(camera, own)
        if fault := planted.get(number, ""):
            FAULTS[fault](clip)
        name = f"{camera.name}/video-{number:03d}.mp4"
        file, truth = folder / "videos" / name, folder / "truth" / f"{number:03d}.npy"
        if not (truth.exists() and file.exists()):
            clip.write(file)
            np.save(truth, clip.truth)
        cases.append({"video": name, "fault": fault, "crop": clip.crop, "truth": truth.name})
    (folder / "cases.json").write_text(json.dumps(cases, indent=1))


if __name__ == "__main__":
    render(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
