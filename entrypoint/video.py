"""Frames in: one pass over a video that says of every frame whether it really decodes, and lossless copies."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class FrameScan:
    """What one sequential pass over a video found.

    Parameters
    ----------
    header : int
        Frames claimed by the container, as OpenCV reports them.
    stream : int
        Frames that should be there.
    decoded : int
        Frames that decode rightly.
    missing : list of [first, stop]
        Half-open ranges of stream frame numbers, in presentation order, that did not decode.
    """

    header: int
    stream: int
    decoded: int
    missing: list[list[int]] = field(default_factory=list)
    width: int = 0
    height: int = 0
    fps: float = 0.0
    codec: str = ""

    @property
    def clean(self) -> bool:
        """Every frame that should be there decodes."""
        return self.decoded == self.stream

    @property
    def header_true(self) -> bool:
        """The container claims what is there."""
        return self.header == self.stream


def scan(path: Path, *, threads: int = 0) -> FrameScan:
    """Decode a whole video once."""
    raise NotImplementedError(path, threads)


def reencode(path: Path, target: Path, scan: FrameScan, *, threads: int = 0) -> None:
    """Write a lossless copy of exactly the decoded frames."""
    raise NotImplementedError(path, target, scan, threads)
