"""Write files of the steps `nwb` and `csv` for rows of every kind; prints one JSON object. For the image's Python.

Usage: step_files.py FOLDER, with the checkout in PYTHONPATH.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas

from dlcctr.campaign.steps.csv_file import CsvParameters
from dlcctr.campaign.steps.nwb import NwbParameters
from dlcctr.errors import DlcctrError
from dlcctr.results.h5.positions import PositionColumns
from entrypoint.steps import csv, nwb
from tests.unit.support.step_rows import ONE, SCORER, TIMES, TWO, UNIQUE, make_step, table_of

PARAMETERS = NwbParameters(
    timezone="Europe/London", species="Mus musculus", institution="An institution", lab="A lab",
    experimenter="Doe, Jane", keywords="pose", experiment_description="Open field", columns=("subject_id=animal",),
)  # fmt: skip
CELLS = {"animal": "m1", "session_start_time": "2026-03-05 14:22:10", "age": "12 weeks", "sex": "f", "session_id": "s1"}
ODD = PositionColumns(
    SCORER, tuple((who, part) for who in ("a/1", "a:1", "左") for part in ("tail/base", "tail:base", "..", "耳")), True
)
LONG = tuple(round(1.4 + 0.033 * n + 0.004 * math.sin(n), 6) for n in range(20_500))
"""More frames than are read at once, at a variable rate."""


@dataclass
class Case:
    columns: PositionColumns
    times: tuple[float, ...] = TIMES
    rows: int | None = None
    step: str = ""
    cells: dict[str, str] = field(default_factory=lambda: CELLS)
    parameters: NwbParameters = PARAMETERS
    changes: dict[str, Any] = field(default_factory=dict)


CASES = {
    "one": Case(ONE),
    "long": Case(ONE, LONG),
    "two": Case(TWO),
    "animals": Case(TWO, cells={**CELLS, "animal": "A;B", "age": "P90D;P91D", "sex": "M"}),
    "unique": Case(UNIQUE),
    "filtered": Case(TWO, step="filter"),
    "cropped": Case(ONE, changes={"crop": (100, 500, 50, 350)}),
    "short": Case(TWO, rows=5),
    "odd": Case(ODD),
    "unknown": Case(ONE, (*TIMES[:5], math.nan, math.nan, 2.0)),
    "still": Case(ONE, (1.0, 1.0, 1.5, 1.4)),
    "bare": Case(ONE, cells={"session_start_time": "2026-03-05"}, parameters=NwbParameters(timezone="UTC")),
    "frame": Case(ONE, (0.0,)),
}


def write(folder: Path, case: Case) -> dict[str, Any]:
    table = table_of(case.columns, case.rows or len(case.times))
    given = make_step(folder, case.parameters, table, case.times, step=case.step, cells=case.cells, **case.changes)
    result = nwb.run(given)
    first = hashlib.sha256(result.files[0].read_bytes()).hexdigest()
    result.files[0].unlink()
    result = nwb.run(given)
    tables = csv.run(replace(given, parameters=CsvParameters()))
    h5 = given.source.positions.folder / given.source.positions.find(".h5")
    pandas.read_hdf(h5).to_csv(folder / "stock.csv")
    return {
        "h5": str(h5), "nwb": str(result.files[0]), "csv": str(tables.files[0]), "sleap": str(tables.files[1]),
        "again": hashlib.sha256(result.files[0].read_bytes()).hexdigest() == first,
        "stock_csv": tables.files[0].read_bytes() == (folder / "stock.csv").read_bytes(),
        "remark": result.remark, "facts": result.facts, "times": case.times,
    }  # fmt: skip


def main() -> None:
    folder = Path(sys.argv[1])
    found: dict[str, Any] = {name: write(folder / name, case) for name, case in CASES.items()}
    try:
        nwb.run(make_step(folder / "untold", NwbParameters()))
    except DlcctrError as error:
        found["untold"] = {"error": error.message, "left": [str(each) for each in (folder / "untold").rglob("*.nwb")]}
    print("\n" + json.dumps(found))


if __name__ == "__main__":
    main()
