"""Colours, as an H.264 picture has them."""

from __future__ import annotations

import colorsys
from typing import NamedTuple

Rgb = tuple[float, float, float]
"""Red, green and blue, 0 to 1."""
WHITE: Rgb = (1.0, 1.0, 1.0)
DEFAULT_MAP = "rainbow"


class Yuv(NamedTuple):
    """A colour as brightness (16-235) and two differences around 128."""

    y: int
    u: int
    v: int


def to_yuv(rgb: Rgb, *, bt709: bool) -> Yuv:
    """Convert a colour to limited range, by BT.709 or BT.601 (ITU-R BT.709-6 and BT.601-7, sections 3 and 2.5)."""
    red, blue = (0.2126, 0.0722) if bt709 else (0.299, 0.114)
    luma = red * rgb[0] + (1 - red - blue) * rgb[1] + blue * rgb[2]
    u, v = (rgb[2] - luma) / (2 * (1 - blue)), (rgb[0] - luma) / (2 * (1 - red))
    return Yuv(round(16 + 219 * luma), round(128 + 224 * u), round(128 + 224 * v))


def mix(colour: Yuv, below: tuple[int, int, int], share: float) -> Yuv:
    """A colour with what is below shining through: `share` is how much of the colour is left, 0-1."""
    return Yuv(*(round(share * mine + (1 - share) * under) for mine, under in zip(colour, below, strict=True)))


def colours(number: int, colormap: str) -> list[Rgb]:
    """So many colours of a map of matplotlib's, evenly spread; hues of equal brightness where there is no such map."""
    try:
        from matplotlib import colormaps

        found = colormaps[colormap or DEFAULT_MAP]
        made = [found(n / max(number - 1, 1)) for n in range(number)]
        return [(float(each[0]), float(each[1]), float(each[2])) for each in made]
    except (ImportError, KeyError):
        return [colorsys.hsv_to_rgb(0.8 * n / max(number, 1), 0.85, 1.0) for n in range(number)]


def has_colormap(name: str) -> bool:
    """Whether matplotlib knows a map of colours."""
    try:
        from matplotlib import colormaps
    except ImportError:
        return False
    return name in colormaps


def named_colour(name: str) -> Rgb:
    """A colour by matplotlib's name of it; white where it has none."""
    try:
        from matplotlib.colors import to_rgb

        red, green, blue = to_rgb(name)
    except (ImportError, ValueError):
        return WHITE
    return float(red), float(green), float(blue)
