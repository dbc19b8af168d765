"""The loop itself: batches in, positions out, whatever the engine is."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from dlcctr.campaign.precision import FLOAT32
from dlcctr.errors import ManifestError, VideoError
from entrypoint.engines.base import Finish, Network, NotCovered
from entrypoint.loop.backend import choose_backend, start
from entrypoint.loop.batch_reader import BatchReader
from entrypoint.loop.checkpoint_writer import CheckpointWriter, OtherPositions
from entrypoint.loop.compare import difference
from entrypoint.loop.pose_array import PoseArray
from entrypoint.loop.result import LoopResult
from entrypoint.loop.stock_batches import StockBatches
from entrypoint.loop.stock_pixels import prove_pixels, read_first_picture
from entrypoint.protocol import ANALYSING, Job, Message, Progress, Report
from entrypoint.video.frame_scan import FrameScan
from entrypoint.video.pixels import Box, check_crop
from entrypoint.video.restart import Restart, RestartLost

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

        A job without a scan is one pass: what the scan must know is gathered while the network works.

        Parameters
        ----------
        report : callable
            Gets progress and messages.

        Raises
        ------
        NotCovered
            Stock DeepLabCut must do the job. Nothing was written.
        DamagedVideo
            The one pass has found signs of damage: the video needs a scan. Nothing was written.
        DlcctrError
            The video is no longer what was scanned.
        """
        began, clock = time.time(), time.perf_counter()
        network = self._load(job)
        job = replace(job, batch_size=_batch_size(job, network, report))
        result = LoopResult(network.scorer, job.batch_size or 1)
        result.add("load", clock)
        with PoseArray(Path(job.folder).parent, network.n_bodyparts) as poses:
            scan = result.scan = self._fill(poses, job, network, result, report)
            clock = time.perf_counter()
            network.write(replace(job, scan=scan), poses.by_stream_frame(scan), (began, time.time()))
            result.add("writing", clock)
        return result

    def _load(self, job: Job) -> Network:
        key = (job.model, job.device)
        if self._network is None or self._key != key:
            self.forget()
            self._network, self._key = self._open(job), key
        return self._network

    def _fill(self, poses: PoseArray, job: Job, network: Network, result: LoopResult, report: Report) -> FrameScan:
        checkpoints = CheckpointWriter(job, poses, report)
        with checkpoints.saving():
            checkpoints.restore()
            scan, restart = None, checkpoints.restart
            while scan is None:
                try:
                    scan = self._analyze_rest(job, network, result, checkpoints, report, restart=restart)
                except RestartLost:
                    restart = None
                except OtherPositions as why:
                    if restart is None:
                        checkpoints.discard(str(why))
                    restart = None  # the pictures from there on may be others, though nothing should make them so
        result.checkpoints = checkpoints.used
        return scan

    def _analyze_rest(
        self,
        job: Job,
        network: Network,
        result: LoopResult,
        checkpoints: CheckpointWriter,
        report: Report,
        *,
        restart: Restart | None,
    ) -> FrameScan:
        """Analyse what is in no checkpoint, and first the first batch again, which verifies the checkpoints.

        Where decoding begins anew on the way, the last batch of the checkpoints is analysed again as well.
        """
        size, first, at = job.batch_size or 1, checkpoints.start, 0
        whole = StockBatches(size) if network.batch_matters else None
        # Stock fills the last batch up with the one before: that must be there, though its positions are known
        skip = size, max(size, first - size if whole or restart else first)
        progress = _ProgressReporter(report, job.announced, first)
        under_way = _UnderWay(network, result, checkpoints, progress, report)
        box, most = partial(_box, network, job), job.scan.decoded if job.scan else None
        with BatchReader(
            Path(job.video), job.scan, batch_size=size, box=box, allocate=network.allocate, skip=skip, restart=restart
        ) as reader:
            checkpoints.restart_before = reader.restart_before
            clock = time.perf_counter()
            for frames in reader:
                result.add("decoding", clock)
                if not at:
                    prove_pixels(job, reader.first, frames[0], self._read_first_picture(job))
                self._prove(network, frames[0])
                self._settle_backend(network, job, frames, result, report)
                clock = time.perf_counter()
                if most is not None and at + len(frames) > most:
                    raise _changed(job, most, f"more than {at}")
                batch = whole.fill(frames) if whole else frames
                if restart or not 0 < at < first:
                    under_way.begin(at, batch, len(frames))
                result.add("network", clock)
                at = skip[1] if at + len(frames) == skip[0] else at + len(frames)
                clock = time.perf_counter()
            clock = time.perf_counter()
            under_way.finish_all()
            result.add("network", clock)
        scan = reader.scan
        assert scan is not None
        if reader.decoded != scan.decoded or first > scan.decoded:
            raise _changed(job, scan.decoded, str(max(reader.decoded, first)))
        progress.finish(scan.decoded)
        return scan

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
        # OpenVINO shares a batch out by its size; how far another precision is off is said of each video
        key = (job.backend, job.batch_size, frames.shape[1:], job.precision)
        if key not in self._backends or (job.precision != FLOAT32 and result.from_float32 is None):
            self._backends = {key: choose_backend(network, job, frames, result, report)}
        result.backend, result.why_engine = self._backends[key]


