"""The GPU check: `python -m tests.gpu --out DIR [--minutes 8] [--device cuda|cpu]`, in a Python with DeepLabCut.

Needs neither a network nor an installation. Shows, the most telling first, whether what we compute on the GPU is what
stock DeepLabCut computes there, how fast both are, what bounds them, and that a killed row is resumed. Writes
results.json, page.md and plot.png into the folder after each case. The exit code is 0 only if all that must be equal
was compared and is. With ``--device cpu`` it is rehearsed on small clips.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dlcctr.system.cpus import cpu_count
from dlcctr.system.files import write_text_atomic
from tests.gpu import page, plot
from tests.gpu.budget import Budget
from tests.gpu.cases import Case, cases_of
from tests.gpu.check import new_record, run_cases
from tests.gpu.clips import Clips
from tests.gpu.context import Context
from tests.gpu.gpu_samples import GpuSamples
from tests.gpu.sides import Sides, environment_of

VERSION = 1
"""Of results.json."""
DEVICES = ("cuda", "cpu")


def parse(words: list[str] | None = None) -> argparse.Namespace:
    """Options of the command line."""
    parser = argparse.ArgumentParser("python -m tests.gpu", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="results.json, page.md, plot.png")
    parser.add_argument("--minutes", type=float, default=8, help="no case begins that would take longer; default: 8")
    parser.add_argument("--device", choices=DEVICES, default="cuda", help="cpu: a rehearsal with small clips")
    names = [case.name for device in DEVICES for case in cases_of(device)]
    parser.add_argument("--only", action="append", choices=list(dict.fromkeys(names)), help="only this case; repeat it")
    parser.add_argument("--threads", type=int, default=cpu_count(), help="of each side; default: all CPUs")
    parser.add_argument("--scratch", type=Path, help="folder for clips, models and rows; default: a temporary one")
    return parser.parse_args(words)


class Report:
    """What is known so far, and the files that say it."""

    def __init__(self, options: argparse.Namespace, cases: list[Case], context: Context) -> None:
        from tests.benchmarks.loop import machine

        self._out, self._context = options.out, context
        self._out.mkdir(parents=True, exist_ok=True)
        self.results: dict[str, Any] = {
            "gpu_check": VERSION, "device": options.device, "minutes": options.minutes,
            "only": options.only or [],
            "machine": {**machine(options), "gpu": ""}, "tolerance": asdict(context.tolerance),
            "cases": [new_record(case) for case in cases],
        }  # fmt: skip

    def write(self, ended: bool = False) -> None:
        """Write all that is known, each file whole or not at all."""
        results, cases = self.results, self.results["cases"]
        for case in cases:
            for gpu in case.get("facts", {}).get("gpus", ())[:1] if self._context.on_gpu else ():
                results["machine"]["gpu"] = gpu["name"]
        results["verdict"] = page.verdict(cases, ended)
        results["used_s"] = self._context.budget.used_s
        results["samples_missing"] = self._context.samples.missing
        speeds = [case["speed"] for case in cases if case.get("speed")]
        results["plot"] = plot.draw(speeds, self._out / "plot.png")
        write_text_atomic(self._out / "results.json", json.dumps(results, indent=1) + "\n")
        write_text_atomic(self._out / "page.md", page.render(results))

    def tell(self, text: str) -> None:
        """Print a line with the time."""
        print(f"{self._context.budget.used_s:6.0f} s  {text}", flush=True)


def main() -> int:
    """Run the check; 0 if all that must be equal was compared and is."""
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    budget = Budget(options.minutes * 60)
    cases = [case for case in cases_of(options.device) if not options.only or case.name in options.only]
    with tempfile.TemporaryDirectory(prefix="gpu-check-", dir=options.scratch) as name:
        folder = Path(name)
        environment = environment_of(options.device, folder, options.threads)
        samples = GpuSamples(environment["CUDA_VISIBLE_DEVICES"] if options.device == "cuda" else "")
        sides = Sides(options.threads, environment, budget)
        context = Context(
            options.device, folder, budget, sides, Clips(folder / "clips"), samples, environment
        )  # fmt: skip
        report = Report(options, cases, context)
        try:
            run_cases(cases, report.results["cases"], context, report.write, report.tell)
        finally:
            sides.close()
            samples.close()
            report.write(ended=True)
    print(f"{report.results['verdict']}\n{options.out / 'page.md'}")
    return 0 if page.holds(report.results["cases"]) else 1


if __name__ == "__main__":
    raise SystemExit(main())
