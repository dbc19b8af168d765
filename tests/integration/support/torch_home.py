"""Random weights under the names of those that torchvision's detectors fetch, so that stock DeepLabCut builds them.

Usage: torch_home.py FOLDER, to be named by TORCH_HOME. A snapshot replaces them all.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
    from entrypoint.engines.torchvision_ops import declare_missing

    declare_missing()
    import torch
    from torchvision import models

    folder = Path(sys.argv[1], "hub", "checkpoints")
    folder.mkdir(parents=True)
    for weights, build in (
        (models.ResNet50_Weights.IMAGENET1K_V1, models.resnet50),
        (models.MobileNet_V3_Large_Weights.IMAGENET1K_V1, models.mobilenet_v3_large),
        (models.MobileNet_V3_Large_Weights.IMAGENET1K_V2, models.mobilenet_v3_large),
    ):
        torch.save(build().state_dict(), folder / weights.url.rpartition("/")[2])


if __name__ == "__main__":
    main()
