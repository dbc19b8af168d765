"""The structure of a video file that a scan relies on: index, timing, chunk headers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from entrypoint.video.containers.container_format import broken_spans, indexed_frames, is_broken, is_cut, media_end
from entrypoint.video.decoding import DecodePass, Packet

INDEXED = {"mov", "mp4", "avi"}
"""Containers whose index names every frame."""
MANNER_FRACTION = 0.5
"""Share of packets above which an oddity is the file's own style, not damage."""
UNTIMED = {"avi", "mxf", "h264", "hevc", "m4v", "mpegvideo", "mjpeg"}
"""FFmpeg counts the frames of these and calls that their time; it guesses wrong behind a hole."""
CLAIMLESS = {"mpegts", "mpeg"}
"""Their duration is what FFmpeg reads off their last timestamps."""
STOPS = {"matroska", "asf", "flv", "nut", "ivf", "obu", "gif", "apng", "rm"}
"""FFmpeg may give up reading these in the middle, and calls that their end."""
REST_BYTES, REST_FRACTION = 1024, 0.01
"""Bytes that may follow the last packet: an index, an end mark."""
CHUNK_HEADER = 8
"""AVI's index names the header of a chunk, PyAV the data behind it."""


class Shape:
    """Facts from the container's structure, in addition to what FFmpeg reads.

    Attributes
    ----------
    places : dict
        Entries of the container's own index by the position of their packet; empty where there is none that fits.
    cut, broken, stopped : bool
        The file ends too early; its structure has a hole; FFmpeg gave up reading it before its end.
    timed : bool
        Packets carry timestamps.
    steady : bool
        Frames have timestamps, and no index: a loss shows as a gap.
    claims : bool
        The header says how long the video is, whatever is left of it.
    broken_spans : list of (first, end)
        Bytes of the file whose checksum does not fit.
    jumps_tell : bool
        A jump in time is a loss, even if nothing else shows it.
    """

    def __init__(self, path: Path, reading: DecodePass) -> None:
        name = reading.container.format.name
        names = set(name.split(","))
        fragmented = "mp4" in names and not reading.stream.frames
        self.path = path
        self.is_avi = "avi" in names
        self.timed = not names & UNTIMED
        self.claims = not names & CLAIMLESS
        self.cut, self.broken = is_cut(path, name), is_broken(path, name)
        self.stopped = bool(names & STOPS) and self._is_stopped(reading, name)
        self.broken_spans = broken_spans(path, name)
        self.broken |= reading.skips > 0 or ("mpegts" in names and _lost_packets(reading.packets))
        named = None if fragmented else indexed_frames(path, name)
        self.indexed = named is not None
        self.places = {} if named is None else self._places(reading, named)
        self.steady = fragmented or (self.timed and not names & INDEXED)
        self.jumps_tell = fragmented or self.broken

    def _places(self, reading: DecodePass, named: int) -> dict[int, Any]:
        ahead = CHUNK_HEADER if self.is_avi else 0
        entries = {e.pos + ahead: e for e in reading.stream.index_entries if e.size and not e.is_discard}
        found = sum(packet.pos in entries for packet in reading.packets)
        # Where FFmpeg did not read it all, or speaks of other places, the index says nothing.
        fits = len(entries) >= named and found > MANNER_FRACTION * len(reading.packets)
        return entries if fits else {}

    @property
    def loses_end(self) -> bool:
        """Whether frames at the end are gone that no index names."""
        return self.stopped or (self.cut and not self.places)

    def _is_stopped(self, reading: DecodePass, name: str) -> bool:
        if len(reading.container.streams) > 1 or not reading.end:
            return False  # the rest may be of another stream
        rest = media_end(self.path, name, reading.packets[-1].size) - reading.end
        return rest > max(REST_BYTES, REST_FRACTION * reading.end)

    def is_sound(self, packets: list[Packet]) -> bool:
        """Whether nothing indicates a loss, if the packets themselves do not."""
        if self.cut or self.broken or self.stopped or self.broken_spans or (self.indexed and not self.places):
            return False
        have = {packet.pos for packet in packets} if self.places else set()
        return not self.places.keys() - have


def jumps(packets: list[Packet]) -> Iterator[tuple[Packet, Packet]]:
    """Packets between which time jumps by more than the first one lasts."""
    timed = [packet for packet in packets if packet.dts is not None]
    for before, packet in pairwise(timed):
        if before.duration > 0 and (packet.dts or 0) - (before.dts or 0) > 1.5 * before.duration:
            yield before, packet


def _lost_packets(packets: list[Packet]) -> bool:
    """Whether an MPEG-TS lacks whole frames: its counters and its clock leap at one place.

    Where streams were joined a key frame follows; some writers' counters leap where the clock does not.
    """
    leaps = {id(packet) for packet, after in jumps(packets) if not after.key_flag}
    return any(before.suspect and {id(before), id(packet)} & leaps for before, packet in pairwise(packets))
