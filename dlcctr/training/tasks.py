"""What is asked of a training: which shuffles, with which seeds, and the options of `dlc train`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dlcctr.errors import UsageError

MAX_TASKS = 100
"""Most shuffles of one request: more is a mistake."""
MAX_SEED = 2**32 - 1
"""Largest seed that numpy's and DeepLabCut's generators take."""


@dataclass(frozen=True)
class TrainTask:
    """One shuffle to train; `seed` is None for the usual one."""

    shuffle: int
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.shuffle < 0 or not 0 <= (self.seed or 0) <= MAX_SEED:
            raise ValueError(f"shuffle {self.shuffle}, seed {self.seed}")

    @property
    def words(self) -> tuple[str, ...]:
        """Its options of `dlc train`."""
        seed = () if self.seed is None else ("--seed", str(self.seed))
        return ("--shuffle", str(self.shuffle), *seed)


@dataclass(frozen=True)
class TrainOptions:
    """Options of `dlc train` that hold for all shuffles of a request; empty or None if not given."""

    epochs: int | None = None
    weights: str = ""
    net_type: str = ""
    batch_size: int | None = None
    precision: str = ""
    device: str = ""
    allow_cpu: bool = False
    trial: bool = False
    same_settings: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """The options as words of the command line."""
        given = {
            "--epochs": self.epochs,
            "--weights": self.weights,
            "--net-type": self.net_type,
            "--batch-size": self.batch_size,
            "--precision": self.precision,
            "--device": self.device,
        }
        words = [word for name, value in given.items() if value for word in (name, str(value))]
        words += ["--allow-cpu"] if self.allow_cpu else []
        words += ["--same-settings"] if self.same_settings else []
        return (*words, *(["--trial"] if self.trial else []))


def make_tasks(shuffles: Sequence[int], seeds: Sequence[int]) -> tuple[TrainTask, ...]:
    """Pair shuffles with seeds.

    One seed holds for all shuffles; several belong to the shuffles one by one. Several seeds for one shuffle train that
    shuffle and those after it, one with each seed: a shuffle has one training.

    Raises
    ------
    UsageError
        Their numbers do not fit, or one is there twice or impossible.
    """
    numbers = list(shuffles) or [1]
    if len(numbers) == 1 and len(seeds) > 1:
        numbers = [numbers[0] + n for n in range(len(seeds))]
    if len(seeds) > 1 and len(seeds) != len(numbers):
        raise UsageError(
            f"{len(numbers)} shuffles and {len(seeds)} seeds", "give one seed for all shuffles, or one for each"
        )
    if len(set(numbers)) != len(numbers):
        raise UsageError("a shuffle is named twice", "name each shuffle once: it has one training")
    if len(numbers) > MAX_TASKS:
        raise UsageError(f"{len(numbers)} shuffles at once", f"name at most {MAX_TASKS}")
    given: list[int | None] = [*seeds] if seeds else [None]
    given = given * len(numbers) if len(given) == 1 else given
    try:
        return tuple(TrainTask(number, seed) for number, seed in zip(numbers, given, strict=True))
    except ValueError as error:
        raise UsageError(f"{error}: cannot be", f"both are whole numbers; a seed is at most {MAX_SEED}") from error
