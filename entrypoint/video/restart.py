"""Places in a video at which decoding can begin anew: proven by a pass that came by, not by a container's seeking.

A key frame at which no frame behind it needs, or is shown before, anything in front of it (H.264 and H.265: an IDR
picture; VP8, VP9 and AV1: a key frame). Whoever begins there reads all packets before it again, without decoding them.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

from entrypoint.video.decoding.packets import Packet
from entrypoint.video.frame_times import PassTimes

APART = 32
"""Least number of packets between two places that are remembered."""
REMEMBERED = 64


class RestartLost(Exception):
    """The packets are not those that were there before, or the decoder gives another frame: begin at the beginning."""


@dataclass(frozen=True)
class Restart:
    """A place to begin at.

    Parameters
    ----------
    packet, output : int
        Number of the packet in the file, and of its frame among the decoder's outputs.
    pts : int
        Its presentation time, in the stream's units.
    digest : str
        Of places, sizes and times of all packets before it.
    interlaced : bool
        Some frame before it is interlaced.
    """

    packet: int
    output: int
    pts: int
    digest: str
    interlaced: bool = False


@dataclass(frozen=True)
class Jump:
    """Decode `after` frames from the beginning, pass over what follows, and begin again at a place."""

    after: int
    to: Restart


class Restarts:
    """The last places that a pass came by; only those in front of which the packets tell the frames' times."""

    def __init__(self, times: PassTimes | None = None) -> None:
        self._times = times or PassTimes("", "")
        self._known: deque[Restart] = deque(maxlen=REMEMBERED)
        self._begun: dict[int, tuple[int, str, int]] = {}
        self._last = -APART

    def see_packet(self, number: int, packet: Packet, digest: Any) -> None:
        """Take note of a packet before it is decoded; `digest` is that of all packets before it."""
        closed = packet.facts.restart == "closed" and packet.key_flag and not packet.damaged
        self._times.see_packet(packet, is_place=closed)
        if closed and packet.pts is not None and number - self._last >= APART:
            self._begun[packet.pts] = number, digest.hexdigest(), self._times.told
            self._last = number

    def see_frame(self, frame: Any, output: int, *, interlaced: bool) -> None:
        """Take note of the decoder's next output."""
        found = self._begun.pop(frame.pts, None) if frame.key_frame else None
        if found and self._times.proves(found[2]):
            self._known.append(Restart(found[0], output, frame.pts, found[1], interlaced))

    def before(self, output: int) -> Restart | None:
        """The last one whose frame comes not behind that with this number."""
        return next((each for each in reversed(tuple(self._known)) if each.output <= output), None)
