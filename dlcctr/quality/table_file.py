"""`quality.csv.gz`: a row's measures, frame by frame, for pandas, R and MATLAB. Needs numpy.

The same measures give the same bytes.
"""

from __future__ import annotations

import gzip
import io
import math
from typing import Any

from dlcctr.quality.judge import Judgement, row_median
from dlcctr.quality.measures.pictures import PictureSeries
from dlcctr.quality.measures.score import frame_score
from dlcctr.quality.measures.track import Track, import_numpy

CHUNK = 1 << 16
"""Frames whose text is in memory at once."""
LEVEL = 4
"""Of the compression: a higher one takes twice the time for some percent."""
DECIMALS = {"speed": 2, "energy": 2, "x": 1, "y": 1, "brightness": 1, "change": 2}
"""Decimals of columns; others, which are shares and probabilities, have four."""


def table_bytes(track: Track, judgement: Judgement, pictures: PictureSeries | None = None) -> bytes:
    """Content of the file: a line for each frame; an empty field is a number that cannot be had.

    Columns: `frame`, `time_s`, `score` (0-1, the whole frame), `likelihood` (median of the parts), `speed` (median, in
    body lengths per second), `energy` and `swapped` (of the first animal), `x`, `y` (its middle, in px), `brightness`,
    `change`, `repeated`; then `score` of each part, named ``score.<individual>.<part>``.
    """
    columns = find_columns(track, judgement, pictures)
    out = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=out, mode="wb", compresslevel=LEVEL, mtime=0, filename="") as packed,
        io.TextIOWrapper(packed, encoding="utf-8", newline="") as text,
    ):
        text.write(",".join(_quoted(name) for name in columns) + "\n")
        for first in range(0, track.n_frames, CHUNK):
            words = [_words(values[first : first + CHUNK], name) for name, values in columns.items()]
            text.write("\n".join(map(",".join, zip(*words, strict=True))) + "\n")
    return out.getvalue()


def find_columns(track: Track, judgement: Judgement, pictures: PictureSeries | None) -> dict[str, Any]:
    """Columns of the table by name, each of n frames."""
    numpy = import_numpy()
    features, n_frames = judgement.features, track.n_frames
    nothing = numpy.full(n_frames, numpy.nan)
    columns = {
        "frame": numpy.arange(n_frames),
        "time_s": nothing if track.times_s is None else track.times_s,
        "score": frame_score(judgement.scores),
        "likelihood": row_median(features.likelihood),
        "speed": row_median(features.speed),
        "energy": features.energy[:, 0],
        "swapped": features.swapped[:, 0],
        "x": features.centres[:, 0, 0],
        "y": features.centres[:, 0, 1],
        "brightness": _fitted(pictures.brightness, n_frames) if pictures else nothing,
        "change": _fitted(pictures.change, n_frames) if pictures else nothing,
        "repeated": features.repeated.astype(int),
    }
    for n, (who, part) in enumerate(track.names):
        columns[".".join(filter(None, ("score", who, part)))] = judgement.scores[:, n]
    return columns


def _fitted(values: Any, n_frames: int) -> Any:
    numpy = import_numpy()
    found = numpy.full(n_frames, numpy.nan)
    found[: min(n_frames, len(values))] = values[:n_frames]
    return found


def _words(values: Any, name: str) -> list[str]:
    """Text of each value. Rounded, a column has few different ones, and formatting is what takes the time."""
    numpy = import_numpy()
    if values.dtype.kind in "iu":
        return [str(value) for value in values.tolist()]
    if name == "time_s":
        return ["" if math.isnan(value) else f"{value:.10g}" for value in values.tolist()]
    rounded = numpy.round(numpy.asarray(values, float), DECIMALS.get(name, 4))
    known, places = numpy.unique(rounded, return_inverse=True)
    words = numpy.array(["" if math.isnan(value) else f"{value + 0.0:.10g}" for value in known.tolist()], object)
    found: list[str] = words[places.reshape(-1)].tolist()
    return found


def _quoted(name: str) -> str:
    plain = "".join(character if character.isprintable() else "_" for character in name)
    return '"' + plain.replace('"', '""') + '"' if set(plain) & set(',"') else plain
