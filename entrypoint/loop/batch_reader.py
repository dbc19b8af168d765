"""Decoding ahead: batches of pictures in a few buffers that are used again and again.

One thread decodes (with further ones of FFmpeg's own) and says which picture goes where; several convert, each straight
into its place. So order and count are the decoder's, however many threads there are.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dlcctr.system.cpus import cpu_count
from entrypoint.video.decoding.decode_pass import DecodePass
from entrypoint.video.frame_scan import FrameScan
from entrypoint.video.frames import decoded_frames, open_pass
from entrypoint.video.pixels import Box, Pictures
from entrypoint.video.restart import Jump, Restart, Restarts
from entrypoint.video.sound_pass import MOST_THREADS, SoundPass

BUFFERS = 3
"""Number of buffers: one with the network, one waiting, one being filled; this bounds the memory."""
WAITING_PER_THREAD = 2
"""Groups of decoded frames that wait for each thread that converts."""
MOST_TOGETHER = 4
TOGETHER_PX = 1_250_000
"""Frames that are handed to a thread together at most, and how many px they have: handing one over takes a third of the
time that converting 640 x 480 px does."""

NOT_YET_MADE = object()
"""Stands for a buffer that is made once the size of the pictures is known."""

Allocate = Callable[[tuple[int, ...]], Any]
BoxOf = Callable[[int, int], "Box | None"]
"""From width and height of the first picture in px to the part of each that is wanted; None for all of it."""


class _Stopped(Exception):
    """No more batches are wanted."""


@dataclass(frozen=True)
class FirstPicture:
    """What is known of a video once its first frame is decoded.

    Parameters
    ----------
    rotation : int
        Degrees that pictures are turned by.
    size : tuple of int
        Width and height in px, before that.
    box : tuple of int or None
        Part of each turned picture that batches hold: ``(x1, x2, y1, y2)`` in px.
    interlaced : bool
        Whether it is.
    """

    rotation: int
    size: tuple[int, int]
    box: Box | None
    interlaced: bool

    @property
    def turned_size(self) -> tuple[int, int]:
        """Width and height of the turned pictures in px."""
        return self.size[::-1] if self.rotation % 180 else self.size

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the pictures in batches."""
        width, height = self.turned_size
        x1, x2, y1, y2 = self.box or (0, width, 0, height)
        return y2 - y1, x2 - x1, 3


@dataclass
class _Batch:
    """A buffer that is being filled."""

    buffer: Any
    count: int = 0
    waiting: list[Any] = field(default_factory=list)
    groups: list[Future[None]] = field(default_factory=list)

    def wait(self) -> Any:
        """The pictures, once all are there."""
        for each in self.groups:
            each.result()
        return self.buffer[: self.count]


