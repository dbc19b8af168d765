"""A loss curve as a picture of lines for a page: SVG, drawn without any library."""

from __future__ import annotations

import math
from collections.abc import Sequence

from dlcctr.model.curve.losses import POSE, LossRow

WIDTH, HEIGHT = 620, 240
LEFT, RIGHT, TOP, BOTTOM = 62, 110, 10, 36
TRAIN, TEST = "#3478c6", "#d9822b"
MOST_TICKS = 6


def losses_svg(rows: Sequence[LossRow], unit: str = "epoch") -> str:
    """Train and test loss of the pose network over epochs, the losses on a logarithmic axis.

    Empty where there is nothing to draw. The text holds numbers and `unit` only.
    """
    own = [row for row in rows if row.network == POSE]
    train = [(row.epoch, row.train_loss) for row in own if 0 < row.train_loss < math.inf]
    test = [(row.epoch, row.test_loss) for row in own if 0 < row.test_loss < math.inf]
    if len(train) < 2:
        return ""
    values = [loss for _, loss in train + test]
    low, high = math.log10(min(values)), math.log10(max(values))
    if high - low < 0.05:
        low, high = low - 0.05, high + 0.05
    last = max(epoch for epoch, _ in train + test)
    wide, high_px = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def place(epoch: float, loss: float) -> tuple[float, float]:
        return LEFT + wide * epoch / last, TOP + high_px * (high - math.log10(loss)) / (high - low)

    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="loss by {unit}" font-size="12" '
        'fill="currentColor">'
    ]
    for tick in _loss_ticks(low, high):
        _, y = place(0, tick)
        parts.append(f'<path d="M{LEFT} {y:.1f}h{wide}" stroke="currentColor" opacity="0.2"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:.2g}</text>')
    for n in range(5):
        parts.append(
            f'<text x="{LEFT + wide * n / 4:.1f}" y="{HEIGHT - 20}" text-anchor="middle">{last * n / 4:g}</text>'
        )
    parts.append(f'<text x="{LEFT + wide / 2:.1f}" y="{HEIGHT - 4}" text-anchor="middle">{unit}</text>')
    for n, (title, colour, points) in enumerate((("train", TRAIN, train), ("test", TEST, test))):
        if points:
            corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*each) for each in points))
            y = TOP + 14 + 18 * n
            parts.append(f'<polyline points="{corners}" stroke="{colour}" stroke-width="2" fill="none"/>')
            parts.append(f'<path d="M{WIDTH - RIGHT + 10} {y - 4}h18" stroke="{colour}" stroke-width="2"/>')
            parts.append(f'<text x="{WIDTH - RIGHT + 34}" y="{y}">{title}</text>')
    return "\n".join([*parts, "</svg>"])


def _loss_ticks(low: float, high: float) -> list[float]:
    """Round numbers between 10^low and 10^high: powers of ten, or with 2 and 5 where there are few."""
    powers = range(math.floor(low), math.ceil(high) + 1)
    for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)):
        found = [step * 10.0**power for power in powers for step in steps if low <= math.log10(step) + power <= high]
        if len(found) >= 3:
            return found[:: math.ceil(len(found) / MOST_TICKS)]
    return found
