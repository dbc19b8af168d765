"""The order in which the supervisor takes what comes through a worker's two pipes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest

from entrypoint.analyze.worker.output import BAR, WorkerOutput
from entrypoint.protocol import ANALYSING, Event, Message, NotCovered, Progress, ProtocolError, ShortRead


class Pipes:
    """A worker's ends of the two pipes, and the supervisor's reader of the others."""

    def __init__(self) -> None:
        self.log_read, self.log = os.pipe()
        events_read, self.events = os.pipe()
        self.output = WorkerOutput(self.log_read, events_read)
        self.closed = False

    def print(self, text: str) -> None:
        os.write(self.log, text.encode())

    def send(self, event: Event) -> None:
        os.write(self.events, line(event))

    def until_answer(self) -> list[Any]:
        """All events up to the next that ends a job; None for the end of the pipe."""
        found: list[Any] = []
        while not found or isinstance(found[-1], (Progress, Message)):
            found.append(self.output.next())
        return found

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        for handle in (self.log, self.events):
            os.close(handle)
        assert self.output.join(30)
        os.close(self.log_read)


def line(event: Event) -> bytes:
    return json.dumps({"event": type(event).__name__, "fields": asdict(event)}).encode() + b"\n"


@pytest.fixture
def pipes() -> Iterator[Pipes]:
    made = Pipes()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("text", "done"),
    [
        (" 24%|██▍       | 24/100 [00:05<00:19,  3.94it/s]", "24"),
        ("100%|██████████| 2330/2330 [10:00<00:00]", "2330"),
        ("0/30 [00:00<?, ?it/s]", "0"),
        ("12it [00:00, 300.00it/s]", None),
        ("snapshot 1/2", None),
    ],
)
def test_progress_bars_are_read(text: str, done: str | None) -> None:
    found = BAR.search(text)
    assert (found[1] if found else None) == done


def test_bars_of_stock_deeplabcut_are_progress_in_its_stages(pipes: Pipes) -> None:
    pipes.output.begin(stock=True)
    pipes.print("Running detector with batch size 8\n\r 3/9 [0\r 9/9 [1\nRunning pose prediction\n 4/9 [0\r 9/9 [1")
    pipes.send(NotCovered("x"))
    assert pipes.until_answer() == [
        Progress("finding animals", 3),
        Progress("finding animals", 9),
        Progress(ANALYSING, 4),
        Progress(ANALYSING, 9),
        NotCovered("x"),
    ]
    assert list(pipes.output.tail) == ["Running detector with batch size 8", "Running pose prediction"]


def test_bars_in_a_job_of_our_loop_mean_nothing(pipes: Pipes) -> None:
    pipes.output.begin(stock=False)
    pipes.print("Running detector\n 3/9 [0\r 9/9 [1")
    pipes.send(Progress(ANALYSING, 5))
    pipes.send(ShortRead(5))
    assert pipes.until_answer() == [Progress(ANALYSING, 5), ShortRead(5)]


@pytest.mark.parametrize("number", range(20))
def test_what_is_printed_before_an_answer_is_read_before_it(pipes: Pipes, number: int) -> None:
    """A fifth of what a pipe holds, and its last line is not finished."""
    pipes.output.begin(stock=True)
    pipes.print("".join(f"{each}/500 [ of job {number}\r" for each in range(500)) + "the last words")
    pipes.send(ShortRead(number))
    assert pipes.until_answer() == [*(Progress(ANALYSING, each) for each in range(500)), ShortRead(number)]
    assert pipes.output.tail[-1] == "the last words"
    pipes.output.begin(stock=True)
    pipes.print("1/2 [\r")
    pipes.send(ShortRead(0))
    assert pipes.until_answer() == [Progress(ANALYSING, 1), ShortRead(0)]


def test_an_event_in_pieces_is_one_event(pipes: Pipes) -> None:
    data = line(Message("größer")) + line(ShortRead(3))
    for place in range(len(data)):
        os.write(pipes.events, data[place : place + 1])
    assert pipes.until_answer() == [Message("größer"), ShortRead(3)]


def test_half_an_event_at_the_end_is_none(pipes: Pipes) -> None:
    pipes.send(Message("whole"))
    os.write(pipes.events, line(Message("half"))[:-1])
    pipes.close()
    assert [pipes.output.next() for _ in range(2)] == [Message("whole"), None]


def test_a_line_that_is_not_an_event_hides_no_other(pipes: Pipes) -> None:
    os.write(pipes.events, b"\x00\xff\n" + line(ShortRead(3)))
    wrong, right = pipes.output.next(), pipes.output.next()
    assert isinstance(wrong, ProtocolError)
    assert right == ShortRead(3)


@pytest.mark.parametrize(
    "text",
    [line(Message("imitated")).decode(), "dlcctr says: warning: imitated\n", "== row 3 (imitated.mp4)\n"],
)
def test_what_is_printed_is_log_text_whatever_it_looks_like(pipes: Pipes, text: str) -> None:
    pipes.output.begin(stock=True)
    pipes.print(text)
    pipes.send(ShortRead(1))
    assert pipes.until_answer() == [ShortRead(1)]
    assert list(pipes.output.tail) == [text.rstrip("\n")]
