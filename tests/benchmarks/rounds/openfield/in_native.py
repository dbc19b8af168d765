"""What only the native environment can do: ``python -m tests.benchmarks.rounds.openfield.in_native set|pick …``."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

from entrypoint.engines.torchvision_ops import declare_missing
from tests.benchmarks.rounds.openfield.settings import BATCH, CROP_PX, RECIPES, ROTATION, Recipe
from tests.benchmarks.rounds.openfield.stretches import HELD_OUT_FOLDER


def make_set(project: Path, recipe: Recipe, iterations: int, rate: float, seed: int) -> None:
    """Have DeepLabCut make the training set; what tests is the folder of held-out frames, else the last frame."""
    declare_missing()
    import deeplabcut
    import pandas
    from deeplabcut.core.engine import Engine
    from deeplabcut.utils import auxiliaryfunctions

    config = project / "config.yaml"
    cfg = auxiliaryfunctions.read_config(str(config))
    folders = [Path(video).stem for video in cfg["video_sets"]]
    tables = [project / "labeled-data" / name / f"CollectedData_{cfg['scorer']}.h5" for name in folders]
    frames = pandas.concat([pandas.read_hdf(file) for file in tables if file.exists()]).sort_index().index
    test = [n for n, (_, folder, _) in enumerate(frames) if folder == HELD_OUT_FOLDER] or [len(frames) - 1]
    train = [n for n in range(len(frames)) if n not in test]
    fraction = round(len(train) / len(frames), 2)  # DeepLabCut finds a shuffle by it
    auxiliaryfunctions.edit_config(str(config), {"TrainingFraction": [fraction]})
    deeplabcut.create_training_dataset(
        str(config), Shuffles=[1], trainIndices=[train], testIndices=[test], net_type="resnet_50",
        engine=Engine.PYTORCH, userfeedback=False,
    )  # fmt: skip
    (file,) = project.glob(f"dlc-models-pytorch/iteration-{cfg['iteration']}/*/train/pytorch_config.yaml")
    configure(file, recipe, max(1, round(iterations / math.ceil(len(train) / BATCH))), rate, seed)


def configure(file: Path, recipe: Recipe, epochs: int, rate: float, seed: int) -> None:
    """Make the network the start model's, and its training one of minutes; held-out frames choose no snapshot."""
    import yaml

    from demo.train_pytorch import shrink_network

    shrink_network(file, epochs)  # it is tested at the end only, and there is one snapshot
    table = yaml.safe_load(file.read_text())
    table["model"]["backbone"]["model_name"] = recipe.net
    table["model"]["backbone_output_channels"] = recipe.channels
    head = table["model"]["heads"]["bodypart"]
    for name in ("heatmap_config", "locref_config"):
        head[name]["channels"][0] = recipe.channels
    table["data"]["train"]["crop_sampling"].update(width=CROP_PX, height=CROP_PX)
    table["data"]["train"]["affine"].update(rotation=ROTATION)
    table["train_settings"].update(batch_size=BATCH, seed=seed)
    table["runner"]["optimizer"]["params"]["lr"] = rate
    table["runner"]["scheduler"]["params"]["lr_list"] = [[rate / 3], [rate / 20]]
    file.write_text(yaml.safe_dump(table, sort_keys=False))


def pick_by_deeplabcut(manifest: Path, n_frames: int, place: Path, seed: int) -> None:
    """Write what `extract_outlier_frames` takes with its defaults to ``picked.json`` in a new folder."""
    from entrypoint.engines.base import get_engine
    from tests.benchmarks.rounds.pick import pick
    from tests.benchmarks.rounds.settings import DEEPLABCUT

    get_engine("pytorch").load(1)
    picked = pick(DEEPLABCUT, manifest, n_frames, place, seed)
    (place / "picked.json").write_text(json.dumps(picked))


if __name__ == "__main__":
    what, folder, *words = sys.argv[1:]
    if what == "set":
        make_set(Path(folder), RECIPES[words[0]], int(words[1]), float(words[2]), int(words[3]))
    else:
        pick_by_deeplabcut(Path(folder), int(words[0]), Path(words[1]), int(words[2]))
