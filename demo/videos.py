"""Draw videos of a marked mouse on a textured floor, and keep where its body parts truly are.

Runs in the native environment (NumPy and OpenCV come with DeepLabCut): ``python -Es demo/videos.py FOLDER``.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WIDTH, HEIGHT = 160, 128
BODY_PARTS = ("snout", "leftear", "rightear", "tailbase")
"""Colours of the ears: the left one is dyed red and the right one green, as labs mark animals."""
TRAIN_FRAMES = 160
VIDEO_FRAMES = 120
FPS = 25
VIDEOS, NEW_CAMERA = "videos", "camera-3"
"""Names of the folders of the held-out ones and of those that `demo/new_camera.py` makes."""
SUBPIXEL_BITS = 4
FUR = (45, 50, 55)
"""Of the animal's body, BGR; its head is a little paler."""


@dataclass(frozen=True)
class Clip:
    """One video: its name under the videos folder, its seed and its FourCC."""

    name: str
    seed: int
    fourcc: str = "mp4v"
    lamp_fails: bool = False
    """It goes dark after a third of the video."""


HELD_OUT = (
    Clip("camera 1/mouse, day 1.mp4", seed=11),
    Clip("camera 2/mouse, day 1.mp4", seed=12),
    Clip("camera 2/-été $(night).avi", seed=13, fourcc="MJPG"),
)
"""Deliberately awkward names: blanks, a comma, equal names in two folders, a leading dash, shell syntax."""
SPOILT = Clip("camera 2/mouse, day 2.mp4", seed=14, lamp_fails=True)
"""What no lab wants, for the report to find."""
TRAINING = Clip("training.mp4", seed=1)
LAMP_OFF = 0.06
"""What is left of the light."""


def truth_file(folder: Path, clip: Clip) -> Path:
    """File of a clip's true coordinates: ``(n_frames, n_bodyparts, 2)``, x and y in px."""
    return folder / "truth" / f"seed{clip.seed}.npy"


def draw_clip(
    clip: Clip, n_frames: int, *, jumps: bool = False, floor: Any = None, fur: tuple[int, int, int] = FUR
) -> tuple[list[Any], Any]:
    """Draw one clip.

    Parameters
    ----------
    jumps : bool
        Place the animal anew in each frame (training frames should differ); otherwise it walks.
    floor : float array (HEIGHT, WIDTH, 3), optional
        BGR; by default one of the clip's own, as `draw_floor`.

    Returns
    -------
    frames : list of uint8 array, each (HEIGHT, WIDTH, 3), BGR
    truth : float array (n_frames, n_bodyparts, 2)
        x, y in px; whole numbers are pixel centres, as in DeepLabCut's labels.
    """
    import numpy as np

    rng = np.random.default_rng(clip.seed)
    floor = draw_floor(rng) if floor is None else floor
    poses = random_poses(rng, n_frames) if jumps else walk(rng, n_frames)
    frames, truth = [], np.zeros((n_frames, len(BODY_PARTS), 2))
    for number, pose in enumerate(poses):
        background = draw_floor(rng) if jumps and number % 20 == 0 else floor
        floor = background
        frame, truth[number] = draw_mouse(background, *pose, fur=fur)
        noise = rng.normal(0, 3, frame.shape)
        if clip.lamp_fails and number >= n_frames // 3:
            frame = LAMP_OFF * frame
        frames.append(np.clip(frame + noise, 0, 255).astype(np.uint8))
    return frames, truth


