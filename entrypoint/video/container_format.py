"""What the file's own structure says, independently of FFmpeg: whether its end was cut off, or its middle broken."""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path
from typing import BinaryIO

ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
ASF_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
ASF_HEADER_BYTES = 1 << 16

AVI_HEADER_BYTES = 1 << 14
TS_MARK, TS_STEPS, TS_PACKETS_AT_ONCE, TS_PROBE_BYTES = 0x47, (188, 192, 204), 5000, 1 << 13
CHUNK_NAME = re.compile(rb"[0-9A-Za-z_ ]{4}")
BOX_NAME = re.compile(rb"[\xa9 -~]{4}")

EBML_HEADER, SEGMENT, CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675
SEGMENT_CHILDREN = {
    CLUSTER, 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B, 0x1941A469, 0x1043A770, 0x1254C367, 0xEC, 0xBF,
}  # fmt: skip
"""Cluster, SeekHead, Info, Tracks, Cues, Attachments, Chapters, Tags, Void, CRC-32 (RFC 9559)."""
CLUSTER_CHILDREN = {0xE7, 0xA7, 0xAB, 0xA3, 0xA0, 0x5854, 0xAF, 0xEC, 0xBF}
"""Timestamp, Position, PrevSize, SimpleBlock, BlockGroup, SilentTracks, EncryptedBlock, Void, CRC-32."""


def is_cut(path: Path, container: str) -> bool:
    """Whether the file ends before its own structure does, or cannot be followed to its end.

    AVI, Matroska, MP4 and ASF announce sizes; a file that is shorter was cut. Sizes of 0 or "unknown", as live
    recorders leave them, say nothing, and neither do MPEG streams and raw bitstreams.
    """
    names = set(container.split(","))
    size = path.stat().st_size
    with path.open("rb") as file:
        if "avi" in names:
            return _riff_is_cut(file, size)
        if names & {"matroska", "webm"}:
            return _segment_end(file) > size
        if names & {"mov", "mp4"}:
            return _boxes_are_cut(file, size)
        if "asf" in names:
            return _asf_size(file) > size
    return False


def is_broken(path: Path, container: str) -> bool:
    """Whether the structure has a hole that FFmpeg steps over in silence (Matroska, AVI, MPEG-TS, ASF)."""
    names, size = set(container.split(",")), path.stat().st_size
    with path.open("rb") as file:
        if "avi" in names:
            return not all(CHUNK_NAME.fullmatch(name) for name in _riff_chunks(file, size))
        if names & {"matroska", "webm"}:
            return not _matroska_is_sound(file, size)
        if "mpegts" in names:
            return not _ts_is_sound(file)
        if "asf" in names:
            return not _asf_is_sound(file, size)
    return False


