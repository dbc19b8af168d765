"""Figures, plot and page of the rounds, from the lines that each training has written."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from tests.benchmarks.figures import replace_figures
from tests.benchmarks.rounds.settings import CAMPAIGNS, CHOICES, DEEPLABCUT, FIRST, OURS, RECIPES, WAYS

ROOT = Path(__file__).resolve().parents[3]
PAGE, PLOT, FIGURES = (ROOT / f"docs/benchmark-rounds.{ending}" for ending in ("md", "png", "json"))
MARK = "<!-- figures: python -m tests.benchmarks.rounds -->\n"
MEASURES = ("median", "mean", "over_5px")
WORDS = {"median": "median", "mean": "mean", "over_5px": "share over 5 px"}
COLOURS = {OURS: "tab:blue", DEEPLABCUT: "tab:orange", "random": "0.5"}
Line = dict[str, Any]
Figures = dict[tuple[str, str], dict[str, Any]]
"""By engine and campaign."""


def read_lines(out: Path) -> list[Line]:
    """Lines of all trainings, as long as the recipe has it."""
    files = sorted(out.glob("*/results.jsonl"))
    lines = [json.loads(text) for file in files for text in file.read_text().splitlines()]
    return [line for line in lines if line.get("iterations") in (0, RECIPES[line["engine"]].more)]


def figures_of(lines: Sequence[Line]) -> Figures:
    """All that the page says.

    Only seeds that have every size of both choices count; frames at random may have been measured with fewer of them.
    """
    found: Figures = {}
    for engine, (name, campaign) in product(NAMES, CAMPAIGNS.items()):
        here = [line for line in lines if line["engine"] == engine and line["seed"] in campaign.seeds]
        own = {(line["seed"], line["way"], line["frames"]): line for line in here}
        sizes = sorted({frames for _, way, frames in own if way != FIRST})
        cells = [(way, size) for size in sizes for way in CHOICES]
        seeds = [seed for seed in campaign.seeds if all((seed, *cell) in own for cell in [(FIRST, 0), *cells])]
        there = {way: [seed for seed in seeds if all((seed, way, size) in own for size in sizes)] for way in WAYS}
        if seeds:
            found[engine, name] = {
                "known_videos": campaign.known_videos,
                "seeds": seeds,
                "sizes": sizes,
                "iterations": RECIPES[engine].more,
                "first": _cell([own[seed, FIRST, 0] for seed in seeds]),
                "ways": {
                    way: {str(size): _cell([own[seed, way, size] for seed in known]) for size in sizes}
                    for way, known in there.items()
                    if known
                },
                "cpu_s": round(sum(line["seconds"] for line in own.values())),
            }
    return found


def _cell(lines: Sequence[Line]) -> dict[str, Any]:
    """One way and size: means over seeds, and each seed's mean error."""
    names = lines[0]["error"]
    found: dict[str, Any] = {
        name: {measure: statistics.fmean(line["error"][name][measure] for line in lines) for measure in MEASURES}
        for name in names
    }
    picked = [line["picked"] for line in lines if "picked" in line]
    if picked:
        found["picked_new"] = statistics.fmean(
            statistics.fmean(not video.startswith("known/") for video, _ in each) for each in picked
        )
        found["picked"] = statistics.fmean(map(len, picked))
    found["each_seed"] = [line["error"]["all"]["mean"] for line in lines]
    return found


