"""Videos of a camera that comes later: ``python -Es demo/new_camera.py FOLDER``.

A wooden floor and a pale mouse, which the demo's model has never seen, and which a few labelled frames teach.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from videos import HEIGHT, NEW_CAMERA, VIDEO_FRAMES, WIDTH, Clip, draw_clip, save_clip

CLIPS = tuple(Clip(f"day-{day}.mp4", seed=30 + day) for day in range(1, 7))
"""Six: of fewer no comparison can tell which model is better."""
PALE = (150, 165, 175)
WOOD = (120, 165, 205)
FLOOR_SEED = 3
PLANK_PX = 16


def draw_planks() -> Any:
    """The same floor in each video, float (HEIGHT, WIDTH, 3), BGR."""
    import cv2
    import numpy as np

    rng = np.random.default_rng(FLOOR_SEED)
    floor = np.empty((HEIGHT, WIDTH, 3), dtype=np.float32)
    for top in range(0, HEIGHT, PLANK_PX):
        floor[top : top + PLANK_PX] = np.array(WOOD) * rng.uniform(0.8, 1.1)
    grain = rng.normal(0, 9, (HEIGHT // 2, WIDTH // 16)).astype(np.float32)
    floor += cv2.resize(grain, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)[..., None]
    floor[::PLANK_PX] *= 0.6
    return floor


def make_videos(folder: Path) -> None:
    """Make the videos and their truth."""
    for clip in CLIPS:
        frames, truth = draw_clip(clip, VIDEO_FRAMES, floor=draw_planks(), fur=PALE)
        save_clip(folder, NEW_CAMERA, clip, frames, truth)


if __name__ == "__main__":
    make_videos(Path(sys.argv[1]))