def indexed_frames(path: Path, container: str) -> int | None:
    """Frames in an index that lies in the file; None where there is none. FFmpeg makes one up as it reads an AVI.

    For MP4, and for AVI with an index in parts (OpenDML), FFmpeg reads all of it, and 0 is given.
    """
    names = set(container.split(","))
    if "avi" not in names:
        return 0 if names & {"mov", "mp4"} else None
    with path.open("rb") as file:
        if b"indx" in file.read(AVI_HEADER_BYTES):
            return 0
        chunks = _riff_chunks(file, path.stat().st_size)
        if b"idx1" not in chunks:
            return None
        place = chunks[b"idx1"]
        file.seek(place + 4)
        table = file.read(int.from_bytes(file.read(4), "little"))
    entries = struct.iter_unpack("<4sIII", table[: len(table) // 16 * 16])
    return len([name for name, _, _, size in entries if name[2:] in (b"dc", b"db") and size > 0])


def _riff_chunks(file: BinaryIO, size: int) -> dict[bytes, int]:
    """Names of the chunks of the file's RIFF parts, and where the last one of each name lies."""
    places, place, end = {}, 0, 0
    while place + 8 <= size:
        file.seek(place)
        name, length = struct.unpack("<4sI", file.read(8))
        places[name] = place
        if place == end:  # a RIFF: its chunks follow behind its own name
            end = place + 8 + length + (length & 1)
            place += 12
            continue
        place = min(place + 8 + length + (length & 1), end if place < end else size)
    return places


def _riff_is_cut(file: BinaryIO, size: int) -> bool:
    place = 0
    while place + 8 <= size:
        file.seek(place)
        name, length = struct.unpack("<4sI", file.read(8))
        if name != b"RIFF" or length == 0:
            return False
        place += 8 + length + (length & 1)
    return place > size + 1  # a missing byte of padding is no loss


def _boxes_are_cut(file: BinaryIO, size: int) -> bool:
    place = 0
    while place + 8 <= size:
        file.seek(place)
        length, name = struct.unpack(">I4s", file.read(8))
        if place and not BOX_NAME.fullmatch(name):
            return True  # a hole: nothing behind it can be found
        if length == 1:
            extended = file.read(8)
            if len(extended) < 8:
                return True
            length = int.from_bytes(extended, "big")
        if length < 8:
            return bool(length)  # 0: up to the end of the file
        place += length
    return place > size


def _ts_is_sound(file: BinaryIO) -> bool:
    """Whether every packet of an MPEG-TS begins with its mark; packets have 188 bytes, or more with what others add."""
    head = file.read(TS_PROBE_BYTES)
    found = [
        (start, step) for step in TS_STEPS for start in range(step)
        if len(head) > start + step and set(head[start : TS_PROBE_BYTES // 8 : step]) == {TS_MARK}
    ]  # fmt: skip
    if not found:
        return True  # not even its beginning is regular: FFmpeg has found another way through it
    start, step = found[0]
    file.seek(start)
    while block := file.read(step * TS_PACKETS_AT_ONCE):
        if block[::step].strip(bytes([TS_MARK])):
            return False
    return True


def _asf_size(file: BinaryIO) -> int:
    head = file.read(ASF_HEADER_BYTES)
    place = head.find(ASF_FILE_PROPERTIES)
    return int.from_bytes(head[place + 40 : place + 48], "little") if place >= 0 else 0


def _asf_is_sound(file: BinaryIO, size: int) -> bool:
    """Whether every data packet begins like the first one; they all have the same size."""
    file.seek(0)
    head = file.read(ASF_HEADER_BYTES)
    properties, data = head.find(ASF_FILE_PROPERTIES), head.find(ASF_DATA)
    step = int.from_bytes(head[properties + 92 : properties + 96], "little")
    if properties < 0 or data < 0 or step < 64:
        return True
    end = min(size, data + int.from_bytes(head[data + 16 : data + 24], "little") or size)
    place = data + 50
    starts = set()
    while place + step <= end:
        file.seek(place)
        starts.add(file.read(1))
        place += step
    return len(starts) <= 1


def _segment_end(file: BinaryIO) -> int:
    """Where the Segment says that it ends; 0 where it does not say."""
    header = _element(file, 0)
    if header is None or header[0] != EBML_HEADER:
        return 0
    segment = _element(file, header[1] + (header[2] or 0))
    if segment is None or segment[0] != SEGMENT or segment[2] is None:
        return 0
    return segment[1] + segment[2]


def _matroska_is_sound(file: BinaryIO, size: int) -> bool:
    header = _element(file, 0)
    segment = _element(file, header[1] + (header[2] or 0)) if header else None
    if segment is None or segment[0] != SEGMENT:
        return False
    place, end = segment[1], size if segment[2] is None else min(size, segment[1] + segment[2])
    while place < end:
        child = _element(file, place)
        if child is None or child[0] not in SEGMENT_CHILDREN:
            return False
        if child[2] is None:
            return True  # a live recording: no sizes to check
        place = child[1] + child[2]
        if child[0] == CLUSTER and not _cluster_is_sound(file, child[1], min(place, end)):
            return False
    return True


def _cluster_is_sound(file: BinaryIO, place: int, end: int) -> bool:
    while place < end:
        child = _element(file, place)
        if child is None or child[0] not in CLUSTER_CHILDREN or child[2] is None:
            return False
        place = child[1] + child[2]
    return place == end or end == file.seek(0, os.SEEK_END)  # a cut end is another matter


def _element(file: BinaryIO, place: int) -> tuple[int, int, int | None] | None:
    """EBML element at `place`: its id, where its content begins, and its size (None: unknown)."""
    file.seek(place)
    head = file.read(12)
    if not head or not head[0]:
        return None
    id_length = 9 - head[0].bit_length()
    if id_length > 4 or len(head) <= id_length or not head[id_length]:
        return None
    size_length = 9 - head[id_length].bit_length()
    raw = head[id_length : id_length + size_length]
    if len(raw) < size_length:
        return None
    mask = (1 << 7 * size_length) - 1
    value = int.from_bytes(raw, "big") & mask
    return int.from_bytes(head[:id_length], "big"), place + id_length + size_length, None if value == mask else value