class BatchReader:
    """Batches of a video's decoded frames, in presentation order. Leave it through `close`, whatever happens.

    Parameters
    ----------
    scan : FrameScan or None
        What an earlier pass found. Without one, this pass finds it itself.
    batch_size : int
        Frames per batch; the last has what is left.
    box : callable or None
        Gives the part of each picture that is wanted; see `BoxOf`.
    allocate : callable
        Makes a uint8 array of a shape.
    skip : tuple of int
        Decoded frames ``[first, stop)`` that are in no batch; `first` is where a batch would begin. They are decoded
        all the same: no container's seeking can be trusted to land where it says.
    restart : Restart or None
        Without a scan: a place between them from which on it suffices to decode, found by a pass before.
    threads : int
        Threads that convert, and of the decoder; 0 for as many as may be used.
    on_gpu : bool
        Without a scan: decode with the GPU's video engine.

    Attributes
    ----------
    decoded : int
        Decoded frames so far, skipped ones included; of the whole video once the batches have ended.
    first : FirstPicture
        Known once the first batch is there.
    scan : FrameScan or None
        What is known of the whole video; without one at first, once the batches have ended.
    """

    first: FirstPicture

    def __init__(
        self,
        path: Path,
        scan: FrameScan | None,
        *,
        batch_size: int,
        box: BoxOf | None,
        allocate: Allocate,
        skip: tuple[int, int] = (0, 0),
        restart: Restart | None = None,
        threads: int = 0,
        on_gpu: bool = False,
    ) -> None:
        self._on_gpu = on_gpu
        self.decoded, self.scan, self._is_sound_pass = 0, scan, scan is None
        self._path, self._box = path, box
        self._jump = Jump(skip[0], restart) if restart and skip[0] < restart.output <= skip[1] else None
        self._restarts = Restarts()
        self._batch_size, self._allocate, self._skip = batch_size, allocate, skip
        self._threads = min(threads or cpu_count(), MOST_THREADS)
        self._room = threading.BoundedSemaphore(WAITING_PER_THREAD * self._threads)
        self._own = threading.local()
        self._together = 1
        self._free: queue.Queue[Any] = queue.Queue()
        self._ready: queue.Queue[_Batch | BaseException | None] = queue.Queue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="decoding", daemon=True)
        self._thread.start()

    def __enter__(self) -> BatchReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Any]:
        """Yield arrays (n, height, width, 3), each valid until the next one is asked for.

        Raises
        ------
        DlcctrError
            The video can no longer be read.
        DamagedVideo
            Without a scan: there are signs of damage, and frames that were given before may be wrong.
        OtherDecoder
            The GPU's video engine cannot be used for this video, or has given wrong pictures.
        """
        while True:
            item = self._ready.get()
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item.wait()
            self._free.put(item.buffer)

    def restart_before(self, decoded: int) -> Restart | None:
        """Last place at which a later pass could begin for the sake of this decoded frame; of one without a scan."""
        return self._restarts.before(decoded) if self._is_sound_pass else None

    def close(self) -> None:
        """Stop decoding and wait for the threads."""
        self._stop.set()
        self._free.put(None)  # it may be waiting for a buffer
        self._thread.join()

    def _run(self) -> None:
        try:
            with ThreadPoolExecutor(self._threads, "converting") as pool:
                self._fill(pool)
            self._ready.put(None)
        except _Stopped:
            pass
        except BaseException as error:
            self._ready.put(error)

    def _fill(self, pool: ThreadPoolExecutor) -> None:
        batch: _Batch | None = None
        with ExitStack() as stack:
            reading, frames = self._open(stack)
            self._restarts = reading.restarts
            for number, frame in frames:
                if self._stop.is_set():
                    raise _Stopped
                if not number:
                    self.first = self._look_at_first(reading, frame)
                    self._share_out(frame.width * frame.height)
                self.decoded = number + 1
                if self._skip[0] <= number < self._skip[1]:
                    continue
                batch = batch or _Batch(self._next_buffer())
                batch.waiting.append(frame)
                if len(batch.waiting) == self._together or batch.count + len(batch.waiting) == self._batch_size:
                    self._hand_over(batch, pool)
                if batch.count == self._batch_size:
                    self._ready.put(batch)
                    batch = None
        if batch:
            self._hand_over(batch, pool)
            self._ready.put(batch)

    def _hand_over(self, batch: _Batch, pool: ThreadPoolExecutor) -> None:
        """Have the frames that wait converted."""
        if not batch.waiting:
            return
        self._room.acquire()
        batch.groups.append(pool.submit(self._convert, batch.waiting, batch.buffer, batch.count))
        batch.count += len(batch.waiting)
        batch.waiting = []

    def _open(self, stack: ExitStack) -> tuple[DecodePass, Iterator[tuple[int, Any]]]:
        if self.scan is not None:
            reading = stack.enter_context(open_pass(self._path, self.scan, self._threads))
            return reading, enumerate(decoded_frames(reading, self.scan))
        sound = stack.enter_context(SoundPass(self._path, self._threads, on_gpu=self._on_gpu))
        return sound.reading, self._scanned(sound)

    def _scanned(self, sound: SoundPass) -> Iterator[tuple[int, Any]]:
        yield from sound.frames(self._jump)
        self.scan = sound.judge()

    def _look_at_first(self, reading: DecodePass, frame: Any) -> FirstPicture:
        box = self._box(*reading.turned_size) if self._box else None
        return FirstPicture(reading.rotation, reading.size, box, bool(frame.interlaced_frame))

    def _share_out(self, pixels: int) -> None:
        """How many frames of this size go to a thread together, and how many buffers there are."""
        self._together = max(1, min(MOST_TOGETHER, TOGETHER_PX // pixels, self._batch_size))
        # Small batches need more of them, or most threads would have nothing to convert
        converting = self._threads * max(WAITING_PER_THREAD, self._together)
        for _ in range(max(BUFFERS, BUFFERS - 1 + converting // self._batch_size)):
            self._free.put(NOT_YET_MADE)

    def _convert(self, frames: list[Any], buffer: Any, place: int) -> None:
        try:
            pictures = getattr(self._own, "pictures", None)
            if pictures is None:
                first = self.first
                pictures = self._own.pictures = Pictures(first.rotation, first.box, first.size)
            for number, frame in enumerate(frames):
                buffer[place + number] = pictures.convert(frame)
        finally:
            self._room.release()

    def _next_buffer(self) -> Any:
        buffer = self._free.get()
        if self._stop.is_set():
            raise _Stopped
        return self._allocate((self._batch_size, *self.first.shape)) if buffer is NOT_YET_MADE else buffer
