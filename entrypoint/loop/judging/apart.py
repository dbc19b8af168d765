"""Judge a long row in a process of its own: its memory ends with it, and whatever ends it harms no result."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
from dataclasses import fields
from pathlib import Path

from dlcctr.errors import CommandFailedError
from dlcctr.quality.measures.pictures import PictureSeries
from dlcctr.system import processes
from entrypoint.loop.judging.judge_row import Judged, RowFacts, judge_row
from entrypoint.loop.judging.seen import Seen

ROOT = Path(__file__).resolve().parents[3]
BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from entrypoint.loop.judging.apart import main; main(sys.argv[2])"
ARRAYS, FACTS, FLAGS, OUT = "arrays.npz", "facts.json", "flags.json", "out"
LONGEST_S = 1800.0
SHOWN_CHARS = 300


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
        argv = [sys.executable, "-I", "-X", "utf8", "-c", BOOT, str(ROOT), str(folder)]
        done = processes.run(argv, check=False, timeout_s=LONGEST_S)
        if done.returncode:
            said = " ".join((done.stdout or "").split())[-SHOWN_CHARS:]
            raise CommandFailedError(f"the process that judges it ended with {done.returncode}: {said}")
        files = {file.name: file.read_bytes() for file in (folder / OUT).iterdir()}
        return Judged(files, tuple(json.loads((folder / FLAGS).read_text(encoding="utf-8"))))
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
    """Judge what is in a folder, and leave the files in it. If memory is short, the kernel ends this process first."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    place = Path(folder)
    judged = judge_row(_read(place))
    (place / OUT).mkdir()
    for name, data in judged.files.items():
        (place / OUT / name).write_bytes(data)
    (place / FLAGS).write_text(json.dumps(judged.flags), encoding="utf-8")
