"""What can be read from a video without decoding all of it: header, first frame, fingerprint."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dlcctr.campaign.videos.encryption import ENCRYPTED, is_encrypted
from dlcctr.campaign.videos.fingerprint import fingerprint
from dlcctr.errors import ToolMissingError
from dlcctr.system.values.numbers import parse_whole

FIRST_FRAME_PACKETS = 300
"""Packets in which the first picture is looked for: ten seconds of ordinary video."""

UNLIKELY = 0.1
"""A count that differs from duration x rate by more than this share is compared with the index."""
ATTACHED_PICTURE = 0x400
"""AV_DISPOSITION_ATTACHED_PIC."""
COUNT_TAGS = ("NUMBER_OF_FRAMES", "NUMBER_OF_FRAMES-eng")
"""Where Matroska writers put the number of frames."""


@dataclass(frozen=True)
class VideoFacts:
    """The facts about a video that go into its manifest row; `error` says why it cannot be read.

    `note` names something odd that is not a fault; it is shown to the user and is not a column.
    """

    frames: int | None = None
    fps: float | None = None
    width: int | None = None
    height: int | None = None
    codec: str = ""
    duration_s: float | None = None
    bytes: int | None = None
    fingerprint: str = ""
    error: str = ""
    note: str = ""


def probe_all(
    paths: Sequence[Path], *, jobs: int | None = None, done: Callable[[], object] = lambda: None
) -> list[VideoFacts]:
    """Probe videos in parallel threads; facts in the order of `paths`. `done` is called after each.

    Raises
    ------
    ToolMissingError
        PyAV cannot be imported.
    """
    _import_av()

    def work(path: Path) -> VideoFacts:
        facts = probe_video(path)
        done()
        return facts

    with ThreadPoolExecutor(max_workers=jobs or min(16, 2 * (os.cpu_count() or 1))) as pool:
        return list(pool.map(work, paths))


def probe_video(path: Path) -> VideoFacts:
    """Probe one video. Never raises for what is wrong with the file: that is `VideoFacts.error`.

    Frames are what the container's index or header claims; where it has no count (Matroska without statistics,
    MPEG), duration x fps; where there is no duration either (raw H.264), None.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return VideoFacts(error="not a regular file")
        if status.st_size == 0:
            return VideoFacts(bytes=0, fingerprint=fingerprint(path), error="the file is empty (0 bytes)")
        facts = VideoFacts(bytes=status.st_size, fingerprint=fingerprint(path))
    except OSError as error:
        missing = isinstance(error, FileNotFoundError) and path.is_symlink()
        return VideoFacts(error="a symbolic link to a file that does not exist" if missing else _reason(error))
    av = _import_av()
    try:
        with av.open(str(path.absolute()), options={"protocol_whitelist": "file"}) as container:
            return _read(container, facts)
    except (av.FFmpegError, ValueError, OSError) as error:
        return replace(facts, error=_why_unreadable(path, error))


def _import_av() -> Any:
    try:
        import av
    except ImportError as error:
        raise ToolMissingError(
            f"PyAV, which reads video headers, cannot be imported ({error})",
            "pip install --prefer-binary av, or run this command from the image: "
            "singularity run dlc.sif manifest VIDEOS -o m.csv",
        ) from error
    return av


def _read(container: Any, facts: VideoFacts) -> VideoFacts:
    if not container.streams.video or container.format.name == "tty":  # tty draws any text file
        return replace(facts, error="it contains no video")
    stream = container.streams.video[0]
    if stream.codec_context is None:
        return replace(facts, error="FFmpeg has no decoder for it")
    if is_encrypted(Path(container.name)):
        return replace(facts, error=ENCRYPTED)
    stream.codec_context.thread_count = 1
    rate = frame_rate(stream)
    duration_s = _duration_s(container, stream)
    facts = replace(
        facts,
        frames=_frames(stream, rate, duration_s, facts.bytes or 0),
        fps=round(float(rate), 6) if rate else None,
        codec=str(stream.codec_context.name),
        duration_s=round(duration_s, 3) if duration_s else None,
        note=_other_streams(container.streams.video),
    )
    width, height, error = _picture_size(container, stream)
    return replace(facts, width=width, height=height, error=error)


def _other_streams(streams: Sequence[Any]) -> str:
    """Remark on a file with several video streams; OpenCV, and so DeepLabCut, reads the first one."""
    if len(streams) < 2:
        return ""
    first, *others = (_describe(stream) for stream in streams)
    text = f"{len(streams)} video streams: the first, {first}, is analysed, as OpenCV does; "
    text += f"left out: {', '.join(others)}"
    if all(map(_is_cover, streams[1:])):
        return text
    which = "0:V" if _is_cover(streams[0]) else "0:v:1"
    return f"{text}; to analyse another one, copy it: ffmpeg -i VIDEO -map {which} -c copy NEW"


def _describe(stream: Any) -> str:
    context = stream.codec_context
    what = f"{context.name} {context.width}x{context.height}" if context else "one that FFmpeg has no decoder for"
    return f"a cover picture ({what})" if _is_cover(stream) else what


def _is_cover(stream: Any) -> bool:
    return bool(int(getattr(stream, "disposition", 0)) & ATTACHED_PICTURE)


def frame_rate(stream: Any) -> Any:
    """Frames per second of a PyAV video stream as a fraction, as OpenCV reports it; 0 or None where nothing tells.

    The average comes second: for Matroska and FLV without a rate of their own it is that of the clock, 1000.
    """
    return stream.guessed_rate or stream.average_rate or stream.base_rate


def _duration_s(container: Any, stream: Any) -> float | None:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / 1_000_000 if container.duration else None


def _frames(stream: Any, rate: Any, duration_s: float | None, n_bytes: int) -> int | None:
    expected = round(duration_s * float(rate)) if duration_s and rate else None
    if stream.frames > 0:
        likely = expected is None or abs(stream.frames - expected) <= max(2, expected * UNLIKELY)
        return int(stream.frames) if likely else _indexed_frames(stream, n_bytes)
    for tag in COUNT_TAGS:
        if (count := parse_whole(str(stream.metadata.get(tag, "")))) is not None:
            return count
    return expected


def _indexed_frames(stream: Any, n_bytes: int) -> int:
    """Frames of the container's index whose bytes are in the file; what it claims, where there is no index."""
    inside = sum(entry.pos + entry.size <= n_bytes for entry in stream.index_entries)
    return min(inside, int(stream.frames)) or int(stream.frames)


def _picture_size(container: Any, stream: Any) -> tuple[int | None, int | None, str]:
    """Size of the first picture as OpenCV, and so DeepLabCut, turns it."""
    av = _import_av()
    size = (stream.codec_context.width or None, stream.codec_context.height or None)
    for count, packet in enumerate(container.demux(stream)):
        try:
            pictures = packet.decode()
        except av.FFmpegError:
            pictures = []
        if pictures:
            width, height = pictures[0].width, pictures[0].height
            turned = abs(int(getattr(pictures[0], "rotation", 0))) % 180 == 90
            return (height, width, "") if turned else (width, height, "")
        if count >= FIRST_FRAME_PACKETS:
            return (*size, "")
    return (*size, "no frame of it can be decoded")


def _why_unreadable(path: Path, error: Exception) -> str:
    with path.open("rb") as stream:
        head = stream.read(12)
    if head[4:8] == b"ftyp":
        return "an mp4 without its index: cut off while it was written or copied; copy it again or repair it"
    return f"not a video, or a damaged one: FFmpeg reports {_reason(error)!r}"


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return " ".join(str(text).split())
