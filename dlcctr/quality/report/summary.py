"""The campaign in a few numbers: states, hours, speed, causes of failure, flags by camera and day."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from dlcctr.quality.cameras import NO_DAY
from dlcctr.quality.report.collect import Report, Video
from dlcctr.quality.report.details import device_of
from dlcctr.results.row_state import State
from dlcctr.system.terminal.console import duration, ranges

CauseOf = Callable[[int, str, str], str]
"""From an exit code, the cause in words and the node to the machine word of the cause."""
MAX_LINES, MAX_COLUMNS = 24, 31
OTHERS = "all others"
FAILED = (State.FAILED, State.QUARANTINED, State.BROKEN, State.UNREADABLE)


@dataclass(frozen=True)
class CauseCount:
    """A cause of failure: how many rows, which, and what the first of them says."""

    kind: str
    count: int
    rows: str
    example: str


@dataclass(frozen=True)
class HeatMap:
    """Flagged videos by two things.

    Parameters
    ----------
    by : str
        What the columns are: ``day`` or ``flag``.
    columns : list of str
    lines : list of (name, cells)
        A cell is (flagged videos, judged videos).
    """

    by: str
    columns: list[str]
    lines: list[tuple[str, list[tuple[int, int]]]]

    @property
    def darkest(self) -> float:
        """Largest share of flagged videos in a cell."""
        return max((flagged / judged for _, cells in self.lines for flagged, judged in cells if judged), default=0.0)


@dataclass(frozen=True)
class Summary:
    """Numbers of a campaign; None where the receipts do not tell.

    Parameters
    ----------
    states : dict
        State of `check` to number of rows, all states named.
    analysed : int
        Rows with a result, whatever is left of the steps after it.
    video_h, analysed_h : float
        Hours of video in the manifest, and of those with a result.
    frames : int
        Frames that were analysed.
    gpu_h, cpu_h : float
        Hours of GPUs, and hours of CPUs times their threads, failed attempts included.
    failed_h : float
        Hours of attempts (of any device) that left a row without a result.
    row_h, span_h : float or None
        Sum of the rows' own times, and from the first start to the last end.
    speed_up : float or None
        `row_h` / `span_h`: against one device that does one row after the other.
    real_time : float or None
        Hours of video analysed in an hour of one device.
    devices : dict
        Name to number of rows.
    judged, flagged, rated : int
        Rows with a quality.json, with a flag, with a rating.
    ratings : dict
        Rating to number of rows.
    flags : dict
        Kind of flag to number of videos, most first.
    causes : list of CauseCount
        Most first.
    maps : list of HeatMap
    """

    states: dict[str, int]
    analysed: int
    video_h: float
    analysed_h: float
    frames: int
    gpu_h: float
    cpu_h: float
    failed_h: float
    row_h: float | None
    span_h: float | None
    speed_up: float | None
    real_time: float | None
    devices: dict[str, int]
    judged: int
    flagged: int
    rated: int
    ratings: dict[str, int]
    flags: dict[str, int]
    causes: list[CauseCount]
    maps: list[HeatMap]


def hours_text(hours: float) -> str:
    """Hours for people: ``32 s``, ``1 h 05 min``, ``248 h``."""
    return f"{hours:,.0f} h" if hours >= 10 else duration(3600 * hours)


def summarise(report: Report, cause_of: CauseOf) -> Summary:
    """Count a campaign."""
    videos = report.by_index
    done = [video for video in videos if video.result.analysed]
    timed = [video for video in done if video.attempt and video.attempt.total_s]
    row_s, span_s = _times(timed)
    timed_s = sum(video.duration_s or 0.0 for video in timed)
    flagged = [video for video in videos if video.flags]
    names = Counter(name for video in flagged for name in video.flag_names)
    ratings = Counter(video.rating.rating or "note only" for video in videos if video.rating)
    return Summary(
        states=report.check.totals,
        analysed=len(done),
        video_h=_hours(video.duration_s for video in videos),
        analysed_h=_hours(video.duration_s for video in done),
        frames=sum(v.receipt.frames.decoded for v in done if v.receipt and v.receipt.frames),
        gpu_h=_hours(v.attempt.total_s for v in videos if v.attempt and v.attempt.on_gpu),
        cpu_h=_hours(_cpu_s(video) for video in videos),
        failed_h=_hours(
            v.attempt.total_s for v in videos if v.attempt and not v.result.made and v.result.state in FAILED
        ),
        row_h=row_s / 3600 if row_s else None,
        span_h=span_s / 3600 if span_s else None,
        speed_up=row_s / span_s if row_s and span_s else None,
        real_time=timed_s / row_s if row_s and timed_s else None,
        devices=dict(Counter(name for v in done if v.receipt and (name := device_of(v.receipt))).most_common()),
        judged=sum(video.quality is not None for video in videos),
        flagged=len(flagged),
        rated=sum(bool(video.rating and video.rating.rating) for video in videos),
        ratings=dict(ratings.most_common()),
        flags=dict(names.most_common()),
        causes=_causes(videos, cause_of),
        maps=_maps(videos, list(dict(names.most_common()))),
    )


def _hours(seconds: Iterable[float | None]) -> float:
    return math.fsum(each or 0.0 for each in seconds) / 3600


def _times(timed: Sequence[Video]) -> tuple[float, float]:
    """Sum of the rows' times, and from the first start to the last end; 0 where not known."""
    attempts = [video.attempt for video in timed if video.attempt]
    starts = [attempt.started for attempt in attempts if attempt.started is not None]
    ends = [attempt.finished for attempt in attempts if attempt.finished is not None]
    row_s = sum(attempt.total_s or 0.0 for attempt in attempts)
    span_s = max(ends) - min(starts) if len(starts) == len(attempts) == len(ends) > 1 else 0.0
    return row_s, max(span_s, 0.0)


