"""Parameters of the step `label-video`; those that `deeplabcut.create_labeled_video` has are called as there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

MOST_PX = 4096
"""Longest side that players of H.264 can be trusted with."""
PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
"""Of x264: the slower, the smaller the file."""


class ColorBy(Enum):
    """What the colours of points tell apart."""

    AUTO = "auto"
    """Individuals where there are several, body parts otherwise."""
    BODYPART = "bodypart"
    INDIVIDUAL = "individual"


class Names(Enum):
    """What is written beside the points."""

    NONE = "none"
    BODYPARTS = "bodyparts"
    INDIVIDUALS = "individuals"


class Clips(Enum):
    """Which parts of the video are made."""

    NONE = ""
    """The whole video, and no clips."""
    WORST = "worst"
    """Short clips of the stretches that are most probably wrong, with a sheet of pictures."""


@dataclass(frozen=True)
class LabelVideoParameters:
    """How the step `label-video` works.

    Parameters
    ----------
    pcutoff : float or None
        Points with a smaller likelihood are not drawn; by default the project's own, or 0.6.
    unsure : bool
        Draw those as rings instead.
    shade : bool
        The less sure the network is of a point, the fainter it is.
    bodyparts, individuals : tuple of str
        The only ones that are drawn; all by default.
    color_by : ColorBy
        What colours tell apart.
    colormap : str
        Matplotlib's name of the colours; the project's own by default, or ``rainbow``.
    dotsize : int
        Radius of a point in px of the labelled video; 0 for one that suits its size.
    skeleton : bool
        Draw the project's skeleton.
    lines : tuple of (str, str)
        Pairs of body parts to draw lines between, instead of the project's skeleton.
    trailpoints : int
        Earlier frames whose positions are drawn as a trail.
    names : Names
        What is written beside the points.
    stamp : bool
        Write time and number of each frame below the picture.
    speed : float
        0.25 plays at a quarter of the true speed.
    cropped : bool
        Show only the part of the picture that was analysed.
    follow_px : int
        Show a square of this size, in px of the video, that follows the animal; 0 for the whole picture.
    follow : str
        The individual that it follows; all of them by default.
    beside : str
        Whose positions are shown beside: ``analysis``, the name of an earlier step, or ``rows`` for the other rows of
        the video; nothing by default.
    longest_px : int
        Longest side of the labelled video; larger ones are made smaller.
    crf, preset : int, str
        x264's quality, 0 (lossless) to 51, and how hard it tries to make the file small.
    clips : Clips
        ``worst`` for clips instead of the whole video.
    clip_number, clip_s : int, float
        How many clips there are at most, and how many seconds of the video each shows.

    Raises
    ------
    ValueError
        A value is impossible.
    """

    pcutoff: float | None = None
    unsure: bool = False
    shade: bool = True
    bodyparts: tuple[str, ...] = ()
    individuals: tuple[str, ...] = ()
    color_by: ColorBy = ColorBy.AUTO
    colormap: str = ""
    dotsize: int = 0
    skeleton: bool = True
    lines: tuple[tuple[str, str], ...] = ()
    trailpoints: int = 0
    names: Names = Names.NONE
    stamp: bool = True
    speed: float = 1.0
    cropped: bool = False
    follow_px: int = 0
    follow: str = ""
    beside: str = ""
    longest_px: int = 1920
    crf: int = 23
    preset: str = "veryfast"
    clips: Clips = Clips.NONE
    clip_number: int = 6
    clip_s: float = 4.0

    def __post_init__(self) -> None:
        if self.pcutoff is not None:
            _within("pcutoff", self.pcutoff, 0, 1)
        _within("dotsize", self.dotsize, 0, 100)
        _within("trailpoints", self.trailpoints, 0, 1000)
        _within("speed", self.speed, 0.001, 1000)
        _within("follow_px", self.follow_px, 0, MOST_PX)
        _within("longest_px", self.longest_px, 64, MOST_PX)
        _within("crf", self.crf, 0, 51)
        _within("clip_number", self.clip_number, 1, 20)
        _within("clip_s", self.clip_s, 0.1, 600)
        if 0 < self.follow_px < 16:
            raise ValueError("follow_px must be 0, or at least 16")
        if self.follow and not self.follow_px:
            raise ValueError("follow names whom a square follows: give its size as follow_px, too")
        if self.preset not in PRESETS:
            raise ValueError(f"preset must be one of {', '.join(PRESETS)}")


def _within(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise ValueError(f"{name} must be from {least} to {most}")
