"""Compare tracks with the truth and draw both: ``python -Es demo/picture.py FOLDER RESULTS PNG LIMIT_PX``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from videos import BODY_PARTS, HELD_OUT, Clip, truth_file

COLUMNS = 4
ZOOM = 3
COLOURS = ((255, 160, 60), (60, 60, 255), (60, 220, 60), (0, 220, 255))
"""One for each body part, BGR."""


def read_tracks(results: Path, clip: Clip) -> Any:
    """Coordinates of a video's result, ``(n_frames, n_bodyparts, 2)`` in px, through its receipt."""
    import pandas as pd

    folder = results / clip.name
    receipt = json.loads((folder / "receipt.json").read_text(encoding="utf-8"))
    table = next(entry["name"] for entry in receipt["files"] if entry["name"].endswith(".h5"))
    values = pd.read_hdf(folder / table).to_numpy()
    return values.reshape(len(values), len(BODY_PARTS), 3)[..., :2]


def pixel_errors(tracks: Any, truth: Any) -> Any:
    """Distance of each point from the truth, ``(n_frames, n_bodyparts)`` in px."""
    import numpy as np

    if tracks.shape != truth.shape:
        raise SystemExit(f"error: {len(tracks)} frames were tracked, the video has {len(truth)}")
    return np.linalg.norm(tracks - truth, axis=-1)


def draw_frames(video: Path, tracks: Any, truth: Any) -> list[Any]:
    """Some frames of a video, enlarged: crosses where the truth is, rings where the model sees it."""
    import cv2

    wanted = [len(truth) * (2 * i + 1) // (2 * COLUMNS) for i in range(COLUMNS)]
    capture = cv2.VideoCapture(str(video))
    pictures = []
    for number in range(len(truth)):
        _, frame = capture.read()  # every frame from the first on: seeking cannot be trusted
        if number in wanted:
            pictures.append(draw_points(frame, tracks[number], truth[number]))
    return pictures


def draw_points(frame: Any, tracked: Any, true: Any) -> Any:
    """One enlarged frame with both kinds of points."""
    import cv2

    picture = cv2.resize(frame, None, fx=ZOOM, fy=ZOOM, interpolation=cv2.INTER_CUBIC)
    for colour, here, there in zip(COLOURS, tracked, true, strict=True):
        cv2.drawMarker(picture, place(there), (255, 255, 255), cv2.MARKER_CROSS, 13, 1, cv2.LINE_AA)
        cv2.circle(picture, place(here), 8, (0, 0, 0), 3, cv2.LINE_AA)
        cv2.circle(picture, place(here), 8, colour, 2, cv2.LINE_AA)
    return picture


def place(point: Any) -> tuple[int, int]:
    """Place of a point of the frame in the enlarged one; pixel centres are at whole numbers in both."""
    return round(float((point[0] + 0.5) * ZOOM - 0.5)), round(float((point[1] + 0.5) * ZOOM - 0.5))


def legend(width: int, told: str) -> Any:
    """A strip below the picture that explains the marks."""
    import cv2
    import numpy as np

    strip = np.full((34, width, 3), 255, dtype=np.uint8)
    style: dict[str, Any] = {"fontFace": cv2.FONT_HERSHEY_SIMPLEX, "thickness": 1, "lineType": cv2.LINE_AA}
    left = 10
    for name, colour in zip(BODY_PARTS, COLOURS, strict=True):
        cv2.circle(strip, (left + 8, 17), 8, colour, 2, cv2.LINE_AA)
        cv2.putText(strip, name, (left + 22, 22), fontScale=0.5, color=(0, 0, 0), **style)
        left += 130
    text = f"ring: tracked, cross: truth; {told}"
    cv2.putText(strip, text, (left + 10, 22), fontScale=0.5, color=(0, 0, 0), **style)
    return strip


def main(folder: Path, results: Path, picture: Path, limit_px: float) -> int:
    """Print the error of each video and of all, draw the picture; 1 if the mean is above the limit."""
    import cv2
    import numpy as np

    errors, rows = [], []
    for clip in HELD_OUT:
        truth, tracks = np.load(truth_file(folder, clip)), read_tracks(results, clip)
        errors.append(pixel_errors(tracks, truth))
        print(f"  {errors[-1].mean():6.2f} px mean, {np.percentile(errors[-1], 95):6.2f} px 95%: {clip.name}")
        rows.append(np.hstack(draw_frames(folder / "videos" / clip.name, tracks, truth)))
    mean_px = float(np.mean(np.concatenate(errors)))
    by_part = ", ".join(f"{name} {px:.2f}" for name, px in zip(BODY_PARTS, np.concatenate(errors).mean(0), strict=True))
    print(f"pixel error against truth: {mean_px:.2f} px mean ({by_part}); limit {limit_px:g} px")
    image = np.vstack([*rows, legend(rows[0].shape[1], f"mean error {mean_px:.2f} px")])
    picture.parent.mkdir(parents=True, exist_ok=True)
    picture.write_bytes(cv2.imencode(".png", image)[1].tobytes())
    return 0 if mean_px <= limit_px else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4])))
