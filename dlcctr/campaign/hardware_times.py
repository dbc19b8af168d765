"""Hardware times: a lab's own file with the time of every frame, which a row's column `times` names.

The file lies below the video root. It has one number a line, or is a table of which the cell names a column:
``day1/ttl.csv:camera``. Times are seconds and never go backwards; ``nan`` stands for one that is not known.
"""

from __future__ import annotations

import csv
import gzip
import itertools
import math
import re
import zlib
from array import array
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from dlcctr.campaign.rows import Row
from dlcctr.errors import ManifestError
from dlcctr.system.files import sha256_file
from dlcctr.system.values.names import check_below

CELL = re.compile(r"(?P<file>.+?\.\w+)(?::(?P<column>[^/]+))?")
"""A file whose name has an ending, and a column behind a colon."""
HINT = "`times` names a file below the video root, or a column of one: day1/ttl.csv, or day1/ttl.csv:camera"
ONE_EACH = "give the time of each frame on a line of its own, in seconds; nan where it is not known"
MAX_BYTES = 1 << 32
DOUBT_FRAMES, UNLIKELY_UNIT = 1000, 200
"""Times whose steps are this many times longer than the frame rate says are hardly seconds; the first frames tell."""
DELIMITERS = ";\t,"
"""A comma comes last: beside one of the others it is a decimal comma. Alone it never is: 1,25 could be two columns."""
SHOWN_CHARS = 40
NUMBER = re.compile(r"[+-]?([0-9]{1,300}([.,][0-9]{0,300})?|[.,][0-9]{1,300})([eE][+-]?[0-9]{1,3})?|[nN][aA][nN]")


@dataclass(frozen=True)
class HardwareTimes:
    """The content of such a file.

    Parameters
    ----------
    cell : str
        What the manifest names.
    file : Path
        The file itself.
    sha256 : str
        Its hash.
    seconds : array of float
        A time for each frame, NaN where not known.
    """

    cell: str
    file: Path
    sha256: str
    seconds: array[float]

    def check_count(self, frames: int) -> None:
        """Raise `ManifestError` unless there is a time for each frame."""
        if len(self.seconds) != frames:
            raise ManifestError(
                f"{self.file}: has {len(self.seconds):,} times, but the video has {frames:,} frames",
                "give one time for each frame of the video, in its order, also for frames that cannot be decoded; or "
                "empty the row's cell in the column `times`",
            )

    def doubt(self, rate: float | None) -> str:
        """Sentence on times whose unit does not look like seconds; empty where it does, or nothing tells.

        Parameters
        ----------
        rate : float or None
            Frames/s of the video, as its container says.
        """
        known = [time for time in self.seconds[:DOUBT_FRAMES] if not math.isnan(time)]
        if not rate or len(known) < 3 or known[-1] <= known[0]:
            return ""
        times_too_long = (known[-1] - known[0]) / (len(known) - 1) * rate
        if times_too_long < UNLIKELY_UNIT:
            return ""
        return (
            f"{self.file}: frames are {times_too_long:,.0f} times as far apart as the video's {rate:g} frames/s say: "
            "are the times in milliseconds, or ticks? They are taken for seconds"
        )


def split_cell(cell: str) -> tuple[str, str]:
    """File below the video root and name of the column (empty: none) of a manifest's cell; raises `ValueError`."""
    found = CELL.fullmatch(cell.strip())
    if not found:
        raise ValueError(f"times {cell[:SHOWN_CHARS]!r} is not a file with an ending, such as day1/ttl.csv")
    return check_below(found["file"], "a file of times below the video root"), (found["column"] or "").strip()


def times_file(row: Row, video_root: Path) -> Path:
    """File of a row's hardware times."""
    return video_root / split_cell(row.times)[0]


