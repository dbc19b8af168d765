"""From packets and frames to stream frame numbers: what should be there, in which order, and what of it is right."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from dlcctr.errors import VideoError
from entrypoint.bitstream import Facts
from entrypoint.containers import indexed_frames, is_broken, is_cut
from entrypoint.decoding import CONVERT_HINT, Packet, Pass
from entrypoint.ordering import Slot, fill_gaps, in_presentation_order, uncountable
from entrypoint.video import FrameScan, ranges

INDEXED = {"mov", "mp4", "avi"}
"""Containers whose index names every frame."""
TIMED = {"mpeg", "mpegts", "mpegvideo"}
"""Streams for broadcast, whose frames come one after the other."""
MANNER_FRACTION = 0.5
"""What is odd about more of the packets than this is the file's own manner, not damage."""
CHUNK_HEADER = 8
"""AVI's index names the header of a chunk, PyAV the data behind it."""
LONGEST_REORDERING = 32
"""Packets after which a decoder has put a frame out (H.264 and H.265 allow 16)."""


class Shape:
    """What the container's structure says of a video, beside what FFmpeg reads.

    Attributes
    ----------
    places : dict
        Entries of the container's own index by the position of their packet; empty where there is none that fits.
    steady : bool
        Frames have timestamps, and no index: a loss shows as a gap.
    jumps_tell : bool
        A jump in time is a loss, even if nothing else shows it.
    """

    def __init__(self, path: Path, reading: Pass) -> None:
        name = reading.container.format.name
        names = set(name.split(","))
        fragmented = "mp4" in names and not reading.stream.frames
        self.path = path
        self.is_avi = "avi" in names
        self.cut, self.broken = is_cut(path, name), is_broken(path, name)
        named = None if fragmented else indexed_frames(path, name)
        self.indexed = named is not None
        self.places = {} if named is None else self._places(reading, named)
        self.steady = fragmented or not names & INDEXED
        self.jumps_tell = fragmented or self.broken or bool(names & TIMED)

    def _places(self, reading: Pass, named: int) -> dict[int, Any]:
        ahead = CHUNK_HEADER if self.is_avi else 0
        entries = {e.pos + ahead: e for e in reading.stream.index_entries if e.size and not e.is_discard}
        found = sum(packet.pos in entries for packet in reading.packets)
        # Where FFmpeg did not read it all, or speaks of other places, the index says nothing.
        fits = len(entries) >= named and found > MANNER_FRACTION * len(reading.packets)
        return entries if fits else {}

    def is_sound(self, packets: list[Packet]) -> bool:
        """Whether nothing speaks of a loss, where the packets themselves do not."""
        if self.cut or self.broken or (self.indexed and not self.places):
            return False
        have = {packet.pos for packet in packets} if self.places else set()
        return not self.places.keys() - have and not (self.jumps_tell and any(_jumps(packets)))


def scan_video(path: Path, threads: int) -> FrameScan:
    """`entrypoint.video.scan`."""
    fast = _scan_fast(path, threads)
    if fast is not None:
        return fast
    found = _scan_careful(path, strict=True)
    return found if found is not None else _must(_scan_careful(path, strict=False), path)


def _must(found: FrameScan | None, path: Path) -> FrameScan:
    if found is None:
        raise VideoError(f"{path}: not one frame in it can be decoded", CONVERT_HINT)
    return found


def _scan_fast(path: Path, threads: int) -> FrameScan | None:
    """Scan with all threads; None at the first sign of damage."""
    with Pass(path, threads=threads) as reading:
        for _, frame in reading.frames():
            if frame.is_corrupt or _last_is_bad(reading):
                return None
        packets = reading.packets
        if not reading.outputs or reading.read_errors or any(packet.damaged for packet in packets):
            return None
        if not Shape(path, reading).is_sound(packets):
            return None
        slots = [Slot(number) for number in range(reading.outputs)]
        return _result(reading, slots, None)


def _last_is_bad(reading: Pass) -> bool:
    return bool(reading.packets) and reading.packets[-1].damaged


def _scan_careful(path: Path, *, strict: bool) -> FrameScan | None:
    """Scan with one thread. None: with `strict` when it refuses most of the video; else when nothing decodes."""
    with Pass(path, threads=1, strict=strict) as reading:
        for _ in reading.frames():
            pass
        if not reading.packets:
            raise VideoError(f"{path}: there is not one frame in it", CONVERT_HINT)
        if _is_odd_throughout(reading.packets):
            if strict:
                return None
            for packet in reading.packets:
                packet.facts = replace(packet.facts, sound=True)
        slots = _count(Shape(path, reading), reading)
        if not any(slot.output is not None for slot in slots):
            return None
        return _result(reading, slots, strict)


def _is_odd_throughout(packets: list[Packet]) -> bool:
    odd = sum(packet.failed or not packet.facts.sound for packet in packets)
    return odd > MANNER_FRACTION * len(packets)


def _count(shape: Shape, reading: Pass) -> list[Slot]:
    """Stream frames of a damaged video."""
    packets = _settle_with_index(shape, reading)
    if shape.cut and not shape.places:  # what is gone held a frame at least
        packets.append(Packet(None, None, None, 0, Facts(sound=False), found=False))
    if shape.is_avi:  # it has no timestamps: FFmpeg guesses, and guesses wrong with B-frames and behind a hole
        for packet in packets:
            packet.pts = None
    _suspect_neighbours(packets)
    _suspect_jumps(shape, packets)
    slots, trusted = in_presentation_order(packets, _judge(packets))
    header = _header_frames(reading)
    if shape.broken or any(packet.damaged or packet.after_loss for packet in packets):
        if shape.steady and trusted:
            slots = fill_gaps(slots, shape.path, limit=max(header, 2 * len(slots)))
        elif not trusted and not shape.places:
            _refuse_frames_behind_a_hole(slots, shape)
    if shape.cut or (shape.is_avi and not shape.places):
        slots += [Slot(None)] * (header - len(slots))
    return slots


