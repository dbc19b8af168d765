"""The loop itself: batches in, positions out, whatever the engine is."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dlcctr.errors import VideoError
from entrypoint.engines.base import Network, NotCovered
from entrypoint.loop.backend import choose_backend, predict
from entrypoint.loop.batch_reader import BatchReader
from entrypoint.loop.checkpoint_writer import CheckpointWriter, OtherPositions
from entrypoint.loop.compare import difference
from entrypoint.loop.pose_array import open_poses
from entrypoint.loop.result import LoopResult
from entrypoint.loop.stock_batches import StockBatches
from entrypoint.loop.stock_pixels import prove_pixels, read_first_picture
from entrypoint.protocol import ANALYSING, Job, Progress, Report

PROGRESS_EVERY_S = 0.5


class Loop:
    """Analyses one video after the other; the network stays loaded while the model is the same.

    Parameters
    ----------
    open_network : callable
        Makes a job's network, or raises `NotCovered`.
    first_picture : callable
        Reader of a job's first picture, `read_first_picture` but in tests.
    """

    def __init__(
        self, open_network: Callable[[Job], Network], first_picture: Callable[[Job], Any] = read_first_picture
    ) -> None:
        self._open, self._read_first_picture = open_network, first_picture
        self._network: Network | None = None
        self._key: tuple[str, str] | None = None
        self._proven: set[tuple[int, ...]] = set()
        self._backends: dict[Any, tuple[str, str]] = {}

    def forget(self) -> None:
        """Release the network's memory."""
        self._network, self._key = None, None
        self._proven.clear()
        self._backends.clear()

    def analyze(self, job: Job, report: Report) -> LoopResult:
        """Analyse a video, and write DeepLabCut's files of all stream frames into the job's folder.

        Parameters
        ----------
        report : callable
            Gets progress and messages.

        Raises
        ------
        NotCovered
            Stock DeepLabCut must do the job. Nothing was written.
        DlcctrError
            The video is no longer what was scanned.
        """
        began, clock = time.time(), time.perf_counter()
        network = self._load(job)
        result = LoopResult(network.scorer, job.batch_size or 1)
        result.add("load", clock)
        with open_poses(job, network.n_bodyparts) as poses:
            self._fill(poses, job, network, result, report)
            clock = time.perf_counter()
            network.write(job, poses, (began, time.time()))
            result.add("writing", clock)
        return result

    def _load(self, job: Job) -> Network:
        key = (job.model, job.device)
        if self._network is None or self._key != key:
            self.forget()
            self._network, self._key = self._open(job), key
        return self._network

    def _fill(self, poses: Any, job: Job, network: Network, result: LoopResult, report: Report) -> None:
        checkpoints = CheckpointWriter(job, poses, report)
        with checkpoints.saving():
            checkpoints.restore()
            try:
                self._analyze_rest(job, network, result, checkpoints, report)
            except OtherPositions as why:
                checkpoints.discard(str(why))
                self._analyze_rest(job, network, result, checkpoints, report)
        result.checkpoints = checkpoints.used

    def _analyze_rest(
        self, job: Job, network: Network, result: LoopResult, checkpoints: CheckpointWriter, report: Report
    ) -> None:
        """Analyse what is in no checkpoint, and first the first batch again, which verifies the checkpoints."""
        size, start, at = job.batch_size or 1, checkpoints.start, 0
        box, whole = network.box(job), StockBatches(size) if network.batch_matters else None
        # Stock fills the last batch up with the one before: that must be there, though its positions are known
        skip = size, max(size, start - size if whole else start)
        progress = _ProgressReporter(report, job.decoded, start)
        reader = BatchReader(Path(job.video), job.scan, batch_size=size, box=box, allocate=network.allocate, skip=skip)
        with reader:
            clock = time.perf_counter()
            for frames in reader:
                result.add("decoding", clock)
                if not at:
                    prove_pixels(job, box, frames[0], self._read_first_picture(job))
                self._prove(network, frames[0])
                self._settle_backend(network, job, frames, result, report)
                clock = time.perf_counter()
                if at + len(frames) > job.decoded:
                    raise _changed(job, f"more than {at}")
                batch = whole.fill(frames) if whole else frames
                if not 0 < at < start:
                    positions = predict(network, batch, result, report)[: len(frames)]
                    checkpoints.take(at, positions, result.batch_size, result.backend)
                result.add("network", clock)
                at = skip[1] if at + len(frames) == skip[0] else at + len(frames)
                progress.update(max(at, start))
                clock = time.perf_counter()
        if reader.decoded != job.decoded:
            raise _changed(job, str(reader.decoded))

    def _prove(self, network: Network, frame: Any) -> None:
        """Compare the first frame of each size with DeepLabCut's own runner, which may change."""
        if frame.shape in self._proven:
            return
        network.use_engine()
        ours, stock = network.predict(frame[None])[0], network.predict_as_stock(frame)
        if ours.shape != stock.shape:
            raise NotCovered(f"DeepLabCut gives positions of shape {stock.shape} for a frame, not {ours.shape}")
        if off := difference(ours, stock):
            raise NotCovered(f"on its first frame DeepLabCut's own runner gives other positions ({off})")
        self._proven.add(frame.shape)

    def _settle_backend(self, network: Network, job: Job, frames: Any, result: LoopResult, report: Report) -> None:
        """Let OpenVINO compute the network if it is wanted and gives the engine's positions on real frames.

        Raises
        ------
        ModelError
            OpenVINO was requested, but cannot compute this network.
        """
        key = (job.backend, job.batch_size, frames.shape[1:])  # OpenVINO shares a batch out by its size
        if key not in self._backends:
            self._backends = {key: choose_backend(network, job, frames, result, report)}
        result.backend, result.why_engine = self._backends[key]


def _changed(job: Job, found: str) -> VideoError:
    return VideoError(
        f"{Path(job.video).resolve()}: {job.decoded} frames decoded at first, {found} the second time",
        "the file changed meanwhile, or its disk is failing: look at it and try again",
    )


class _ProgressReporter:
    """Reports progress now and then: first where the analysis begins, in the end that all is done."""

    def __init__(self, report: Report, frames: int, first: int) -> None:
        self._report, self._frames, self._reported_s = report, frames, -PROGRESS_EVERY_S
        self.update(first)

    def update(self, done: int) -> None:
        now = time.monotonic()
        if now - self._reported_s >= PROGRESS_EVERY_S or done == self._frames:
            self._reported_s = now
            self._report(Progress(ANALYSING, done))
