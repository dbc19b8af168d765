"""How long starting takes, against bare Python: `python -m tests.benchmarks.startup`, exit code 1 beyond a limit.

Limits: `dlcctr --help` 0.4 s; `check` of 1,000 rows faster than `import deeplabcut` (7 s and more).
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.unit.support.results import make_bench

HELP_S = 0.4
IMPORT_DEEPLABCUT_S = 7.0
REPEATS = 15


def seconds(*argv: str, repeats: int = REPEATS) -> float:
    """Median wall time of a command."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        subprocess.run([sys.executable, *argv], stdout=subprocess.DEVNULL, check=False)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> int:
    """Measure, print, compare."""
    bare, text = seconds("-c", "pass"), seconds("-m", "dlcctr", "--help")
    print(f"bare Python {1000 * bare:.0f} ms, dlcctr --help {1000 * text:.0f} ms: {text / bare:.1f} times")
    with tempfile.TemporaryDirectory() as folder:
        bench = make_bench(Path(folder), [f"mouse {n % 10}/{n}.mp4" for n in range(1000)])
        for index in range(1000):
            bench.commit(index)
        check = seconds("-m", "dlcctr", "check", str(bench.manifest), repeats=3)
        quick = seconds("-m", "dlcctr", "check", "--quick", str(bench.manifest), repeats=3)
    print(f"check of 1,000 whole rows {check:.2f} s, --quick {quick:.2f} s")
    return 0 if text <= HELP_S and check < IMPORT_DEEPLABCUT_S else 1


if __name__ == "__main__":
    sys.exit(main())
