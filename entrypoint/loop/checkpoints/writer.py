"""Writes checkpoints of a running analysis: one now and then, and the last when the process is told to end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from entrypoint.loop.checkpoints.files import CheckpointFolder
from entrypoint.loop.compare import difference
from entrypoint.loop.pose_array import PoseArray
from entrypoint.protocol import Checkpoint, Job, Message, Report
from entrypoint.video.restart import Restart


class OtherPositions(Exception):
    """The network gives other positions than the checkpoints hold; the text says by how much."""


class CheckpointWriter:
    """Positions of one video, in an array that ends with the process and in checkpoints that stay.

    Parameters
    ----------
    poses : PoseArray
        Positions of the decoded frames.
    report : callable
        Gets the messages.

    Attributes
    ----------
    start : int
        Decoded frames that earlier attempts have finished.
    used : list of Checkpoint
        Checkpoints that positions were taken from.
    restart : Restart or None
        Place in the video at which it suffices to begin to decode for the frames that are left, and the batch before.
    restart_before : callable
        Gives that place for a decoded frame, as the pass that is running knows it.
    """

    def __init__(self, job: Job, poses: PoseArray, report: Report) -> None:
        size, path, scan = job.batch_size or 1, job.checkpoint_folder, job.scan
        self.start, self.used, self._size = 0, list[Checkpoint](), size
        self.restart: Restart | None = None
        self._restarts: list[Restart] = []
        self.restart_before: Callable[[int], Restart | None] = lambda _: None
        self._folder = (
            CheckpointFolder(Path(path), scan.decoded if scan else None, poses.n_bodyparts, size) if path else None
        )
        self._poses, self._scan, self._every_s = poses, scan, job.checkpoint_s
        self._announced, self._report = job.announced, report
        self._new = Checkpoint(0, 0, size, job.device, "")
        self._saved_s = time.monotonic()
        self._made = self._warned = False
        self._lock = threading.Lock()

    def restore(self) -> None:
        """Take over the checkpoints of earlier attempts, and report it."""
        for checkpoint, positions, restart in self._folder.chain() if self._folder else ():
            self._poses.put(checkpoint.first, positions)
            self._use(checkpoint)
            self._restarts += [restart] if restart else []
        self._made = bool(self.used)
        if self.used:
            self._begin(self.used[-1].stop)
            at = self._scan.stream_number(self.start) if self._scan else self.start
            frames = self._scan.stream if self._scan else max(self._announced, at)
            self.restart = self.restart_for(self.start)
            self._report(Message(f"continuing at frame {at} of {frames}"))

    def discard(self) -> None:
        """Remove the checkpoints; all frames are analysed anew."""
        self.used, self.restart, self._restarts = [], None, []
        self._begin(0)
        if self._folder:
            try:
                self._folder.remove()
            except OSError as error:
                self._complain(error)

    def restart_for(self, start: int) -> Restart | None:
        """Place at which it suffices to begin to decode for the frames from `start` on, and the batch before."""
        fit = [each for each in self._restarts if each.output <= start - self._size]
        return max(fit, key=lambda each: each.output, default=None)

    def take(self, at: int, positions: Any, batch_size: int, backend: str) -> None:
        """Store a batch's positions, and write a checkpoint when it is time; known positions verify the checkpoints.

        Parameters
        ----------
        at : int
            The batch's first frame, counted in decoded frames.
        positions : ndarray, (n, n_bodyparts, 3)
        batch_size, backend
            Batch size and backend in force; see `Checkpoint`.

        Raises
        ------
        OtherPositions
            The checkpoints differ from what this network gives.
        """
        if at < self.start:
            on_gpu = "cuda" in {self._new.device, *(each.device for each in self.used)}
            if why := difference(positions, self._poses.get(at, at + len(positions)), on_gpu=on_gpu):
                raise OtherPositions(why)
            return
        self._poses.put(at, positions)
        with self._lock:
            self._new = replace(self._new, stop=at + len(positions), batch_size=batch_size, backend=backend)
        if time.monotonic() - self._saved_s >= self._every_s:
            self.save()

    def save(self) -> None:
        """Write what is finished and in no checkpoint. If that fails, warn once, and try again with the next."""
        with self._lock:
            new = self._new
            if self._folder is None or new.first == new.stop:
                return
            self._saved_s = time.monotonic()
            try:
                self._make_folder(self._folder.path)
                restart = self.restart_before(new.stop - self._size) or self.restart
                self._folder.write(new, self._poses.get(new.first, new.stop), restart)
            except OSError as error:
                self._complain(error)
            else:
                self._new = replace(new, first=new.stop)

    def _make_folder(self, path: Path) -> None:
        """Make the folder, but only once: if it is gone later, another attempt has finished the row."""
        if not self._made:
            path.mkdir(exist_ok=True)
            self._made = True

    def _begin(self, start: int) -> None:
        self.start, self._new = start, replace(self._new, first=start, stop=start)

    def _complain(self, error: OSError) -> None:
        assert self._folder is not None
        if not self._warned:
            gone = self._made and isinstance(error, (FileNotFoundError, NotADirectoryError))
            why = "it is gone; another attempt may have finished the row" if gone else error.strerror or error
            text = f"checkpoints cannot be written to {self._folder.path} ({why}); the analysis continues without them"
            self._report(Message(text, is_warning=True))
            self._warned = True

    def _use(self, checkpoint: Checkpoint) -> None:
        """Add a checkpoint to those in use; where it was made like the one before, both become one."""
        last = self.used[-1] if self.used else None
        if last and replace(last, first=checkpoint.first, stop=checkpoint.stop) == checkpoint:
            self.used[-1] = replace(last, stop=checkpoint.stop)
        else:
            self.used.append(checkpoint)
