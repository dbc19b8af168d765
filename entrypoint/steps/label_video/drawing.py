"""Draws points, lines, trails and names into one picture."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from dlcctr.campaign.steps.label_video import LabelVideoParameters
from entrypoint.steps.label_video.look import Look
from entrypoint.steps.label_video.palette import Rgb, Yuv, mix, to_yuv
from entrypoint.steps.label_video.pictures import Picture
from entrypoint.steps.label_video.text import Label, lacks_letters, open_font, shown_name

SHIFT = 4
"""Bits behind the point in OpenCV's coordinates: a sixteenth of a px."""
FAINT = 0.3
"""How much of its colour a point has that is as unsure as can be drawn."""
TRAIL_STEPS = 4
"""Parts of a trail, the older the fainter."""
TRAIL_FAINT = 0.25
FAR_PX = 4000
"""Farther outside of the picture than this nothing reaches into it."""
DARK = 16
NO_LIKELIHOOD = 1.0


@dataclass(frozen=True)
class View:
    """Where a picture's pixels are in the video: its corner there, in px, and how much larger it is."""

    left: float
    top: float
    scale: float

    def place(self, positions: Any) -> Any:
        """Coordinates of pixels' centres in the picture, for positions (…, 2) in px of the video."""
        return (positions - (self.left, self.top) + 0.5) * self.scale - 0.5


