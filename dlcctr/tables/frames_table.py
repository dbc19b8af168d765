"""The long table of one row: a line for each frame, animal and body part, in blocks of bounded size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcctr.contract import FRAME_TIMES_FILENAME
from dlcctr.errors import OutputError
from dlcctr.quality.record import QUALITY_FILENAME, TABLE_FILENAME, Quality
from dlcctr.results.h5.positions import COORDS
from dlcctr.results.receipt import Receipt
from dlcctr.results.sections import OutputFile
from dlcctr.results.times.frame_times import read_frame_times
from dlcctr.tables.arrow import import_arrow, words, words_type
from dlcctr.tables.judged_frames import FrameFlags, read_scores
from dlcctr.tables.positions import (
    Block,
    Name,
    Source,
    UnreadableRowError,
    frames_of,
    read_blocks,
    require_step_unchanged,
    require_unchanged,
)

LINES = 1 << 19
"""Lines of a block, which becomes a row group of the file: some 20 MB in memory, and few enough that a program that
looks for one body part can leave most of a column unread."""
PARTITIONS = ("video", "model")
"""Columns that the names of folders hold."""
COLUMNS = (
    "row", "frame", "time_s", "individual", "body_part", "x", "y", "likelihood", "score", "filtered", "flags",
)  # fmt: skip


@dataclass(frozen=True)
class RowSource:
    """A finished row, and what of it goes into the table.

    Parameters
    ----------
    index : int
        Of the manifest's row.
    folder : Path
        With its result.
    source : Source
        Its positions.
    quality : Quality or None
        None where it was not judged.
    own : tuple of str
        Its cells of the manifest's own columns.
    """

    index: int
    folder: Path
    receipt: Receipt
    source: Source
    quality: Quality | None
    own: tuple[str, ...] = ()

    @property
    def files(self) -> list[OutputFile]:
        """Files of the result that are read."""
        own = () if self.source.step else (self.source.file.name,)
        names = (FRAME_TIMES_FILENAME, QUALITY_FILENAME, TABLE_FILENAME, *own)
        return [entry for entry in self.receipt.files if entry.name in names]

    def has(self, name: str) -> bool:
        """Whether a file belongs to the result."""
        return any(entry.name == name for entry in self.receipt.files)


def frames_schema(own: Sequence[str]) -> Any:
    """Schema of the long table, without the columns that the folders' names hold."""
    arrow = import_arrow()
    kinds = {
        "row": arrow.int32(),
        "frame": arrow.int32(),
        "time_s": arrow.float64(),
        "x": arrow.float64(),
        "y": arrow.float64(),
        "likelihood": arrow.float64(),
        "score": arrow.float32(),
        "filtered": arrow.bool_(),
    }
    return arrow.schema([(name, kinds.get(name, words_type())) for name in (*COLUMNS, *own)])


def frame_tables(row: RowSource, own: Sequence[str], lines: int = LINES) -> Iterator[Any]:
    """Blocks of a row's long table, sorted by frame; at least one, which may be empty.

    Raises
    ------
    UnreadableRowError
        A file of the row is not what its receipt says, or cannot be read.
    """
    require_unchanged(row.folder, row.receipt, row.files)
    if row.source.step:
        require_step_unchanged(row.source)
    if row.receipt.columns.rows == 0 and not row.source.step:  # pandas does not read what it writes of no rows
        yield frames_schema(own).empty_table()
        return
    maker = _Maker(row, own, lines)
    for block in read_blocks(row.source, lines):
        yield maker.table(block)


class _Maker:
    """Makes blocks of positions into blocks of the table, in their order."""

    def __init__(self, row: RowSource, own: Sequence[str], lines: int) -> None:
        self.row, self.own, self.lines = row, own, lines
        self.schema = frames_schema(own)
        self.times = _read_times(row)
        self.flags = FrameFlags(row.quality, row.source.judged) if row.quality else None
        self.scores: Iterator[tuple[list[Name], Any]] | None = None

    def table(self, block: Block) -> Any:
        import numpy

        arrow = import_arrow()
        n_frames, n_points = block.values.shape[:2]
        n_lines = n_frames * n_points
        frames = numpy.arange(block.first, block.first + n_frames, dtype=numpy.int32)
        constant = numpy.zeros(n_lines, numpy.int32)
        columns = {
            "row": arrow.array(constant + self.row.index, arrow.int32()),
            "frame": arrow.array(numpy.repeat(frames, n_points), arrow.int32()),
            "time_s": self._numbers("time_s", numpy.repeat(self._seconds(block.first, n_frames), n_points)),
            "individual": _names(block, 0),
            "body_part": _names(block, 1),
            **{name: self._numbers(name, block.values[:, :, n]) for n, name in enumerate(COORDS)},
            "score": self._numbers("score", self._scores(block)),
            "filtered": arrow.array(numpy.full(n_lines, bool(self.row.source.step))),
            "flags": _flags(block, self.flags, constant),
        }
        for name, cell in zip(self.own, self.row.own, strict=True):
            columns[name] = words(constant if cell else constant - 1, [cell] if cell else [])
        return arrow.table([columns[name] for name in self.schema.names], schema=self.schema)

    def _numbers(self, name: str, values: Any) -> Any:
        """Column of numbers, in which what is not known is null and not NaN, which other programs would add up."""
        import numpy

        flat = numpy.ascontiguousarray(values).reshape(-1)
        return import_arrow().array(flat, self.schema.field(name).type, mask=numpy.isnan(flat))

    def _seconds(self, first: int, n_frames: int) -> Any:
        import numpy

        found = numpy.full(n_frames, numpy.nan)
        known = self.times[first : first + n_frames]
        found[: len(known)] = known
        return found

    def _scores(self, block: Block) -> Any:
        """Scores (n_frames, n_points) of the next block; NaN where there are none."""
        import numpy

        if self.scores is None:
            self.scores = self._read_scores(frames_of(self.lines, len(block.names)))
        found: Any = numpy.full(block.values.shape[:2], numpy.nan, numpy.float32)
        names, values = next(self.scores, ([], found))
        places = {name: n for n, name in enumerate(names)}
        n_frames = min(len(found), len(values))
        for n, name in enumerate(block.names):
            if name in places and self.row.source.judged(name[0]):
                found[:n_frames, n] = values[:n_frames, places[name]]
        return found

    def _read_scores(self, n_frames: int) -> Iterator[tuple[list[Name], Any]]:
        if self.row.quality is None or not self.row.has(TABLE_FILENAME):
            return iter(())
        return read_scores(self.row.folder, self.row.quality, n_frames)


def _read_times(row: RowSource) -> Any:
    """Times of the frames, of the stream's at least as many as the .h5 has rows; none where they are not known."""
    import numpy

    if not row.has(FRAME_TIMES_FILENAME):
        return numpy.empty(0)
    try:
        return numpy.array(read_frame_times(row.folder / FRAME_TIMES_FILENAME))
    except OutputError as error:
        raise UnreadableRowError(error.message, error.hint) from error


def _names(block: Block, level: int) -> Any:
    """Individuals or body parts of a block's lines."""
    import numpy

    names = [name[level] for name in block.names]
    known = list(dict.fromkeys(names))
    codes = numpy.array([known.index(name) for name in names], numpy.int32)
    return words(numpy.tile(codes, len(block.values)), known)


def _flags(block: Block, flags: FrameFlags | None, constant: Any) -> Any:
    if flags is None:
        return words(constant - 1, [])
    codes, texts = flags.codes(block.first, len(block.values), block.names)
    return words(codes.reshape(-1), texts)
