"""Checkpoints of a video's positions as files; an incomplete one is not used."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from dlcctr.errors import OutputError
from dlcctr.results.checkpoints import CHECKPOINT_NAME
from dlcctr.system.files import write_bytes_atomic
from entrypoint.protocol import Checkpoint
from entrypoint.video.restart import Restart


class Kept(NamedTuple):
    """A checkpoint, its positions (n, n_bodyparts, 3), and where whoever goes on behind it may begin to decode."""

    checkpoint: Checkpoint
    positions: Any
    restart: Restart | None


@dataclass(frozen=True)
class CheckpointFolder:
    """The checkpoints of one row, of all attempts that agree in what the folder's name stands for.

    Parameters
    ----------
    decoded : int or None
        Frames of the whole video that decode, if that is known: then the last checkpoint may end there.
    batch_size : int
        Checkpoints begin and end where batches do.
    """

    path: Path
    decoded: int | None
    n_bodyparts: int
    batch_size: int

    def write(self, checkpoint: Checkpoint, positions: Any, restart: Restart | None = None) -> None:
        """Write a checkpoint completely or not at all, even across a power cut.

        Parameters
        ----------
        positions : ndarray, (n, n_bodyparts, 3)
            float32.
        restart : Restart or None
            Place in the video at which whoever goes on may begin to decode.

        Raises
        ------
        OSError
            It cannot be written, or the folder is gone; it is never created here.
        """
        import numpy

        at = asdict(restart) if restart else None
        facts = json.dumps({"folder": self.path.name, **asdict(checkpoint), "restart": at}).encode()
        file = io.BytesIO()
        numpy.savez(file, positions=positions, facts=numpy.frombuffer(facts, numpy.uint8))
        try:
            write_bytes_atomic(self._file(checkpoint.first, checkpoint.stop), file.getvalue(), make_folder=False)
        except OutputError as error:
            if isinstance(error.__cause__, OSError):
                raise error.__cause__ from None  # its number tells the writer whether to go on
            raise

    def chain(self) -> Iterator[Kept]:
        """Checkpoints without a gap from the first frame on.

        Of those that overlap, the one that reaches furthest is taken, from where the one before ends.
        """
        ranges = self._ranges()
        done = 0
        while found := self._next(ranges, done):
            checkpoint, positions, restart = found
            yield Kept(replace(checkpoint, first=done), positions[done - checkpoint.first :], restart)
            done = checkpoint.stop

    def remove(self) -> None:
        """Remove the checkpoints; the folder stays for others."""
        for first, stop in self._ranges():
            self._file(first, stop).unlink(missing_ok=True)

    def _file(self, first: int, stop: int) -> Path:
        return self.path / f"{first}-{stop}.npz"

    def _ranges(self) -> list[tuple[int, int]]:
        """Ranges in the files' names, those that reach furthest first."""
        try:
            found = [CHECKPOINT_NAME.fullmatch(file.name) for file in self.path.iterdir()]
        except OSError:
            return []
        return sorted(((int(name[1]), int(name[2])) for name in found if name), key=lambda each: (-each[1], each[0]))

    def _next(self, ranges: list[tuple[int, int]], done: int) -> Kept | None:
        for first, stop in ranges:
            if first <= done < stop and (found := self._read(first, stop)):
                return found
        return None

    def _read(self, first: int, stop: int) -> Kept | None:
        """A checkpoint with its positions; None if the file is damaged, or does not match its name and place."""
        import numpy

        try:
            data = self._file(first, stop).read_bytes()  # of a damaged file, numpy leaves its handle open
            with numpy.load(io.BytesIO(data), allow_pickle=False) as content:
                facts = json.loads(content["facts"].tobytes())
                positions = content["positions"]
            folder, at = facts.pop("folder"), facts.pop("restart")
            found, restart = Checkpoint(**facts), Restart(**at) if at else None
        except Exception:  # damage makes zipfile, numpy and json raise nearly everything
            return None
        fits = (
            (folder, found.first, found.stop) == (self.path.name, first, stop)
            and first % self.batch_size == 0
            and (stop % self.batch_size == 0 or stop == self.decoded)
            and (self.decoded is None or stop <= self.decoded)
            and (positions.dtype, positions.shape) == (numpy.float32, (stop - first, self.n_bodyparts, 3))
        )
        return Kept(found, positions, restart) if fits else None
