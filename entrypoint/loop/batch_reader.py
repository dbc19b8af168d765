"""Decoding ahead in a thread: batches of pictures in a few buffers that are used again and again."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from entrypoint.video.frame_scan import FrameScan
from entrypoint.video.frames import decoded_frames, open_pass
from entrypoint.video.pixels import Box, Pictures

BUFFERS = 3
"""Number of buffers: one with the network, one waiting, one being filled; this bounds the memory."""

NOT_YET_MADE = object()
"""Stands for a buffer that is made once the size of the pictures is known."""

Allocate = Callable[[tuple[int, ...]], Any]


class _Stopped(Exception):
    """No more batches are wanted."""


class BatchReader:
    """Batches of a video's decoded frames, in presentation order. Leave it through `close`, whatever happens.

    Parameters
    ----------
    batch_size : int
        Frames per batch; the last has what is left.
    box : tuple of int or None
        Part of each picture, ``(x1, x2, y1, y2)`` in px.
    allocate : callable
        Makes a uint8 array of a shape.
    skip : tuple of int
        Decoded frames ``[first, stop)`` that are in no batch; `first` is where a batch would begin. They are decoded
        all the same: no container's seeking can be trusted to land where it says.

    Attributes
    ----------
    decoded : int
        Decoded frames so far, skipped ones included; of the whole video once the batches have ended.
    """

    def __init__(
        self,
        path: Path,
        scan: FrameScan,
        *,
        batch_size: int,
        box: Box | None,
        allocate: Allocate,
        skip: tuple[int, int] = (0, 0),
    ) -> None:
        self.decoded = 0
        self._path, self._scan, self._box = path, scan, box
        self._batch_size, self._allocate, self._skip = batch_size, allocate, skip
        self._free: queue.Queue[Any] = queue.Queue()
        self._ready: queue.Queue[Any] = queue.Queue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="decoding", daemon=True)
        for _ in range(BUFFERS):
            self._free.put(NOT_YET_MADE)
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
        """
        while True:
            item = self._ready.get()
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            buffer, count = item
            yield buffer[:count]
            self._free.put(buffer)

    def close(self) -> None:
        """Stop decoding and wait for the thread."""
        self._stop.set()
        self._free.put(None)  # it may be waiting for a buffer
        self._thread.join()

    def _run(self) -> None:
        try:
            self._fill()
            self._ready.put(None)
        except _Stopped:
            pass
        except BaseException as error:
            self._ready.put(error)

    def _fill(self) -> None:
        buffer, count = None, 0
        with open_pass(self._path, self._scan) as reading:
            pictures = None
            for frame in self._wanted(decoded_frames(reading, self._scan)):
                pictures = pictures or Pictures(reading.rotation, self._box)
                picture = pictures.convert(frame)
                if buffer is None:
                    buffer = self._next_buffer(picture.shape)
                buffer[count] = picture
                count += 1
                if count == self._batch_size:
                    self._ready.put((buffer, count))
                    buffer, count = None, 0
        if count:
            self._ready.put((buffer, count))

    def _wanted(self, frames: Iterator[Any]) -> Iterator[Any]:
        first, stop = self._skip
        for number, frame in enumerate(frames):
            if self._stop.is_set():
                raise _Stopped
            self.decoded = number + 1
            if not first <= number < stop:
                yield frame

    def _next_buffer(self, shape: tuple[int, ...]) -> Any:
        buffer = self._free.get()
        if self._stop.is_set():
            raise _Stopped
        return self._allocate((self._batch_size, *shape)) if buffer is NOT_YET_MADE else buffer
