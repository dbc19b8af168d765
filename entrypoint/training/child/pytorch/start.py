"""Weights that a PyTorch training starts from: handed to DeepLabCut in place of what it would download."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dlcctr.errors import ModelError
from dlcctr.training.record import StartWeights
from dlcctr.training.start_weights import RANDOM
from entrypoint.training.child.find_weights import find_file, not_found
from entrypoint.training.child.weights_of import Asked, describe
from entrypoint.training.events import Tell, Weights

BACKBONE = "backbone."
HUB_GET = "where there is internet: hf download {} --local-dir FOLDER/{}"
URL_GET = "where there is internet, download into a folder: {}"


class Start:
    """What DeepLabCut gets, by the kind of weights.

    Attributes
    ----------
    snapshot, detector : Path or None
        Snapshots for `train_network`; None where the network is built with published weights, or random ones.
    """

    def __init__(self, asked: Asked, tell: Tell) -> None:
        self._asked, self._tell = asked, tell
        self.snapshot, self.detector = asked.file, asked.detector
        self._file: Path | None = None
        if asked.file is not None and asked.kind == "file" and not _is_snapshot(asked.file):
            self.snapshot, self._file = None, asked.file

    def install(self) -> None:
        """Have the networks of this process built from these weights."""
        self._look_for_backbones()
        self._look_for_detectors()
        self._read_snapshots()
        if self._asked.kind == RANDOM:
            self._tell(Weights(StartWeights()))

    def _look_for_backbones(self) -> None:
        import timm
        from deeplabcut.pose_estimation_pytorch.models.backbones.base import HuggingFaceWeightsMixin
        from deeplabcut.pose_estimation_pytorch.models.model import PoseModel

        create = timm.create_model

        def create_model(name: str, pretrained: bool = False, **kwargs: Any) -> Any:
            if pretrained:
                kwargs["pretrained_cfg_overlay"] = {"file": str(self._backbone(name))}
            return create(name, pretrained=pretrained, **kwargs)

        def download_weights(_: Any, filename: str, force: bool = False) -> Path:
            del force
            name = "DeepLabCut/DeepLabCut-Backbones"
            return self._found(
                filename, [filename], name, f"where there is internet: hf download {name} {filename} --local-dir FOLDER"
            )

        timm.create_model = create_model
        HuggingFaceWeightsMixin.download_weights = download_weights
        if self._asked.kind == RANDOM:
            build = PoseModel.build
            PoseModel.build = staticmethod(lambda cfg, weight_init=None, pretrained_backbone=False: build(cfg))

    def _look_for_detectors(self) -> None:
        from torchvision.models import WeightsEnum

        from entrypoint.engines.pytorch.no_downloads import NotFetched

        def get_state_dict(weights: Any, *_: Any, **__: Any) -> Any:
            if self._asked.kind == RANDOM or self.detector:
                return NotFetched()
            import torch

            name = weights.url.rpartition("/")[2]
            file = self._found(name, [name], "", URL_GET.format(weights.url), told=False)
            return torch.load(file, map_location="cpu", weights_only=True)

        WeightsEnum.get_state_dict = get_state_dict

    def _backbone(self, name: str) -> Path:
        import timm

        facts = timm.get_pretrained_cfg(name)
        repository = str(facts.hf_hub_id or "")
        if "/" not in repository and repository:
            repository = f"{repository}{facts.architecture}" + (f".{facts.tag}" if facts.tag else "")
        url = str(facts.url or "")
        get = HUB_GET.format(repository, name) if repository else URL_GET.format(url)
        return self._found(name, [name, *filter(None, [url.rpartition("/")[2]])], repository, get)

    def _found(self, what: str, names: list[str], repository: str, get: str, *, told: bool = True) -> Path:
        file = self._file or find_file(self._asked.places, names, repository)
        if file is None:
            raise not_found(what, self._asked.places, get)
        if told:
            self._tell(Weights(describe("file" if self._file else "cache", file)))
        return file

    def _read_snapshots(self) -> None:
        """Let a snapshot give its weights and nothing else: the training begins at its own first epoch."""
        from deeplabcut.pose_estimation_pytorch.runners import base, train

        def load_snapshot(path: Any, device: str, model: Any, weights_only: bool | None = None) -> dict[str, Any]:
            del device, weights_only
            remark = fill(model, _read(Path(path)), self._asked.bundle or Path(path))
            if Path(path) != self.detector:
                self._tell(Weights(describe(self._asked.kind, Path(path), self._asked.bundle), remark))
            return {"metadata": {"epoch": 0}}

        base.Runner.load_snapshot = staticmethod(load_snapshot)
        train.PoseTrainingRunner.load_snapshot = staticmethod(load_snapshot)


def fill(model: Any, weights: dict[str, Any], file: Path) -> str:
    """Load the weights that fit into a model; tells which layers keep their random ones.

    Raises
    ------
    ModelError
        Hardly any fit: they are another network's.
    """
    own = model.state_dict()
    fitting = {name: each for name, each in weights.items() if name in own and own[name].shape == each.shape}
    backbone = [name for name in own if name.startswith(BACKBONE)] or list(own)
    if sum(name in fitting for name in backbone) < len(backbone):
        raise ModelError(
            f"{file}: these are weights of another network: {len(fitting)} of {len(own)} layers fit, and not all of "
            "the backbone",
            "take other --weights, or train another --shuffle with the --net-type of these",
        )
    model.load_state_dict({**own, **fitting})
    new = sorted({".".join(name.split(".")[:2]) for name in own.keys() - fitting.keys()})
    return f"{', '.join(new)} are not of its shape and begin with random weights" if new else ""


def _is_snapshot(file: Path) -> bool:
    """Whether a file is a snapshot of DeepLabCut's, and not weights of a backbone alone."""
    if file.suffix == ".safetensors":
        return False
    return isinstance(_load(file).get("model"), dict)


def _read(file: Path) -> dict[str, Any]:
    weights = _load(file).get("model")
    if not isinstance(weights, dict):
        raise ModelError(f"{file}: not a snapshot of DeepLabCut's", "name a snapshot-….pt, or a project")
    return weights


def _load(file: Path) -> dict[str, Any]:
    import torch

    try:
        table = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # of many kinds, by PyTorch; it never runs what is in the file
        first = (str(error).splitlines() or [""])[0]
        raise ModelError(f"{file}: cannot be read as weights ({first[:120]})", "copy the file again") from error
    if not isinstance(table, dict):
        raise ModelError(f"{file}: holds no table of weights", "name a snapshot-….pt, or a project")
    return table
