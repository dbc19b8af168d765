"""How far two analyses of the same frames may be apart, by device: the one place that says so, and why."""

from __future__ import annotations

from dataclasses import dataclass

from tests.integration.support.compare_h5 import MAX_LIKELIHOOD, MAX_PX


@dataclass(frozen=True)
class Tolerance:
    """Largest differences that count as equal.

    Parameters
    ----------
    px : float
        Of positions, in px.
    likelihood : float
        Of likelihoods, 0-1.
    reason : str
        Why it is not 0.
    """

    px: float
    likelihood: float
    reason: str

    def holds(self, px: float, likelihood: float) -> bool:
        """Whether differences are small enough; NaN never is."""
        return px <= self.px and likelihood <= self.likelihood


CPU = Tolerance(
    MAX_PX,
    MAX_LIKELIHOOD,
    "float32 on both sides: only the order of sums differs, as in all tests of this project on CPUs",
)
CUDA = Tolerance(
    0.05,
    2e-3,
    "PyTorch lets cuDNN's convolutions round to TF32 (10 bits of mantissa), and another batch or layout sums in "
    "another order: emulated on a CPU that moved positions by 0.0013 px and likelihoods by 2e-4, and TF32 against "
    "float32 (a GPU against a CPU, or an A100 against a V100) by 0.004 px and 4e-4. About ten and five times that "
    "are allowed; a frame too late or two body parts in each other's place are px off",
)
BY_DEVICE = {"cpu": CPU, "cuda": CUDA}
