"""What is measured, for all parts of this benchmark."""

from dataclasses import dataclass

from tests.benchmarks.rounds.settings import WAYS

OWN, SHARED = "own", "shared"
STARTS = (OWN, SHARED)
"""A model that was trained here on the first stretch only, and the one that came with the project's data."""
NO_FRAMES = "no new frames"
FRAMES = 10
"""That a round adds."""


@dataclass(frozen=True)
class Recipe:
    """A network, and how it is trained.

    Parameters
    ----------
    net : str
        Backbone, by timm's name.
    channels : int
        That it gives to the heads.
    first, more : int
        Iterations of the first training, and of the one after a round; none where the start model is given.
    first_rate, more_rate : float
        Learning rates that they begin with.
    """

    net: str
    channels: int
    first: int
    first_rate: float
    more: int
    more_rate: float


BATCH, CROP_PX, ROTATION = 4, 192, 30
RECIPES = {OWN: Recipe("test_resnet", 96, 1500, 2e-3, 200, 1e-3), SHARED: Recipe("resnet18", 512, 0, 0.0, 100, 5e-4)}
"""The shared model is a ResNet-18; from random weights one needs 1,000 iterations and more, at seconds each."""
ROUNDS = {OWN: WAYS, SHARED: WAYS[:1]}
"""Ways of picking that are measured for each start."""
