"""`quality.json`: what was measured of one row's result, and what is suspicious about it.

The names of the numbers in `Quality.summary` and of the flags are described in docs/quality.md. Readers ignore keys
that they do not know, so that a later version can say more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from dlcctr.errors import ContractError, OutputError
from dlcctr.system.files import write_text_atomic
from dlcctr.system.state_files import StateFile
from dlcctr.system.values.names import check_name
from dlcctr.system.values.records import OMIT, Open

QUALITY_FILENAME = "quality.json"
TABLE_FILENAME = "quality.csv.gz"
QUALITY_VERSION = 2
"""Contract version of the first program that judges results; raised when a key changes its meaning."""
MAX_STRETCHES = 20
MAX_BINS = 600
SOURCES = ("labels", "campaign", "none")
"""Where a prior came from: the project's labelled frames, the campaign's own confident frames, or there is none."""
FLAG_SOURCES = ("labels", "campaign", "fixed")


@dataclass(frozen=True)
class PriorUsed(Open):
    """The pose prior that a row was compared with.

    Parameters
    ----------
    source : str
        ``labels``, ``campaign`` or ``none``.
    hash : str
        SHA-256 of its file's content; empty for none.
    """

    source: str = "none"
    hash: str = ""


@dataclass(frozen=True)
class PartQuality(Open):
    """One body part of one animal; None where there was nothing to measure.

    Parameters
    ----------
    individual : str
        Empty in results of one animal.
    likelihood_median : float or None
        Median over all frames.
    low_share, jump_share, frozen_share, outside_share, odd_share : float or None
        Shares (0-1) of frames in which the likelihood is low, the part jumped, its position is exactly that of the
        frame before, it is outside of the picture, or it does not fit the other parts.
    """

    name: str
    individual: str = ""
    likelihood_median: float | None = None
    low_share: float | None = None
    jump_share: float | None = None
    frozen_share: float | None = None
    outside_share: float | None = None
    odd_share: float | None = None


@dataclass(frozen=True)
class Flag(Open):
    """Something suspicious, with the number that says so.

    Parameters
    ----------
    name : str
        Kind, as in `dlcctr.quality.flagging.flag_kinds`; a later version may have others.
    value, threshold : float
        What was measured, and the limit that it exceeds (or falls below).
    source : str
        Where the limit came from: ``labels``, ``campaign``, or ``fixed``.
    advice : str
        What to do about it, one sentence.
    part, individual : str
        Body part and animal; empty where the flag is about the whole.
    first, stop : int or None
        Frames ``[first, stop)`` of the worst stretch; None where it is about the whole video.
    """

    name: str
    value: float
    threshold: float
    source: str = "fixed"
    advice: str = ""
    part: str = ""
    individual: str = ""
    first: int | None = None
    stop: int | None = None


@dataclass(frozen=True)
class Stretch(Open):
    """Frames ``[first, stop)`` that are probably wrong.

    Parameters
    ----------
    score : float
        Mean of the frames' scores in it, 0 (right) to 1.
    flags : tuple of str
        Kinds of what is suspicious in it.
    picture : str
        File in the row's folder that shows it; empty without one.
    """

    first: int
    stop: int
    score: float
    flags: tuple[str, ...] = ()
    picture: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.first < self.stop:
            raise ValueError(f"a stretch cannot go from frame {self.first} to frame {self.stop}")
        if self.picture:
            check_name(self.picture, "a picture")


@dataclass(frozen=True)
class Timeline(Open):
    """A row in at most 600 bins of equally many frames, for plots; lists of one length, None where nothing is known.

    Parameters
    ----------
    first : tuple of int
        First frame of each bin.
    time_s : tuple of float or None
        Time of that frame, in seconds.
    likelihood, speed, score : tuple of float or None
        Median likelihood, median speed (body lengths per second, px per second without a body length), highest score.
    x, y : tuple of float or None
        Median centre of the (first) animal, in px.
    """

    first: tuple[int, ...] = ()
    time_s: tuple[float | None, ...] = ()
    likelihood: tuple[float | None, ...] = ()
    speed: tuple[float | None, ...] = ()
    score: tuple[float | None, ...] = ()
    x: tuple[float | None, ...] = ()
    y: tuple[float | None, ...] = ()

    def __post_init__(self) -> None:
        lists = (self.time_s, self.likelihood, self.speed, self.score, self.x, self.y)
        if len(self.first) > MAX_BINS or any(len(each) != len(self.first) for each in lists):
            raise ValueError(f"the lists of a timeline have one length, of at most {MAX_BINS}")


@dataclass(frozen=True)
class Picture(Open):
    """A small picture of one frame in the row's folder.

    Parameters
    ----------
    why : str
        Kinds of flags that it shows, or ``at random``.
    """

    file: str
    frame: int
    time_s: float | None = None
    why: str = ""

    def __post_init__(self) -> None:
        check_name(self.file, "a picture")


@dataclass(frozen=True)
class Quality(Open):
    """Quality of one row.

    Parameters
    ----------
    frames : int
        Rows of the .h5.
    duration_s : float or None
        Time from the first frame to the end of the last one; None where no times are known.
    prior : PriorUsed
        What poses were compared with.
    summary : dict
        Robust numbers of the whole video by name, see docs/quality.md; a number that cannot be had is left out.
    parts : tuple of PartQuality
        Each body part of each animal, in the .h5's order.
    flags : tuple of Flag
        What is suspicious; empty for a video that looks right.
    stretches : tuple of Stretch
        Worst first, at most 20.
    timeline : Timeline
        For plots.
    pictures : tuple of Picture
        Small pictures in the row's folder.
    scene, scene_first, scene_last : tuple of int
        Coarse mean picture of the video, of its first and of its last quarter: 16 x 12 grey levels row by row; empty
        where no pictures were looked at.
    contract : int
        Version of this file.

    Raises
    ------
    ValueError
        A number of frames is negative, or there are too many stretches.
    """

    frames: int
    duration_s: float | None = None
    prior: PriorUsed = field(default_factory=PriorUsed)
    summary: dict[str, float] = field(default_factory=dict)
    parts: tuple[PartQuality, ...] = ()
    flags: tuple[Flag, ...] = ()
    stretches: tuple[Stretch, ...] = ()
    timeline: Timeline = field(default_factory=Timeline)
    pictures: tuple[Picture, ...] = ()
    scene: tuple[int, ...] = field(default=(), metadata=OMIT)
    scene_first: tuple[int, ...] = field(default=(), metadata=OMIT)
    scene_last: tuple[int, ...] = field(default=(), metadata=OMIT)
    contract: int = QUALITY_VERSION

    def __post_init__(self) -> None:
        if self.frames < 0:
            raise ValueError(f"{self.frames} frames")
        if len(self.stretches) > MAX_STRETCHES:
            raise ValueError(f"more than {MAX_STRETCHES} stretches")

    @property
    def flag_names(self) -> tuple[str, ...]:
        """Kinds of its flags, each once, in order."""
        return tuple(dict.fromkeys(flag.name for flag in self.flags))


QUALITIES = StateFile(
    Quality,
    "a row's quality",
    OutputError,
    hint="remove it, and judge the row again: dlcctr quality m.csv",
)


def read_quality(folder: Path) -> Quality | None:
    """Quality of a row's result; None if the folder or its file does not exist.

    Raises
    ------
    OutputError
        The file cannot be read, or is damaged; the message names file and key.
    ContractError
        A later version wrote it.
    """
    file = folder / QUALITY_FILENAME
    return _checked(QUALITIES.find(file), file)


def parse_quality(text: str, file: Path) -> Quality:
    """Quality in a text that came from `file`; raises as `read_quality` does."""
    found = _checked(QUALITIES.parse(text, file), file)
    assert found is not None
    return found


def _checked(found: Quality | None, file: Path) -> Quality | None:
    if found is not None and found.contract > QUALITY_VERSION:
        raise ContractError(
            f"{file}: written for version {found.contract}; this program reads {QUALITY_VERSION}",
            "read it with the dlcctr that made it",
        )
    return found


def write_quality(folder: Path, quality: Quality) -> Path:
    """Write a row's `quality.json`, in one step; returns the file. Raises `OutputError`."""
    file = folder / QUALITY_FILENAME
    write_text_atomic(file, QUALITIES.text(quality))
    return file


def finite(value: float | None, digits: int = 6) -> float | None:
    """A number as JSON can hold it, with few digits; None for NaN and infinity."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{digits}g}")


def finite_summary(values: Iterable[tuple[str, float | None]]) -> dict[str, float]:
    """Numbers of a summary without those that are none."""
    rounded = ((name, finite(value)) for name, value in values)
    return {name: value for name, value in rounded if value is not None}
