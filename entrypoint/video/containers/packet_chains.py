"""Files that are chains of parts without an index: MPEG, FLV, IVF, MXF, RealMedia. Each part says where the next is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

TS_MARK, TS_STEPS, TS_PACKETS_AT_ONCE, TS_PROBE_BYTES = 0x47, (188, 192, 204), 5000, 1 << 13
TS_BEGINS, TS_HAS_FIELD, TS_HAS_CONTENT = 0x40, 0x20, 0x10
"""Bits of a packet's header: something begins here; an adaptation field comes first; something follows."""

HEAD_BYTES = 32
IVF_HEADER_BYTES, IVF_FRAME_BYTES = 32, 12
FLV_TAGS = {8, 9, 18}
"""Sound, video and script data."""
FLV_TAG_BYTES = 11 + 4
MXF_KEY = bytes.fromhex("060e2b34")
RM_DATA, RM_PARTS, RM_PACKET_BYTES = b"DATA", {b".RMF", b"PROP", b"CONT", b"MDPR", b"INDX"}, 12
PS_START, PS_END, PS_PACK = b"\0\0\1", 0xB9, 0xBA


@dataclass(frozen=True)
class Chain:
    """Whether a chain is interrupted, and whether its last part is longer than the file."""

    broken: bool = False
    cut: bool = False


def walk(file: BinaryIO, size: int, container: str) -> Chain:
    """Follow a chain of `CHAINS` to the end of the file, or to the zeros that it was filled up with."""
    length_of, place = CHAINS[container], 0
    while place < size:
        file.seek(place)
        head = file.read(HEAD_BYTES)
        length = length_of(head, place)
        if length is None:
            if not place:
                return Chain()  # not even its beginning is regular: FFmpeg has found another way through it
            file.seek(place)
            is_padding = not head.strip(b"\0") and not any(
                block.strip(b"\0") for block in iter(lambda: file.read(1 << 20), b"")
            )
            return Chain(broken=not is_padding)
        place += length
    return Chain(cut=place > size)


def _flv(head: bytes, place: int) -> int | None:
    if head[:3] == b"FLV":  # also further on, where files were joined
        return int.from_bytes(head[5:9], "big") + 4
    if len(head) < FLV_TAG_BYTES - 4 or head[0] & 0x1F not in FLV_TAGS or any(head[8:11]):
        return None if not _is_short(head, FLV_TAG_BYTES - 4) else FLV_TAG_BYTES
    return FLV_TAG_BYTES + int.from_bytes(head[1:4], "big")


def _ivf(head: bytes, place: int) -> int | None:
    if not place:
        return IVF_HEADER_BYTES
    length = int.from_bytes(head[:4], "little")
    return IVF_FRAME_BYTES + length if length else None


def _mxf(head: bytes, place: int) -> int | None:
    if head[:4] != MXF_KEY:
        return None
    start = mxf_value(head)
    return start + int.from_bytes(head[17:start] if start > 17 else head[16:17], "big")


def mxf_value(head: bytes) -> int:
    """Where the value of a key begins, behind its length."""
    first = head[16] if len(head) > 16 else 0
    return 17 + (first & 0x7F if first & 0x80 else 0)


def _mpeg(head: bytes, place: int) -> int | None:
    if len(head) < 14 or head[:3] != PS_START or head[3] < PS_END:
        return _mpeg_end(head)
    if head[3] == PS_END:
        return 4
    if head[3] == PS_PACK:
        return 14 + (head[13] & 7) if head[4] >> 6 == 1 else 12
    length = int.from_bytes(head[4:6], "big")
    return 6 + length if length else None


def _mpeg_end(head: bytes) -> int | None:
    """The last bytes of a file: an end code, or the beginning of a part."""
    if head[:4] == PS_START + bytes([PS_END]):
        return 4
    return 14 if len(head) < 14 and head[:3] == PS_START else None


def _obu(head: bytes, place: int) -> int | None:
    if head[0] & 0x80 or not head[0] & 2:
        return None
    place, shift, length = 1 + (head[0] >> 2 & 1), 0, 0
    for byte in head[place : place + 8]:
        place, length, shift = place + 1, length | (byte & 0x7F) << shift, shift + 7
        if not byte & 0x80:
            return place + length
    return None


def _rm(head: bytes, place: int) -> int | None:
    if head[:4] == RM_DATA:
        return 18
    if head[:4] in RM_PARTS:
        return int.from_bytes(head[4:8], "big")
    length = int.from_bytes(head[2:4], "big")
    return length if head[:2] == b"\0\0" and length > RM_PACKET_BYTES else None


def _is_short(head: bytes, wanted: int) -> bool:
    return len(head) < wanted and bool(head.strip(b"\0"))


CHAINS: dict[str, Callable[[bytes, int], int | None]] = {
    "flv": _flv, "ivf": _ivf, "mxf": _mxf, "mpeg": _mpeg, "obu": _obu, "rm": _rm,
}  # fmt: skip
"""FFmpeg's names of the containers, and what gives the length of the part that begins with some bytes at a place."""


def _ts_grid(file: BinaryIO) -> tuple[int, int] | None:
    """Where the first packet of an MPEG-TS lies, and how long packets are: 188 bytes, or more with what others add."""
    file.seek(0)
    head = file.read(TS_PROBE_BYTES)
    found = [
        (start, step) for step in TS_STEPS for start in range(step)
        if len(head) > start + step and set(head[start : TS_PROBE_BYTES // 8 : step]) == {TS_MARK}
    ]  # fmt: skip
    return found[0] if found else None  # not even its beginning is regular: FFmpeg has found another way through it


def ts_is_broken(file: BinaryIO, size: int) -> bool:
    """Whether some packet of an MPEG-TS lacks its mark, or some picture or sound that begins in one lacks its own."""
    import numpy

    grid = _ts_grid(file)
    if grid is None:
        return False
    start, step = grid
    file.seek(start)
    begun: dict[bool, set[int]] = {True: set(), False: set()}
    while block := file.read(step * TS_PACKETS_AT_ONCE):
        if block[::step].strip(bytes([TS_MARK])):
            return True
        packets = numpy.frombuffer(block[: len(block) // step * step], numpy.uint8).reshape(-1, step)
        starts = packets[(packets[:, 1] & TS_BEGINS != 0) & (packets[:, 3] & TS_HAS_CONTENT != 0)]
        place = 4 + numpy.where(starts[:, 3] & TS_HAS_FIELD, 1 + starts[:, 4].astype(int), 0)
        starts, place = starts[place + len(PS_START) <= step], place[place + len(PS_START) <= step]
        prefix = starts[numpy.arange(len(starts))[:, None], place[:, None] + numpy.arange(len(PS_START))]
        is_pes = (prefix == numpy.frombuffer(PS_START, numpy.uint8)).all(axis=1)
        streams = (starts[:, 1].astype(int) & 0x1F) << 8 | starts[:, 2]
        for kind in (True, False):
            begun[kind].update(streams[is_pes == kind].tolist())
    return bool(begun[True] & begun[False])  # tables begin otherwise than pictures and sound


def ts_is_cut(file: BinaryIO, size: int) -> bool:
    """Whether the last packet of an MPEG-TS is only begun."""
    grid = _ts_grid(file)
    if grid is None:
        return False
    start, step = grid
    rest = (size - start) % step
    file.seek(size - rest)
    return file.read(1) == bytes([TS_MARK])
