"""The time of every frame of a pass: eight bytes each, in the order in which frames are shown.

A frame's time is what FFmpeg gives it, in seconds of the container's clock. Not every file has such times:

- AVI counts its chunks and carries no timestamps. FFmpeg makes some up, which go backwards where frames are predicted
  from later ones: there a frame's number, counted with chunks that repeat a frame, is divided by the rate.
- A bare stream (H.264, H.265, MJPEG …) says at most how many frames a second there should be.
- Some writers note when a frame is decoded, not when it is shown (ASF, MP4 made of a bare stream). Then the decoder's
  order contradicts the times of frames close by; that order is sure, and these times are sorted.
- Frames that did not decode have the time of their packet, or of the gap that they left; some have none.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import groupby, pairwise
from math import nan
from operator import ne
from typing import TYPE_CHECKING

from dlcctr.results.times.frame_times import CONTAINER, COUNTED, NONE, FrameTimes, describe_times

if TYPE_CHECKING:
    from entrypoint.video.decoding.packets import Packet

UNKNOWN = -(1 << 63)
"""Stands for a time that is not known in arrays of ticks; FFmpeg's AV_NOPTS_VALUE."""
BARE_STREAMS = {
    "av1", "avs2", "avs3", "cavsvideo", "dirac", "dnxhd", "evc", "h261", "h263", "h264", "hevc", "m4v", "mjpeg",
    "mjpeg_2000", "mpegvideo", "obu", "vc1", "vvc",
}  # fmt: skip
"""FFmpeg's names of formats that are nothing but a stream: their clock is a guess of the reader's."""
TANGLED = 32
"""Most frames among which times are sorted: twice what H.264 and H.265 may hold back."""
PLACED = {"h264", "hevc", "vp8", "vp9", "av1"}
"""Codecs with places at which decoding can begin anew (`entrypoint.video.restart`)."""


@dataclass(frozen=True)
class StreamTimes:
    """Times of all frames of a stream.

    Parameters
    ----------
    seconds : array of float
        NaN where not known.
    source : str
        As in `FrameTimes`.
    rate : float or None
        Nominal frames/s; None where the file does not say it.
    reordered : int
        Number of frames that have the time of one close by, so that times go forward.
    """

    seconds: array[float]
    source: str
    rate: float | None
    reordered: int = 0

    def describe(self) -> FrameTimes:
        """What a receipt says about them."""
        return replace(describe_times(self.seconds, self.source, self.rate), reordered=self.reordered)


class PassTimes:
    """Times of the frames that a pass has put out, and proof that its packets would have told them.

    Who begins to decode in the middle takes the times of the frames before from their packets: sorted from one closed
    restart to the next, because no frame is shown across it. That is right for most files, and only where a pass has
    compared both, a place to begin at is remembered.

    Parameters
    ----------
    container, codec : str
        FFmpeg's names.

    Attributes
    ----------
    frames : array of int
        Times of the frames in the stream's units, `UNKNOWN` where FFmpeg gives none.
    chunks : array of int
        Of AVI: the container's number of each packet.
    """

    def __init__(self, container: str, codec: str) -> None:
        names = set(container.split(","))
        self.is_counted, self.is_bare = "avi" in names, bool(names & BARE_STREAMS)
        self.frames, self.chunks = array("q"), array("q")
        self._watches = codec in PLACED and not self.is_counted and not self.is_bare
        self._group, self._ahead = array("q"), array("q")
        self._proven, self._agrees = 0, True

    def see_packet(self, packet: Packet, *, is_place: bool) -> None:
        """Take note of a packet, in the order of the file; `is_place` is a closed restart."""
        if self.is_counted and not packet.discard and packet.dts is not None:
            self.chunks.append(packet.dts)
        if not self._watches:
            return
        if is_place:
            self._ahead.extend(sorted(self._group))
            del self._group[:]
        if packet.facts.shown and not packet.discard:
            self._group.append(_ticks(packet.pts))

    def see_frame(self, pts: int | None) -> None:
        """Take note of the decoder's next output."""
        self.frames.append(_ticks(pts))

    @property
    def told(self) -> int:
        """Number of frames that are shown before the place whose packet was seen last, as the packets tell."""
        return self._proven + len(self._ahead)

    def proves(self, told: int) -> bool:
        """Whether packets and frames agree on all frames so far, `told` being their number as the packets tell."""
        if not self._watches:
            return True
        count, seen = len(self.frames) - self._proven, self.frames[self._proven :]
        self._agrees &= told == len(self.frames) and self._ahead[:count] == seen
        if self._agrees:
            del self._ahead[:count]
            self._proven = len(self.frames)
        return self._agrees

    def leap(self, output: int) -> bool:
        """Take the times of all `output` frames before the place whose packet was seen last from the packets.

        Returns
        -------
        bool
            False if these tell of another number of frames.
        """
        if not self._watches:
            self.frames = _unknown(output)
            return True
        if self.told != output:
            return False
        self.frames = self.frames[: self._proven] + self._ahead
        del self._ahead[:]
        self._proven = output
        return True


