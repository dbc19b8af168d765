"""Plot of the speeds: stock, ours, and what bounds ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.gpu.page import name_of

BARS: tuple[tuple[str, str, Callable[[dict[str, Any]], float]], ...] = (
    ("stock DeepLabCut", "tab:gray", lambda speed: speed["sides"]["stock"]["fps"]),
    ("ours", "tab:orange", lambda speed: speed["sides"]["own"]["fps"]),
    ("the network alone", "tab:blue", lambda speed: speed["network_fps"]),
    ("decoding alone", "tab:green", lambda speed: speed["decode_fps"]),
)


def draw(speeds: list[dict[str, Any]], path: Path) -> bool:
    """Draw a group of bars for each case, into a file that is there whole or not at all.

    Returns
    -------
    bool
        Whether there is a plot: not without speeds, and not without matplotlib.
    """
    try:
        import matplotlib
    except ImportError:
        return False
    if not speeds:
        return False
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 0.9 * len(speeds) + 1.4), layout="constrained")
    height = 0.8 / len(BARS)
    for place, (label, colour, value) in enumerate(BARS):
        values = [value(speed) for speed in speeds]
        places = [number + (place - (len(BARS) - 1) / 2) * height for number in range(len(speeds))]
        axes.bar_label(axes.barh(places, values, height, color=colour, label=label), fmt="%.3g", fontsize=6, padding=2)
    names = ["\n".join([network, f"{px}, batch {batch}"]) for network, px, batch in map(name_of, speeds)]
    axes.set_yticks(range(len(speeds)), names, fontsize=7)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("frames/s")
    axes.legend(fontsize=7)
    part = path.with_suffix(".part.png")
    figure.savefig(part, dpi=110)
    plt.close(figure)
    part.replace(path)
    return True
