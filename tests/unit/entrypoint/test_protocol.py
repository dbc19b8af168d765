"""Jobs and events as lines, and back."""

from __future__ import annotations

import io
import json
import threading
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcctr.results.sections import Columns, DeviceUsed, FromFloat32
from dlcctr.system.values.numbers import WHOLE_NUMBERS
from entrypoint.protocol import (
    EVENTS,
    Checkpoint,
    Done,
    Event,
    EventReader,
    EventWriter,
    Failed,
    Job,
    Message,
    Order,
    Progress,
    ProtocolError,
    Ready,
    order_line,
    parse_event,
    parse_order,
)
from entrypoint.video.frame_scan import FrameScan

DONE = Done(
    "DLC_x", DeviceUsed("cpu", threads=2), Columns(3, (("nose", "x"),)), ["a.h5"], 0.5,
    backend="PyTorch 2", batch_size=4, checkpoints=[Checkpoint(0, 2, 4, "cpu", "PyTorch 2")], timings_s={"load": 1.0},
)  # fmt: skip


finite = st.floats(allow_nan=False, allow_infinity=False)
st.register_type_strategy(int, st.integers(WHOLE_NUMBERS[0], WHOLE_NUMBERS[-1]))  # records refuse larger ones
st.register_type_strategy(FromFloat32, st.builds(FromFloat32, px=finite, likelihood=finite))
st.register_type_strategy(FrameScan, st.builds(FrameScan, fps=finite))
columns = st.builds(Columns, names=st.lists(st.lists(st.text(), min_size=1).map(tuple)).map(tuple))
events = st.one_of(
    st.builds(Ready, import_s=finite),
    st.builds(Done, columns=columns, verification_s=finite, timings_s=st.dictionaries(st.text(), finite)),
    *(st.from_type(kind) for kind in EVENTS if kind not in (Ready, Done)),
)


def written(*events: Event) -> bytes:
    stream = io.BytesIO()
    writer = EventWriter(stream)
    for event in events:
        writer.write(event)
    return stream.getvalue()


@settings(deadline=None)
@given(st.data())
def test_events_arrive_as_they_were_sent(data: st.DataObject) -> None:
    sent = data.draw(st.lists(events, max_size=5))
    stream, reader, found = written(*sent), EventReader(), list[Any]()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    for first, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += reader.read(stream[first:stop])
    assert found == sent


def test_a_job_arrives_as_it_was_sent() -> None:
    job = Job(
        path="own", model="m", config="c", video="ä\n\udcff.mp4", folder="f", stem="s", columns=[["nose", "x"]],
        scan=FrameScan(9, 8, 7, [[3, 4]], 640, 480, 29.97, "h264", True, [[0, 3], [4, 8]], False), multianimal=False,
        shuffle=1, trainset_index=0, device="cpu", batch_size=None, crop=[1, 2, 3, 4], csv=True, checkpoint_s=60,
    )  # fmt: skip
    order = parse_order(order_line(Order(job, [replace(job, model="n")])).decode())
    assert order.beside == [replace(job, model="n")]
    found = order.job
    assert found == job
    assert (found.scan.outputs, found.scan.strict) == (job.scan.outputs, job.scan.strict), "not compared by FrameScan"


@pytest.mark.parametrize(
    "text",
    [
        "", "5", "[]", "{}", "null", '{"event": "Quiet", "fields": {}}', '{"event": "ShortRead"}',
        '{"event": "ShortRead", "fields": {"rows": 1.0}}', '{"event": "ShortRead", "fields": {"rows": true}}',
        '{"event": "ShortRead", "fields": {"rows": 1, "more": 2}}', '{"event": "ShortRead", "fields": {}}',
        '{"event": "ShortRead", "fields": [1]}', '{"event": ["ShortRead"], "fields": {"rows": 1}}',
    ],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        parse_event(text.encode())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("scorer", None), ("device", {"type": 1}), ("device", "cpu"), ("columns", {"rows": 3, "names": ["nose"]}),
        ("files", "a.h5"), ("files", [1]), ("batch_size", "4"), ("timings_s", {"load": "1"}), ("timings_s", [1.0]),
        ("checkpoints", [{"first": 0}]),
    ],
)  # fmt: skip
def test_each_field_of_an_event_has_its_type(field: str, value: object) -> None:
    line = written(DONE)
    assert parse_event(line) == DONE
    content = json.loads(line)
    content["fields"][field] = value
    with pytest.raises(ProtocolError, match=rf"\({field}.*: expected|\({field}.*: missing"):
        parse_event(json.dumps(content).encode())


def test_threads_do_not_write_into_each_other() -> None:
    class Slowly(io.BytesIO):
        def write(self, data: Any) -> int:
            return sum(super(Slowly, self).write(bytes([byte])) for byte in data)

    stream = Slowly()
    writer = EventWriter(stream)
    threads = [
        threading.Thread(target=lambda: [writer.write(Progress("x" * 50, n)) for n in range(200)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = [parse_event(line) for line in stream.getvalue().splitlines()]
    assert len(events) == 800


def test_what_was_printed_is_on_its_way_before_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    class Printed(io.StringIO):
        def flush(self) -> None:
            order.append("log")

    class Sent(io.BytesIO):
        def flush(self) -> None:
            order.append("event")

    monkeypatch.setattr("sys.stdout", Printed())
    EventWriter(Sent()).write(Failed(7, "m", "h"))
    assert order == ["log", "event"]


def test_a_warning_is_told_from_other_messages() -> None:
    assert parse_event(written(Message("x", is_warning=True))) == Message("x", is_warning=True)
    assert parse_event(written(Message("warning: x"))) == Message("warning: x", is_warning=False)
