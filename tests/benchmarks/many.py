"""Many short videos, one task of ours beside one process of stock DeepLabCut each: `python -m tests.benchmarks.many`.

Puts what it measured into docs/benchmark.json and onto its page. Where fewer processes of stock are run than there are
videos, the page says so, and gives what one takes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from dlcctr.model.engines import ENGINES
from dlcctr.system.cpus import cpu_count
from tests import media
from tests.benchmarks import page as bench_page
from tests.benchmarks.loop import RESULTS, machine
from tests.integration.conftest import native_python_of
from tests.integration.support.own_loop import OwnLoop
from tests.integration.support.tiny_models import make_model

SECONDS, FPS, WIDTH, HEIGHT, BATCH_SIZE = 10, 10, 128, 96, 8


def measure(engine: str, videos: int, stock: int, folder: Path) -> dict[str, Any]:
    """Seconds of both ways, and of the rows of ours by phase."""
    python = native_python_of(engine)
    environment = {**os.environ, "SLURM_CPUS_PER_TASK": str(cpu_count())}
    case = OwnLoop(python, make_model(python, f"{engine}-single", folder / "models"), folder, BATCH_SIZE, environment)
    case.videos.mkdir()
    for number in range(videos):
        file = case.videos / f"{number:03}.mp4"
        case.add(media.write_video(file, SECONDS * FPS, width=WIDTH, height=HEIGHT, fps=FPS, first=number))
    start = time.perf_counter()
    case.analyse("auto")
    ours_s = time.perf_counter() - start
    times = [case.receipt(row, "auto").timings_s for row in case.rows]
    each = []
    for row in case.rows[:stock]:
        start = time.perf_counter()
        case.stock_by_hand([row], {})
        each.append(time.perf_counter() - start)
        shutil.rmtree(folder / "projects")
    pairs = [(case.result(row, "auto"), case.hand_folder(row), []) for row in case.rows[:stock]]
    fixed = sorted(t["total"] - t["network"] - t["decoding"] for t in times[1:])
    return {
        "engine": engine, "videos": videos, "seconds": SECONDS, "fps": FPS, "width": WIDTH, "height": HEIGHT,
        "batch_size": BATCH_SIZE, "backend": case.receipt(case.rows[0], "auto").device.backend,
        "ours_s": ours_s, "stock_s": each, "fixed_s": [fixed[0], statistics.median(fixed), fixed[-1]],
        "equal": all(found["equal"] for found in case.compare(pairs)),
    }  # fmt: skip


def main() -> int:
    """Measure, print and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--engine", choices=ENGINES, default="pytorch")
    parser.add_argument("--videos", type=int, default=100)
    parser.add_argument("--stock", type=int, default=100, help="so many of them go through stock DeepLabCut as well")
    options = parser.parse_args()
    facts = machine(argparse.Namespace(threads=cpu_count(), device="cpu"))
    with tempfile.TemporaryDirectory() as name:
        found = measure(options.engine, options.videos, min(options.stock, options.videos), Path(name))
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    results.setdefault("many", {})[options.engine] = {**facts, "load_after": os.getloadavg()[0], **found}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    bench_page.write_page(results)
    print(bench_page.many_text(results["many"][options.engine]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
