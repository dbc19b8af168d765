"""From packets and frames to stream frame numbers: what should be there, in which order, and what of it is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dlcctr.errors import VideoError
from entrypoint.video.damage.bitstream import PacketFacts
from entrypoint.video.damage.judgement import judge, suspect_jumps, suspect_neighbours, take_checksums, take_hints
from entrypoint.video.damage.presentation_order import (
    EVEN_TOLERANCE,
    StreamFrame,
    distrust_times,
    even_step,
    fill_gaps,
    in_presentation_order,
    uncountable,
)
from entrypoint.video.damage.structure import MANNER_FRACTION, Shape, examine_structure
from entrypoint.video.decoding.decode_pass import CONVERT_HINT, DecodePass
from entrypoint.video.decoding.ffmpeg_log import FFmpegLog
from entrypoint.video.decoding.packets import Packet
from entrypoint.video.frame_scan import FrameScan
from entrypoint.video.frame_times import count_chunks, slot_ticks
from entrypoint.video.scan_result import header_frames, make_scan, rate
from entrypoint.video.sound_pass import DamagedVideo, SoundPass


def scan_video(path: Path, *, threads: int = 0, suspect: bool = False) -> FrameScan:
    """Decode a whole video once and say which of its frames are right.

    A sound video is decoded once, with all threads. At the first sign of damage the pass starts again with one
    thread, so that every error belongs to its packet.

    **Decoded** is a frame only if it must be right: its packet was read whole, its bytes hold nothing impossible, the
    decoder gave no error, wrote none into its log and concealed nothing, the checksum of its part of the file fits,
    and every frame since the last sound restart (an IDR or key frame) did so too. A loss costs all frames up to the
    next restart, unless no other frame can depend on the lost one (H.264 frames that are no reference; codecs of key
    frames only). The packet before a broken one counts as broken too, for a hole seldom ends where a packet does. What
    no program can tell, and how often: docs/video-damage.md.

    **Stream** frames are, in presentation order, the frames of the packets that are there, plus those that a
    trustworthy source announces:

    - the container's own index (MP4, AVI) names packets that cannot be read any more;
    - the file was cut, or FFmpeg gave up reading it before its end, which its structure proves
      (`entrypoint.video.damage.structure`): then the header's claim counts, what is missing is missing at the end, and
      where nothing is claimed one frame stands for all. The header of a structurally whole file is not believed;
    - timestamps jump beside damage in a container that is read without an index (Matroska, MPEG, FLV, fragments of
      MP4) and whose frames come at an even rate.

    Where a hole is in the middle and nothing of these counts what it swallowed (an AVI without index, Matroska of an
    uneven rate, MXF, bare streams), frames behind it have no sure number: that is a VideoError.

    Frames that an edit list hides, AVI's empty "dropped" chunks, and pictures before the first key frame of a
    recording that starts in the middle are no stream frames: no program shows them.

    Parameters
    ----------
    threads : int
        Of the decoder; 0 for all that are allowed.
    suspect : bool
        A pass has found signs of damage already: begin with the careful one.

    Raises
    ------
    VideoError
        The file cannot be read at all, or not be numbered, with a plain reason.
    """
    path = path.absolute()
    if not suspect:
        try:
            with SoundPass(path, threads) as reading:
                for _ in reading.frames():
                    pass
                return reading.judge()
        except DamagedVideo:
            pass
    found = _scan_careful(path, strict=True)
    return found if found is not None else _must(_scan_careful(path, strict=False), path)


def _must(found: FrameScan | None, path: Path) -> FrameScan:
    if found is None:
        raise VideoError(f"{path}: not one frame in it can be decoded", CONVERT_HINT)
    return found


def _scan_careful(path: Path, *, strict: bool) -> FrameScan | None:
    """Scan with one thread. None: with `strict` when it refuses most of the video; else when nothing decodes."""
    with FFmpegLog(threads=False) as log, DecodePass(path, threads=1, strict=strict, log=log) as reading:
        for _ in reading.frames():
            pass
        if not reading.packets:
            raise VideoError(f"{path}: it contains no frames", CONVERT_HINT)
        shape = Shape(path, reading, examine_structure(path, reading.container.format.name))
        if shape.broken or reading.read_errors or any(packet.damaged for packet in reading.packets):
            take_hints(reading.packets)
        take_checksums(reading.packets, shape)
        if _is_odd_throughout(reading.packets):
            if strict:
                return None
            for packet in reading.packets:
                packet.facts = replace(packet.facts, sound=True)
        slots = _count(shape, reading)
        if not any(slot.output is not None for slot in slots):
            return None
        return make_scan(
            reading,
            ticks=_ticks(shape, reading, slots),
            outputs=sorted(slot.output for slot in slots if slot.output is not None),
            missing=(number for number, slot in enumerate(slots) if slot.output is None),
            strict=strict,
        )


def _ticks(shape: Shape, reading: DecodePass, slots: list[StreamFrame]) -> Sequence[int]:
    if not shape.is_avi:
        return slot_ticks(reading.times, [(slot.output, slot.pts) for slot in slots])
    chunks = [packet.dts for packet in _settle_with_index(shape, reading) if packet.dts is not None]
    return count_chunks(chunks, len(slots))


def _is_odd_throughout(packets: list[Packet]) -> bool:
    odd = sum(packet.failed or not packet.facts.sound for packet in packets)
    return odd > MANNER_FRACTION * len(packets)


def _count(shape: Shape, reading: DecodePass) -> list[StreamFrame]:
    """Stream frames of a damaged video."""
    packets = _settle_with_index(shape, reading)
    if not shape.timed:
        for packet in packets:
            packet.pts = None
    claimed = _claimed(shape, reading)
    end_is_gone = shape.loses_end and claimed != sum(not packet.discard for packet in packets)
    if end_is_gone:
        packets.append(Packet(None, None, None, 0, PacketFacts(sound=False), found=False))
    suspect_neighbours(packets)
    suspect_jumps(shape, packets)
    distrust_times(packets)
    slots, trusted = in_presentation_order(packets, judge(packets))
    header = header_frames(reading.container)
    if shape.broken or any(packet.damaged or packet.after_loss for packet in packets):
        if shape.steady and trusted:
            slots = fill_gaps(slots, shape.path, limit=max(header, 2 * len(slots)))
        elif not trusted and not shape.places:
            _check_numbering(slots, shape)
    if end_is_gone:  # the one that stands for all becomes as many as the header says, if it says it
        return slots[:-1] + [StreamFrame(None)] * (claimed - len(slots) + 1 if claimed else 1)
    alone = len(reading.container.streams) == 1  # else the duration may be that of the sound
    counted = (shape.is_avi and not shape.places) or (shape.broken and shape.timed and alone)
    return slots + [StreamFrame(None)] * (claimed - len(slots) if counted else 0)


def _claimed(shape: Shape, reading: DecodePass) -> int:
    """Frames that the header claims; 0 where it does not count them.

    A duration counts frames that come at an even rate, and in FLV and ASF it begins before the first of them.
    """
    header = header_frames(reading.container)
    if reading.stream.frames or shape.is_avi:
        return header
    times, base = sorted(p.pts for p in reading.packets if p.pts is not None), float(reading.stream.time_base)
    step, fps = even_step(times), rate(reading.stream)
    fits = shape.claims and bool(step) and abs(step * base * fps - 1) < EVEN_TOLERANCE
    return header - round(times[0] * base * fps) if fits else 0


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


def _check_numbering(slots: list[StreamFrame], shape: Shape) -> None:
    """Where neither an index nor timestamps count what is lost, frames behind it have no number."""
    good = [slot.output is not None for slot in slots]
    if shape.broken or shape.indexed or (False in good and any(good[good.index(False) :])):
        raise uncountable(shape.path, "it has neither timestamps nor an index that fits")
