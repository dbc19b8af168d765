"""DeepLabCut's median, ARIMA and spline: its own functions, called as its `filterpredictions` (3.0) calls them.

Each gets the numbers of one point, (3, frames): x, y, likelihood, in the number type of the table, because that is
what DeepLabCut gives to them, and ARIMA of single precision numbers is another one.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from dlcctr.campaign.steps.filter import FilterParameters, FilterType
from dlcctr.errors import AnalysisError
from entrypoint.steps.importable import make_importable

FILLED_LIKELIHOOD = 0.01
"""DeepLabCut's sign for a position that the spline has filled in."""
Apply = Callable[[Any, tuple[str, str]], Any]


def median(parameters: FilterParameters) -> Apply:
    """Median of a window; there are zeros before the first frame and after the last one, as in DeepLabCut."""
    from scipy.signal import medfilt  # type: ignore[import-untyped, unused-ignore]

    def apply(values: Any, point: tuple[str, str]) -> Any:
        with warnings.catch_warnings():  # a video shorter than the window is padded with zeros
            warnings.simplefilter("ignore", UserWarning)
            for axis in range(2):
                values[axis] = medfilt(values[axis], parameters.windowlength)
        return values

    return apply


def spline(parameters: FilterParameters) -> Apply:
    """Cubic spline through gaps of up to `windowlength` frames; those get DeepLabCut's likelihood 0.01."""
    import numpy

    make_importable()
    from deeplabcut.post_processing.filtering import columnwise_spline_interp

    def apply(values: Any, point: tuple[str, str]) -> Any:
        positions = values[:2].T.copy()
        missing = numpy.isnan(positions)
        found = columnwise_spline_interp(positions, parameters.windowlength)
        filled = ~numpy.isnan(found)
        positions[filled] = found[filled]
        values[2, (missing & filled).any(axis=1)] = FILLED_LIKELIHOOD
        values[:2] = positions.T
        return values

    return apply


def arima(parameters: FilterParameters) -> Apply:
    """What an ARMA model predicts of each frame from those before it; the first one stays as it is."""
    make_importable()
    from deeplabcut.refine_training_dataset.outlier_frames import FitSARIMAXModel

    def apply(values: Any, point: tuple[str, str]) -> Any:
        likelihood = values[2]
        try:
            with warnings.catch_warnings():  # statsmodels tells of fits that do not converge
                warnings.simplefilter("ignore")
                fitted = [
                    FitSARIMAXModel(
                        values[axis],
                        likelihood,
                        parameters.p_bound,
                        parameters.alpha,
                        parameters.ARdegree,
                        parameters.MAdegree,
                        False,
                    )[0]
                    for axis in range(2)
                ]
        except Exception as error:  # of many kinds, by statsmodels and numpy
            name = " of ".join(filter(None, (point[1], point[0])))
            raise AnalysisError(
                f"filter: no ARIMA model fits {name}: {' '.join(str(error).split())[:200]}",
                "take lower degrees (ARdegree, MAdegree), or another filtertype",
            ) from error
        for axis in range(2):
            first = values[axis, 0]
            values[axis] = fitted[axis]
            values[axis, 0] = first
        return values

    return apply


FILTERS: dict[FilterType, Callable[[FilterParameters], Apply]] = {
    FilterType.MEDIAN: median,
    FilterType.SPLINE: spline,
    FilterType.ARIMA: arima,
}
