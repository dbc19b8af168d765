"""Make the training set of a new iteration for the demo's small network: ``python -Es demo/next_set.py PROJECT``.

`dlcctr train run` makes one by itself, but for a network of DeepLabCut's own, which takes a CPU hours.
"""

from __future__ import annotations

import sys
from pathlib import Path

from train_pytorch import make_set, shrink_network
from videos import TRAINING

EPOCHS = 6
"""Of a training that goes on from the first one's weights."""
TEST_SHARE, EVERY_NEW = 20, 4
"""One frame in 20 is for testing, as in the first set; of the new ones, one in four."""


def make_next(project: Path) -> None:
    """Make the set of the iteration that config.yaml names."""
    from deeplabcut.utils import auxiliaryfunctions

    config = project / "config.yaml"
    iteration = auxiliaryfunctions.read_config(str(config))["iteration"]
    make_set(config, *split([file.parent.name for file in sorted(project.glob("labeled-data/*/*.png"))]))
    (model_config,) = project.glob(f"dlc-models-pytorch/iteration-{iteration}/*/train/pytorch_config.yaml")
    shrink_network(model_config, EPOCHS)


def split(folders: list[str]) -> tuple[list[int], list[int]]:
    """Frames that train and that test, of the folders' names in DeepLabCut's order of frames."""
    first = Path(TRAINING.name).stem
    old, new = ([n for n, name in enumerate(folders) if (name == first) is known] for known in (True, False))
    test = new[::EVERY_NEW]
    n_old = max(1, round(len(folders) / TEST_SHARE) - len(test))
    test += [old[k * len(old) // n_old] for k in range(n_old)]
    return [n for n in range(len(folders)) if n not in test], test


if __name__ == "__main__":
    from entrypoint.engines.torchvision_ops import declare_missing

    declare_missing()
    make_next(Path(sys.argv[1]))
