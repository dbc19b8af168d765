"""Both models beside the truth: ``python -Es demo/before_after.py FOLDER TO_LABEL RESULTS_BEFORE RESULTS_AFTER PNG``.

The folder has `truth` and the new camera's videos; TO_LABEL is what `dlcctr outliers` wrote.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from new_camera import CLIPS
from picture import draw_frames, legend, pixel_errors, read_tracks
from videos import NEW_CAMERA, truth_file

SHOWN = 2
"""Videos in the picture."""
NEAR = 10
"""Frames on either side of a labelled one that are left out, too: the mouse has hardly moved."""


def unlabelled(to_label: Path, video: str, n_frames: int) -> Any:
    """Frames of a video that are not near a labelled one, ``(n_frames,)`` bool."""
    import numpy as np

    far = np.ones(n_frames, dtype=bool)
    for file in to_label.glob("outliers*.csv"):
        with file.open(encoding="utf-8", newline="") as stream:
            for line in csv.DictReader(stream):
                if line["video"] == video:
                    frame = int(line["frame"])
                    far[max(0, frame - NEAR) : frame + NEAR + 1] = False
    return far


def compare(folder: Path, to_label: Path, results: Sequence[Path], picture: Path) -> None:
    """Print mean errors of each video, before and after, and draw some frames of both."""
    import cv2
    import numpy as np

    rows, errors = [], []
    print(f"mean error in px beside the truth, {NEAR} frames and more away from each labelled one")
    print("  before  after  frames")
    for number, clip in enumerate(CLIPS):
        truth = np.load(truth_file(folder, clip))
        tracks = [read_tracks(each, clip) for each in results]
        far = unlabelled(to_label, clip.name, len(truth))
        found = [pixel_errors(each, truth)[far] for each in tracks]
        _print(found, clip.name)
        errors.append(found)
        if number < SHOWN:
            rows += [np.hstack(draw_frames(folder / NEW_CAMERA / clip.name, each, truth)) for each in tracks]
    whole = [np.concatenate(each) for each in zip(*errors, strict=True)]
    _print(whole, "all")
    text = f"above {whole[0].mean():.1f} px before, below {whole[1].mean():.1f} px after"
    image = np.vstack([*rows, legend(rows[0].shape[1], text)])
    picture.write_bytes(cv2.imencode(".png", image)[1].tobytes())


def _print(errors: Sequence[Any], name: str) -> None:
    means = [f"{each.mean():6.1f}" if each.size else "     –" for each in errors]
    print(f"  {means[0]} {means[1]}  {len(errors[0]):6}  {name}")


if __name__ == "__main__":
    words = [Path(word) for word in sys.argv[1:]]
    compare(words[0], words[1], words[2:4], words[4])
