"""Does smoothing help: errors of raw, filtered and combined positions on tracks whose truth is known.

Run in a Python with DeepLabCut: ``python -m tests.benchmarks.smoothing [RESULTS TRUTH]``, the second for folders with
rows of a real model (``<video>/<table>.h5``) and ``<number>.npy`` of the same videos. Prints tables for docs/filter.md
and docs/ensemble.md.
"""

from __future__ import annotations

import re
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy

from dlcctr.campaign.steps.ensemble import Combination, EnsembleParameters
from dlcctr.campaign.steps.filter import FilterParameters, FilterType, Motion
from dlcctr.results.h5.positions import open_positions
from entrypoint.steps.ensemble.agreement import agree
from entrypoint.steps.ensemble.combine_rows import combine_point
from entrypoint.steps.filter.own import KalmanFilter
from entrypoint.steps.filter.stock import FILTERS
from entrypoint.steps.smoothing.steps_of_time import Steps
from tests.unit.support.simulated_tracks import POOR, SHARP, USUAL, observe, observe_by_several, walk

FRAMES, SEEDS, CLOSE_PX = 3000, 4, 5
WAYS: dict[str, FilterParameters | None] = {
    "raw": None,
    "median 5": FilterParameters(FilterType.MEDIAN),
    "median 9": FilterParameters(FilterType.MEDIAN, windowlength=9),
    "spline 5": FilterParameters(FilterType.SPLINE),
    "arima": FilterParameters(FilterType.ARIMA),
    **{
        f"kalman {motion.value} {cut}": FilterParameters(FilterType.KALMAN, motion=motion, pcutoff=cut)
        for motion in Motion
        for cut in (0.1, 0.3, 0.6)
    },
}


def filter_of(parameters: FilterParameters | None, frames: int) -> Callable[[Any, tuple[str, str]], Any]:
    if parameters is None:
        return lambda values, point: values
    if parameters.filtertype is FilterType.KALMAN:
        return KalmanFilter(parameters, even_steps(frames))
    return FILTERS[parameters.filtertype](parameters)


def even_steps(frames: int) -> Steps:
    return Steps(numpy.r_[0.0, numpy.ones(frames - 1)], 1 / 30)


def line(name: str, off: list[Any], seconds: float = 0.0) -> None:
    all_off = numpy.concatenate(off)
    known = all_off[numpy.isfinite(all_off)]
    print(
        f"| {name} | {known.mean():.2f} | {numpy.median(known):.2f} | {numpy.quantile(known, 0.95):.2f} | "
        f"{100 * (known < CLOSE_PX).sum() / len(all_off):.1f} | {seconds:.1f} |",
        flush=True,
    )


def compare_filters(title: str, tracks: list[tuple[Any, Any]]) -> None:
    """Tracks are pairs of truth (frames, 2) and what a model says of it (3, frames)."""
    print(f"\n{title}\n| | mean px | median px | 95 % px | within {CLOSE_PX} px, % | s |")
    for name, parameters in WAYS.items():
        off, began = [], time.monotonic()
        for way, found in tracks:
            after = filter_of(parameters, len(way))(found.copy(), ("", "point"))
            off.append(numpy.hypot(*(after[:2].T - way).T))
        line(name, off, time.monotonic() - began)


def compare_ensembles() -> None:
    for title, errors in (("sharp", SHARP), ("usual", USUAL), ("poor", POOR)):
        for models in (3, 5):
            print(f"\nensemble of {models}, {title}\n| | mean px | median px | 95 % px | within {CLOSE_PX} px, % | |")
            off: dict[str, list[Any]] = {}
            spread = []
            for seed in range(SEEDS):
                way = walk(seed, FRAMES)
                several = observe_by_several(way, seed, models, errors)
                for number, one in enumerate(several):
                    off.setdefault(f"model {number + 1}", []).append(numpy.hypot(*(one[:2].T - way).T))
                found = agree(several, EnsembleParameters().pcutoff)
                for how in Combination:
                    parameters = EnsembleParameters(how)
                    steps = even_steps(FRAMES) if how is Combination.EKS else None
                    positions, variance = combine_point(found, steps, parameters)
                    off.setdefault(how.value, []).append(numpy.hypot(*(positions - way).T))
                    if how is Combination.EKS:
                        spread.append(variance)
            for name, each in off.items():
                line(name, each)
            variance, wrong = numpy.concatenate(spread), numpy.concatenate(off["eks"])
            known = numpy.isfinite(variance) & numpy.isfinite(wrong)
            order = numpy.argsort(variance[known])
            tenths = [wrong[known][part].mean() for part in numpy.array_split(order, 10)]
            expected = [
                numpy.sqrt(variance[known][part] * numpy.pi / 2).mean() for part in numpy.array_split(order, 10)
            ]
            print("tenths by variance, mean error px:  ", " ".join(f"{each:.2f}" for each in tenths))
            print("tenths by variance, px it expects:  ", " ".join(f"{each:.2f}" for each in expected))


def real_tracks(results: Path, truth: Path) -> list[tuple[Any, Any]]:
    tracks = []
    for file in sorted(results.rglob("*.h5")):
        number = re.search(r"(\d+)\.\w+$", file.parent.name)
        way = numpy.load(truth / f"{number.group(1)}.npy") if number else None
        with open_positions(file) as table:
            found = table.read(0, table.rows)
        if way is not None and way.shape[:2] == found.shape[:2]:
            tracks += [(way[:, n], found[:, n].T) for n in range(way.shape[1])]
    return tracks


def main() -> None:
    warnings.simplefilter("ignore")
    if len(sys.argv) > 2:
        tracks = real_tracks(Path(sys.argv[1]), Path(sys.argv[2]))
        compare_filters(f"a real model, {len(tracks)} tracks of {len(tracks[0][0])} frames", tracks)
    compare_ensembles()
    for title, errors in (("sharp", SHARP), ("usual", USUAL), ("poor", POOR)):
        ways = [walk(seed, FRAMES) for seed in range(SEEDS)]
        tracks = [(way, observe(way, 50 + n, errors)) for n, way in enumerate(ways)]
        compare_filters(f"simulated, {title}", tracks)


if __name__ == "__main__":
    main()