def _ticks(pts: int | None) -> int:
    return UNKNOWN if pts is None else pts


def slot_ticks(times: PassTimes, slots: Sequence[tuple[int | None, int | None]]) -> array[int]:
    """Ticks of stream frames, each given as its output and its packet's time; one of both may be None.

    Frames that did not decode may still stand in the order of decoding: their times are put into the order in which
    they would be shown. Where one of them has no time, or one that is not between those of the frames around, that is
    not possible.
    """
    ticks = array("q", (_ticks(pts) if output is None else times.frames[output] for output, pts in slots))
    first = 0
    for is_lost, run in groupby(slots, key=lambda slot: slot[0] is None):
        stop = first + sum(1 for _ in run)
        if is_lost:
            ticks[first:stop] = _lost_ticks(ticks, first, stop)
        first = stop
    return ticks


def _lost_ticks(ticks: array[int], first: int, stop: int) -> array[int]:
    """Times of frames that did not decode, in order; all unknown where they do not fit between their neighbours."""
    run = array("q", sorted(ticks[first:stop]))
    around = [*(ticks[first - 1 : first]), *run, *(ticks[stop : stop + 1])]
    if UNKNOWN not in run and _rises(around):
        return run
    known = array("q", (tick for tick in ticks[first:stop] if tick != UNKNOWN))
    at_end = stop == len(ticks) and ticks[first : first + len(known)] == known  # cut off: what is there comes first
    return ticks[first:stop] if at_end and _rises(ticks[max(0, first - 1) : first] + known) else _unknown(stop - first)


def _rises(ticks: Sequence[int]) -> bool:
    return all(before < after for before, after in pairwise(ticks))


def _unknown(frames: int) -> array[int]:
    return array("q", [UNKNOWN]) * frames


def count_chunks(chunks: Sequence[int], frames: int) -> array[int]:
    """Ticks of the frames of an AVI, from the numbers of its chunks: without a chunk for each, from 0 on."""
    numbers = sorted(chunks) if len(chunks) == frames else range(frames)
    return array("q", numbers)


def stream_times(times: PassTimes, ticks: Sequence[int], time_base: Fraction, rate: float) -> StreamTimes:
    """Times in seconds of all stream frames.

    Parameters
    ----------
    ticks : sequence of int
        Times in units of `time_base`.
    rate : float
        Nominal frames/s, 0 where there is none.
    """
    if times.is_bare:
        return StreamTimes(array("d", [nan]) * len(ticks), NONE, rate or None)
    up, down = time_base.numerator, time_base.denominator
    ticks, reordered = untangle(ticks)
    seconds = array("d", (nan if tick == UNKNOWN else tick * up / down for tick in ticks))
    return StreamTimes(seconds, COUNTED if times.is_counted else CONTAINER, rate or None, reordered)


def untangle(ticks: Sequence[int]) -> tuple[Sequence[int], int]:
    """Sort times that go backwards and forwards within `TANGLED` frames; and the number of frames that get another one.

    Where recordings were joined, time goes back for good: that stays.
    """
    count = len(ticks)
    while count and ticks[count - 1] == UNKNOWN:
        count -= 1
    if not any(ticks[n] > ticks[n + 1] for n in range(count - 1)):
        return ticks, 0
    lowest = array("q", ticks[:count])  # of all from there on
    for n in range(count - 2, -1, -1):
        lowest[n] = min(lowest[n], lowest[n + 1])
    out, first, highest = array("q", ticks), 0, UNKNOWN
    for n in range(count):
        highest = max(highest, ticks[n])
        if n + 1 == count or highest < lowest[n + 1]:
            part = sorted(ticks[first : n + 1])
            if len(part) <= TANGLED and len(set(part)) == len(part) and part[0] != UNKNOWN:
                out[first : n + 1] = array("q", part)
            first = n + 1
    return out, sum(map(ne, out, ticks))
