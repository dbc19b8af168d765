"""Share of points within a distance of their label, as a picture of lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 620, 260
LEFT, RIGHT, TOP, BOTTOM = 48, 190, 10, 36
STEPS = 120
STYLES = ("#3478c6", "#d9822b", "#3478c6", "#d9822b")
DASHES = ("", "", "5 4", "5 4")
SHOWN_SHARE = 0.97
"""The axis ends where so many of the points of every line are passed; outliers would squeeze the rest."""


@dataclass(frozen=True)
class Curve:
    """Errors of one set of points.

    Parameters
    ----------
    errors : ndarray (n,)
        px, without NaN.
    """

    title: str
    errors: Any


def curves_svg(curves: Sequence[Curve]) -> str:
    """An SVG; empty where there is nothing to draw."""
    import numpy

    held = [each for each in curves if len(each.errors)][: len(STYLES)]
    if not held:
        return ""
    longest = _round_up(max(float(numpy.quantile(each.errors, SHOWN_SHARE)) for each in held))
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="share of points within a distance" '
        'font-size="12" fill="currentColor">'
    ]
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = TOP + high * (1 - share)
        parts.append(f'<path d="M{LEFT} {y:.1f}h{wide}" stroke="currentColor" opacity="0.2"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{share:.0%}</text>')
    for n in range(5):
        x = LEFT + wide * n / 4
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 20}" text-anchor="middle">{longest * n / 4:g}</text>')
    parts.append(f'<text x="{LEFT + wide / 2:.1f}" y="{HEIGHT - 4}" text-anchor="middle">px from the label</text>')
    places: Any = numpy.linspace(0, longest, STEPS + 1)
    for n, each in enumerate(held):
        shares: Any = numpy.searchsorted(numpy.sort(each.errors), places, side="right") / len(each.errors)
        corners = [
            (LEFT + wide * x / longest, TOP + high * (1 - share)) for x, share in zip(places, shares, strict=True)
        ]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
        style = f'stroke="{STYLES[n]}" stroke-dasharray="{DASHES[n]}" stroke-width="2" fill="none"'
        y = TOP + 14 + 18 * n
        parts.append(f'<polyline points="{line}" {style}/>')
        parts.append(f'<path d="M{WIDTH - RIGHT + 8} {y - 4}h18" {style}/>')
        parts.append(f'<text x="{WIDTH - RIGHT + 32}" y="{y}">{each.title} ({len(each.errors)})</text>')
    return "\n".join([*parts, "</svg>"])


def _round_up(value: float) -> float:
    """1, 2, 4 or 8 times a power of ten, at least `value`."""
    if value <= 0 or not math.isfinite(value):
        return 1.0
    unit = 10.0 ** math.floor(math.log10(value))
    return next(unit * step for step in (1, 2, 4, 8, 10, 20) if unit * step >= value)
