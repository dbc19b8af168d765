"""One pass over a video for the measures of its pictures, where somebody else has analysed it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from entrypoint.loop.judging.seen import Seen, SeenPictures
from entrypoint.video.decoding.decode_pass import DecodePass
from entrypoint.video.frame_scan import FrameScan
from entrypoint.video.frames import decoded_frames, open_pass
from entrypoint.video.pixels import Box, Pictures, check_crop, stock_box


def look(video: Path, scan: FrameScan | None, frames: int | None, crop: Sequence[int] | None) -> Seen:
    """Measure the pictures that were analysed.

    Parameters
    ----------
    scan : FrameScan or None
        What is known of a damaged video; None where every frame decodes.
    frames : int or None
        Frames of the stream; None for as many as decode.
    crop : sequence of int or None
        Part of each picture that was analysed: ``(x1, x2, y1, y2)`` in px.

    Returns
    -------
    Seen
        One entry for each frame of the stream.

    Raises
    ------
    VideoError
        The video cannot be read.
    """
    seen, box = SeenPictures(), None
    number = -1
    with open_pass(video, scan) if scan else DecodePass(video, keep_facts=False) as decoding:
        pictures: Pictures | None = None
        found = decoded_frames(decoding, scan) if scan else (frame for _, frame in decoding.frames())
        for number, frame in enumerate(found):
            if pictures is None:
                box = _part(crop, *decoding.turned_size)
                pictures = Pictures(decoding.rotation, box, decoding.size)
            seen.add(number, pictures.convert(frame)[None], scan)
    return seen.finish(number + 1 if frames is None else frames, box)


def _part(crop: Sequence[int] | None, width: int, height: int) -> Box | None:
    return stock_box(list(crop), width, height) if crop and not check_crop(crop, width, height) else None
