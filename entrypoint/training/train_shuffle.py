"""One shuffle: what is there of it decides what is left to do; the training runs in a child process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dlcctr.errors import AnalysisError, DlcctrError, ModelError, UsageError
from dlcctr.labels.project import ENTER_LABELS
from dlcctr.model.files import open_tree
from dlcctr.model.project.shuffles import read_config
from dlcctr.model.project.snapshots import list_snapshots
from dlcctr.system import disk
from dlcctr.system.cpus import cpu_count
from dlcctr.system.locks import transfer_lock
from dlcctr.system.terminal.console import duration, one_line, plural, print_lines, size_text, warn
from dlcctr.training.record import Status, Training, Trial, find_training, lock_file
from entrypoint.analyze.row.analyze_row import choose_device
from entrypoint.analyze.worker.shared import worker_environment
from entrypoint.training.child.settings_before import still_other
from entrypoint.training.child.training_set import train_folder
from entrypoint.training.child_process import start_training
from entrypoint.training.curve import sparkline
from entrypoint.training.display import TrainingDisplay
from entrypoint.training.events import Began, Ended, Measured, Order, Planned, Progress, Weights
from entrypoint.training.recorder import Recorder, Shuffle, TrialRecorder
from entrypoint.training.request import TrainRequest, weight_places

LEAST_BYTES = 500_000_000
"""Room for a checkpoint and a snapshot of a small network; DeepLabCut's largest need three times that."""
LOCK_WAIT_S = 10.0
SHOWN, SHOWN_SETTINGS = 3, 5
"""Most folders of labels that a warning names."""


def train_shuffle(request: TrainRequest, shuffle: int, engine: str, scratch: Path) -> None:
    """Train one shuffle, go on with it, or find it trained.

    Raises
    ------
    TryAgainError
        Another process trains it.
    DlcctrError
        It cannot be trained; its state says why, too.
    """
    order = _order(request, shuffle, engine)
    found = _find(Path(order.config), order)
    if request.trial:
        _try(order, found, scratch)
        return
    with transfer_lock(
        lock_file(found.train), wait_s=LOCK_WAIT_S, busy="another process trains this shuffle"
    ) as handle:
        before = find_training(found.train)
        if before and _is_done(before, request):
            print_lines([f"shuffle {shuffle}: trained already, nothing to do: {found.train}"])
            return
        _check_before(before, request, found, order)
        disk.check_space(Path(order.config).parent, LEAST_BYTES, "free space there")
        _train(_continued(order, before), found, before, scratch, (handle,))


def _order(request: TrainRequest, shuffle: int, engine: str) -> Order:
    device, _ = choose_device(request.device, allow_cpu=request.allow_cpu)
    return Order(
        config=str((request.project / "config.yaml").absolute()), engine=engine, shuffle=shuffle,
        trainset_index=request.trainset_index, seed=request.seed, epochs=request.epochs,
        batch_size=request.batch_size, net_type=request.net_type,
        weights=_absolute(request.weights), places=weight_places(), device=device, precision=request.precision,
        threads=cpu_count(), checkpoint_s=request.checkpoint_s, trial=request.trial,
        same_settings=request.same_settings,
    )  # fmt: skip


def _absolute(weights: str) -> str:
    return weights if weights in ("", "none") else str(Path(weights).absolute())


def _find(config: Path, order: Order) -> Shuffle:
    train, fraction = train_folder(config.parent, order)
    return Shuffle(train, int(read_config(open_tree(config.parent))["iteration"]), fraction)


def _is_done(before: Training, request: TrainRequest) -> bool:
    return before.status is Status.DONE and request.epochs in (None, before.epochs_wanted, before.epochs_asked)


def _check_before(before: Training | None, request: TrainRequest, found: Shuffle, order: Order) -> None:
    """Refuse to go on with another training than was begun, or over one that this program did not begin.

    Raises
    ------
    UsageError, ModelError
    """
    if before is None:
        there = [each.name for each in found.train.iterdir()] if found.train.is_dir() else []
        if names := list_snapshots(there, order.engine):
            raise ModelError(
                f"{found.train}: has snapshots that DeepLabCut made ({', '.join(names[:3])}); training would "
                "overwrite them",
                "choose another --shuffle; with --weights PROJECT it starts from them",
            )
        return
    if before.status is Status.DONE:
        raise UsageError(
            f"{found.train}: is trained for {before.epochs_wanted} {before.unit}s; "
            f"--epochs {request.epochs} is another number",
            "train another --shuffle; with --weights PROJECT it starts from this one",
        )
    if not before.epochs_done and not before.detector_done:
        return
    given = {"seed": request.seed, "batch_size": request.batch_size, "precision": request.precision,
             "weights": _absolute(request.weights) or None}  # fmt: skip
    for name, value in given.items():
        if value is not None and value != getattr(before, name):
            option = f"--{name.replace('_', '-')}"
            raise UsageError(
                f"{found.train}: was begun with {option} {getattr(before, name)}, not {value}",
                f"take the same {option} to go on, or train another --shuffle",
            )
    if request.same_settings and (other := still_other(replace(order, weights=before.weights), found.train)):
        raise UsageError(
            f"{found.train}: was begun with other settings than the training before: {other[0].shown(taken=False)}",
            "leave --same-settings out to go on, or train another --shuffle with it",
        )
    if request.epochs and request.epochs < before.epochs_done:
        raise UsageError(
            f"{found.train}: has {before.epochs_done} {before.unit}s already; --epochs {request.epochs} are fewer",
            "leave --epochs out to go on",
        )


