"""Parameters of the step `ensemble`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum


class Combination(Enum):
    """How the models' positions become one."""

    MEDIAN = "median"
    EKS = "eks"


@dataclass(frozen=True)
class EnsembleParameters:
    """How the step `ensemble` works.

    Parameters
    ----------
    combine : Combination
        ``median``: weighted by likelihood, each frame by itself; ``eks``: smoothed over time as well, each frame
        trusted as far as the models agree.
    pcutoff : float
        A model whose likelihood is lower has no say in that frame.
    max_gap_s : float
        ``eks``: longer stretches without any model's position stay empty.
    csv : bool
        Write a .csv as well.
    """

    combine: Combination = Combination.EKS
    pcutoff: float = 0.1
    max_gap_s: float = 0.5
    csv: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.pcutoff <= 1:
            raise ValueError(f"pcutoff must be from 0 to 1, not {self.pcutoff}")
        if not (math.isfinite(self.max_gap_s) and self.max_gap_s >= 0):
            raise ValueError(f"max_gap_s cannot be {self.max_gap_s}")
