#!/usr/bin/env python3
"""Draw docs/label-video.jpg anew: frames of labelled videos of the demo's mouse.

Usage: .venv/bin/python scripts/label_video_picture.py
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

FRAME, FRAMES, ENLARGED = 62, 90, 3
SKELETON = (("snout", "leftear"), ("snout", "rightear"), ("leftear", "tailbase"), ("rightear", "tailbase"))


def make_video(folder: Path) -> tuple[Path, Any]:
    """The demo's mouse, three times as large, and where its body parts are."""
    import av
    import cv2

    from demo.videos import HEIGHT, HELD_OUT, WIDTH, draw_clip

    pictures, truth = draw_clip(HELD_OUT[0], FRAMES)
    file = folder / "mouse.mp4"
    with av.open(str(file), "w") as out:
        stream: Any = out.add_stream("libx264", rate=25, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = WIDTH * ENLARGED, HEIGHT * ENLARGED, "yuv420p"
        for picture in pictures:
            large = cv2.resize(picture, (stream.width, stream.height), interpolation=cv2.INTER_CUBIC)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(large, format="bgr24")))
        out.mux(stream.encode(None))
    return file, (truth + 0.5) * ENLARGED - 0.5


def frame_of(file: Path, number: int) -> Any:
    """One frame of a video, (height, width, 3), BGR."""
    import av

    with av.open(str(file)) as source:
        return next(
            frame.to_ndarray(format="bgr24") for place, frame in enumerate(source.decode(video=0)) if place == number
        )


def main() -> None:
    """Make the picture."""
    import cv2
    import numpy

    from demo.videos import BODY_PARTS
    from dlcctr.campaign.steps.label_video import Names
    from dlcctr.results.h5.positions import PositionColumns
    from entrypoint.steps.label_video import run
    from tests.unit.support.label_video_case import SCORER, make_case

    columns = PositionColumns(SCORER, tuple(("", part) for part in BODY_PARTS), several=False)
    looks: tuple[dict[str, Any], ...] = (
        {"trailpoints": 40, "names": Names.BODYPARTS},
        {"follow_px": 200, "unsure": True, "trailpoints": 15, "speed": 0.25},
    )
    shown = []
    with tempfile.TemporaryDirectory() as name:
        video, places = make_video(Path(name))
        positions = numpy.concatenate([places, numpy.full((*places.shape[:2], 1), 0.98)], axis=2)
        for number, look in enumerate(looks):
            if number:
                positions[:, 1, 2], positions[:, 2, 2] = 0.4, 0.75
            folder = Path(name) / str(number)
            given = make_case(
                folder, video=video, frames=FRAMES, columns=columns, positions=positions, lines=SKELETON, crf=12, **look
            )
            shown.append(frame_of(run(given).files[0], FRAME))
    height = min(picture.shape[0] for picture in shown)
    scaled = [
        cv2.resize(p, (round(p.shape[1] * height / p.shape[0]), height), interpolation=cv2.INTER_AREA) for p in shown
    ]
    gap = numpy.full((height, 8, 3), 255, numpy.uint8)
    cv2.imwrite(
        str(ROOT / "docs" / "label-video.jpg"),
        numpy.hstack([scaled[0], gap, scaled[1]]),
        [cv2.IMWRITE_JPEG_QUALITY, 80],
    )


if __name__ == "__main__":
    main()
