"""Writes H.264 in MP4 that every browser plays, in a thread of its own."""

from __future__ import annotations

import queue
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

from entrypoint.steps.label_video.pictures import ITU601, ITU709, MPEG_RANGE

TICKS = 90_000
"""Of the file's clock in a second."""
WAITING = 8
KEY_FRAME_S = 2.0
"""Seconds between key frames, to which a player can jump."""
BT601_PRIMARIES = 6


class Encoder:
    """Takes pictures with their times, and encodes them.

    Parameters
    ----------
    size : tuple of int
        Width and height in px; even.
    rate : float
        Usual frames/s, which the encoder divides its bits by.
    crf, preset : int, str
        x264's.
    bt709 : bool
        Which colours the pictures have.
    """

    def __init__(
        self, file: Path, size: tuple[int, int], *, rate: float, crf: int, preset: str, bt709: bool, threads: int
    ) -> None:
        import av

        self._queue: queue.Queue[Any] = queue.Queue(WAITING)
        self._error: BaseException | None = None
        self._out = av.open(str(file), "w", format="mp4", options={"movflags": "+faststart"})
        try:
            options = {"crf": str(crf), "preset": preset, "profile": "high"}
            stream: Any = self._out.add_stream("libx264", rate=_fraction(rate), options=options)
            stream.width, stream.height, stream.pix_fmt = *size, "nv12"
            context = stream.codec_context
            context.time_base = stream.time_base = Fraction(1, TICKS)
            context.gop_size = max(1, min(round(KEY_FRAME_S * rate), 600))
            context.thread_count = threads
            context.colorspace, context.color_range = (ITU709 if bt709 else ITU601), MPEG_RANGE
            context.color_primaries = context.color_trc = ITU709 if bt709 else BT601_PRIMARIES
        except BaseException:
            self._out.close()
            raise
        self._stream, self._durations = stream, dict[int, int]()
        self._thread = threading.Thread(target=self._run, name="encoding", daemon=True)
        self._thread.start()

    def __enter__(self) -> Encoder:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._put(None)
        self._thread.join()
        if kind is None and self._error is not None:
            raise self._error

    def add(self, frame: Any, start_s: float, end_s: float) -> None:
        """Encode a frame in the format nv12 that is shown from one second to another; it is no longer the caller's."""
        frame.pts, frame.time_base = round(start_s * TICKS), Fraction(1, TICKS)
        frame.duration = max(1, round(end_s * TICKS) - frame.pts)
        self._put(frame)
        if self._error is not None:
            raise self._error

    def _put(self, item: Any) -> None:
        while self._error is None:
            try:
                return self._queue.put(item, timeout=0.5)
            except queue.Full:
                continue

    def _run(self) -> None:
        try:
            try:
                last = -1
                while (frame := self._queue.get()) is not None:
                    frame.pts = last = max(frame.pts, last + 1)  # two frames never share a tick
                    self._durations[frame.pts] = frame.duration
                    self._mux(self._stream.encode(frame))
                self._mux(self._stream.encode(None))
            finally:
                self._out.close()
        except BaseException as error:
            self._error = error

    def _mux(self, packets: Any) -> None:
        for packet in packets:
            packet.duration = self._durations.pop(packet.pts, packet.duration)
            self._out.mux(packet)


def _fraction(rate: float) -> Fraction:
    return Fraction(min(max(rate, 0.01), 1000.0)).limit_denominator(1000) or Fraction(1)
