r"""What people say of the videos: good, bad or unsure; who said it, and when. A table beside the manifest.

The columns are separated by tabs. A tab, a line break or a backslash inside a cell is written as in C (``\t``,
``\n``, ``\r``, ``\\``), so that a line is always one rating, also in a spreadsheet. What a spreadsheet makes of such a
table is read as well: cells in quotation marks, commas or semicolons for tabs, UTF-16, other line ends.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from dlcctr.campaign.rows import Row
from dlcctr.campaign.spreadsheet import decode_text
from dlcctr.errors import ManifestError
from dlcctr.system.files import read_bounded, write_text_atomic
from dlcctr.system.values.names import check_below, check_text
from dlcctr.system.values.numbers import parse_whole

COLUMNS = ("row", "video", "fingerprint", "rating", "note", "rater", "time")
RATINGS = ("good", "bad", "unsure", "")
"""What can be said of a video; nothing takes back what the same person said before."""
MAX_BYTES = 64 << 20
MAX_CELL_CHARS = 4000
SHOWN_CHARS = 60
SHOWN_PROBLEMS = 10
DELIMITERS = ("\t", ",", ";")
AHEAD = timedelta(days=1)
"""A rating from later than that was made on a machine whose clock is wrong, and would win for ever."""
_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_UNESCAPES = {written: character for character, written in _ESCAPES.items()}
_FORMULA = re.compile(r"[=+\-@]")
_HINT = "correct or remove these lines; nothing was written"


@dataclass(frozen=True)
class Rating:
    """One person's word on one video.

    Parameters
    ----------
    row : int
        Index of the manifest's row.
    video, fingerprint : str
        The row's own, when it was rated.
    rating : str
        One of `RATINGS`.
    note : str
        Free text.
    rater : str
        Who said it.
    time : str
        UTC, ISO 8601 with seconds.
    """

    row: int
    video: str
    fingerprint: str
    rating: str
    note: str
    rater: str
    time: str


def read_ratings(file: Path, rows: Sequence[Row], *, rater: str = "", now: datetime | None = None) -> list[Rating]:
    """Read a table of ratings, as a report exports it or a person writes it; none where there is no file.

    A line needs `rating`, and `row` or `video`. What it names of row, video and fingerprint must be one row.

    Parameters
    ----------
    rows : sequence of Row
        The manifest's rows.
    rater : str
        Who rated, where a line does not say it.
    now : datetime, optional
        When, where a line does not say it; by default the present.

    Raises
    ------
    ManifestError
        The file cannot be read, or a line is wrong; the message names file and lines.
    """
    found, problems = fitting_ratings(file, rows, rater=rater, now=now)
    if problems:
        more = len(problems) - SHOWN_PROBLEMS
        shown = [*problems[:SHOWN_PROBLEMS], *([f"and {more} more"] if more > 0 else [])]
        raise ManifestError("\n".join(shown), _HINT)
    return found


def fitting_ratings(
    file: Path, rows: Sequence[Row], *, rater: str = "", now: datetime | None = None
) -> tuple[list[Rating], list[str]]:
    """Ratings as `read_ratings` gives them, and a sentence for each line that is wrong or fits no row any more."""
    text = _read(file)
    return ([], []) if text is None else ratings_in(text, file, rows, rater=rater, now=now)


def ratings_in(
    text: str, file: Path, rows: Sequence[Row], *, rater: str = "", now: datetime | None = None
) -> tuple[list[Rating], list[str]]:
    """The same of a table's text; `file` is its name in messages. Raises `ManifestError` where it is no such table."""
    lines = text.split("\n")
    delimiter, header = _header(lines[0], file)
    reader = _Reader(rows, header, rater, now or datetime.now(timezone.utc))
    found, problems = [], []
    for number, line in enumerate(lines[1:], start=2):
        if line.strip(f" {delimiter}"):
            try:
                found.append(reader.rating([_unescape(cell) for cell in _split(line, delimiter)]))
            except ValueError as error:
                problems.append(f"{file}, line {number}: {error}")
    return found, problems


