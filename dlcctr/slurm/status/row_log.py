"""The file with a row's newest log lines: that of its array task, or of a run on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dlcctr.campaign.config import read_campaign
from dlcctr.campaign.manifest import read_manifest
from dlcctr.campaign.paths import CampaignPaths, row_log, typed_manifest
from dlcctr.campaign.rows import find_row
from dlcctr.errors import ManifestError
from dlcctr.runtime.rows.row_run import LOG_HEAD
from dlcctr.slurm.jobs.ledger import SubmissionHistory, SubmittedTask, read_submitted
from dlcctr.slurm.jobs.submissions import allocated_rows
from dlcctr.slurm.other.table import used_scheduler
from dlcctr.slurm.queue.scheduler import Scheduler
from dlcctr.slurm.task_log import had_lanes, row_lines
from dlcctr.slurm.whereabouts import find_whereabouts

LANES_NOTE = "this task ran rows on several GPUs at once: lines of other rows may be mixed in"


@dataclass(frozen=True)
class RowLog:
    """A log that holds lines of a row.

    Parameters
    ----------
    local : bool
        Whether the log is of a run on this machine, whose file is the row's own.
    notes : tuple of str
        Remarks on the log, for people.
    """

    file: Path
    row: int
    local: bool
    notes: tuple[str, ...] = ()

    def all_lines(self) -> Iterator[str]:
        """All lines of the file."""
        with self.file.open(encoding="utf-8", errors="replace", newline="\n") as stream:
            yield from (line.rstrip("\r\n") for line in stream)

    def lines(self) -> Iterator[str]:
        """Lines of the row: in a task's log between its mark and the next, in its own those of the last attempt."""
        if not self.local:
            yield from row_lines(self.file, self.row)
            return
        began = max((number for number, line in enumerate(self.all_lines()) if line.startswith(LOG_HEAD)), default=0)
        yield from (line for number, line in enumerate(self.all_lines()) if number >= began)


def find_log(manifest: Path, index: int) -> RowLog:
    """Log of a row: of its newest task, under Slurm or another scheduler, or of a run on this machine; the newest.

    Raises
    ------
    ManifestError
        The manifest has no such row, or there is no log of it.
    """
    find_row(read_manifest(manifest), index, manifest)
    paths = CampaignPaths.of(manifest)
    history = read_submitted(manifest)
    ledger = history.ledger(Scheduler(), now=0.0)
    submitted, steps = ledger.newest.get(index), ledger.steps.get(index)
    submitted = submitted or steps
    here = row_log(read_campaign(manifest), paths.manifest, index)
    there, after = (task.log(paths) if task and task.job_id else None for task in (submitted, steps))
    files = [file for file in dict.fromkeys((there, after, _other_log(paths, index), here)) if file and file.exists()]
    if not files:
        raise _missing(history, index, submitted, there, here)
    newest = max(files, key=lambda file: file.stat().st_mtime)
    notes = [f"there is an older log: {file}" for file in files if file != newest]
    if newest != here and had_lanes(newest):
        notes.append(LANES_NOTE)
    return RowLog(newest, index, local=newest == here, notes=tuple(notes))


def _other_log(paths: CampaignPaths, index: int) -> Path | None:
    """Newest log of a task that another scheduler started, with lines of this row."""
    scheduler = used_scheduler(paths)
    logs = scheduler.folder(paths).glob("*.log") if scheduler else ()
    newest_first = sorted(logs, key=lambda file: file.stat().st_mtime, reverse=True)
    return next((log for log in newest_first if any(row_lines(log, index))), None)


def _missing(
    history: SubmissionHistory, index: int, submitted: SubmittedTask | None, there: Path | None, here: Path
) -> ManifestError:
    manifest = history.paths.manifest
    name = typed_manifest(manifest)
    if submitted is None and index in allocated_rows(history.paths, history.by_hand.printed):
        return ManifestError(
            f"row {index}: its script was printed, but no task of it has started: no log (looked for {here})",
            f"see whether it is waiting: dlcctr status {name}",
        )
    if submitted is None:
        return ManifestError(
            f"row {index} was neither submitted nor run on this machine: no log (looked for {here})",
            _first_time(manifest, index),
        )
    if there is None:
        return ManifestError(
            f"row {index}: sbatch has not answered yet, so there is no log", f"look again: dlcctr status {name}"
        )
    return ManifestError(
        f"row {index}: its task {submitted.name} has written no log yet: {there}",
        f"it is made when the task starts: dlcctr status {name}",
    )


def _first_time(manifest: Path, index: int) -> str:
    """How to get a log of a row, depending on where the campaign's rows are analysed."""
    from dlcctr.slurm.advice import first_time

    return first_time(typed_manifest(manifest), find_whereabouts(manifest, read_campaign(manifest)), [index])
