"""What is compared, and what came out: two models, and a sample of a campaign's videos; kept in files, to go on.

Names below the folder of a comparison have their one place here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dlcctr.compare.sample import Why
from dlcctr.errors import ManifestError
from dlcctr.system.state_files import StateFile
from dlcctr.system.values.records import Open

PLAN_FILENAME, OUTCOME_FILENAME = "compare.json", "verdict.json"
MANIFEST_NAME = "m.csv"
RESULTS_FOLDER = "results"
SIDES = ("A", "B")


@dataclass(frozen=True)
class PlannedModel(Open):
    """One of the two models, as it was when the comparison was begun."""

    path: str
    id: str
    hash: str
    engine: str
    bodyparts: tuple[str, ...]
    individuals: tuple[str, ...] = ()
    unique_bodyparts: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[str, ...]:
        """All names of body parts."""
        return (*self.bodyparts, *self.unique_bodyparts)


@dataclass(frozen=True)
class PlannedRow(Open):
    """A row of the campaign, and why it is in the sample."""

    index: int
    why: Why = Why.RANDOM


@dataclass(frozen=True)
class ComparisonPlan(Open):
    """Content of ``compare.json``.

    Parameters
    ----------
    manifest : str
        The campaign's, absolute.
    models : tuple of PlannedModel
        A and B.
    rows : tuple of PlannedRow
        By index.
    sample, seed : int
        How many videos were asked for, and the start of the random numbers.
    notes : tuple of str
        What was noticed while videos were chosen.

    Raises
    ------
    ValueError
        There are not two models.
    """

    manifest: str
    models: tuple[PlannedModel, ...]
    rows: tuple[PlannedRow, ...]
    sample: int
    seed: int = 0
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.models) != len(SIDES):
            raise ValueError(f"{len(self.models)} models, not {len(SIDES)}")


@dataclass(frozen=True)
class Outcome(Open):
    """Content of ``verdict.json``: what a comparison has shown so far.

    Parameters
    ----------
    better : str
        ``A``, ``B``, or empty where no difference was shown.
    verdict : str
        One line.
    complete, total : int
        Videos with both results, and all of the sample.
    """

    better: str
    verdict: str
    complete: int
    total: int


PLANS = StateFile(ComparisonPlan, "a comparison of two models", ManifestError, hint="name another folder with -o")
OUTCOMES = StateFile(Outcome, "the verdict of a comparison", ManifestError, hint="remove it, and compare again")


@dataclass(frozen=True)
class CompareFolder:
    """Names below the folder of a comparison.

    Both campaigns write below one root, in which each model has a folder of its own: a third campaign with rows of
    both finds them there, to show them side by side.
    """

    root: Path

    @property
    def plan(self) -> Path:
        return self.root / PLAN_FILENAME

    @property
    def outcome(self) -> Path:
        return self.root / OUTCOME_FILENAME

    @property
    def results(self) -> Path:
        return self.root / RESULTS_FOLDER

    @property
    def page(self) -> Path:
        return self.root / "compare.html"

    def manifest(self, side: str) -> Path:
        return self.root / side / MANIFEST_NAME


def common_parts(models: Sequence[PlannedModel]) -> tuple[str, ...]:
    """Body parts that both models have, in the first one's order."""
    return tuple(part for part in dict.fromkeys(models[0].parts) if part in models[1].parts)


def default_folder(manifest: Path) -> Path:
    """Folder beside a manifest: ``m-compare`` for ``m.csv``."""
    return manifest.with_name(f"{manifest.stem}-compare")
