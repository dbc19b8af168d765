"""Which network a new training set is for: `--net-type`, that of the model that `--weights` names, or the project's."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from dlcctr.errors import ModelError, UsageError
from dlcctr.model.engines import ENGINES
from dlcctr.model.inspection import inspect_model
from dlcctr.model.project.shuffles import CONDITIONAL, TOP_DOWN
from dlcctr.model.yaml.yaml12 import parse_yaml, read_text
from dlcctr.training.start_bundle import find_start_bundle
from entrypoint.training.child.weights_of import find_asked
from entrypoint.training.events import Order

MULTI_ANIMAL, MULTI_ANIMAL_PREFIX = "dlcrnet_ms5", "dlcr"
"""Network of TensorFlow's projects of several animals, which starts from a ResNet's weights, and how all such begin."""
PREFIX = "top_down_"
"""Before a backbone's name, where it works on the pictures of a detector."""


def network_of_set(order: Order, train: Path, usual: str) -> str:
    """Network that a new training set is made for, as DeepLabCut's `net_type` takes it; empty for the project's own.

    Parameters
    ----------
    train : Path
        Folder of the snapshots that will be made.
    usual : str
        The project's `default_net_type`; empty where it has none.

    Raises
    ------
    UsageError, ModelError
        DeepLabCut has no such network for this engine.
    """
    title, names = ENGINES[order.engine].title, _names(order.engine)
    hint = f"choose one with --net-type: {', '.join(names)}"
    if order.net_type:
        if not _takes(order.engine, order.net_type):
            raise UsageError(f"--net-type {order.net_type}: DeepLabCut has no such network for {title}", hint)
        return order.net_type
    if name := network_of_start(order, train):
        return name
    if usual and not _takes(order.engine, usual):
        raise ModelError(
            f"{order.config}: default_net_type is {usual}, and DeepLabCut has no such network for {title}", hint
        )
    return ""


def network_of_start(order: Order, train: Path) -> str:
    """Network of the model that the training starts from, as DeepLabCut's `net_type` takes it.

    DeepLabCut would take config.yaml's `default_net_type`, whose weights are others.

    Parameters
    ----------
    train : Path
        Folder of the snapshots that will be made.

    Returns
    -------
    str
        Empty where `--weights` names no trained model, or one whose name does not tell all of its network: then
        `default_net_type` decides.

    Raises
    ------
    ModelError
        It names nothing that can be used.
    """
    known = _known(order.engine)
    if tree := find_start_bundle(order.weights, order.engine):
        model = inspect_model(tree.root)
        is_plain = not model.conditions and (order.engine == "pytorch" or not model.multianimal)
        return as_net_type(model.net_type, top_down=model.top_down, known=known) if is_plain else ""
    asked = find_asked(order, train)
    if asked.kind != "project" or asked.file is None:
        return ""
    file = asked.file.parent / ENGINES[order.engine].pose_file
    pose = parse_yaml(read_text(file), file, version_1_1=order.engine == "tensorflow")
    method = str(pose.get("method", "")).lower()
    if method in CONDITIONAL or "multi-animal" in str(pose.get("dataset_type", "")):
        return ""
    return as_net_type(str(pose.get("net_type") or ""), top_down=method in TOP_DOWN, known=known)


def as_net_type(name: str, *, top_down: bool, known: Collection[str] | None) -> str:
    """Name of a network as DeepLabCut takes it; empty for one that it does not know.

    Parameters
    ----------
    known : collection of str or None
        Names that it takes; None for the TensorFlow engine, which has no list of them.
    """
    if known is None:
        return name
    if top_down and f"{PREFIX}{name}" in known:
        return f"{PREFIX}{name}"
    return name if name in known else ""


def _known(engine: str) -> Collection[str] | None:
    return None if engine == "tensorflow" else set(_names(engine))


def _names(engine: str) -> list[str]:
    """Networks that DeepLabCut has, by the names that it tells."""
    if engine == "tensorflow":
        from deeplabcut.utils.auxfun_models import MODELTYPE_FILEPATH_MAP

        return [*MODELTYPE_FILEPATH_MAP, MULTI_ANIMAL]
    from deeplabcut.pose_estimation_pytorch.config.enums import NetType

    return list(NetType.available_aliases())


def _takes(engine: str, name: str) -> bool:
    """Whether DeepLabCut takes a name; its PyTorch engine has older names that it does not tell."""
    if engine == "tensorflow":
        return name in _names(engine) or name.startswith(MULTI_ANIMAL_PREFIX)
    from deeplabcut.pose_estimation_pytorch.config.enums import NetType

    try:
        NetType.from_alias(name)
    except ValueError:
        return False
    return True
