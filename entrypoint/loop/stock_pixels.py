"""Whether a video's pictures are those that stock DeepLabCut sees through its own OpenCV.

OpenCV 4.11 (FFmpeg 5), which the TensorFlow engine's environments hold, knows no colour spaces, turns no pictures, and
has other edges in odd sizes and other 10-bit pictures than OpenCV 4.14 (FFmpeg 8).
"""

from __future__ import annotations

from typing import Any

from entrypoint.engines.base import NotCovered
from entrypoint.loop.batch_reader import FirstPicture
from entrypoint.protocol import Job


def read_first_picture(job: Job) -> Any:
    """First picture (height, width, 3) of a job's video, BGR, as OpenCV gives it; None where it gives none."""
    import cv2

    capture = cv2.VideoCapture(job.video)
    try:
        return capture.read()[1]
    finally:
        capture.release()


def prove_pixels(job: Job, first: FirstPicture, frame: Any, stock: Any) -> None:
    """Compare the first frame with stock's picture, if that is the right one.

    Parameters
    ----------
    first : FirstPicture
        What is known of the video's first picture; `frame` is its box.
    stock : ndarray or None
        Picture from `read_first_picture`.

    Raises
    ------
    NotCovered
        The pictures differ.
    """
    import numpy

    lost = job.scan is not None and job.scan.stream_number(0) > 0
    if stock is None or first.interlaced or lost:
        return
    if first.box:
        x1, x2, y1, y2 = first.box
        stock = stock[y1:y2, x1:x2]
    if not numpy.array_equal(frame, stock):
        raise NotCovered("OpenCV, which DeepLabCut reads with, makes other pixels of its first frame")
