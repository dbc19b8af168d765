"""The filter `kalman`: our smoother on the true times of frames."""

from __future__ import annotations

from typing import Any

from dlcctr.campaign.steps.filter import FilterParameters
from entrypoint.steps.filter.stock import FILLED_LIKELIHOOD
from entrypoint.steps.smoothing.kalman import smooth
from entrypoint.steps.smoothing.steps_of_time import Steps, gap_lengths


class KalmanFilter:
    """Smooths one point after the other.

    Parameters
    ----------
    parameters : FilterParameters
        Its settings.
    steps : Steps
        Time between the frames.
    """

    def __init__(self, parameters: FilterParameters, steps: Steps) -> None:
        self.parameters, self.steps = parameters, steps

    def __call__(self, values: Any, point: tuple[str, str]) -> Any:
        """Smooth one point: (3, frames), x, y and likelihood.

        A position whose likelihood is below `pcutoff`, or not known, is no measurement; the noise of the others grows
        as their likelihood falls. Gaps of up to `max_gap_s` are filled. Likelihoods stay: they say what the model saw;
        where there was none at all, it is DeepLabCut's 0.01 for what was filled in.
        """
        import numpy

        likelihood = values[2].astype(float)
        measured = numpy.isfinite(values[:2]).all(axis=0) & (likelihood >= self.parameters.pcutoff)
        found = numpy.where(measured, values[:2].astype(float), numpy.nan).T
        weights = numpy.clip(numpy.where(measured, likelihood, 1.0), 0.0, 1.0) ** 2
        smoothed = smooth(
            found, weights, self.steps.lengths, self.parameters.motion.order, noise_px=self.parameters.noise_px
        )
        within = gap_lengths(measured, self.steps) <= self.parameters.max_gap_s
        values[:2] = numpy.where(within, smoothed.positions.T, numpy.nan)
        unknown = numpy.isfinite(values[:2]).all(axis=0) & numpy.isnan(likelihood)
        values[2, unknown] = FILLED_LIKELIHOOD
        return values
