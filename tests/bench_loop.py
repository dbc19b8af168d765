"""Our own analysis loop beside stock DeepLabCut: `python -m tests.bench_loop`. Writes the table of docs/throughput.md.

Both sides are processes of their own that have everything imported; they analyse the same video with the same network
in turn, several times. The networks have seeded random weights: speed does not depend on what they were taught.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dlcctr.contract import ENGINES
from dlcctr.model import inspect_model
from entrypoint.threads import allowed_cpus, thread_environment
from entrypoint.video import scan
from tests import media
from tests.integration.conftest import native_python_of
from tests.integration.tiny_models import make_model

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "throughput.md"
MARK = "<!-- {}: python -m tests.bench_loop {} -->"
REPEATS = 3
THREADS = 1
"""For each side: on a busy machine two threads wait for each other, and what is measured is its scheduler."""
RESNET50 = (
    "import sys; from pathlib import Path; from tests.integration import tiny_models; "
    "tiny_models._shrink = lambda table: table; tiny_models._make_pytorch(Path(sys.argv[1]), 'pytorch-single')"
)
HEAD = (
    "network", "frames", "batch", "stock frames/s", "ours frames/s", "ratio (least-most)", "decoding", "network",
    "rest", "of the network alone", "fixed s, stock", "fixed s, ours", "MB, stock", "MB, ours", "largest difference",
)  # fmt: skip


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
    Case("pytorch", "ResNet-18", 256, 192, 1, 24),
    Case("pytorch", "ResNet-18", 256, 192, 8, 24),
    Case("pytorch", "ResNet-18", 640, 480, 3, 6),
    Case("pytorch", "ResNet-50", 640, 480, 2, 2),
    Case("tensorflow", "TensorFlow ResNet-50", 256, 192, 1, 20),
    Case("tensorflow", "TensorFlow ResNet-50", 256, 192, 8, 24),
    Case("tensorflow", "TensorFlow ResNet-50", 640, 480, 4, 8),
)


class Side:
    """`loop_server.py` of one side in the native environment."""

    def __init__(self, python: Path, name: str, engine: str) -> None:
        script = HERE / "integration" / "loop_server.py"
        self._process = subprocess.Popen(
            [str(python), str(script), name, engine, str(THREADS)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={
                **os.environ, **thread_environment(THREADS), "SLURM_CPUS_PER_TASK": str(THREADS),
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

    def _answer(self) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("ANSWER "):
                return line.removeprefix("ANSWER ").strip()
        raise RuntimeError("the other process is gone")


def models(engine: str, python: Path, folder: Path) -> dict[str, Path]:
    """A project of each network of an engine."""
    if engine == "tensorflow":
        return {"TensorFlow ResNet-50": make_model(python, "tensorflow-single", folder)}
    big = folder / "resnet50"
    environment = {**os.environ, "DLClight": "True", "PYTHONPATH": str(HERE.parent), "CUDA_VISIBLE_DEVICES": "-1"}
    subprocess.run([str(python), "-c", RESNET50, str(big)], check=True, env=environment, capture_output=True)
    return {"ResNet-18": make_model(python, "pytorch-single", folder), "ResNet-50": big}


def job_of(case: Case, model: Path, video: Path, folder: Path) -> dict[str, Any]:
    """What our worker is told; stock's side takes a part of it."""
    info, found = inspect_model(model), scan(video)
    return {
        "path": "own", "model": info.hash, "config": str(model / "config.yaml"), "video": str(video),
        "folder": str(folder), "stem": "video", "columns": info.columns, "frames": found.stream,
        "decoded": found.decoded, "missing": [], "multianimal": False, "shuffle": 1, "trainset_index": 0,
        "device": "cpu", "batch_size": case.batch_size, "crop": None, "csv": True, "scan": asdict(found),
    }  # fmt: skip


