"""Decoding on the GPU's own video engine, through FFmpeg, with samples of its pictures compared with the CPU's.

Packets, order, count and times are those of the CPU's pass, for the same FFmpeg reads the file. But nobody tells what
the engine makes of a picture's bytes: it conceals damage and reports nothing. So it is used only where it is asked for,
and never where the file or a packet shows signs of damage.
"""

from __future__ import annotations

import hashlib
from typing import Any

from entrypoint.video.decoding.packets import Packet

FORMATS = {"yuv420p", "yuvj420p"}
"""What the engine is used for: 8 bits, colours of half the resolution; of other formats its pictures differ."""
EVERY = 900
"""Packets between two samples: half a minute of video."""
SAMPLED = 8
"""Packets of a sample; it begins where nothing before it is needed."""
AWAITED = 64
"""Pictures from the beginning of a sample on among which its own must be."""


class OtherDecoder(Exception):
    """The GPU cannot decode this, or gives other pictures; its text completes "because …"."""


def open_engine() -> Any:
    """What PyAV needs to decode with CUDA's device; nothing falls back to the CPU in silence."""
    from av.codec.hwaccel import HWAccel

    return HWAccel("cuda", allow_software_fallback=False)


def planar(frame: Any) -> Any:
    """A frame as the CPU's decoder gives it: of the GPU's NV12, swscale makes other colours of the same samples."""
    if frame.format.name != "nv12":
        return frame
    made = frame.reformat(format="yuv420p")
    made.colorspace, made.color_range = frame.colorspace, frame.color_range
    made.color_primaries, made.color_trc = frame.color_primaries, frame.color_trc
    return made


def digest_of(frame: Any) -> bytes:
    """Hash of a frame's samples."""
    import numpy

    found = hashlib.blake2b(digest_size=16)
    for plane in planar(frame).planes:
        rows = numpy.frombuffer(plane, numpy.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
        found.update(numpy.ascontiguousarray(rows).tobytes())
    return found.digest()


class Samples:
    """Compares some of the GPU's pictures with those of a CPU decoder that gets the same packets.

    Parameters
    ----------
    context : CodecContext
        Of the stream.
    """

    def __init__(self, context: Any) -> None:
        self._name, self._extradata = context.codec.canonical_name, bytes(context.extradata or b"")
        self._cpu: Any = None
        self._left, self._last, self._collecting = 0, -EVERY, 0
        self._wanted: dict[int, bytes] = {}
        self._ours: dict[int, bytes] = {}
        self.compared = 0

    def see_packet(self, number: int, packet: Any, noted: Packet) -> None:
        """Take note of a packet before it is decoded."""
        begins = noted.facts.restart == "closed" and noted.key_flag and noted.pts is not None
        if begins and not self._left and not self._wanted and number - self._last >= EVERY:
            self._last, self._left, self._collecting = number, SAMPLED, AWAITED
            self._cpu = self._open()
        if not self._left:
            return
        self._left -= 1
        found = self._cpu.decode(packet)
        if not self._left:
            found += self._cpu.decode(None)
            self._cpu = None
        self._wanted |= {frame.pts: digest_of(frame) for frame in found if frame.pts is not None}
        self._compare()

    def _open(self) -> Any:
        import av

        context = av.CodecContext.create(self._name, "r")
        if self._extradata:
            context.extradata = self._extradata
        return context

    def see_frame(self, frame: Any) -> None:
        """Take note of a picture of the GPU's."""
        if not self._collecting:
            return
        self._collecting -= 1
        self._ours[frame.pts] = digest_of(frame)
        self._compare()
        if not self._collecting and not self._left:
            self.finish()

    def finish(self) -> None:
        """At the end of a sample, or of the video; raises `OtherDecoder` where a picture never came."""
        if self._wanted:
            raise OtherDecoder(f"its video engine left out {len(self._wanted)} pictures that the CPU finds")
        self._ours.clear()

    def _compare(self) -> None:
        for pts in self._wanted.keys() & self._ours.keys():
            if self._wanted.pop(pts) != self._ours[pts]:
                raise OtherDecoder("its video engine gives other pictures than the CPU")
            self.compared += 1
