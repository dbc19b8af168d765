"""`outliers.csv`: which frames were taken, and why; read again so that no frame is taken twice."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from dlcctr.outliers.written import COLUMNS, MAX_BYTES, NAME
from dlcctr.system.files import read_text_bounded
from dlcctr.system.terminal.console import one_line
from dlcctr.system.values.numbers import parse_whole
from entrypoint.outliers.take_row import Taken


def list_text(taken: Sequence[Taken]) -> str:
    """Text of the table, a line for each frame. Odd characters of a video's name are escaped."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(COLUMNS)
    for each in taken:
        frame = each.frame
        time = "" if frame.time_s is None else f"{frame.time_s:.9g}"
        lines.writerow(
            (each.folder, each.picture, frame.row, one_line(frame.video), frame.frame, time, f"{frame.score:.3f}",
             ";".join(frame.why))
        )  # fmt: skip
    return text.getvalue()


def next_base(out: Path) -> str:
    """Name without ending that no file of an earlier round, or of anybody, has: ``outliers``, ``outliers-2`` …."""
    number = max((number for number, _ in _files(out)), default=0) + 1
    return "outliers" if number == 1 else f"outliers-{number}"


def _files(out: Path) -> list[tuple[int, Path]]:
    """Files of earlier rounds with their numbers."""
    try:
        names = sorted(entry.name for entry in out.iterdir())
    except OSError:
        return []
    return [(int(found[1] or 1), out / name) for name in names if (found := NAME.fullmatch(name))]


def taken_before(out: Path) -> set[tuple[int, int]]:
    """Row and frame of what earlier rounds in a folder took; lines and files that cannot be read are passed over."""
    found = set()
    for file in (file for _, file in _files(out) if file.suffix == ".csv"):
        try:
            lines = list(csv.DictReader(io.StringIO(read_text_bounded(file, MAX_BYTES) or "")))
        except (OSError, ValueError, csv.Error):
            continue
        for line in lines:
            row, frame = parse_whole(line.get("row") or ""), parse_whole(line.get("frame") or "")
            if row is not None and frame is not None:
                found.add((row, frame))
    return found