def measure(case: Case, model: Path, sides: dict[str, Side], folder: Path, python: Path) -> list[str]:
    """One line of the table."""
    folder.mkdir()
    video = media.write_video(folder / "video.mp4", case.frames, width=case.width, height=case.height)
    found: dict[str, list[dict[str, Any]]] = {"stock": [], "own": []}
    for turn in range(REPEATS + 1):  # the first one warms up
        for name, side in sides.items():
            results = folder / f"{name}-{turn}" / "results"
            results.mkdir(parents=True)
            job = job_of(case, model, video, results)
            if name == "own":
                job["ceilings"] = turn == REPEATS
            answer = side.run(job)
            if turn:
                found[name].append(answer)
    files = [str(next((folder / f"{name}-1" / "results").glob("*.h5"))) for name in ("own", "stock")]
    compare = [str(python), str(HERE / "integration" / "compare_h5.py"), *files]
    difference = json.loads(subprocess.run(compare, check=True, capture_output=True, text=True).stdout)
    return cells(case, found["stock"], found["own"], difference)


def cells(case: Case, stock: list[dict[str, Any]], own: list[dict[str, Any]], difference: dict[str, Any]) -> list[str]:
    """The medians, and the ratios' spread from turn to turn."""
    ratios = sorted(s["frames_s"] / o["frames_s"] for s, o in zip(stock, own, strict=True))
    speeds = {name: case.frames / median(side, "frames_s") for name, side in (("stock", stock), ("own", own))}
    phases = {name: statistics.median(o["phases"][name] for o in own) for name in ("decoding", "network", "writing")}
    whole = median(own, "call_s")
    fixed = [statistics.median(a["call_s"] - a["frames_s"] for a in side) for side in (stock, own)]
    return [
        case.network, f"{case.frames} of {case.width} x {case.height}", str(case.batch_size),
        f"{speeds['stock']:.2f}", f"{speeds['own']:.2f}",
        f"{statistics.median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})",
        f"{phases['decoding'] / whole:.1%}", f"{phases['network'] / whole:.1%}",
        f"{1 - (phases['decoding'] + phases['network']) / whole:.1%}",
        f"{speeds['own'] / own[-1]['network_fps']:.0%}",
        f"{fixed[0]:.2f}", f"{fixed[1]:.2f}",
        f"{max(a['peak_mb'] for a in stock):.0f}", f"{max(a['peak_mb'] for a in own):.0f}",
        f"{difference['max_px']:.1g} px",
    ]  # fmt: skip


def median(side: list[dict[str, Any]], name: str) -> float:
    return statistics.median(answer[name] for answer in side)


def machine() -> str:
    """Processor, CPUs and how busy it was."""
    names = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
             if line.startswith("model name")]  # fmt: skip
    cpus = f"{allowed_cpus()} CPUs, {THREADS} thread for each side"
    return f"{names[0] if names else platform.machine()}, {cpus}, load {os.getloadavg()[0]:.1f}"


def measure_engine(engine: str, folder: Path) -> list[tuple[str, ...]]:
    """Lines of an engine's cases, printed as they come."""
    python, lines = native_python_of(engine), []
    folder.mkdir()
    projects = models(engine, python, folder)
    sides = {name: Side(python, name, engine) for name in ("stock", "own")}
    try:
        for number, case in enumerate(case for case in CASES if case.engine == engine):
            lines.append(tuple(measure(case, projects[case.network], sides, folder / str(number), python)))
            print("| " + " | ".join(lines[-1]) + " |", flush=True)
    finally:
        for side in sides.values():
            side.close()
    return lines


def write_table(engine: str, lines: list[tuple[str, ...]], before: str) -> None:
    """Put an engine's table between its marks on the page."""
    table = "\n".join("| " + " | ".join(line) + " |" for line in [HEAD, ("---",) * len(HEAD), *lines])
    mark, text = MARK.format(engine, engine), PAGE.read_text(encoding="utf-8")
    head, _, rest = text.partition(mark)
    _, _, tail = rest.partition(mark)
    note = f"Machine: {before} at the beginning, {os.getloadavg()[0]:.1f} at the end."
    PAGE.write_text(f"{head}{mark}\n\n{note}\n\n{table}\n\n{mark}{tail}", encoding="utf-8")


def main() -> int:
    """Measure, print, and write the page's table of each engine that the command line names (by default all)."""
    with tempfile.TemporaryDirectory() as name:
        for engine in sys.argv[1:] or ENGINES:
            before = machine()
            write_table(engine, measure_engine(engine, Path(name) / engine), before)
    return 0


if __name__ == "__main__":
    sys.exit(main())
