"""What a packet's own bytes reveal, in addition to what the decoder reports.

FFmpeg conceals losses, and several of its decoders (HEVC, VP9, AV1) report almost none. Some damage shows in the
bytes all the same: a NAL unit never holds three zero bytes, its length always fits, its types are few. What an encoder
may write, however seldom, is only a hint: it counts where the decoder or the container says that something is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from entrypoint.video.damage.jpeg import is_complete

ZERO_RUN = bytes(64)
"""A run of zeros, as left by a block that a disk or a transfer lost."""
CLOSED_KEYS = {"vp8", "vp9", "av1"}
"""Arithmetic coding gives so many zeros once in 2**512 times."""
ZERO_FREE = {"mpeg4", "h263", "h263p"}
"""Their start codes are runs of zeros, which nothing else may hold (ISO/IEC 14496-2, 5.2.2; H.263, 5.1.1)."""
COMPRESSED = {
    "flv1", "msmpeg4v1", "msmpeg4v2", "msmpeg4v3", "wmv1", "wmv2", "wmv3", "vc1", "mpeg1video",
    "mpeg2video",
}  # fmt: skip
"""Codecs that may write a run of zeros, and seldom do."""
FORBIDDEN = (b"\0\0\0", b"\0\0\1", b"\0\0\2")
"""H.264 and H.265, 7.4.1: these never occur inside a NAL unit."""

H264_SLICES, H264_IDR, H264_SEI = range(1, 6), 5, 6
HEVC_SLICES, HEVC_CLOSED, HEVC_OPEN = range(32), range(16, 21), 21
RECOVERY_POINT = 6
EXACT_AT_ONCE = 0xC0
"""First bits of a recovery point SEI: recovery_frame_cnt 0, exact_match_flag 1 (H.264, D.1.8)."""


@dataclass(frozen=True)
class PacketFacts:
    """Facts from the bytes of one packet.

    Parameters
    ----------
    sound : bool
        Nothing in them is impossible.
    restart : str
        ``closed``: from here on nothing before is needed; ``open``: the same for all that is shown after it;
        empty: no place to start.
    reference : bool
        Other frames may be predicted from it.
    shown : bool
        The packet's picture is shown; VP8 has some that others are only predicted from.
    doubtful : bool
        Whether they hold a run of zeros, which is legal there: a lost block only where something else says so, too.
    """

    sound: bool = True
    restart: str = ""
    reference: bool = True
    doubtful: bool = False
    shown: bool = True


Inspect = Callable[[bytes, bool], PacketFacts]
"""Function from a packet's bytes and its key flag in the container to facts."""


_facts = lru_cache(PacketFacts)  # one object for all packets alike


def inspector(codec: str, extradata: bytes) -> Inspect:
    """Find the function that reads packets of this codec.

    Parameters
    ----------
    codec : str
        FFmpeg's name of the codec, not of a decoder: ``h264``, ``hevc``, ``av1`` …
    extradata : bytes
        The stream's header; for H.264 and HEVC in MP4 and Matroska it says how long the length fields are.
    """
    if codec == "h264":
        size = (extradata[4] & 3) + 1 if len(extradata) > 4 and extradata[0] == 1 else 0
        return lambda data, key: _h264(_nal_units(data, size), _is_doubtful(data))
    if codec == "hevc":
        size = (extradata[21] & 3) + 1 if len(extradata) > 21 and extradata[0] == 1 else 0
        return lambda data, key: _hevc(_nal_units(data, size), _is_doubtful(data))
    if codec == "mjpeg":
        return lambda data, key: _facts(is_complete(data), "open" if key else "")
    restart = "closed" if codec in CLOSED_KEYS else "open"
    if codec == "vp8":
        return lambda data, key: _facts(not _is_doubtful(data), restart if key else "", shown=_vp8_shows(data))
    if codec in ZERO_FREE | CLOSED_KEYS:
        return lambda data, key: _facts(not _is_doubtful(data), restart if key else "")
    return lambda data, key: _facts(True, restart if key else "", doubtful=codec in COMPRESSED and _is_doubtful(data))


def _vp8_shows(data: bytes) -> bool:
    """Bit 4 of a frame's header (RFC 6386, 9.1)."""
    return bool(data) and bool(data[0] & 0x10)


def _is_doubtful(data: bytes) -> bool:
    return ZERO_RUN in data.rstrip(b"\0")


def _nal_units(data: bytes, length_size: int) -> list[bytes] | None:
    """NAL units of a packet; None where the lengths do not fit, that is where bytes were overwritten."""
    if not length_size:
        return _split_start_codes(data)
    units, place = [], 0
    while place + length_size <= len(data):
        size = int.from_bytes(data[place : place + length_size], "big")
        place += length_size
        if not size or place + size > len(data):
            return None
        units.append(data[place : place + size])
        place += size
    return units if not data[place:].strip(b"\0") else None


def _split_start_codes(data: bytes) -> list[bytes] | None:
    parts = data.split(b"\0\0\1")
    if len(parts) < 2 or parts[0].strip(b"\0"):
        return None
    # Zeros before a start code belong to it, and more of them may trail.
    return [unit for part in parts[1:] if (unit := part.rstrip(b"\0"))]


def _is_sound(unit: bytes, kind: int, pictures: range) -> bool:
    if unit[0] & 0x80:
        return False
    if kind not in pictures:  # some writers are careless with messages, and no pixel depends on those
        return True
    body = unit.rstrip(b"\0")
    return not any(pattern in body for pattern in FORBIDDEN)


def _h264(units: list[bytes] | None, doubtful: bool) -> PacketFacts:
    types = [unit[0] & 31 for unit in units or ()]
    if not units or not all(_is_sound(unit, kind, H264_SLICES) for unit, kind in zip(units, types, strict=True)):
        return _facts(sound=False)
    slices = [unit for unit, kind in zip(units, types, strict=True) if kind in H264_SLICES]
    if not slices:
        return _facts(sound=True, reference=False, doubtful=doubtful)
    restart = "closed" if H264_IDR in types else "open" if any(map(_is_exact_recovery_point, units)) else ""
    return _facts(True, restart, any(unit[0] & 0x60 for unit in slices), doubtful)


def _is_exact_recovery_point(unit: bytes) -> bool:
    if unit[0] & 31 != H264_SEI:
        return False
    place = 1
    while place + 2 < len(unit):
        kind, size = unit[place], unit[place + 1]
        if kind == 255 or size == 255:
            return False
        if kind == RECOVERY_POINT:
            return unit[place + 2] & EXACT_AT_ONCE == EXACT_AT_ONCE
        place += 2 + size
    return False


def _hevc(units: list[bytes] | None, doubtful: bool) -> PacketFacts:
    types = [unit[0] >> 1 & 63 for unit in units or ()]
    if not units or not all(_is_sound(unit, kind, HEVC_SLICES) for unit, kind in zip(units, types, strict=True)):
        return _facts(sound=False)
    if any(kind in HEVC_CLOSED for kind in types):
        return _facts(True, "closed", doubtful=doubtful)
    return _facts(True, "open" if HEVC_OPEN in types else "", doubtful=doubtful)
