"""The frames of a row's video in presentation order, each with its number, as pictures to draw into."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcctr.errors import VideoError
from dlcctr.results.sections import FrameCounts
from entrypoint.video.decoding.decode_pass import DecodePass
from entrypoint.video.frames import decoded_frames, open_pass
from entrypoint.video.pixels import target_colours
from entrypoint.video.scan import scan_video

WAITING = 12
"""Decoded frames that may wait to be drawn into."""
ITU709, ITU601, BT2020 = 1, 5, 9
OF_BT2020 = {9, 10}
OF_601 = {4, 5, 6, 7}
HD_ROWS = 720
"""Rows from which on players take a video that does not say it for BT.709."""
MPEG_RANGE = 1


class Picture:
    """Brightness and colour of a picture: (height, width) and (height / 2, width / 2, 2), uint8."""

    __slots__ = ("chroma", "luma")

    def __init__(self, luma: Any, chroma: Any) -> None:
        self.luma, self.chroma = luma, chroma

    @classmethod
    def over(cls, frame: Any) -> Picture:
        """The planes of a frame of PyAV's in the format nv12, to be read and written."""
        import numpy

        luma, chroma = frame.planes
        rows = numpy.frombuffer(luma, numpy.uint8).reshape(-1, luma.line_size)[: luma.height, : luma.width]
        pairs = numpy.frombuffer(chroma, numpy.uint8).reshape(-1, chroma.line_size)
        width = (luma.width + 1) // 2
        return cls(rows, pairs[: chroma.height, : 2 * width].reshape(chroma.height, width, 2))

    def part(self, x: int, y: int, width: int, height: int) -> Picture:
        """A part of it, from an even corner on; it shares the pixels."""
        return Picture(
            self.luma[y : y + height, x : x + width],
            self.chroma[y // 2 : (y + height + 1) // 2, x // 2 : (x + width + 1) // 2],
        )

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in px."""
        return self.luma.shape[1], self.luma.shape[0]


class Converter:
    """Makes pictures of one video's frames, turned as the container asks for.

    Parameters
    ----------
    size, rotation : tuple of int, int
        Of the first frame, as `entrypoint.video.decoding.decode_pass.DecodePass` reports them.
    scale : float
        How much smaller the pictures are to be, at most 1.
    """

    def __init__(self, size: tuple[int, int], rotation: int, scale: float) -> None:
        from av.video.reformatter import Interpolation, VideoReformatter

        self._reformatter: Any = VideoReformatter()
        self._width, self._height = (max(2, round(side * scale)) for side in size)
        self._rows = size[1]
        self._turns = rotation // 90 % 4
        self._interpolation = Interpolation.BILINEAR if scale < 1 else Interpolation.FAST_BILINEAR

    def is_bt709(self, frame: Any) -> bool:
        """Whether the picture's colours are those of BT.709 rather than BT.601."""
        space = int(frame.colorspace)
        return space in OF_BT2020 or space == ITU709 or (space not in OF_601 and self._rows >= HD_ROWS)

    def convert(self, frame: Any) -> Picture:
        """Make a picture; it is valid as long as it is referred to, and may not be written into."""
        import numpy

        target = ITU709 if self.is_bt709(frame) else ITU601
        source = BT2020 if int(frame.colorspace) in OF_BT2020 else target
        made = self._reformatter.reformat(
            frame, self._width, self._height, "nv12", src_colorspace=source, dst_colorspace=target,
            dst_color_range=MPEG_RANGE, interpolation=self._interpolation, threads=1, **target_colours(frame),
        )  # fmt: skip
        picture = Picture.over(made)
        if self._turns:
            return Picture(numpy.rot90(picture.luma, self._turns), numpy.rot90(picture.chroma, self._turns))
        return picture


@dataclass(frozen=True)
class First:
    """What the first frame says of all: size in px before it is turned, degrees to turn it by, its colours."""

    size: tuple[int, int]
    rotation: int
    frame: Any

    @property
    def turned_size(self) -> tuple[int, int]:
        """Width and height in px after the turn."""
        width, height = self.size
        return (height, width) if self.rotation % 180 else (width, height)


class _Stopped(Exception):
    pass


class VideoFrames:
    """Decodes a row's video in a thread of its own, from its first frame to the last that is wanted.

    No container's jumping is trusted: frames that are not wanted are decoded all the same, and dropped.

    Parameters
    ----------
    counts : FrameCounts or None
        Of the row's receipt: frames that did not decode then have no picture now.
    stop : int
        Frame behind the last one that is wanted.
    """

    def __init__(self, video: Path, counts: FrameCounts | None, stop: int) -> None:
        self._video, self._counts, self._stop_at = video, counts, stop
        self._queue: queue.Queue[Any] = queue.Queue(WAITING)
        self._wanted: Any = lambda number: True
        self._stopping = threading.Event()
        self._go = threading.Event()
        self._first: queue.Queue[Any] = queue.Queue(1)
        self._thread = threading.Thread(target=self._run, name="decoding", daemon=True)
        self._thread.start()

    def __enter__(self) -> VideoFrames:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._go.set()
        while self._thread.is_alive():
            try:
                self._queue.get(timeout=0.05)
            except queue.Empty:
                continue
        self._thread.join()

    def first(self) -> First:
        """The first frame; raises `VideoError` where there is none."""
        found = self._first.get()
        if isinstance(found, BaseException):
            raise found
        self._first.put(found)
        assert isinstance(found, First)
        return found

    def frames(self, wanted: Any) -> Iterator[tuple[int, Any]]:
        """Yield the wanted frames' numbers, ascending, each with its frame; None for one that did not decode.

        Parameters
        ----------
        wanted : callable
            Tells for a number whether it is wanted; asked in the decoding thread, once for each, ascending.
        """
        self._wanted = wanted
        self._go.set()
        while True:
            item = self._queue.get()
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item

    def _run(self) -> None:
        try:
            self._decode()
            self._put(None)
        except _Stopped:
            pass
        except BaseException as error:
            if self._first.empty():
                self._first.put(error)
            with suppress(_Stopped):
                self._put(error)

    def _put(self, item: Any) -> None:
        while not self._stopping.is_set():
            try:
                return self._queue.put(item, timeout=0.1)
            except queue.Full:
                continue
        raise _Stopped

    def _decode(self) -> None:
        damaged = self._counts is not None and bool(self._counts.missing)
        scan = scan_video(self._video, suspect=True) if damaged else None
        with ExitStack() as stack:
            reading = stack.enter_context(
                open_pass(self._video, scan) if scan else DecodePass(self._video, keep_facts=False)
            )
            found = decoded_frames(reading, scan) if scan else (frame for _, frame in reading.frames())
            expected = 0
            for decoded, frame in enumerate(found):
                if not decoded:
                    self._first.put(First(reading.size, reading.rotation, frame))
                    self._go.wait()
                number = scan.stream_number(decoded) if scan else decoded
                self._give(expected, min(number, self._stop_at))
                if number >= self._stop_at or self._stopping.is_set():
                    return
                if self._wanted(number):
                    self._put((number, frame))
                expected = number + 1
        if not expected:
            raise VideoError(f"{self._video}: not one frame of it can be decoded", "play it; copy it again")
        if scan is None and expected < self._stop_at:
            raise VideoError(
                f"{self._video}: {expected} of its {self._stop_at} frames can be decoded",
                "it was whole when it was analysed: copy it again, or analyse the row again",
            )
        self._give(expected, self._stop_at)

    def _give(self, first: int, stop: int) -> None:
        """Say of frames that they have no picture."""
        for number in range(first, stop):
            if self._wanted(number):
                self._put((number, None))