def draw_floor(rng: Any) -> Any:
    """Grey-brown texture of three grain sizes, float (HEIGHT, WIDTH, 3), BGR."""
    import cv2
    import numpy as np

    floor = np.full((HEIGHT, WIDTH, 3), rng.uniform(115, 145), dtype=np.float32)
    for grain, strength in ((32, 16.0), (8, 9.0), (2, 6.0)):
        patch = rng.normal(0, strength, (HEIGHT // grain + 1, WIDTH // grain + 1, 1)).astype(np.float32)
        tinted = patch * np.array([0.8, 1.0, 1.1], dtype=np.float32)
        floor += cv2.resize(tinted, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return floor


def random_poses(rng: Any, n_frames: int) -> list[tuple[float, float, float, float]]:
    """Centre (px), heading (radians) and head turn (radians) of unrelated frames."""
    return [
        (
            float(rng.uniform(30, WIDTH - 30)),
            float(rng.uniform(30, HEIGHT - 30)),
            float(rng.uniform(-3.2, 3.2)),
            float(rng.normal(0, 0.3)),
        )
        for _ in range(n_frames)
    ]


def walk(rng: Any, n_frames: int) -> list[tuple[float, float, float, float]]:
    """Poses of an animal that walks about and turns back from the walls."""
    x, y, heading, turn = WIDTH / 2, HEIGHT / 2, float(rng.uniform(-3.2, 3.2)), 0.0
    poses = []
    for _ in range(n_frames):
        to_centre = math.atan2(HEIGHT / 2 - y, WIDTH / 2 - x)
        off = math.hypot((x - WIDTH / 2) / (WIDTH / 2 - 30), (y - HEIGHT / 2) / (HEIGHT / 2 - 30))
        pull = math.sin(to_centre - heading) * 0.5 * max(0.0, off - 0.6)
        turn = 0.85 * turn + float(rng.normal(0, 0.08))
        heading += pull + 0.3 * turn
        x = min(max(x + 2.2 * math.cos(heading), 28), WIDTH - 28)
        y = min(max(y + 2.2 * math.sin(heading), 28), HEIGHT - 28)
        poses.append((x, y, heading, turn))
    return poses


def draw_mouse(
    floor: Any, x: float, y: float, heading: float, turn: float, *, fur: tuple[int, int, int] = FUR
) -> tuple[Any, Any]:
    """A body, a turned head with two dyed ears, a pale snout and a tail; returns the frame and the points."""
    import numpy as np

    ahead = np.array([np.cos(heading), np.sin(heading)])
    look = np.array([np.cos(heading + turn), np.sin(heading + turn)])
    left = np.array([look[1], -look[0]])  # y points down in an image
    centre = np.array([x, y])
    head = centre + 13 * ahead + 4 * look
    snout, tail_base = head + 8 * look, centre - 15 * ahead
    left_ear, right_ear = head - 2 * look + 6 * left, head - 2 * look - 6 * left
    frame = np.ascontiguousarray(floor.copy())
    side = np.array([-ahead[1], ahead[0]])
    for step in np.linspace(0, 1, 24):
        bend = 3 * np.sin(4 * step + 4 * turn) * step
        disc(frame, tail_base - 16 * step * ahead + bend * side, (1.6, 1.6), 0, (110, 120, 150))
    disc(frame, centre, (16, 9), heading, fur)
    disc(frame, head, (9, 6), heading + turn, (fur[0] + 10, fur[1] + 10, fur[2] + 10))
    disc(frame, tail_base, (2.5, 2.5), 0, (150, 160, 190))
    disc(frame, left_ear, (3.2, 3.2), 0, (60, 60, 200))
    disc(frame, right_ear, (3.2, 3.2), 0, (70, 170, 60))
    disc(frame, snout, (2.4, 2.4), 0, (190, 190, 235))
    return frame, np.stack([snout, left_ear, right_ear, tail_base])


def disc(frame: Any, centre: Any, radii: tuple[float, float], angle: float, colour: tuple[int, int, int]) -> None:
    """Fill an ellipse with sub-pixel place and smooth edge."""
    import cv2
    import numpy as np

    unit, reach = 1 << SUBPIXEL_BITS, math.ceil(max(radii)) + 3
    left, top = (max(0, math.floor(float(place)) - reach) for place in centre)
    part = frame[top : max(0, math.ceil(float(centre[1]))) + reach, left : max(0, math.ceil(float(centre[0]))) + reach]
    if not part.size:
        return
    point = (round(float(centre[0]) * unit) - left * unit, round(float(centre[1]) * unit) - top * unit)
    axes = (round(radii[0] * unit), round(radii[1] * unit))
    mask = np.zeros(part.shape[:2], dtype=np.uint8)
    cv2.ellipse(mask, point, axes, np.degrees(angle), 0, 360, 255, -1, cv2.LINE_AA, SUBPIXEL_BITS)
    alpha = (mask.astype(np.float32) / 255)[..., None]
    part += alpha * (np.array(colour, dtype=np.float32) - part)


def write_clip(file: Path, frames: list[Any], fourcc: str) -> None:
    """Write frames as a video, completely or not at all.

    Raises
    ------
    RuntimeError
        OpenCV has no encoder for it.
    """
    import cv2

    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"part{file.suffix}")
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(part), cv2.VideoWriter_fourcc(*fourcc), FPS, (width, height))
    if not writer.isOpened():
        raise RuntimeError(f"OpenCV cannot write {fourcc} videos here")
    for frame in frames:
        writer.write(frame)
    writer.release()
    part.replace(file)


def save_clip(folder: Path, place: str, clip: Clip, frames: list[Any], truth: Any) -> None:
    """Write a clip's truth, and its video below a folder of this name."""
    import numpy as np

    file = truth_file(folder, clip)
    file.parent.mkdir(parents=True, exist_ok=True)
    np.save(file, truth)
    write_clip(folder / place / clip.name, frames, clip.fourcc)


def make_videos(folder: Path) -> None:
    """Make the held-out videos that are not there yet, and their truth."""
    for clip in (*HELD_OUT, SPOILT):
        if not (folder / VIDEOS / clip.name).exists() or not truth_file(folder, clip).exists():
            save_clip(folder, VIDEOS, clip, *draw_clip(clip, VIDEO_FRAMES))


if __name__ == "__main__":
    make_videos(Path(sys.argv[1]))
