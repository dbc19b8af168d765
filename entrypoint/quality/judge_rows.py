"""Judge finished rows, one after the other: resumable, and a bad row never stops the others."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dlcctr.campaign.config import Campaign, read_campaign
from dlcctr.campaign.manifest import read_manifest
from dlcctr.campaign.rows import Row, require_rows, row_settings, rows_for
from dlcctr.contract import FRAME_TIMES_FILENAME, RECEIPT_FILENAME, ExitCode, row_folder
from dlcctr.errors import DlcctrError, OutputError
from dlcctr.model.prior.record import PosePrior
from dlcctr.quality.record import QUALITY_FILENAME, TABLE_FILENAME, read_quality
from dlcctr.results.additions import add_files, locked
from dlcctr.results.commit import Standing, standing
from dlcctr.results.expected import ExpectedOfRows
from dlcctr.results.receipt import Receipt, read_receipt, require_unchanged
from dlcctr.system.disk import as_expected
from dlcctr.system.terminal.console import one_line, plural, print_lines, say_error, warn
from entrypoint.analyze.renew_times import renew_times
from entrypoint.analyze.request import RowRequest
from entrypoint.analyze.row.task import check_row_video, resolve_row
from entrypoint.loop.judging.judge_row import judge_track
from entrypoint.quality.look_at_video import look_at_video
from entrypoint.quality.priors import Priors
from entrypoint.quality.read_track import read_track

PICTURE_NAME = re.compile(r"picture-[0-9]+\.jpg")


@dataclass(frozen=True)
class QualityRequest:
    """What to judge.

    Parameters
    ----------
    index : int or None
        One row.
    rows : str
        Some rows, as ``0-9,12``; all of them where it is empty.
    indices : tuple of int
        The rows of a plan's task; empty without one.
    pictures : bool
        Look at the videos, too, where they are there.
    again : bool
        Also rows that have been judged with the same prior.
    """

    manifest: Path
    index: int | None = None
    rows: str = ""
    indices: tuple[int, ...] = ()
    pictures: bool = True
    again: bool = False


def judge_rows(request: QualityRequest) -> ExitCode:
    """Judge rows and add `quality.json` and `quality.csv.gz` to them.

    Returns
    -------
    ExitCode
        0, or that of the first row that could not be judged. Unfinished rows are only counted.

    Raises
    ------
    DlcctrError
        Manifest, campaign or rows cannot be read.
    """
    campaign = read_campaign(request.manifest)
    rows = read_manifest(request.manifest)
    require_rows(rows, request.manifest)
    chosen = rows_for(rows, request.manifest, index=request.index, indices=request.indices, wanted=request.rows)
    judging = _Judging(request, campaign, rows)
    codes = [judging.attempt(row) for row in chosen]
    print_lines([judging.counted(len(chosen))])
    return next((code for code in codes if code is not ExitCode.OK), ExitCode.OK)


class _Judging:
    """The rows of one command, and what they share."""

    def __init__(self, request: QualityRequest, campaign: Campaign, rows: Sequence[Row]) -> None:
        self._request, self._campaign = request, campaign
        self._expected = ExpectedOfRows(campaign)
        self._priors = Priors(campaign, rows)
        self._counts = {"judged": 0, "flagged": 0, "kept": 0, "unfinished": 0, "failed": 0}

    def counted(self, total: int) -> str:
        """Line for the end."""
        counts = self._counts
        words = [
            f"{counts['judged']} judged, {counts['flagged']} of them flagged",
            f"{counts['kept']} were judged before" if counts["kept"] else "",
            f"{plural(counts['unfinished'], 'row')} without a whole result (`check` says why)"
            if counts["unfinished"]
            else "",
            f"{counts['failed']} failed" if counts["failed"] else "",
        ]
        return f"{plural(total, 'row')}: {'; '.join(filter(None, words))}"

    def attempt(self, row: Row) -> ExitCode:
        """Judge a row, or say why not."""
        try:
            self._judge(row)
        except DlcctrError as error:
            return self._failed(row, error)
        except Exception as error:
            known = as_expected(error)
            return self._failed(row, known)
        return ExitCode.OK

    def _failed(self, row: Row, error: DlcctrError) -> ExitCode:
        self._counts["failed"] += 1
        say_error(f"row {row.index}: {error.message}", error.hint)
        return error.exit_code

    def _judge(self, row: Row) -> None:
        settings = row_settings(row, self._campaign)
        expected = self._expected.of(row)
        folder = row_folder(self._campaign.out, expected.model_id, row.video)
        if standing(folder, row, expected).state is not Standing.FINISHED:
            self._counts["unfinished"] += 1
            return
        receipt = read_receipt(folder)
        if receipt is None:
            raise OutputError(f"{folder / RECEIPT_FILENAME}: has just gone", "try again")
        prior = self._priors.of(settings, receipt)
        video = settings.video_root / row.video
        with locked(folder) as mine:
            looked = self._request.pictures and video.is_file()
            if not mine or (not self._request.again and is_judged(folder, receipt, prior, pictures=looked)):
                self._counts["kept"] += 1
                return
            start = time.monotonic()
            if looked:
                check_row_video(row, receipt.row.fingerprint, settings.video_root)
            receipt = self._with_times(row, folder, receipt) if looked else receipt
            flags = judge_row(folder, receipt, row, prior, video if looked else None)
        self._counts["judged"] += 1
        self._counts["flagged"] += bool(flags)
        names = ", ".join(flags) or "nothing suspicious"
        print_lines([f"row {row.index} ({one_line(row.video)}): {names} ({time.monotonic() - start:.1f} s)"])

    def _with_times(self, row: Row, folder: Path, receipt: Receipt) -> Receipt:
        """Give a row its times that was analysed before there were any; without them it is judged all the same."""
        if receipt.times is not None:
            return receipt
        request = RowRequest(manifest=self._request.manifest, index=row.index)
        try:
            renew_times(resolve_row(row, self._campaign, request))
        except DlcctrError as error:
            warn(f"warning: row {row.index}: it stays without times: {error.message}")
        return read_receipt(folder) or receipt


def is_judged(folder: Path, receipt: Receipt, prior: PosePrior | None, *, pictures: bool) -> bool:
    """Whether a row has been judged with this prior, and its pictures looked at where they can be."""
    listed = {entry.name for entry in receipt.files}
    if not {QUALITY_FILENAME, TABLE_FILENAME} <= listed:
        return False
    try:
        quality = read_quality(folder)
    except DlcctrError:
        return False
    if quality is None or (pictures and not quality.scene):
        return False
    return quality.prior.hash == (prior.hash if prior else "")


def judge_row(folder: Path, receipt: Receipt, row: Row, prior: PosePrior | None, video: Path | None) -> tuple[str, ...]:
    """Judge one finished row, add the files to it, and return the kinds of its flags.

    Parameters
    ----------
    video : Path or None
        Only if its pictures are to be looked at.
    """
    tables = [entry.name for entry in receipt.files if entry.name.endswith(".h5")]
    require_unchanged(receipt, folder, [*tables, FRAME_TIMES_FILENAME])
    track = read_track(folder, receipt, row)
    seen = look_at_video(video, receipt) if video else None
    judged = judge_track(track, prior, seen, video or folder)
    add_files(
        folder,
        judged.files,
        gone=[entry.name for entry in receipt.files if PICTURE_NAME.fullmatch(entry.name)],
        change=lambda held: replace(held, flags=judged.flags),
    )
    return judged.flags
