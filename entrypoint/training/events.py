"""What goes between `dlc train` and its child process: an order one way, events the other, as lines of JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dlcctr.model.curve.losses import LossRow
from dlcctr.system.values.records import RecordError, from_table, parse_object, to_table
from dlcctr.training.record import EPOCH, StartWeights

CHECKPOINT_EVERY_S = 60.0
SAVES_SHARE = 20


@dataclass(frozen=True)
class Order:
    """One shuffle to train.

    Parameters
    ----------
    config : str
        The project's config.yaml.
    seed, epochs, batch_size : int or None
        None for what the shuffle's own configuration says.
    net_type : str
        Network of a new training set; empty for the project's default one.
    weights : str
        As `--weights`; empty for published weights that are on this machine.
    places : list of str
        Folders in which published weights may be, first ones first.
    device : str
        ``cpu`` or ``cuda``.
    precision : str
        ``float32`` or ``amp``.
    checkpoint_s : float
        Least seconds between two checkpoints.
    trial : bool
        Only measure.
    same_settings : bool
        Give a set that has not been trained the settings of the training before.
    """

    config: str
    engine: str
    shuffle: int
    trainset_index: int = 0
    seed: int | None = None
    epochs: int | None = None
    batch_size: int | None = None
    net_type: str = ""
    weights: str = ""
    places: list[str] = field(default_factory=list)
    device: str = "cpu"
    precision: str = "float32"
    threads: int = 1
    checkpoint_s: float = CHECKPOINT_EVERY_S
    trial: bool = False
    same_settings: bool = False


@dataclass(frozen=True)
class Planned:
    """What will be trained; fields as those of `dlcctr.training.record.Training`, and of a set that was made just now.

    Parameters
    ----------
    set_made : bool
        Whether there is one.
    unlisted : list of str
        Folders whose labels are not in it: config.yaml's `video_sets` does not name them.
    settings : list of str
        Settings that were taken over from the training before; or else, of a set that was made just now, those that
        the training before had otherwise.
    others : list of str
        Folders whose labels are not in it: they are of other scorers only.
    """

    seed: int
    epochs_wanted: int
    net_type: str
    batch_size: int
    frames_train: int
    frames_test: int
    detector_wanted: int = 0
    unit: str = EPOCH
    device: str = "cpu"
    software: dict[str, str] = field(default_factory=dict)
    set_made: bool = False
    unlisted: list[str] = field(default_factory=list)
    settings: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Began:
    """The first step of a network comes next.

    Parameters
    ----------
    done : int
        Epochs that were done before.
    curve : list
        Loss rows of those, of all networks (`row_cells`).
    remark : str
        Where it goes on from; empty for a start.
    """

    network: str
    done: int
    wanted: int
    curve: list[list[str]] = field(default_factory=list)
    remark: str = ""


@dataclass(frozen=True)
class Weights:
    """Weights that the training starts from."""

    start: StartWeights
    remark: str = ""


@dataclass(frozen=True)
class Progress:
    """One more row of the curve."""

    row: list[str]
    host_mb: float
    gpu_mb: float = 0.0
    snapshot: str = ""


@dataclass(frozen=True)
class Measured:
    """What a trial measured of one network."""

    network: str
    seconds_per_epoch: float
    wanted: int
    steps: int
    host_mb: float
    gpu_mb: float = 0.0


@dataclass(frozen=True)
class Ended:
    """All is done."""

    snapshot: str = ""


@dataclass(frozen=True)
class Failed:
    """It could not be done."""

    code: int
    message: str
    hint: str = ""


Event = Planned | Began | Weights | Progress | Measured | Ended | Failed
Tell = Callable[[Event], None]
KINDS: dict[str, Any] = {kind.__name__: kind for kind in (Planned, Began, Weights, Progress, Measured, Ended, Failed)}


def pause_s(checkpoint_s: float, save_s: float) -> float:
    """Seconds to the next checkpoint: what was asked for, but never more than a twentieth of the time goes into them.

    With 0 there is one after every epoch, whatever it takes.
    """
    return max(checkpoint_s, SAVES_SHARE * save_s) if checkpoint_s else 0.0


def row_cells(row: LossRow) -> list[str]:
    """Loss row as texts: JSON has no number that is none."""
    numbers = (row.train_loss, row.test_loss, row.learning_rate, row.seconds)
    return [row.network, str(row.epoch), *(repr(float(each)) for each in numbers)]


def row_of(cells: list[str]) -> LossRow:
    """The reverse of `row_cells`; `ValueError` for anything else."""
    network, epoch, train, test, rate, seconds = cells
    return LossRow(network, int(epoch), *(float(each or math.nan) for each in (train, test, rate, seconds)))


def event_line(event: Event) -> bytes:
    """Line of an event."""
    return json.dumps({"event": type(event).__name__, "of": to_table(event)}).encode() + b"\n"


def parse_event(line: bytes) -> Event:
    """Event of a line; `RecordError` if it is none."""
    table = parse_object(line)
    kind = KINDS.get(str(table.get("event")))
    if kind is None:
        raise RecordError("no such event", "event")
    event: Event = from_table(kind, table.get("of"))
    return event


def order_line(order: Order) -> bytes:
    """Line of an order."""
    return json.dumps(to_table(order)).encode() + b"\n"


def parse_order(line: str) -> Order:
    """Order of a line."""
    return from_table(Order, parse_object(line))