def _cpu_s(video: Video) -> float:
    device = video.receipt.device if video.receipt else None
    if device is None or device.type != "cpu" or not video.attempt:
        return 0.0
    return (video.attempt.total_s or 0.0) * (device.threads or 1)


def _causes(videos: Sequence[Video], cause_of: CauseOf) -> list[CauseCount]:
    found: dict[str, list[Video]] = {}
    for video in videos:
        if video.result.state in FAILED:
            found.setdefault(_cause(video, cause_of), []).append(video)
    ordered = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    return [
        CauseCount(kind, len(rows), ranges(v.row.index for v in rows), rows[0].result.cause) for kind, rows in ordered
    ]


def _cause(video: Video, cause_of: CauseOf) -> str:
    if video.result.state in (State.BROKEN, State.UNREADABLE):
        return str(video.result.state.value)
    attempt = video.result.attempt  # of the step, where one has failed
    return cause_of(attempt.exit_code, video.result.cause, attempt.host) if attempt else str(video.result.state.value)


def _maps(videos: Sequence[Video], flags: Sequence[str]) -> list[HeatMap]:
    judged = [video for video in videos if video.quality is not None]
    maps = []
    days = sorted({video.compared.day for video in judged} - {NO_DAY})
    if days:
        has_none = any(video.compared.day == NO_DAY for video in judged)
        maps.append(_map("day", judged, [*days, *([NO_DAY] if has_none else [])]))
    if flags:
        maps.append(_map("flag", judged, flags))
    return maps


def _map(by: str, videos: Sequence[Video], columns: Sequence[str]) -> HeatMap:
    cameras = Counter(video.compared.camera for video in videos)
    kept = sorted(name for name, _ in cameras.most_common(MAX_LINES if len(cameras) <= MAX_LINES else MAX_LINES - 1))
    lines = [*kept, *([OTHERS] if len(cameras) > len(kept) else [])]
    # the newest days, the most frequent flags
    shown = list(columns[-MAX_COLUMNS:] if by == "day" else columns[:MAX_COLUMNS])
    counts = {line: dict.fromkeys(shown, (0, 0)) for line in lines}
    for video in videos:
        cells = counts[video.compared.camera if video.compared.camera in kept else OTHERS]
        for column in shown:
            if by == "flag" or video.compared.day == column:
                is_flagged = column in video.flag_names if by == "flag" else bool(video.flags)
                flagged, all_of_them = cells[column]
                cells[column] = (flagged + is_flagged, all_of_them + 1)
    return HeatMap(by, shown, [(line, [counts[line][column] for column in shown]) for line in lines])
