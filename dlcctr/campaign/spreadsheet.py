"""The manifest as a CSV file: what spreadsheets make of it, and adding lines without touching the others."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dlcctr.errors import ManifestError
from dlcctr.system.files import read_bounded, write_bytes_atomic

DELIMITERS = (",", ";", "\t")
REQUIRED = ("index", "video")
MAX_BYTES = 1 << 28
MAX_LINES = 1_000_000
WORKBOOK = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How .xlsx, .ods and the old .xls begin."""
SAVE_HINT = "save it from the spreadsheet as 'CSV UTF-8'"
MAKE_HINT = "make it with `dlcctr manifest VIDEOS… -o m.csv`"


@dataclass(frozen=True)
class Record:
    """One line of the sheet: cells by column name, and the line of the file that it starts on."""

    line: int
    cells: dict[str, str]


@dataclass(frozen=True)
class Sheet:
    """A CSV file on disk with its own format, so that lines can be added in the same format."""

    path: Path
    data: bytes
    encoding: str
    newline: str
    delimiter: str
    header: tuple[str, ...]
    records: tuple[Record, ...]


def check_manifest_is_there(path: Path) -> None:
    """Raise `ManifestError` if there is no such file: a missing manifest is named before its missing campaign.toml."""
    if not path.exists():
        raise _no_manifest(path)


def _no_manifest(path: Path) -> ManifestError:
    return ManifestError(f"{path}: no such manifest", MAKE_HINT)


def read_sheet(path: Path) -> Sheet:
    """Read a CSV file: UTF-8 or UTF-16, with or without BOM, any line end, commas, semicolons or tabs.

    Column names are compared without case and blanks around them; empty and blank lines are left out.

    Raises
    ------
    ManifestError
        It is not there, not text, has no `index` and `video` column, or a line cannot be split into cells.
    """
    try:
        data = read_bounded(path, MAX_BYTES)
    except FileNotFoundError as error:
        raise _no_manifest(path) from error
    except IsADirectoryError as error:
        raise ManifestError(f"{path}: is a folder, not a manifest", "name the .csv file in it") from error
    except OSError as error:
        raise ManifestError(f"{path}: cannot be read: {error.strerror}", "check its owner and permissions") from error
    if data is None:
        raise ManifestError(f"{path}: too long for a manifest (more than {MAX_BYTES:,} bytes)", MAKE_HINT)
    return parse_sheet(path, data)


def parse_sheet(path: Path, data: bytes) -> Sheet:
    """Read a CSV file's content; `path` is where the file is, here or on another machine. Raises as `read_sheet`."""
    text, encoding = decode_text(path, data)
    newline = re.search(r"\r\n|\n|\r", text)
    start, delimiter = _find_header(path, text)
    lines = [(line, cells) for line, cells in _parse(path, text, delimiter) if line >= start]
    header = _header(path, *lines[0])
    records = tuple(_record(path, header, line, cells) for line, cells in lines[1:])
    return Sheet(path, data, encoding, newline.group() if newline else "\n", delimiter, header, records)


def append_lines(sheet: Sheet, lines: Iterable[Sequence[str]]) -> None:
    """Add lines in the sheet's own form; what was there stays byte for byte. Readers see all of them or none."""
    ends = ("\n".encode(sheet.encoding), "\r".encode(sheet.encoding))
    gap = "" if sheet.data.endswith(ends) else sheet.newline
    text = gap + "".join(format_line(cells, sheet.delimiter) + sheet.newline for cells in lines)
    write_bytes_atomic(sheet.path, sheet.data + text.encode(sheet.encoding), keep=True)


def format_line(cells: Iterable[str], delimiter: str = ",") -> str:
    """Quote and join cells; no line end."""
    return delimiter.join(_quote(cell) for cell in cells)


def _quote(cell: str) -> str:
    # csv.writer of older Pythons leaves a lone \r unquoted
    if re.search(r'[,;"\t\r\n]', cell) or cell != cell.strip():
        return '"' + cell.replace('"', '""') + '"'
    return cell


def decode_text(path: Path, data: bytes) -> tuple[str, str]:
    """Text that a spreadsheet has saved, without a byte-order mark, and its encoding: UTF-8 or UTF-16.

    Raises
    ------
    ManifestError
        It is neither, or a workbook; `path` and the line are named.
    """
    if data.startswith(WORKBOOK):
        raise ManifestError(f"{path}: is a workbook of a spreadsheet, not CSV", SAVE_HINT)
    encoding = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}.get(data[:2], "utf-8")
    try:
        return data.decode(encoding).removeprefix("\ufeff"), encoding
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ManifestError(f"{path}, line {line}: not UTF-8 text", SAVE_HINT) from error


def _parse(path: Path, text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ManifestError(f"{path}, line {line}: contains a NUL character", SAVE_HINT)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    lines, start = [], 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                lines.append((start, cells))
            start = reader.line_num + 1
            if len(lines) > MAX_LINES:
                raise ManifestError(
                    f"{path}, line {start}: more than {MAX_LINES:,} rows", "split it into several campaigns"
                )
    except csv.Error as error:
        raise ManifestError(
            f"{path}, line {start}: not valid CSV: {error}",
            "look for a quotation mark that is not closed, or one inside a name that is not doubled",
        ) from error
    return lines


def _find_header(path: Path, text: str) -> tuple[int, str]:
    for line, header in enumerate(re.split(r"\r\n|\n|\r", text), start=1):
        words = header.strip(' ,;\t"').lower()
        if not words or words == "sep=":  # Excel's own first line is `sep=;`
            continue
        for delimiter in DELIMITERS:
            names = [name.strip(' "').lower() for name in header.split(delimiter)]
            if all(name in names for name in REQUIRED):
                return line, delimiter
        raise ManifestError(f"{path}, line {line}: not a manifest: columns `index` and `video` are missing", MAKE_HINT)
    raise ManifestError(f"{path}: is empty", MAKE_HINT)


def _header(path: Path, line: int, cells: list[str]) -> tuple[str, ...]:
    names = [cell.strip().lower() for cell in cells]
    for name, count in Counter(names).items():
        if name and count > 1:
            raise ManifestError(f"{path}, line {line}: column `{name}` appears twice", "remove or rename one of them")
    return tuple(names)


def _record(path: Path, header: Sequence[str], line: int, cells: list[str]) -> Record:
    if any(cell.strip() for cell in cells[len(header) :]):
        raise ManifestError(
            f"{path}, line {line}: {len(cells)} cells, but {len(header)} columns",
            "put a name that contains the separator in quotation marks",
        )
    cells = [*cells, *[""] * (len(header) - len(cells))]
    return Record(line, dict(zip(header, cells, strict=False)))
