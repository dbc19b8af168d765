"""Time and memory of `status` and `check` at 1,000 and 10,000 receipts: `python -m tests.benchmarks.status`.

Each command is a process of its own, Python's start included. Half of the rows have results, the others wait, run or
ended without; each is an array task of its own, so that the scheduler's text is as long as it can be. Files lie in the
page cache, as on a login node that looks every minute; a cold network file system is slower.
Ends with 1 where a limit is passed: 10,000 rows in `MOST_S` seconds, and `MOST_KB_A_ROW` more memory for each row.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dlcctr.results.sections import Columns
from tests.unit.support.slurm_case import SlurmCase, make_case, sacct_line, sacct_text, squeue_line, squeue_text

SIZES = (1_000, 10_000)
MOST_S = 20.0
MOST_KB_A_ROW = 8.0
N_BODYPARTS = 20
COLUMNS = tuple((f"part{n}", coord) for n in range(N_BODYPARTS) for coord in ("x", "y", "likelihood"))


def make(folder: Path, n_rows: int) -> SlurmCase:
    """A campaign of which every second row has a result."""
    parts = tuple(f"part{n}" for n in range(N_BODYPARTS))
    case = make_case(folder, n_rows, bodyparts=parts)
    case.submit([[index] for index in range(n_rows)])
    for index in range(0, n_rows, 2):
        case.commit(
            index, task=index, columns=Columns(20, COLUMNS), timings_s={"total": 60.0},
            started="2026-03-01T12:01:00+00:00",
        )  # fmt: skip
    running, ended = range(1, n_rows, 4), range(3, n_rows, 4)
    (folder / "squeue.txt").write_text(squeue_text(*[squeue_line(index, "RUNNING", node="node1") for index in running]))
    (folder / "sacct.txt").write_text(
        sacct_text(
            *[sacct_line(index, "COMPLETED", tres="gres/gpu=1") for index in range(0, n_rows, 2)],
            *[sacct_line(index, "TIMEOUT", tres="gres/gpu=1") for index in ended],
        )
    )
    return case


def measure(*argv: str) -> tuple[float, float]:
    """Seconds and peak memory (MB) of a command that is to end with 20."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "dlcctr", *argv], stdout=subprocess.DEVNULL)
    _, state, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(state)
    assert process.returncode == 20, f"{argv[0]} ended with {process.returncode}"
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def main() -> int:
    """Measure, print, compare."""
    found: dict[str, list[tuple[float, float]]] = {}
    for n_rows in SIZES:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            manifest = str(make(folder, n_rows).bench.manifest)
            texts = ["--squeue", str(folder / "squeue.txt"), "--sacct", str(folder / "sacct.txt")]
            commands = {
                "status": ["status", manifest, *texts],
                "status --json": ["status", manifest, *texts, "--json"],
                "check --quick": ["check", "--quick", manifest],
                "check": ["check", manifest],
            }
            for title, argv in commands.items():
                found.setdefault(title, []).append(measure(*argv))
    print(f"{'':<15}" + "".join(f"{n_rows:>9,} rows" for n_rows in SIZES) + "    growth a row")
    worst = False
    for title, results in found.items():
        (_, small), (seconds, large) = results
        growth_kb = (large - small) * 1024 / (SIZES[1] - SIZES[0])
        worst = worst or seconds > MOST_S or growth_kb > MOST_KB_A_ROW
        cells = "".join(f"{s:>6.1f} s{mb:>4.0f} MB" for s, mb in results)
        print(f"{title:<15}{cells}{growth_kb:>10.1f} kB")
    return int(worst)


if __name__ == "__main__":
    sys.exit(main())
