"""Tiny DeepLabCut projects with seeded random weights, made without any download; one per kind and test session.

As a module (any Python): `make_model`. As a script (a Python that has DeepLabCut): ``tiny_models.py FOLDER KIND``.
Random weights are enough to show that two ways of analysing a video give the same numbers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

SEED = 7
TASK, DATE, SCORER = "tiny", "Jan1", "seed"
BODYPARTS = ["nose", "left ear", "tail"]
INDIVIDUALS = ["mouse1", "mouse2"]
UNIQUE = ["corner"]
NAME = f"{TASK}{DATE}-trainset95shuffle1"

RESNET50 = "pytorch-resnet50"
"""One more kind: single-animal, with group norm. The others of this engine have a ResNet-18."""
BLIND = "pytorch-topdown-blind"
"""Top-down, with a detector that finds animals in a calm video's pictures and none in a black one."""
BLIND_CONDITIONS = "pytorch-conditional-blind"
"""Conditional top-down for one animal, with a bottom-up model that sees it in a calm video's pictures only."""
NETWORK = "pytorch-network+"
CONDITIONAL = "ctd_"
"""Networks that begin with the poses of a second one, which stands in the place of the detector."""
BEGUN_WITH = 2
"""Shuffle of that second one, whose first snapshot is named, not its last one."""
TENSORFLOW_NETWORK = "tensorflow-network+"
KINDS = ("pytorch-single", "pytorch-multi", "pytorch-topdown", "tensorflow-single", "tensorflow-multi")
TENSORFLOW_NETWORKS = {"tensorflow-mobilenet": "mobilenet_v2_0.35", "tensorflow-efficientnet": "efficientnet-b0"}
"""More kinds, single-animal, and their networks."""


def make_model(python: Path | str, kind: str, cache: Path) -> Path:
    """Make a project with an interpreter that has DeepLabCut, or take it from `cache`.

    Parameters
    ----------
    kind : str
        Of `KINDS` or `TENSORFLOW_NETWORKS`, or `RESNET50`, `BLIND` or `BLIND_CONDITIONS`, or `NETWORK` and then a
        network of DeepLabCut's, its detector (of `CONDITIONAL` ones: the network that it begins with), ``single`` or
        ``multi``: ``pytorch-network+top_down_hrnet_w18+ssdlite+multi``; or `TENSORFLOW_NETWORK`, a network, ``single``
        or ``multi``.

    Returns
    -------
    Path
        The project folder. Its paths are those of a machine that does not exist, as in a project that was moved.
    """
    project = cache / kind
    if not (project / "config.yaml").exists():
        root = Path(__file__).resolve().parents[3]
        environment = {**os.environ, "DLClight": "True", "PYTHONPATH": str(root), "CUDA_VISIBLE_DEVICES": "-1"}
        subprocess.run([str(python), __file__, str(project), kind], check=True, env=environment)
    return project


def _config(engine: str, multi: bool) -> dict[str, Any]:
    animals: dict[str, Any] = {
        "multianimalproject": multi,
        "bodyparts": "MULTI!" if multi else BODYPARTS,
        "individuals": INDIVIDUALS if multi else ["individual_1"],
        "uniquebodyparts": UNIQUE if multi and engine == "tensorflow" else [],
        "multianimalbodyparts": BODYPARTS if multi else [],
        "identity": False,
    }
    return {
        "Task": TASK,
        "scorer": SCORER,
        "date": DATE,
        **animals,
        "project_path": "C:\\Users\\lab\\tiny project",
        "engine": engine,
        "video_sets": {"C:\\Users\\lab\\videos\\a.avi": {"crop": "0, 160, 0, 120"}},
        "TrainingFraction": [0.95],
        "iteration": 0,
        "default_net_type": "resnet_50",
        "default_track_method": "box" if multi else None,
        "snapshotindex": -1,
        "detector_snapshotindex": -1,
        "batch_size": 4,
        "detector_batch_size": 2,
        "cropping": False,
        "x1": 0,
        "x2": 640,
        "y1": 0,
        "y2": 480,
    }


