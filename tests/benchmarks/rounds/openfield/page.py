"""Figures, plot and page of the open-field round, from the lines that each training has written."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dlcctr.system.terminal.console import plural
from tests.benchmarks.figures import replace_figures
from tests.benchmarks.rounds.openfield.real import BODY_PARTS
from tests.benchmarks.rounds.openfield.settings import NO_FRAMES, OWN, ROUNDS, SHARED, STARTS
from tests.benchmarks.rounds.settings import DEEPLABCUT, FIRST, OURS, RANDOM

ROOT = Path(__file__).resolve().parents[4]
PAGE, PLOT, FIGURES = (ROOT / f"docs/benchmark-openfield-round.{ending}" for ending in ("md", "png", "json"))
MARK = "<!-- figures: python -m tests.benchmarks.rounds.openfield -->\n"
OFF_PX = 5.0
TITLES = {OWN: "Trained on the first stretch only", SHARED: "The model that came with the data"}
NAMES = {FIRST: "start model", NO_FRAMES: "trained on, no new frame"}
COLOURS = {FIRST: "0.3", NO_FRAMES: "0.6", OURS: "tab:blue", DEEPLABCUT: "tab:orange", RANDOM: "tab:green"}
HEAD = (
    "picked by",
    "frames",
    "mean error, px",
    "median, px",
    "over 5 px",
    *BODY_PARTS,
    "start model's error there, px",
)
Line = dict[str, Any]


def read_lines(out: Path) -> list[Line]:
    """Lines of all trainings."""
    return [
        json.loads(text)
        for start in STARTS
        if (file := out / start / "results.jsonl").exists()
        for text in file.read_text().splitlines()
    ]


def figures_of(lines: Sequence[Line]) -> dict[str, Any]:
    """All that the page says, by start model; only splits in which every way was measured count."""
    found: dict[str, Any] = {}
    for start in STARTS:
        own = {(line["split"], line["way"]): line for line in lines if line["start"] == start}
        ways = (FIRST, NO_FRAMES, *ROUNDS[start])
        splits = sorted(split for split, way in own if way == FIRST and all((split, each) in own for each in ways))
        if not splits:
            continue
        first = {frame: px for (_, way), line in own.items() if way == FIRST for frame, px in line["errors_px"].items()}
        found[start] = {
            "splits": {str(split): own[split, FIRST]["held_out"] for split in splits},
            "ways": {way: _cell([own[split, way] for split in splits], first) for way in ways},
            "round_cpu_s": statistics.fmean(own[split, way]["cpu_s"] for split in splits for way in ROUNDS[start]),
        }
    return found


def _cell(lines: Sequence[Line], first: dict[str, list[float]]) -> dict[str, Any]:
    """One way: means over splits of what each split's points give."""
    errors = [np.array(list(line["errors_px"].values()), float) for line in lines]
    cell: dict[str, Any] = {
        "mean_px": statistics.fmean(float(np.nanmean(each)) for each in errors),
        "median_px": statistics.fmean(float(np.nanmedian(each)) for each in errors),
        "over_5px": statistics.fmean(float((each[np.isfinite(each)] > OFF_PX).mean()) for each in errors),
        "parts_px": {
            part: statistics.fmean(float(np.nanmean(each[:, n])) for each in errors)
            for n, part in enumerate(BODY_PARTS)
        },
        "each_split_mean_px": [float(np.nanmean(each)) for each in errors],
        "each_split_median_px": [float(np.nanmedian(each)) for each in errors],
        "points": [int(np.isfinite(each).sum()) for each in errors],
    }
    if picked := [line["picked"] for line in lines if "picked" in line]:
        there = [first[str(frame)] for each in picked for frame in each if str(frame) in first]
        cell |= {"picked": picked, "start_error_there_px": float(np.nanmean(there)) if there else None}
        cell["losses"] = [line["losses"] for line in lines]
    return cell


def page_lines(figures: dict[str, Any]) -> Iterator[str]:
    """The generated part of the page."""
    for start, found in figures.items():
        n = len(found["splits"])
        yield from (
            f"### {TITLES[start]}: {plural(n, 'split')}",
            "",
            f"| {' | '.join(HEAD)} |",
            "|---" * len(HEAD) + "|",
        )
        yield from (_table_line(way, cell) for way, cell in found["ways"].items())
        yield ""
        yield from _verdicts(found)
        yield f"- a round took {found['round_cpu_s']:.0f} s of CPU time on the average, with what was analysed for it"
        yield ""
        yield from _split_table(found)
        yield ""
    for start in STARTS:
        if start not in figures:
            yield from (f"{TITLES[start]}: not measured yet.", "")