def _header(line: str, file: Path) -> tuple[str, list[str]]:
    """Delimiter and columns. Raises `ManifestError`."""
    for delimiter in DELIMITERS:
        names = [name.strip(' "').lower() for name in line.split(delimiter)]
        if "rating" in names and {"row", "video"} & set(names):
            break
    else:
        raise ManifestError(
            f"{file}, line 1: no table of ratings: its columns are {line[:SHOWN_CHARS]!r}",
            f"the first line names the columns, with tabs between: {', '.join(COLUMNS)}",
        )
    if twice := [name for name, count in Counter(names).items() if name and count > 1]:
        raise ManifestError(f"{file}, line 1: column `{twice[0]}` appears twice", "remove or rename one of them")
    return delimiter, names


def _split(line: str, delimiter: str) -> list[str]:
    """Cells of a line, each perhaps in quotation marks; raises `ValueError`."""
    if '"' not in line:
        return line.split(delimiter)
    try:
        (cells,) = csv.reader([line], delimiter=delimiter, strict=True)
    except (csv.Error, ValueError):
        if delimiter == "\t":  # a note that begins with a quotation mark: older reports wrote it as it is
            return line.split(delimiter)
        raise ValueError("a quotation mark is not closed, or one inside a cell is not doubled") from None
    return cells


def _read(file: Path) -> str | None:
    try:
        data = read_bounded(file, MAX_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ManifestError(
            f"{file}: cannot be read: {error.strerror}", "check the file's owner and permissions"
        ) from error
    if data is None:
        raise ManifestError(f"{file}: too long for ratings (more than {MAX_BYTES:,} bytes)", _HINT)
    return decode_ratings(file, data)


def decode_ratings(file: Path, data: bytes) -> str:
    """Text of a table that was read, here or on another machine, with one kind of line ends.

    Raises
    ------
    ManifestError
        It is no text; `file` and the line are named.
    """
    return re.sub(r"\r\n?", "\n", decode_text(file, data)[0])


class _Reader:
    """Makes ratings of lines, each compared with the row that it names."""

    def __init__(self, rows: Sequence[Row], header: Sequence[str], rater: str, now: datetime) -> None:
        self.header, self.rater, self.now = header, rater, now
        self.rows = {row.index: row for row in rows}
        self.by_video: dict[str, list[Row]] = {}
        for row in rows:
            self.by_video.setdefault(_composed(row.video), []).append(row)

    def rating(self, cells: Sequence[str]) -> Rating:
        """Rating of one line's cells; raises `ValueError`."""
        if len(cells) > len(self.header) and any(cells[len(self.header) :]):
            raise ValueError(f"{len(cells)} cells, but {len(self.header)} columns")
        given = dict(zip(self.header, cells, strict=False))
        row = self._row(given.get("row", "").strip(), given.get("video", ""))
        fingerprint = given.get("fingerprint", "").strip()
        if fingerprint and row.fingerprint and fingerprint != row.fingerprint:
            raise ValueError(
                f"row {row.index} has another video now: its fingerprint is {row.fingerprint[:SHOWN_CHARS]}"
            )
        word = given["rating"].strip().lower() if "rating" in given else ""
        if word not in RATINGS:
            known = ", ".join(filter(None, RATINGS))
            raise ValueError(f"{word[:SHOWN_CHARS]!r} is no rating: {known}, or nothing")
        rater = given.get("rater", "").strip() or self.rater
        if not rater:
            raise ValueError("no rater: who said it? (--rater NAME says it for all lines without one)")
        note = given.get("note", "").strip()
        for text in (rater, note):
            _check_cell(text)
        moment = self._time(given.get("time", "").strip())
        return Rating(row.index, row.video, fingerprint or row.fingerprint, word, note, rater, moment)

    def _row(self, index: str, video: str) -> Row:
        name = check_below(video, "a video below the video root") if video.strip() else ""
        if index:
            row = self.rows.get(number) if (number := parse_whole(index)) is not None else None
            if row is None:
                raise ValueError(f"the manifest has no row {index[:SHOWN_CHARS]!r}")
            if name and _composed(row.video) != _composed(name):
                raise ValueError(
                    f"row {row.index} is the video {row.video[:SHOWN_CHARS]!r}, not {name[:SHOWN_CHARS]!r}"
                )
            return row
        found = self.by_video.get(_composed(name), [])
        if len(found) != 1:
            what = "in several rows: name the row" if found else "not in the manifest"
            raise ValueError(f"the video {name[:SHOWN_CHARS]!r} is {what}" if name else "neither a row nor a video")
        return found[0]

    def _time(self, text: str) -> str:
        if not text:
            return _stamp(self.now)
        try:
            moment = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text))
            moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
            stamp = _stamp(moment)
        except (ValueError, OverflowError):
            raise ValueError(f"{text[:SHOWN_CHARS]!r} is no time, such as 2026-01-31T12:00:00Z") from None
        if moment > self.now + AHEAD:
            raise ValueError(f"{text[:SHOWN_CHARS]} has not come yet: was a clock wrong?")
        return stamp


