"""Whether a result's times are still those that the manifest asks for: hardware times may come, change and go."""

from __future__ import annotations

from pathlib import Path

from dlcctr.campaign.hardware_times import times_file
from dlcctr.campaign.rows import Row
from dlcctr.results.receipt import Receipt
from dlcctr.results.times.frame_times import HARDWARE
from dlcctr.system.hash_cache import find_sha256

STALE = "its times are stale"
RENEWAL = "the next attempt at the row renews them, and analyses nothing again"


def stale_times(receipt: Receipt, row: Row, video_root: Path) -> tuple[str, str]:
    """What is wrong with a result's times, and a note; both empty where they are what the manifest asks for."""
    held = receipt.times
    made_with = held.file if held and held.source == HARDWARE else ""
    if not row.times:
        why = f"they are of {made_with}, which the manifest no longer names" if made_with else ""
        return _problem(why), ""
    if made_with != row.times:
        of = f"of {made_with}" if made_with else "the video's own" if held else "missing"
        return _problem(f"they are {of}, and the manifest names {row.times}"), ""
    file = times_file(row, video_root)
    try:
        changed = find_sha256(file) != (held.sha256 if held else "")
    except OSError:
        return "", f"its times are of {row.times}, which is no longer on this machine"
    return _problem(f"{row.times} was changed since they were taken from it" if changed else ""), ""


def _problem(why: str) -> str:
    return f"{STALE}: {why}; {RENEWAL}" if why else ""