class Pen:
    """Draws the positions of one table.

    Parameters
    ----------
    size : tuple of int
        Width and height of the picture in px, which the sizes of what is drawn are chosen by.
    """

    def __init__(self, look: Look, wanted: LabelVideoParameters, size: tuple[int, int], *, bt709: bool) -> None:
        import numpy

        self._look, self._wanted = look, wanted
        many = len(look.points) > 60
        self.radius = wanted.dotsize or max(2, round(min(size) / (200 if many else 85)))
        self._thick = max(1, round(self.radius / 2.3))
        self._colours = [to_yuv(rgb, bt709=bt709) for rgb in look.colours]
        self._lines = [(a, b, to_yuv(rgb, bt709=bt709)) for a, b, rgb in look.lines]
        self._chosen: Any = numpy.zeros(len(look.colours), bool)
        self._chosen[list(look.points)] = True
        self._font = open_font("DejaVuSans.ttf", max(11, round(min(size) / 29)))
        self.unwritten: list[str] = []
        self._bt709 = bt709
        self._labels = {place: self._label(name, look.colours[place]) for place, name in look.labels.items()}
        self._group_labels = [
            self._label(name, look.colours[group[0]]) if name and group else None
            for name, group in zip(look.group_names, look.groups, strict=True)
        ]

    def _label(self, name: str, rgb: Rgb) -> Label:
        shown = shown_name(name)
        if lacks_letters(shown):
            if name not in self.unwritten:
                self.unwritten.append(name)
            shown = f"#{self.unwritten.index(name) + 1}"
        light: Rgb = (0.35 + 0.65 * rgb[0], 0.35 + 0.65 * rgb[1], 0.35 + 0.65 * rgb[2])
        return Label.of(shown, self._font, to_yuv(light, bt709=self._bt709))

    def draw(self, picture: Picture, positions: Any, view: View) -> None:
        """Draw one frame.

        Parameters
        ----------
        positions : array, (1 or more, points, 3)
            Of the frames before and, last, of this one; in px of the video, with likelihood.
        """
        import numpy

        width, height = picture.size
        sure = self._sure(positions)
        places = view.place(positions[..., :2])
        with numpy.errstate(invalid="ignore"):
            near = (numpy.abs(places) < FAR_PX).all(axis=-1)
        fixed = numpy.where(near[..., None], places, 0)
        ends = (
            numpy.rint(fixed * (1 << SHIFT)).astype(int),
            numpy.rint((fixed * 2 - 1) * (1 << SHIFT) / 4).astype(int),
        )
        seen = sure & near
        if len(positions) > 1:
            self._draw_trails(picture, ends, seen, places[-1])
        now = seen[-1]
        luma_ends, chroma_ends = ends[0][-1].tolist(), ends[1][-1].tolist()
        for a, b, colour in self._lines:
            if now[a] and now[b]:
                self._line(picture, (luma_ends[a], luma_ends[b]), (chroma_ends[a], chroma_ends[b]), colour)
        margin = self.radius + 2
        inside = near[-1] & (
            (places[-1] > -margin).all(axis=-1) & (places[-1] < (width + margin, height + margin)).all(axis=-1)
        )
        drawn = now & inside
        self._draw_points(picture, luma_ends, chroma_ends, drawn, positions[-1, :, 2])
        if self._wanted.unsure:
            for place in numpy.flatnonzero(inside & ~now & self._chosen).tolist():
                self._ring(picture, luma_ends[place], chroma_ends[place], self._colours[place])
        self._draw_names(picture, places[-1], drawn)

    def _sure(self, positions: Any) -> Any:
        import numpy

        likelihood = positions[..., 2]
        with numpy.errstate(invalid="ignore"):
            enough = (likelihood >= self._look.pcutoff) | numpy.isnan(likelihood)  # Kalman's and others' have none
        return enough & ~numpy.isnan(positions[..., 0]) & ~numpy.isnan(positions[..., 1]) & self._chosen

    def _draw_points(self, picture: Picture, ends: Any, chroma_ends: Any, drawn: Any, likelihood: Any) -> None:
        import cv2
        import numpy

        width, height = picture.size
        luma, chroma = picture.luma, picture.chroma
        rim, inner, half = self.radius * 16 + 20, self.radius * 16, self.radius * 8 + 4
        cutoff = self._look.pcutoff
        for place in numpy.flatnonzero(drawn).tolist():
            colour = self._colours[place]
            centre, chroma_centre = ends[place], chroma_ends[place]
            if self._wanted.shade and cutoff < 1:
                sure = likelihood[place]
                share = 1.0 if sure != sure else FAINT + (1 - FAINT) * min(1.0, (sure - cutoff) / (1 - cutoff))  # noqa: PLR0124 - NaN
                if share < 1:
                    x, y = min(max(centre[0] >> 4, 0), width - 1), min(max(centre[1] >> 4, 0), height - 1)
                    colour = mix(colour, (int(luma[y, x]), *chroma[y >> 1, x >> 1].tolist()), share)
            cv2.circle(luma, centre, rim, DARK, -1, cv2.LINE_AA, SHIFT)
            cv2.circle(luma, centre, inner, colour.y, -1, cv2.LINE_AA, SHIFT)
            cv2.circle(chroma, chroma_centre, half, (colour.u, colour.v), -1, cv2.LINE_AA, SHIFT)

    def _ring(self, picture: Picture, centre: Any, chroma_centre: Any, colour: Yuv) -> None:
        import cv2

        thick, radius = max(2, self._thick), self.radius * 16
        cv2.circle(picture.luma, centre, radius, DARK, thick + 2, cv2.LINE_AA, SHIFT)
        cv2.circle(picture.luma, centre, radius, colour.y, thick, cv2.LINE_AA, SHIFT)
        cv2.circle(picture.chroma, chroma_centre, radius // 2, (colour.u, colour.v), 2, cv2.LINE_AA, SHIFT)

    def _line(self, picture: Picture, ends: Any, chroma_ends: Any, colour: Yuv) -> None:
        import cv2

        cv2.line(picture.luma, ends[0], ends[1], colour.y, self._thick, cv2.LINE_AA, SHIFT)
        cv2.line(
            picture.chroma,
            chroma_ends[0],
            chroma_ends[1],
            (colour.u, colour.v),
            max(1, self._thick // 2),
            cv2.LINE_AA,
            SHIFT,
        )

    def _draw_trails(self, picture: Picture, ends: Any, seen: Any, last: Any) -> None:
        """Each point's way through the frames before, in parts that are fainter the older they are."""
        import cv2
        import numpy

        frames = len(seen)
        width, height = picture.size
        bounds = sorted({round(n * (frames - 1) / TRAIL_STEPS) for n in range(TRAIL_STEPS + 1)})
        for place in numpy.flatnonzero(seen.any(axis=0)).tolist():
            whole = bool(seen[:, place].all())
            for number, (first, stop) in enumerate(pairwise(bounds), 1):
                chosen = slice(first, stop + 1)
                kept = slice(None) if whole else seen[chosen, place]
                way, way_uv = ends[0][chosen, place][kept], ends[1][chosen, place][kept]
                if len(way) < 2:
                    continue
                x, y = (min(max(int(at) >> 4, 0), side - 1) for at, side in zip(way[0], (width, height), strict=True))
                below = (int(picture.luma[y, x]), *picture.chroma[y >> 1, x >> 1].tolist())
                colour = mix(self._colours[place], below, TRAIL_FAINT + (1 - TRAIL_FAINT) * number / TRAIL_STEPS)
                lines = [way.astype(numpy.int32)[:, None]], [way_uv.astype(numpy.int32)[:, None]]
                cv2.polylines(picture.luma, lines[0], False, colour.y, self._thick, cv2.LINE_AA, SHIFT)
                cv2.polylines(picture.chroma, lines[1], False, (colour.u, colour.v), 1, cv2.LINE_AA, SHIFT)

    def _draw_names(self, picture: Picture, places: Any, drawn: Any) -> None:
        import numpy

        for place, label in self._labels.items():
            if drawn[place]:
                x, y = places[place]
                self._lay(picture, label, x + self.radius + 2, y - label.keep.shape[0] / 2)
        for above, group in zip(self._group_labels, self._look.groups, strict=True):
            seen = [place for place in group if drawn[place]]
            if above and seen:
                top = places[seen[int(numpy.argmin(places[seen, 1]))]]
                height, width = above.keep.shape
                self._lay(picture, above, float(places[seen, 0].mean()) - width / 2, top[1] - height - self.radius - 2)

    @staticmethod
    def _lay(picture: Picture, label: Label, x: float, y: float) -> None:
        label.lay(picture.luma, picture.chroma, int(x), int(y))
