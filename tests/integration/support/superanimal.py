"""SuperAnimal weights of the true shapes with seeded random numbers, and DeepLabCut's own analysis with such weights.

Usage, with a Python that has DeepLabCut:
superanimal.py weights FOLDER ANIMAL PART…   writes FOLDER/superanimal_ANIMAL_PART.pt
superanimal.py stock FOLDER ANIMAL NETWORK DETECTOR INDIVIDUALS VIDEO OUT   analyses VIDEO with them, files into OUT
superanimal.py facts   prints what DeepLabCut knows, as JSON
superanimal.py same PREDICTIONS FULL   compares the json of `stock` with an analysis's _full.pickle
superanimal.py table OURS THEIRS   compares two .h5 of one animal
"""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path
from typing import Any

SEED = 7
DETECTORS = ("fasterrcnn_resnet50_fpn_v2", "fasterrcnn_mobilenet_v3_large_fpn", "ssdlite")


def _prepare() -> None:
    from entrypoint.engines.torchvision_ops import declare_missing, supply_operators

    if declare_missing():
        supply_operators()
    from entrypoint.engines.pytorch.no_downloads import fetch_no_weights

    fetch_no_weights()


def _config(animal: str, network: str, detector: str, individuals: int) -> Any:
    from deeplabcut.pose_estimation_pytorch.config.pose import PoseConfig

    return PoseConfig.build_for_superanimal_inference(
        super_animal=f"superanimal_{animal}",
        model_name=network,
        detector_name=detector,
        max_individuals=individuals,
        device="cpu",
    )


def weights(folder: str, animal: str, *parts: str) -> None:
    """Random weights that see animals: several boxes above the detector's threshold, and poses in each."""
    import torch
    from deeplabcut.pose_estimation_pytorch.models import DETECTORS as ALL
    from deeplabcut.pose_estimation_pytorch.models import PoseModel

    from tests.integration.support.tiny_models import _calibrate, _pictures, _stronger

    Path(folder).mkdir(parents=True, exist_ok=True)
    for part in parts:
        torch.manual_seed(SEED)
        if part in DETECTORS:
            network = ALL.build(_config(animal, "hrnet_w32", part, 3)["detector"]["model"])
            _calibrate(network, _pictures())
            state = network.state_dict()
            for name, value in state.items():
                if name.endswith("cls_score.bias"):
                    state[name] = value + torch.tensor([0.0, 2.0])
                elif name.endswith("cls_score.weight"):
                    state[name] = value * 10
        else:
            network = PoseModel.build(_config(animal, part, DETECTORS[0], 3)["model"], pretrained_backbone=False)
            _calibrate(network, _pictures(256, 256))
            state = {name: _stronger(name, value, 1.0, True) for name, value in network.state_dict().items()}
        torch.save({"model": state, "metadata": {"epoch": 12}}, Path(folder) / f"superanimal_{animal}_{part}.pt")


def stock(folder: str, animal: str, network: str, detector: str, individuals: str, video: str, out: str) -> None:
    """DeepLabCut's own `video_inference_superanimal`, without adaptation."""
    import torch

    torch.set_num_threads(1)
    from deeplabcut.modelzoo.video_inference import video_inference_superanimal

    name = f"superanimal_{animal}"
    video_inference_superanimal(
        [video],
        name,
        model_name=network,
        detector_name=detector,
        dest_folder=out,
        max_individuals=int(individuals),
        device="cpu",
        customized_pose_checkpoint=f"{folder}/{name}_{network}.pt",
        customized_detector_checkpoint=f"{folder}/{name}_{detector}.pt",
        create_labeled_video=False,
    )


def facts() -> None:
    """Published networks, and for each animal and part: number and shapes of tensors, configuration, body parts."""
    from deeplabcut.pose_estimation_pytorch.models import DETECTORS as ALL
    from deeplabcut.pose_estimation_pytorch.models import PoseModel
    from dlclibrary.dlcmodelzoo.modelzoo_download import _load_pytorch_models

    known = _load_pytorch_models()
    found: dict[str, Any] = {}
    for name in ("quadruped", "topviewmouse"):
        there = known[f"superanimal_{name}"]
        networks, detectors = list(there["pose_models"]), list(there["detectors"])
        found[name] = {"urls": {**there["pose_models"], **there["detectors"]}, "networks": networks,
                       "detectors": detectors, "configs": {}, "tensors": {}}  # fmt: skip
        for network in networks:
            config = _config(name, network, detectors[0], 3)
            found[name]["configs"][network] = config.to_dict(normalize=True)
            found[name]["tensors"][network] = _shapes(PoseModel.build(config["model"], pretrained_backbone=False))
        for detector in detectors:
            config = _config(name, networks[0], detector, 3)["detector"]
            found[name]["configs"][detector] = config.to_dict(normalize=True)
            found[name]["tensors"][detector] = _shapes(ALL.build(config["model"]))
    print("\n" + json.dumps(found, default=str))


def _shapes(network: Any) -> dict[str, list[int]]:
    return {name: list(value.shape) for name, value in network.state_dict().items()}


def same(predictions: str, full: str) -> None:
    """Number of poses, and the largest differences, of two files of detections; frame by frame, animal by animal."""
    import numpy

    stocks = json.loads(Path(predictions).read_text())
    with Path(full).open("rb") as stream:
        ours = [frame for name, frame in pickle.load(stream).items() if name != "metadata"]
    assert len(stocks) == len(ours), (len(stocks), len(ours))
    poses, most = 0, [0.0, 0.0]
    for theirs, mine in zip(stocks, ours, strict=True):
        a = numpy.asarray(theirs["bodyparts"], float)[..., :3]
        places = numpy.stack([numpy.asarray(each, float) for each in mine["coordinates"][0]])
        scores = numpy.stack([numpy.asarray(each, float) for each in mine["confidence"]])
        b = numpy.concatenate([places, scores.reshape(*places.shape[:2], 1)], axis=-1).transpose(1, 0, 2)
        found = (a >= 0).any(axis=(1, 2))
        assert a.shape == b.shape, (a.shape, b.shape)
        poses += int(found.sum())
        most = [max(most[0], float(numpy.nanmax(abs(a - b)[..., :2]))),
                max(most[1], float(numpy.nanmax(abs(a - b)[..., 2])))]  # fmt: skip
    print("\n" + json.dumps({"frames": len(ours), "poses": poses, "max_px": most[0], "max_likelihood": most[1]}))


def table(ours: str, theirs: str) -> None:
    """Whether two .h5 hold the same numbers for the same body parts; stock's has a level for its only individual."""
    import numpy
    import pandas

    mine, other = pandas.read_hdf(ours), pandas.read_hdf(theirs)
    other = other.droplevel("individuals", axis=1)
    names = [list(each.columns.droplevel("scorer")) for each in (mine, other)]
    close = numpy.allclose(mine.to_numpy(float), other.to_numpy(float), rtol=0, atol=1e-3, equal_nan=True)
    print("\n" + json.dumps({"equal": bool(names[0] == names[1] and close)}))


TASKS = {each.__name__: each for each in (weights, stock, facts, same, table)}

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
    if sys.argv[1] in ("weights", "stock", "facts"):
        _prepare()
    TASKS[sys.argv[1]](*sys.argv[2:])
