"""Train a small PyTorch model from random weights, by DeepLabCut's own train_network: ``python -Es … FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

SEED = 42
EPOCHS = 16
NET = "resnet18"


def train(folder: Path) -> Path:
    """Make a project and train it.

    Returns
    -------
    Path
        Its config.yaml.
    """
    from entrypoint.engines.torchvision_ops import declare_missing

    declare_missing()
    import deeplabcut
    from project import even_split, make_project
    from videos import TRAIN_FRAMES

    config = make_project(folder)
    make_set(config, *even_split(TRAIN_FRAMES))
    model_config = next(config.parent.glob("dlc-models-pytorch/*/*/train/pytorch_config.yaml"))
    shrink_network(model_config)
    deeplabcut.train_network(str(config), shuffle=1, device="cpu", snapshot_path=random_start(model_config))
    return config


def shrink_network(model_config: Path, epochs: int = EPOCHS) -> None:
    """Turn the generated ResNet-50 configuration into a ResNet-18 that a CPU trains in minutes."""
    import yaml

    table: dict[str, Any] = yaml.safe_load(model_config.read_text())
    model = table["model"]
    model["backbone"]["model_name"] = NET
    model["backbone_output_channels"] = 512
    head = model["heads"]["bodypart"]
    for name in ("heatmap_config", "locref_config"):
        head[name]["channels"][0] = 512
    augment = table["data"]["train"]
    augment["crop_sampling"].update(width=128, height=128)
    augment["affine"].update(rotation=90, scaling=[0.9, 1.1])
    augment.update(gaussian_noise=False, motion_blur=False)
    table["runner"]["optimizer"]["params"]["lr"] = 1e-3
    table["runner"]["scheduler"]["params"].update(
        lr_list=[[3e-4], [5e-5]], milestones=[int(epochs * 0.6), int(epochs * 0.9)]
    )
    table["runner"].update(eval_interval=epochs)
    table["runner"]["snapshots"].update(max_snapshots=1, save_epochs=epochs)
    table["train_settings"].update(epochs=epochs, batch_size=8, seed=SEED, display_iters=10)
    model_config.write_text(yaml.safe_dump(table, sort_keys=False))


def random_start(model_config: Path) -> str:
    """Save seeded random weights as the snapshot to start from; without one DeepLabCut downloads some."""
    import torch
    import yaml
    from deeplabcut.pose_estimation_pytorch.models import PoseModel

    torch.manual_seed(SEED)
    model = PoseModel.build(yaml.safe_load(model_config.read_text())["model"], pretrained_backbone=False)
    start = model_config.parents[3] / "random-start.pt"
    torch.save({"model": model.state_dict(), "metadata": {"epoch": 0}}, start)
    return str(start)


def make_set(config: Path, training: list[int], test: list[int]) -> None:
    """Make the training set of the project's present iteration by DeepLabCut itself."""
    import deeplabcut
    from deeplabcut.core.engine import Engine

    deeplabcut.create_training_dataset(
        str(config),
        Shuffles=[1],
        trainIndices=[training],
        testIndices=[test],
        net_type="resnet_50",
        engine=Engine.PYTORCH,
        userfeedback=False,
    )


if __name__ == "__main__":
    train(Path(sys.argv[1]))
