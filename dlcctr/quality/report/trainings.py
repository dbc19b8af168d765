"""How the models of a campaign were trained: loss curves that lie in their projects or bundles."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dlcctr.campaign.config import Campaign
from dlcctr.campaign.rows import Row, row_settings
from dlcctr.errors import DlcctrError
from dlcctr.model.curve.losses import POSE, LossRow
from dlcctr.model.curve.of_model import curve_of, thinned
from dlcctr.model.engines import ENGINES
from dlcctr.model.files import open_tree
from dlcctr.model.inspection import choose_shuffle

MOST_MODELS = 12
MOST_POINTS = 300


@dataclass(frozen=True)
class ModelTraining:
    """One trained shuffle.

    Parameters
    ----------
    name : str
        Of the project or bundle, and its shuffle.
    unit : str
        ``epoch``, or ``iteration`` with TensorFlow.
    losses : tuple of LossRow
        At most `MOST_POINTS`.
    """

    name: str
    engine: str
    net_type: str
    unit: str
    losses: tuple[LossRow, ...]

    @property
    def last(self) -> LossRow:
        """The last epoch's losses."""
        return self.losses[-1]


def trainings_of(campaign: Campaign, rows: Iterable[Row]) -> list[ModelTraining]:
    """Loss curves of a campaign's models; of one that is not on this machine, or has no curve, there is none."""
    settings = (row_settings(row, campaign) for row in rows)
    models = {(str(each.model), each.shuffle, each.trainset_index) for each in settings if each.model}
    return [found for each in sorted(models)[:MOST_MODELS] for found in _training(*each)]


def _training(model: str, shuffle: int, trainset_index: int) -> Iterator[ModelTraining]:
    with contextlib.suppress(DlcctrError, OSError):
        tree = open_tree(Path(model))
        found = choose_shuffle(tree, shuffle=shuffle, trainset_index=trainset_index)
        rows = [row for row in curve_of(tree, found.train) if row.network == POSE]
        if rows:
            unit = "iteration" if found.engine == "tensorflow" else "epoch"
            name = f"{tree.root.name}, iteration {found.config['iteration']}, shuffle {found.shuffle}"
            yield ModelTraining(
                name, ENGINES[found.engine].title, str(found.pose.get("net_type", "")), unit,
                tuple(thinned(rows, MOST_POINTS)),
            )  # fmt: skip
