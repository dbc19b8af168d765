"""Whether an MP4 is encrypted: FFmpeg reads such a file without an error and makes noise of it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

ENCRYPTED = "it is encrypted (DRM): export or record it without copy protection"
SAMPLE_ENTRY = b"encv"
"""Kind of an encrypted video track (ISO/IEC 14496-12, 8.12)."""
MOST_BOXES = 1000
MOST_BYTES = 1 << 20
"""Sample entries come before the tables that make an index long."""


def is_encrypted(path: Path) -> bool:
    """Whether an MP4's index describes an encrypted video track; False for other files. Raises `OSError`."""
    with path.open("rb") as file:
        return any(SAMPLE_ENTRY in file.read(min(size, MOST_BYTES)) for name, size in _boxes(file) if name == b"moov")


def _boxes(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Name and length of each outer box; the file stands at the box's content then."""
    end, place = file.seek(0, 2), 0
    for _ in range(MOST_BOXES):
        if place >= end:
            return
        file.seek(place)
        head = file.read(16)
        if len(head) < 8:
            return
        size, name = struct.unpack(">I4s", head[:8])
        start = 8
        if size == 1 and len(head) == 16:
            size, start = int.from_bytes(head[8:], "big"), 16
        if size < start:
            return
        file.seek(place + start)
        yield name, size - start
        place += size
