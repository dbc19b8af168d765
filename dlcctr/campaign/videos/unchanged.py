"""Whether videos and models still are what the manifest's rows say."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from dlcctr.campaign.config import Campaign
from dlcctr.campaign.hardware_times import times_file
from dlcctr.campaign.rows import Row, folder_problem, row_settings
from dlcctr.campaign.tracking import PROJECTS_OWN
from dlcctr.campaign.videos.fingerprint import fingerprint
from dlcctr.campaign.videos.near_names import near_text
from dlcctr.errors import VideoError
from dlcctr.model.inspection import ModelInfo
from dlcctr.system.terminal.console import plural

NAMED = 5


def check_models(campaign: Campaign, rows: Sequence[Row]) -> list[ModelInfo]:
    """Raise `ModelError` unless every model of the rows is complete and the campaign's is the one it was made for."""
    from dlcctr.campaign.rows import inspect_campaign_model

    settings = {replace(row_settings(row, campaign), crop=None, tracking=PROJECTS_OWN) for row in rows}
    return [inspect_campaign_model(each) for each in settings]


def bad_videos(campaign: Campaign, rows: Sequence[Row]) -> dict[int, str]:
    """Rows whose video is missing, unreadable or of another size than in the manifest, with the reason for each.

    A row's file of hardware times must be there, too, and its result must have a folder of its own.
    """
    with ThreadPoolExecutor(max_workers=16) as pool:
        found = pool.map(lambda row: _row_problem(campaign.video_root, row), rows)
        return {row.index: problem for row, problem in zip(rows, found, strict=True) if problem}


def _row_problem(root: Path, row: Row) -> str:
    problem = folder_problem(row) or _video_problem(root, row)
    if not problem and row.times and not os.access(file := times_file(row, root), os.R_OK):
        return f"{file}: no such file of hardware times, or no permission to read it"
    return problem


def _video_problem(root: Path, row: Row) -> str:
    path = root / row.video
    try:
        problem = find_change(path, row)
    except OSError as error:
        near = near_text(root, row.video) if isinstance(error, FileNotFoundError) else ""
        return f"{path}: {error.strerror}{near}"
    if problem:
        return f"{path}: {problem}"
    return "" if os.access(path, os.R_OK) else f"{path}: no permission to read it"


def changed_videos(campaign: Campaign, rows: Sequence[Row]) -> dict[int, str]:
    """Rows whose video's content has changed since the row was made; reads a part of each file."""
    with ThreadPoolExecutor(max_workers=16) as pool:
        found = pool.map(lambda row: find_change(campaign.video_root / row.video, row, content=True), rows)
        return {
            row.index: f"{campaign.video_root / row.video}: {problem}"
            for row, problem in zip(rows, found, strict=True)
            if problem
        }


def find_change(path: Path, row: Row, *, content: bool = False) -> str:
    """How a video differs from what its row says: in size and, with `content`, in its fingerprint.

    Returns
    -------
    str
        Empty where it does not, or where the row does not say.

    Raises
    ------
    OSError
        The video is not there, or cannot be read.
    """
    size = path.stat().st_size
    if row.bytes is not None and size != row.bytes:
        return f"has {size} bytes, but {row.bytes} in the manifest"
    if content and row.fingerprint and fingerprint(path) != row.fingerprint:
        return "its content has changed since the row was made"
    return ""


def require_sound_videos(problems: dict[int, str]) -> None:
    """Raise a `VideoError` that names the first few problems."""
    if problems:
        named = "; ".join(f"row {index}: {problem}" for index, problem in list(problems.items())[:NAMED])
        more = f"; and {len(problems) - NAMED} more" if len(problems) > NAMED else ""
        raise VideoError(
            f"{plural(len(problems), 'video')} cannot be analysed: {named}{more}",
            "put them back (`dlcctr validate MANIFEST` lists them), or submit the others with --skip-bad-videos",
        )
