"""What is measured, for all parts of the benchmark."""

from __future__ import annotations

from dataclasses import dataclass

OURS, DEEPLABCUT, RANDOM = "dlcctr", "DeepLabCut", "random"
CHOICES = (OURS, DEEPLABCUT)
WAYS = (*CHOICES, RANDOM)
FIRST = "first"
"""The model before any round."""
SIZES = (5, 10, 20)


@dataclass(frozen=True)
class Campaign:
    """How many of a campaign's videos a lab's model knows, and the seeds that are reported.

    Parameters
    ----------
    known_videos : int
        Of the known arena; each new arena has `campaign.NEW_VIDEOS` in every campaign.
    seeds : tuple of int
        Nothing was tried on them before, and no other campaign has them: a seed says which campaign it is of.
    """

    known_videos: int
    seeds: tuple[int, ...]


MIXED, SETTLED = "mixed", "settled"
CAMPAIGNS = {MIXED: Campaign(20, tuple(range(7103, 7108))), SETTLED: Campaign(60, tuple(range(7108, 7113)))}
TUNING_SEEDS = tuple(range(901, 911))
"""Never reported; their campaigns are mixed."""


def known_videos(seed: int) -> int:
    """How many videos of the known arena the campaign of a seed has."""
    return next((each.known_videos for each in CAMPAIGNS.values() if seed in each.seeds), CAMPAIGNS[MIXED].known_videos)


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


RECIPES = {"pytorch": Recipe(900, 600, 2e-3, 2e-3), "tensorflow": Recipe(1800, 1800, 3e-3, 2e-3)}
"""TensorFlow's was chosen with seed 901: after 600 iterations a round had hardly been learnt, and a rate of 6e-3 forgot
the known arena."""
