"""The task for one row: manifest, campaign and command line put together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from dlcctr.campaign.config import Campaign, read_campaign
from dlcctr.campaign.manifest import read_manifest
from dlcctr.campaign.precision import FLOAT32
from dlcctr.campaign.rows import (
    NO_FOLDER_HINT,
    Row,
    find_row,
    folder_problem,
    inspect_campaign_model,
    row_settings,
)
from dlcctr.campaign.tracking import TRACKING_HINT, tracking_problem
from dlcctr.campaign.validate import ADD
from dlcctr.campaign.videos.fingerprint import fingerprint
from dlcctr.campaign.videos.near_names import near_text
from dlcctr.contract import failure_file, row_folder
from dlcctr.errors import ManifestError, UsageError, VideoError
from dlcctr.model.inspection import ModelInfo
from dlcctr.model.project.trust import require_trust
from dlcctr.results.expected import Expected, expected_of
from dlcctr.system.terminal.console import one_line

if TYPE_CHECKING:
    from entrypoint.analyze.request import RowRequest

T = TypeVar("T")


@dataclass(frozen=True)
class RowTask:
    """One row with all its settings and paths."""

    row: Row
    settings: Campaign
    model: ModelInfo
    trusted: bool = False
    """The project asks for code in its snapshots to be run, and the command line agrees."""
    beside: tuple[RowTask, ...] = ()
    """Rows of other models on the same video whose turn comes next: one pass may feed all of their networks."""

    @property
    def name(self) -> str:
        """Name of the row in messages, on one line whatever the video is called."""
        return one_line(f"row {self.row.index} ({self.row.video})")

    @property
    def video(self) -> Path:
        """The video's file."""
        return self.settings.video_root / self.row.video

    @property
    def folder(self) -> Path:
        """Folder of the result."""
        return row_folder(self.settings.out, self.model.id, self.row.video)

    @property
    def failure_file(self) -> Path:
        """File that explains a failure."""
        return failure_file(self.settings.out, self.model.id, self.row.video)

    @property
    def crop(self) -> tuple[int, int, int, int] | None:
        """Crop in force: the row's, the campaign's, or that of a project which the campaign was not made for."""
        return self.settings.crop_in_force(self.model.crop)

    @property
    def columns(self) -> list[tuple[str, ...]]:
        """Columns of the result's .h5, in order and without the scorer."""
        return self.model.columns(self.settings.tracking.names(self.model.individuals))

    @cached_property
    def fingerprint(self) -> str:
        """Fingerprint in the manifest, or of the file itself if the manifest has none."""
        return self.row.fingerprint or _fingerprint(self.row.video, self.settings.video_root)

    @property
    def may_be_one_pass(self) -> bool:
        """Whether our loop may take the row without a scan, as far as is known before it has a look at the model."""
        model = self.model
        return not (model.multianimal or model.top_down or model.conditions)

    def may_share_pass(self, other: RowTask) -> bool:
        """Whether one pass over the video may be for another row as well."""
        return (
            self.may_be_one_pass
            and other.may_be_one_pass
            and (self.row.video, self.fingerprint) == (other.row.video, other.fingerprint)
            and (self.model.engine, self.crop) == (other.model.engine, other.crop)
            and self.settings.video_root == other.settings.video_root
            and self.settings.out == other.settings.out
        )

    @property
    def expected(self) -> Expected:
        """What a finished result must have been made with."""
        return expected_of(self.settings, self.model)


def resolve(request: RowRequest) -> RowTask:
    """Read manifest, campaign and model for a request.

    Raises
    ------
    ManifestError
        No such row, or no such manifest.
    UsageError
        Stock DeepLabCut is to compute in another precision than float32.
    ModelError
        No model is named, it is incomplete, it is no longer the campaign's, or it asks for trust that is not given.
    """
    row = find_row(read_manifest(request.manifest), request.index, request.manifest)
    return resolve_row(row, read_campaign(request.manifest), request)


def resolve_row(row: Row, campaign: Campaign, request: RowRequest) -> RowTask:
    """Put a row, its campaign and the command line together; raises as `resolve` does."""
    if request.out is None and (problem := folder_problem(row)):
        raise ManifestError(f"{request.manifest}, line {row.line}: row {row.index}: {problem}", NO_FOLDER_HINT)
    settings = _override(row_settings(row, campaign), request)
    if request.path == "stock" and settings.precision != FLOAT32:
        raise UsageError(
            f"stock DeepLabCut computes in float32, not in {settings.precision}",
            "leave --path stock or the precision out",
        )
    model = inspect_campaign_model(settings)
    if problem := tracking_problem(settings.tracking, model):
        raise ManifestError(f"{request.manifest}: row {row.index}, {row.video}: {problem}", TRACKING_HINT)
    require_trust(model.unsafe_loading, given=request.trust_model)
    return RowTask(row, settings, model, trusted=bool(model.unsafe_loading))


def _override(settings: Campaign, request: RowRequest) -> Campaign:
    changed = replace(
        settings,
        model=request.model.absolute() if request.model else settings.model,
        out=request.out.absolute() if request.out else settings.out,
        video_root=request.video_root.absolute() if request.video_root else settings.video_root,
        csv=_given(request.csv, settings.csv),
        batch_size=_given(request.batch_size, settings.batch_size),
        snapshot=_given(request.snapshot, settings.snapshot),
        shuffle=_given(request.shuffle, settings.shuffle),
        trainset_index=_given(request.trainset_index, settings.trainset_index),
        crop=_given(request.crop, settings.crop),
        precision=_given(request.precision, settings.precision),
        is_pinned=settings.is_pinned and not request.model,
    )
    other_model = (request.model, request.snapshot, request.shuffle, request.trainset_index)
    return changed if other_model == (None,) * 4 else changed.without_model_facts()


def _given(option: T | None, setting: T) -> T:
    """An option where it was given, else the campaign's setting."""
    return setting if option is None else option


def check_video(task: RowTask) -> None:
    """Refuse a video that cannot be what the manifest means; raises as `check_row_video` does."""
    check_row_video(task.row, task.fingerprint, task.settings.video_root)


def check_row_video(row: Row, wanted: str, root: Path) -> None:
    """Refuse a video that cannot be what the manifest means.

    Parameters
    ----------
    wanted : str
        Its fingerprint.
    root : Path
        Folder that the row's video is relative to.

    Raises
    ------
    VideoError
        It was unreadable when the manifest was made, does not exist, or has changed since.
    """
    if row.error:
        raise VideoError(
            f"{root / row.video}: not readable when the manifest was made: {row.error}",
            f"repair the video, give it another name, and add it: {ADD}",
        )
    found = _fingerprint(row.video, root)
    if found != wanted:
        raise VideoError(
            f"{root / row.video}: not the video that the manifest was made for (fingerprint {found}, "
            f"manifest line {row.line}: {wanted})",
            f"bring the old file back, or give the new one another name and add it: {ADD}",
        )


def _fingerprint(name: str, root: Path) -> str:
    video = root / name
    try:
        return fingerprint(video)
    except FileNotFoundError:
        where = near_text(root, name) if root.is_dir() else f" (nor is the video root {root})"
        raise VideoError(
            f"{video}: the video does not exist{where}",
            "give the videos' folder with --video-root; in a container, mount that folder",
        ) from None
    except OSError as error:
        raise VideoError(
            f"{video}: cannot be read ({error.strerror})", "check the file's owner and permissions"
        ) from error
