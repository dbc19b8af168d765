"""The loss curve for people: a line of blocks for a terminal, and a small picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from dlcctr.model.curve.losses import POSE, LossRow

BLOCKS = "▁▂▃▄▅▆▇█"
WIDTH = 60


def sparkline(rows: Sequence[LossRow], width: int = WIDTH) -> str:
    """Training losses of the pose network as blocks, on a logarithmic scale; empty where there are none to compare."""
    losses = [row.train_loss for row in rows if row.network == POSE]
    logs = [math.log(each) for each in losses if 0 < each < math.inf]
    if len(logs) < 2 or max(logs) == min(logs):
        return ""
    n = min(width, len(logs))
    # the mean of each share of the epochs
    shares = [logs[len(logs) * k // n : len(logs) * (k + 1) // n] for k in range(n)]
    means = [sum(share) / len(share) for share in shares]
    low, high = min(means), max(means)
    if high == low:
        return ""
    return "".join(BLOCKS[min(len(BLOCKS) - 1, int((each - low) / (high - low) * len(BLOCKS)))] for each in means)


def draw_curve(rows: Sequence[LossRow], title: str, file: Path) -> None:
    """Write a picture of the curve; nothing where there is nothing to draw."""
    drawn = [row for row in rows if row.network == POSE and 0 < row.train_loss < math.inf]
    if not drawn:
        return
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.5), dpi=100, layout="constrained")
    axes = figure.subplots()
    axes.plot([row.epoch for row in drawn], [row.train_loss for row in drawn], label="train")
    tested = [row for row in drawn if row.test_loss == row.test_loss]
    if tested:
        axes.plot([row.epoch for row in tested], [row.test_loss for row in tested], "o-", markersize=3, label="test")
        axes.legend()
    axes.set_yscale("log")
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss")
    axes.set_title(title.replace("$", r"\$"), fontsize=9)
    private = file.with_name(f".{file.name}")
    FigureCanvasAgg(figure).print_png(str(private))
    private.replace(file)
