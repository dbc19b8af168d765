"""Whether two sets of positions of the same frames are equal within floating-point accuracy."""

from __future__ import annotations

from typing import Any

MAX_PX = 0.01
MAX_LIKELIHOOD = 1e-4
GPU_PX, GPU_LIKELIHOOD = 0.05, 2e-3
"""The same where a GPU computed either: it may round float32 to TF32, in another order in another batch, and GPUs of
another kind do it otherwise (emulated: 0.004 px, 4e-4)."""
CONTRAST = 8
"""Least difference between a frame's brightest and darkest value that makes it fit for a comparison."""


def difference(ours: Any, others: Any, margin: float = 1, *, on_gpu: bool = False) -> str:
    """Text that says by how much positions differ; empty if the difference is negligible.

    Parameters
    ----------
    ours, others : ndarray, (…, 3)
        x, y in px, likelihood 0-1.
    margin : float
        Factor by which the tolerance shrinks if a few frames stand for all others.
    on_gpu : bool
        A GPU computed one of them, the other perhaps elsewhere.
    """
    import numpy

    off = numpy.abs(ours - others).reshape(-1, 3).max(axis=0)
    px, likelihood = (GPU_PX, GPU_LIKELIHOOD) if on_gpu else (MAX_PX, MAX_LIKELIHOOD)
    if off[:2].max() <= px / margin and off[2] <= likelihood / margin:  # so that NaN fails, too
        return ""
    return f"by {off[:2].max():.2g} px, {off[2]:.2g} in likelihood"


def comparable(frames: Any) -> Any:
    """Frames on which two ways of computing a network can be compared.

    Frames of one colour, as a camera's first ones may be, are left out: there PyTorch's own group norm is off by up to
    0.02 px, and gives other positions for the same frame in another batch. Seeded noise stands in where none is left.

    Parameters
    ----------
    frames : ndarray, (n, height, width, 3)
        uint8.

    Returns
    -------
    ndarray, (m, height, width, 3)
        uint8; 1 to n of them.
    """
    import numpy

    fit = (frames.max((1, 2)).astype(int) - frames.min((1, 2))).max(1) >= CONTRAST
    if fit.any():
        return frames if fit.all() else frames[fit]
    return numpy.random.default_rng(0).integers(0, 256, (1, *frames.shape[1:]), numpy.uint8)
