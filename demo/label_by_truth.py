"""Label frames that were picked, by what is known of the drawn videos: ``python -Es … FOLDER TO_LABEL``."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

from picture import pixel_errors, read_tracks
from project import EXPERIMENTER
from videos import BODY_PARTS, HELD_OUT, SPOILT, truth_file

CLIPS = {clip.name: clip for clip in (*HELD_OUT, SPOILT)}


def label(folder: Path, to_label: Path) -> None:
    """Write a CollectedData table into each folder, as napari-deeplabcut would."""
    import numpy as np

    rows: dict[str, list[list[Any]]] = {}
    with (to_label / "outliers.csv").open(encoding="utf-8", newline="") as stream:
        for line in csv.DictReader(stream):
            points = np.load(truth_file(folder, CLIPS[line["video"]]))[int(line["frame"])]
            name = ["labeled-data", line["folder"], line["picture"]]
            rows.setdefault(line["folder"], []).append([*name, *points.ravel().tolist()])
    names = [part for part in BODY_PARTS for _ in "xy"]
    head = [["scorer", "", "", *[EXPERIMENTER] * len(names)], ["bodyparts", "", "", *names],
            ["coords", "", "", *"xy" * len(BODY_PARTS)]]  # fmt: skip
    for name, lines in rows.items():
        file = to_label / "labeled-data" / name / f"CollectedData_{EXPERIMENTER}.csv"
        with file.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, lineterminator="\n").writerows([*head, *lines])
        print(f"  {len(lines)} frames labelled: {name}")


def error(folder: Path, result: Path, answer: Path) -> None:
    """Write the mean distance from the truth in the spoilt video, in px."""
    import numpy as np

    tracks = read_tracks(result.parents[SPOILT.name.count("/")], SPOILT)
    answer.write_text(json.dumps(float(np.mean(pixel_errors(tracks, np.load(truth_file(folder, SPOILT)))))))


if __name__ == "__main__":
    words = sys.argv[1:]
    if words[0] == "--error":
        error(*map(Path, words[1:]))
    else:
        label(*map(Path, words))
