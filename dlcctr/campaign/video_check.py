"""Whether videos and models still are what the manifest's rows say."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from dlcctr.campaign.config import Campaign
from dlcctr.campaign.rows import Row, row_settings
from dlcctr.errors import VideoError

NAMED = 5


def check_models(campaign: Campaign, rows: Sequence[Row]) -> None:
    """Every model of the rows is whole, and the campaign's is the one that it was made for; raises `ModelError`."""
    from dlcctr.campaign.rows import inspect_campaign_model

    settings = {replace(row_settings(row, campaign), crop=None) for row in rows}  # a crop is no other model
    for each in settings:
        inspect_campaign_model(each)


def bad_videos(campaign: Campaign, rows: Sequence[Row]) -> dict[int, str]:
    """Rows whose video is not there, cannot be read, or has another size than the manifest says; why for each."""
    with ThreadPoolExecutor(max_workers=16) as pool:
        found = pool.map(lambda row: _video_problem(campaign.video_root / row.video, row), rows)
        return {row.index: problem for row, problem in zip(rows, found, strict=True) if problem}


def _video_problem(path: Path, row: Row) -> str:
    try:
        size = path.stat().st_size
    except OSError as error:
        return f"{path}: {error.strerror}"
    if row.bytes is not None and size != row.bytes:
        return f"{path}: {size} bytes, the manifest says {row.bytes}"
    return "" if os.access(path, os.R_OK) else f"{path}: you may not read it"


def require_sound_videos(problems: dict[int, str]) -> None:
    """Raise `VideoError` that names the first of them."""
    if problems:
        named = "; ".join(f"row {index}: {problem}" for index, problem in list(problems.items())[:NAMED])
        more = f"; and {len(problems) - NAMED} more" if len(problems) > NAMED else ""
        raise VideoError(
            f"{len(problems)} videos cannot be analysed: {named}{more}",
            "bring them back (see `dlcctr validate`), or submit the others with --skip-bad-videos",
        )
