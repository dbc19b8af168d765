"""Our own analysis loop beside stock DeepLabCut: `make bench`, or `python -m tests.benchmarks.loop [--engine ENGINE]`.

Writes docs/benchmark.json, and from it docs/benchmark.md and its plot (`tests.benchmarks.page`). All sides are
processes of their own that have everything imported; they analyse the same video with the same network in turn,
several times, so that what else the machine does meets all of them. The networks have seeded random weights: speed does
not depend on what they were taught. An engine that is not named keeps its results of the run before.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dlcctr.image.flavours import list_flavours, pick_flavour, read_pins
from dlcctr.model.engines import ENGINES
from dlcctr.model.inspection import inspect_model
from dlcctr.runtime.native.environment import ensure_environment
from dlcctr.system.cpus import cpu_count, thread_environment
from entrypoint.video.scan_result import announced_frames
from tests import media
from tests.benchmarks import page as bench_page
from tests.integration.support.tiny_models import RESNET50, make_model

ROOT = Path(__file__).resolve().parents[2]
SUPPORT = ROOT / "tests/integration/support"
RESULTS = ROOT / "docs" / "benchmark.json"
DEVICE = "cpu"
"""On a GPU `tests.gpu` measures."""
SIDES = ("stock", "engine", "auto")
"""Stock DeepLabCut, and our loop with ``--backend engine`` and ``--backend auto``."""


@dataclass(frozen=True)
class Case:
    """A network of an engine, a frame size in px, a batch size and a number of frames."""

    engine: str
    network: str
    width: int
    height: int
    batch_size: int
    frames: int


CASES = (
    Case("pytorch", "ResNet-18", 256, 192, 1, 80),
    Case("pytorch", "ResNet-18", 256, 192, 8, 96),
    Case("pytorch", "ResNet-18", 640, 480, 8, 24),
    Case("pytorch", "ResNet-50", 256, 192, 8, 24),
    Case("pytorch", "ResNet-50", 640, 480, 1, 6),
    Case("pytorch", "ResNet-50", 640, 480, 4, 8),
    Case("tensorflow", "ResNet-50", 256, 192, 1, 40),
    Case("tensorflow", "ResNet-50", 256, 192, 8, 48),
    Case("tensorflow", "ResNet-50", 640, 480, 4, 12),
    Case("tensorflow", "MobileNetV2 0.35", 256, 192, 8, 160),
)


class Side:
    """`loop_server.py` of one side in the native environment."""

    def __init__(self, python: Path, name: str, engine: str, options: argparse.Namespace) -> None:
        script = SUPPORT / "loop_server.py"
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - for as long as the process lives
        self._process = subprocess.Popen(
            [str(python), str(script), "stock" if name == "stock" else "own", engine, str(options.threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True,
            env={
                **os.environ, **thread_environment(options.threads), "SLURM_CPUS_PER_TASK": str(options.threads),
                "DLClight": "True", "CUDA_VISIBLE_DEVICES": "-1",
            },
        )  # fmt: skip
        assert self._answer() == "ready"

    def run(self, job: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._answer())
        return answer

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()
        self._said.close()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("ANSWER "):
                return line.removeprefix("ANSWER ").strip()
        self._said.seek(0)
        raise RuntimeError("the other process is gone:\n" + self._said.read().decode(errors="replace")[-3000:])


def models(engine: str, python: Path, folder: Path) -> dict[str, Path]:
    """A project of each network of an engine."""
    if engine == "tensorflow":
        return {
            "ResNet-50": make_model(python, "tensorflow-single", folder),
            "MobileNetV2 0.35": make_model(python, "tensorflow-mobilenet", folder),
        }
    return {
        "ResNet-18": make_model(python, "pytorch-single", folder),
        "ResNet-50": make_model(python, RESNET50, folder),
    }


def job_of(case: Case, model: Path, video: Path, folder: Path, device: str, backend: str) -> dict[str, Any]:
    """What our worker is told; stock's side takes a part of it."""
    info = inspect_model(model)
    return {
        "path": "own", "model": info.hash, "config": str(model / "config.yaml"), "video": str(video),
        "folder": str(folder), "stem": "video", "columns": info.columns(()), "scan": None,
        "announced": announced_frames(video), "multianimal": False,
        "shuffle": 1, "trainset_index": 0, "device": device, "batch_size": case.batch_size, "crop": None, "csv": True,
        "backend": backend,
    }  # fmt: skip


