"""`push`: a campaign with its videos, models and image to the cluster; what already exists stays."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dlcctr.campaign.config import Campaign, campaign_text, read_campaign
from dlcctr.campaign.manifest import rows_of
from dlcctr.campaign.paths import CampaignPaths
from dlcctr.campaign.rows import Row, choose_rows, require_rows
from dlcctr.campaign.spreadsheet import read_sheet
from dlcctr.campaign.videos import unchanged as video_check
from dlcctr.errors import CommandFailedError, TryAgainError, UsageError
from dlcctr.system import disk, locks
from dlcctr.system.terminal.console import plural
from dlcctr.system.terminal.progress import Bar, no_bar
from dlcctr.transfer.carry_ratings import ratings_to_send
from dlcctr.transfer.layout import Item, far_campaign, far_manifest, image_items, model_items, model_names, video_items
from dlcctr.transfer.remote import rsync
from dlcctr.transfer.remote.address import Remote, remember_remote
from dlcctr.transfer.remote.campaign import check_there, read_remote_campaign
from dlcctr.transfer.remote.folder import RemoteFolder, open_remote_folder
from dlcctr.transfer.remote.shell import FolderInfo, RemoteFile
from dlcctr.transfer.remote.sif import archive_item, check_builder, check_image, is_made, make_sif

SPARE_BYTES = 50_000_000
"""Bytes left free on the remote host for manifests, plans, logs and the first results."""
NAMED = 5


@dataclass(frozen=True)
class PushOptions:
    """Options for what to send, and how.

    Parameters
    ----------
    rows : str
        Videos of these rows only, as ``0-9,12``; all where empty. The manifest always goes as a whole.
    image : Path or None
        SIF.
    build_sif : Path or None
        Archive from which the SIF is built there; instead of `image`.
    videos_only : bool
        Send neither models nor image.
    streams : int
        Number of rsyncs at once.
    limit_mb_s : float or None
        Megabytes per second, for all streams together.
    """

    remote: Remote
    ssh: tuple[str, ...]
    rows: str = ""
    image: Path | None = None
    build_sif: Path | None = None
    videos_only: bool = False
    streams: int = 2
    limit_mb_s: float | None = None
    dry_run: bool = False
    skip_bad_videos: bool = False


@dataclass(frozen=True)
class PushResult:
    """What was (or, in a dry run, would be) sent.

    Parameters
    ----------
    remote : Remote
        The remote host, with the absolute folder.
    sent, there : list of str
        Names below that folder: sent now, and already there with the right content.
    left_out : dict
        Rows without a good video, and why.
    made_sif : bool
        The SIF was (would be) built there from the archive.
    """

    remote: Remote
    sent: list[str]
    there: list[str]
    sent_bytes: int = 0
    seconds: float = 0.0
    free_bytes: int | None = None
    left_out: dict[int, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    made_sif: bool = False


def push(
    manifest: Path, options: PushOptions, *, bar: Bar = no_bar, say: Callable[[str], None] = lambda _: None
) -> PushResult:
    """Send what is missing on the remote host, verify all of it there, and write the manifest last.

    If it is stopped at any moment and run again, it continues and ends in the same state.

    Raises
    ------
    DlcctrError
        A row's video is missing or changed, another campaign is there, space is short, or the connection is
        broken (see `dlcctr.transfer.remote.ssh`), or no SIF could be made there. What has arrived stays.
    """
    campaign, sheet = read_campaign(manifest), read_sheet(manifest)
    rows = rows_of(sheet)
    require_rows(rows, manifest)
    program = rsync.find_rsync()
    items, left_out = _items(campaign, rows, choose_rows(rows, options.rows, manifest), options)
    archive = archive_item(options.build_sif) if options.build_sif and not options.videos_only else None
    with (
        locks.transfer_lock(CampaignPaths.of(manifest).push_lock) as lock,
        open_remote_folder(options.remote, options.ssh, program, make=not options.dry_run, lock=lock) as remote_folder,
    ):
        _check_folder(remote_folder.place, remote_folder.remote)
        if archive and is_made(remote_folder, archive):
            archive = None
        if archive:
            check_builder(remote_folder, archive.path)
            items.append(archive)
        there = read_remote_campaign(remote_folder, manifest.name)
        notes = check_there(there, remote_folder.remote, campaign, rows)
        names = model_names(campaign, rows)
        ratings, said = ratings_to_send(remote_folder, CampaignPaths.of(manifest), rows)
        texts = {
            **ratings,
            campaign.file.name: campaign_text(far_campaign(campaign, Path("/campaign"), names, there.out)).encode(),
            manifest.name: far_manifest(sheet, campaign, names),
        }
        changed = {name: data for name, data in texts.items() if data != there.texts.get(name)}
        done = _send(remote_folder, items, archive=archive, texts=changed, options=options, bar=bar, say=say)
    if not options.dry_run:
        remember_remote(campaign, done.remote)
    return replace(done, left_out=left_out, notes=[*notes, *said])


def _items(
    campaign: Campaign, rows: Sequence[Row], chosen: Sequence[Row], options: PushOptions
) -> tuple[list[Item], dict[int, str]]:
    """Files of the campaign, and rows without a good video."""
    left_out = {row.index: row.error for row in chosen if row.error}
    readable = [row for row in chosen if not row.error]
    problems = video_check.bad_videos(campaign, readable)
    problems |= video_check.changed_videos(campaign, [row for row in readable if row.index not in problems])
    if not options.skip_bad_videos:
        video_check.require_sound_videos(problems)
    items = video_items(campaign, [row for row in readable if row.index not in problems])
    if not options.videos_only:
        if options.image and options.build_sif:
            raise UsageError("--image and --build-sif both name the image", "leave out one of them")
        if options.image:
            check_image(options.image)
        if campaign.model:
            video_check.check_models(campaign, rows)
        items += [*model_items(campaign, rows), *image_items(options.image)]
    return items, {**left_out, **problems}


def _check_folder(place: FolderInfo, remote: Remote) -> None:
    if "rsync" not in place.tools and not remote.transfer_host:
        raise CommandFailedError(
            f"{remote.host} has no rsync",
            "ask the site for it, use its data transfer host (--transfer-host), or load its module in ~/.bashrc there",
        )
    if not place.writable:
        raise CommandFailedError(f"{remote}: no permission to write there", "check the folder's owner and permissions")


def _send(
    remote_folder: RemoteFolder,
    items: Sequence[Item],
    *,
    archive: Item | None,
    texts: Mapping[str, bytes],
    options: PushOptions,
    bar: Bar,
    say: Callable[[str], None],
) -> PushResult:
    """Send `items`, build the SIF from the archive among them, and send `texts` last."""
    seen = remote_folder.look([item.name for item in items])
    missing = [item for item in items if seen[item.name].fingerprint != item.fingerprint]
    missing_names = {item.name for item in missing}
    there = [item.name for item in items if item.name not in missing_names]
    size = sum(item.bytes for item in missing)
    done = PushResult(
        remote_folder.remote,
        [item.name for item in missing],
        there,
        size,
        free_bytes=remote_folder.place.free_bytes,
        made_sif=archive is not None,
    )
    # a SIF is compressed, so it is never larger than its archive
    _check_remote_space(remote_folder, missing, seen, archive.bytes if archive else 0)
    if options.dry_run:
        return done
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="dlcctr-push-") as folder:
        stage = Path(folder)
        for item in missing:
            _link(stage / item.name, item.path)
        with bar("sending", size) as advance:
            sizes = {item.name: item.bytes for item in missing}
            remote_folder.send(stage, sizes, streams=options.streams, limit_mb_s=options.limit_mb_s, done=advance)
        _verify(remote_folder, missing)
        done = replace(done, seconds=time.monotonic() - began)
        if archive:
            make_sif(remote_folder, archive, stage, say)
        # the manifest last: whoever finds it there finds all that it names
        for name, data in texts.items():
            with disk.disk_errors(stage / name, "TMPDIR names another folder"):
                (stage / name).write_bytes(data)
            remote_folder.send(stage, {name: len(data)})
    return done


def _link(link: Path, target: Path) -> None:
    """A tree of links that mirrors the remote folder, so that one rsync can send files from anywhere here."""
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(os.path.abspath(target))  # noqa: PTH100 - resolve() would follow links


def _check_remote_space(
    remote_folder: RemoteFolder, missing: Sequence[Item], seen: Mapping[str, RemoteFile], more_bytes: int
) -> None:
    need = more_bytes + sum(max(0, item.bytes - seen[item.name].partial_bytes) for item in missing)
    free = remote_folder.place.free_bytes
    if not need or free is None:
        return
    if problem := disk.room_problem(str(remote_folder.remote), free, need + SPARE_BYTES):
        raise CommandFailedError(
            problem, "free space there, choose another folder, or send some of the videos with --rows"
        )


def _verify(remote_folder: RemoteFolder, items: Sequence[Item]) -> None:
    seen = remote_folder.look([item.name for item in items])
    wrong = [item.name for item in items if seen[item.name].fingerprint != item.fingerprint]
    if wrong:
        raise TryAgainError(
            f"{remote_folder.remote}: {plural(len(wrong), 'file')} differ from those here: {', '.join(wrong[:NAMED])}",
            "run the same command again: these are sent again (they may have changed while they were sent)",
        )
