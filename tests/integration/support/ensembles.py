"""Ensembles of several animals: models that err each in its own way, whose tracks are called and ordered differently.

``ensembles.py FOLDER`` in a Python that has scipy; prints JSON of what came of each case.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pandas

from dlcctr.campaign.steps.ensemble import Combination, EnsembleParameters
from dlcctr.errors import AnalysisError
from dlcctr.results.h5.positions import PositionColumns, write_positions
from entrypoint.steps.ensemble import run
from tests.unit.support.smoothing_case import input_of

PARTS = ("nose", "left ear", "tail")
BODY = numpy.array([(20.0, 0.0), (10.0, 8.0), (-25.0, 0.0)])
FRAMES = 400
EKS, MEDIAN = EnsembleParameters(), EnsembleParameters(Combination.MEDIAN)


def truth(animals: int = 3) -> Any:
    """Positions (animals, parts, 2, frames) of animals that run in circles and pass each other closely."""
    t = numpy.arange(FRAMES) / 30
    found = numpy.empty((animals, len(PARTS), 2, FRAMES))
    for n in range(animals):
        angle = (-1) ** n * t + 2 * n
        centre = numpy.stack([320 + (120 + 12 * n) * numpy.cos(angle), 240 + (120 + 12 * n) * numpy.sin(angle)])
        turned = numpy.stack([-numpy.sin(angle), numpy.cos(angle)]) * (-1) ** n
        across = numpy.stack([-turned[1], turned[0]])
        for k, (along, side) in enumerate(BODY):
            found[n, k] = centre + along * turned + side * across
    return found


def see(way: Any, seed: int, noise: float, order: list[int]) -> Any:
    """What a model sees: noise of its own, jumps, animals that are missed; its tracks in another order."""
    generator = numpy.random.default_rng(seed)
    seen = numpy.concatenate([way + generator.normal(0, noise, way.shape), numpy.full_like(way[:, :, :1], 0.9)], axis=2)
    jumps = generator.random(way.shape[:2] + way.shape[3:]) < 0.04
    seen[:, :, 0][jumps] += 30
    for n in range(len(way)):
        hidden = generator.random(FRAMES) < 0.05
        seen[n, :, :, hidden] = numpy.nan
    return seen[order]


def table(values: Any, names: tuple[str, ...], parts: tuple[str, ...] = PARTS) -> tuple[PositionColumns, Any]:
    """Columns and numbers (points, 3, frames), with a unique body part that stands still."""
    points = tuple((who, part) for who in names for part in parts)
    corner = numpy.stack([numpy.full(FRAMES, 5.0), numpy.full(FRAMES, 7.0), numpy.ones(FRAMES)])[None]
    columns = PositionColumns("DLC_x", (*points, ("single", "corner")), several=True)
    order = [PARTS.index(part) for part in parts]
    return columns, numpy.concatenate([values[:, order].reshape(-1, 3, FRAMES), corner])


def combine(folder: Path, tables: list[tuple[PositionColumns, Any]], parameters: EnsembleParameters) -> Any:
    """Run the step; positions (points, 2, frames) and facts."""
    files = []
    for number, (columns, values) in enumerate(tables):
        place = folder / f"row{number}"
        place.mkdir(parents=True)
        files.append(place / f"videoDLC_x{number}.h5")
        with write_positions(files[-1], columns) as writer:
            writer.write(values.transpose(2, 0, 1))
    (folder / "work").mkdir()
    given = input_of(files, FRAMES, folder / "work", parameters, numpy.arange(FRAMES) / 30)
    result = run(given)
    found = pandas.read_hdf(result.files[0]).to_numpy().reshape(FRAMES, -1, 3).transpose(1, 2, 0)
    return found[:, :2], result.facts


def better(folder: Path, parameters: EnsembleParameters) -> dict[str, Any]:
    way = truth()
    orders = ([2, 0, 1], [1, 2, 0], [0, 1, 2])
    seen = [see(way, seed, 4.0, order) for seed, order in enumerate(orders)]
    names = [("x", "y", "z"), ("m3", "m1", "m2"), ("m1", "m2", "m3")]
    parts = [PARTS, PARTS[::-1], PARTS]
    found, facts = combine(folder, [table(*each) for each in zip(seen, names, parts, strict=True)], parameters)
    off = numpy.hypot(*(found[:-1].reshape(way.shape) - way).transpose(2, 0, 1, 3))
    each = numpy.hypot(*(seen[-1][:, :, :2] - way).transpose(2, 0, 1, 3))
    return {
        "mean_px": float(numpy.nanmean(off)), "one_model_px": float(numpy.nanmean(each)),
        "foreign": int((off > 60).sum()), "known": float(numpy.isfinite(off).mean()),
        "corner": found[-1, :, 0].tolist(), **facts,
    }  # fmt: skip


def more_animals(folder: Path) -> dict[str, Any]:
    """The other model has a fourth track, of an animal that the last row's does not know."""
    way = truth()
    fourth = see(way, 1, 2.0, [0])
    fourth[:, :, :2] += 100
    other = numpy.concatenate([see(way, 1, 2.0, [1, 2, 0]), fourth])
    tables = [table(other, ("a", "b", "c", "d")), table(see(way, 2, 2.0, [0, 1, 2]), ("m1", "m2", "m3"))]
    found, facts = combine(folder, tables, MEDIAN)
    off = numpy.hypot(*(found[:-1].reshape(way.shape) - way).transpose(2, 0, 1, 3))
    return {"foreign": int((off > 60).sum()), **facts}


def elsewhere(folder: Path) -> str:
    """A model that sees animals where there are none."""
    way = truth()
    tables = [
        table(see(way + 300, 1, 2.0, [0, 1, 2]), ("a", "b", "c")),
        table(see(way, 2, 2.0, [0, 1, 2]), ("a", "b", "c")),
    ]
    try:
        combine(folder, tables, MEDIAN)
    except AnalysisError as error:
        return f"{error.message} | {error.hint}"
    return ""


if __name__ == "__main__":
    root = Path(sys.argv[1])
    answer = {
        "eks": better(root / "eks", EKS), "median": better(root / "median", MEDIAN),
        "cut": better(root / "cut", replace(MEDIAN, pcutoff=0.5)), "more": more_animals(root / "more"),
        "elsewhere": elsewhere(root / "elsewhere"),
    }  # fmt: skip
    print(json.dumps(answer))
