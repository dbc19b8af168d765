"""Log lines with the progress of a video, each beside the function that parses it.

Logs of finished rows are kept: what is written may change only together with a reader that knows the old form as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from dlcctr.system.values.numbers import parse_whole

BEGUN = re.compile(r"(?P<label>.+): (?P<total>[0-9]+) frames")
SO_FAR = re.compile(
    r"(?P<label>.+): (?P<done>[0-9]+)/(?P<total>[0-9]+) frames \([0-9]+%\), (?P<speed>[0-9]{1,12}\.[0-9]) frames/s"
    r"(, [0-9]+:[0-9]{2}:[0-9]{2} left)?"
)
ENDED = re.compile(r"(?P<label>.+): (?P<total>[0-9]+) frames in [0-9]+:[0-9]{2}:[0-9]{2}, [0-9]+\.[0-9] frames/s")

LEAST_SPEED = 0.05
"""Least speed that is not shown as 0.0 frames/s."""

READ_AGAIN_AFTER = ("finding animals",)
"""Phases after which the frames are read again, for their body parts, which may take as long."""


@dataclass(frozen=True)
class FrameLine:
    """Content of such a line.

    Parameters
    ----------
    label : str
        What is being done, for example ``row 3 (a.mp4): analysing``.
    done, total : int
        Frames. Of work that began late in a video the last line counts its own frames alone.
    frames_per_s : float or None
        None where it has just begun.
    """

    label: str
    done: int
    total: int
    frames_per_s: float | None = None
    ended: bool = False


def frames_left(phase: str, done: int, total: int) -> int:
    """Frames that still have to be read of a video in this phase."""
    return max(total - done, 0) + (total if phase in READ_AGAIN_AFTER else 0)


def begun_line(label: str, total: int) -> str:
    """First line."""
    return f"{label}: {total} frames" if total else f"{label}: started"


def so_far_line(label: str, done: int, total: int, frames_per_s: float) -> str:
    """Line in between; a total of 0 means that it is not known."""
    speed = f"{frames_per_s:.1f} frames/s"
    if not total:
        return f"{label}: {done} frames, {speed}"
    left = f", {clock_text((total - done) / frames_per_s)} left" if frames_per_s >= LEAST_SPEED else ""
    return f"{label}: {done}/{total} frames ({100 * done // total}%), {speed}{left}"


def ended_line(label: str, frames: int, elapsed_s: float, frames_per_s: float) -> str:
    """Last line."""
    return f"{label}: {frames} frames in {clock_text(elapsed_s)}, {frames_per_s:.1f} frames/s"


def parse_frame_line(line: str) -> FrameLine | None:
    """Parse one of these lines; None for any other, and for work whose total is not known."""
    if found := SO_FAR.fullmatch(line):
        done, total = parse_whole(found["done"]), parse_whole(found["total"])
        if done is None or total is None or done > total:
            return None
        return FrameLine(found["label"], done, total, float(found["speed"]))
    if found := ENDED.fullmatch(line) or BEGUN.fullmatch(line):
        ended = found.re is ENDED
        total = parse_whole(found["total"])
        return None if total is None else FrameLine(found["label"], total if ended else 0, total, ended=ended)
    return None


def clock_text(seconds: float) -> str:
    """``1:02:03``."""
    whole = max(0, round(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}"
