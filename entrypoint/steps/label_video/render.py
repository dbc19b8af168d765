"""From a decoded frame and positions to a frame of the labelled video."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dlcctr.campaign.steps.label_video import LabelVideoParameters
from entrypoint.steps.label_video.clock import Clock, stamp_text
from entrypoint.steps.label_video.drawing import Pen, View
from entrypoint.steps.label_video.layout import GAP_PX, PAPER, Sheet, fill
from entrypoint.steps.label_video.look import Look
from entrypoint.steps.label_video.palette import WHITE, to_yuv
from entrypoint.steps.label_video.pictures import Converter, First, Picture
from entrypoint.steps.label_video.text import Label, open_font
from entrypoint.steps.label_video.track import Track
from entrypoint.steps.label_video.window import Window
from entrypoint.video.pixels import Box

SMALLEST_PX = 480
"""Longer side that a square which follows an animal is enlarged to."""
MOST_ZOOM = 4.0
MISSING = "this frame cannot be decoded"


@dataclass(frozen=True)
class Panel:
    """One table beside others.

    Parameters
    ----------
    title : str
        What is written above it.
    """

    title: str
    track: Track
    look: Look


@dataclass(frozen=True)
class Shown:
    """The part of the video that is shown, and how large.

    Parameters
    ----------
    box : tuple of int
        ``(x1, x2, y1, y2)`` in px of the turned video.
    reduction : float
        Size of the pictures in which this part is looked up, against that of the video; at most 1.
    zoom : float
        How much this part is enlarged then.
    size : tuple of int
        Of each panel in px.
    """

    box: Box
    reduction: float
    zoom: float
    size: tuple[int, int]


def plan_view(wanted: LabelVideoParameters, turned: tuple[int, int], crop: Box | None, panels: int) -> Shown:
    """Decide what is shown, and how large."""
    box = crop if wanted.cropped and crop else (0, turned[0], 0, turned[1])
    width, height = box[1] - box[0], box[3] - box[2]
    if wanted.follow_px:
        width, height = min(wanted.follow_px, turned[0]), min(wanted.follow_px, turned[1])
    whole = max(panels * width + (panels - 1) * GAP_PX, height)
    scale = min(1.0, wanted.longest_px / whole)
    zoom = 1.0
    if wanted.follow_px and scale == 1.0:
        zoom = max(1.0, min(SMALLEST_PX / max(width, height), MOST_ZOOM, wanted.longest_px / whole))
    size = max(2, round(width * scale * zoom)), max(2, round(height * scale * zoom))
    return Shown(box, scale, zoom, size)


class Renderer:
    """Makes the frames of one labelled video.

    Parameters
    ----------
    first : First
        The video's first frame.
    crop : tuple of int or None
        The part that was analysed.
    panels : list of Panel
        The tables, from left to right.
    clock : Clock
        Times that are written below.
    """

    def __init__(
        self, wanted: LabelVideoParameters, first: First, crop: Box | None, panels: list[Panel], clock: Clock
    ) -> None:
        self._wanted, self._panels, self._clock = wanted, panels, clock
        self.shown = plan_view(wanted, first.turned_size, crop, len(panels))
        self._converter = Converter(first.size, first.rotation, self.shown.reduction)
        self.bt709 = self._converter.is_bt709(first.frame)
        self._sheet = Sheet(self.shown.size, [panel.title for panel in panels], stamp=wanted.stamp)
        self.size = self._sheet.layout.size
        self._pens = [Pen(panel.look, wanted, self.shown.size, bt709=self.bt709) for panel in panels]
        self._window = self._make_window(first.turned_size, panels[0])
        self._last: Picture | None = None
        self._missing: Label | None = None
        self._note = f"  {wanted.speed:g}x" if wanted.speed != 1 else ""

    @property
    def unwritten(self) -> list[str]:
        """Names that the font has no letters for, in the order of the numbers that stand for them."""
        return list(dict.fromkeys(name for pen in self._pens for name in pen.unwritten))

    def _make_window(self, size: tuple[int, int], panel: Panel) -> Window | None:
        if not self._wanted.follow_px:
            return None
        follow, columns = self._wanted.follow, panel.track.columns
        points = [place for place in panel.look.points if not follow or columns.points[place][0] == follow]
        return Window(size, self._wanted.follow_px, points, panel.look.pcutoff)

    def make(self, number: int, frame: Any) -> Any:
        """The labelled frame, in the format nv12.

        Parameters
        ----------
        frame : av.VideoFrame or None
            None where it did not decode: then the last picture is shown again, dark and without colours.
        """
        made, whole = self._sheet.new()
        picture = self._picture(frame)
        layout = self._sheet.layout
        positions = [panel.track.at(number) for panel in self._panels]
        view, part = self._look_at(picture, positions[0][-1])
        for place, pen in enumerate(self._pens):
            target = whole.part(*layout.corner(place), *layout.panel)
            self._fill(target, part)
            if frame is None:
                self._mark(target)
            pen.draw(target, positions[place], view)
        self._sheet.stamp(whole, stamp_text(float(self._clock.true[number])), number, self._note)
        return made

    def _picture(self, frame: Any) -> Picture:
        if frame is not None:
            self._last = self._converter.convert(frame)
        if self._last is None:
            self._last = self._black()
        return self._last

    def _black(self) -> Picture:
        import numpy

        width, height = (round(side * self.shown.reduction) + 2 for side in (self.shown.box[1], self.shown.box[3]))
        return Picture(
            numpy.full((height, width), 16, numpy.uint8),
            numpy.full((-(-height // 2), -(-width // 2), 2), 128, numpy.uint8),
        )

    def _look_at(self, picture: Picture, positions: Any) -> tuple[View, Picture]:
        """The part of a picture that is shown."""
        shown = self.shown
        x1, x2, y1, y2 = shown.box
        width, height = x2 - x1, y2 - y1
        x, y = float(x1), float(y1)
        if self._window:
            (x, y), (width, height) = self._window.corner(positions), self._window.shown
        left, top = (int(at * shown.reduction) // 2 * 2 for at in (x, y))
        part = picture.part(left, top, round(width * shown.reduction), round(height * shown.reduction))
        return View(left / shown.reduction, top / shown.reduction, shown.reduction * shown.zoom), part

    def _fill(self, target: Picture, part: Picture) -> None:
        if self.shown.zoom == 1:
            fill(target, part)
            return
        import cv2
        import numpy

        width, height = self.shown.size
        sizes = (width, height), (-(-width // 2), -(-height // 2))
        planes = [
            cv2.resize(numpy.ascontiguousarray(plane), size, interpolation=cv2.INTER_CUBIC)
            for plane, size in zip((part.luma, part.chroma), sizes, strict=True)
        ]
        fill(target, Picture(*planes))

    def _mark(self, target: Picture) -> None:
        """Make it plain that this picture is not that of the frame."""
        target.luma[:] = (target.luma // 2) + PAPER // 2
        target.chroma[:] = 128
        if self._missing is None:
            font = open_font("DejaVuSans.ttf", max(9, min(30, self.shown.size[0] // 20)))
            self._missing = Label.of(MISSING, font, to_yuv(WHITE, bt709=self.bt709))
        height, width = self._missing.keep.shape
        place = (self.shown.size[0] - width) // 2, (self.shown.size[1] - height) // 2
        self._missing.lay(target.luma, target.chroma, *place)
