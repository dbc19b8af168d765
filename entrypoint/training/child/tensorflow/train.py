"""One shuffle with the TensorFlow engine, through DeepLabCut's own train_network."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from dlcctr.training.record import ITERATION
from dlcctr.training.start_weights import RANDOM
from entrypoint.engines.tensorflow.graphs import as_written
from entrypoint.engines.versions import versions
from entrypoint.training.child.tensorflow.session import Session, TrialEndedError
from entrypoint.training.child.tensorflow.start import Start
from entrypoint.training.child.tensorflow.state import load_state
from entrypoint.training.child.training_set import DEFAULT_SEED, TrainingSet
from entrypoint.training.child.trial_copy import trial_copy
from entrypoint.training.child.weights_of import Asked, find_asked
from entrypoint.training.events import Order, Planned, Tell

WITHOUT_CUDA = 200_000
"""Last iteration of the schedule that DeepLabCut takes with a TensorFlow without CUDA, for one animal."""


def prepare(order: Order) -> None:
    """Let DeepLabCut make a training set without fetching weights for it; on a CPU sums always come in one order."""
    import tensorflow as tf
    from deeplabcut.utils import auxfun_models

    if order.device == "cpu":
        tf.config.experimental.enable_op_determinism()

    def check_for_weights(net_type: str, folder: Any) -> str:
        return str(Path(folder) / auxfun_models.MODELTYPE_FILEPATH_MAP.get(net_type, ""))

    auxfun_models.check_for_weights = check_for_weights


def train(order: Order, found: TrainingSet, tell: Tell) -> str:
    """Train, or go on; returns the name of the last snapshot."""
    plan = planned(order, found)
    tell(plan)
    is_kept = not order.trial and load_state(found.train) is not None
    start = Start(Asked(RANDOM) if is_kept else find_asked(order, found.train), tell, plan.net_type)
    if order.trial:
        with trial_copy(Path(order.config), found.train) as config, suppress(TrialEndedError):
            copy = config.parent / found.train.relative_to(Path(order.config).parent)
            _train_network(order, config, Session(order, plan, copy, start, tell))
        return ""
    _train_network(order, Path(order.config), Session(order, plan, found.train, start, tell))
    return f"snapshot-{plan.epochs_wanted}"


def _train_network(order: Order, config: Path, session: Session) -> None:
    import deeplabcut
    from deeplabcut.core.engine import Engine

    session.install()
    if session.first <= session.wanted:
        as_written(deeplabcut.train_network)(
            str(config),
            shuffle=order.shuffle,
            trainingsetindex=order.trainset_index,
            engine=Engine.TF,
            display_iters=session.every,
            max_iters=session.wanted - session.first,
            allow_growth=True,
            gputouse=0 if order.device == "cuda" else None,
        )
    session.finish()


def planned(order: Order, found: TrainingSet) -> Planned:
    """What the options and the network's configuration say together."""
    import tensorflow as tf

    pose = found.pose
    schedule = pose.get("multi_step") or [[0.005, WITHOUT_CUDA]]
    last = int(schedule[-1][1])
    is_single = "multi-animal" not in str(pose.get("dataset_type", ""))
    if is_single and not tf.sysconfig.get_build_info().get("is_cuda_build"):
        last = WITHOUT_CUDA
    batch_size = int(order.batch_size or pose.get("batch_size") or 1)
    return Planned(
        seed=DEFAULT_SEED if order.seed is None else order.seed,
        epochs_wanted=min(last, order.epochs) if order.epochs else last,
        net_type=str(pose.get("net_type", "")),
        batch_size=batch_size,
        frames_train=found.frames_train,
        frames_test=found.frames_test,
        unit=ITERATION,
        device="cpu" if order.device == "cpu" else _gpu_name(),
        software=versions(),
        set_made=found.labelled is not None,
        unlisted=list(found.labelled.unlisted) if found.labelled else [],
        settings=[each.shown(taken=order.same_settings) for each in found.settings],
        others=list(found.labelled.others) if found.labelled else [],
    )


def _gpu_name() -> str:
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    return str(tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")) if gpus else "GPU"
