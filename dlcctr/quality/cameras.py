"""Which rows are of one camera, and of which day: by the manifest's word for it, else by the video's name and facts."""

from __future__ import annotations

import math
import re
from pathlib import PurePosixPath

from dlcctr.campaign.rows import Row

NO_DAY = "no date in its name"
_DAY = re.compile(r"(?<!\d)((?:19|20)\d\d)([-_.]?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])(?!\d)")
"""A date as cameras write it into names: 2026-01-31, 20260131, 2026_01_31."""


def camera_of(row: Row) -> str:
    """Name of a row's camera: the manifest's `camera`, else folder without days, size of the picture and frame rate."""
    if row.camera:
        return row.camera
    folders = [_DAY.sub("", part).strip(" -_.") for part in PurePosixPath(row.video).parent.parts]
    facts = [
        "/".join(filter(None, folders)),
        f"{row.width}×{row.height}" if row.width and row.height else "",
        f"{row.fps:.4g}/s" if row.fps and math.isfinite(row.fps) else "",
    ]
    return " · ".join(filter(None, facts)) or "unknown"


def day_of(video: str) -> str:
    """Day in a video's path, the last one where there are several: ``2026-01-31``, or `NO_DAY`."""
    found = _DAY.findall(video)
    return f"{found[-1][0]}-{found[-1][2]}-{found[-1][3]}" if found else NO_DAY