def _continued(order: Order, before: Training | None) -> Order:
    """The order with what a training was begun with."""
    if before is None:
        return order
    if not before.epochs_done and not before.detector_done:  # nothing that could not begin in another way
        return replace(
            order, seed=before.seed if order.seed is None else order.seed, weights=order.weights or before.weights,
            epochs=order.epochs or before.epochs_asked or None,
        )  # fmt: skip
    epochs = order.epochs or before.epochs_wanted
    return replace(
        order, seed=before.seed, weights=before.weights, batch_size=before.batch_size, epochs=epochs,
        same_settings=False,
    )  # fmt: skip


def _train(order: Order, found: Shuffle, before: Training | None, scratch: Path, locks: Sequence[int]) -> None:
    recorder, label = Recorder(order, found, before), f"shuffle {order.shuffle}"
    display: TrainingDisplay | None = None
    environment = worker_environment(scratch, order.threads, order.device)
    with start_training(order, environment, scratch, locks) as child:
        try:
            for event in child.events():
                if isinstance(event, Planned):
                    recorder.plan(event)
                    display = TrainingDisplay(label, event.unit)
                    print_lines([_begin_line(label, event, found)], flush=True)
                    _warn_of_left_out(label, event)
                    _tell_settings(label, event, same=order.same_settings)
                elif isinstance(event, Weights):
                    recorder.weights(event)
                    _tell_weights(label, event)
                elif isinstance(event, Began) and display:
                    recorder.begin(event)
                    display.begin(event.network, event.done, event.wanted)
                    if event.remark:
                        print_lines([f"{label}: goes on {event.remark}"], flush=True)
                elif isinstance(event, Progress) and display:
                    display.show(recorder.progress(event))
                elif isinstance(event, Ended):
                    done = recorder.done(event.snapshot)
        except DlcctrError as error:
            recorder.stopped(error)
            if isinstance(error, AnalysisError):  # else it is said already what is wrong
                for line in child.tail:
                    warn(one_line(line))
            raise
        finally:
            if display:
                display.close()
    print_lines(_end_lines(label, done, recorder, found))


def _begin_line(label: str, event: Planned, found: Shuffle) -> str:
    made = ", made just now" if event.set_made else ""
    return (
        f"{label}: {event.net_type}, {event.frames_train} frames train and {event.frames_test} test{made}, "
        f"{event.epochs_wanted} {event.unit}s, seed {event.seed}, {event.device}"
    )


def _warn_of_left_out(label: str, event: Planned) -> None:
    for folders, why, cure, option in (
        (event.unlisted, "config.yaml's video_sets does not name them", "to enter them there", ""),
        (event.others, "they are of other scorers than config.yaml's", "to take them as its own", " --any-scorer"),
    ):
        if folders:
            what, names = plural(len(folders), "folder"), ", ".join(map(one_line, folders[:SHOWN]))
            warn(
                f"warning: {label}: the labels of {what} are not in its training set, since {why}: {names}; {cure}, "
                f"before the next training set is made: {ENTER_LABELS}{option}"
            )


def _tell_settings(label: str, event: Planned, *, same: bool) -> None:
    if not event.settings:
        return
    shown = "; ".join(map(one_line, event.settings[:SHOWN_SETTINGS]))
    more = f"; and {len(event.settings) - SHOWN_SETTINGS} more" if len(event.settings) > SHOWN_SETTINGS else ""
    if same:
        print_lines([f"{label}: {plural(len(event.settings), 'setting')} of the training before: {shown}{more}"])
    else:
        warn(
            f"note: {label}: DeepLabCut gave the new training set its defaults, where the training before had other "
            f"settings: {shown}{more}; to have those, run this again with --same-settings"
        )


def _tell_weights(label: str, event: Weights) -> None:
    what = "random weights" if event.start.kind == "none" else f"{event.start.path} ({event.start.kind})"
    print_lines([f"{label}: starts from {what}"], flush=True)
    if event.remark:
        print_lines([f"{label}: {event.remark}"], flush=True)


def _end_lines(label: str, done: Training, recorder: Recorder, found: Shuffle) -> list[str]:
    lines = [sparkline(recorder.rows)]
    last = recorder.rows[-1] if recorder.rows else None
    loss = f", loss {last.train_loss:.3g}" if last else ""
    lines.append(f"{label}: trained, {done.epochs_wanted} {done.unit}s{loss}: {found.train / done.snapshot}")
    return [line for line in lines if line]


def _try(order: Order, found: Shuffle, scratch: Path) -> None:
    recorder = TrialRecorder(order, found)
    environment = worker_environment(scratch, order.threads, order.device)
    with start_training(order, environment, scratch, ()) as child:
        try:
            for event in child.events():
                if isinstance(event, Planned):
                    recorder.plan(event)
                    _warn_of_left_out(f"shuffle {order.shuffle}", event)
                    _tell_settings(f"shuffle {order.shuffle}", event, same=order.same_settings)
                elif isinstance(event, Measured):
                    recorder.measure(event)
        except DlcctrError as error:
            if isinstance(error, AnalysisError):  # else it is said already what is wrong
                for line in child.tail:
                    warn(one_line(line))
            raise
    print_lines([_trial_line(f"shuffle {order.shuffle}", recorder.write())])


def _trial_line(label: str, trial: Trial) -> str:
    gpu = f", GPU {size_text(trial.gpu_mb * 2**20)}" if trial.gpu_mb else ""
    return (
        f"{label}: {trial.seconds_per_epoch:.3g} s for each {trial.unit}, {trial.epochs_wanted} take about "
        f"{duration(trial.seconds_in_all)}; memory {size_text(trial.host_mb * 2**20)}{gpu}"
    )
