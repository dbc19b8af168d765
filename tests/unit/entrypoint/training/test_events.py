from __future__ import annotations

import math

import pytest

from dlcctr.model.curve.losses import POSE, LossRow
from dlcctr.system.values.records import RecordError
from dlcctr.training.record import StartWeights
from entrypoint.training.events import (
    Began,
    Ended,
    Event,
    Failed,
    Measured,
    Order,
    Planned,
    Progress,
    Weights,
    event_line,
    order_line,
    parse_event,
    parse_order,
    pause_s,
    row_cells,
    row_of,
)

EVENTS: tuple[Event, ...] = (
    Planned(42, 10, "resnet_50", 8, 95, 5),
    Began(POSE, 3, 10, [row_cells(LossRow(POSE, 3, 0.5))], "from the checkpoint after epoch 3"),
    Weights(StartWeights("file", "/w/a\n.pt", "ab")),
    Progress(row_cells(LossRow(POSE, 1, math.inf)), 100.0),
    Measured(POSE, 1.5, 10, 12, 100.0),
    Ended("snapshot-010.pt"),
    Failed(5, "no labels\nat all", "label"),
)


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_is_one_line_and_comes_back(event: Event) -> None:
    line = event_line(event)
    assert line.count(b"\n") == 1
    assert parse_event(line) == event


def test_an_order_comes_back() -> None:
    order = Order("/p/config.yaml", "pytorch", 1, places=["/weights"], seed=3)
    assert parse_order(order_line(order).decode()) == order


@pytest.mark.parametrize("value", [0.1 + 0.2, math.nan, math.inf, 1e-300])
def test_losses_that_are_no_json_come_back(value: float) -> None:
    row = LossRow(POSE, 7, value, math.nan, 1e-3, 2.0)
    assert str(row_of(row_cells(row))) == str(row)


@pytest.mark.parametrize("line", [b"", b"[]", b'{"event": "Dance"}', b'{"event": "Ended", "of": 3}'])
def test_something_else_is_no_event(line: bytes) -> None:
    with pytest.raises(RecordError):
        parse_event(line)


def test_checkpoints_take_a_twentieth_of_the_time_at_most_unless_every_epoch_is_asked_for() -> None:
    assert pause_s(60, 1) == 60 and pause_s(60, 10) == 200
    assert pause_s(0, 10) == 0
