"""The elements of a Matroska or WebM file: where it ends, whether it is whole, which checksums do not fit."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from typing import BinaryIO

EBML_HEADER, SEGMENT, CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675
SEGMENT_CHILDREN = {
    CLUSTER, 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B, 0x1941A469, 0x1043A770, 0x1254C367, 0xEC, 0xBF,
}  # fmt: skip
"""Cluster, SeekHead, Info, Tracks, Cues, Attachments, Chapters, Tags, Void, CRC-32 (RFC 9559)."""
CLUSTER_CHILDREN = {0xE7, 0xA7, 0xAB, 0xA3, 0xA0, 0x5854, 0xAF, 0xEC, 0xBF}
"""Timestamp, Position, PrevSize, SimpleBlock, BlockGroup, SilentTracks, EncryptedBlock, Void, CRC-32."""
CHECKSUM, CHECKSUM_BYTES = 0xBF, 6
"""CRC-32, first in a cluster where a writer adds it (RFC 9559, 6.2; FFmpeg does, WebM has none)."""


def is_cut(file: BinaryIO, size: int) -> bool:
    """Whether the Segment says that it ends behind the file's end."""
    segment = _segment(file)
    return segment is not None and segment[2] is not None and segment[1] + segment[2] > size


def _segment(file: BinaryIO) -> tuple[int, int, int | None] | None:
    header = _element(file, 0)
    if header is None or header[0] != EBML_HEADER:
        return None
    segment = _element(file, header[1] + (header[2] or 0))
    return segment if segment and segment[0] == SEGMENT else None


def clusters(file: BinaryIO, size: int) -> Iterator[tuple[int, int]]:
    """First and last byte (exclusive) of each cluster that is there as a whole, as far as elements can be followed."""
    segment = _segment(file)
    place = segment[1] if segment else size
    while place < size:
        child = _element(file, place)
        if child is None or child[0] not in SEGMENT_CHILDREN or child[2] is None:
            return
        place = child[1] + child[2]
        if child[0] == CLUSTER and place <= size:
            yield child[1], place


def checksum_fits(file: BinaryIO, cluster: tuple[int, int]) -> bool:
    """Whether what a cluster holds is what its checksum says; True where it has none."""
    first, end = cluster
    child = _element(file, first)
    if child is None or child[0] != CHECKSUM or child[2] != CHECKSUM_BYTES - 2:
        return True
    file.seek(child[1])
    wanted = int.from_bytes(file.read(child[2]), "little")
    return zlib.crc32(file.read(end - first - CHECKSUM_BYTES)) == wanted


def is_broken(file: BinaryIO, size: int) -> bool:
    """Whether its elements cannot be followed to the end."""
    segment = _segment(file)
    if segment is None:
        return True
    place, end = segment[1], size if segment[2] is None else min(size, segment[1] + segment[2])
    while place < end:
        child = _element(file, place)
        if child is None or child[0] not in SEGMENT_CHILDREN:
            return True
        if child[2] is None:
            return False  # a live recording: no sizes to check
        place = child[1] + child[2]
        if child[0] == CLUSTER and not _cluster_is_sound(file, child[1], min(place, end)):
            return True
    return False


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
