"""What was judged of each frame and part: the score, and the kinds of flags that hold there."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from dlcctr.quality.record import TABLE_FILENAME, Quality
from dlcctr.tables.positions import Name, UnreadableRowError

SCORE = "score."
"""Beginning of the names of the columns of `quality.csv.gz` that hold the parts' scores."""
SEPARATOR = ";"
SHOWN_CHARS = 200
MAX_KINDS = 62
"""Kinds of flags are bits of a number; there are 18."""


class FrameFlags:
    """Kinds of flags of each frame and point.

    A stretch holds for all points of its frames, a flag with frames for its part, or for all where it names none.
    Flags of the whole video hold for no frame: they are in the table of videos.

    Parameters
    ----------
    judged : callable
        Whether an individual's name means the same animal in the table as in the judgement; a flag of another one is
        left out.
    """

    def __init__(self, quality: Quality, judged: Callable[[str], bool] = lambda individual: True) -> None:
        spans = [(each.first, each.stop, kind, "", "") for each in quality.stretches for kind in each.flags]
        spans += [
            (each.first, each.stop, each.name, each.individual, each.part)
            for each in quality.flags
            if each.first is not None and each.stop is not None and judged(each.individual)
        ]
        self.kinds = tuple(dict.fromkeys(span[2] for span in spans))[:MAX_KINDS]
        self.spans = [span for span in spans if span[2] in self.kinds]

    def codes(self, first: int, n_frames: int, names: Sequence[Name]) -> tuple[Any, list[str]]:
        """Codes (n_frames, n_points) of the frames from `first` on, and the text of each code: ``jumps;odd-pose``."""
        import numpy

        bits: Any = numpy.zeros((n_frames, len(names)), numpy.int64)
        for start, stop, kind, who, part in self.spans:
            frames = slice(max(0, start - first), max(0, stop - first))
            columns = [n for n, name in enumerate(names) if (part in ("", name[1])) and (who in ("", name[0]))]
            bits[frames, columns] |= 1 << self.kinds.index(kind)
        known, codes = numpy.unique(bits, return_inverse=True)
        texts = [
            SEPARATOR.join(kind for n, kind in enumerate(self.kinds) if int(each) >> n & 1) for each in known.tolist()
        ]
        return codes.reshape(bits.shape).astype(numpy.int32), texts


def read_scores(folder: Path, quality: Quality, n_frames: int) -> Iterator[tuple[list[Name], Any]]:
    """Scores in blocks of `n_frames`: names of the points, and an array (frames, points).

    Raises
    ------
    UnreadableRowError
        `quality.csv.gz` cannot be read, or its columns are not those of `quality.json`.
    """
    import pandas

    file = folder / TABLE_FILENAME
    names = [(part.individual, part.name) for part in quality.parts]
    try:
        with gzip.open(file, "rt", encoding="utf-8", newline="") as text:
            header = next(csv.reader(text), [])
        places = [n for n, name in enumerate(header) if name.startswith(SCORE)]
        if len(places) != len(names):
            raise ValueError(f"{len(places)} columns of scores for {len(names)} body parts")
        if not places:
            return
        with pandas.read_csv(
            file, header=None, skiprows=1, usecols=places, chunksize=n_frames, dtype="float32"
        ) as chunks:
            for chunk in chunks:
                yield names, chunk.to_numpy()
    except (OSError, EOFError, ValueError, zlib.error, csv.Error) as error:  # pandas' errors are ValueErrors
        said = " ".join(str(error).split())[:SHOWN_CHARS]
        raise UnreadableRowError(
            f"{file}: cannot be read: {said}", "judge the row again: dlcctr quality m.csv"
        ) from error
