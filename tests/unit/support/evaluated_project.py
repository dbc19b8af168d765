"""A project of two rounds with labels, training sets and models of a few bytes; and a network that only pretends."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from dlcctr.model.inspection import ModelInfo
from entrypoint.evaluation.stock.run_deeplabcut import Evaluated, Labelled, Wish
from entrypoint.evaluation.training_set import points_of
from tests.unit.support.label_folders import png
from tests.unit.support.projects import NAME, edit_json, pytorch_project, write_json

PARTS = ("snout", "tail", "ear")
"""Not in the order of the alphabet."""
SIZE = (64, 48)
FIRST, SECOND = 20, 8
"""Frames of the first round, and those that the second one added."""
TEST_0, TEST_1 = (0, 10), (0, 5, 21, 22)


def frames(n: int, folder: str) -> list[tuple[str, str]]:
    return [(folder, f"img{number:03d}.png") for number in range(n)]


ROUND_0 = frames(FIRST, "old")
ROUND_1 = [*ROUND_0, *frames(SECOND, "new")]


def labels(n: int, seed: int = 0) -> Any:
    """Labels (n, n_parts, 2) inside the pictures; the first frames are the same however many there are."""
    return np.random.default_rng(seed).uniform(4, 44, (n, len(PARTS), 2)).round(2)


def labels_table(where: Sequence[tuple[str, str]], xy: Any, parts: Sequence[Any] = PARTS) -> pandas.DataFrame:
    """`parts` are names, or individuals and names."""
    points = [(part,) if isinstance(part, str) else part for part in parts]
    names = ["scorer", *(["individuals"] if len(points[0]) > 1 else []), "bodyparts", "coords"]
    columns = pandas.MultiIndex.from_tuples([("lab", *each, coord) for each in points for coord in "xy"], names=names)
    index = pandas.MultiIndex.from_tuples([("labeled-data", *frame) for frame in where])
    return pandas.DataFrame(xy.reshape(len(where), -1), index=index, columns=columns)


def sets_folder(project: Path, iteration: int) -> Path:
    return project / "training-datasets" / f"iteration-{iteration}" / "UnaugmentedDataSet_mouseJan1"


def write_training_set(
    project: Path, iteration: int, where: Sequence[tuple[str, str]], xy: Any, test: Sequence[int],
    *, parts: Sequence[Any] = PARTS, percent: int = 95, shuffle: int = 1,
) -> Path:  # fmt: skip
    """Write the table and the documentation of a shuffle, as DeepLabCut does; all frames that do not test train."""
    folder = sets_folder(project, iteration)
    folder.mkdir(parents=True, exist_ok=True)
    labels_table(where, xy, parts).to_hdf(folder / "CollectedData_lab.h5", key="df_with_missing", mode="w")
    train = [n for n in range(len(where)) if n not in test]
    details = [{"image": ("labeled-data", *where[n]), "size": np.array([3, 48, 64]), "joints": xy[n]} for n in train]
    file = folder / f"Documentation_data-mouse_{percent}shuffle{shuffle}.pickle"
    file.write_bytes(pickle.dumps([details, np.array(train, int), np.array(list(test), int), percent / 100]))
    return file


def add_model(project: Path, iteration: int, name: str = NAME, parts: Sequence[str] = PARTS) -> Path:
    """A model of an iteration, as a copy of the first one."""
    top = project / "dlc-models-pytorch"
    folder = top / f"iteration-{iteration}" / name
    if not folder.exists():
        shutil.copytree(top / "iteration-0" / NAME, folder)
    (folder / "train" / "snapshot-200.pt").write_bytes(f"{iteration} {name}".encode())
    pose = json.loads((folder / "train" / "pytorch_config.yaml").read_text())
    pose["metadata"]["bodyparts"] = list(parts)
    write_json(folder / "train" / "pytorch_config.yaml", pose)
    edit_json(folder / "test" / "pose_cfg.yaml", all_joints_names=list(parts))
    return folder


def make_evaluated(root: Path, *, iteration: int = 1, **changes: Any) -> Path:
    """The project after its second round; `changes` go into config.yaml."""
    settings = {"bodyparts": list(PARTS), "iteration": iteration, "pcutoff": 0.5, **changes}
    project = pytorch_project(root / "mouse", **settings)
    for folder, picture in ROUND_1:
        file = project / "labeled-data" / folder / picture
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png(SIZE, grey=90))
    for number, where, test in ((0, ROUND_0, TEST_0), (1, ROUND_1, TEST_1)):
        add_model(project, number)
        write_training_set(project, number, where, labels(len(ROUND_1))[: len(where)], test)
    return project


ANIMALS = ("mouse2", "mouse1")
POINTS = (*((who, part) for who in ANIMALS for part in PARTS), ("single", "corner"))
"""Of `make_pair`."""


def pair_labels(n: int, seed: int = 0) -> Any:
    """Labels (n, len(POINTS), 2) inside the pictures."""
    return np.random.default_rng(seed).uniform(4, 44, (n, len(POINTS), 2)).round(2)


def make_pair(root: Path) -> Path:
    """The same project with two animals and a corner."""
    several = {"multianimalproject": True, "individuals": list(ANIMALS), "multianimalbodyparts": list(PARTS),
               "uniquebodyparts": ["corner"], "bodyparts": "MULTI!"}  # fmt: skip
    project = make_evaluated(root, **several)
    for number, where, test in ((0, ROUND_0, TEST_0), (1, ROUND_1, TEST_1)):
        folder = add_model(project, number, parts=[*PARTS, "corner"])
        pose = json.loads((folder / "train" / "pytorch_config.yaml").read_text())
        pose["metadata"] |= {"bodyparts": list(PARTS), "unique_bodyparts": ["corner"], "individuals": list(ANIMALS)}
        write_json(folder / "train" / "pytorch_config.yaml", pose)
        write_training_set(project, number, where, pair_labels(len(ROUND_1))[: len(where)], test, parts=POINTS)
    return project


@dataclass
class PretendedNetwork:
    """Stands for DeepLabCut: predictions are the labels, moved to the right; files as it writes them.

    Parameters
    ----------
    moved_px : dict
        Error by iteration; a frame's number times 0.1 px is added.
    asked : list
        Every call: model, labels, and the private folder's name.
    """

    moved_px: dict[int, float] = field(default_factory=lambda: {0: 3.0, 1: 1.0})
    likelihood: float = 0.9
    asked: list[tuple[ModelInfo, Labelled, Wish, str]] = field(default_factory=list)
    fails: tuple[str, ...] = ()
    own_figures: dict[str, float] = field(default_factory=dict)

    def evaluate(
        self, model: ModelInfo, labelled: Labelled, wish: Wish, *, name: str, by_bodypart: bool = False,
        combined: Path | None = None,
    ) -> Evaluated:  # fmt: skip
        from dlcctr.errors import AnalysisError

        self.asked.append((model, labelled, wish, name))
        if name in self.fails:
            raise AnalysisError("it burst", "try again")
        n_frames = len(labelled.frames)
        predicted = np.zeros((n_frames, len(points_of(model)), 3))
        xy = np.where(np.isfinite(labelled.xy), labelled.xy, 1.0)
        predicted[..., :2] = xy
        predicted[..., 0] += self.moved_px[model.iteration] + 0.1 * np.arange(n_frames)[:, None]
        predicted[..., 2] = self.likelihood
        predicted[::4, :, 2] = 0.1
        folder = wish.scratch / name / "evaluation-results-pytorch" / "iteration-9" / "x"
        folder.mkdir(parents=True)
        (folder / "DLC_x.h5").write_bytes(b"predictions")
        (folder / "DLC_x-results.csv").write_text("figures\n")
        (folder.parent / "CombinedEvaluation-results.csv").write_text("all figures\n")
        return Evaluated(predicted, folder, dict(self.own_figures), "cpu")
