"""The loop itself: batches in, positions out, whatever the engine is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dlcctr.errors import ModelError, VideoError
from entrypoint.engines import Job
from entrypoint.loop import Network, NotCovered, openvino
from entrypoint.loop.ahead import BatchReader
from entrypoint.loop.batches import StockBatches
from entrypoint.loop.compare import comparable, difference
from entrypoint.loop.keeper import Keeper, OtherPositions
from entrypoint.loop.opencv import prove_pixels
from entrypoint.loop.parts import Part
from entrypoint.loop.poses import open_poses
from entrypoint.video.frame_scan import FrameScan

PROGRESS_EVERY_S = 0.5
CHECKED_FRAMES = 8
"""Of a video's first batch; on these OpenVINO is held against the engine."""
MARGIN = 10
"""So many times closer they must be there than what is called equal: networks that make small differences large
may be off by more on other frames. The ones that were measured stay below a fiftieth."""


@dataclass
class Result:
    """What an analysis took, in seconds by phase, and how it was done.

    Parameters
    ----------
    batch_size : int
        The one that it ended with.
    backend : str
        Name and version of what computed the network.
    why_engine : str
        Why that was not OpenVINO, where it was wanted; completes "because …".
    parts : list of Part
        What earlier attempts had finished.
    """

    scorer: str
    batch_size: int
    backend: str = ""
    why_engine: str = ""
    timings_s: dict[str, float] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)

    def add(self, phase: str, since: float) -> None:
        """Add the time since a `time.perf_counter` to a phase."""
        self.timings_s[phase] = self.timings_s.get(phase, 0.0) + time.perf_counter() - since


class Loop:
    """Analyses one video after the other; the network stays loaded while the model is the same.

    Parameters
    ----------
    open_network : callable
        Makes a job's network, or raises `NotCovered`.
    """

    def __init__(self, open_network: Callable[[Job], Network]) -> None:
        self._open = open_network
        self._network: Network | None = None
        self._key: tuple[str, str] | None = None
        self._proven: set[tuple[int, ...]] = set()
        self._backends: dict[Any, tuple[str, str]] = {}

    def forget(self) -> None:
        """Give the network's memory back."""
        self._network, self._key = None, None
        self._proven.clear()
        self._backends.clear()

    def analyze(self, job: Job) -> Result:
        """Analyse a video, and write DeepLabCut's files of all stream frames into the job's folder.

        Raises
        ------
        NotCovered
            Stock DeepLabCut must do it. Nothing was written.
        DlcctrError
            The video is no longer what was scanned.
        """
        began, clock = time.time(), time.perf_counter()
        network = self._load(job)
        result = Result(network.scorer, job.batch_size or 1)
        result.add("load", clock)
        with open_poses(job, network.n_bodyparts) as poses:
            self._fill(poses, job, network, result)
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

    def _fill(self, poses: Any, job: Job, network: Network, result: Result) -> None:
        keeper = Keeper(job, poses)
        with keeper.saving():
            keeper.restore()
            try:
                self._analyze_rest(job, network, result, keeper)
            except OtherPositions as why:
                keeper.discard(str(why))
                self._analyze_rest(job, network, result, keeper)
        result.parts = keeper.used

    def _analyze_rest(self, job: Job, network: Network, result: Result, keeper: Keeper) -> None:
        """Analyse what is not kept yet, and before it the first batch again, which proves what is."""
        size, start, at = job.batch_size or 1, keeper.start, 0
        box, whole = network.box(job), StockBatches(size) if network.batch_matters else None
        # Stock fills the last batch up with the one before: that must be there, though its positions are known
        skip = size, max(size, start - size if whole else start)
        scan, progress = FrameScan(**job.scan), _Progress(job.decoded, start)
        reader = BatchReader(Path(job.video), scan, batch_size=size, box=box, allocate=network.allocate, skip=skip)
        with reader:
            clock = time.perf_counter()
            for frames in reader:
                result.add("decoding", clock)
                if not at:
                    prove_pixels(job, box, frames[0], network.picture_as_stock(job))
                self._prove(network, frames[0])
                self._settle_backend(network, job, frames, result)
                clock = time.perf_counter()
                if at + len(frames) > job.decoded:
                    raise _changed(job, f"more than {at}")
                batch = whole.fill(frames) if whole else frames
                if not 0 < at < start:
                    positions = predict(network, batch, result)[: len(frames)]
                    keeper.take(at, positions, result.batch_size, result.backend)
                result.add("network", clock)
                at = skip[1] if at + len(frames) == skip[0] else at + len(frames)
                progress.show(max(at, start))
                clock = time.perf_counter()
        if reader.decoded != job.decoded:
            raise _changed(job, str(reader.decoded))

    def _prove(self, network: Network, frame: Any) -> None:
        """Hold the first frame of each size against DeepLabCut's own runner: what it does may change."""
        if frame.shape in self._proven:
            return
        network.use_engine()
        ours, stock = network.predict(frame[None])[0], network.predict_as_stock(frame)
        if ours.shape != stock.shape:
            raise NotCovered(f"DeepLabCut gives positions of shape {stock.shape} for a frame, not {ours.shape}")
        if off := difference(ours, stock):
            raise NotCovered(f"on its first frame DeepLabCut's own runner gives other positions ({off})")
        self._proven.add(frame.shape)

    def _settle_backend(self, network: Network, job: Job, frames: Any, result: Result) -> None:
        """Let OpenVINO compute the network where it is wanted and gives the engine's positions on real frames.

        Raises
        ------
        ModelError
            It was asked for, and cannot.
        """
        key = (job.backend, job.batch_size, frames.shape[1:])  # OpenVINO shares a batch out by its size
        if key not in self._backends:
            self._backends = {key: _choose_backend(network, job, frames, result)}
        result.backend, result.why_engine = self._backends[key]


