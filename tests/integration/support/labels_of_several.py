"""Labels of several animals on their way into a project, as DeepLabCut itself reads them.

For a Python that has DeepLabCut: ``labels_of_several.py make FOLDER`` makes a project with a training set, and labels
that come back beside it; ``labels_of_several.py read PROJECT`` makes the next training set and tells its labels;
``convert PROJECT`` in between makes each .h5 anew of its .csv.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT)]
FIRST, SECOND, CORRECTED = 6, 4, ("img001.png", "img004.png")
SHIFT_PX = 3.0
EMPTY = "img003.png"
"""A picture of the second folder in which nothing was labelled."""
Points = dict[str, dict[str, list[float]]]
"""By picture, by ``animal part``: x and y in px."""


def make(folder: Path) -> dict[str, Any]:
    """Make both; nothing that comes back is in the project's order."""
    import numpy as np
    import pandas as pd
    from deeplabcut.utils import auxiliaryfunctions

    from tests.integration.support import several_animals as project_of

    project, back = folder / "pair", folder / "back" / "labeled-data"
    labels = project / "labeled-data" / "first"
    project_of.write_labels(labels, FIRST, project_of.ONCE, seed=1, awkward=False)
    config = project_of.write_config(project, 0, project_of.ONCE)
    known = {str(project / "videos" / "first.avi"): {"crop": f"0, {project_of.WIDTH}, 0, {project_of.HEIGHT}"}}
    auxiliaryfunctions.edit_config(str(config), {"video_sets": known, "TrainingFraction": [0.5]})
    _make_set(config)

    before = pd.read_hdf(labels / "CollectedData_lab.h5")
    first = before[[name in CORRECTED for name in before.index.get_level_values(2)]] + SHIFT_PX
    project_of.write_labels(back / "second", SECOND, project_of.ONCE, seed=2, awkward=False)
    second = pd.read_hdf(back / "second" / "CollectedData_lab.h5")
    second.iloc[0, second.columns.get_level_values(1) == "mouse1"] = np.nan  # one animal only
    second.iloc[1, second.columns.get_level_values(2) == "tail"] = np.nan
    second.iloc[1, second.columns.get_level_values(1) == "single"] = np.nan
    second.loc[second.index.get_level_values(2) == EMPTY] = np.nan
    for name, table in (("first", first), ("second", second)):
        _save(table.sort_index(axis=1), back / name)
    for name in CORRECTED:
        (back / "first" / name).write_bytes((labels / name).read_bytes())
    wanted = {**_points(before), **_points(first), **_points(second)}
    return {"project": str(project), "back": str(back), "wanted": {k: v for k, v in wanted.items() if v}}


def read(project: Path) -> dict[str, Any]:
    """Make the training set of now, and tell which labels are in its table and which are trained and tested."""
    import pandas as pd
    from deeplabcut.pose_estimation_pytorch.data import DLCLoader
    from deeplabcut.utils import auxiliaryfunctions

    config = project / "config.yaml"
    _make_set(config)
    cfg = auxiliaryfunctions.read_config(str(config))
    (table,) = project.glob(f"training-datasets/iteration-{cfg['iteration']}/*/CollectedData_lab.h5")
    merged = pd.read_hdf(table)
    loader = DLCLoader(config, shuffle=1)
    trained: Points = {}
    for mode in ("train", "test"):
        for once in (False, True):
            found = loader.ground_truth_keypoints(mode, unique_bodypart=once)
            animals, parts = (["single"], cfg["uniquebodyparts"]) if once else (
                cfg["individuals"], cfg["multianimalbodyparts"])  # fmt: skip
            for picture, places in found.items():
                _collect(trained.setdefault("/".join(Path(picture).parts[-2:]), {}), places, animals, parts)
    columns = [" ".join(column[1:]) for column in merged.columns]
    return {"iteration": cfg["iteration"], "columns": columns, "table": _points(merged), "trained": trained}


def convert(project: Path) -> None:
    """What `labels add` tells people to do where it could not write an .h5."""
    import deeplabcut

    deeplabcut.convertcsv2h5(str(project / "config.yaml"), userfeedback=False)


def _make_set(config: Path) -> None:
    import deeplabcut
    from deeplabcut.core.engine import Engine

    deeplabcut.create_training_dataset(
        str(config), Shuffles=[1], net_type="resnet_50", engine=Engine.PYTORCH, userfeedback=False
    )


def _save(table: Any, folder: Path) -> None:
    """As napari-deeplabcut saves it: both files, columns in the order of the alphabet."""
    folder.mkdir(parents=True, exist_ok=True)
    table.to_hdf(folder / "CollectedData_lab.h5", key="df_with_missing", mode="w")
    table.to_csv(folder / "CollectedData_lab.csv")


def _points(table: Any) -> Points:
    found: Points = {}
    for index, row in table.iterrows():
        points = found.setdefault("/".join(index[1:]), {})
        for (_, animal, part, coord), value in row.items():
            if value == value:
                points.setdefault(f"{animal} {part}", [0.0, 0.0])["xy".index(coord)] = float(value)
    return found


def _collect(points: dict[str, list[float]], places: Any, animals: list[str], parts: list[str]) -> None:
    """Labelled points of one picture, ``(n_animals, n_parts, 3)`` with the visibility last."""
    for animal, rows in zip(animals, places, strict=True):
        for part, (x, y, visible) in zip(parts, rows, strict=True):
            if visible > 0:
                points[f"{animal} {part}"] = [float(x), float(y)]


if __name__ == "__main__":
    from entrypoint.engines.torchvision_ops import declare_missing, supply_operators

    if declare_missing():
        supply_operators()
    commands = {"make": make, "read": read, "convert": convert}
    print("\nANSWER", json.dumps(commands[sys.argv[1]](Path(sys.argv[2]))))
