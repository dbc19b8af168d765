"""Parameters of the step `filter`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum


class FilterType(Enum):
    """The ways to smooth: three of DeepLabCut's `filterpredictions`, and a Kalman smoother."""

    MEDIAN = "median"
    ARIMA = "arima"
    SPLINE = "spline"
    KALMAN = "kalman"


class Motion(Enum):
    """What a Kalman smoother takes for even between two frames."""

    VELOCITY = "velocity"
    ACCELERATION = "acceleration"

    @property
    def order(self) -> int:
        """Numbers that describe a point's motion along one axis: position, velocity and so on."""
        return 2 if self is Motion.VELOCITY else 3


@dataclass(frozen=True)
class FilterParameters:
    """How the step `filter` works.

    `windowlength` to `alpha` have DeepLabCut's names, defaults and meaning. The default is not its median: see
    docs/filter.md for what each does to positions whose truth is known.

    Parameters
    ----------
    filtertype : FilterType
        Which filter.
    windowlength : int
        Median: frames of the window, an odd number. Spline: frames of the longest gap that is filled; 0 fills all.
    p_bound : float
        ARIMA: positions with a lower likelihood count as missing.
    ARdegree, MAdegree : int
        ARIMA: degrees of the model.
    alpha : float
        ARIMA: level of its confidence interval. DeepLabCut takes it, and its filter does not depend on it.
    pcutoff : float
        Kalman: positions with a lower likelihood are not measurements.
    motion : Motion
        Kalman: what is even.
    noise_px : float
        Kalman: standard deviation of a position of likelihood 1, in px; 0 takes it from each point's own track.
    max_gap_s : float
        Kalman: longer stretches without a measurement stay empty.
    csv : bool
        Write a .csv as well.
    """

    filtertype: FilterType = FilterType.KALMAN
    windowlength: int = 5
    p_bound: float = 0.001
    ARdegree: int = 3
    MAdegree: int = 1
    alpha: float = 0.01
    pcutoff: float = 0.3
    motion: Motion = Motion.VELOCITY
    noise_px: float = 0.0
    max_gap_s: float = 0.5
    csv: bool = False

    def __post_init__(self) -> None:
        if self.windowlength < 0:
            raise ValueError(f"windowlength cannot be {self.windowlength}")
        if self.filtertype is FilterType.MEDIAN and self.windowlength % 2 == 0:
            raise ValueError(f"windowlength must be odd for the median, not {self.windowlength}")
        for name in ("p_bound", "alpha", "pcutoff"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be from 0 to 1, not {getattr(self, name)}")
        if self.ARdegree < 0 or self.MAdegree < 0 or not self.ARdegree + self.MAdegree:
            raise ValueError("ARdegree and MAdegree cannot be negative, nor both 0")
        for name in ("noise_px", "max_gap_s"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise ValueError(f"{name} cannot be {getattr(self, name)}")
