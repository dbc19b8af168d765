"""The times of a row's frames: the file `frame-times.csv.gz`, what a receipt says about it, and what is odd in it.

The file has the header ``frame,time_s`` and a line for each frame of the stream, with seconds as the container counts
them; an empty field is a time that is not known. In memory times are an ``array("d")``, NaN where not known.
"""

from __future__ import annotations

import gzip
import math
import zlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from dlcctr.errors import OutputError
from dlcctr.system.values.records import OMIT, Open

CONTAINER, COUNTED, HARDWARE, NONE = "container", "frame number / rate", "hardware", "none"
"""Sources of times: the container's timestamps; its number of each frame, as in AVI; a file of the lab's; nothing."""
HEADER = b"frame,time_s\n"
AGAIN = "analyse this row again: only its times are renewed"
LISTED = 100
"""Most places of each kind that a receipt lists."""
GAP_STEPS = 1.5
"""A gap is a step longer than this many times the median step."""
SAMPLED_STEPS = 100_000
"""Steps that the median is taken of, evenly spread, so that a day of video needs no list of them."""
LINE_BYTES = 64
"""Longer than any line."""
LINES_AT_ONCE = 10_000


@dataclass(frozen=True)
class TimePlaces(Open):
    """The first places of each kind, at most `LISTED`.

    Parameters
    ----------
    gaps, backwards : tuple of (frame, step_s)
        A frame, and the seconds since the last one before it whose time is known.
    repeats : tuple of int
        Frames with the time of the one before.
    unknown : tuple of (first, stop)
        Half-open ranges of frames.
    """

    gaps: tuple[tuple[int, float], ...] = field(default=(), metadata=OMIT)
    repeats: tuple[int, ...] = field(default=(), metadata=OMIT)
    backwards: tuple[tuple[int, float], ...] = field(default=(), metadata=OMIT)
    unknown: tuple[tuple[int, int], ...] = field(default=(), metadata=OMIT)


@dataclass(frozen=True)
class FrameTimes(Open):
    """What a receipt says about the times.

    Parameters
    ----------
    source : str
        `CONTAINER`, `COUNTED`, `HARDWARE` or `NONE`.
    zero_s : float or None
        Time of the first frame whose time is known; None where none is.
    rate : float or None
        Nominal frames/s of the video; None where the file does not say it.
    gaps, repeats, backwards, unknown : int
        Numbers of frames behind a gap, with the time of the one before, with an earlier one, and without a time.
    listed : TimePlaces
        Where these are.
    reordered : int
        Frames that got the time of one close by, because the container's times contradict the order in which frames
        are shown.
    file, sha256 : str
        Of hardware times: the manifest's cell, and the hash of the file that it names.
    """

    source: str = NONE
    zero_s: float | None = None
    rate: float | None = None
    gaps: int = 0
    repeats: int = 0
    backwards: int = 0
    unknown: int = 0
    listed: TimePlaces = field(default=TimePlaces(), metadata=OMIT)
    reordered: int = field(default=0, metadata=OMIT)
    file: str = field(default="", metadata=OMIT)
    sha256: str = field(default="", metadata=OMIT)


def describe_times(
    times: Sequence[float], source: str, rate: float | None, *, file: str = "", sha256: str = ""
) -> FrameTimes:
    """Count and list what is odd in times; parameters as of `FrameTimes`."""
    gaps, repeats, backwards = _Places(), _Places(), _Places()
    unknown, ranges = 0, list[tuple[int, int]]()
    usual = _usual_step(times)
    last, zero = -1, next((time for time in times if not math.isnan(time)), None)
    for frame, time in enumerate(times):
        if time != time:  # noqa: PLR0124 - NaN; there may be millions
            unknown += 1
            if ranges and ranges[-1][1] == frame:
                ranges[-1] = ranges[-1][0], frame + 1
            elif len(ranges) < LISTED:
                ranges.append((frame, frame + 1))
            continue
        if last >= 0:
            step = time - times[last]
            if step <= 0:
                (repeats if step == 0 else backwards).add(frame, step)
            elif step > (frame - last - 1 + GAP_STEPS) * usual > 0:
                gaps.add(frame, step)
        last = frame
    places = TimePlaces(
        tuple(gaps.first), tuple(frame for frame, _ in repeats.first), tuple(backwards.first), tuple(ranges)
    )
    return FrameTimes(
        source, zero, rate, gaps.count, repeats.count, backwards.count, unknown, places, file=file, sha256=sha256
    )


class _Places:
    """Number of places, and the first of them."""

    def __init__(self) -> None:
        self.count, self.first = 0, list[tuple[int, float]]()

    def add(self, frame: int, step: float) -> None:
        self.count += 1
        if self.count <= LISTED:
            self.first.append((frame, round(step, 9)))


def _usual_step(times: Sequence[float]) -> float:
    """Median of the steps forward; 0 where there is none."""
    stride = max(1, len(times) // SAMPLED_STEPS)
    steps = [times[n + 1] - times[n] for n in range(0, len(times) - 1, stride)]
    return median(forward) if (forward := [step for step in steps if step > 0]) else 0.0


def write_frame_times(file: Path, times: Sequence[float]) -> None:
    """Write a file of times; the same times give the same bytes. Raises `OSError`."""
    with file.open("wb") as stream, gzip.GzipFile("", "wb", 6, stream, mtime=0) as packed:
        packed.write(HEADER)
        for first in range(0, len(times), LINES_AT_ONCE):
            part = times[first : first + LINES_AT_ONCE]
            packed.write("".join(f"{n},{_text(time)}\n" for n, time in enumerate(part, first)).encode())


def _text(time: float) -> str:
    if time != time:  # noqa: PLR0124 - NaN
        return ""
    text = f"{time:.9f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def read_frame_times(file: Path) -> array[float]:
    """Times in a file, NaN where not known.

    Raises
    ------
    OutputError
        It cannot be read, or is not a file of times; the message names file and line.
    """
    times = array("d")
    try:
        with gzip.open(file, "rb") as lines:
            if lines.readline(LINE_BYTES) != HEADER:
                raise OutputError(f"{file}, line 1: not a file of frame times", AGAIN)
            times.extend(_values(file, iter(lambda: lines.readline(LINE_BYTES), b"")))
    except (OSError, EOFError, zlib.error) as error:
        raise OutputError(f"{file}: cannot be read: {getattr(error, 'strerror', None) or error}", AGAIN) from error
    return times


def times_problems(file: Path, frames: int) -> list[str]:
    """Why a file does not have a time for each of a video's frames; empty where it has."""
    try:
        count = len(read_frame_times(file))
    except OutputError as error:
        return [error.message]
    return [] if count == frames else [f"{file.name} has {count} times for {frames} frames"]


def _values(file: Path, lines: Iterator[bytes]) -> Iterator[float]:
    for frame, line in enumerate(lines):
        number, _, text = line.partition(b",")
        try:
            value = float(text) if text != b"\n" else math.nan
            if number != b"%d" % frame or not line.endswith(b"\n") or (text != b"\n" and not math.isfinite(value)):
                raise ValueError
        except ValueError:
            raise OutputError(f"{file}, line {frame + 2}: not the time of frame {frame}", AGAIN) from None
        yield value
