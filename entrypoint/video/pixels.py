"""Decoder's frames to the very pixels that OpenCV would give of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from entrypoint.video.decoding.nvdec import planar

Box = tuple[int, int, int, int]

BT709 = 1
WIDE_PRIMARIES = {9, 11, 12}
"""BT.2020, DCI-P3 and Display P3, as telephones record (ITU-T H.273, table 2)."""
HDR_TRANSFERS = {16, 18}
"""PQ and HLG (ITU-T H.273, table 3)."""


class Pictures:
    """Converter of one video's frames, for one thread; it remembers what can be used again.

    OpenCV lets swscale make BGR with bicubic interpolation of colour samples (cap_ffmpeg_impl.hpp), with the frame's
    own colour space and range. With the same FFmpeg in both, all bytes are equal; 10-bit formats are not if RGB is
    asked for instead. Interlaced frames, which are black pictures from OpenCV's FFmpeg 8, become what OpenCV makes of
    the same frame without that mark. Wide colours and HDR become BT.709, as in OpenCV 4.14; PyAV drops both unless
    it is told what to make of them. Where pictures change their size, all get that of the first.

    Parameters
    ----------
    rotation : int
        Degrees, as the container asks for it and `entrypoint.video.decoding.decode_pass.DecodePass` reports it.
    box : tuple of int or None
        Part of the turned picture: ``(x1, x2, y1, y2)`` in px.
    size : tuple of int or None
        Width and height of the video's first picture in px, before it is turned; by default those of the first one that
        is converted.
    """

    def __init__(self, rotation: int = 0, box: Box | None = None, size: tuple[int, int] | None = None) -> None:
        from av.video.reformatter import Interpolation, VideoReformatter

        self._reformatter = VideoReformatter()
        self._bicubic = Interpolation.BICUBIC
        self._quarter_turns = rotation // 90 % 4
        self._box = box
        self._size = size

    def convert(self, frame: Any) -> Any:
        """BGR picture (height, width, 3), uint8; valid as long as it is referred to."""
        frame = planar(frame)
        if frame.interlaced_frame:
            frame = _progressive(frame)
        width, height = self._size = self._size or (frame.width, frame.height)
        picture = self._reformatter.reformat(
            frame, width, height, format="bgr24", interpolation=self._bicubic, threads=1, **target_colours(frame)
        ).to_ndarray()
        if self._quarter_turns:
            import numpy

            picture = numpy.rot90(picture, self._quarter_turns)
        if self._box:
            x1, x2, y1, y2 = self._box
            picture = picture[y1:y2, x1:x2]
        return picture


def target_colours(frame: Any) -> dict[str, int]:
    """Primaries and transfer that OpenCV gives BGR pictures; none where they stay the frame's own."""
    primaries, transfer = int(frame.color_primaries), int(frame.color_trc)
    wide, hdr = primaries in WIDE_PRIMARIES, transfer in HDR_TRANSFERS
    if not (wide or hdr):
        return {}
    return {"dst_color_primaries": BT709 if wide else primaries, "dst_color_trc": BT709 if hdr else transfer}


def _progressive(frame: Any) -> Any:
    """Copy of a frame that does not call itself interlaced: swscale would convert its fields one by one."""
    import av
    import numpy

    copy = av.VideoFrame(frame.width, frame.height, frame.format.name)
    copy.colorspace, copy.color_range = frame.colorspace, frame.color_range
    copy.color_primaries, copy.color_trc = frame.color_primaries, frame.color_trc
    for source, target in zip(frame.planes, copy.planes, strict=True):
        rows = [numpy.frombuffer(plane, numpy.uint8).reshape(plane.height, -1) for plane in (target, source)]
        width = min(row.shape[1] for row in rows)
        rows[0][:, :width] = rows[1][:, :width]
    return copy


def check_crop(crop: Sequence[int] | None, width: int, height: int) -> tuple[str, str] | None:
    """Message and hint of a crop ``(x1, x2, y1, y2)`` that does not fit into pictures of a size in px."""
    if crop is None:
        return None
    x1, x2, y1, y2 = crop
    if 0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height:
        return None
    return (
        f"crop {x1},{x2},{y1},{y2} does not fit into the picture of {width} x {height} px",
        "give x1,x2,y1,y2 in px from the top left corner, in the manifest's column or with --crop",
    )


def stock_box(crop: list[int] | None, width: int, height: int) -> Box | None:
    """A crop as DeepLabCut applies it.

    It stores the crop as fractions of the picture and multiplies and truncates them again, which makes some
    coordinates one pixel smaller (VideoReader.set_bbox and get_bbox).
    """
    if crop is None:
        return None
    x1, x2, y1, y2 = crop
    return (
        int(width * (x1 / width)), int(width * (x2 / width)), int(height * (y1 / height)), int(height * (y2 / height))
    )  # fmt: skip
