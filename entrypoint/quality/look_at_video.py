"""One pass over a video for the measures of its pictures."""

from __future__ import annotations

from pathlib import Path

from dlcctr.quality.measures.pictures import PictureSeries, PictureStatistics
from dlcctr.results.receipt import Receipt
from dlcctr.results.sections import FrameCounts
from entrypoint.video.decoding.decode_pass import DecodePass
from entrypoint.video.pixels import Box, Pictures, check_crop, stock_box


def look_at_video(video: Path, receipt: Receipt) -> PictureSeries:
    """Measure the pictures that were analysed: the crop, one entry for each frame of the stream.

    Raises
    ------
    VideoError
        The video cannot be read.
    """
    statistics = PictureStatistics()
    lost = _lost(receipt.frames)
    with DecodePass(video, strict=False, keep_facts=False) as decoding:
        pictures: Pictures | None = None
        frame_number = 0
        for _, frame in decoding.frames():
            if pictures is None:
                pictures = Pictures(decoding.rotation, _part(receipt, *decoding.turned_size), decoding.size)
            while frame_number in lost:
                statistics.skip()
                frame_number += 1
            statistics.add(pictures.convert(frame))
            frame_number += 1
    return statistics.finish()


def analysed_part(video: Path, receipt: Receipt) -> Box | None:
    """Part of each picture that was analysed: ``(x1, x2, y1, y2)`` in px; None for all of it."""
    with DecodePass(video, strict=False, keep_facts=False) as decoding:
        for _ in decoding.frames():
            return _part(receipt, *decoding.turned_size)
    return None


def _part(receipt: Receipt, width: int, height: int) -> Box | None:
    crop = receipt.parameters.crop
    return stock_box(list(crop), width, height) if crop and not check_crop(crop, width, height) else None


def _lost(frames: FrameCounts | None) -> set[int]:
    return {n for first, stop in (frames.missing if frames else ()) for n in range(first, stop)}