class _UnderWay:
    """Batches that the network was given and whose positions have not been asked for: as many as it can take ahead."""

    def __init__(
        self,
        network: Network,
        result: LoopResult,
        checkpoints: CheckpointWriter,
        progress: _ProgressReporter,
        report: Report,
    ) -> None:
        self._network, self._result, self._checkpoints = network, result, checkpoints
        self._progress, self._report = progress, report
        self._batches: deque[tuple[int, int, Finish]] = deque()

    def begin(self, at: int, frames: Any, count: int) -> None:
        """Begin with a batch, of which the first `count` positions are of the frames from `at` on."""
        self._batches.append((at, count, start(self._network, frames, self._result, self._report)))
        while len(self._batches) > self._network.ahead:
            self._finish_one()

    def finish_all(self) -> None:
        """Wait for all positions."""
        while self._batches:
            self._finish_one()

    def _finish_one(self) -> None:
        at, count, finish = self._batches.popleft()
        self._checkpoints.take(at, finish()[:count], self._result.batch_size, self._result.backend)
        self._progress.update(max(at + count, self._checkpoints.start))


def _batch_size(job: Job, network: Network, report: Report) -> int:
    """Frames per network call: what was chosen, or the project's own, or what suits a GPU."""
    usual = job.batch_size or 1
    if job.gpu_batch_size in (0, usual) or network.batch_matters:
        return usual
    report(
        Message(
            f"batches of {job.gpu_batch_size} frames on the GPU, not the project's {usual}; choose with --batch-size"
        )
    )
    return job.gpu_batch_size


def _box(network: Network, job: Job, width: int, height: int) -> Box | None:
    if problem := check_crop(job.crop, width, height):
        raise ManifestError(*problem)
    return network.box(job, width, height)


def _changed(job: Job, decoded: int, found: str) -> VideoError:
    return VideoError(
        f"{Path(job.video).resolve()}: {decoded} frames decoded at first, {found} the second time",
        "the file changed meanwhile, or its disk is failing: look at it and try again",
    )


class _ProgressReporter:
    """Reports progress now and then: first where the analysis begins, in the end that all is done."""

    def __init__(self, report: Report, frames: int, first: int) -> None:
        self._report, self._frames, self._reported_s, self._reported = report, frames, -PROGRESS_EVERY_S, -1
        self.update(first)

    def update(self, done: int) -> None:
        now = time.monotonic()
        if now - self._reported_s >= PROGRESS_EVERY_S or done == self._frames:
            self._send(done, now)

    def finish(self, done: int) -> None:
        if self._reported != done:
            self._send(done, time.monotonic())

    def _send(self, done: int, now: float) -> None:
        self._reported_s, self._reported = now, done
        self._report(Progress(ANALYSING, done))
