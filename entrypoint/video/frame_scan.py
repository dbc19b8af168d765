"""What one pass over a video found: frames by header, by stream and decoded, and which are missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dlcctr.system.values.records import LOCAL
from entrypoint.video.frame_times import StreamTimes


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
        Frames per second, as OpenCV reports them.
    codec : str
        FFmpeg's name.
    interlaced : bool
        Some frame is interlaced. OpenCV 5.0 silently makes black pictures of those: analyse a copy.
    outputs : list of [first, stop]
        Half-open ranges of the decoder's outputs (in its own count) that are the decoded frames; for `write_copy`.
    times : StreamTimes or None
        Times of the stream frames; only where the pass was made, for they do not go from process to process.
    strict : bool or None
        How `write_copy` must decode to count the same: None is the fast way, otherwise one thread.
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
    times: StreamTimes | None = field(default=None, repr=False, compare=False, metadata=LOCAL)

    @property
    def clean(self) -> bool:
        """Whether every frame that should be there decodes."""
        return self.decoded == self.stream

    @property
    def header_true(self) -> bool:
        """Whether the container claims the right number of frames."""
        return self.header == self.stream

    def stream_number(self, decoded: int) -> int:
        """Stream frame number of a decoded frame; of the one behind the last, the number of stream frames."""
        for first, stop in self.missing:
            if decoded < first:
                break
            decoded += stop - first
        return decoded


def ranges(numbers: Any) -> list[list[int]]:
    """Half-open ranges of ascending numbers: ``[1, 2, 5]`` is ``[[1, 3], [5, 6]]``."""
    out: list[list[int]] = []
    for number in numbers:
        if out and out[-1][1] == number:
            out[-1][1] = number + 1
        else:
            out.append([number, number + 1])
    return out
