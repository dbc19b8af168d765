"""Which steps of a row are done, due, due again, or failed: from receipts and hashes, without reading a table."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import MappingProxyType

from dlcctr.campaign.steps.spec import ANALYSIS, StepSpec
from dlcctr.contract import STEPS_FOLDER
from dlcctr.errors import ContractError, DlcctrError
from dlcctr.results.receipt import Receipt, broken_files
from dlcctr.results.steps.receipt import Made, StepReceipt, read_step_failure, read_step_receipt, step_folder
from dlcctr.system.values.records import RecordError, from_table


class StepState(str, Enum):
    """State of one step of a row."""

    DONE = "done"
    DUE = "due"
    """It was never done."""
    STALE = "due again"
    """Its parameters or inputs have changed since."""
    WAITING = "waiting"
    """It takes the positions of a step that is not done, or of another row without a result."""
    FAILED = "failed"
    BROKEN = "broken"
    """Its files are not those of its receipt."""
    ELSEWHERE = "elsewhere"
    """It joins the rows of one video, and belongs to the last of them."""


SETTLED = (StepState.DONE, StepState.ELSEWHERE)
"""States of steps that a whole row may have."""


@dataclass(frozen=True)
class StepStanding:
    """One step of a row, and why it is not done.

    Parameters
    ----------
    receipt : StepReceipt or None
        Of the result, or of the failure; None where there is none that can be read.
    """

    spec: StepSpec
    state: StepState
    detail: str = ""
    receipt: StepReceipt | None = None

    @property
    def settled(self) -> bool:
        """Whether nothing is to be done about it."""
        return self.state in SETTLED


HashOf = Callable[[int, str], str]
"""SHA-256 of a file below another row's folder; empty where it has none."""


OTHER_ROW = re.compile(r"row (\d{1,9}): (.+)", re.DOTALL)
"""Name of an input that is a file of another row of the same video: its index, and its path below that row's folder."""
MANIFEST_PREFIX = "manifest: "
"""Begins the name of an input that is a cell of the row's line in the manifest, before its column."""


def is_foreign(path: str) -> bool:
    """Whether an input lies outside of the row's own folder: a cell of the manifest, or another row's file."""
    return path.startswith(MANIFEST_PREFIX) or bool(OTHER_ROW.fullmatch(path))


def hash_cell(text: str | None) -> str:
    """SHA-256 of a cell; an empty one and a column that is not there are the same."""
    return hashlib.sha256((text or "").strip().encode("utf-8", "surrogatepass")).hexdigest()


def no_other_row(index: int, path: str) -> str:
    """No hash: of a caller that does not look at other rows."""
    return ""


def find_steps(
    folder: Path,
    receipt: Receipt,
    specs: Sequence[StepSpec],
    *,
    last_of_video: bool,
    other: HashOf = no_other_row,
    own: Mapping[str, str] = MappingProxyType({}),
    hashes: bool = False,
) -> list[StepStanding]:
    """States of a row's steps, in the campaign's order.

    Parameters
    ----------
    folder : Path
        The row's folder.
    receipt : Receipt
        That of the row's finished analysis.
    last_of_video : bool
        Whether the row is the last of its video, and so has the steps that join rows.
    other : callable
        Hash of a file of another row.
    own : mapping of str to str
        The lab's own columns of the row.
    hashes : bool
        Compare the content of the steps' files with their hashes, and not only their sizes.

    Raises
    ------
    ContractError
        A receipt was written by another contract version.
    """
    found: dict[str, StepStanding] = {}
    analysis = {entry.name: entry.sha256 for entry in receipt.files}
    for spec in specs:
        needs = [found[name] for name in spec.needs if name in found]
        missing = [each for each in needs if each.state is not StepState.DONE]
        if (spec.last_row and not last_of_video) or any(each.state is StepState.ELSEWHERE for each in needs):
            found[spec.name] = StepStanding(spec, StepState.ELSEWHERE)
        elif missing:
            found[spec.name] = StepStanding(
                spec, StepState.WAITING, f"it takes the positions of {missing[0].spec.name}"
            )
        else:
            known = _known(analysis, found, other, own)
            found[spec.name] = _standing(folder, spec, known, hashes=hashes)
    return list(found.values())


