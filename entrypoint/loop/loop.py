"""The loop itself: batches in, positions out, whatever the engine is."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from dlcctr.errors import ManifestError, VideoError
from entrypoint.engines.base import Network
from entrypoint.loop.batch_reader import BatchReader
from entrypoint.loop.beside import Fed, ModelsBeside, identify
from entrypoint.loop.checkpoints.termination import save_when_terminated
from entrypoint.loop.checkpoints.writer import CheckpointWriter, OtherPositions
from entrypoint.loop.judging.judge_job import judge_job
from entrypoint.loop.judging.seen import SeenPictures
from entrypoint.loop.loaded_network import LoadedNetwork
from entrypoint.loop.pose_array import PoseArray
from entrypoint.loop.result import LoopResult
from entrypoint.loop.stock_batches import StockBatches
from entrypoint.loop.stock_pixels import prove_pixels, read_first_picture
from entrypoint.loop.under_way import UnderWay
from entrypoint.protocol import ANALYSING, Job, Message, Progress, Report
from entrypoint.video.decoding.decoders import NVDEC
from entrypoint.video.decoding.nvdec import OtherDecoder
from entrypoint.video.frame_scan import FrameScan
from entrypoint.video.pixels import Box, check_crop
from entrypoint.video.restart import Restart, RestartLost

PROGRESS_EVERY_S = 0.5
NOT_USED = "what earlier attempts finished is not used: on the first frames the network gives other positions"


class Loop:
    """Analyses one video after the other; a network stays loaded while its model is asked for.

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
        self._models: dict[tuple[str, str], LoadedNetwork] = {}
        self._fed: dict[str, Fed] = {}

    def forget(self) -> None:
        """Release the networks' memory."""
        self._models.clear()
        self._fed.clear()

    def analyze(self, job: Job, report: Report, beside: Sequence[Job] = ()) -> LoopResult:
        """Analyse a video, and write DeepLabCut's files of all stream frames into the job's folder.

        A job without a scan is one pass: what the scan must know is gathered while the network works.

        Parameters
        ----------
        report : callable
            Gets progress and messages.
        beside : sequence of Job
            Jobs of other models on the same video, whose checkpoints get their positions on the way.

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
        video = identify(Path(job.video))
        self._forget_others([job, *beside])
        loaded = self._load(job)
        network = loaded.network
        size = loaded.batch_size(job)
        _say_batch_size(job, size, report)
        job = replace(job, batch_size=size)
        result = LoopResult(network.scorer, job.batch_size or 1)
        result.add("load", clock)
        with PoseArray(Path(job.folder).parent, network.n_bodyparts) as poses:
            scan = self._take_fed(job, video, poses, result, report)
            if scan is None:
                self._fed.clear()
                with ModelsBeside(beside, job, self._load, result, report) as others:
                    checkpoints = CheckpointWriter(job, poses, report)
                    on_gpu = job.decoder == NVDEC and job.scan is None
                    scan = self._fill(_Row(job, loaded, result, checkpoints, report, others, on_gpu))
                    self._fed = others.fed(video, scan, result.seen)
            result.scan = scan
            clock = time.perf_counter()
            positions = poses.by_stream_frame(scan)
            # A long row is judged by another process, which need not wait for the tables, nor the GPU for both
            with ThreadPoolExecutor(1, "judging") as pool:
                seen = result.seen
                judged = pool.submit(judge_job, job, scan, positions, seen, report) if seen is not None else None
                network.write(replace(job, scan=scan), positions, (began, time.time()))
                result.add("writing", clock)
                clock = time.perf_counter()
                result.judged = judged.result() if judged else None
            result.add("quality", clock)
        return result

    def _forget_others(self, jobs: Sequence[Job]) -> None:
        wanted = {_key(each) for each in jobs}
        for key in self._models.keys() - wanted:
            del self._models[key]

    def _load(self, job: Job) -> LoadedNetwork:
        key = _key(job)
        if key not in self._models:
            self._models[key] = LoadedNetwork(self._open(job))
        return self._models[key]

    def _take_fed(
        self, job: Job, video: tuple[int, ...], poses: PoseArray, result: LoopResult, report: Report
    ) -> FrameScan | None:
        """Positions from the pass of a row before that has fed this job's network, and what it found of the video."""
        fed = self._fed.pop(job.checkpoint_folder, None)
        if fed is None or job.scan or fed.video != video:
            return None
        checkpoints = CheckpointWriter(job, poses, lambda _: None)
        checkpoints.restore()
        if checkpoints.start != fed.at:
            return None
        poses.put(fed.at, fed.tail)
        result.take_over(fed.result)
        result.checkpoints = checkpoints.used
        report(Message("analysed in the pass of a row before it"))
        return fed.scan

    def _fill(self, row: _Row) -> FrameScan:
        """Analyse all frames, from checkpoints or anew; returns what is known of the video."""
        checkpoints = row.checkpoints
        with save_when_terminated(row.save):
            checkpoints.restore()
            scan, restart = None, checkpoints.restart
            while scan is None:
                try:
                    scan = self._analyze_rest(row, restart)
                except RestartLost:
                    restart = None
                except OtherDecoder as why:
                    row.report(Message(f"the CPU decodes this video, not the GPU, because {why}"))
                    row.on_gpu, restart = False, None
                    checkpoints.discard()
                    row.others.discard()
                except OtherPositions as why:
                    if restart is None:
                        row.report(Message(f"{NOT_USED} ({why})"))
                        checkpoints.discard()
                    restart = None  # the pictures from there on may be others, though nothing should make them so
                if scan is None:
                    row.others.leave_out()
        row.result.checkpoints, row.result.decoder = checkpoints.used, NVDEC if row.on_gpu else ""
        return scan

    def _analyze_rest(self, row: _Row, restart: Restart | None) -> FrameScan:
        """Analyse what is in no checkpoint, and first the first batch again, which verifies the checkpoints.

        Where decoding begins anew on the way, the last batch of the checkpoints is analysed again as well.
        """
        job, result, checkpoints, others = row.job, row.result, row.checkpoints, row.others
        network = row.loaded.network
        size, first, at = job.batch_size or 1, checkpoints.start, 0
        behind = int(min(first, others.start))
        if restart and behind < first:
            restart = checkpoints.restart_for(behind)
        whole = StockBatches(size) if network.batch_matters else None
        # Stock fills the last batch up with the one before: that must be there, though its positions are known
        skip = size, max(size, behind - size if whole or restart else behind)
        progress = _ProgressReporter(row.report, job.announced, first)
        under_way = UnderWay(network, result, checkpoints, row.report, progress.update)
        pictures = SeenPictures()
        box, most = partial(_box, network, job), job.scan.decoded if job.scan else None
        with BatchReader(
            Path(job.video),
            job.scan,
            batch_size=size,
            box=box,
            allocate=network.allocate,
            skip=skip,
            restart=restart,
            on_gpu=row.on_gpu,
        ) as reader:
            checkpoints.restart_before = reader.restart_before
            others.follow(reader)
            clock = time.perf_counter()
            for frames in reader:
                result.add("decoding", clock)
                if not at:
                    prove_pixels(job, reader.first, frames[0], self._read_first_picture(job))
                row.loaded.prepare(job, frames, result, row.report)
                clock = time.perf_counter()
                if most is not None and at + len(frames) > most:
                    raise _changed(job, most, f"more than {at}")
                batch = whole.fill(frames) if whole else frames
                if not 0 < at < first - (size if restart else 0):
                    under_way.begin(at, batch, len(frames))
                result.add("network", clock)
                clock = time.perf_counter()
                pictures.add(at, frames, job.scan)
                result.add("pictures", clock)
                others.feed(at, frames)
                at = skip[1] if at + len(frames) == skip[0] else at + len(frames)
                clock = time.perf_counter()
            clock = time.perf_counter()
            under_way.finish_all()
            result.add("network", clock)
            others.finish()
        scan = reader.scan
        assert scan is not None
        if reader.decoded != scan.decoded or first > scan.decoded:
            raise _changed(job, scan.decoded, str(max(reader.decoded, first)))
        progress.finish(scan.decoded)
        result.seen = pictures.finish(scan.stream, reader.first.box)
        return scan


@dataclass
class _Row:
    """Everything about the row that is being analysed; `on_gpu`: the GPU's video engine decodes."""

    job: Job
    loaded: LoadedNetwork
    result: LoopResult
    checkpoints: CheckpointWriter
    report: Report
    others: ModelsBeside
    on_gpu: bool = False

    def save(self) -> None:
        """Write checkpoints of what is finished, of the other models too."""
        self.checkpoints.save()
        self.others.save()


def _key(job: Job) -> tuple[str, str]:
    return job.model, job.device


def _say_batch_size(job: Job, size: int, report: Report) -> None:
    if size != (job.batch_size or 1):
        report(
            Message(
                f"batches of {size} frames on the GPU, not the project's {job.batch_size}; choose with --batch-size"
            )
        )


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
