"""Frames in: one pass over a video that says of every frame whether it really decodes, and lossless copies."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class FrameScan:
    """What one sequential pass over a video found.

    Parameters
    ----------
    header : int
        Frames claimed by the container, as OpenCV reports them; 0 where it claims none.
    stream : int
        Frames that should be there.
    decoded : int
        Frames that decode rightly.
    missing : list of [first, stop]
        Half-open ranges of stream frame numbers, in presentation order, that did not decode.
    width, height : int
        Size in px as OpenCV gives it, that is after a rotation that the container asks for.
    fps : float
        As OpenCV reports it.
    codec : str
        FFmpeg's name.
    interlaced : bool
        Some frame is. OpenCV 5.0 makes black pictures of those, and says nothing: analyse a copy.
    outputs : list of [first, stop]
        Half-open ranges of what the decoder puts out (in its own count) that are the decoded frames; for `reencode`.
    strict : bool or None
        How `reencode` must decode to count the same: None is the fast way, otherwise one thread.
    """

    header: int
    stream: int
    decoded: int
    missing: list[list[int]] = field(default_factory=list)
    width: int = 0
    height: int = 0
    fps: float = 0.0
    codec: str = ""
    interlaced: bool = False
    outputs: list[list[int]] = field(default_factory=list, repr=False, compare=False)
    strict: bool | None = field(default=None, repr=False, compare=False)

    @property
    def clean(self) -> bool:
        """Every frame that should be there decodes."""
        return self.decoded == self.stream

    @property
    def header_true(self) -> bool:
        """The container claims what is there."""
        return self.header == self.stream


def scan(path: Path, *, threads: int = 0) -> FrameScan:
    """Decode a whole video once and say which of its frames are right.

    A sound video is decoded once, with all threads. At the first sign of damage the pass starts again with one
    thread, so that every error belongs to its packet.

    **Decoded** is a frame only if it must be right: its packet was read whole, its bytes hold nothing impossible, the
    decoder gave no error and concealed nothing, and every frame since the last sound restart (an IDR or key frame)
    did so too. A loss costs all frames up to the next restart, unless no other frame can depend on the lost one
    (H.264 frames that are no reference; codecs of key frames only). The packet before a broken one counts as broken
    too, for a hole seldom ends where a packet does. What no program can tell: noise within one packet that happens to
    decode (arithmetic coding has no checksum), any change of uncompressed pictures or of FFV1 without checksums, and
    what FFmpeg steps over without a word in WMV and bare H.264.

    **Stream** frames are, in presentation order, the frames of the packets that are there, plus those that a
    trustworthy source announces:

    - the container's own index (MP4, AVI) names packets that cannot be read any more;
    - the file was cut, which its structure proves (`entrypoint.containers.is_cut`): then the header's claim counts,
      what is missing is missing at the end, and it is one frame at least. The header of a file that is structurally
      whole is not believed;
    - timestamps jump beside damage in a container that is read without an index (Matroska, MPEG, fragments of MP4)
      and whose frames come at an even rate.

    Where a hole is in the middle and nothing of these counts what it swallowed (an AVI without index, Matroska of an
    uneven rate, bare H.264), frames behind it have no sure number: that is a VideoError.

    Frames that an edit list hides, AVI's empty "dropped" chunks, and pictures before the first key frame of a
    recording that starts in the middle are no stream frames: no program shows them.

    Raises
    ------
    VideoError
        The file cannot be read at all, or not be numbered, with a plain reason.
    """
    from entrypoint.reckoning import scan_video

    return scan_video(path.absolute(), threads)


def reencode(path: Path, target: Path, scan: FrameScan, *, threads: int = 0) -> None:
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
    from entrypoint.lossless import write_copy

    write_copy(path.absolute(), target, scan, threads)


def ranges(numbers: Any) -> list[list[int]]:
    """Half-open ranges of ascending numbers: ``[1, 2, 5]`` is ``[[1, 3], [5, 6]]``."""
    out: list[list[int]] = []
    for number in numbers:
        if out and out[-1][1] == number:
            out[-1][1] = number + 1
        else:
            out.append([number, number + 1])
    return out
