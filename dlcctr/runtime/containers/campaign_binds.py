"""What of a campaign a container must see."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from dlcctr.campaign.config import Campaign
from dlcctr.campaign.rows import Row
from dlcctr.runtime.containers.binds import linked_files


def row_inputs(manifest: Path, settings: Campaign, row: Row) -> Iterator[Path]:
    """Files and folders that are read for a row: campaign, video and model, and where links of these lead."""
    yield manifest.parent
    yield settings.video_root
    yield Path(os.path.realpath(settings.video_root / row.video))
    if settings.model:
        yield settings.model
        for folder in settings.model.glob("dlc-models*"):
            yield from linked_files(folder)
