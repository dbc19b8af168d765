"""Campaigns with steps, and steps that do little: they stand for the real ones where only the frame is tested."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy

from dlcctr.campaign.config import write_campaign
from dlcctr.campaign.steps.spec import parse_steps
from dlcctr.results.h5.positions import PositionColumns, open_positions, write_positions
from entrypoint.steps.base import StepInput, StepResult
from tests.unit.support.results import BODYPARTS, FRAMES, SCORER, Bench, make_bench

COLUMNS = PositionColumns(SCORER, tuple(("", part) for part in BODYPARTS), several=False)


def make_steps_bench(folder: Path, names: list[str], steps: Sequence[dict[str, Any]]) -> Bench:
    """Finished rows with real tables, and the steps of their campaign."""
    bench = make_bench(folder, names, steps=parse_steps(list(steps)))
    for index in range(len(names)):
        finish(bench, index)
    return bench


def finish(bench: Bench, index: int, *, seed: int | None = None) -> Path:
    """Write a row's table (positions by a seed, the row's index by default) and its receipt."""
    bench.commit(index) if not bench.folder(index).exists() else None
    (file,) = bench.folder(index).glob("*.h5")
    positions = numpy.random.default_rng(index if seed is None else seed).random((FRAMES, len(BODYPARTS), 3))
    with write_positions(file, COLUMNS) as writer:
        writer.write(positions)
    bench.write_receipt(index)
    return file


def set_steps(bench: Bench, steps: Sequence[dict[str, Any]]) -> None:
    """Give the campaign other steps."""
    bench.campaign = replace(bench.campaign, steps=parse_steps(list(steps)))
    write_campaign(bench.campaign)


@dataclass
class FakeSteps:
    """Steps of every kind: those that give positions add one to x, the others write what they were given.

    Parameters
    ----------
    ran : list of str
        Names of the steps' kinds, in the order in which they ran.
    on_run : dict
        Kind to what it does first, as raising an error.
    """

    ran: list[str]
    on_run: dict[str, Callable[[StepInput], None]]

    def step_of(self, spec: Any) -> Any:
        def run(given: StepInput) -> StepResult:
            self.ran.append(spec.name)
            source = given.take_positions()
            if spec.kind in self.on_run:
                self.on_run[spec.kind](given)
            for other in given.others:
                given.take(other.positions.find(".h5"), other.positions, row=other.row)
            if spec.about.gives.value == "files":
                (given.work / f"{spec.name}.txt").write_text(f"{source.name} {given.parameters}")
                return StepResult([given.work / f"{spec.name}.txt"])
            target = given.work / f"{source.stem}_{spec.name}.h5"
            with open_positions(source) as table, write_positions(target, table.columns) as writer:
                for _, block in table.blocks():
                    block[:, :, 0] += 1
                    writer.write(block)
            return StepResult([target], {"changed": float(FRAMES)})

        return SimpleNamespace(run=run)