def _lax_tracking() -> dict[str, Any]:
    """inference_cfg.yaml with which a random network's findings make tracks."""
    return {
        "variant": 0,
        "method": "m1",
        "pafthreshold": 0.0,
        "minimalnumberofconnections": 1,
        "pcutoff": 0.01,
        "topktoretain": len(INDIVIDUALS),
        "withid": False,
        "boundingboxslack": 30,
        "iou_threshold": 0.1,
        "max_age": 30,
        "min_hits": 1,
    }


def _dump(table: dict[str, Any], file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(table, indent=1))  # JSON is YAML


def _network_of(kind: str) -> tuple[str, str, bool]:
    """DeepLabCut's name of the network, of its detector (empty for none), and whether there are several animals."""
    if kind.startswith(NETWORK):
        network, detector, animals = kind.removeprefix(NETWORK).split("+")
        return network, detector, animals == "multi"
    if kind == BLIND_CONDITIONS:
        return "ctd_prenet_rtmpose_s", "resnet_50", False
    top_down = kind.startswith("pytorch-topdown")
    return "resnet_50", "ssdlite" if top_down else "", kind not in ("pytorch-single", RESNET50)


def _make_pytorch(project: Path, kind: str) -> None:
    from entrypoint.engines.torchvision_ops import declare_missing, supply_operators

    if declare_missing():
        supply_operators()
    import torch

    torch.manual_seed(SEED)
    network, helper, multi = _network_of(kind)
    config = _config("pytorch", multi=multi)
    if network.startswith(CONDITIONAL):
        _make_shuffle(project, config, kind, helper, shuffle=BEGUN_WITH)
        _make_shuffle(project, config, kind, network)
    else:
        _make_shuffle(project, config, kind, network, helper)
    _dump(config, project / "config.yaml")


def _make_shuffle(
    project: Path, config: dict[str, Any], kind: str, network: str, detector_name: str = "", shuffle: int = 1
) -> None:
    import torch
    from deeplabcut.core.config import ProjectConfig
    from deeplabcut.pose_estimation_pytorch.config.pose import PoseConfig, TestConfig
    from deeplabcut.pose_estimation_pytorch.models import DETECTORS, PoseModel

    multi, top_down, conditional = config["multianimalproject"], bool(detector_name), network.startswith(CONDITIONAL)
    folder = project / "dlc-models-pytorch" / "iteration-0" / NAME.replace("shuffle1", f"shuffle{shuffle}")
    (folder / "train").mkdir(parents=True)
    (folder / "test").mkdir()
    pose_file = folder / "train" / "pytorch_config.yaml"
    pose = PoseConfig.build(
        ProjectConfig.from_dict(config),
        pose_file,
        top_down=top_down,
        net_type=network,
        detector_type=detector_name or None,
        ctd_conditions=(BEGUN_WITH, "snapshot-005.pt") if conditional else None,
    )
    table = json.loads(json.dumps(pose.to_dict(normalize=True), default=str))
    crop = _fit_crop(table) if conditional or top_down else None
    if kind != RESNET50 and not kind.startswith(NETWORK) and not conditional:
        table = _shrink(table)
    pose = PoseConfig.from_dict(table)
    pose.to_yaml(pose_file)
    TestConfig.build(pose, test_config_path=folder / "test" / "pose_cfg.yaml", save=True)
    if multi and not kind.startswith("pytorch-topdown"):
        _dump(_lax_tracking(), folder / "test" / "inference_cfg.yaml")
    model = PoseModel.build(pose["model"], pretrained_backbone=False)
    if conditional or kind.startswith(NETWORK):
        _calibrate(model, _pictures(*crop) if crop else _pictures(), **(_poses() if conditional else {}))
    elif kind == BLIND_CONDITIONS:
        _unseeing_black(model)
    weak = 0.1 if kind.startswith(NETWORK) else 1.0  # more would make every likelihood 1 where features are not small
    for epoch, scale in ((5, 10.0 * weak), (10, 30.0 * weak)):
        weights = {name: _stronger(name, value, scale, top_down) for name, value in model.state_dict().items()}
        torch.save({"model": weights, "metadata": {"epoch": epoch}}, folder / "train" / f"snapshot-{epoch:03d}.pt")
    if top_down:
        detector = DETECTORS.build(table["detector"]["model"] | {"pretrained_from_imagenet": False})
        if kind == BLIND:
            _blind_to_black(detector)
        elif kind.startswith(NETWORK):
            _calibrate(detector, _pictures())
        torch.save(
            {"model": detector.state_dict(), "metadata": {"epoch": 20}}, folder / "train" / "snapshot-detector-020.pt"
        )


