"""Result of a run of the loop."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from dlcctr.results.sections import FromFloat32
from entrypoint.loop.judging.judge_row import Judged
from entrypoint.loop.judging.seen import Seen
from entrypoint.protocol import Checkpoint
from entrypoint.video.frame_scan import FrameScan


@dataclass
class LoopResult:
    """What an analysis took, in seconds by phase, and how it was done.

    Parameters
    ----------
    batch_size : int
        Batch size at the end, in frames per network call.
    backend : str
        Name and version of what computed the network.
    why_engine : str
        Why that was not OpenVINO, if it was wanted; completes "because …".
    checkpoints : list of Checkpoint
        Checkpoints taken from earlier attempts.
    scan : FrameScan or None
        What is known of the video in the end.
    from_float32 : FromFloat32 or None
        How far another precision is from float32 on the first frames.
    decoder : str
        ``nvdec`` where the GPU's video engine decoded; empty where the CPU did.
    seen : Seen or None
        The pictures that were analysed.
    judged : Judged or None
        What is said of the row; None where nobody has looked at it.
    """

    scorer: str
    batch_size: int
    backend: str = ""
    why_engine: str = ""
    timings_s: dict[str, float] = field(default_factory=dict)
    checkpoints: list[Checkpoint] = field(default_factory=list)
    scan: FrameScan | None = None
    from_float32: FromFloat32 | None = None
    decoder: str = ""
    seen: Seen | None = None
    judged: Judged | None = None

    def add(self, phase: str, since: float) -> None:
        """Add the time since a `time.perf_counter` to a phase."""
        self.timings_s[phase] = self.timings_s.get(phase, 0.0) + time.perf_counter() - since

    def take_over(self, other: LoopResult) -> None:
        """Take over how positions were made."""
        self.batch_size, self.from_float32 = other.batch_size, other.from_float32
        self.backend, self.why_engine = other.backend, other.why_engine
        self.seen, self.decoder = other.seen, other.decoder
