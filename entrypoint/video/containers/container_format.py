"""What the file's own structure reveals, independently of FFmpeg: a cut-off end, or a broken middle."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from entrypoint.video.containers import matroska
from entrypoint.video.containers.announced_size import flv_is_cut, ivf_is_cut, mxf_is_cut
from entrypoint.video.containers.packet_chains import CHAINS, Chain, ts_is_broken, ts_is_cut, walk

ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
ASF_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
ASF_HEADER_BYTES = 1 << 16

AVI_HEADER_BYTES = 1 << 14
CHUNK_NAME = re.compile(rb"[0-9A-Za-z_ ]{4}")
BOX_NAME = re.compile(rb"[\xa9 -~]{4}")
PADDING_BYTES = 1 << 16
DV_625_BYTES, DV_525_BYTES = 144_000, 120_000

Check = Callable[[BinaryIO, int], bool]
"""A check of a file of a given size."""


def is_cut(path: Path, container: str) -> bool:
    """Whether the file ends before its own structure does, or cannot be followed to its end.

    AVI, Matroska, MP4, ASF, FLV, IVF and MXF announce how long they are; a file that is shorter was cut. Sizes of 0 or
    "unknown", as live recorders leave them, say nothing. FLV, IVF, MXF and MPEG streams are also chains of parts, the
    last of which is then shorter than it says; raw bitstreams say nothing.
    """
    return _ask(IS_CUT, path, container) or _chain(path, container).cut


def is_broken(path: Path, container: str) -> bool:
    """Whether the structure has a hole that FFmpeg steps over in silence (Matroska, AVI, ASF, MPEG, FLV, IVF, MXF)."""
    return _ask(IS_BROKEN, path, container) or _chain(path, container).broken


def _ask(checks: dict[str, Check], path: Path, container: str) -> bool:
    check = next((checks[name] for name in container.split(",") if name in checks), None)
    if check is None:
        return False
    with path.open("rb") as file:
        return check(file, path.stat().st_size)


def _chain(path: Path, container: str) -> Chain:
    if container not in CHAINS:
        return Chain()
    with path.open("rb") as file:
        return walk(file, path.stat().st_size, container)


def broken_spans(path: Path, container: str) -> list[tuple[int, int]]:
    """First and last byte (exclusive) of each part whose checksum does not fit: clusters of Matroska."""
    if "matroska" not in container.split(","):
        return []
    with path.open("rb") as file:
        clusters = list(matroska.clusters(file, path.stat().st_size))
        return [cluster for cluster in clusters if not matroska.checksum_fits(file, cluster)]


def media_end(path: Path, container: str, last: int) -> int:
    """Where a file's last packet, of `last` bytes, ends: before an index, and before zeros that fill the file up."""
    size, names = path.stat().st_size, set(container.split(","))
    with path.open("rb") as file:
        if "asf" in names:  # a frame's place is that of the data packet in which it begins; those are filled up
            _, data_end, step = _asf_data(file, size)
            return data_end - (2 + last // max(step, 1)) * step
        if "matroska" in names:
            size = max((end for _, end in matroska.clusters(file, size)), default=size)
        while size > 0:
            start = max(0, size - PADDING_BYTES)
            file.seek(start)
            block = file.read(size - start).rstrip(b"\0")
            if block:
                return start + len(block)
            size = start
    return size


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


def _riff_is_broken(file: BinaryIO, size: int) -> bool:
    return not all(CHUNK_NAME.fullmatch(name) for name in _riff_chunks(file, size))


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


def _dv_is_cut(file: BinaryIO, size: int) -> bool:
    """Whether a last frame is only begun; those of 625 lines have 144,000 bytes, those of 525 lines 120,000."""
    head = file.read(4)
    rest = size % (DV_625_BYTES if head[3:] >= b"\x80" else DV_525_BYTES)
    file.seek(size - rest)
    return bool(file.read(rest).strip(b"\0"))


def _asf_is_cut(file: BinaryIO, size: int) -> bool:
    head = file.read(ASF_HEADER_BYTES)
    place = head.find(ASF_FILE_PROPERTIES)
    return place >= 0 and int.from_bytes(head[place + 40 : place + 48], "little") > size


def _asf_is_broken(file: BinaryIO, size: int) -> bool:
    """Whether some data packet begins otherwise than the others; they all have the same size."""
    place, end, step = _asf_data(file, size)
    starts = set()
    while step and place + step <= end:
        file.seek(place)
        starts.add(file.read(1))
        place += step
    return len(starts) > 1


def _asf_data(file: BinaryIO, size: int) -> tuple[int, int, int]:
    """Where data packets begin and end, and their size; 0 where it is not to be found."""
    file.seek(0)
    head = file.read(ASF_HEADER_BYTES)
    properties, data = head.find(ASF_FILE_PROPERTIES), head.find(ASF_DATA)
    step = int.from_bytes(head[properties + 92 : properties + 96], "little")
    if properties < 0 or data < 0 or step < 64:
        return 0, size, 0
    return data + 50, min(size, data + int.from_bytes(head[data + 16 : data + 24], "little") or size), step


IS_CUT: dict[str, Check] = {
    "avi": _riff_is_cut, "matroska": matroska.is_cut, "mov": _boxes_are_cut, "asf": _asf_is_cut, "mpegts": ts_is_cut,
    "dv": _dv_is_cut, "flv": flv_is_cut, "ivf": ivf_is_cut, "mxf": mxf_is_cut,
}  # fmt: skip
IS_BROKEN: dict[str, Check] = {
    "avi": _riff_is_broken, "matroska": matroska.is_broken, "asf": _asf_is_broken, "mpegts": ts_is_broken,
}  # fmt: skip