def _choose_backend(network: Network, job: Job, frames: Any, result: Result) -> tuple[str, str]:
    """Name of what computes the network, and why it is not OpenVINO where that was wanted."""
    engine = network.use_engine()
    if job.backend == "engine":
        return engine, ""
    frames = comparable(frames[:CHECKED_FRAMES])
    size = tuple(frames.shape[1:3])
    try:
        if network.batch_matters:
            raise NotCovered("in a network that normalises by the batch it gives other positions")
        expected = predict(network, frames, result)
        found = network.use_openvino(job, size)
        off = difference(_predict_with_openvino(network, frames), expected, MARGIN)
        if not off:
            return found, ""
        openvino.forget(job, size)
        raise NotCovered(f"OpenVINO gives other positions ({off})")
    except NotCovered as why:
        if job.backend == "openvino":
            raise ModelError(
                f"OpenVINO cannot compute this network, because {why}",
                "leave the choice to the program with --backend auto",
            ) from why
        return network.use_engine(), str(why)


def _predict_with_openvino(network: Network, frames: Any) -> Any:
    """Its first positions. Whatever fails is a reason to leave it alone, memory too: smaller batches need as much."""
    try:
        return network.predict(frames)
    except Exception as error:
        raise openvino.refusal(error) from error


def predict(network: Network, frames: Any, result: Result) -> Any:
    """Positions of a batch, in smaller batches from where memory does not suffice on; no frame is left out."""
    import numpy

    parts, first = [], 0
    while first < len(frames):
        batch = frames[first : first + result.batch_size]
        part = _try(network, batch)
        if part is None:
            network.release_memory()
            result.batch_size = len(batch) // 2
            print(f"out of memory: going on with batches of {result.batch_size}", flush=True)
        else:
            parts.append(part)
            first += len(batch)
    return parts[0] if len(parts) == 1 else numpy.concatenate(parts)


def _try(network: Network, frames: Any) -> Any:
    """Positions, or None where memory does not suffice and the batch can be made smaller."""
    try:
        return network.predict(frames)
    except Exception as error:  # it holds on to the memory: nothing can be given back before it is gone
        if len(frames) == 1 or not network.is_out_of_memory(error):
            raise
        return None


def _changed(job: Job, found: str) -> VideoError:
    return VideoError(
        f"{Path(job.video).resolve()}: {job.decoded} frames decoded at first, {found} the second time",
        "the file changed meanwhile, or its disk is failing: look at it and try again",
    )


class _Progress:
    """Lines in the form of DeepLabCut's own bar, which the supervisor reads; the first says where it begins."""

    def __init__(self, frames: int, first: int) -> None:
        self._frames, self._shown_s = frames, -PROGRESS_EVERY_S
        print("Running pose prediction", flush=True)
        self.show(first)

    def show(self, done: int) -> None:
        now = time.monotonic()
        if now - self._shown_s >= PROGRESS_EVERY_S or done == self._frames:
            self._shown_s = now
            print(f"{done}/{self._frames} [", end="\r", flush=True)
