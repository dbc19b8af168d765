"""One pass over a finished row's video for the measures of its pictures."""

from __future__ import annotations

from pathlib import Path

from dlcctr.results.receipt import Receipt
from entrypoint.loop.judging.look import look
from entrypoint.loop.judging.seen import Seen
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
    return look(video, scan, frames.stream if frames else None, receipt.parameters.crop)
