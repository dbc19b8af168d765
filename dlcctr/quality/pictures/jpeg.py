"""A picture as a JPEG, by the FFmpeg that reads videos."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

PIXELS = "yuvj420p"


def encode_jpeg(frame: Any, width: int, height: int, quantiser: int) -> bytes:
    """Encode a frame of PyAV's as a JPEG.

    Parameters
    ----------
    width, height : int
        Of the JPEG in px; even.
    quantiser : int
        2 (best) to 31.

    Raises
    ------
    av.FFmpegError
        FFmpeg cannot do it.
    """
    import av

    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, PIXELS
    encoder.time_base = Fraction(1, 25)
    encoder.options = {"qmin": str(quantiser), "qmax": str(quantiser)}
    picture = frame.reformat(width, height, PIXELS)
    picture.pts = None
    return b"".join(bytes(packet) for packet in [*encoder.encode(picture), *encoder.encode(None)])
