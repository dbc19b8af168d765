"""Width and height of a picture by the first bytes of its file: PNG, JPEG, BMP; standard library only."""

from __future__ import annotations

from pathlib import Path

from dlcctr.system.files import read_bounded

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
"""Endings of what counts as a picture of a folder."""
MAX_BYTES = 256 << 20
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8"
_BMP = b"BM"
_BMP_HEADS = (40, 52, 56, 64, 108, 124)
"""Bytes of the second part of a BMP's head, since Windows 3."""
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of JPEG after which the size stands."""
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers of JPEG that have no length."""


def read_size(file: Path) -> tuple[int, int] | None:
    """Width and height in px; None for a kind of picture whose size is not known here.

    Raises
    ------
    OSError
        It cannot be read.
    ValueError
        It is named as a picture, and is none.
    """
    data = read_bounded(file, MAX_BYTES)
    if data is None:
        raise ValueError(f"longer than {MAX_BYTES:,} bytes")
    if data.startswith(_PNG):
        size = (int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")) if len(data) > 24 else None
    elif data.startswith(_JPEG):
        size = _jpeg_size(data)
    elif data.startswith(_BMP) and len(data) > 26 and int.from_bytes(data[14:18], "little") in _BMP_HEADS:
        # upside down where the height is negative
        width, height = (abs(int.from_bytes(data[at : at + 4], "little", signed=True)) for at in (18, 22))
        size = width, height
    elif file.suffix.lower() in (".png", ".jpg", ".jpeg") or not data:
        raise ValueError("no PNG and no JPEG")
    else:
        return None
    if size is None or 0 in size:
        raise ValueError("cut off, or without a size")
    return size


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # filling
            at += 1
        elif marker in _ALONE:
            at += 2
        elif marker in _FRAMES:
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        else:
            at += 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
    return None
