"""Steps of rows that were never done: receipts around bytes that stand for their results."""

from __future__ import annotations

from typing import Any

from dlcctr.contract import RECEIPT_FILENAME
from dlcctr.results.sections import OutputFile
from dlcctr.results.steps.receipt import Made, StepReceipt, step_folder
from tests.unit.support.results import Bench


def do_step(bench: Bench, index: int, name: str, **changes: Any) -> None:
    """Give a finished row the result of a step of its campaign."""
    spec = next(each for each in bench.campaign.steps if each.name == name)
    folder = step_folder(bench.folder(index), name)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.h5").write_bytes(b"positions")
    files = [OutputFile.of(folder / f"{name}.h5")]
    receipt = StepReceipt(
        Made.OK, "", 0, name, spec.kind, spec.of, **{"parameters": spec.held, "files": files, "seconds": 5.0, **changes}
    )
    (folder / RECEIPT_FILENAME).write_text(receipt.to_json(), encoding="utf-8")