def _composed(name: str) -> str:
    """A name in which a letter and its accent are one character: macOS writes them as two, and nobody sees it."""
    return unicodedata.normalize("NFC", name)


def _check_cell(text: str) -> None:
    if len(check_text(text, "a rater or a note")) > MAX_CELL_CHARS:
        raise ValueError(f"{text[:SHOWN_CHARS]!r}… is longer than {MAX_CELL_CHARS} characters")


def _stamp(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _unescape(cell: str) -> str:
    return re.sub(r"\\[\\tnr]", lambda found: _UNESCAPES[found[0]], cell)


def merge_ratings(old: Iterable[Rating], new: Iterable[Rating]) -> list[Rating]:
    """Each person's newest word on each row; at the same time the later one in `new` counts. Sorted by row."""
    kept: dict[tuple[int, str], Rating] = {}
    for rating in (*old, *new):
        key = rating.row, rating.rater
        if key not in kept or rating.time >= kept[key].time:
            kept[key] = rating
    return sorted(kept.values(), key=lambda rating: (rating.row, rating.time, rating.rater))


def current_ratings(ratings: Iterable[Rating]) -> dict[int, Rating]:
    """The newest word on each row, whoever said it, by the row's index; rows of which nothing is said are left out.

    Who takes a rating back takes nobody else's, and a note alone hides no rating.

    Parameters
    ----------
    ratings : iterable of Rating
        One of each person and row, as `merge_ratings` gives them.
    """
    newest: dict[int, Rating] = {}
    for rating in ratings:
        if not (rating.rating or rating.note):
            continue
        known = newest.get(rating.row)
        if known is None or (bool(rating.rating), rating.time) >= (bool(known.rating), known.time):
            newest[rating.row] = rating
    return newest


def write_ratings(file: Path, ratings: Iterable[Rating]) -> None:
    """Write a table of ratings, in one step. Raises `OutputError`."""
    write_text_atomic(file, ratings_text(ratings), keep=True)


def ratings_text(ratings: Iterable[Rating]) -> str:
    """Text of a table of ratings."""
    lines = ["\t".join(COLUMNS), *("\t".join(_cells(rating)) for rating in ratings)]
    return "".join(f"{line}\n" for line in lines)


def _cells(rating: Rating) -> list[str]:
    # a spreadsheet takes =a.mp4 for a formula; ./ keeps it from that, and is taken off again by `check_below`
    video = f"./{rating.video}" if _FORMULA.match(rating.video) else rating.video
    values = replace(rating, video=video)
    cells = [str(getattr(values, name)) for name in COLUMNS]
    return [_quoted(re.sub(r"[\\\t\n\r]", lambda found: _ESCAPES[found[0]], cell)) for cell in cells]


def _quoted(cell: str) -> str:
    """A cell that begins with a quotation mark in such marks, so that nobody takes its own for them."""
    return '"' + cell.replace('"', '""') + '"' if cell.startswith('"') else cell