def _fit_crop(table: dict[str, Any]) -> tuple[int, int]:
    """Give a network pictures of the size that it is built for: (height, width) in px.

    DeepLabCut 3.0.2 configures 256 x 256 px for every one (config/make_pose_config.py lets the augmentation's default
    win), with which those for other sizes can neither be trained nor analysed until somebody corrects that.
    """
    default = table["data"]["inference"]["top_down_crop"]
    width, height = table["model"]["heads"]["bodypart"].get("input_size") or (default["width"], default["height"])
    height, width = table["model"]["backbone"].get("img_size") or (height, width)
    for part in ("train", "inference"):
        table["data"][part]["top_down_crop"] |= {"width": width, "height": height}
    return height, width


def _stronger(name: str, value: Any, scale: float, top_down: bool) -> Any:
    """Make a random head's answers differ from place to place; a top-down one's also large enough to be tracked."""
    if not name.startswith("heads.") or "locref" in name:
        return value
    return value * scale + (0.5 if top_down and name.endswith("bias") else 0.0)


def _pictures(height: int = 128, width: int = 160) -> Any:
    """A black picture and one such as a calm video's, (2, 3, height, width), normalised as DeepLabCut does."""
    import torch

    coloured = torch.rand((3, height // 8, width // 8), generator=torch.Generator().manual_seed(SEED))
    coloured = coloured.repeat_interleave(8, 1).repeat_interleave(8, 2)
    mean, scale = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[..., None, None]
    return (torch.stack([torch.zeros_like(coloured), coloured]) - mean) / scale


def _poses() -> dict[str, Any]:
    """Conditions for both pictures, (2, 1, n_bodyparts, 3): x, y in px, likelihood."""
    import numpy

    places = numpy.random.default_rng(SEED).uniform(64, 192, (2, 1, len(BODYPARTS), 2))
    return {"cond_kpts": numpy.concatenate([places, numpy.ones_like(places[..., :1])], axis=-1)}


def _calibrate(network: Any, pictures: Any, **more: Any) -> None:
    """Give each normalisation the statistics of these pictures; untrained, layers shrink what they see to nothing.

    Blocks change what passes them by little, or a random network would make any difference between two computations
    as large as the picture.
    """
    import torch

    network.eval()
    with torch.no_grad():
        for name, layer in network.named_modules():
            if isinstance(layer, torch.nn.BatchNorm2d):
                layer.train().momentum = 1.0
                layer.weight *= 0.2 if name.endswith((".bn2", ".bn3")) else 1.0
        network(pictures, **more)
    network.eval()


def _unseeing_black(network: Any) -> None:
    """Let a random bottom-up network see body parts in pictures such as a calm video's, and none in a black one."""
    import torch

    _calibrate(network, _pictures())
    last = network.heads["bodypart"].heatmap_head.deconv_layers[-1]
    with torch.no_grad():
        black, calm = network(_pictures())["bodypart"]["heatmap"].amax((2, 3))
        assert (calm > black).all(), "another seed is needed: the black picture looks more like an animal"
        last.weight /= (calm - black)[None, :, None, None]
        last.bias.copy_((last.bias - black) / (calm - black) - 0.5)


def _blind_to_black(detector: Any) -> None:
    """Let a random SSDLite detector find animals in pictures such as a calm video's, and none in a black one."""
    import torch

    head = detector.model.head.classification_head
    seen: list[Any] = []
    head.register_forward_hook(lambda module, features, logits: seen.append(logits[..., 1] - logits[..., 0]))
    _calibrate(detector, _pictures())
    with torch.no_grad():
        detector(_pictures())
        black, calm = seen[-1].amax(1).tolist()
        assert calm > black, "another seed is needed: the black picture looks more like an animal"
        for last in (block[1] for block in head.module_list):  # channels: background, animal, background, animal …
            last.weight *= 30 / (calm - black)
            last.bias *= 30 / (calm - black)
            last.bias[1::2] -= 30 / (calm - black) * (calm + black) / 2


def _shrink(table: dict[str, Any]) -> dict[str, Any]:
    """ResNet-18 in place of 50."""
    model = table["model"]
    wide = model["backbone_output_channels"]
    model["backbone"]["model_name"] = "resnet18"
    model["backbone_output_channels"] = 512
    for head in model["heads"].values():
        for part in head.values():
            if isinstance(part, dict) and part.get("channels", [None])[0] == wide:
                part["channels"][0] = 512
    return table


def _tensorflow_pose(network: str, multi: bool, stages: bool) -> dict[str, Any]:
    names = BODYPARTS + (UNIQUE if multi else [])
    pairs = [[i, j] for i in range(len(BODYPARTS)) for j in range(i + 1, len(BODYPARTS))]
    pose: dict[str, Any] = {
        "dataset_type": "multi-animal-imgaug" if multi else "imgaug",
        "num_joints": len(names),
        "all_joints": [[i] for i in range(len(names))],
        "all_joints_names": names,
        "net_type": network,
        "global_scale": 0.8,
        "init_weights": "C:\\nowhere\\snapshot-10",
        "location_refinement": True,
        "locref_stdev": 7.2801,
    }
    if multi:
        pose |= {
            "partaffinityfield_predict": True,
            "partaffinityfield_graph": pairs,
            "num_limbs": len(pairs),
            "paf_best": list(range(len(pairs))),
            "pairwise_predict": False,
            "multi_stage": stages,
            "stride": 4.0 if stages else 8.0,
            "num_idchannel": 0,
            "nmsradius": 5.0,
            "minconfidence": 0.01,
            "sigma": 1,
        }
    return pose


def _make_tensorflow(project: Path, kind: str) -> None:
    from entrypoint.engines.torchvision_ops import declare_missing

    declare_missing()
    import tensorflow as tf
    from deeplabcut.pose_estimation_tensorflow.config import load_config
    from deeplabcut.pose_estimation_tensorflow.nnets.factory import PoseNetFactory

    network, multi, stages = TENSORFLOW_NETWORKS.get(kind, "resnet_50"), kind == "tensorflow-multi", False
    if kind.startswith(TENSORFLOW_NETWORK):
        network, animals = kind.removeprefix(TENSORFLOW_NETWORK).split("+")
        stages, multi = network.startswith("dlcr"), animals == "multi"
        network = network.replace("dlcr", "resnet_").removesuffix("_ms5")
    pose = _tensorflow_pose(network, multi, stages)
    folder = project / "dlc-models" / "iteration-0" / NAME
    _dump({**pose, "scoremap_dir": "test"}, folder / "test" / "pose_cfg.yaml")
    _dump({**pose, "project_path": "C:\\nowhere"}, folder / "train" / "pose_cfg.yaml")
    if multi:
        _dump(_lax_tracking(), folder / "test" / "inference_cfg.yaml")
    loaded = load_config(str(folder / "test" / "pose_cfg.yaml"))
    with tf.Graph().as_default():
        tf.compat.v1.set_random_seed(SEED)
        inputs = tf.compat.v1.placeholder(tf.float32, shape=[1, None, None, 3])
        PoseNetFactory.create(loaded).test(inputs)
        with tf.compat.v1.Session() as session:
            session.run(tf.compat.v1.global_variables_initializer())
            session.run(_calm(tf))
            saver = tf.compat.v1.train.Saver()
            for step in (5, 10):
                saver.save(session, str(folder / "train" / "snapshot"), global_step=step)
    _dump(_config("tensorflow", multi), project / "config.yaml")


def _calm(tf: Any) -> list[Any]:
    """Keep a random network's signals small enough that its answers differ from place to place."""
    changes = []
    for variable in tf.compat.v1.global_variables():
        if variable.name.endswith("/conv3/BatchNorm/gamma:0"):
            changes.append(variable.assign(0.3 * tf.ones_like(variable)))
        elif variable.name.endswith("v1_50/conv1/BatchNorm/gamma:0"):
            changes.append(variable.assign(0.02 * tf.ones_like(variable)))
    return changes


if __name__ == "__main__":
    target, wanted = Path(sys.argv[1]), sys.argv[2]
    (_make_pytorch if wanted.startswith("pytorch") else _make_tensorflow)(target, wanted)
