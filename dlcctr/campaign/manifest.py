"""The manifest: one row is one video, and its index never changes."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dlcctr.campaign.hardware_times import HINT, split_cell
from dlcctr.campaign.rows import Crop, Row, parse_crop, with_firsts
from dlcctr.campaign.spreadsheet import Record, Sheet, append_lines, format_line, read_sheet
from dlcctr.campaign.tracking import PROJECTS_OWN, Tracking, parse_names, parse_yes
from dlcctr.contract import CAMERA_COLUMN, MANIFEST_COLUMNS, TIMES_COLUMN, TRACKING_COLUMNS
from dlcctr.errors import ManifestError
from dlcctr.system.files import write_text_atomic
from dlcctr.system.values.names import check_below
from dlcctr.system.values.numbers import MAX_DIGITS, parse_whole

SHOWN_CHARS = 60
KNOWN_COLUMNS = frozenset((*MANIFEST_COLUMNS, *TRACKING_COLUMNS, CAMERA_COLUMN, TIMES_COLUMN))
"""All other columns are the lab's own."""


def read_manifest(path: Path) -> list[Row]:
    """Read a manifest, also one that went through a spreadsheet.

    BOM, CRLF, semicolons or tabs, quoted numbers, decimal commas, reordered, unknown and missing columns
    (all but `index` and `video`), rows in another order and empty lines are taken as they come.

    Returns
    -------
    list of Row
        Sorted by index.

    Raises
    ------
    ManifestError
        The file does not exist or is not a manifest; an index is missing, repeated or not a whole number; a video's
        path is empty or leaves the video root; a cell cannot be read. The message names file and line.
    """
    return rows_of(read_sheet(path))


def rows_of(sheet: Sheet) -> list[Row]:
    """Rows of a sheet, sorted by index; raises as `read_manifest` does."""
    rows = sorted((_row(_Cells(sheet.path, record)) for record in sheet.records), key=lambda row: row.index)
    for first, second in itertools.pairwise(rows):
        if first.index == second.index:
            lines = sorted((first.line, second.line))
            raise ManifestError(
                f"{sheet.path}, line {lines[1]}: index {first.index} is already on line {lines[0]}",
                "give one of them an unused index; never renumber rows that have results",
            )
    return with_firsts(rows)


def write_manifest(path: Path, rows: Iterable[Row]) -> None:
    """Write a manifest (UTF-8, commas, LF); readers find either the old file or the new one.

    It has all columns, but the `TRACKING_COLUMNS`, `CAMERA_COLUMN` and `TIMES_COLUMN` only if some row uses them.
    """
    write_text_atomic(path, manifest_text(rows), keep=True)


def manifest_text(rows: Iterable[Row]) -> str:
    """Text of a new manifest; see `write_manifest`."""
    rows = list(rows)
    header: tuple[str, ...] = MANIFEST_COLUMNS
    header += TRACKING_COLUMNS if any(row.tracking != PROJECTS_OWN for row in rows) else ()
    header += (CAMERA_COLUMN,) if any(row.camera for row in rows) else ()
    header += (TIMES_COLUMN,) if any(row.times for row in rows) else ()
    lines = [list(header), *(row_cells(row, header) for row in rows)]
    return "".join(format_line(cells) + "\n" for cells in lines)


def append_rows(sheet: Sheet, rows: Iterable[Row]) -> None:
    """Add rows to a manifest in the form that it has; existing lines stay byte for byte."""
    append_lines(sheet, [row_cells(row, sheet.header) for row in rows])


def row_cells(row: Row, header: Sequence[str]) -> list[str]:
    """Cells of a row under a header; unknown columns stay empty."""
    cells = {name: _format(getattr(row, name)) for name in MANIFEST_COLUMNS}
    cells["video"] = _guard(row.video)
    cells |= {CAMERA_COLUMN: row.camera, TIMES_COLUMN: row.times}
    cells |= _tracking_cells(row.tracking)
    return [cells.get(name, "") for name in header]


def _tracking_cells(tracking: Tracking) -> dict[str, str]:
    return {
        "individuals": ";".join(tracking.individuals),
        "n_tracks": _format(tracking.n_tracks),
        "tracker": tracking.tracker,
        "identity": {True: "yes", False: "no", None: ""}[tracking.identity],
    }