def read_hardware_times(row: Row, video_root: Path) -> HardwareTimes | None:
    """Read a row's hardware times; None where it has none.

    Raises
    ------
    ManifestError
        The file is not there, or a line of it is not the time of a frame; the message names file and line.
    """
    if not row.times:
        return None
    name, column = split_cell(row.times)
    file = video_root / name
    try:
        if (size := file.stat().st_size) > MAX_BYTES:
            raise ManifestError(f"{file}: too long for a file of times ({size:,} bytes)", HINT)
        digest = sha256_file(file)
        with ExitStack() as stack:
            seconds = array("d", _ordered(file, _numbers(file, stack.enter_context(_open(file)), column)))
    except FileNotFoundError as error:
        raise ManifestError(
            f"{file}: no such file, but row {row.index} names it in the column `times`", HINT
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or error
        raise ManifestError(
            f"{file}: cannot be read: {why}", "check its owner and permissions, or copy it again"
        ) from error
    except UnicodeDecodeError as error:
        raise ManifestError(f"{file}: not UTF-8 text", "save it as 'CSV UTF-8'") from error
    except csv.Error as error:
        raise ManifestError(f"{file}: not valid CSV: {error}", ONE_EACH) from error
    return HardwareTimes(row.times, file, digest, seconds)


def _open(file: Path) -> TextIO:
    if file.suffix == ".gz":
        return gzip.open(file, "rt", encoding="utf-8-sig", newline="")
    return file.open(encoding="utf-8-sig", newline="")


def _numbers(file: Path, stream: TextIO, column: str) -> Iterator[tuple[int, float]]:
    """Lines and the numbers on them."""
    head = stream.readline(1 << 16)
    if not head.strip():
        raise ManifestError(f"{file}, line 1: empty", ONE_EACH)
    delimiter = next((each for each in DELIMITERS if each in head), ",")
    reader = csv.reader(itertools.chain([head], stream), delimiter=delimiter, strict=True)
    place = 0
    for line, cells in enumerate(reader, start=1):
        if line == 1 and (column or not _is_number(cells[0] if cells else "")):
            place = _place(file, cells, column)
            continue
        if not column and len([cell for cell in cells if cell.strip()]) > 1:
            _place(file, cells, column)  # several numbers a line, and no names
        if not any(cell.strip() for cell in cells):
            _only_empty_lines(file, line, reader)
            return
        text = cells[place].strip() if place < len(cells) else ""
        if not _is_number(text):
            raise ManifestError(f"{file}, line {line}: not the time of a frame: {text[:SHOWN_CHARS]!r}", ONE_EACH)
        yield line, float(text.replace(",", "."))


def _is_number(text: str) -> bool:
    return NUMBER.fullmatch(text.strip()) is not None


def _place(file: Path, names: Sequence[str], column: str) -> int:
    names = [name.strip() for name in names]
    if not column and len(names) == 1:
        return 0
    if names.count(column) == 1:
        return names.index(column)
    shown = ", ".join(names)[:200]
    if not column:
        raise ManifestError(
            f"{file}: has {len(names)} columns: {shown}",
            f"name them on the first line, and one of them in the manifest: {file.name}:COLUMN (decimals have a point)",
        )
    what = "several columns" if column in names else "no column"
    raise ManifestError(f"{file}, line 1: {what} {column[:SHOWN_CHARS]!r}, but: {shown}", HINT)


def _only_empty_lines(file: Path, line: int, rest: Iterator[list[str]]) -> None:
    """An empty line in the middle would shift all times behind it."""
    if any(cell.strip() for cells in rest for cell in cells):
        raise ManifestError(f"{file}, line {line}: empty, though more times follow", ONE_EACH)


def _ordered(file: Path, numbers: Iterator[tuple[int, float]]) -> Iterator[float]:
    last = -math.inf
    for line, time in numbers:
        if math.isinf(time):
            raise ManifestError(f"{file}, line {line}: not a time: {time}", ONE_EACH)
        if time < last:
            raise ManifestError(
                f"{file}, line {line}: {time:.9g} s comes behind {last:.9g} s: times of frames never go backwards",
                "sort out which line belongs to which frame; a clock that was set back needs a correction",
            )
        if not math.isnan(time):
            last = time
        yield time
