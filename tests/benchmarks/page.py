"""Page and plot of what `tests.benchmarks.loop` measured: docs/benchmark.md from docs/benchmark.json."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[2] / "docs"
RESULTS, PAGE, PLOT = DOCS / "benchmark.json", DOCS / "benchmark.md", DOCS / "benchmark.png"
SPEED = (
    "network", "px", "batch", "computed by", "stock, frames/s", "ours", "ratio (least-most)", "largest difference",
)  # fmt: skip
PHASES = (
    "network", "px", "batch", "computed by", "waiting for pictures", "network", "rest", "of the network alone",
    "decoding alone, frames/s", "GFLOP a frame", "GFLOP/s", "of the processor's", "fixed s, stock", "fixed s, ours",
    "MB, stock", "MB, ours",
)  # fmt: skip
INTRODUCTION = """\
# Benchmark: our loop beside stock DeepLabCut

Written by `make bench` (`python -m tests.benchmarks.loop`); the figures are in benchmark.json.
[The analysis loop](throughput.md#measured) says what they mean.

Three processes, with everything imported, analyse the same video with the same network (seeded random weights) in turn:
stock DeepLabCut's `analyze_videos`, our loop with the engine, and our loop with what `--backend auto` takes.

- Speed is that of the frames, from the first to the last: the median of the turns. Ratios are of neighbouring turns.
- The *fixed* cost is the rest of a call for one video: loading the network (our loop does that for the first video
  only), writing, and, in our loop, verifying what was written.

![speed over stock](benchmark.png)
"""
PHASES_NOTE = """\
The next table says where the time of our loop goes, in shares of a call; its speed over that of the same network on a
batch that is ready; what the network needs for a frame; and how much our loop uses of the speed that this processor
reaches in a product of large matrices (float32, as many threads). MB is the most memory during a turn, including the
libraries and all networks before.
"""


def name_of(case: dict[str, Any]) -> tuple[str, str, str]:
    return case["network"], f"{case['width']} x {case['height']}", str(case["batch_size"])


def engines(results: dict[str, Any]) -> dict[str, Any]:
    """Results of `tests.benchmarks.loop` by engine and device."""
    return {name: found for name, found in results.items() if name not in ("many", "reading")}


def ours(case: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Our sides; `auto` only where it is not what `engine` is."""
    sides = {name: side for name, side in case["sides"].items() if name != "stock"}
    if sides["auto"]["backend"] == sides["engine"]["backend"]:
        del sides["engine"]
    return sides


def speed_lines(case: dict[str, Any]) -> list[list[str]]:
    """Lines of the table of speeds."""
    stock = case["sides"]["stock"]["fps"]
    return [
        [
            *name_of(case), side["backend"], f"{stock:.2f}", f"{side['fps']:.2f}",
            f"{middle(side['ratios']):.2f} ({side['ratios'][0]:.2f}-{side['ratios'][-1]:.2f})",
            f"{side['difference']['max_px']:.1g} px, {side['difference']['max_likelihood']:.1g}",
        ]
        for side in ours(case).values()
    ]  # fmt: skip


def phase_lines(case: dict[str, Any]) -> list[list[str]]:
    """Lines of the table of where the time goes."""
    stock = case["sides"]["stock"]
    return [
        [
            *name_of(case), side["backend"],
            *(f"{side['shares'][name]:.1%}" for name in ("decoding", "network", "rest")),
            f"{side['fps'] / side['network_fps']:.0%}", f"{side['decode_fps']:.0f}", f"{side['gflop']:.1f}",
            f"{side['fps'] * side['gflop']:.0f}", f"{side['fps'] * side['gflop'] / side['peak_gflops']:.0%}",
            f"{stock['fixed_s']:.2f}", f"{side['fixed_s']:.2f}", f"{stock['peak_mb']:.0f}", f"{side['peak_mb']:.0f}",
        ]
        for side in ours(case).values()
    ]  # fmt: skip


def middle(ratios: Sequence[float]) -> float:
    return sorted(ratios)[len(ratios) // 2]


def many_text(found: dict[str, Any]) -> str:
    """Paragraph on many short videos."""
    each, videos = found["stock_s"], found["videos"]
    stock = f"{sum(each):.0f} s in {len(each)} processes"
    if len(each) < videos:
        stock += f" ({statistics.mean(each):.1f} s each; {videos} would take {statistics.mean(each) * videos:.0f} s)"
    ratio = statistics.mean(each) * videos / found["ours_s"]
    least, middle, most = found["fixed_s"]
    return (
        f"{found['engine']}, {found['date']}, {videos} videos of {found['seconds']} s at {found['fps']} frames/s, "
        f"{found['width']} x {found['height']} px, batch {found['batch_size']}, {found['threads']} threads, load "
        f"{found['load_before']:.1f} before, {found['load_after']:.1f} after: stock DeepLabCut, a process for each "
        f"video: {stock}; ours, one task "
        f"({found['backend']}): {found['ours_s']:.0f} s, import included: {ratio:.1f} times as fast. "
        f"A further video costs {middle:.2f} s ({least:.2f}-{most:.2f}) beside scan and frames. "
        f"Positions are {'' if found['equal'] else 'NOT '}equal to stock's in all {len(each)} that were compared.\n"
    )


READING = (
    "codec",
    "decoding alone",
    "scan",
    "reader",
    "loop",
    "stock",
    "ffmpeg",
    "loop / stock",
    "loop / ffmpeg",
    "three models / one",
)
READING_NOTE = """\
From file to batches with a network that takes no time (`python -m tests.benchmarks.reading`): what a fast GPU would
wait for. Frames/s, the median of the turns; ratios of neighbouring turns, with least and most. *Loop* is all of ours:
one pass that also proves every frame and measures the pictures, and the judgement at its end, which takes some tenths
of a second however short a video is. *Stock* is DeepLabCut's own reading, preparing and bookkeeping. *ffmpeg* is
`ffmpeg -i VIDEO -pix_fmt bgr24 -f rawvideo`, which converts in a faster and less exact way than OpenCV and we do.
*Three models / one* is the time of three rows on one video, whose pass feeds all three networks, as a multiple of the
time of one.
"""


def reading_line(line: dict[str, Any]) -> list[str]:
    """Line of the table of `tests.benchmarks.reading`."""
    sides = line["sides"]
    speeds = [f"{statistics.median(sides[name]):.0f}" if name in sides else "-"
              for name in ("decoding", "scan", "reader", "loop", "stock", "ffmpeg")]  # fmt: skip
    return [line["codec"], *speeds, *(_ratio(sides, name) for name in ("stock", "ffmpeg", "three"))]


def _ratio(sides: dict[str, list[float]], name: str) -> str:
    """How many times as fast as another side our loop is."""
    if name not in sides:
        return "-"
    ratios = sorted(ours / other for ours, other in zip(sides["loop"], sides[name], strict=True))
    return f"{middle(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"


def reading_text(found: dict[str, Any]) -> str:
    """Section on reading."""
    where = "the open-field clip, itself and encoded anew" if found["real"] else "pictures of our own"
    about = (
        f"{found['date']}, {found['processor']}, {found['cpus']} CPUs, {found['threads']} threads, {found['turns']} "
        f"turns, {found['lines'][0]['frames']} frames of {found['width']} x {found['height']} px, {where}; load "
        f"{found['load_before']:.1f} before, {found['load_after']:.1f} after.\n"
    )
    return "\n".join([READING_NOTE, about, table(READING, [reading_line(line) for line in found["lines"]]) + "\n"])


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *lines])


