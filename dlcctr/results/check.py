"""`check`: one state for every row, from the manifest, the receipts and the files, without DeepLabCut."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from dlcctr.campaign.config import Campaign, read_campaign
from dlcctr.campaign.manifest import read_manifest
from dlcctr.campaign.rows import Row, choose_rows, folder_problem, require_rows
from dlcctr.campaign.videos.fingerprint import fingerprinted_bytes
from dlcctr.campaign.videos.unchanged import find_change
from dlcctr.contract import (
    ATTEMPT_PREFIX,
    CHECKPOINTS_PREFIX,
    FRAME_TIMES_FILENAME,
    PRIVATE_PREFIX,
    RECEIPT_FILENAME,
    REPLACED_PREFIX,
    STEPS_FOLDER,
    RowState,
    failure_file,
    row_folder,
)
from dlcctr.errors import DlcctrError
from dlcctr.results.checkpoints import kept_frames
from dlcctr.results.expected import (
    Expected,
    content_problems,
    identity_problems,
    index_note,
    is_failure_of,
    is_of_other_video,
    stray_files,
    with_model,
)
from dlcctr.results.placing import find_replaced, settle
from dlcctr.results.receipt import Receipt, broken_files, parse_receipt, read_receipt
from dlcctr.results.row_state import Attempt, CheckResult, Hindrance, RowResult, State
from dlcctr.results.steps.rows import CampaignRows
from dlcctr.results.steps.standing import StepState, steps_cause
from dlcctr.results.times.frame_times import times_problems
from dlcctr.results.times.stale_times import stale_times
from dlcctr.system.files import is_there
from dlcctr.system.terminal.progress import RowProgress, no_progress


@dataclass(frozen=True)
class CheckOptions:
    """How deeply `check` looks.

    Parameters
    ----------
    quick : bool
        Compare sizes only: no hashes, no fingerprints.
    deep : bool
        Also open each .h5 with pandas.
    rows : str
        Only these, as ``0-9,12``; all where empty.
    """

    model: Path | None = None
    out: Path | None = None
    accept_degraded: bool = False
    quick: bool = False
    deep: bool = False
    jobs: int | None = None
    rows: str = ""


def check(
    manifest: Path, options: CheckOptions = CheckOptions(), *, progress: RowProgress = no_progress
) -> CheckResult:
    """Account for every row of a manifest.

    Raises
    ------
    ManifestError
        The manifest or campaign cannot be read, or it is not known which model made the results.
    ModelError
        The model given with `options.model` cannot be read.
    ToolMissingError
        `options.deep` without pandas and PyTables.
    OSError
        A results folder cannot be looked into, so that nobody knows which rows have a result.
    """
    campaign = read_campaign(manifest)
    campaign = replace(campaign, out=options.out.absolute()) if options.out else campaign
    campaign = with_model(campaign, options.model)
    rows = read_manifest(manifest)
    require_rows(rows, manifest)
    chosen = choose_rows(rows, options.rows, manifest)
    examiner = _Examiner(campaign, options, rows)

    for row in chosen:
        examiner.prepare(row)
    with (
        progress("checking rows", len(chosen)) as step,
        ThreadPoolExecutor(max_workers=options.jobs or min(16, 2 * (os.cpu_count() or 1))) as pool,
    ):

        def work(row: Row) -> RowResult:
            result = examiner.examine(row)
            step()
            return result

        results = list(pool.map(work, chosen))
    notes = examiner.notes(results) if len(chosen) == len(rows) else []  # others' results belong to rows as well
    return CheckResult(manifest, campaign, results, options.accept_degraded, notes)


class _Examiner:
    """Checks rows one by one; models and folder listings are read once."""

    def __init__(self, campaign: Campaign, options: CheckOptions, rows: Sequence[Row]) -> None:
        self.campaign = campaign
        self.options = options
        self.rows = CampaignRows(campaign, rows)
        self.expected = self.rows.expected
        self._attempts: dict[Path, int] = {}
        self._unsettled: set[Path] = set()
        self._kept: set[Path] = set()
        if options.deep:
            from dlcctr.results.h5.h5_file import import_pandas

            import_pandas()

    def prepare(self, row: Row) -> None:
        """Read what rows share before threads do, so that it is read once."""
        try:
            folder = self._folder(row)
        except DlcctrError:
            return
        if folder.parent not in self._attempts:
            names = _names(folder.parent)
            self._attempts[folder.parent] = sum(name.startswith(ATTEMPT_PREFIX) for name in names)
            if any(name.startswith(CHECKPOINTS_PREFIX) for name in names):
                self._kept.add(folder.parent)
            if any(name.startswith(REPLACED_PREFIX) for name in names):
                settle(folder.parent)
                self._unsettled.add(folder.parent)

    def _folder(self, row: Row) -> Path:
        return row_folder(self.campaign.out, self.expected.of(row).model_id, row.video)

    def examine(self, row: Row) -> RowResult:
        if (problem := folder_problem(row)) and not self.options.out:
            return RowResult(row, State.BROKEN, problem, hindrance=Hindrance.FOLDER)
        try:
            expected = self.expected.of(row)
        except DlcctrError as error:
            cause = f"its model: {error.message.splitlines()[0]}"
            return RowResult(row, State.BROKEN, cause, hindrance=Hindrance.MODEL)
        folder = row_folder(self.campaign.out, expected.model_id, row.video)
        if not is_there(folder):  # an error where that cannot be told: the row may be whole
            return self._without_result(row, expected, folder)
        try:
            receipt = read_receipt(folder)
        except DlcctrError as error:
            return RowResult(row, State.BROKEN, error.message, tuple(self._replaced_note(folder)), folder)
        if receipt is None:
            cause = "a results folder without a receipt"
            return RowResult(row, State.BROKEN, cause, tuple(self._replaced_note(folder)), folder)
        return self._with_receipt(row, expected, folder, receipt)

    def _with_receipt(self, row: Row, expected: Expected, folder: Path, receipt: Receipt) -> RowResult:
        problems = identity_problems(receipt, row, expected)
        problems += broken_files(receipt, folder, hashes=not self.options.quick)
        problems += content_problems(receipt, expected)
        if self.options.deep and not problems:
            from dlcctr.results.h5.h5_check import table_problems

            problems += table_problems(receipt, folder)
            if receipt.times and receipt.frames:
                problems += times_problems(folder / FRAME_TIMES_FILENAME, receipt.frames.stream)
        changed, note = self._video(row, receipt.row.fingerprint)
        problems += [changed] if changed else []
        stale, kept_times = stale_times(receipt, row, self.campaign.video_root)
        problems += [stale] if stale else []
        notes = [receipt.remark, note, kept_times, index_note(receipt, row), *_stray_note(folder, receipt)]
        notes += self._replaced_note(folder)
        state = {RowState.OK: State.WHOLE, RowState.DEGRADED: State.DEGRADED}.get(receipt.state, State.BROKEN)
        cause = receipt.cause if state is not State.WHOLE else ""
        if state is State.BROKEN:
            problems.insert(0, f"a results folder whose receipt says {receipt.state.value}")
        if problems:
            state, cause = State.BROKEN, "; ".join(problems)
        elif state is State.DEGRADED and receipt.frames:
            lost = receipt.frames.stream - receipt.frames.decoded
            cause = cause or f"{lost} of {receipt.frames.stream} frames did not decode"
        kept, made_by = tuple(note for note in notes if note), Attempt.of(receipt)
        hindrance = Hindrance.NONE
        if state is State.BROKEN and (changed or is_of_other_video(receipt, row)):
            hindrance = Hindrance.VIDEO if changed else Hindrance.FOREIGN
        result = RowResult(
            row, state, cause, kept, folder, made_by, remark=receipt.remark, flags=receipt.flags, hindrance=hindrance
        )
        return result if state is State.BROKEN else self._with_steps(replace(result, made=made_by), receipt)

    def _with_steps(self, result: RowResult, receipt: Receipt) -> RowResult:
        """The same row, unfinished or failed where a step after its analysis is."""
        steps = tuple(self.rows.steps(result.row, receipt, hashes=not self.options.quick))
        result = replace(result, steps=steps)
        if all(step.settled for step in steps):
            return result
        lost = (result.cause,) if result.cause else ()
        failure = next((step.receipt for step in steps if step.state is StepState.FAILED), None)
        return replace(
            result,
            state=State.FAILED if failure else State.UNFINISHED,
            cause=f"its analysis is {result.state.value}; {steps_cause(steps)}",
            notes=(*lost, *result.notes),
            attempt=Attempt.of_step(failure) if failure else result.attempt,
        )

    def _without_result(self, row: Row, expected: Expected, folder: Path) -> RowResult:
        changed, absent = self._video(row, "")
        notes = [note for note in (changed, "" if row.error else absent) if note]
        kept = kept_frames(folder) if folder.parent in self._kept else 0
        notes += _kept_note(row, kept)
        receipt, note = _read_failure(failure_file(self.campaign.out, expected.model_id, row.video))
        if row.error:
            return RowResult(row, State.UNREADABLE, row.error, tuple(notes))
        if receipt and is_failure_of(receipt, row, expected):
            state = State.QUARANTINED if receipt.state is RowState.QUARANTINED else State.FAILED
            cause = f"{receipt.cause or 'no cause given'} (exit code {receipt.exit_code}, {receipt.finished})"
            return RowResult(row, state, cause, tuple(notes), attempt=Attempt.of(receipt), kept_frames=kept)
        if receipt:
            note = f"an earlier attempt with another video or model failed: {receipt.cause}"
        if attempts := self._attempts.get(folder.parent, 0):
            notes.append(f"{attempts} running or killed attempts in {folder.parent}")
        notes += self._replaced_note(folder)
        found = tuple([note, *notes] if note else notes)
        return RowResult(row, State.UNFINISHED, "no receipt", found, kept_frames=kept)

    def _replaced_note(self, folder: Path) -> list[str]:
        """Old state of a row that `settle` could not put back or clear away."""
        old = find_replaced(folder) if folder.parent in self._unsettled else None
        return (
            [f"a killed command left what it was replacing in {old}, and it cannot be moved back from here"]
            if old
            else []
        )

    def _video(self, row: Row, receipt_fingerprint: str) -> tuple[str, str]:
        """Compare the video on disk with the manifest: what is wrong, and a note."""
        if not row.fingerprint and receipt_fingerprint:
            row = replace(row, fingerprint=receipt_fingerprint, bytes=fingerprinted_bytes(receipt_fingerprint))
        try:
            change = find_change(self.campaign.video_root / row.video, row, content=not self.options.quick)
        except FileNotFoundError:
            return "", "the video is no longer on this machine"
        except OSError as error:
            return "", f"the video cannot be compared with the manifest: {error}"
        return ("the video was changed since the manifest was made", "") if change else ("", "")

    def notes(self, results: Sequence[RowResult]) -> list[str]:
        """Files and folders below the results' root that belong to no row; or that the root is not there."""
        if not os.path.lexists(self.campaign.out):
            return [
                f"{self.campaign.out} does not exist: nothing was analysed yet, or the folder has moved, or its disk "
                "is not mounted (campaign.toml names it: [output] root)"
            ]
        own = {result.folder for result in results if result.folder}
        ids = self.expected.model_ids
        notes = [f"{folder}: results that belong to no row" for model in sorted(ids)
                 for folder in _results_below(self.campaign.out / model) if folder not in own]  # fmt: skip
        others = [name for name in _names(self.campaign.out) if name not in ids and not name.startswith(".")]
        if others:
            notes.append(f"{self.campaign.out}: also holds results of other models: {', '.join(others)}")
        return notes


