"""One picture of each planted fault, with the network's points: `python -m tests.benchmarks.quality.gallery`.

Writes docs/faults.jpg. What is drawn is what `python -m tests.benchmarks.quality` judges, enlarged.
"""

from __future__ import annotations

import colorsys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tests.benchmarks.quality.animals import make_camera, make_skeleton
from tests.benchmarks.quality.videos import FAULTS, Video, make_video

PAGE = Path(__file__).resolve().parents[3] / "docs" / "faults.jpg"
SEED = 5
COLUMNS, TILE, TITLE = 5, (216, 162), 20
RADIUS = 3


def shown_frame(video: Video) -> int:
    """A bad frame, though not the worst one, of the second half; of a video without a fault the one that fits best."""
    half = video.n_frames // 2
    order = half + np.nan_to_num(video.errors_px()).mean(axis=1)[half:].argsort()
    return int(order[-len(order) // 20] if video.fault else order[0])


def tile(title: str, video: Video) -> Any:
    """A frame of a video, with a line of text above it."""
    frame = shown_frame(video)
    pictures = list(video.pictures())
    frame = min(frame, len(pictures) - 1, len(video.predictions) - 1)
    image = Image.fromarray(np.clip(pictures[frame], 0, 255).astype(np.uint8)).convert("RGB").resize(TILE)
    pen = ImageDraw.Draw(image)
    points = video.predictions[frame][..., :2] * [TILE[0] / video.camera.width, TILE[1] / video.camera.height]
    for number, (x, y) in enumerate(points):
        if np.isfinite(x) and np.isfinite(y):
            red, green, blue = (round(255 * share) for share in colorsys.hsv_to_rgb(number / len(points), 0.85, 1))
            box = (x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS)
            pen.ellipse(box, fill=(red, green, blue), outline=(0, 0, 0))
    whole = Image.new("RGB", (TILE[0], TILE[1] + TITLE), "white")
    ImageDraw.Draw(whole).text((4, 3), title, fill="black", font=ImageFont.load_default(13))
    whole.paste(image, (0, TITLE))
    return whole


def main() -> None:
    """Draw all of them."""
    rng = np.random.default_rng(SEED)
    skeleton, camera = make_skeleton(rng), make_camera(rng)
    tiles = [tile(name or "nothing wrong", make_video(skeleton, camera, rng, name)) for name in ["", *FAULTS]]
    rows = -(-len(tiles) // COLUMNS)
    gap = 8
    width, height = TILE[0] + gap, TILE[1] + TITLE + gap
    page = Image.new("RGB", (COLUMNS * width + gap, rows * height + gap), "white")
    for number, each in enumerate(tiles):
        page.paste(each, (gap + number % COLUMNS * width, gap + number // COLUMNS * height))
    page.save(PAGE, quality=82)
    print(PAGE, page.size, PAGE.stat().st_size)


if __name__ == "__main__":
    main()
