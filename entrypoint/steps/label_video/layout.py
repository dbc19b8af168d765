"""Where panels, titles and the line below are in a labelled video."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from entrypoint.steps.label_video.pictures import Picture
from entrypoint.steps.label_video.text import Digits, lay_mask, open_font, shown_name, write

GAP_PX = 4
PAPER, NO_COLOUR = 28, 128
"""Brightness of what is around pictures, and both differences of a grey."""
MARGIN_PX = 6


def even(length: float) -> int:
    """The next even whole number."""
    return int(-(-length // 2)) * 2


@dataclass(frozen=True)
class Layout:
    """Sizes in px, all of them even.

    Parameters
    ----------
    panel : tuple of int
        Width and height of each panel.
    panels : int
        How many are side by side.
    header, footer : int
        Height of the line of titles and of that with the time; 0 for none.
    """

    panel: tuple[int, int]
    panels: int = 1
    header: int = 0
    footer: int = 0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the whole."""
        width, height = self.panel
        return self.panels * width + (self.panels - 1) * GAP_PX, self.header + height + self.footer

    def corner(self, panel: int) -> tuple[int, int]:
        """Top left corner of a panel."""
        return panel * (self.panel[0] + GAP_PX), self.header


class Sheet:
    """Makes the frames of a labelled video: empty but for titles."""

    def __init__(self, panel: tuple[int, int], titles: list[str], *, stamp: bool) -> None:
        width, height = even(panel[0]), even(panel[1])
        size = min(max(round(height / 34), 11), 30)
        self._digits = Digits(size)
        line = even(self._digits.height + MARGIN_PX)
        self.layout = Layout((width, height), len(titles), line if len(titles) > 1 else 0, line if stamp else 0)
        font = open_font("DejaVuSans.ttf", size)
        self._titles = [write(shown_name(title), font)[:, : width - MARGIN_PX] for title in titles]

    def new(self) -> tuple[Any, Picture]:
        """A frame of PyAV's and its pixels; those of the panels hold anything."""
        import av

        frame = av.VideoFrame(*self.layout.size, "nv12")
        whole = Picture.over(frame)
        layout = self.layout
        below = layout.header + layout.panel[1]
        for first, stop in ((0, layout.header), (below, layout.size[1])):
            whole.luma[first:stop] = PAPER
            whole.chroma[first // 2 : stop // 2] = NO_COLOUR
        for panel in range(layout.panels):
            x, _ = layout.corner(panel)
            if panel:
                whole.luma[:, x - GAP_PX : x] = PAPER
                whole.chroma[:, (x - GAP_PX) // 2 : x // 2] = NO_COLOUR
            if layout.header:
                lay_mask(whole.luma, self._titles[panel], x + MARGIN_PX, MARGIN_PX // 2, paper=PAPER)
        return frame, whole

    def stamp(self, whole: Picture, time: str, frame: int, note: str) -> None:
        """Write the line below the panels, as much of it as there is room for."""
        if not self.layout.footer:
            return
        y = self.layout.header + self.layout.panel[1] + MARGIN_PX // 2
        width = self.layout.size[0] - 2 * MARGIN_PX
        for text in (f"{time}  frame {frame}{note}", f"{time}  frame {frame}", f"{time} {frame}", time):
            mask = self._digits.write(text)
            if mask.shape[1] <= width:
                break
        lay_mask(whole.luma, mask, MARGIN_PX, y, paper=PAPER)


def fill(target: Picture, source: Picture) -> None:
    """Copy a picture into one that is at most a few px larger, whose rest repeats the last row and column."""
    for to, source_plane in ((target.luma, source.luma), (target.chroma, source.chroma)):
        rows, columns = (min(a, b) for a, b in zip(to.shape[:2], source_plane.shape[:2], strict=True))
        to[:rows, :columns] = source_plane[:rows, :columns]
        to[rows:, :columns] = to[rows - 1 : rows, :columns]
        to[:, columns:] = to[:, columns - 1 : columns]
