"""What is measured, for all parts of the benchmark."""

from __future__ import annotations

from dataclasses import dataclass

OURS, DEEPLABCUT, RANDOM = "dlcctr", "DeepLabCut", "random"
CHOICES = (OURS, DEEPLABCUT)
WAYS = (*CHOICES, RANDOM)
FIRST = "first"
"""The model before any round."""
SEEDS = tuple(range(7103, 7113))
"""Reported; nothing was tried on them before. Tuning takes others."""
TUNING_SEEDS = tuple(range(901, 911))
SIZES = (5, 10, 20)


@dataclass(frozen=True)
class Recipe:
    """How long a network is trained, and how fast it learns.

    Parameters
    ----------
    first, more : int
        Iterations of the first training, and of the one after a round.
    first_rate, more_rate : float
        Learning rates that they begin with.
    """

    first: int
    more: int
    first_rate: float
    more_rate: float


RECIPES = {"pytorch": Recipe(900, 600, 2e-3, 2e-3), "tensorflow": Recipe(600, 200, 1e-3, 5e-4)}
