"""Whether a JPEG's compressed picture is complete: decoders make a picture of a hole's zeros and report no error.

A run of zero bytes may be a lost block of the disk, or what an encoder writes for an area of one colour. The Huffman
codes tell which (ITU-T T.81, F.2.2): a sound scan has exactly the blocks that the picture needs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

START_OF_IMAGE, END_OF_IMAGE, START_OF_SCAN = b"\xff\xd8", b"\xff\xd9", b"\xff\xda"
BASELINE = (0xC0, 0xC1)
"""Start of frame, sequential with Huffman codes; other kinds are left to the decoder."""
HUFFMAN_TABLES, RESTART_INTERVAL = 0xC4, 0xDD
RESTART = re.compile(rb"\xff[\xd0-\xd7]")
END_OF_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
ZERO_RUN = bytes(64)
END_OF_BLOCK, SIXTEEN_ZEROS = 0x00, 0xF0
CODE_BITS = 16

Lengths = tuple[int, ...]
"""For each pattern of 16 bits: length of the code that it begins with, times 256, plus the code's value; 0 for none."""


@dataclass(frozen=True)
class _Picture:
    """Contents of a scan: Huffman tables (DC, AC) of each block of an MCU, MCUs in total and to the next restart."""

    blocks: tuple[tuple[Lengths, Lengths], ...]
    n_mcus: int
    interval: int


@lru_cache(maxsize=64)  # a dark room gives the same bytes again and again
def is_complete(data: bytes) -> bool:
    """Whether nothing proves that a part of a JPEG picture was overwritten with zeros.

    Returns
    -------
    bool
        Also true for what cannot be judged: progressive and arithmetic-coded pictures, or without their own tables.
    """
    start, body = data.find(START_OF_SCAN), data.rstrip(b"\0")
    if start < 0 or ZERO_RUN not in data[start:]:
        return True
    if not body.endswith(END_OF_IMAGE):
        return False  # cameras fill up behind the end mark: without a mark, zeros at the end are a hole
    if ZERO_RUN not in body[start:]:
        return True
    try:
        picture = _read_header(data, start)
    except (IndexError, KeyError):
        return False
    if picture is None:
        return True
    scan = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
    end = END_OF_SCAN.search(data, scan)
    return _has_all_blocks(data[scan : end.start() if end else len(data)], picture)


def _read_header(data: bytes, scan: int) -> _Picture | None:
    place, interval, tables, frame = data.find(START_OF_IMAGE) + 2, 0, dict[int, Lengths](), b""
    while place < scan:
        kind, size = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
        segment = data[place + 4 : place + 2 + size]
        if kind == HUFFMAN_TABLES:
            tables |= _read_tables(segment)
        elif kind == RESTART_INTERVAL:
            interval = int.from_bytes(segment, "big")
        elif kind in BASELINE:
            frame = segment
        place += 2 + size
    chosen = data[scan + 4 : scan + 2 + int.from_bytes(data[scan + 2 : scan + 4], "big")]
    if not frame or not tables or chosen[0] != frame[5]:
        return None
    height, width = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
    sampling = {frame[6 + 3 * n]: (frame[7 + 3 * n] >> 4, frame[7 + 3 * n] & 15) for n in range(frame[5])}
    alone = len(sampling) == 1
    blocks: list[tuple[Lengths, Lengths]] = []
    for name, which in zip(chosen[1 : 1 + 2 * chosen[0] : 2], chosen[2 : 2 + 2 * chosen[0] : 2], strict=True):
        across, down = (1, 1) if alone else sampling[name]
        blocks += [(tables[which >> 4], tables[16 | which & 15])] * (across * down)
    wide = 8 * (1 if alone else max(across for across, _ in sampling.values()))
    high = 8 * (1 if alone else max(down for _, down in sampling.values()))
    return _Picture(tuple(blocks), -(-width // wide) * -(-height // high), interval)


@lru_cache(maxsize=32)
def _read_tables(segment: bytes) -> dict[int, Lengths]:
    """Tables of a DHT segment by class (AC: 16) and number."""
    found, place = {}, 0
    while place < len(segment):
        counts = segment[place + 1 : place + 17]
        values = segment[place + 17 : place + 17 + sum(counts)]
        lengths, taken = [0] * (1 << CODE_BITS), 0
        code, codes = 0, iter(values)
        for length, count in enumerate(counts, 1):
            span = 1 << CODE_BITS - length
            for _ in range(count):
                lengths[code : code + span] = [length << 8 | next(codes, 0)] * span
                code, taken = code + span, taken + 1
        found[segment[place]] = tuple(lengths)
        place += 17 + sum(counts)
    return found


def _has_all_blocks(scan: bytes, picture: _Picture) -> bool:
    parts, left = RESTART.split(scan), picture.n_mcus
    for part in parts:
        wanted = min(left, picture.interval or left)
        if not _has_mcus(part.replace(b"\xff\0", b"\xff"), picture, wanted):
            return False
        left -= wanted
    return left == 0


def _has_mcus(part: bytes, picture: _Picture, wanted: int) -> bool:
    """Whether the bits are those of so many MCUs, and nothing but filling follows."""
    padded, end, place = part + bytes(8), 8 * len(part) + CODE_BITS, 0
    for _ in range(wanted):
        for dc, ac in picture.blocks:
            place = _skip_block(padded, place, dc, ac)
            if not 0 <= place <= end:
                return False
    return not part[(place + 7) // 8 :].strip(b"\0\xff")


def _skip_block(data: bytes, place: int, dc: Lengths, ac: Lengths) -> int:
    """Where the next block begins, in bits; -1 where there is not a block of 64 values."""
    known, table = 0, dc
    while known < 64:
        bits = int.from_bytes(data[place >> 3 : (place >> 3) + 3], "big") >> 8 - (place & 7) & 0xFFFF
        found = table[bits]
        if not found or place > 8 * len(data):
            return -1
        value = found & 0xFF
        place += (found >> 8) + (value & 15)
        if table is dc:
            known, table = 1, ac
        elif value == END_OF_BLOCK:
            return place
        else:
            known += 16 if value == SIXTEEN_ZEROS else (value >> 4) + 1
    return place if known == 64 else -1
