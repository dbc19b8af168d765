"""Packets of a video stream: the facts about each, and the little that is kept of all of them."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from entrypoint.video.damage.bitstream import PacketFacts


@dataclass(slots=True)  # there are millions in a day of video
class Packet:
    """Facts about one packet of the video stream.

    `frames` holds numbers of the decoder's outputs; `both_ways` is a B-frame, predicted from frames shown after it;
    `key_flag` is what the container says, `key_frame` the decoder.
    """

    pts: int | None
    dts: int | None
    pos: int | None
    size: int
    facts: PacketFacts
    duration: int = 0
    corrupt: bool = False
    suspect: bool = False
    discard: bool = False
    failed: bool = False
    found: bool = True
    after_loss: bool = False
    key_flag: bool = False
    key_frame: bool = False
    both_ways: bool = False
    frames: list[int] = field(default_factory=list)

    @property
    def damaged(self) -> bool:
        """Whether its bytes are damaged, or the decoder says so."""
        return self.failed or self.corrupt or not self.found or not self.facts.sound


def jumps(packets: list[Packet]) -> Iterator[tuple[Packet, Packet]]:
    """Packets between which time jumps by more than the first one lasts."""
    timed = [packet for packet in packets if packet.dts is not None]
    return ((before, packet) for before, packet in pairwise(timed) if _jumped(before, packet))


def _jumped(before: Packet, packet: Packet) -> bool:
    return before.duration > 0 and (packet.dts or 0) - (before.dts or 0) > 1.5 * before.duration


class PacketTrail:
    """What is remembered of all packets, in eight bytes each.

    Attributes
    ----------
    count, shown : int
        Number of packets, and of those whose pictures are to be shown.
    positions : array of int
        Where in the file they lie, for those of which that is known.
    last_size : int
        Bytes of the last one.
    digest : hash
        Of places, sizes and times of all of them.
    loses_frames : bool
        Counters and clock leap at one place, so that whole frames are lost (of MPEG-TS, whose packets count). Where
        streams were joined a key frame follows; some writers' counters leap where the clock does not.
    """

    def __init__(self) -> None:
        self.count, self.shown, self.last_size, self.loses_frames = 0, 0, 0, False
        self.positions = array("q")
        self.digest = hashlib.blake2b(digest_size=16)
        self._before: Packet | None = None
        self._timed: Packet | None = None
        self._before_timed = False  # whether the packet before `_timed` is suspect
        self._leapt = False  # whether `_before` is where the clock leapt to
        self._damaged = False

    @property
    def damaged(self) -> bool:
        """Whether any packet is damaged; of the last one this may become known later."""
        return self._damaged or (self._before is not None and self._before.damaged)

    def add(self, packet: Packet) -> None:
        """Add the next packet, in the order of the file."""
        self._damaged = self.damaged
        self.count += 1
        self.shown += not packet.discard
        self.last_size = packet.size
        if packet.pos is not None:
            self.positions.append(packet.pos)
        self.digest.update(f"{packet.pts},{packet.dts},{packet.pos},{packet.size};".encode())
        before = self._before
        after_suspect = before is not None and before.suspect
        self.loses_frames |= self._leapt and after_suspect
        timed = self._timed
        self._leapt = packet.dts is not None and timed is not None and _jumped(timed, packet) and not packet.key_flag
        if self._leapt and timed is not None:
            self.loses_frames |= after_suspect or timed.suspect or self._before_timed
        if packet.dts is not None:
            self._timed, self._before_timed = packet, after_suspect
        self._before = packet
