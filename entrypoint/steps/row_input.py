"""From a campaign's row to what its steps read: the analysis, the step that they are of, the rows beside."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from dlcctr.campaign.rows import Row
from dlcctr.campaign.steps.spec import ANALYSIS, StepSpec
from dlcctr.contract import STEPS_FOLDER
from dlcctr.errors import OutputError
from dlcctr.results.steps.receipt import read_step_receipt, step_folder
from dlcctr.results.steps.rows import CampaignRows
from entrypoint.steps.base import RowSource, Source


def row_source(rows: CampaignRows, row: Row, of: str) -> RowSource:
    """What a step of a row reads.

    Raises
    ------
    OutputError
        The row has no result, or the step that it is of has none.
    """
    folder, receipt = rows.folder(row), rows.receipt(row)
    analysis = Source(folder, "", {entry.name: entry.sha256 for entry in receipt.files})
    return RowSource(row, receipt, analysis, analysis if of == ANALYSIS else step_source(folder, of))


def step_source(folder: Path, name: str) -> Source:
    """A step's result below a row's folder; raises `OutputError` where there is none."""
    receipt = read_step_receipt(folder, name)
    if receipt is None:
        raise OutputError(f"{folder}: the step {name!r} has no result", f"do it first: dlcctr step {name} -m m.csv")
    hashes = {entry.name: entry.sha256 for entry in receipt.files}
    return Source(step_folder(folder, name), f"{STEPS_FOLDER}/{name}", hashes)


def attempt_key(spec: StepSpec, source: RowSource, others: Sequence[RowSource]) -> str:
    """Key of all that decides a step's result, for what a killed attempt has kept."""
    read = [(each.row.index, each.positions.below, sorted(each.positions.hashes.items())) for each in (source, *others)]
    text = json.dumps([spec.kind, spec.of, spec.held, read, sorted(source.analysis.hashes.items())], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