def _results_below(root: Path) -> list[Path]:
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith(PRIVATE_PREFIX))
        if RECEIPT_FILENAME in files:
            found.append(Path(folder))
            folders.clear()
    return found


def _names(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir())
    except OSError:
        return []


def _stray_note(folder: Path, receipt: Receipt) -> list[str]:
    names = [name for name in _names(folder) if name not in (RECEIPT_FILENAME, STEPS_FOLDER)]
    strays = stray_files(names, receipt)
    return [f"files that are not in the receipt: {', '.join(strays)}"] if strays else []


def _kept_note(row: Row, kept: int) -> list[str]:
    of = f" of {row.frames:,}" if row.frames else ""
    return [f"its first {kept:,}{of} frames are kept: the next attempt continues from there"] if kept else []


def _read_failure(file: Path) -> tuple[Receipt | None, str]:
    try:
        receipt = parse_receipt(file)
    except DlcctrError as error:
        return None, error.message
    return receipt, ""


def finished_rows(manifest: Path) -> set[int]:
    """Rows whose result is whole by its receipt and its files' sizes; no row is started to find out."""
    return finished_and_analysed_rows(manifest)[0]


def finished_and_analysed_rows(manifest: Path) -> tuple[set[int], set[int]]:
    """The same rows, and those whose analysis is, whatever is left of the steps after it."""
    if not is_there(read_campaign(manifest).out):
        return set(), set()  # a campaign that was never run: a cluster's file system is not asked for each row
    rows = check(manifest, CheckOptions(quick=True)).rows
    finished = {each.row.index for each in rows if each.state in (State.WHOLE, State.DEGRADED)}
    return finished, {each.row.index for each in rows if each.analysed}
