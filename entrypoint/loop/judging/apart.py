"""Judge a long row in a process of its own: its memory ends with it, and whatever ends it harms no result."""

from __future__ import annotations

import json
import shutil
from dataclasses import fields
from pathlib import Path

from dlcctr.quality.measures.pictures import PictureSeries
from entrypoint.loop.judging.child import be_child, judge_in_child
from entrypoint.loop.judging.judge_row import Judged, RowFacts, judge_row
from entrypoint.loop.judging.seen import Seen

ARRAYS, FACTS = "arrays.npz", "facts.json"


def judge_apart(row: RowFacts, folder: Path) -> Judged:
    """Judge a row in another process.

    Parameters
    ----------
    folder : Path
        Folder for what goes between; it does not exist, and is gone afterwards.

    Raises
    ------
    CommandFailedError
        The process ended otherwise than it should, or took longer than half an hour.
    """
    folder.mkdir()
    try:
        _write(row, folder)
        return judge_in_child(__name__, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(row: RowFacts, folder: Path) -> None:
    import numpy

    series = row.seen.series
    known = {} if row.times_s is None else {"times_s": row.times_s}
    arrays = {f"series_{field.name}": getattr(series, field.name) for field in fields(series)}
    numpy.savez(folder / ARRAYS, positions=row.positions, **known, **arrays)
    facts = {
        "bodyparts": row.bodyparts, "rate": row.rate, "box": row.seen.box, "video": row.video, "prior": row.prior,
    }  # fmt: skip
    (folder / FACTS).write_text(json.dumps(facts), encoding="utf-8")


def _read(folder: Path) -> RowFacts:
    import numpy

    facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    with numpy.load(folder / ARRAYS, allow_pickle=False) as arrays:
        values = {field.name: arrays[f"series_{field.name}"] for field in fields(PictureSeries)}
        values |= {name: int(values[name]) for name in ("width", "height")}
        return RowFacts(
            positions=arrays["positions"],
            bodyparts=tuple(facts["bodyparts"]),
            times_s=arrays.get("times_s"),
            rate=facts["rate"],
            seen=Seen(PictureSeries(**values), tuple(facts["box"]) if facts["box"] else None),
            video=facts["video"],
            prior=facts["prior"],
        )


def main(folder: str) -> None:
    """Judge what is in a folder, and leave the files in it."""
    be_child(folder, lambda place: judge_row(_read(place)))