def _suspect_neighbours(packets: list[Packet]) -> None:
    """A hole that breaks a packet began in the one before, in the order of the file."""
    placed = all(p.pos is not None and p.pos >= 0 for p in packets)  # not in MPEG streams
    order = sorted(packets, key=lambda p: p.pos or 0) if placed else packets
    broken = [p.failed or not p.found or not p.facts.sound for p in order]
    for place, is_bad in enumerate(broken):
        if is_bad:
            for before in order[max(0, place - (1 if placed else 2)) : place]:
                before.corrupt = True


def _settle_with_index(shape: Shape, reading: Pass) -> list[Packet]:
    """Packets in the order of decoding: what was misread within a hole goes, what the index names beside it comes."""
    places = shape.places
    if not places:
        return list(reading.packets)
    have = {packet.pos for packet in reading.packets}
    unread = [
        Packet(None, entry.timestamp, pos, entry.size, Facts(sound=False), found=False)
        for pos, entry in places.items()
        if pos not in have
    ]
    known = [packet for packet in reading.packets if packet.pos in places or packet.discard]
    for packet in known:
        entry = None if packet.pos is None else places.get(packet.pos)
        if entry is None:
            continue
        packet.dts = entry.timestamp
    return sorted([*known, *unread], key=lambda packet: (packet.dts is None, packet.dts or 0))


def _judge(packets: list[Packet]) -> list[bool]:
    """Say of each packet, in the order of decoding, whether what it shows must be right."""
    if all(packet.facts.restart for packet in packets if packet.facts.sound):
        return _without_swallowed(packets, [not packet.damaged for packet in packets])
    right: list[bool] = []
    sound, leading = True, False
    for packet in packets:
        sound &= not packet.after_loss
        if not packet.damaged and packet.facts.restart and packet.key_frame:
            leading = packet.facts.restart == "open" and (not sound or leading)
            sound = True
        elif leading and packet.frames and not packet.both_ways:
            leading = False
        # B-frames right behind an open restart are shown before it, and need what came before it
        behind_open_restart = leading and not packet.key_frame
        right.append(sound and not packet.damaged and not behind_open_restart)
        if packet.damaged and not _is_harmless(packet):
            sound = False
    return _without_swallowed(packets, right)


def _without_swallowed(packets: list[Packet], right: list[bool]) -> list[bool]:
    """A decoder that gives an error may swallow frames that waited to be put out: they are not there."""
    last_damage = math.inf
    for place in range(len(packets) - 1, -1, -1):
        packet = packets[place]
        if packet.damaged:
            last_damage = place
        elif not packet.frames and last_damage - place <= LONGEST_REORDERING:
            right[place] = False
    return right


def _is_harmless(packet: Packet) -> bool:
    """No other frame needs it, and its bytes prove that they say so themselves."""
    return packet.found and packet.facts.sound and not packet.facts.reference


def _suspect_jumps(shape: Shape, packets: list[Packet]) -> None:
    if shape.jumps_tell:
        for before, packet in _jumps(packets):
            before.corrupt = packet.after_loss = True


def _jumps(packets: list[Packet]) -> Iterator[tuple[Packet, Packet]]:
    """Packets between which time jumps by more than the first one lasts."""
    timed = [packet for packet in packets if packet.dts is not None]
    for before, packet in pairwise(timed):
        if before.duration > 0 and (packet.dts or 0) - (before.dts or 0) > 1.5 * before.duration:
            yield before, packet


def _refuse_frames_behind_a_hole(slots: list[Slot], shape: Shape) -> None:
    """Where neither an index nor timestamps count what is lost, frames behind it have no number."""
    good = [slot.output is not None for slot in slots]
    if shape.broken or shape.indexed or (False in good and any(good[good.index(False) :])):
        raise uncountable(shape.path, "it has neither timestamps nor an index that fits")


def _header_frames(reading: Pass) -> int:
    """Frames as OpenCV counts them: the container's number, else duration x rate (cap_ffmpeg_impl.hpp)."""
    stream, container = reading.stream, reading.container
    if stream.frames > 0:
        return int(stream.frames)
    if container.duration and container.duration > 0:
        seconds = container.duration / 1_000_000
    elif stream.duration and stream.duration > 0:
        seconds = float(stream.duration * stream.time_base)
    else:
        return 0
    return int(seconds * _rate(stream) + 0.5)


def _rate(stream: Any) -> float:
    return float(stream.guessed_rate or stream.average_rate or stream.base_rate or 0)


def _result(reading: Pass, slots: list[Slot], strict: bool | None) -> FrameScan:
    context = reading.stream.codec_context
    width, height = int(context.width), int(context.height)
    if reading.rotation % 180:
        width, height = height, width
    good = [slot.output for slot in slots if slot.output is not None]
    return FrameScan(
        header=_header_frames(reading),
        stream=len(slots),
        decoded=len(good),
        missing=ranges(number for number, slot in enumerate(slots) if slot.output is None),
        width=width,
        height=height,
        fps=_rate(reading.stream),
        codec=reading.codec,
        interlaced=reading.interlaced,
        outputs=ranges(sorted(good)),
        strict=strict,
    )
