"""`python -m tests.benchmarks.rounds --engine pytorch --seeds 5 --out DIR`: how many labels does a round need?

Renders campaigns, trains first models, picks frames in three ways, labels them by the truth, trains on, and measures
the error in held-out videos. What is in DIR is not done again; docs/benchmark-rounds.md is written from it. Half an
hour for each engine and campaign on an idle CPU. `--tune` takes other seeds and writes no page.
"""

from __future__ import annotations

import argparse
import os
import subprocess
from pathlib import Path

from dlcctr.image import flavours
from dlcctr.runtime.native import environment
from dlcctr.system.cpus import thread_environment
from tests.benchmarks.rounds.page import halves, write_page
from tests.benchmarks.rounds.settings import CAMPAIGNS, MIXED, SIZES, TUNING_SEEDS, WAYS

ROOT = Path(__file__).resolve().parents[3]


def main() -> None:
    """Measure what is missing, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.rounds", description=__doc__)
    parser.add_argument("--engine", choices=("pytorch", "tensorflow"), action="append", help="pytorch by default")
    parser.add_argument("--campaign", choices=list(CAMPAIGNS), default=MIXED)
    parser.add_argument("--seeds", type=int, default=5, help="how many of the campaign's, at most 5")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="frames of a round")
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=WAYS)
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for all of it; a run that was cut short goes on"
    )
    parser.add_argument("--tune", action="store_true", help="other seeds, no page")
    parser.add_argument("--iterations", type=int, help="with --tune: of the training after a round")
    parser.add_argument("--page", action="store_true", help="only write the page, of what is there")
    given = parser.parse_args()
    if given.iterations and not given.tune:
        parser.error("--iterations goes with --tune: the page's are in settings.py")
    if given.tune and given.campaign != MIXED:
        parser.error("--tune takes mixed campaigns only: leave --campaign out")
    seeds = (TUNING_SEEDS if given.tune else CAMPAIGNS[given.campaign].seeds)[: given.seeds]
    for engine in [] if given.page else given.engine or ["pytorch"]:
        flavour = flavours.pick_flavour(flavours.list_flavours(), flavours.read_pins(), engine=engine, device="cpu")
        python = environment.ensure_environment(flavour, say=print)
        words = ["--seeds", *map(str, seeds), "--sizes", *map(str, given.sizes), "--ways", *given.ways]
        words += ["--iterations", str(given.iterations)] if given.iterations else []
        subprocess.run(
            [str(python), "-m", "tests.benchmarks.rounds.run", engine, str(given.out.absolute()), *words],
            cwd=ROOT, env=quiet_environment(), check=True,
        )  # fmt: skip
    if not given.tune:
        for (engine, campaign), found in write_page(given.out).items():
            print(engine, campaign, *halves(found), sep="\n")


def quiet_environment() -> dict[str, str]:
    """One thread each; no window, no GPU, no look for newer versions."""
    own = {"DLClight": "True", "CUDA_VISIBLE_DEVICES": "", "NO_ALBUMENTATIONS_UPDATE": "1", "TF_CPP_MIN_LOG_LEVEL": "2"}
    path = os.pathsep.join(map(str, (ROOT, ROOT / "demo")))
    return {**os.environ, **thread_environment(1), **own, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}


if __name__ == "__main__":
    main()
