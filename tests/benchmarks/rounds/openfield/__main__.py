"""`python -m tests.benchmarks.rounds.openfield --out DIR`: one round of labelling on DeepLabCut's open-field project.

It needs the real data, which are not part of this repository; `DLCCTR_REAL_DATA` names their folder. What is in DIR is
not done again. docs/benchmark-openfield-round.md is written from it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from dlcctr.image import flavours
from dlcctr.runtime.native import environment
from tests.benchmarks.rounds.openfield import real
from tests.benchmarks.rounds.openfield.page import page_lines, write_page
from tests.benchmarks.rounds.openfield.settings import ROUNDS, SHARED, STARTS
from tests.benchmarks.rounds.openfield.stretches import SPLITS
from tests.benchmarks.rounds.openfield.walk import Walk


def main() -> None:
    """Measure what is missing, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.rounds.openfield", description=__doc__)
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for all of it; a run that was cut short goes on"
    )
    parser.add_argument("--splits", type=int, default=SPLITS, help="how many")
    parser.add_argument("--start", choices=STARTS, action="append", help="start models; both by default")
    parser.add_argument("--page", action="store_true", help="only write the page, of what is there")
    parser.add_argument(
        "--quick", action="store_true", help="walk the way once, with frames of ours, in minutes; no page"
    )
    given = parser.parse_args()
    starts = given.start or STARTS
    if not given.page:
        if lacking := real.missing(with_model=SHARED in starts):
            raise SystemExit(lacking)
        measure(given.out.absolute(), 1 if given.quick else given.splits, starts, quick=given.quick)
    if not given.quick:
        print(*page_lines(write_page(given.out)), sep="\n")


def measure(out: Path, splits: int, starts: Sequence[str], *, quick: bool) -> None:
    """One split of every start model after the other, so that a run that is cut short has some of all."""
    flavour = flavours.pick_flavour(flavours.list_flavours(), flavours.read_pins(), engine="pytorch", device="cpu")
    python = environment.ensure_environment(flavour, say=print)
    walks = {start: Walk(out, start, python, quick=quick) for start in starts}
    for split in range(splits):
        for start, walk in walks.items():
            walk.begin()
            walk.without_frames(range(splits))
            for way in ROUNDS[start][:1] if quick else ROUNDS[start]:
                walk.round(split, way)


if __name__ == "__main__":
    main()
