"""The structure of a video file that a scan relies on: index, timing, chunk headers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entrypoint.video.containers.container_format import broken_spans, indexed_frames, is_broken, is_cut, media_end
from entrypoint.video.decoding.decode_pass import DecodePass
from entrypoint.video.decoding.packets import PacketTrail

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


@dataclass(frozen=True)
class FileStructure:
    """What a file's own structure says, whatever FFmpeg makes of it.

    Parameters
    ----------
    cut, broken : bool
        The file ends too early; its structure has a hole.
    broken_spans : list of (first, end)
        Bytes of the file whose checksum does not fit.
    """

    cut: bool
    broken: bool
    broken_spans: list[tuple[int, int]]

    @property
    def is_sound(self) -> bool:
        """Whether nothing is missing and nothing is wrong."""
        return not (self.cut or self.broken or self.broken_spans)


def examine_structure(path: Path, container: str) -> FileStructure:
    """Follow a file's structure; `container` is FFmpeg's name of its format."""
    return FileStructure(is_cut(path, container), is_broken(path, container), broken_spans(path, container))


class Shape:
    """Facts from the container's structure, in addition to what FFmpeg reads.

    Parameters
    ----------
    reading : DecodePass
        A pass that has ended.
    structure : FileStructure
        Of the same file.

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

    def __init__(self, path: Path, reading: DecodePass, structure: FileStructure) -> None:
        trail, name = reading.trail, reading.container.format.name
        names = set(name.split(","))
        fragmented = "mp4" in names and not reading.stream.frames
        self.path = path
        self.is_avi = "avi" in names
        self.timed = not names & UNTIMED
        self.claims = not names & CLAIMLESS
        self.cut, self.broken_spans = structure.cut, structure.broken_spans
        self.stopped = bool(names & STOPS) and self._is_stopped(reading, trail, name)
        self.broken = structure.broken or reading.skips > 0 or ("mpegts" in names and trail.loses_frames)
        named = None if fragmented else indexed_frames(path, name)
        self.indexed = named is not None
        self.places = {} if named is None else self._places(reading, trail, named)
        self.steady = fragmented or (self.timed and not names & INDEXED)
        self.jumps_tell = fragmented or self.broken

    def _places(self, reading: DecodePass, trail: PacketTrail, named: int) -> dict[int, Any]:
        ahead = CHUNK_HEADER if self.is_avi else 0
        entries = {e.pos + ahead: e for e in reading.stream.index_entries if e.size and not e.is_discard}
        found = sum(pos in entries for pos in trail.positions)
        # Where FFmpeg did not read it all, or speaks of other places, the index says nothing.
        fits = len(entries) >= named and found > MANNER_FRACTION * trail.count
        return entries if fits else {}

    @property
    def loses_end(self) -> bool:
        """Whether frames at the end are gone that no index names."""
        return self.stopped or (self.cut and not self.places)

    def _is_stopped(self, reading: DecodePass, trail: PacketTrail, name: str) -> bool:
        if len(reading.container.streams) > 1 or not reading.end:
            return False  # the rest may be of another stream
        rest = media_end(self.path, name, trail.last_size) - reading.end
        return rest > max(REST_BYTES, REST_FRACTION * reading.end)

    def is_sound(self, trail: PacketTrail) -> bool:
        """Whether nothing indicates a loss, if the packets themselves do not."""
        if self.cut or self.broken or self.stopped or self.broken_spans or (self.indexed and not self.places):
            return False
        return not self.places or not self.places.keys() - set(trail.positions)
