"""Read the tables of a video's rows, combine one point after the other, write positions and variances."""

from __future__ import annotations

import contextlib
from typing import Any

from dlcctr.campaign.steps.ensemble import Combination, EnsembleParameters
from dlcctr.results.h5.positions import open_positions
from entrypoint.steps.base import StepInput, StepResult
from entrypoint.steps.ensemble.agreement import Agreement, agree
from entrypoint.steps.ensemble.members import Members, require_members
from entrypoint.steps.ensemble.variances import ENDING, write_variances
from entrypoint.steps.smoothing.by_point import by_point, empty_points, write_points
from entrypoint.steps.smoothing.changes import Changes
from entrypoint.steps.smoothing.kalman import smooth
from entrypoint.steps.smoothing.steps_of_time import Steps, gap_lengths, read_steps

VELOCITY = 2
"""Order of the motion: velocity is nearly even."""


def combine_rows(given: StepInput) -> StepResult:
    """Do the step.

    ``eks`` is the ensemble Kalman smoother of Biderman et al. (Lightning Pose, Nature Methods 2024), with a motion of
    nearly even velocity: in each frame the models' median is the measurement, and their variance its noise.
    """
    import numpy

    parameters: EnsembleParameters = given.parameters
    require_members(given)
    rows = [*given.others, given.source]
    own = given.source.row.index
    files = [
        given.take(each.positions.find(".h5"), each.positions, row=None if each.row.index == own else each.row)
        for each in rows
    ]
    changes, between, noise = Changes(), 0.0, 0.0
    with contextlib.ExitStack() as opened:
        tables = [opened.enter_context(open_positions(file)) for file in files]
        columns = tables[-1].columns
        counted = given.source.receipt.frames.stream if given.source.receipt.frames else 0
        frames = max(counted, *(table.rows for table in tables))
        steps = read_steps(given.take_times(), frames) if parameters.combine is Combination.EKS else None
        members = Members(
            [(f"row {row.row.index}", table.columns) for row, table in zip(rows, tables, strict=True)],
            [opened.enter_context(by_point(table, given.work, frames)) for table in tables],
            parameters.pcutoff,
        )
        values = opened.enter_context(empty_points(len(columns.points), frames, given.work))
        spread = opened.enter_context(empty_points(len(columns.points), frames, given.work))
        for number in range(len(columns.points)):
            point = members.point(number)
            found = agree(point, parameters.pcutoff)
            positions, variance = combine_point(found, steps, parameters)
            before = point[-1, :2].copy()
            values[number, :2], values[number, 2] = positions.T, found.likelihood
            spread[number] = variance, found.variance, found.members
            changes.add(before, numpy.array(values[number, :2]))
            between += _mean(numpy.sqrt(found.variance))
            noise += _mean(numpy.sqrt(variance))
            given.progress(number + 1, len(columns.points))
        stem = files[-1].stem
        written = write_points(
            values, columns, frames, given.work / f"{stem}_ensemble.h5", number_type="float64", csv=parameters.csv
        )
        written.append(write_variances(spread, columns, given.work / f"{stem}{ENDING}"))
    points = max(len(columns.points), 1)
    facts = {"models": float(len(rows)), "between_models_px": between / points, "sd_px": noise / points}
    facts |= members.facts()
    return StepResult(written, {**facts, **changes.facts()}, steps.remark if steps else "")


def combine_point(found: Agreement, steps: Steps | None, parameters: EnsembleParameters) -> tuple[Any, Any]:
    """Make one point's positions of what the models agree on.

    Parameters
    ----------
    found : Agreement
        The models' positions.
    steps : Steps or None
        Time between frames, for ``eks``; None leaves every frame to itself.
    parameters : EnsembleParameters
        The step's.

    Returns
    -------
    positions, variance : numpy.ndarray
        (frames, 2) in px, and (frames,), along one axis, in px².
    """
    import numpy

    if steps is None:
        return found.median, found.noise
    measured = found.members > 0
    scale = float(numpy.median(found.noise[measured])) if measured.any() else 1.0
    weights = numpy.where(measured, scale / numpy.where(measured, found.noise, scale), 1.0)
    smoothed = smooth(found.median, weights, steps.lengths, VELOCITY, noise_px=scale**0.5)
    within = gap_lengths(measured, steps) <= parameters.max_gap_s
    positions = numpy.where(within[:, None], smoothed.positions, numpy.nan)
    return positions, numpy.where(within, smoothed.variances, numpy.nan)


def _mean(values: Any) -> float:
    import numpy

    known = values[numpy.isfinite(values)]
    return round(float(known.mean()), 4) if len(known) else 0.0
