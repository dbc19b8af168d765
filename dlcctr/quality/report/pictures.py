"""Pictures of rows inside the page: as they are where few rows share the room, else made smaller."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from pathlib import Path

from dlcctr.quality.pictures.jpeg import encode_jpeg
from dlcctr.quality.record import Quality
from dlcctr.system.files import read_bounded

ALL_BYTES = 12_000_000
"""Bytes of all pictures together; they grow by a third as text. It is 12 kB a row in a report of 1,000."""
FLAGGED_WEIGHT = 3
ROW_BYTES = 300_000
"""A row's pictures have at most so many, however few rows there are."""
FILE_BYTES = 1 << 20
"""A longer file was not made by us."""
MOST = 6
"""Pictures of a row, worst first."""
LEAST_BYTES = 4_000
"""Room for a picture in which one can still see something; with less than that for each, a row shows fewer."""
QUANTISER = 5
"""The encoder's quantiser, 2 (best) to 31."""
BYTES_PER_PX = 0.12
"""Of a usual picture at that quality; one that comes out larger is made smaller again."""
JPEG = b"\xff\xd8\xff"


def rooms_for(are_flagged: Sequence[bool]) -> list[int]:
    """Bytes for the pictures of each row that has any: flagged rows get more, since people look at those."""
    weights = [FLAGGED_WEIGHT if flagged else 1 for flagged in are_flagged]
    each = ALL_BYTES // max(1, sum(weights))
    return [min(ROW_BYTES, weight * each) for weight in weights]


def embed(folder: Path, quality: Quality, room: int) -> dict[str, str]:
    """Data URIs of a row's pictures by their file's name, worst first, as many as there is room for.

    A file that is no picture, or is not there, is left out: the page shows the others.
    """
    names = list(dict.fromkeys([each.file for each in quality.pictures]))[:MOST]
    names = names[: max(1, room // LEAST_BYTES)]
    found: dict[str, str] = {}
    for place, name in enumerate(names):
        data = _fitting(folder / name, room // (len(names) - place))
        if data:
            room -= len(data)
            found[name] = f"data:image/jpeg;base64,{base64.b64encode(data).decode('ascii')}"
    return found


def _fitting(file: Path, room: int) -> bytes | None:
    try:
        data = read_bounded(file, FILE_BYTES)
    except OSError:
        return None
    if data is None or not data.startswith(JPEG):
        return None
    return data if len(data) <= room else shrink(data, room)


def shrink(data: bytes, room: int) -> bytes | None:
    """The same picture, smaller in px, of at most `room` bytes; None where that cannot be made."""
    import av.error

    area = room / BYTES_PER_PX
    for _ in range(4):
        try:
            smaller = _scaled(data, area)
        except (av.error.FFmpegError, ValueError, StopIteration):
            return None
        if len(smaller) <= room:
            return smaller
        area *= 0.9 * room / len(smaller)
    return None


def _scaled(data: bytes, area: float) -> bytes:
    import av

    with av.open(io.BytesIO(data), format="jpeg_pipe") as source:
        frame = next(source.decode(video=0))
    scale = min(1.0, math.sqrt(area / (frame.width * frame.height)))
    width, height = (max(2, round(side * scale) // 2 * 2) for side in (frame.width, frame.height))
    return encode_jpeg(frame, width, height, QUANTISER)
