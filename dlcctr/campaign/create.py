"""From videos and a model to a campaign: campaign.toml and manifest, or more rows for them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from dlcctr.campaign.config import Campaign, campaign_file, campaign_text, read_campaign
from dlcctr.campaign.manifest import append_rows, manifest_text, rows_of
from dlcctr.campaign.paths import CampaignPaths
from dlcctr.campaign.rows import Row
from dlcctr.campaign.spreadsheet import read_sheet
from dlcctr.campaign.videos.discover import Discovery, FileId, FoundVideo, SkippedFile, discover, file_id
from dlcctr.campaign.videos.probe import VideoFacts, probe_all
from dlcctr.errors import ManifestError, VideoError
from dlcctr.system.files import encode_text, read_bounded, write_pair_atomic
from dlcctr.system.locks import campaign_lock
from dlcctr.system.terminal.progress import RowProgress, no_progress


@dataclass(frozen=True)
class OwnModel:
    """What a row names of its model where it is not the campaign's; see `dlcctr.campaign.rows.Row`."""

    model: str = ""
    shuffle: int | None = None
    snapshot: str = ""


CAMPAIGNS_MODEL = OwnModel()
MANIFEST_NAME = "manifest.csv"


@dataclass(frozen=True)
class CampaignChanges:
    """What was written: new rows, files without a row, rows with known content, and remarks on rows."""

    manifest: Path
    campaign: Campaign
    rows: list[Row]
    skipped: list[SkippedFile] = field(default_factory=list)
    same_content: list[tuple[Row, Row]] = field(default_factory=list)
    notes: list[tuple[Row, str]] = field(default_factory=list)

    @property
    def unreadable(self) -> list[Row]:
        """New rows whose video cannot be read: they have a cause instead of facts."""
        return [row for row in self.rows if row.error]


def make_campaign(
    inputs: Sequence[str],
    manifest: Path,
    campaign: Campaign,
    *,
    root: Path | None = None,
    models: Sequence[OwnModel] = (CAMPAIGNS_MODEL,),
    overwrite: bool = False,
    jobs: int | None = None,
    progress: RowProgress = no_progress,
) -> CampaignChanges:
    """Find and probe videos; write campaign.toml, then the manifest.

    Parameters
    ----------
    campaign : Campaign
        Everything but the video root.
    root : Path, optional
        Video root; the closest folder that holds all inputs by default.
    models : sequence of OwnModel
        Each video gets a row for each of them, one behind the other.
    progress : callable
        Progress bar, such as `dlcctr.system.terminal.progress.progress`.

    Raises
    ------
    ManifestError
        A manifest or a campaign.toml already exists.
    VideoError
        No video was found, or an input does not exist.
    """
    if not overwrite:
        check_free(manifest)
    found = discover(inputs, root=root, own=(manifest, campaign.file, campaign.out))
    if not found.videos:
        raise VideoError(_nothing_found(inputs, found), "name a folder, a file or a pattern that holds videos")
    campaign = replace(campaign, video_root=found.root)
    if not overwrite:
        check_free(manifest, campaign)
    probed, notes = _probe(found.videos, jobs, progress)
    with campaign_lock(CampaignPaths.of(manifest).manifest_lock):
        if not overwrite:
            check_free(manifest, campaign)  # another command may have made it while videos were probed
        rows = _for_each(models, probed)
        write_pair_atomic((campaign.file, campaign_text(campaign)), (manifest, manifest_text(rows)))
    return CampaignChanges(manifest, campaign, rows, found.skipped, _same_content([], rows), _noted(rows, notes))


def extend_campaign(
    inputs: Sequence[str],
    manifest: Path,
    *,
    jobs: int | None = None,
    progress: RowProgress = no_progress,
) -> CampaignChanges:
    """Add videos that have no row yet; existing rows stay byte for byte, also those of files that moved or changed.

    Where every video has rows for the same several models, the new ones get them, too.

    Raises
    ------
    ManifestError
        The manifest does not exist or cannot be read.
    UsageError
        A video is not below the campaign's video root.
    """
    sheet = read_sheet(manifest)
    rows, campaign = rows_of(sheet), read_campaign(manifest)
    known = {identity: str(path) for identity, path in _known_files(rows, campaign.video_root)}
    own = (manifest, campaign.file, campaign.out)
    found = discover(inputs, root=campaign.video_root, own=own, known=known)
    taken = {row.video for row in rows}
    probed, notes = _probe([video for video in found.videos if video.video not in taken], jobs, progress)
    new = _append(manifest, probed) if probed else []
    return CampaignChanges(manifest, campaign, new, found.skipped, _same_content(rows, new), _noted(new, notes))


