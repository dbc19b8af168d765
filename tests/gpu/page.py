"""The page of the check, from its JSON: written after each case, so that a check that is cut short shows something."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.benchmarks.page import table

WORDS = {
    "done": "holds", "differs": "DOES NOT HOLD", "failed": "FAILED", "skipped": "skipped", "running": "running",
    "pending": "not yet",
}  # fmt: skip
"""States of a case, for people."""
SPEED_HEAD = (
    "network", "px", "batch", "frames", "turns", "clip", "stock, frames/s", "ours", "ratio", "network alone",
    "decoding alone", "the device waits", "GPU busy: stock", "ours",
)  # fmt: skip
MEMORY_HEAD = (
    "network", "px", "batch", "waiting for pictures", "network", "rest", "GFLOP a frame", "TFLOP/s",
    "of float32 products", "of TF32 products", "fixed s: stock", "ours", "GPU MiB: stock", "ours",
    "MB of the process: stock", "ours",
)  # fmt: skip
SPEED_NOTE = """\
Frames/s are those from the first frame to the last (medians of the turns). *Network alone* is the same network on a
batch that is ready in memory, copies to and from the device included; *the device waits* is what our loop lacks of that
speed. *GPU busy* is nvidia-smi's utilisation during the whole call, loading and writing included. Clips that were made
decode somewhat more slowly than the open-field clip.
"""
MEMORY_NOTE = """\
Shares are of a whole call of our loop. GFLOP count convolutions and matrix products, a product and a sum as two; they
are set beside products of large matrices on this device. GPU MiB is the most that PyTorch reserved in that process.
"""
GRID_HEAD = ("layout", "TF32", "batch", "frames/s", "largest difference, px", "likelihood")
EQUAL_HEAD = ("what", "frames", "values", "largest difference, px", "likelihood", "beyond", "one frame late, px", "")
NONE = "–"


def render(results: dict[str, Any]) -> str:
    """The whole page.

    Parameters
    ----------
    results : dict
        What results.json holds, see `tests.gpu.check`.
    """
    cases, machine = results["cases"], results["machine"]
    parts = [
        f"# The GPU check: {machine['gpu'] or machine['processor']}\n",
        f"Written by `python -m tests.gpu --device {results['device']}`; the figures are in results.json.\n",
        f"**{results['verdict']}**\n",
        _machine(results),
    ]
    if results["only"]:
        parts.append(f"Only these cases were asked for: {', '.join(results['only'])}.\n")
    if results["device"] == "cpu":
        parts.append(
            "**A rehearsal without a GPU**: clips and batches are small, nothing here says how fast a GPU is.\n"
        )
    parts += ["## Cases\n", table(("case", "", "s", "why"), [_case_line(case) for case in cases]) + "\n"]
    parts += _equality(results)
    speeds = [case["speed"] for case in cases if case.get("speed")]
    if speeds:
        parts += [
            "## Speed\n",
            "![frames per second](plot.png)\n" if results["plot"] else "There is no matplotlib: no plot.\n",
            table(SPEED_HEAD, [speed_line(each) for each in speeds]) + "\n", SPEED_NOTE,
            table(MEMORY_HEAD, [memory_line(each) for each in speeds]) + "\n", MEMORY_NOTE,
        ]  # fmt: skip
        if results["samples_missing"]:
            parts.append(f"Utilisation of the GPU: {results['samples_missing']}.\n")
    for case in cases:
        if case.get("grid"):
            parts += [f"## {case['title']}\n", *(f"{line}\n" for line in case["lines"]),
                      table(GRID_HEAD, [grid_line(each) for each in case["grid"]]) + "\n"]  # fmt: skip
    rest = [case for case in cases if case.get("lines") and not case.get("grid")]
    if rest:
        parts.append("## What the cases say\n")
        parts += [f"**{case['title']}**\n\n" + "\n".join(f"- {line}" for line in case["lines"]) + "\n" for case in rest]
    failed = [case for case in cases if case["state"] in ("failed", "differs")]
    if failed:
        parts.append("## What is wrong\n")
        parts += [f"**{case['title']}**\n\n```\n{case['why']}\n```\n" for case in failed]
    return "\n".join(parts)


def verdict(cases: Sequence[dict[str, Any]], ended: bool) -> str:
    """One sentence on all of it.

    Parameters
    ----------
    cases : sequence of dict
        Records of the cases.
    ended : bool
        Nothing more is going to be done.
    """
    wrong = [case["name"] for case in cases if case["state"] in ("differs", "failed")]
    open_ = [case["name"] for case in cases if case["must"] and case["state"] in ("pending", "running", "skipped")]
    if wrong:
        return f"Not all is as it must be: {', '.join(wrong)}."
    if open_:
        return f"{'Not shown' if ended else 'Not shown yet'}: {', '.join(open_)}. All that was done holds."
    return "All that must be equal is equal, and every case that was done holds."


def holds(cases: Sequence[dict[str, Any]]) -> bool:
    """Whether all that must be shown was shown, and nothing failed."""
    must = all(case["state"] == "done" for case in cases if case["must"])
    return must and not any(case["state"] in ("differs", "failed") for case in cases)


def _machine(results: dict[str, Any]) -> str:
    machine = results["machine"]
    load = f"load {machine['load_before']:.1f} before"
    return (
        f"{machine['date']}, device {results['device']}, {machine['processor']}, {machine['cpus']} CPUs, "
        f"threads for each side: {machine['threads']}, {load}; {results['used_s'] / 60:.1f} of "
        f"{results['minutes']:g} minutes used.\n"
    )


def _case_line(case: dict[str, Any]) -> list[str]:
    why = (case["why"] or "").strip().splitlines() or [""]
    return [
        case["title"],
        WORDS[case["state"]],
        f"{case['seconds']:.0f}" if case["seconds"] else "",
        _cell(why[0][:200]),
    ]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _equality(results: dict[str, Any]) -> list[str]:
    allowed = results["tolerance"]
    lines = [equal_line(each) for case in results["cases"] for each in case.get("comparisons", ())]
    if not lines:
        return []
    return [
        "## Equal\n",
        f"Allowed are {allowed['px']:g} px and {allowed['likelihood']:g} in likelihood: {allowed['reason']}.\n",
        table(EQUAL_HEAD, lines) + "\n",
        "*Beyond* is the share of values further apart than that; *one frame late* is the largest difference if one "
        "side were shifted by a frame: in calm clips, which random networks need, that can be nothing.\n",
    ]  # fmt: skip


def equal_line(found: dict[str, Any]) -> list[str]:
    """Line of a `tests.gpu.equality.Comparison`."""
    equal = "equal" if found["shift_seen"] else "equal, but a shift would not show"
    beyond = found["beyond"]
    return [
        _cell(found["what"]), str(found["rows"]), str(found["values"]), figure(found["max_px"]),
        figure(found["max_likelihood"]),
        NONE if beyond is None else f"{beyond:.2%}", figure(found["shift_px"]),
        equal if found["equal"] else f"NOT EQUAL: {_cell(found['why'])}",
    ]  # fmt: skip


def figure(value: float | None) -> str:
    """A difference, with two digits at least."""
    if value is None:
        return NONE
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def name_of(speed: dict[str, Any]) -> list[str]:
    """Network, size and batch."""
    return [speed["network"], f"{speed['width']} x {speed['height']}", str(speed["batch_size"])]


def speed_line(speed: dict[str, Any]) -> list[str]:
    """Line of a case's speeds."""
    stock, own, ratios = speed["sides"]["stock"], speed["sides"]["own"], speed["ratios"]
    spread = f" ({ratios[0]:.2f}-{ratios[-1]:.2f})" if len(ratios) > 1 else ""
    return [
        *name_of(speed), str(speed["frames"]), str(speed["turns"]), clip_of(speed),
        f"{stock['fps']:.1f}", f"{own['fps']:.1f}", f"{own['fps'] / stock['fps']:.2f}{spread}",
        f"{speed['network_fps']:.1f}", f"{speed['decode_fps']:.0f}", f"{speed['waits']:.0%}",
        *(_busy(side["gpu"]) for side in (stock, own)),
    ]  # fmt: skip


