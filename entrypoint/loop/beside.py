"""Other models on the same video: one pass feeds their networks too, and their rows take the positions over later."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dlcctr.results.receipt import OTHER_MODELS
from entrypoint.engines.base import NotCovered
from entrypoint.loop.backend import predict
from entrypoint.loop.batch_reader import BatchReader, FirstPicture
from entrypoint.loop.checkpoints.writer import CheckpointWriter
from entrypoint.loop.judging.seen import Seen
from entrypoint.loop.loaded_network import LoadedNetwork
from entrypoint.loop.pose_array import PoseArray
from entrypoint.loop.result import LoopResult
from entrypoint.loop.under_way import UnderWay
from entrypoint.protocol import Job, Message, Report
from entrypoint.video.frame_scan import FrameScan
from entrypoint.video.pixels import Box

SHOWN_CHARS = 200


@dataclass(frozen=True)
class Fed:
    """What a pass leaves of a model that it fed from the first frame on, so that its row need not read the video.

    Parameters
    ----------
    video : tuple of int
        What `identify` gave of the video before the pass.
    scan : FrameScan
        What the pass found out about it.
    at : int
        Decoded frames whose positions are in the row's checkpoints: those of whole batches.
    tail : ndarray, (n, n_bodyparts, 3)
        Positions of the frames behind them.
    result : LoopResult
        How the positions were made.
    """

    video: tuple[int, ...]
    scan: FrameScan
    at: int
    tail: Any
    result: LoopResult


def identify(video: Path) -> tuple[int, ...]:
    """What changes when a file is replaced or written to."""
    found = video.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


@dataclass
class _Beside:
    """One of the other models; `tail` has the positions of the last, incomplete batch, which begins at `end`."""

    job: Job
    loaded: LoadedNetwork
    result: LoopResult
    checkpoints: CheckpointWriter
    under_way: UnderWay
    is_prepared: bool = False
    end: int = 0
    tail: Any = None


class ModelsBeside:
    """The networks of jobs whose turn comes later.

    Their positions go into checkpoints, as if an attempt at each job had been stopped at the end of its video. So
    nothing needs to be known here of how a job is finished, and whatever goes wrong with one costs only the discount:
    it is left out, and explains itself when its turn comes.

    Parameters
    ----------
    jobs : sequence of Job
        Each with a place for its checkpoints. A lead with a scan feeds none of them: whoever has none cannot use the
        checkpoints of a damaged video.
    lead : Job
        The job of the pass, with the batch size in force.
    load : callable
        Gives the network of a job.
    lead_result : LoopResult
        Where the time goes.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        lead: Job,
        load: Callable[[Job], LoadedNetwork],
        lead_result: LoopResult,
        report: Report,
    ) -> None:
        self._jobs = jobs if lead.scan is None else ()
        self._lead, self._load, self._lead_result, self._report = lead, load, lead_result, report
        self._members: list[_Beside] = []
        self._reader: BatchReader | None = None
        self._stack = ExitStack()

    def __enter__(self) -> ModelsBeside:
        """Load the networks, and take over what earlier passes have finished."""
        for job in self._jobs:
            try:
                self._members.append(self._open(job))
            except Exception as error:
                self._say(error)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _open(self, job: Job) -> _Beside:
        loaded = self._load(job)
        network = loaded.network
        if network.batch_matters:
            raise NotCovered("frames in a batch affect each other's positions")
        if loaded.batch_size(job) != self._lead.batch_size:
            raise NotCovered("it takes batches of another size")
        poses = self._stack.enter_context(PoseArray(Path(job.folder).parent, network.n_bodyparts))
        job = replace(job, batch_size=self._lead.batch_size)
        result = LoopResult(network.scorer, job.batch_size or 1)
        checkpoints = CheckpointWriter(job, poses, self._warn)
        checkpoints.restore()
        return _Beside(job, loaded, result, checkpoints, UnderWay(network, result, checkpoints, self._warn))

    @property
    def start(self) -> float:
        """Decoded frames that all of them have finished; infinite where there are none of them."""
        return min((each.checkpoints.start for each in self._members), default=math.inf)

    def follow(self, reader: BatchReader) -> None:
        """Take what is known of the video from the pass that is running."""
        self._reader = reader
        for each in self._members:
            each.checkpoints.restart_before = reader.restart_before

    def feed(self, at: int, frames: Any) -> None:
        """Give a batch (n, height, width, 3), whose first frame is number `at` of those that decode, to all of them."""
        self._each(lambda each: self._feed(each, at, frames))

    def _feed(self, each: _Beside, at: int, frames: Any) -> None:
        if at < each.checkpoints.start:
            return
        if not each.is_prepared:
            assert self._reader is not None
            first = self._reader.first
            if _whole(each.loaded.network.box(each.job, *first.turned_size), first) != _whole(first.box, first):
                raise NotCovered("it looks at another part of the pictures")
            each.loaded.prepare(each.job, frames, each.result, self._warn)
            each.is_prepared = True
        if len(frames) == self._lead.batch_size:
            each.under_way.begin(at, frames, len(frames))
            each.end = at + len(frames)
        else:  # checkpoints hold whole batches
            each.tail = predict(each.loaded.network, frames, each.result, self._warn)

    def finish(self) -> None:
        """Wait for all positions, and save them."""
        self._each(lambda each: each.under_way.finish_all())
        self.save()

    def fed(self, video: tuple[int, ...], scan: FrameScan, seen: Seen | None) -> dict[str, Fed]:
        """What is left of each of them once the pass has proven the video, by the folder of its checkpoints."""
        whole = [each for each in self._members if each.is_prepared and not each.checkpoints.used]
        for each in whole:
            each.result.seen, each.result.decoder = seen, self._lead_result.decoder
        return {
            each.job.checkpoint_folder: Fed(
                video, scan, each.end, _no_positions(each) if each.tail is None else each.tail, each.result
            )
            for each in whole
        }

    def save(self) -> None:
        """Write a checkpoint for each of what is finished."""
        for each in self._members:
            each.checkpoints.save()

    def discard(self) -> None:
        """Remove all that they have got: the pictures were wrong."""
        for each in self._members:
            each.checkpoints.discard()

    def leave_out(self) -> None:
        """Go on without them."""
        self._members = []

    def _each(self, step: Callable[[_Beside], None]) -> None:
        if not self._members:
            return
        clock = time.perf_counter()
        for each in self._members:
            try:
                step(each)
            except Exception as error:
                self._members = [other for other in self._members if other is not each]
                each.loaded.network.release_memory()
                self._say(error)
        self._lead_result.add(OTHER_MODELS, clock)

    def _warn(self, event: object) -> None:
        """Pass on warnings about a job whose turn has not come, and nothing else."""
        if isinstance(event, Message) and event.is_warning:
            self._report(event)

    def _say(self, error: Exception) -> None:
        text = " ".join(str(error).split())[:SHOWN_CHARS]
        why = text if isinstance(error, NotCovered) else f"{type(error).__name__}: {text}"
        self._report(Message(f"a model beside this one gets a pass of its own, because {why}"))


def _whole(box: Box | None, first: FirstPicture) -> Box:
    width, height = first.turned_size
    return box or (0, width, 0, height)


def _no_positions(each: _Beside) -> Any:
    import numpy

    return numpy.empty((0, each.loaded.network.n_bodyparts, 3), numpy.float32)
