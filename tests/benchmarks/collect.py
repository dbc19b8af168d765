"""`collect` of videos of an hour: time, size and memory over their number, and of 1,000 rows.

    python -m tests.benchmarks.collect                 # 1, 2, 4, 8 videos of an hour; 1,000 of ten seconds
    python -m tests.benchmarks.collect --hours 16 32   # as many as the disk holds

Videos are synthetic: 30 frames/s, 12 body parts, walks in float32 as a network gives them, times, judged. Their
results are hard links to those of a few, so that the disk holds them; what `collect` reads and writes is as long as of
different ones.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dlcctr.contract import RECEIPT_FILENAME
from dlcctr.results.receipt import read_receipt
from dlcctr.results.sections import AnalysedRow
from tests.unit.support.collected_campaign import finish, make_campaign, make_positions, write_receipt
from tests.unit.support.results import Bench

PARTS = tuple(f"part{n:02d}" for n in range(12))
FPS = 30
KINDS = 2
"""Videos whose results are made; the others are links to these."""


CHILD = """
import json, sys, time
from dlcctr.cli import catch, make_app
sys.argv = {words!r}
code = catch(lambda: make_app()(prog_name="dlcctr"))
kb = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({{"kb": kb, "cpu_s": time.process_time()}}), file=sys.stderr)
sys.exit(code)
"""
"""Says itself how much memory it had: what the system reports of a child is at least what its parent had."""


@dataclass(frozen=True)
class Measured:
    """One run: time, CPU time, largest memory of the process, lines that it wrote, size of the table."""

    seconds: float
    cpu_s: float
    memory_mb: float
    lines: int
    n_bytes: int


def make_rows(folder: Path, n_rows: int, seconds: int, *, judged: bool = True) -> Bench:
    """A campaign of videos of one length, all of them finished."""
    own = {
        "genotype": ["wt" if n % 2 else "ko" for n in range(n_rows)],
        "mouse id": [f"{n:04d}" for n in range(n_rows)],
    }
    bench = make_campaign(folder, [f"day{n // 50}/mouse{n:04d}.mp4" for n in range(n_rows)], own, bodyparts=PARTS)
    n_frames = seconds * FPS
    for index in range(n_rows):
        if index < KINDS:
            times = [n / FPS for n in range(n_frames)]
            finish(bench, index, make_positions(n_frames, len(PARTS), index), times=times, judged=judged)
        else:
            _link(bench, index)
    return bench


def _link(bench: Bench, index: int) -> None:
    source, folder, row = bench.folder(index % KINDS), bench.folder(index), bench.rows[index]
    folder.mkdir(parents=True)
    receipt = read_receipt(source)
    assert receipt
    for entry in receipt.files:
        os.link(source / entry.name, folder / entry.name)
    (folder / RECEIPT_FILENAME).unlink(missing_ok=True)
    write_receipt(folder, replace(receipt, row=AnalysedRow(row.index, row.video, row.fingerprint, row.bytes)))


def measure(bench: Bench, *options: str) -> Measured:
    """Run `collect` in a process of its own."""
    table = bench.manifest.with_name("campaign.parquet")
    words = ["dlcctr", "collect", str(bench.manifest), "-o", str(table), "--json", *options]
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", CHILD.format(words=words)], check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - begin
    found, used = json.loads(done.stdout), json.loads(done.stderr.splitlines()[-1])
    return Measured(seconds, used["cpu_s"], used["kb"] / 1024, found["lines"], found["bytes"])


def show(what: str, found: Measured, n_rows: int) -> None:
    """Print one line."""
    each = f"{found.cpu_s / n_rows:7.2f} s CPU and {found.n_bytes / n_rows / 1e6:6.2f} MB a video"
    print(
        f"{what:38} {found.seconds:7.1f} s  {each}  {found.lines:12,} lines  {found.n_bytes / 1e6:8.1f} MB"
        f"  memory {found.memory_mb:5.0f} MB",
        flush=True,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="time, size and memory of `collect`")
    parser.add_argument("--hours", type=int, nargs="*", default=[1, 2, 4, 8], help="numbers of videos of an hour")
    parser.add_argument("--rows", type=int, default=1000, help="number of short videos")
    parser.add_argument("--seconds", type=int, default=10, help="length of the short videos")
    parser.add_argument("--long", type=int, default=0, help="hours of one long video")
    parser.add_argument("--folder", type=Path, help="where the campaigns are made; by default a temporary folder")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        for number in options.hours:
            bench = make_rows(folder / "c", number, 3600)
            show(f"{number} videos of an hour", measure(bench), number)
            show(f"{number} videos of an hour, again", measure(bench), number)
            shutil.rmtree(folder / "c")
        if options.long:
            bench = make_rows(folder / "c", 1, 3600 * options.long, judged=False)
            show(f"1 video of {options.long} hours, not judged", measure(bench), 1)
            shutil.rmtree(folder / "c")
        if options.rows:
            bench = make_rows(folder / "c", options.rows, options.seconds)
            show(f"{options.rows} videos of {options.seconds} s", measure(bench), options.rows)
            show(f"{options.rows} videos of {options.seconds} s, again", measure(bench), options.rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
