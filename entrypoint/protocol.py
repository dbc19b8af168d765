"""Protocol of the supervisor and its worker process: jobs one way, events the other, as lines of JSON.

Events have a pipe of their own. stdout and stderr of the worker are DeepLabCut's: what it prints is log text, whatever
it looks like. Everything of a job arrives in the order in which it was sent, its answer last.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from dlcctr.campaign.precision import FLOAT32
from dlcctr.campaign.tracking import PROJECTS_OWN, Tracking
from dlcctr.results.sections import Columns, DeviceUsed, FromFloat32
from dlcctr.results.times.frame_times import FrameTimes
from dlcctr.system.values.records import RecordError, from_table, parse_object, to_table
from entrypoint.video.decoding.decoders import CPU
from entrypoint.video.frame_scan import FrameScan

ANALYSING = "analysing"
"""Stage of a job in which the network sees the frames."""


@dataclass(frozen=True)
class Job:
    """One analysis, as it goes from the supervisor to the worker.

    Parameters
    ----------
    path : str
        ``own`` (our loop) or ``stock`` (one call of `analyze_videos`).
    model : str
        The model's hash.
    config : str
        config.yaml of the private project.
    video : str
        The file to read: the video under a plain name, or a lossless copy.
    folder : str
        Empty private folder for DeepLabCut's files.
    stem : str
        Beginning of the result files' names: the video's own stem.
    columns : list
        The model's columns in order, without the scorer.
    scan : FrameScan or None
        What a pass over the video has found; None for our loop where its own pass is to find it.
    gpu_batch_size : int
        Batch size that suits a GPU, where nobody chose one; 0 otherwise. Our loop takes it if batches do not matter.
    precision : str
        In which our loop's network computes: ``float32``, ``fp16`` or ``bf16``.
    decoder : str
        What decodes for our loop where there is no scan: ``cpu`` or ``nvdec``.
    prior : str
        Text of the pose prior that the result is judged with; empty where there is none.
    original : str
        The video itself, where `video` may be a lossless copy; empty for our loop.
    announced : int
        Frames that the video's header claims, for progress; 0 where it claims none.
    device : str
        ``cpu`` or ``cuda``.
    batch_size, crop
        Batch size and crop in force, from the option, the campaign or the project.
    top_down : bool
        The model looks for animals first, then for body parts in each of them.
    conditional : bool
        It looks where a bottom-up model sees an animal.
    tracking : Tracking
        What DeepLabCut is told about the animals.
    trusted : bool
        Code in the snapshot may run, where the project's files say so; else weights are only weights.
    backend : str
        Backend of our loop's network: ``engine``, ``openvino`` or ``auto`` (OpenVINO on a CPU where it gives
        what the engine gives).
    cache : str
        Folder for networks in OpenVINO's form, shared by all tasks; empty for none.
    times : str
        File with the times of all stream frames (`dlcctr.results.times.frame_times`); empty where our loop's own pass
        is to find them and to write the file.
    checkpoint_folder : str
        Folder for our loop's checkpoints (`entrypoint.loop.checkpoints.files`); empty for none.
    checkpoint_s : float
        Seconds between two checkpoints.
    """

    path: str
    model: str
    config: str
    video: str
    folder: str
    stem: str
    columns: list[list[str]]
    scan: FrameScan | None
    multianimal: bool
    shuffle: int
    trainset_index: int
    device: str
    batch_size: int | None
    crop: list[int] | None
    csv: bool
    top_down: bool = False
    conditional: bool = False
    tracking: Tracking = PROJECTS_OWN
    trusted: bool = False
    backend: str = "engine"
    cache: str = ""
    checkpoint_folder: str = ""
    checkpoint_s: float = 0.0
    announced: int = 0
    precision: str = FLOAT32
    decoder: str = CPU
    gpu_batch_size: int = 0
    times: str = ""
    prior: str = ""
    original: str = ""

    @property
    def found(self) -> FrameScan:
        """What is known of the video, once something is."""
        assert self.scan is not None
        return self.scan

    @property
    def frames(self) -> int:
        """Frames of the video's stream."""
        return self.found.stream

    @property
    def decoded(self) -> int:
        """Frames of the stream that decode."""
        return self.found.decoded

    @property
    def missing(self) -> list[list[int]]:
        """Ranges ``[first, stop)`` of the stream's frames that do not decode."""
        return self.found.missing


@dataclass(frozen=True)
class Order:
    """What the worker is asked for.

    Parameters
    ----------
    job : Job
        The video that is analysed now.
    beside : list of Job
        Jobs of other models on the same video, whose turn comes later: the pass of this one feeds their networks too,
        and their positions go into their checkpoints.
    """

    job: Job
    beside: list[Job] = field(default_factory=list)


@dataclass(frozen=True)
class Ready:
    """The worker has imported its engine.

    Parameters
    ----------
    cuda : bool
        Whether this build of the engine can use a GPU here.
    versions : dict
        Version of each library that results depend on, by its name; and what was fixed in DeepLabCut (`FIXES_KEY`).
    import_s : float
        Seconds that the import took.
    """

    cuda: bool
    versions: dict[str, str]
    import_s: float


