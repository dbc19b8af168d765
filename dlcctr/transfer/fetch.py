"""`fetch`: finished rows from the cluster, each completely or not at all, while others run there."""

from __future__ import annotations

import shlex
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dlcctr.campaign.config import Campaign, read_campaign
from dlcctr.campaign.manifest import read_manifest
from dlcctr.campaign.paths import CampaignPaths, incoming_folder
from dlcctr.campaign.rows import Row, choose_rows, require_rows
from dlcctr.contract import FAILURE_SUFFIX, RECEIPT_FILENAME, STEPS_FOLDER, ExitCode
from dlcctr.errors import DlcctrError, UsageError
from dlcctr.results.expected import ExpectedOfRows, with_model
from dlcctr.system import disk, locks
from dlcctr.system.files import write_bytes_atomic
from dlcctr.system.state_files import MAX_BYTES
from dlcctr.system.terminal.progress import Bar, no_bar
from dlcctr.transfer.carry_ratings import take_ratings_there
from dlcctr.transfer.incoming import RefusedRow, choose_incoming, find_failures
from dlcctr.transfer.incoming_steps import choose_steps, place_steps
from dlcctr.transfer.place_row import IncomingRow, Outcome, place_row
from dlcctr.transfer.remote import rsync
from dlcctr.transfer.remote.address import Remote
from dlcctr.transfer.remote.campaign import read_remote_campaign
from dlcctr.transfer.remote.folder import PRIVATE, RemoteFolder, open_remote_folder

RECEIPT_FILTERS = (
    f"--exclude={PRIVATE}",
    "--include=*/",
    f"--include={RECEIPT_FILENAME}",
    f"--include=*{FAILURE_SUFFIX}",
    "--exclude=*",
    f"--max-size={MAX_BYTES}",
)
SPACE_HINT = "free space, or take some of the rows with --rows"


@dataclass(frozen=True)
class FetchOptions:
    """Options for what to fetch, and how; see `dlcctr.transfer.push.PushOptions`.

    Parameters
    ----------
    model : Path or None
        Project or bundle that must have made the results; None for the one in campaign.toml.
    """

    remote: Remote
    ssh: tuple[str, ...]
    rows: str = ""
    logs: bool = False
    model: Path | None = None
    streams: int = 2
    limit_mb_s: float | None = None


@dataclass
class FetchResult:
    """Indices of rows by outcome: fetched now, here before, failed there, still open there; and refused rows.

    Parameters
    ----------
    steps : int
        Number of results of steps that were fetched.
    """

    remote: Remote
    taken: list[int] = field(default_factory=list)
    here: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    refused: list[RefusedRow] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    steps: int = 0
    n_bytes: int = 0
    seconds: float = 0.0

    @property
    def exit_code(self) -> ExitCode:
        """Exit code: 8 if a row was refused, 75 if the same command may still fetch it, else 0."""
        if not self.refused:
            return ExitCode.OK
        return ExitCode.TRY_AGAIN if all(row.again for row in self.refused) else ExitCode.OUTPUT


def fetch(manifest: Path, options: FetchOptions, *, bar: Bar = no_bar) -> FetchResult:
    """Fetch the rows that are finished on the remote host but not here; nothing is removed there.

    A row whose receipt or files are not what they should be is `refused`; the others are taken all the same.

    Raises
    ------
    DlcctrError
        The connection failed (see `dlcctr.transfer.remote.ssh`), or it is not known which model made the results.
        Rows that are here are whole, and the same command continues.
    """
    campaign, rows = with_model(read_campaign(manifest), options.model), read_manifest(manifest)
    require_rows(rows, manifest)
    chosen = choose_rows(rows, options.rows, manifest)
    paths, expected = CampaignPaths.of(manifest), ExpectedOfRows(campaign)
    program = rsync.find_rsync()
    began = time.monotonic()
    with (
        locks.transfer_lock(paths.fetch_lock) as lock,
        open_remote_folder(options.remote, options.ssh, program, make=False, lock=lock) as remote_folder,
    ):
        if not remote_folder.place.exists:
            hint = f"push the campaign first: dlcctr push {shlex.quote(str(manifest))}"
            raise UsageError(f"{remote_folder.remote}: there is no such folder", hint)
        there = read_remote_campaign(remote_folder, manifest.name)
        folders = [*paths.records, *([paths.logs] if options.logs else [])]
        names = [folder.relative_to(paths.manifest.parent).as_posix() for folder in folders]
        remote_folder.mirror_folders(names, paths.manifest.parent)
        done = _fetch_rows(remote_folder, campaign, chosen, expected, there.out, options=options, bar=bar)
        done.notes += take_ratings_there(remote_folder, paths, rows)
        _fetch_steps(remote_folder, campaign, rows, there.out, done, options=options, bar=bar)
    done.seconds = time.monotonic() - began
    return done


