"""From packets and frames to stream frame numbers: what should be there, in which order, and what of it is right."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from dlcctr.campaign.encryption import ENCRYPTED, is_encrypted
from dlcctr.campaign.probe import frame_rate
from dlcctr.errors import VideoError
from entrypoint.video.bitstream import PacketFacts
from entrypoint.video.decoding import CONVERT_HINT, DecodePass, Packet
from entrypoint.video.frame_scan import FrameScan, ranges
from entrypoint.video.presentation_order import StreamFrame, fill_gaps, in_presentation_order, uncountable
from entrypoint.video.structure import MANNER_FRACTION, Shape, jumps

LONGEST_REORDERING = 32
"""Packets after which a decoder has put a frame out (H.264 and H.265 allow 16)."""


def scan_video(path: Path, *, threads: int = 0) -> FrameScan:
    """Decode a whole video once and say which of its frames are right.

    A sound video is decoded once, with all threads. At the first sign of damage the pass starts again with one
    thread, so that every error belongs to its packet.

    **Decoded** is a frame only if it must be right: its packet was read whole, its bytes hold nothing impossible, the
    decoder gave no error and concealed nothing, and every frame since the last sound restart (an IDR or key frame)
    did so too. A loss costs all frames up to the next restart, unless no other frame can depend on the lost one
    (H.264 frames that are no reference; codecs of key frames only). The packet before a broken one counts as broken
    too, for a hole seldom ends where a packet does. What no program can tell: noise within one packet that happens to
    decode (arithmetic coding has no checksum), any change of uncompressed pictures or of FFV1 without checksums, and
    what FFmpeg steps over without a word in WMV and bare H.264.

    **Stream** frames are, in presentation order, the frames of the packets that are there, plus those that a
    trustworthy source announces:

    - the container's own index (MP4, AVI) names packets that cannot be read any more;
    - the file was cut, which its structure proves (`entrypoint.video.container_format.is_cut`): then the header's
      claim counts, what is missing is missing at the end, and it is one frame at least. The header of a file that is
      structurally whole is not believed;
    - timestamps jump beside damage in a container that is read without an index (Matroska, MPEG, fragments of MP4)
      and whose frames come at an even rate.

    Where a hole is in the middle and nothing of these counts what it swallowed (an AVI without index, Matroska of an
    uneven rate, bare H.264), frames behind it have no sure number: that is a VideoError.

    Frames that an edit list hides, AVI's empty "dropped" chunks, and pictures before the first key frame of a
    recording that starts in the middle are no stream frames: no program shows them.

    Raises
    ------
    VideoError
        The file cannot be read at all, or not be numbered, with a plain reason.
    """
    path = path.absolute()
    if path.is_file() and is_encrypted(path):
        raise VideoError(f"{path}: {ENCRYPTED}", "analyse the copy, under its own row")
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
    with DecodePass(path, threads=threads) as reading:
        for _, frame in reading.frames():
            if frame.is_corrupt or _last_is_bad(reading):
                return None
        packets = reading.packets
        if not reading.outputs or reading.read_errors or any(packet.damaged for packet in packets):
            return None
        if not Shape(path, reading).is_sound(packets):
            return None
        slots = [StreamFrame(number) for number in range(reading.outputs)]
        return _result(reading, slots, None)


def _last_is_bad(reading: DecodePass) -> bool:
    return bool(reading.packets) and reading.packets[-1].damaged


def _scan_careful(path: Path, *, strict: bool) -> FrameScan | None:
    """Scan with one thread. None: with `strict` when it refuses most of the video; else when nothing decodes."""
    with DecodePass(path, threads=1, strict=strict) as reading:
        for _ in reading.frames():
            pass
        if not reading.packets:
            raise VideoError(f"{path}: there is not one frame in it", CONVERT_HINT)
        shape = Shape(path, reading)
        if shape.broken or reading.read_errors or any(packet.damaged for packet in reading.packets):
            _take_hints(reading.packets)
        if _is_odd_throughout(reading.packets):
            if strict:
                return None
            for packet in reading.packets:
                packet.facts = replace(packet.facts, sound=True)
        slots = _count(shape, reading)
        if not any(slot.output is not None for slot in slots):
            return None
        return _result(reading, slots, strict)


def _take_hints(packets: list[Packet]) -> None:
    """Where the decoder or the container's structure says that something is lost, hints tell what else is."""
    for packet in packets:
        packet.corrupt |= packet.suspect
        if packet.facts.doubtful:
            packet.facts = replace(packet.facts, sound=False)


def _is_odd_throughout(packets: list[Packet]) -> bool:
    odd = sum(packet.failed or not packet.facts.sound for packet in packets)
    return odd > MANNER_FRACTION * len(packets)


def _count(shape: Shape, reading: DecodePass) -> list[StreamFrame]:
    """Stream frames of a damaged video."""
    packets = _settle_with_index(shape, reading)
    if shape.cut and not shape.places:  # what is gone held a frame at least
        packets.append(Packet(None, None, None, 0, PacketFacts(sound=False), found=False))
    if shape.is_avi:  # it has no timestamps: FFmpeg guesses, and guesses wrong with B-frames and behind a hole
        for packet in packets:
            packet.pts = None
    _suspect_neighbours(packets)
    _suspectjumps(shape, packets)
    slots, trusted = in_presentation_order(packets, _judge(packets))
    header = _header_frames(reading)
    if shape.broken or any(packet.damaged or packet.after_loss for packet in packets):
        if shape.steady and trusted:
            slots = fill_gaps(slots, shape.path, limit=max(header, 2 * len(slots)))
        elif not trusted and not shape.places:
            _check_numbering(slots, shape)
    if shape.cut or (shape.is_avi and not shape.places):
        slots += [StreamFrame(None)] * (header - len(slots))
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


def _settle_with_index(shape: Shape, reading: DecodePass) -> list[Packet]:
    """Packets in the order of decoding: what was misread within a hole goes, what the index names beside it comes."""
    places = shape.places
    if not places:
        return list(reading.packets)
    have = {packet.pos for packet in reading.packets}
    unread = [
        Packet(None, entry.timestamp, pos, entry.size, PacketFacts(sound=False), found=False)
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


def _suspectjumps(shape: Shape, packets: list[Packet]) -> None:
    if shape.jumps_tell:
        for before, packet in jumps(packets):
            before.corrupt = packet.after_loss = True


def _check_numbering(slots: list[StreamFrame], shape: Shape) -> None:
    """Where neither an index nor timestamps count what is lost, frames behind it have no number."""
    good = [slot.output is not None for slot in slots]
    if shape.broken or shape.indexed or (False in good and any(good[good.index(False) :])):
        raise uncountable(shape.path, "it has neither timestamps nor an index that fits")


def _header_frames(reading: DecodePass) -> int:
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
    return float(frame_rate(stream) or 0)


def _result(reading: DecodePass, slots: list[StreamFrame], strict: bool | None) -> FrameScan:
    width, height = reading.size
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
