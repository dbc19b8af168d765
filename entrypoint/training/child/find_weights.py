"""Published weights on this machine, by the names under which the engines publish them. Nothing is downloaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from dlcctr.contract import ENV_PREFIX
from dlcctr.errors import ModelError

WEIGHTS_VARIABLE = f"{ENV_PREFIX}WEIGHTS"
ENDINGS = (".safetensors", ".pth", ".pt", ".bin")
HUB_FILES = ("model.safetensors", "pytorch_model.bin")
SUBFOLDERS = ("", "hub", "checkpoints", "hub/checkpoints", "pretrained_weights")
"""Where the caches of PyTorch, Hugging Face and DeepLabCut keep their files, below the folder that is named."""


def find_file(places: Sequence[Path], names: Sequence[str], repository: str = "") -> Path | None:
    """First file of published weights.

    Parameters
    ----------
    names : sequence of str
        File names, or names without an ending.
    repository : str
        Name on Hugging Face, as ``timm/resnet50_gn.a1h_in1k``; empty where it is not there.
    """
    return next((file for place in places for file in _candidates(place, names, repository) if file.is_file()), None)


def _candidates(place: Path, names: Sequence[str], repository: str) -> Iterator[Path]:
    for folder in (place / each for each in SUBFOLDERS):
        for name in names:
            yield folder / name
            yield from (folder / f"{name}{ending}" for ending in ENDINGS)
            yield from (folder / name / file for file in HUB_FILES)
        if repository:
            short = repository.rpartition("/")[2]
            yield from (folder / each / file for each in (repository, short) for file in HUB_FILES)
            yield from (folder / f"{short}{ending}" for ending in ENDINGS)
            snapshots = folder / f"models--{repository.replace('/', '--')}" / "snapshots"
            for each in sorted(snapshots.glob("*")) if snapshots.is_dir() else ():
                yield from (each / file for file in HUB_FILES)


def not_found(what: str, places: Sequence[Path], get: str) -> ModelError:
    """Error for weights that are on no place of this machine.

    Parameters
    ----------
    get : str
        How to get them where there is internet.
    """
    looked = ", ".join(str(each) for each in places[:4]) or "no folder"
    return ModelError(
        f"the weights of {what} are not on this machine, and nothing is downloaded while training (looked in: "
        f"{looked})",
        f"{get}; then name that folder with --weights or {WEIGHTS_VARIABLE} (bind it into the container). "
        "Or start from a model of yours: --weights PROJECT, or from random weights: --weights none",
    )
