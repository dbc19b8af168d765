"""A network in memory: proven against DeepLabCut's own runner, and computed by what suits the device."""

from __future__ import annotations

from typing import Any

from dlcctr.campaign.precision import FLOAT32
from entrypoint.engines.base import Network, NotCovered
from entrypoint.loop.backend import choose_backend
from entrypoint.loop.compare import difference
from entrypoint.loop.result import LoopResult
from entrypoint.protocol import Job, Report


class LoadedNetwork:
    """A network that is loaded, what was proven of it, and what computes it."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._proven: set[tuple[int, ...]] = set()
        self._backends: dict[Any, tuple[str, str]] = {}

    def batch_size(self, job: Job) -> int:
        """Frames per network call: what was chosen, or the project's own, or what suits a GPU."""
        usual = job.batch_size or 1
        return usual if self.network.batch_matters else job.gpu_batch_size or usual

    def prepare(self, job: Job, frames: Any, result: LoopResult, report: Report) -> None:
        """Compare with DeepLabCut on a batch's first frame, where its size is new, and choose what computes the batch.

        Raises
        ------
        NotCovered
            Stock DeepLabCut must do the job.
        ModelError
            OpenVINO was requested, but cannot compute this network.
        """
        self._prove(frames[0])
        self._settle_backend(job, frames, result, report)

    def _prove(self, frame: Any) -> None:
        """Compare the first frame of each size with DeepLabCut's own runner, which may change."""
        if frame.shape in self._proven:
            return
        network = self.network
        network.use_engine()
        ours, stock = network.predict(frame[None])[0], network.predict_as_stock(frame)
        if ours.shape != stock.shape:
            raise NotCovered(f"DeepLabCut gives positions of shape {stock.shape} for a frame, not {ours.shape}")
        if off := difference(ours, stock):
            raise NotCovered(f"on its first frame DeepLabCut's own runner gives other positions ({off})")
        self._proven.add(frame.shape)

    def _settle_backend(self, job: Job, frames: Any, result: LoopResult, report: Report) -> None:
        """Let OpenVINO compute the network if it is wanted and gives the engine's positions on real frames."""
        # OpenVINO shares a batch out by its size; how far another precision is off is said of each video
        key = (job.backend, job.batch_size, frames.shape[1:], job.precision)
        if key not in self._backends or (job.precision != FLOAT32 and result.from_float32 is None):
            self._backends = {key: choose_backend(self.network, job, frames, result, report)}
        result.backend, result.why_engine = self._backends[key]
