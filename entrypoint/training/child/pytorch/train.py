"""One shuffle with the PyTorch engine, through DeepLabCut's own train_network."""

from __future__ import annotations

from pathlib import Path

from dlcctr.training.start_weights import RANDOM
from entrypoint.engines.versions import versions
from entrypoint.training.child.pytorch import trial
from entrypoint.training.child.pytorch.precision import use_amp
from entrypoint.training.child.pytorch.session import Session
from entrypoint.training.child.pytorch.start import Start
from entrypoint.training.child.training_set import DEFAULT_SEED, TrainingSet, setting
from entrypoint.training.child.trial_copy import trial_copy
from entrypoint.training.child.weights_of import Asked, describe, find_asked
from entrypoint.training.events import Order, Planned, Tell, Weights


def prepare(order: Order) -> None:
    """Nothing is needed before a training set is made."""
    del order


def train(order: Order, found: TrainingSet, tell: Tell) -> str:
    """Train, or go on; returns the name of the last snapshot."""
    tell(planned(order, found))
    if order.precision != "float32":
        use_amp(order.device)
    session = Session(order, found.train, tell)
    # a checkpoint has all weights: the ones of the start need not be here any more
    asked = Asked(RANDOM) if session.kept else find_asked(order, found.train)
    start = Start(asked, tell if not session.kept else lambda _: None)
    start.install()
    own = setting(found.pose, "train_settings", "weight_init", "snapshot_path")
    if own and asked.kind == "cache":
        tell(Weights(describe("file", Path(str(own)))))
    if order.trial:
        trial.install(tell)
        with trial_copy(Path(order.config), found.train) as config:
            _train_network(order, config, start)
        return ""
    session.install()
    _train_network(order, Path(order.config), start)
    return session.snapshot


def _train_network(order: Order, config: Path, start: Start) -> None:
    import deeplabcut
    from deeplabcut.core.engine import Engine

    updates: dict[str, int | None] = {} if order.seed is None else {"train_settings.seed": order.seed}
    if start.snapshot or order.weights == RANDOM:
        updates["train_settings.weight_init"] = None
    deeplabcut.train_network(
        str(config),
        shuffle=order.shuffle,
        trainingsetindex=order.trainset_index,
        engine=Engine.PYTORCH,
        device=order.device,
        snapshot_path=start.snapshot,
        detector_path=start.detector,
        batch_size=order.batch_size,
        epochs=order.epochs,
        pytorch_cfg_updates=updates,
    )


def planned(order: Order, found: TrainingSet) -> Planned:
    """What the options and the network's configuration say together."""
    pose, settings = found.pose, "train_settings"
    is_top_down = str(pose.get("method", "")).lower() == "td"
    return Planned(
        seed=int(setting(pose, settings, "seed", default=DEFAULT_SEED) if order.seed is None else order.seed),
        epochs_wanted=int(order.epochs or setting(pose, settings, "epochs", default=0)),
        net_type=str(pose.get("net_type", "")),
        batch_size=int(order.batch_size or setting(pose, settings, "batch_size", default=1)),
        frames_train=found.frames_train,
        frames_test=found.frames_test,
        detector_wanted=int(setting(pose, "detector", settings, "epochs", default=0)) if is_top_down else 0,
        device=_device_name(order.device),
        software=versions(),
        set_made=found.labelled is not None,
        unlisted=list(found.labelled.unlisted) if found.labelled else [],
        settings=[each.shown(taken=order.same_settings) for each in found.settings],
        others=list(found.labelled.others) if found.labelled else [],
    )


def _device_name(device: str) -> str:
    import torch

    return str(torch.cuda.get_device_name()) if device == "cuda" else device
