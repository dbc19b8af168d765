"""`fetch`: finished rows from the cluster, each whole or not at all, while others run there."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dlcctr.campaign.config import Campaign, read_campaign
from dlcctr.campaign.manifest import read_manifest
from dlcctr.campaign.paths import CampaignPaths, incoming_folder
from dlcctr.campaign.rows import Row, choose_rows, require_rows
from dlcctr.contract import FAILURE_SUFFIX, RECEIPT_FILENAME
from dlcctr.errors import DlcctrError, TryAgainError, UsageError
from dlcctr.results.receipt import Receipt, broken_files, epoch, parse_receipt
from dlcctr.system import disk, locks
from dlcctr.system.files import write_bytes_atomic
from dlcctr.system.progress import Bar, no_bar
from dlcctr.transfer import rsync
from dlcctr.transfer.place_row import IncomingRow, place_row
from dlcctr.transfer.remote import Remote
from dlcctr.transfer.remote_campaign import read_remote_campaign
from dlcctr.transfer.remote_folder import PRIVATE, RemoteFolder, open_remote_folder

RECEIPT_FILTERS = (
    f"--exclude={PRIVATE}",
    "--include=*/",
    f"--include={RECEIPT_FILENAME}",
    f"--include=*{FAILURE_SUFFIX}",
    "--exclude=*",
)
NAMED = 5


@dataclass(frozen=True)
class FetchOptions:
    """What is to be fetched, and how; see `dlcctr.transfer.push.PushOptions`."""

    remote: Remote
    ssh: tuple[str, ...]
    rows: str = ""
    logs: bool = False
    streams: int = 2
    limit_mb_s: float | None = None


@dataclass
class FetchResult:
    """Indices of rows: taken now, here before, failed there, and neither finished nor failed there."""

    remote: Remote
    taken: list[int] = field(default_factory=list)
    here: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    n_bytes: int = 0
    seconds: float = 0.0


def fetch(manifest: Path, options: FetchOptions, *, bar: Bar = no_bar) -> FetchResult:
    """Take the rows that are finished at the other side and not here; nothing is removed there.

    Raises
    ------
    DlcctrError
        The way there is broken (see `dlcctr.transfer.ssh`), or a row did not arrive as its receipt says. Rows that are
        here are whole, and the same command goes on.
    """
    campaign, rows = read_campaign(manifest), read_manifest(manifest)
    require_rows(rows, manifest)
    chosen = choose_rows(rows, options.rows, manifest)
    paths = CampaignPaths.of(manifest)
    program = rsync.find_rsync()
    began = time.monotonic()
    with (
        locks.transfer_lock(paths.fetch_lock) as lock,
        open_remote_folder(options.remote, options.ssh, program, make=False, lock=lock) as remote_folder,
    ):
        if not remote_folder.place.exists:
            raise UsageError(f"{remote_folder.remote}: there is no such folder", "push the campaign first: dlcctr push")
        there = read_remote_campaign(remote_folder, manifest.name)
        folders = [*paths.records, *([paths.logs] if options.logs else [])]
        names = [folder.relative_to(paths.manifest.parent).as_posix() for folder in folders]
        remote_folder.mirror_folders(names, paths.manifest.parent)
        done = _fetch_rows(remote_folder, campaign, chosen, there.out, options=options, bar=bar)
    done.seconds = time.monotonic() - began
    return done


def _fetch_rows(
    remote_folder: RemoteFolder, campaign: Campaign, rows: Sequence[Row], out: str, *, options: FetchOptions, bar: Bar
) -> FetchResult:
    private = incoming_folder(campaign)
    done = FetchResult(remote_folder.remote)
    if remote_folder.read([out])[0] is not None:
        remote_folder.mirror(remote_folder.path(out), private / "receipts", RECEIPT_FILTERS)
    incoming = rows_to_take(private, campaign.out, rows, done)
    sizes = {f"{each.name}/{file}": size for each in incoming for file, size in each.sizes.items()}
    done.n_bytes = sum(sizes.values())
    _check_local_space(campaign.out, done.n_bytes)
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
        done.taken = sorted(each.row.index for each in incoming if place_row(each))
    wrong = [each for each in incoming if each.row.index not in done.taken]
    take_failures(private / "receipts", campaign.out, rows, done)
    known = {*done.taken, *done.here, *done.failed, *(each.row.index for each in wrong)}
    done.waiting = [row.index for row in rows if row.index not in known]
    _check_rows(wrong)
    if not options.rows:
        shutil.rmtree(private / "rows", ignore_errors=True)
    return done


def _check_rows(wrong: Sequence[IncomingRow]) -> None:
    if not wrong:
        return
    # rsync goes by size and time: files that have these and are wrong would never be taken again
    for each in wrong:
        shutil.rmtree(each.private, ignore_errors=True)
    raise TryAgainError(
        f"{len(wrong)} rows did not arrive as their receipts say: {', '.join(each.name for each in wrong[:NAMED])}",
        "type the same command again (they may have been analysed anew while they were taken)",
    )


def rows_to_take(private: Path, out: Path, rows: Sequence[Row], done: FetchResult) -> list[IncomingRow]:
    """Rows that are to be taken; those that are here, or that cannot be taken, are noted in `done`."""
    by_video = {row.video: row for row in rows}
    incoming = []
    for file in sorted((private / "receipts").rglob(RECEIPT_FILENAME)):
        name = file.parent.relative_to(private / "receipts").as_posix()
        row = by_video.get(name.partition("/")[2])
        if row is None:
            continue
        try:
            receipt = parse_receipt(file)
        except DlcctrError as error:
            done.notes.append(f"row {row.index}: left there: {error.message}")
            continue
        if receipt is None:
            continue
        each = IncomingRow(row, name, receipt, file, private / "rows" / name, out / name, private / "old" / name)
        if note := _reason_to_stay(each):
            done.here.append(row.index)
            done.notes += [f"row {row.index}: {note}"] if note != "here" else []
        else:
            incoming.append(each)
    return incoming


def _reason_to_stay(incoming: IncomingRow) -> str:
    """Why the result that is here is kept; empty where there is none, or a worse one."""
    try:
        mine = parse_receipt(incoming.folder / RECEIPT_FILENAME)
    except DlcctrError:
        return ""
    if mine is None or broken_files(mine, incoming.folder, hashes=False):
        return ""
    if (incoming.folder / RECEIPT_FILENAME).read_bytes() == incoming.receipt_file.read_bytes():
        return "here"
    newer = _finished(incoming.receipt) > _finished(mine)
    return "" if newer else "the result here is kept: it is newer than the one there"


def _finished(receipt: Receipt) -> float:
    return epoch(receipt.finished) or 0.0


def _check_local_space(out: Path, need: int) -> None:
    out.mkdir(parents=True, exist_ok=True)
    disk.check_space(out, need, "free space, or take some of the rows with --rows")


def take_failures(receipts: Path, out: Path, rows: Sequence[Row], done: FetchResult) -> None:
    """Copy the words of failed attempts beside where their results would be, for `check` and `status`."""
    by_video = {row.video: row for row in rows}
    finished = {*done.taken, *done.here}
    failed = set()
    for file in sorted(receipts.rglob(f"*{FAILURE_SUFFIX}")):
        name = file.relative_to(receipts).as_posix()
        row = by_video.get(name.removesuffix(FAILURE_SUFFIX).partition("/")[2])
        if row is None or row.index in finished or not file.is_file():
            continue
        failed.add(row.index)
        target = out / name
        if not target.is_file() or target.read_bytes() != file.read_bytes():
            write_bytes_atomic(target, file.read_bytes())
    done.failed = sorted(failed)