@dataclass(frozen=True)
class Progress:
    """How far a stage of a job is, in decoded frames."""

    stage: str
    done: int


@dataclass(frozen=True)
class Message:
    """A sentence for people about the running job."""

    text: str
    is_warning: bool = False


@dataclass(frozen=True)
class Checkpoint:
    """Decoded frames ``[first, stop)`` of a video, and how their positions were made.

    Parameters
    ----------
    batch_size : int
        Frames per network call in the end: smaller than what was asked for where memory did not suffice.
    device, backend : str
        Device that the network ran on, and backend that computed it.
    """

    first: int
    stop: int
    batch_size: int
    device: str
    backend: str


@dataclass(frozen=True)
class Done:
    """A job's files are written and verified.

    Parameters
    ----------
    files : list of str
        Names of the files in the job's folder.
    verification_s : float
        Seconds for reading them back.
    remark : str
        Remark on a whole result: that no animal was found.
    backend : str
        Name and version of what computed the network. This and the following fields: of our loop only, but for
        `timings_s` and `flags`.
    why_engine : str
        Why that was not OpenVINO, if it was wanted; completes "because …".
    batch_size : int or None
        Frames per network call in the end.
    checkpoints : list of Checkpoint
        Checkpoints taken from earlier attempts.
    timings_s : dict
        Seconds by phase.
    scan : FrameScan or None
        What our loop's own pass has found, where the job had no scan.
    from_float32 : FromFloat32 or None
        How far another precision is from float32.
    decoder : str
        ``nvdec`` where the GPU's video engine decoded; else empty.
    times : FrameTimes or None
        About the times of the frames, where the job had no file of them: it is one of its files.
    flags : list of str
        Kinds of what is suspicious about the tracking.
    """

    scorer: str
    device: DeviceUsed
    columns: Columns
    files: list[str]
    verification_s: float
    remark: str = ""
    backend: str = ""
    why_engine: str = ""
    batch_size: int | None = None
    checkpoints: list[Checkpoint] = field(default_factory=list)
    timings_s: dict[str, float] = field(default_factory=dict)
    scan: FrameScan | None = None
    from_float32: FromFloat32 | None = None
    decoder: str = ""
    times: FrameTimes | None = None
    flags: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ShortRead:
    """DeepLabCut read another number of frames than decode; its files are useless."""

    rows: int


@dataclass(frozen=True)
class NotCovered:
    """Our loop cannot do a job; the text completes "because …"."""

    why: str


@dataclass(frozen=True)
class DamageFound:
    """Our loop's own pass has found signs of damage: the video needs a scan. Nothing is left of the job."""


@dataclass(frozen=True)
class Failed:
    """The engine cannot be loaded or a job cannot be done: exit code, message and hint of a `DlcctrError`."""

    code: int
    message: str
    hint: str


Answer = Done | ShortRead | NotCovered | DamageFound
Event = Ready | Progress | Message | Answer | Failed
Report = Callable[[Progress | Message], None]
"""Callback for a job's progress and messages."""

EVENTS: tuple[type[Event], ...] = (Ready, Progress, Message, Done, ShortRead, NotCovered, DamageFound, Failed)


class ProtocolError(ValueError):
    """A line is not valid in this protocol."""


def order_line(order: Order) -> bytes:
    """Line that holds an order."""
    return json.dumps(to_table(order)).encode() + b"\n"


def parse_order(line: str) -> Order:
    """Order in a line; raises `ProtocolError`."""
    try:
        return from_table(Order, parse_object(line))
    except RecordError as error:
        raise ProtocolError(str(error)) from error


def parse_event(line: bytes) -> Event:
    """Event in a line; raises `ProtocolError`."""
    try:
        content = parse_object(line)
        (kind,) = (each for each in EVENTS if each.__name__ == content.get("event"))
        return from_table(kind, content.get("fields"))
    except ValueError as error:
        raise ProtocolError(f"not an event: {line[:200]!r} ({error})") from error


class EventWriter:
    """The worker's end of the events' pipe; several threads may write."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._lock = stream, threading.Lock()

    def write(self, event: Event) -> None:
        """Send an event, behind all that was printed before it."""
        line = json.dumps({"event": type(event).__name__, "fields": to_table(event)}).encode() + b"\n"
        with self._lock:
            sys.stdout.flush()
            self._stream.write(line)
            self._stream.flush()


class EventReader:
    """The supervisor's end: events from bytes as they come, in whatever pieces."""

    def __init__(self) -> None:
        self._rest = b""

    def read(self, data: bytes) -> Iterator[Event | ProtocolError]:
        """Events whose last byte is in `data`; half a line waits for its other half.

        A line that is not an event is given as the error that it is, so that those behind it are read.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            try:
                yield parse_event(line)
            except ProtocolError as error:
                yield error
