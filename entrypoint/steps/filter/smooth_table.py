"""Read a table of positions, smooth one point after the other, write the table."""

from __future__ import annotations

from dlcctr.campaign.steps.filter import FilterParameters, FilterType
from dlcctr.results.h5.positions import open_positions
from entrypoint.steps.base import StepInput, StepResult
from entrypoint.steps.filter.own import KalmanFilter
from entrypoint.steps.filter.stock import FILTERS, Apply
from entrypoint.steps.smoothing.by_point import by_point, write_points
from entrypoint.steps.smoothing.changes import Changes
from entrypoint.steps.smoothing.steps_of_time import read_steps


def smooth_table(given: StepInput) -> StepResult:
    """Do the step.

    Every point, of every individual, is smoothed by itself. Memory is bounded: a table that is large waits in a file.
    """
    import numpy

    parameters: FilterParameters = given.parameters
    file = given.take_positions()
    changes, remarks = Changes(), list[str]()
    with open_positions(file) as table, by_point(table, given.work) as values:
        if parameters.filtertype is FilterType.KALMAN:
            steps = read_steps(given.take_times(), table.rows)
            apply: Apply = KalmanFilter(parameters, steps)
            remarks += [steps.remark] * bool(steps.remark)
        else:
            apply = FILTERS[parameters.filtertype](parameters)
        points, infinite = table.columns.points, 0
        for number, point in enumerate(points):
            before = numpy.array(values[number], dtype=table.number_type)
            if parameters.filtertype is not FilterType.MEDIAN:  # the others could not go on
                wrong = numpy.isinf(before[:2])
                infinite += int(wrong.any(axis=0).sum())
                before[:2][wrong] = numpy.nan
            after = apply(before.copy(), point) if before.shape[1] else before
            changes.add(before[:2], after[:2])
            values[number] = after
            given.progress(number + 1, len(points))
        if infinite:
            remarks.append(f"{infinite} positions were infinite: taken as missing")
        frames = max(given.source.receipt.frames.stream if given.source.receipt.frames else 0, table.rows)
        files = write_points(
            values,
            table.columns,
            frames,
            given.work / f"{file.stem}_filtered.h5",
            number_type=table.number_type,
            csv=parameters.csv,
        )
    return StepResult(files, changes.facts(), "; ".join(remarks))
