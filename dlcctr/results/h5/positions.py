"""Positions in DeepLabCut's .h5, read and written in blocks of frames. Needs pandas and PyTables, as in the image.

Two million frames of ten animals are some GB: whoever goes through a whole video takes them from here, block by block.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcctr.errors import DlcctrError, OutputError
from dlcctr.results.h5.h5_file import check_sizes, import_pandas, plain_pickles

BLOCK_FRAMES = 20_000
"""Frames in a block: some ten MB for a dozen body parts, and more than a hundred for ten animals."""
KEY = "df_with_missing"
"""Name of the table in DeepLabCut's own files."""
LEVELS = ("scorer", "bodyparts", "coords")
LEVELS_OF_SEVERAL = ("scorer", "individuals", "bodyparts", "coords")
COORDS = ("x", "y", "likelihood")


@dataclass(frozen=True)
class PositionColumns:
    """What the columns of a table are.

    Parameters
    ----------
    scorer : str
        DeepLabCut's name of the model.
    points : tuple of tuple of str
        ``(individual, body part)`` of each point in the table's order; the individual is empty in a table of a
        single-animal project, and ``single`` for unique body parts.
    several : bool
        Whether the table has a level for individuals.
    """

    scorer: str
    points: tuple[tuple[str, str], ...]
    several: bool

    @property
    def individuals(self) -> tuple[str, ...]:
        """Names of the individuals, in order; one empty name in a table of a single-animal project."""
        return tuple(dict.fromkeys(who for who, _ in self.points))

    @property
    def bodyparts(self) -> tuple[str, ...]:
        """Names of all body parts, in order, unique ones included."""
        return tuple(dict.fromkeys(part for _, part in self.points))

    def header(self) -> Any:
        """As the columns of a pandas table: three columns for each point."""
        pandas = import_pandas()
        tuples = [
            ((self.scorer, who, part, coord) if self.several else (self.scorer, part, coord))
            for who, part in self.points
            for coord in COORDS
        ]
        return pandas.MultiIndex.from_tuples(tuples, names=LEVELS_OF_SEVERAL if self.several else LEVELS)


class PositionsFile:
    """An open table of positions; see `open_positions`.

    Parameters
    ----------
    columns : PositionColumns
        Its columns.
    rows : int
        Rows of the table. One of several animals may end before the video does.
    number_type : str
        What its numbers are kept as: ``float64`` or ``float32``.
    """

    def __init__(
        self, file: Path, store: Any, key: str, columns: PositionColumns, *, rows: int, number_type: str
    ) -> None:
        self._file, self._store, self._key = file, store, key
        self.columns, self.rows, self.number_type = columns, rows, number_type

    def read(self, first: int, stop: int) -> Any:
        """Positions of some frames.

        Parameters
        ----------
        first, stop : int
            Frames in presentation order, the second excluded; those after the table's last row are NaN.

        Returns
        -------
        numpy.ndarray
            Float64, (stop - first, points, 3): x and y in px, and likelihood.
        """
        import numpy

        found = numpy.full((max(stop - first, 0), len(self.columns.points), len(COORDS)), numpy.nan)
        here = min(stop, self.rows)
        if first < here:
            found[: here - first] = self.table(first, here).to_numpy(dtype=float).reshape(here - first, -1, len(COORDS))
        return found

    def table(self, first: int, stop: int) -> Any:
        """Some rows as pandas reads them, in the table's own type, index and header included."""
        with _readable(self._file), plain_pickles():
            return self._store.select(self._key, start=first, stop=min(stop, self.rows))

    def blocks(self, frames: int | None = None, size: int = BLOCK_FRAMES) -> Iterator[tuple[int, Any]]:
        """First frame and positions of one block after the other, `frames` in all (by default the table's rows)."""
        stop = self.rows if frames is None else frames
        for first in range(0, stop, size):
            yield first, self.read(first, min(first + size, stop))


@contextlib.contextmanager
def open_positions(file: Path) -> Iterator[PositionsFile]:
    """Open an .h5 as DeepLabCut writes it.

    Raises
    ------
    OutputError
        It cannot be read, holds what could run, or has another form.
    ToolMissingError
        Without pandas and PyTables.
    """
    pandas = import_pandas()
    with contextlib.ExitStack() as closing:
        with _readable(file), plain_pickles():
            store = closing.enter_context(pandas.HDFStore(file, mode="r"))
            check_sizes(store._handle, file.stat().st_size)
            keys = store.keys()
            if len(keys) != 1:
                raise ValueError(f"it holds {len(keys)} tables")
            head = store.select(keys[0], start=0, stop=1)
            columns = _columns(head.columns)
            number_type = "float32" if str(head.to_numpy().dtype) == "float32" else "float64"
            storer = store.get_storer(keys[0])
            rows = int(storer.nrows if storer.is_table else storer.group.axis1.nrows)
        yield PositionsFile(file, store, keys[0], columns, rows=rows, number_type=number_type)


def _columns(header: Any) -> PositionColumns:
    levels = header.nlevels
    if levels not in (len(LEVELS), len(LEVELS_OF_SEVERAL)) or not len(header):
        raise ValueError(
            f"its columns have {levels} levels, not DeepLabCut's {len(LEVELS)} or {len(LEVELS_OF_SEVERAL)}"
        )
    several = levels == len(LEVELS_OF_SEVERAL)
    names = [tuple(map(str, each)) for each in header]
    points = tuple((each[1] if several else "", each[-2]) for each in names[:: len(COORDS)])
    wanted = [(*point, coord) for point in points for coord in COORDS]
    if [(each[1] if several else "", each[-2], each[-1]) for each in names] != wanted:
        raise ValueError("its columns are not x, y, likelihood of one point after the other")
    return PositionColumns(names[0][0], points, several)


class PositionsWriter:
    """Writes a table of positions, block by block; see `write_positions`."""

    def __init__(self, store: Any, columns: PositionColumns, number_type: str) -> None:
        self._store, self._header, self._number_type, self.rows = store, columns.header(), number_type, 0

    def write(self, positions: Any) -> None:
        """Append frames: float, (n, points, 3)."""
        pandas = import_pandas()
        n = len(positions)
        index = pandas.RangeIndex(self.rows, self.rows + n)
        values = positions.reshape(n, len(self._header))
        table = pandas.DataFrame(values, columns=self._header, index=index, dtype=self._number_type)
        if self.rows:
            self._store.append(KEY, table, format="table", index=False)
        else:  # HDF5 would note when the table was made
            self._store.put(KEY, table, format="table", index=False, track_times=False)
        self.rows += n


@contextlib.contextmanager
def write_positions(file: Path, columns: PositionColumns, number_type: str = "float64") -> Iterator[PositionsWriter]:
    """Make an .h5 as DeepLabCut writes it, which its functions read; raises OSError.

    The same positions give the same bytes, so that what depends on a step is not due again for nothing.
    """
    pandas = import_pandas()
    with pandas.HDFStore(file, mode="w") as store:
        yield PositionsWriter(store, columns, number_type)


@contextlib.contextmanager
def _readable(file: Path) -> Iterator[None]:
    try:
        yield
    except DlcctrError:
        raise
    except Exception as error:  # PyTables and pandas raise many kinds for a damaged file
        raise OutputError(
            f"{file}: cannot be read: {' '.join(str(error).split())[:200]}",
            "see which rows have damaged files with `check`, and analyse them again with --overwrite",
        ) from error