def _table_line(way: str, cell: dict[str, Any]) -> str:
    each = cell["each_split_mean_px"]
    picked = cell.get("picked", [])
    n = (
        "0"
        if not picked
        else f"{min(map(len, picked))}"
        if len(set(map(len, picked))) == 1
        else _range(map(len, picked))
    )
    there = cell.get("start_error_there_px")
    cells = [
        NAMES.get(way, way), n, f"{cell['mean_px']:.2f} ({min(each):.2f}-{max(each):.2f})", f"{cell['median_px']:.2f}",
        f"{cell['over_5px']:.0%}", *(f"{cell['parts_px'][part]:.2f}" for part in BODY_PARTS),
        "-" if there is None else f"{there:.1f}",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _range(values: Any) -> str:
    found = list(values)
    return f"{min(found)}-{max(found)}"


def _verdicts(found: dict[str, Any]) -> Iterator[str]:
    """A sentence about each way: against the start model, and against training on without new frames."""
    first, none = (found["ways"][way] for way in (FIRST, NO_FRAMES))
    n = len(found["splits"])
    for way, cell in found["ways"].items():
        if way not in (FIRST, NO_FRAMES):
            better = [
                sum(a < b for a, b in zip(cell["each_split_mean_px"], other["each_split_mean_px"], strict=True))
                for other in (first, none)
            ]
            yield (
                f"- {way}: mean {first['mean_px']:.2f} px before, {cell['mean_px']:.2f} px after "
                f"({cell['mean_px'] - first['mean_px']:+.2f}; better with {better[0]} of {n} splits), median "
                f"{first['median_px']:.2f} and {cell['median_px']:.2f} px; beside training on without new frames "
                f"{cell['mean_px'] - none['mean_px']:+.2f} px (better with {better[1]} of {n})"
            )


def _split_table(found: dict[str, Any]) -> Iterator[str]:
    """Mean and median of each split."""
    ways = list(found["ways"])
    yield f"| held-out stretches | {' | '.join(NAMES.get(way, way) for way in ways)} |"
    yield "|---" * (1 + len(ways)) + "|"
    for n, stretches in enumerate(found["splits"].values()):
        cells = [found["ways"][way] for way in ways]
        px = [f"{cell['each_split_mean_px'][n]:.2f} ({cell['each_split_median_px'][n]:.2f})" for cell in cells]
        yield f"| {', '.join(str(each + 1) for each in stretches)} | {' | '.join(px)} |"


def draw(figures: dict[str, Any], file: Path) -> None:
    """For each start model: errors of each way, and the loss curves of its trainings."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(len(figures), 2, figsize=(11, 3.6 * len(figures)), layout="constrained", squeeze=False)
    for (left, right), (start, found) in zip(axes, figures.items(), strict=True):
        for place, (way, cell) in enumerate(found["ways"].items()):
            left.bar(place, cell["mean_px"], color=COLOURS[way], alpha=0.35)
            left.plot([place] * len(found["splits"]), cell["each_split_mean_px"], "o", color=COLOURS[way], ms=4)
            for n, curve in enumerate(cell.get("losses", [])):
                right.plot(*zip(*curve, strict=True), color=COLOURS[way], lw=1, label=way if n == 0 else None)
        left.set_xticks(range(len(found["ways"])), [NAMES.get(way, way).replace(", ", ",\n") for way in found["ways"]])
        left.set(ylabel="held-out error, px (bars: mean)", title=TITLES[start], ylim=(0, None))
        left.tick_params(axis="x", labelsize=8)
        right.set(xlabel="epoch", ylabel="training loss", yscale="log", title="trainings after the round")
        right.legend()
    figure.savefig(file, dpi=110)
    plt.close(figure)


def write_page(out: Path) -> dict[str, Any]:
    """Write figures, plot and the generated part of the page; returns the figures."""
    figures = figures_of(read_lines(out))
    if not figures:
        raise SystemExit(f"{out}: no split has all of its trainings yet")
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    draw(figures, PLOT)
    replace_figures(PAGE, MARK, page_lines(figures))
    return figures