def _fetch_rows(
    remote_folder: RemoteFolder,
    campaign: Campaign,
    rows: Sequence[Row],
    expected: ExpectedOfRows,
    out: str,
    *,
    options: FetchOptions,
    bar: Bar,
) -> FetchResult:
    private, done = incoming_folder(campaign), FetchResult(remote_folder.remote)
    if remote_folder.read([out])[0] is not None:
        remote_folder.mirror(remote_folder.path(out), private / "receipts", RECEIPT_FILTERS)
    free = _room(campaign.out)
    choice = choose_incoming(private, campaign.out, rows, expected, free)
    done.here, done.refused, done.notes = choice.here, choice.refused, choice.notes
    sizes = {f"{each.name}/{file}": size for each in choice.take for file, size in each.sizes.items()}
    done.n_bytes = sum(sizes.values())
    disk.check_space(campaign.out, done.n_bytes, SPACE_HINT)
    try:
        with bar("taking", done.n_bytes) as advance:
            remote_folder.take(
                remote_folder.path(out),
                private / "rows",
                sizes,
                streams=options.streams,
                limit_mb_s=options.limit_mb_s,
                done=advance,
            )
    finally:  # what is whole is put in place also where the connection broke
        wrong = _place(choice.take, done)
    done.refused += _judge_wrong(remote_folder, out, wrong)
    done.refused.sort(key=lambda each: each.index)
    failures = find_failures(private / "receipts", campaign.out, rows, expected)
    take_failures(failures, private / "receipts", campaign.out, done)
    known = {*done.taken, *done.here, *done.failed, *(each.index for each in done.refused)}
    done.waiting = [row.index for row in rows if row.index not in known]
    if not options.rows:
        shutil.rmtree(private / "rows", ignore_errors=True)
    return done


def _fetch_steps(
    remote_folder: RemoteFolder,
    campaign: Campaign,
    rows: Sequence[Row],
    out: str,
    done: FetchResult,
    *,
    options: FetchOptions,
    bar: Bar,
) -> None:
    """Fetch the steps of rows that are here. A step that does not come whole is refused; its row stays."""
    private, here = incoming_folder(campaign), {*done.taken, *done.here}
    steps, notes = choose_steps(private, campaign, rows, [row for row in rows if row.index in here])
    done.notes += notes
    if not steps:
        return
    sizes = {f"{each.name}/{file}": size for each in steps for file, size in each.sizes.items()}
    total = sum(sizes.values())
    disk.check_space(campaign.out, total, SPACE_HINT)
    try:
        with bar("taking steps", total) as advance:
            remote_folder.take(
                remote_folder.path(out),
                private / STEPS_FOLDER,
                sizes,
                streams=options.streams,
                limit_mb_s=options.limit_mb_s,
                done=advance,
            )
    finally:
        for step, wrong in place_steps(steps):
            if wrong:
                done.refused.append(RefusedRow(step.row, f"step {step.receipt.name}: {wrong}", again=True))
            else:
                done.steps += 1
        done.n_bytes += total
    shutil.rmtree(private / STEPS_FOLDER, ignore_errors=True)


def _room(out: Path) -> int:
    with disk.disk_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(out).free


def _place(incoming: Sequence[IncomingRow], done: FetchResult) -> list[IncomingRow]:
    """Put rows in their places; returns those that did not arrive as in their receipts."""
    wrong = []
    for each in incoming:
        try:
            outcome = place_row(each)
        except DlcctrError as error:
            done.refused.append(RefusedRow(each.row.index, error.message, error.hint))
            continue
        if outcome is Outcome.WRONG:
            wrong.append(each)
        else:
            (done.taken if outcome is Outcome.PLACED else done.here).append(each.row.index)
    return wrong


def _judge_wrong(remote_folder: RemoteFolder, out: str, wrong: Sequence[IncomingRow]) -> list[RefusedRow]:
    """Refused rows whose files do not match their receipts; for good unless the receipt there has changed."""
    now = remote_folder.read([f"{out}/{each.name}/{RECEIPT_FILENAME}" for each in wrong]) if wrong else []
    refused = []
    for each, receipt in zip(wrong, now, strict=True):
        # rsync goes by size and time: files that have these and are wrong would never be taken again
        shutil.rmtree(each.private, ignore_errors=True)
        if receipt == each.receipt_file.read_bytes():
            refused.append(RefusedRow(each.row.index, "its files there do not match its receipt"))
        else:
            cause = "it was analysed again there while it was being fetched"
            refused.append(RefusedRow(each.row.index, cause, "run the same command again", again=True))
    return refused


def take_failures(failures: Mapping[int, Path], receipts: Path, out: Path, done: FetchResult) -> None:
    """Copy failure reports to beside where the results would be, for `check` and `status`."""
    known = {*done.taken, *done.here, *(each.index for each in done.refused)}
    done.failed = sorted(index for index in failures if index not in known)
    for index in done.failed:
        file = failures[index]
        target, data = out / file.relative_to(receipts), file.read_bytes()
        if not target.is_file() or target.read_bytes() != data:
            write_bytes_atomic(target, data)
