"""Keeps what a running analysis has finished: a part now and then, and the rest when the process is told to end."""

from __future__ import annotations

import threading
import time
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from entrypoint.loop.checkpoint_files import Checkpoint, CheckpointFolder
from entrypoint.loop.compare import difference
from entrypoint.loop.pose_array import stream_numbers
from entrypoint.loop.termination import save_when_terminated
from entrypoint.protocol import Job, say, warn


class OtherPositions(Exception):
    """The network gives others than earlier attempts have kept; its text says by how much."""


class CheckpointWriter:
    """Positions of one video between an array that is gone with the process, and parts that stay.

    Parameters
    ----------
    poses : ndarray, (n_frames, n_bodyparts, 3)
        Of all stream frames.

    Attributes
    ----------
    start : int
        So many decoded frames were finished by earlier attempts.
    used : list of Checkpoint
        What of theirs is used.
    """

    def __init__(self, job: Job, poses: Any) -> None:
        size = job.batch_size or 1
        self.start, self.used = 0, list[Checkpoint]()
        self._folder = CheckpointFolder(Path(job.parts), job.decoded, poses.shape[1], size) if job.parts else None
        self._poses, self._numbers, self._part_s = poses, stream_numbers(job), job.part_s
        self._new = Checkpoint(0, 0, size, job.device, "")
        self._saved_s = time.monotonic()
        self._made = self._warned = False
        self._lock = threading.Lock()

    def restore(self) -> None:
        """Take over what earlier attempts have finished, and say so."""
        for part, positions in self._folder.chain() if self._folder else ():
            self._poses[self._numbers[part.first : part.stop]] = positions
            self._use(part)
        self._made = bool(self.used)
        if self.used:
            self._begin(self.used[-1].stop)
            frames = len(self._poses)
            say(f"going on at frame {[*self._numbers[self.start : self.start + 1], frames][0]} of {frames}")

    def discard(self, why: str) -> None:
        """Remove what was taken over; all frames are analysed in this attempt."""
        say(
            f"what earlier attempts finished is not used: on the first frames the network gives other positions ({why})"
        )
        self.used = []
        self._begin(0)
        if self._folder:
            try:
                self._folder.remove()
            except OSError as error:
                self._complain(error)

    def saving(self) -> AbstractContextManager[None]:
        """While this is entered, SIGTERM saves what is finished and ends the process."""
        return save_when_terminated(self.save)

    def take(self, at: int, positions: Any, batch_size: int, backend: str) -> None:
        """Take a batch's positions, and write a part where it is time; those that are kept already prove what is kept.

        Parameters
        ----------
        at : int
            Its first frame, of the decoded ones.
        positions : ndarray, (n, n_bodyparts, 3)
        batch_size, backend
            In force; see `Checkpoint`.

        Raises
        ------
        OtherPositions
            What is kept is not what this network gives.
        """
        places = self._numbers[at : at + len(positions)]
        if at < self.start:
            if why := difference(positions, self._poses[places]):
                raise OtherPositions(why)
            return
        self._poses[places] = positions
        with self._lock:
            self._new = replace(self._new, stop=at + len(positions), batch_size=batch_size, backend=backend)
        if time.monotonic() - self._saved_s >= self._part_s:
            self.save()

    def save(self) -> None:
        """Write what is finished and in no part. Where that fails, say so once, and try again with the next."""
        with self._lock:
            part = self._new
            if self._folder is None or part.first == part.stop:
                return
            self._saved_s = time.monotonic()
            try:
                self._make_folder(self._folder.path)
                self._folder.write(part, self._poses[self._numbers[part.first : part.stop]])
            except OSError as error:
                self._complain(error)
            else:
                self._new = replace(part, first=part.stop)

    def _make_folder(self, path: Path) -> None:
        """Once only: where it is gone later, another attempt has finished the row, and no more is wanted."""
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
            warn(f"finished parts cannot be kept in {self._folder.path} ({why}); the analysis goes on without")
            self._warned = True

    def _use(self, part: Checkpoint) -> None:
        """Parts that were made alike are one."""
        last = self.used[-1] if self.used else None
        if last and replace(last, first=part.first, stop=part.stop) == part:
            self.used[-1] = replace(last, stop=part.stop)
        else:
            self.used.append(part)
