"""Lossless copies of the frames that decode, for programs that believe headers and stop at the first bad frame."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from dlcctr.errors import OutputError, VideoError
from dlcctr.system.cpus import cpu_count
from dlcctr.system.disk import OTHER_SCRATCH
from entrypoint.video.decoding.decode_pass import DecodePass
from entrypoint.video.frame_scan import FrameScan
from entrypoint.video.frames import decoded_frames, open_pass

OPTIONS = {"ffv1": {"level": "3", "slicecrc": "0"}, "libx264": {"qp": "0", "preset": "ultrafast"}}
PACKED = {"yuyv422", "uyvy422"}
"""Raw formats of cameras. QuickTime has names for them; sorted into planes they would be converted otherwise."""
CHROMA_LEFT = {"mpeg2video", "mpeg4", "h264", "hevc"}
"""Codecs whose decoders say where colour samples lie, beside the left ones of brightness; OpenCV 5 heeds it."""
ANY_COLOUR = "bgr0"
"""Pixel format that OpenCV makes of those that FFV1 does not support; here they are converted before writing."""
FULL_RANGE = 2
"""AVCOL_RANGE_JPEG."""
MATROSKA_FPS = 400
"""Frame rate above which Matroska's milliseconds no longer tell the number of frames."""


def write_copy(path: Path, target: Path, scan: FrameScan, *, threads: int = 0) -> None:
    """Write a lossless copy of exactly the decoded frames, in presentation order, with a true header.

    Packets of codecs that have only key frames are copied as they are. Everything else becomes H.264 without loss
    or, where that cannot hold it (odd sizes, grey, RGB, full range outside of the ``yuvj`` formats), FFV1; of the same
    pixel format, colour space, range, place of colour samples and rotation, so that OpenCV gives the same BGR pixels
    as from the original. The container is QuickTime, Matroska or AVI, whatever the target's name is: OpenCV looks
    at the content.

    Raises
    ------
    VideoError
        The video is no longer what was scanned.
    OutputError
        The copy cannot be written.
    """
    path = path.absolute()
    import av

    threads = threads or cpu_count()
    try:
        written = _copy_packets(path, target, scan)
        if written != scan.decoded:
            written = _encode(path, target, scan, threads)
    except (av.FFmpegError, OSError) as error:
        target.unlink(missing_ok=True)
        raise OutputError(
            f"{target}: the lossless copy of {path} cannot be written ({error.strerror or error})",
            f"free space there; or else: {OTHER_SCRATCH}",
        ) from error
    if written != scan.decoded:
        target.unlink(missing_ok=True)
        raise VideoError(
            f"{path}: {scan.decoded} frames decoded at first, {written} the second time",
            "the file changed meanwhile, or its disk is failing: look at it and try again",
        )


def _rate(reading: DecodePass) -> Fraction:
    stream = reading.stream
    return Fraction(stream.guessed_rate or stream.average_rate or stream.base_rate or 25)


def _copy_packets(path: Path, target: Path, scan: FrameScan) -> int:
    """Copy the packets of a codec whose packets stand alone; 0 for all others, and where the container refuses."""
    import av

    with open_pass(path, scan, 1, hold=True) as reading:
        codec = reading.stream.codec_context.codec
        if not codec.intra_only and reading.codec != "png":
            return 0
        name = "avi" if reading.container.format.name == "avi" else "mov"
        if reading.codec == "rawvideo":
            return 0  # rows are padded, turned and named differently from container to container
        written = 0
        try:
            with av.open(str(target.absolute()), "w", format=name) as out:
                stream: Any = out.add_stream_from_template(reading.stream)
                rate = _rate(reading)
                stream.time_base = 1 / rate
                for frame in decoded_frames(reading, scan):
                    if not written:
                        _keep_rotation(stream, frame)
                    packet = reading.held.pop(-1 if reading.source is None else reading.source, None)
                    if packet is None:
                        return 0
                    packet.stream, packet.time_base = stream, 1 / rate
                    packet.pts = packet.dts = written
                    packet.duration = 1
                    out.mux(packet)
                    written += 1
        except (av.FFmpegError, ValueError):
            return 0
        return written


def _encode(path: Path, target: Path, scan: FrameScan, threads: int) -> int:
    import av

    with open_pass(path, scan, threads) as reading:
        frames = decoded_frames(reading, scan)
        first = next(frames, None)
        if first is None:
            return 0
        rate, written = _rate(reading), 0
        codec, container, pix_fmt = _choose(first, rate)
        with av.open(str(target.absolute()), "w", format=container) as out:
            place = "left" if reading.codec in CHROMA_LEFT else "center"
            options = {**OPTIONS.get(codec, {}), "chroma_sample_location": place}
            stream = out.add_stream(codec, rate=rate, options=options)
            _set_up(stream, first, pix_fmt, rate)
            stream.codec_context.thread_count, stream.codec_context.thread_type = threads, "SLICE"
            for frame in _and_then(first, frames):
                fitting = _fit(frame, stream, pix_fmt)
                fitting.pts, fitting.time_base = written, 1 / rate
                fitting.pict_type = 0  # the encoder's choice
                out.mux(stream.encode(fitting))
                written += 1
            out.mux(stream.encode(None))
        return written


def _and_then(first: Any, others: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from others


def _choose(frame: Any, rate: Fraction) -> tuple[str, str, str]:
    """Codec, container and pixel format that give OpenCV back what it would make of this frame.

    H.264 without loss in QuickTime, whose frame count is exact, for what x264 holds; it turns full range into the
    ``yuvj`` formats. The rest is FFV1, in Matroska, which keeps colour and rotation, or in AVI for very high rates.
    """
    import av

    name = frame.format.name
    if name in PACKED:
        return "rawvideo", "mov", name
    uneven = frame.width % 2 or frame.height % 2
    becomes_yuvj = name in ("yuv420p", "yuv422p", "yuv444p", "gray") and int(frame.color_range) == FULL_RANGE
    # A decoder gives H.264 without colour back as yuv420p
    x264_holds = {each.name for each in _formats(av, "libx264")} - {"gray", "gray10le"}
    if not uneven and not becomes_yuvj and name in x264_holds:
        return "libx264", "mov", name
    pix_fmt = name if name in {each.name for each in _formats(av, "ffv1")} else ANY_COLOUR
    return "ffv1", "matroska" if rate <= MATROSKA_FPS else "avi", pix_fmt


def _formats(av: Any, codec: str) -> Any:
    return av.Codec(codec, "w").video_formats or ()


def _set_up(stream: Any, frame: Any, pix_fmt: str, rate: Fraction) -> None:
    stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, pix_fmt
    stream.time_base = 1 / rate
    context = stream.codec_context
    context.time_base = 1 / rate
    if pix_fmt != ANY_COLOUR:
        context.color_range, context.colorspace = frame.color_range, frame.colorspace
        context.color_primaries, context.color_trc = frame.color_primaries, frame.color_trc
    _keep_rotation(stream, frame)


def _keep_rotation(stream: Any, frame: Any) -> None:
    if getattr(frame, "rotation", 0):
        stream.set_display_rotation(frame.rotation)


def _fit(frame: Any, stream: Any, pix_fmt: str) -> Any:
    if frame.format.name == pix_fmt and (frame.width, frame.height) == (stream.width, stream.height):
        return frame
    return frame.reformat(width=stream.width, height=stream.height, format=pix_fmt)
