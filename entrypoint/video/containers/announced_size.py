"""Headers of FLV, IVF and MXF say how long the file became: one that ends between two parts shows it only there."""

from __future__ import annotations

import struct
from typing import BinaryIO

from entrypoint.video.containers.packet_chains import IVF_FRAME_BYTES, IVF_HEADER_BYTES, MXF_KEY, mxf_value

FLV_HEAD_BYTES = 1 << 16
FLV_FILE_SIZE = b"\0\x08filesize\0"
"""The name in `onMetaData`, and the mark of a number."""
IVF_UNKNOWN = {0, 0xFFFFFFFF}
MXF_PARTITION = MXF_KEY + bytes.fromhex("02050101 0d010201 01")
"""How the key of a partition's head begins (SMPTE 377)."""
MXF_FOOTER = slice(24, 32)


def flv_is_cut(file: BinaryIO, size: int) -> bool:
    """Whether `onMetaData` names more bytes than there are; live recorders name none, or 0."""
    head = file.read(FLV_HEAD_BYTES)
    place = head.find(FLV_FILE_SIZE)
    number = head[place + len(FLV_FILE_SIZE) :][:8]
    return place >= 0 and len(number) == 8 and struct.unpack(">d", number)[0] > size


def ivf_is_cut(file: BinaryIO, size: int) -> bool:
    """Whether there are fewer frames, and less time, than the header says.

    Some writers put the number of frames there and others the duration (FFmpeg, libavformat/ivfenc.c).
    """
    claimed = int.from_bytes(file.read(IVF_HEADER_BYTES)[24:28], "little")
    if claimed in IVF_UNKNOWN:
        return False
    place, count, last, longest = IVF_HEADER_BYTES, 0, 0, 1
    while place + IVF_FRAME_BYTES <= size:
        file.seek(place)
        length, time = struct.unpack("<Iq", file.read(IVF_FRAME_BYTES))
        longest = max(longest, time - last)
        place, count, last = place + IVF_FRAME_BYTES + length, count + 1, time
    return max(count, last + longest) < claimed


def mxf_is_cut(file: BinaryIO, size: int) -> bool:
    """Whether the footer lies behind the file's end; a recording that was never closed names none."""
    value = mxf_value(file.read(IVF_HEADER_BYTES))
    file.seek(0)
    head = file.read(value + MXF_FOOTER.stop)
    return head.startswith(MXF_PARTITION) and int.from_bytes(head[value:][MXF_FOOTER], "big") >= size