def step_hashes(receipt: StepReceipt) -> dict[str, str]:
    """SHA-256 of a step's files by their paths below the row's folder."""
    return {f"{STEPS_FOLDER}/{receipt.name}/{entry.name}": entry.sha256 for entry in receipt.files}


def _known(
    analysis: Mapping[str, str], found: Mapping[str, StepStanding], other: HashOf, own: Mapping[str, str]
) -> Callable[[str], str]:
    done = [each.receipt for each in found.values() if each.receipt and each.state is StepState.DONE]
    below = {path: digest for each in done for path, digest in step_hashes(each).items()}

    def hash_now(path: str) -> str:
        if path.startswith(MANIFEST_PREFIX):
            return hash_cell(own.get(path.removeprefix(MANIFEST_PREFIX)))
        if own_hash := analysis.get(path) or below.get(path):
            return own_hash
        of_other = OTHER_ROW.fullmatch(path)  # and not a file of the video `row 3.mp4`
        return other(int(of_other[1]), of_other[2]) if of_other else ""

    return hash_now


def _standing(folder: Path, spec: StepSpec, known: Callable[[str], str], *, hashes: bool) -> StepStanding:
    try:
        receipt = read_step_receipt(folder, spec.name)
    except ContractError:
        raise
    except DlcctrError as error:
        return StepStanding(spec, StepState.BROKEN, error.message)
    made = step_folder(folder, spec.name)
    if receipt is None:
        lost = made.exists()
        return StepStanding(spec, StepState.BROKEN, "without a receipt") if lost else _not_done(folder, spec)
    if changed := _changes(receipt, spec, known):
        return _not_done(folder, spec, StepState.STALE, changed)
    wrong = [] if receipt.state is Made.OK else [f"its receipt says {receipt.state.value}"]
    wrong += broken_files(receipt, made, hashes=hashes)
    return StepStanding(spec, StepState.BROKEN if wrong else StepState.DONE, "; ".join(wrong), receipt)


def _not_done(folder: Path, spec: StepSpec, state: StepState = StepState.DUE, detail: str = "") -> StepStanding:
    """A step that is to be done: failed, if the last attempt with these parameters did."""
    try:
        failure = read_step_failure(folder, spec.name)
    except DlcctrError:
        failure = None
    if failure and failure.state is Made.FAILED and not _parameter_change(failure, spec):
        return StepStanding(spec, StepState.FAILED, failure.cause or "no cause given", failure)
    return StepStanding(spec, state, detail)


def _changes(receipt: StepReceipt, spec: StepSpec, known: Callable[[str], str]) -> str:
    """What has changed since a step was done; empty where nothing has."""
    if change := _parameter_change(receipt, spec):
        return change
    changed = [each.path for each in receipt.inputs if known(each.path) != each.sha256]
    return f"{changed[0]} has changed" if changed else ""


def _parameter_change(receipt: StepReceipt, spec: StepSpec) -> str:
    if (receipt.kind, receipt.of) != (spec.kind, spec.of):
        held = f"{receipt.kind} of {receipt.of}" if receipt.of != ANALYSIS else receipt.kind
        return f"it was {held}"
    try:
        parameters = from_table(spec.about.parameters, receipt.parameters)
    except RecordError:
        return "its parameters were other ones"
    if parameters == spec.parameters:
        return ""
    names = [name for name, value in spec.held.items() if receipt.parameters.get(name, value) != value]
    return f"its parameters have changed: {', '.join(names)}" if names else "its parameters have changed"


def steps_cause(steps: Sequence[StepStanding]) -> str:
    """Why a row's steps are not all done, for people: the failed ones with their causes, then the others."""
    failed = [f"step {step.spec.name} failed: {step.detail}" for step in steps if step.state is StepState.FAILED]
    broken = [f"step {step.spec.name} is broken: {step.detail}" for step in steps if step.state is StepState.BROKEN]
    again = [f"{step.spec.name} ({step.detail})" for step in steps if step.state is StepState.STALE]
    due = [step.spec.name for step in steps if step.state in (StepState.DUE, StepState.WAITING)]
    words = [*failed, *broken]
    words += [f"steps due again: {', '.join(again)}"] if again else []
    words += [f"steps due: {', '.join(due)}"] if due else []
    return "; ".join(words)
