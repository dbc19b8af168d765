"""Text as masks that are laid over a picture."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from entrypoint.steps.label_video.palette import Yuv

SANS, MONO = "DejaVuSans.ttf", "DejaVuSansMono.ttf"
"""Matplotlib's own fonts: Latin, Greek, Cyrillic, Arabic and more, but no Chinese, Japanese or Korean."""
LONGEST = 48
"""Characters of a name that are shown."""
INK = 235
"""Brightness of written text."""


def font_file(name: str) -> Path | None:
    """A font of matplotlib's; None without matplotlib."""
    spec = find_spec("matplotlib")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    file = Path(folders[0]) / "mpl-data" / "fonts" / "ttf" / name if folders else None
    return file if file and file.is_file() else None


def open_font(name: str, size: int) -> Any:
    """A font of Pillow's, `size` px high."""
    from PIL import ImageFont

    file = font_file(name)
    if file is None:
        return ImageFont.load_default(size)
    # Pillow's other layout is used where the machine has fribidi, and spaces letters differently
    return ImageFont.truetype(str(file), size, layout_engine=ImageFont.Layout.BASIC)


def lacks_letters(text: str) -> bool:
    """Whether the font cannot write a text, so that boxes would stand in for its letters."""
    file = font_file(SANS)
    if file is None:
        return not text.isascii()
    from matplotlib.ft2font import FT2Font

    known = FT2Font(str(file)).get_charmap()
    return any(ord(letter) not in known for letter in text)


def shown_name(text: str) -> str:
    """A name on one line, cut where it is too long."""
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def write(text: str, font: Any) -> Any:
    """A line of text as a mask, (height, width), uint8; all lines of a font have one height."""
    import numpy
    from PIL import Image, ImageDraw

    ascent, descent = font.getmetrics()
    width = max(1, round(font.getlength(text)) + 2)
    picture = Image.new("L", (width, ascent + descent))
    ImageDraw.Draw(picture).text((1, 0), text, fill=255, font=font)
    return numpy.asarray(picture)


class Digits:
    """Text of few letters, put together anew for each frame from letters of one width."""

    LETTERS = "0123456789:.-,x /abcdefghijklmnopqrstuvwyz"

    def __init__(self, size: int) -> None:
        import numpy

        font = open_font(MONO, size)
        masks = [write(letter, font) for letter in self.LETTERS]
        self._width = max(mask.shape[1] for mask in masks) - 1
        self.height = masks[0].shape[0]
        self._masks = numpy.zeros((len(masks), self.height, self._width), numpy.uint8)
        for place, mask in enumerate(masks):
            part = mask[:, : self._width]
            self._masks[place, :, : part.shape[1]] = part
        self._places = {letter: place for place, letter in enumerate(self.LETTERS)}

    def write(self, text: str) -> Any:
        """Mask of a text, (height, width), uint8; letters that it does not have are left blank."""
        blank = self._places[" "]
        chosen = self._masks[[self._places.get(letter, blank) for letter in text.lower()]]
        return chosen.transpose(1, 0, 2).reshape(self.height, -1)


@dataclass(frozen=True)
class Label:
    """A text in a colour with a dark rim, to be laid over any picture: what is kept of it, and what is added."""

    keep: Any
    add: Any
    keep_uv: Any
    add_uv: Any

    @classmethod
    def of(cls, text: str, font: Any, colour: Yuv) -> Label:
        """Prepare a text."""
        import cv2
        import numpy

        mask = numpy.pad(write(text, font), 2)
        mask = numpy.pad(mask, ((0, mask.shape[0] % 2), (0, mask.shape[1] % 2)))
        light = mask.astype(numpy.float32) / 255
        around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
        rim = cv2.GaussianBlur(cv2.dilate(light, around), (3, 3), 0) * 0.85
        half = (mask.shape[1] // 2, mask.shape[0] // 2)
        light_uv = cv2.resize(light, half, interpolation=cv2.INTER_AREA)[..., None]
        rim_uv = cv2.resize(rim, half, interpolation=cv2.INTER_AREA)[..., None]
        keep_uv = (1 - light_uv) * (1 - rim_uv)
        tint = numpy.array([colour.u, colour.v], numpy.float32)
        return cls(
            keep=(1 - light) * (1 - rim),
            add=light * colour.y + (1 - light) * rim * 16,
            keep_uv=keep_uv,
            add_uv=light_uv * tint + (1 - light_uv - keep_uv) * 128,
        )

    def lay(self, luma: Any, chroma: Any, x: int, y: int) -> None:
        """Lay it over a picture with its top left corner near x, y: moved until all of it is seen."""
        height, width = self.keep.shape
        rows, columns = luma.shape
        if height > rows or width > columns:
            return
        x, y = min(max(x, 0), columns - width) // 2 * 2, min(max(y, 0), rows - height) // 2 * 2
        part = luma[y : y + height, x : x + width]
        part[:] = part * self.keep + self.add
        part = chroma[y // 2 : (y + height) // 2, x // 2 : (x + width) // 2]
        if part.shape == self.add_uv.shape:
            part[:] = part * self.keep_uv + self.add_uv


def lay_mask(luma: Any, mask: Any, x: int, y: int, *, paper: int) -> None:
    """Write a mask in white onto an even part of the brightness; what does not fit is cut off."""
    import numpy

    part = luma[y : y + mask.shape[0], x : x + mask.shape[1]]
    ink = mask[: part.shape[0], : part.shape[1]].astype(numpy.uint16)
    part[:] = paper + ink * (INK - paper) // 255