def _append(manifest: Path, probed: Sequence[Row]) -> list[Row]:
    """Give rows an index and add them; another command may have added some of them while videos were probed."""
    with campaign_lock(CampaignPaths.of(manifest).manifest_lock):
        sheet = read_sheet(manifest)
        rows = rows_of(sheet)
        taken = {row.video for row in rows}
        start = max((row.index for row in rows), default=-1) + 1
        fresh = [row for row in probed if row.video not in taken]
        new = [replace(row, index=start + row.index) for row in _for_each(_models_of_all(rows), fresh)]
        if new:
            append_rows(sheet, new)
    return new


def _for_each(models: Sequence[OwnModel], rows: Sequence[Row]) -> list[Row]:
    """Rows numbered from 0: each of the given ones once for each model."""
    made = [replace(row, **asdict(model)) for row in rows for model in models]
    return [replace(row, index=index) for index, row in enumerate(made)]


def _models_of_all(rows: Sequence[Row]) -> list[OwnModel]:
    """The models that each video of a campaign has rows of, if there are several and they are the same for all."""
    by_video: dict[str, list[OwnModel]] = {}
    for row in rows:
        by_video.setdefault(row.video, []).append(OwnModel(row.model, row.shuffle, row.snapshot))
    first = next(iter(by_video.values()), [])
    same = len(first) > 1 and all(set(each) == set(first) for each in by_video.values())
    return list(dict.fromkeys(first)) if same else [CAMPAIGNS_MODEL]


def check_free(manifest: Path, campaign: Campaign | None = None) -> None:
    """Refuse another campaign's place (`ManifestError`); one whose manifest failed to be written is this campaign."""
    if manifest.is_dir():
        raise ManifestError(f"{manifest}: is a folder", f"name a file: -o {shlex.quote(str(manifest / MANIFEST_NAME))}")
    file = campaign_file(manifest)
    text = encode_text(file, campaign_text(campaign)) if campaign else b""
    if manifest.exists() or (campaign and file.exists() and read_bounded(file, len(text)) != text):
        raise ManifestError(
            f"{manifest if manifest.exists() else file}: already exists",
            "--append adds videos to that campaign, -o names another folder, --overwrite replaces it",
        )


def _nothing_found(inputs: Sequence[str], found: Discovery) -> str:
    text = f"no video in {', '.join(inputs)}"
    return f"{text}; left out: {found.skipped[0].path} ({found.skipped[0].reason})" if found.skipped else text


def _probe(videos: Sequence[FoundVideo], jobs: int | None, progress: RowProgress) -> tuple[list[Row], dict[str, str]]:
    """Rows numbered from 0, and remarks on odd videos, by the videos' names."""
    with progress("probing videos", len(videos)) as step:
        facts = probe_all([video.path for video in videos], jobs=jobs, done=step)
    rows = [_row(index, video, found) for index, (video, found) in enumerate(zip(videos, facts, strict=True))]
    return rows, {row.video: found.note for row, found in zip(rows, facts, strict=True) if found.note}


def _row(index: int, video: FoundVideo, facts: VideoFacts) -> Row:
    known = {name: value for name, value in asdict(facts).items() if name != "note"}
    row = Row(index=index, video=video.video, **known)
    return replace(row, error=video.error) if video.error else row


def _noted(rows: Sequence[Row], notes: dict[str, str]) -> list[tuple[Row, str]]:
    one_each = {row.video: row for row in reversed(rows)}
    return [(one_each[video], note) for video, note in notes.items() if video in one_each]


def _known_files(rows: Sequence[Row], root: Path) -> Iterator[tuple[FileId, Path]]:
    for row in rows:
        identity = file_id(root / row.video)
        if identity:
            yield identity, root / row.video


def _same_content(old: Sequence[Row], new: Sequence[Row]) -> list[tuple[Row, Row]]:
    first: dict[str, Row] = {row.fingerprint: row for row in reversed(old) if row.fingerprint}
    pairs = []
    for row in new:
        if not row.fingerprint or not row.bytes:
            continue
        known = first.setdefault(row.fingerprint, row)
        if known.video != row.video:  # else it is the same video for another model
            pairs.append((row, known))
    return pairs
