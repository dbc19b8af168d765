"""One pass over a finished row's video for the measures of its pictures."""

from __future__ import annotations

from pathlib import Path

from dlcctr.results.receipt import Receipt
from entrypoint.loop.judging.seen import Seen, SeenPictures
from entrypoint.video.decoding.decode_pass import DecodePass
from entrypoint.video.frames import decoded_frames, open_pass
from entrypoint.video.pixels import Box, Pictures, check_crop, stock_box
from entrypoint.video.scan import scan_video


def look_at_video(video: Path, receipt: Receipt) -> Seen:
    """Measure the pictures that were analysed: the crop, one entry for each frame of the stream.

    Of a damaged video it is found out anew which of the decoder's pictures are frames that are right: more come out.

    Raises
    ------
    VideoError
        The video cannot be read.
    """
    frames = receipt.frames
    scan = scan_video(video) if frames and frames.missing else None
    seen, box = SeenPictures(), None
    number = -1
    with open_pass(video, scan) if scan else DecodePass(video, keep_facts=False) as decoding:
        pictures: Pictures | None = None
        found = decoded_frames(decoding, scan) if scan else (frame for _, frame in decoding.frames())
        for number, frame in enumerate(found):
            if pictures is None:
                box = _part(receipt, *decoding.turned_size)
                pictures = Pictures(decoding.rotation, box, decoding.size)
            seen.add(number, pictures.convert(frame)[None], scan)
    return seen.finish(frames.stream if frames else number + 1, box)


def _part(receipt: Receipt, width: int, height: int) -> Box | None:
    crop = receipt.parameters.crop
    return stock_box(list(crop), width, height) if crop and not check_crop(crop, width, height) else None
