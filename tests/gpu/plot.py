"""Plot of the speeds: stock, ours, and what bounds ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.gpu.page import name_of

MARKS: tuple[tuple[str, str, Callable[[dict[str, Any]], float]], ...] = (
    ("stock DeepLabCut", "tab:gray", lambda speed: speed["sides"]["stock"]["fps"]),
    ("ours", "tab:orange", lambda speed: speed["sides"]["own"]["fps"]),
    ("the network alone", "tab:blue", lambda speed: speed["network_fps"]),
    ("decoding alone", "tab:green", lambda speed: speed["decode_fps"]),
)


def draw(speeds: list[dict[str, Any]], path: Path) -> bool:
    """Draw a mark for each speed of each case, into a file that is there whole or not at all.

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

    figure, axes = plt.subplots(figsize=(9, 0.6 * len(speeds) + 1.6), layout="constrained")
    for label, colour, value in MARKS:
        values = [value(speed) for speed in speeds]
        axes.plot(values, range(len(speeds)), "o", color=colour, label=label)
        for place, each in enumerate(values):
            axes.annotate(f"{each:.3g}", (each, place), (0, 6), textcoords="offset points", fontsize=6, ha="center")
    names = ["\n".join([network, f"{px}, batch {batch}"]) for network, px, batch in map(name_of, speeds)]
    axes.set_yticks(range(len(speeds)), names, fontsize=7)
    axes.set_ylim(len(speeds) - 0.5, -0.5)
    axes.grid(alpha=0.3)
    axes.set_xscale("log")
    axes.set_xlabel("frames/s")
    figure.legend(fontsize=7, loc="outside upper center", ncols=len(MARKS))
    part = path.with_suffix(".part.png")
    figure.savefig(part, dpi=110)
    plt.close(figure)
    part.replace(path)
    return True
