"""The table of videos: one line for each row of the manifest, with its state, model, quality, flags and rating."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from dlcctr.campaign.spreadsheet import format_line
from dlcctr.quality.cameras import NO_DAY
from dlcctr.quality.record import Quality
from dlcctr.system.files import encode_text, write_bytes_atomic
from dlcctr.tables.arrow import clean, import_arrow
from dlcctr.tables.campaign_rows import CampaignRow
from dlcctr.tables.judged_frames import SEPARATOR
from dlcctr.tables.own_columns import spell

Value = str | int | float | bool | None
COLUMNS: Mapping[str, type] = {
    "row": int, "video": str, "state": str, "cause": str, "in_table": bool, "frames": int, "missing_frames": int,
    "duration_s": float, "zero_s": float, "times": str, "fps": float, "width": int, "height": int, "crop_x": int,
    "crop_y": int, "camera": str, "day": str, "model": str, "scorer": str, "snapshot": str, "shuffle": int,
    "judged": bool, "flags": str, "rating": str, "rater": str, "rating_note": str,
}  # fmt: skip
"""Columns that every campaign has; those of the quality and the manifest's own follow."""
PART_PREFIX = "likelihood_of_"
PREFIX = "quality_"
"""Put before the name of a number of the quality where a column of the manifest has that name."""
BOM = "\ufeff"
_FORMULA = re.compile(r"[=+\-@\t\r]")


def videos_columns(
    rows: Sequence[CampaignRow], own: Sequence[str], collected: Iterable[int]
) -> dict[str, tuple[type, list[Value]]]:
    """Columns of the table, by name: the type and a value for each row; None where there is none.

    Parameters
    ----------
    own : sequence of str
        Names of the manifest's own columns.
    collected : iterable of int
        Indices of the rows that the long table holds.
    """
    inside = set(collected)
    lines = [_facts(row, inside) for row in rows]
    found: dict[str, tuple[type, list[Value]]] = {
        name: (kind, [line.get(name) for line in lines]) for name, kind in COLUMNS.items()
    }
    qualities = [row.quality for row in rows]
    numbers = list(dict.fromkeys(name for each in qualities if each for name in each.summary))
    parts = list(dict.fromkeys(part.name for each in qualities if each for part in each.parts))
    taken = [*COLUMNS, *own]
    for name, shown in zip(numbers, spell(numbers, taken, PREFIX), strict=True):
        found[shown] = float, [each.summary.get(name) if each else None for each in qualities]
    names = spell([PART_PREFIX + part for part in parts], [*taken, *found], PREFIX)
    for part, shown in zip(parts, names, strict=True):
        found[shown] = float, [_likelihood(each, part) for each in qualities]
    for n, name in enumerate(own):
        found[name] = str, [row.own[n] or None for row in rows]
    return found


def _facts(each: CampaignRow, inside: set[int]) -> dict[str, Value]:
    row, receipt, quality, rating = each.row, each.receipt, each.quality, each.rating
    facts: dict[str, Value] = {
        "row": row.index, "video": row.video, "state": each.result.state.value, "cause": each.result.cause or None,
        "in_table": row.index in inside, "fps": row.fps, "width": row.width, "height": row.height,
        "camera": each.compared.camera, "day": None if each.compared.day == NO_DAY else each.compared.day,
        "judged": quality is not None, "duration_s": row.duration_s,
    }  # fmt: skip
    if receipt:
        crop, frames = receipt.parameters.crop, receipt.frames
        facts |= {
            "frames": receipt.columns.rows, "missing_frames": frames.stream - frames.decoded if frames else None,
            "zero_s": receipt.times.zero_s if receipt.times else None,
            "times": receipt.times.source if receipt.times else None,
            "crop_x": crop[0] if crop else 0, "crop_y": crop[2] if crop else 0, "model": receipt.model.id,
            "scorer": receipt.model.scorer, "snapshot": receipt.model.snapshot, "shuffle": receipt.parameters.shuffle,
        }  # fmt: skip
    if quality:
        facts["flags"] = SEPARATOR.join(dict.fromkeys(flag.name for flag in each.compared.flags))
        facts["duration_s"] = quality.duration_s if quality.duration_s is not None else row.duration_s
    if rating:
        facts |= {"rating": rating.rating or None, "rater": rating.rater, "rating_note": rating.note or None}
    return facts


def _likelihood(quality: Quality | None, part: str) -> float | None:
    """Median likelihood of a body part; of several animals the median of theirs."""
    parts = quality.parts if quality else ()
    known = [each.likelihood_median for each in parts if each.likelihood_median is not None and each.name == part]
    return statistics.median(known) if known else None


def write_videos(columns: Mapping[str, tuple[type, list[Value]]], parquet: Path, csv: Path, compression: str) -> None:
    """Write the table twice, each in one step. Raises `OutputError`."""
    write_bytes_atomic(parquet, _parquet(columns, compression))
    write_bytes_atomic(csv, encode_text(csv, _csv(columns)))


def _parquet(columns: Mapping[str, tuple[type, list[Value]]], compression: str) -> bytes:
    arrow = import_arrow()
    from pyarrow import parquet

    kinds = {str: arrow.string(), int: arrow.int32(), float: arrow.float64(), bool: arrow.bool_()}
    arrays = {
        name: arrow.array([clean(value) if isinstance(value, str) else value for value in values], kinds[kind])
        for name, (kind, values) in columns.items()
    }
    sink = arrow.BufferOutputStream()
    parquet.write_table(arrow.table(arrays), sink, compression=compression)
    return bytes(sink.getvalue())


def _csv(columns: Mapping[str, tuple[type, list[Value]]]) -> str:
    """Text for spreadsheets: with a byte-order mark, by which Excel knows UTF-8, and without formulas in names."""
    lines = [format_line(columns)]
    for values in zip(*(values for _, values in columns.values()), strict=True):
        lines.append(format_line(_cell(name, value) for name, value in zip(columns, values, strict=True)))
    return BOM + "".join(f"{line}\n" for line in lines)


def _cell(name: str, value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return f"{value:.10g}" if isinstance(value, float) else str(value)
    text = clean(value)
    if not _FORMULA.match(text) or _is_number(text):
        return text
    return f"./{text}" if name == "video" else f"'{text}"


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"[+-]?[0-9]+([.,][0-9]+)?([eE][+-]?[0-9]+)?", text))