def measure(
    case: Case, model: Path, sides: dict[str, Side], folder: Path, python: Path, options: argparse.Namespace
) -> dict[str, Any]:
    """All turns of a case, and what they say."""
    folder.mkdir()
    video = media.write_video(folder / "video.mp4", case.frames, width=case.width, height=case.height)
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in sides}
    for turn in range(options.repeats + 1):  # the first one warms up
        for name, side in sides.items():
            results = folder / f"{name}-{turn}" / "results"
            results.mkdir(parents=True)
            job = job_of(case, model, video, results, DEVICE, "auto" if name == "stock" else name)
            job["ceilings"] = turn == options.repeats
            answer = side.run(job)
            if turn:
                found[name].append(answer)
    stock = found.pop("stock")
    summary = {"stock": summarise(case, stock)}
    for name, answers in found.items():
        ratios = sorted(s["frames_s"] / o["frames_s"] for s, o in zip(stock, answers, strict=True))
        summary[name] = {
            **summarise(case, answers),
            "ratios": ratios,
            "difference": compare(python, folder, name),
            "shares": shares(answers),
            **{key: answers[-1][key] for key in ("backend", "decode_fps", "network_fps", "gflop", "peak_gflops")},
        }
    return {**asdict(case), "sides": summary}


def summarise(case: Case, answers: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians of one side's turns."""
    return {
        "fps": case.frames / median(answers, "frames_s"),
        "fixed_s": statistics.median(answer["call_s"] - answer["frames_s"] for answer in answers),
        "peak_mb": max(answer["peak_mb"] for answer in answers),
    }


def shares(answers: list[dict[str, Any]]) -> dict[str, float]:
    """Shares of a call: waiting for pictures, the network, and all else."""
    whole = median(answers, "call_s")
    found = {name: statistics.median(a["phases"][name] for a in answers) / whole for name in ("decoding", "network")}
    return {**found, "rest": 1 - sum(found.values())}


def compare(python: Path, folder: Path, name: str) -> dict[str, Any]:
    """Our .h5 against stock's."""
    files = [str(next((folder / f"{side}-1" / "results").glob("*.h5"))) for side in (name, "stock")]
    command = [str(python), str(SUPPORT / "compare_h5.py"), *files]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return {key: found[key] for key in ("equal", "max_px", "max_likelihood")}


def median(answers: list[dict[str, Any]], name: str) -> float:
    return statistics.median(answer[name] for answer in answers)


def machine(options: argparse.Namespace) -> dict[str, Any]:
    """Processor, what the sides may use of it, and how busy it is."""
    names = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
             if line.startswith("model name")]  # fmt: skip
    return {
        "processor": names[0] if names else platform.machine(),
        "cpus": cpu_count(),
        "threads": options.threads,
        "device": DEVICE,
        "load_before": os.getloadavg()[0],
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
    }


def measure_engine(engine: str, folder: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Results of an engine's cases, printed as they come."""
    python, lines = ensure_environment(pick_flavour(list_flavours(), read_pins(), engine, DEVICE)), []
    folder.mkdir()
    projects = models(engine, python, folder)
    sides = {name: Side(python, name, engine, options) for name in SIDES}
    try:
        for number, case in enumerate(case for case in CASES if case.engine == engine):
            found = measure(case, projects[case.network], sides, folder / str(number), python, options)
            lines.append(found)
            for line in bench_page.speed_lines(found):
                print("| " + " | ".join(line) + " |", flush=True)
    finally:
        for side in sides.values():
            side.close()
    return lines


def main() -> int:
    """Measure the engines that are named (by default both), and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--engine", choices=ENGINES, action="append", help="default: both")
    parser.add_argument("--threads", type=int, default=cpu_count(), help="of each side; default: all CPUs")
    parser.add_argument("--repeats", type=int, default=5, help="turns that count")
    options = parser.parse_args()
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    with tempfile.TemporaryDirectory() as name:
        for engine in options.engine or ENGINES:
            facts = machine(options)
            lines = measure_engine(engine, Path(name) / engine, options)
            results[f"{engine} {DEVICE}"] = {
                **facts, "load_after": os.getloadavg()[0], "repeats": options.repeats, "cases": lines
            }  # fmt: skip
            RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
            bench_page.write_page(results)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