def clip_of(speed: dict[str, Any]) -> str:
    """Which kind of clip it is."""
    return "open field" if speed["clip"].startswith("openfield") else "made"


def _busy(usage: dict[str, Any] | None) -> str:
    return NONE if usage is None or usage["utilisation"] is None else f"{usage['utilisation']:.0%}"


def memory_line(speed: dict[str, Any]) -> list[str]:
    """Line of where the time goes, of what is computed and of memory."""
    stock, own = speed["sides"]["stock"], speed["sides"]["own"]
    tf32 = speed["peak_tf32_gflops"]
    return [
        *name_of(speed), *(f"{speed['shares'][name]:.1%}" for name in ("decoding", "network", "rest")),
        f"{speed['gflop']:.1f}", f"{speed['gflops'] / 1000:.2f}", f"{speed['gflops'] / speed['peak_gflops']:.0%}",
        f"{speed['gflops'] / tf32:.0%}" if tf32 else NONE, f"{stock['fixed_s']:.2f}", f"{own['fixed_s']:.2f}",
        *(_mib(side.get("gpu_reserved_mb")) for side in (stock, own)),
        *(f"{side['peak_mb']:.0f}" for side in (stock, own)),
    ]  # fmt: skip


def _mib(value: float | None) -> str:
    return NONE if value is None else f"{value:.0f}"


def grid_line(line: dict[str, Any]) -> list[str]:
    """Line of the network alone."""
    return [
        line["layout"], "yes" if line["tf32"] else "no", str(line["batch_size"]), f"{line['fps']:.1f}",
        figure(line["max_px"]), figure(line["max_likelihood"]),
    ]  # fmt: skip
