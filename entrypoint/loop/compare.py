"""Whether two sets of positions of the same frames are the same, as far as floating-point numbers go."""

from __future__ import annotations

from typing import Any

MAX_PX = 0.01
MAX_LIKELIHOOD = 1e-4


def difference(ours: Any, others: Any, margin: float = 1) -> str:
    """Say by how much positions differ; empty where that is nothing to speak of.

    Parameters
    ----------
    ours, others : ndarray, (…, 3)
        x, y in px, likelihood 0-1.
    margin : float
        So many times closer they must be: where a few frames are to speak for all others.
    """
    import numpy

    off = numpy.abs(ours - others).reshape(-1, 3).max(axis=0)
    if off[:2].max() <= MAX_PX / margin and off[2] <= MAX_LIKELIHOOD / margin:  # so that NaN fails, too
        return ""
    return f"by {off[:2].max():.2g} px, {off[2]:.2g} in likelihood"
