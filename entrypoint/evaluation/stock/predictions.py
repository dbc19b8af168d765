"""Predictions in the table of an evaluation, by the names of its rows and columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dlcctr.training.set_files import Frame
from entrypoint.evaluation.training_set import Point, point_columns


def read_predictions(table: Any, frames: Sequence[Frame], points: Sequence[Point]) -> Any:
    """Predictions (n_frames, n_points, 3): x, y in px, likelihood.

    Parameters
    ----------
    table : pandas.DataFrame
        As DeepLabCut's `evaluate_network` writes it. With several animals, which one is which is not known.
    """
    import numpy

    places = point_columns(table)
    if not any(who for who, _ in points):  # DeepLabCut may give the one animal a name
        places = {(("", part), coord): n for ((_, part), coord), n in places.items()}
    columns = [places[point, coord] for point in points for coord in ("x", "y", "likelihood")]
    rows = {(str(index[-2]), str(index[-1])): n for n, index in enumerate(table.index)}
    values = table.to_numpy(dtype=float)[[rows[frame] for frame in frames]][:, columns]
    return numpy.ascontiguousarray(values.reshape(len(frames), len(points), 3))
