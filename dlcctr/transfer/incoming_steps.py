"""Results of steps from the cluster: each is taken for a row that is here, and put in place when it is whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dlcctr.campaign.config import Campaign
from dlcctr.campaign.rows import Row
from dlcctr.contract import RECEIPT_FILENAME, STEPS_FOLDER
from dlcctr.errors import DlcctrError
from dlcctr.results.placing import put_in_place, remove
from dlcctr.results.receipt import broken_files, epoch
from dlcctr.results.steps.receipt import (
    STEP_RECEIPTS,
    Made,
    StepReceipt,
    step_failure_file,
    step_folder,
)
from dlcctr.results.steps.rows import CampaignRows
from dlcctr.results.steps.standing import StepStanding, StepState
from dlcctr.system.files import fsync_path, write_bytes_atomic


@dataclass(frozen=True)
class IncomingStep:
    """A step's result that is being fetched.

    Parameters
    ----------
    row : int
        Index of its row.
    name : str
        Name of the step's folder below the results' root, on both machines.
    receipt, receipt_file
        Receipt on the remote host.
    private : Path
        Folder that its files arrive in.
    folder : Path
        Folder that the files belong in.
    """

    row: int
    name: str
    receipt: StepReceipt
    receipt_file: Path
    private: Path
    folder: Path

    @property
    def sizes(self) -> dict[str, int]:
        """Files and their sizes in bytes."""
        sizes = {entry.name: entry.bytes for entry in self.receipt.files}
        return {**sizes, RECEIPT_FILENAME: self.receipt_file.stat().st_size}


def choose_steps(
    private: Path, campaign: Campaign, all_rows: Sequence[Row], rows: Sequence[Row]
) -> tuple[list[IncomingStep], list[str]]:
    """Steps of rows with a result here that are done there and not here, and notes on those that are kept or refused.

    Why a step failed there is copied, for `check`.

    Parameters
    ----------
    private : Path
        Folder whose ``receipts`` hold the receipts from there.
    all_rows : sequence of Row
        All rows of the manifest.
    """
    here, take, notes = CampaignRows(campaign, all_rows), [], []
    for row in rows if campaign.steps else ():
        try:
            found = here.steps(row, here.receipt(row))
            folder = here.folder(row)
        except DlcctrError:
            continue  # the row itself has not come
        for now in found:
            try:
                step = _incoming(private, campaign.out, row, folder, now)
            except DlcctrError as error:
                notes.append(f"row {row.index}: step {now.spec.name} there: {error.message}")
                continue
            take += [step] if step else []
    return take, notes


def _incoming(private: Path, out: Path, row: Row, folder: Path, now: StepStanding) -> IncomingStep | None:
    target = step_folder(folder, now.spec.name)
    name = target.relative_to(out).as_posix()
    receipt_file = private / "receipts" / name / RECEIPT_FILENAME
    receipt = STEP_RECEIPTS.find(receipt_file)
    if receipt is None or receipt.state is not Made.OK or receipt.name != now.spec.name:
        _copy_failure(private / "receipts" / folder.relative_to(out), folder, now)
        return None
    mine = now.receipt if now.state is StepState.DONE else None
    if mine and (epoch(mine.finished) or 0.0) >= (epoch(receipt.finished) or 0.0):
        return None
    return IncomingStep(row.index, name, receipt, receipt_file, private / STEPS_FOLDER / name, target)


def _copy_failure(there: Path, folder: Path, now: StepStanding) -> None:
    file = step_failure_file(there, now.spec.name)
    failure = STEP_RECEIPTS.find(file)
    if failure is None or now.settled:
        return
    target, data = step_failure_file(folder, now.spec.name), file.read_bytes()
    if not target.is_file() or target.read_bytes() != data:
        write_bytes_atomic(target, data)


def place_steps(incoming: Sequence[IncomingStep]) -> Iterator[tuple[IncomingStep, str]]:
    """Put steps in place. Yields each with what is wrong with it; empty for one that is in place."""
    for each in incoming:
        try:
            yield each, _place(each)
        except DlcctrError as error:
            yield each, error.message
        except OSError as error:
            yield each, f"cannot be put in place: {error.strerror}"


def _place(incoming: IncomingStep) -> str:
    arrived = incoming.private / RECEIPT_FILENAME
    if not arrived.is_file() or arrived.read_bytes() != incoming.receipt_file.read_bytes():
        return "it has not come as a whole"
    if problems := broken_files(incoming.receipt, incoming.private):
        return f"its files there do not match its receipt: {problems[0]}"
    for path in incoming.private.iterdir():
        if path.name not in incoming.sizes:
            remove(path)
    for path in (*sorted(incoming.private.iterdir()), incoming.private):
        fsync_path(path)
    incoming.folder.parent.mkdir(exist_ok=True)
    put_in_place(incoming.private, incoming.folder, lambda: False)
    step_failure_file(incoming.folder.parent.parent, incoming.receipt.name).unlink(missing_ok=True)
    return ""