def equals(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Ours beside as many frames of DeepLabCut's choice."""
    return [_compare(found, size, size) for size in found["sizes"]]


def halves(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Ours with at most half of the frames beside DeepLabCut's choice, for each of its sizes that has one."""
    pairs = [(max((n for n in found["sizes"] if 2 * n <= size), default=None), size) for size in found["sizes"]]
    return [_compare(found, half, size) for half, size in pairs if half is not None]


def _compare(found: dict[str, Any], n_ours: int, n_theirs: int) -> dict[str, Any]:
    ours, theirs = (found["ways"][way][str(n)] for way, n in ((OURS, n_ours), (DEEPLABCUT, n_theirs)))
    better = sum(a <= b for a, b in zip(ours["each_seed"], theirs["each_seed"], strict=True))
    found_px = {measure: [each["all"][measure] for each in (ours, theirs)] for measure in MEASURES}
    holds = [measure for measure, (a, b) in found_px.items() if a <= b]
    return {"ours": n_ours, "deeplabcut": n_theirs, **found_px, "seeds_better_by_mean": better, "holds_by": holds}


def page_lines(figures: Figures) -> list[str]:
    """The generated part of the page."""
    lines: list[str] = []
    for (engine, campaign), found in figures.items():
        n = len(found["seeds"])
        took = f"{found['cpu_s'] / 60:.0f} min of CPU time"
        seeds = f"{n} of {len(CAMPAIGNS[campaign].seeds)} seeds"
        what = f"{_title(engine, campaign)}, {seeds}, {found['iterations']} iterations a round, {took}"
        lines += [f"### {what}", ""]
        lines += [
            f"| {' | '.join(HEAD)} |",
            "|---" * len(HEAD) + "|",
            _table_line("0", "first model", found["first"]),
        ]
        for size in found["sizes"]:
            lines += [_table_line(str(size), way, cells[str(size)]) for way, cells in found["ways"].items()]
        lines.append("")
        lines += [f"- {_compared(each, n)}" for each in equals(found)]
        lines += [f"- {_compared(each, n)}: {_half_said(each)}" for each in halves(found)]
        lines += [f"- {way}: not measured yet" for way in WAYS if way not in found["ways"]]
        lines.append("")
    missing = [_title(*each) for each in product(NAMES, CAMPAIGNS) if each not in figures]
    return lines + [line for title in missing for line in (f"{title}: not measured yet.", "")]


HEAD = (
    "frames",
    "picked by",
    "seeds",
    "of them in new arenas",
    "mean error, px",
    "median, px",
    "over 5 px",
    "mean in new arenas, px",
    "mean in the known one, px",
)
NAMES = {"pytorch": "PyTorch", "tensorflow": "TensorFlow"}


def _title(engine: str, campaign: str) -> str:
    known = CAMPAIGNS[campaign].known_videos
    return f"{NAMES[engine]}, {campaign} campaign ({known} videos of the known arena)"


def _compared(each: dict[str, Any], n_seeds: int) -> str:
    """Both ways' figures."""
    (mean, mean_theirs), (median, median_theirs), (over, over_theirs) = (
        each[measure] for measure in ("mean", "median", "over_5px")
    )
    return (
        f"{each['ours']} frames of ours beside {each['deeplabcut']} of DeepLabCut's choice: mean {mean:.2f} and "
        f"{mean_theirs:.2f} px (not worse with {each['seeds_better_by_mean']} of {n_seeds} seeds), median {median:.2f} "
        f"and {median_theirs:.2f} px, over 5 px {over:.0%} and {over_theirs:.0%}"
    )


def _half_said(each: dict[str, Any]) -> str:
    """Whether half of the frames is enough, by each measure."""
    fails = [WORDS[measure] for measure in MEASURES if measure not in each["holds_by"]]
    holds = [WORDS[measure] for measure in each["holds_by"]]
    said = " and ".join(filter(None, [
        f"enough by the {', '.join(holds)}" if holds else "",
        f"**not enough** by the {', '.join(fails)}" if fails else "",
    ]))  # fmt: skip
    return f"half of the frames is {said}"


def _table_line(frames: str, way: str, cell: dict[str, Any]) -> str:
    new = f"{cell['picked_new']:.0%}" if "picked_new" in cell else "-"
    each = cell["each_seed"]
    return (
        f"| {frames} | {way} | {len(each)} | {new} | {cell['all']['mean']:.2f} ({min(each):.2f}-{max(each):.2f}) | "
        f"{cell['all']['median']:.2f} | {cell['all']['over_5px']:.0%} | {cell['new']['mean']:.2f} | "
        f"{cell['known']['mean']:.2f} |"
    )


def draw(figures: Figures, file: Path) -> None:
    """Held-out error over labelled frames, a row for each engine and campaign: the mean over seeds, and each seed."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    panels: Sequence[tuple[str, Callable[[dict[str, Any]], float]]] = (
        ("all arenas: mean error, px", lambda cell: cell["all"]["mean"]),
        ("all arenas: points over 5 px, %", lambda cell: 100 * cell["all"]["over_5px"]),
    )
    figure, axes = plt.subplots(len(figures), 2, figsize=(10, 3.6 * len(figures)), layout="constrained", squeeze=False)
    for row, ((engine, campaign), found) in zip(axes, figures.items(), strict=True):
        for axis, (label, value) in zip(row, panels, strict=True):
            axis.axhline(value(found["first"]), color="0.3", ls=":", lw=1, label="first model")
            for way, each in found["ways"].items():
                cells = [each[str(size)] for size in found["sizes"]]
                axis.plot(found["sizes"], [value(cell) for cell in cells], "o-", color=COLOURS[way], label=way)
                if label.endswith("px"):
                    low, high = ([pick(cell["each_seed"]) for cell in cells] for pick in (min, max))
                    axis.fill_between(found["sizes"], low, high, color=COLOURS[way], alpha=0.15, lw=0)
            axis.set(xlabel="labelled frames", ylabel=label, ylim=(0, None), xscale="log")
            axis.set_title(f"{NAMES[engine]}, {campaign} campaign")
            axis.set_xticks(found["sizes"], [str(size) for size in found["sizes"]])
            axis.minorticks_off()
    axes[0][0].legend(title="picked by")
    figure.savefig(file, dpi=110)
    plt.close(figure)


def write_page(out: Path) -> Figures:
    """Write figures, plot and the generated part of the page; returns the figures."""
    figures = figures_of(read_lines(out))
    if not figures:
        raise SystemExit(f"{out}: no seed has all of its trainings yet")
    by_engine: dict[str, dict[str, Any]] = {}
    for (engine, campaign), found in figures.items():
        by_engine.setdefault(engine, {})[campaign] = found
    FIGURES.write_text(json.dumps(by_engine, indent=1) + "\n", encoding="utf-8")
    draw(figures, PLOT)
    replace_figures(PAGE, MARK, page_lines(figures))
    return figures
