"""Label frames that were picked, by what is known of the drawn videos: ``python -Es … FOLDER TO_LABEL``."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from new_camera import CLIPS
from project import save_labels
from videos import truth_file


def label(folder: Path, to_label: Path) -> None:
    """Write a CollectedData table into each folder, as napari-deeplabcut would."""
    import numpy as np

    truth = {clip.name: np.load(truth_file(folder, clip)) for clip in CLIPS}
    picked: dict[str, list[tuple[str, str, int]]] = {}
    for file in sorted(to_label.glob("outliers*.csv")):
        with file.open(encoding="utf-8", newline="") as stream:
            for line in csv.DictReader(stream):
                picked.setdefault(line["folder"], []).append((line["picture"], line["video"], int(line["frame"])))
    for name, lines in sorted(picked.items()):
        points = np.stack([truth[video][frame] for _, video, frame in lines])
        save_labels(to_label / "labeled-data" / name, [picture for picture, _, _ in lines], points)
        print(f"  {len(lines)} frames labelled: {name}")


if __name__ == "__main__":
    label(*map(Path, sys.argv[1:]))