def write_page(results: dict[str, Any]) -> None:
    """Write page and plot."""
    parts = [INTRODUCTION]
    for name, found in engines(results).items():
        cases = found["cases"]
        parts += [
            f"## {name}\n",
            f"{found['date']}, {found['processor']}, {found['cpus']} CPUs, {found['threads']} threads for each side, "
            f"{found['repeats']} turns; load {found['load_before']:.1f} before, {found['load_after']:.1f} after "
            f"(of which these processes make {found['threads']}).\n",
            table(SPEED, [line for case in cases for line in speed_lines(case)]) + "\n",
            PHASES_NOTE,
            table(PHASES, [line for case in cases for line in phase_lines(case)]) + "\n",
        ]  # fmt: skip
    if many := results.get("many"):
        parts += ["## Many short videos\n", *map(many_text, many.values())]
    if reading := results.get("reading"):
        parts += ["## Reading\n", reading_text(reading)]
    PAGE.write_text("\n".join(parts), encoding="utf-8")
    draw(results)


def draw(results: dict[str, Any]) -> None:
    """One bar for each of our sides of each case: median ratio over stock, with least and most."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    bars = [
        (f"{name.split()[0]} {case['network']}\n{case['width']} x {case['height']}, batch {case['batch_size']}", side)
        for name, found in engines(results).items() for case in found["cases"] for side in ours(case).values()
    ]  # fmt: skip
    figure, axes = plt.subplots(figsize=(9, 0.42 * len(bars) + 1.2), layout="constrained")
    colours = {"OpenVINO": "tab:blue", "PyTorch": "tab:orange", "TensorFlow": "tab:green"}
    for place, (_, side) in enumerate(bars):
        ratio, engine = middle(side["ratios"]), side["backend"].split()[0]
        spread = [[max(0.0, ratio - side["ratios"][0])], [max(0.0, side["ratios"][-1] - ratio)]]
        axes.barh(place, ratio, xerr=spread, color=colours[engine], label=engine, capsize=2)
    axes.set_yticks(range(len(bars)), [text for text, _ in bars], fontsize=6)
    axes.invert_yaxis()
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xlabel("our speed over stock DeepLabCut's on the same video (median; lines: least and most)")
    handles, labels = axes.get_legend_handles_labels()
    first = dict(zip(labels, handles, strict=True))
    axes.legend(list(first.values()), list(first), title="computed by")
    figure.savefig(PLOT, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    write_page(json.loads(RESULTS.read_text(encoding="utf-8")))