def _format(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    if isinstance(value, tuple):
        return ",".join(str(x) for x in value)
    return str(value)


def _guard(video: str) -> str:
    # a spreadsheet takes -a.mp4 and =a.mp4 for formulas and 007 for a number; ./ keeps it from that
    plain = re.match(r"\w", video) and re.search(r"\.\w*[A-Za-z]\w*$", video)
    return video if plain else "./" + video


@dataclass(frozen=True)
class _Cells:
    """Cells of one line, and the errors that name them."""

    path: Path
    record: Record

    def text(self, name: str) -> str:
        return self.record.cells.get(name, "")

    def error(self, message: str, hint: str = "") -> ManifestError:
        return ManifestError(
            f"{self.path}, line {self.record.line}: {message}", hint or "fix that cell; it may also be empty"
        )

    def whole(self, name: str) -> int | None:
        # 3.0 and 3,00 are what spreadsheets make of 3; 3,000 could be three thousand
        text = self.text(name).strip()
        if not text:
            return None
        number = parse_whole(re.sub(r"[.,]0{1,2}$", "", text))
        if number is None:
            raise self.error(f"{name} is not a whole number of at most {MAX_DIGITS} digits: {_shown(text)}")
        return number

    def decimal(self, name: str) -> float | None:
        text = self.text(name).strip()
        if not text:
            return None
        is_number = re.fullmatch(r"[0-9]*[.,]?[0-9]+([eE][+-]?[0-9]+)?|[0-9]+[.,]", text)
        number = float(text.replace(",", ".")) if is_number else math.inf
        if not math.isfinite(number):
            raise self.error(f"{name} is not a number: {_shown(text)}")
        return number


def _shown(text: str) -> str:
    return repr(text) if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]!r}… ({len(text):,} characters)"


def _row(cells: _Cells) -> Row:
    return Row(
        index=_index(cells),
        video=_video(cells),
        frames=cells.whole("frames"),
        fps=cells.decimal("fps"),
        width=cells.whole("width"),
        height=cells.whole("height"),
        codec=cells.text("codec").strip(),
        duration_s=cells.decimal("duration_s"),
        bytes=cells.whole("bytes"),
        fingerprint=cells.text("fingerprint").strip(),
        error=cells.text("error").strip(),
        model=cells.text("model").strip(),
        shuffle=cells.whole("shuffle"),
        snapshot=cells.text("snapshot").strip(),
        crop=_crop(cells),
        tracking=_tracking(cells),
        camera=" ".join(cells.text(CAMERA_COLUMN).split()),
        times=_times(cells),
        own=tuple((name, text) for name, text in cells.record.cells.items() if name and name not in KNOWN_COLUMNS),
        line=cells.record.line,
    )


def _index(cells: _Cells) -> int:
    hint = "every row needs its own index, a whole number of 0 or more; never renumber rows that have results"
    try:
        index = cells.whole("index")
    except ManifestError as error:
        raise ManifestError(error.message, hint) from None
    if index is None:
        raise cells.error("index is missing", hint)
    return index


def _video(cells: _Cells) -> str:
    text = cells.text("video")
    hint = "`video` is a path below the campaign's video root, with / between folders and without .."
    if not text.strip():
        raise cells.error("video is missing", hint)
    try:
        return check_below(text, "a video below the video root")
    except ValueError as error:
        raise cells.error(str(error), hint) from error


def _crop(cells: _Cells) -> Crop | None:
    text = cells.text("crop").strip()
    if not text:
        return None
    try:
        return parse_crop(text)
    except ValueError as error:
        raise cells.error(f"crop: {error}") from None


def _times(cells: _Cells) -> str:
    text = cells.text(TIMES_COLUMN).strip()
    if not text:
        return ""
    try:
        split_cell(text)
    except ValueError as error:
        raise cells.error(str(error), HINT) from error
    return text


def _tracking(cells: _Cells) -> Tracking:
    if not any(cells.text(name).strip() for name in TRACKING_COLUMNS):
        return PROJECTS_OWN
    names = parse_names(cells.text("individuals"))
    n_tracks, tracker = cells.whole("n_tracks"), cells.text("tracker").strip().lower()
    try:
        return Tracking(names, n_tracks, tracker, parse_yes(cells.text("identity")))
    except ValueError as error:
        raise cells.error(str(error)) from None
