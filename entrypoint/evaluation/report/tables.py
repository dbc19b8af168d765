"""evaluation.csv: every labelled frame, animal and body part, of both models, as a long table."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from typing import Any

from dlcctr.system.terminal.console import one_line
from dlcctr.training.set_files import Frame
from entrypoint.evaluation.figures import Points

COLUMNS = (
    "model", "folder", "picture", "split", "added", "known_to_before", "individual", "bodypart", "label_x", "label_y",
    "x", "y", "likelihood", "error_px",
)  # fmt: skip


def points_text(
    points: Mapping[str, Points],
    xy: Any,
    splits: Mapping[Frame, str],
    added: frozenset[Frame] | None,
    known_to_before: frozenset[Frame] | None,
) -> str:
    """Text of the table.

    Parameters
    ----------
    xy : ndarray (n_frames, n_points, 2)
        All labels in px, also those that do not count.
    splits : mapping of frame to str
        ``train`` or ``test``; a frame of neither is not there.
    added, known_to_before : frozenset or None
        None where it is not known; the cells stay empty.
    """
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(COLUMNS)
    for model, held in points.items():
        error = held.error
        for n, frame in enumerate(held.frames):
            begin = [
                model,
                *map(one_line, frame),
                splits.get(frame, ""),
                _flag(frame, added),
                _flag(frame, known_to_before),
            ]
            for m, point in enumerate(held.points):
                numbers = (*xy[n, m], *held.predicted[n, m], error[n, m])
                lines.writerow([*begin, *map(one_line, point), *("" if math.isnan(x) else f"{x:.7g}" for x in numbers)])
    return text.getvalue()


def _flag(frame: Frame, members: frozenset[Frame] | None) -> str:
    return "" if members is None else str(int(frame in members))
