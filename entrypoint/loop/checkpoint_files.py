"""Finished parts of a video's positions as files: each is whole, or is not used."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dlcctr.system.files import write_bytes_atomic

NAME = re.compile(r"(\d+)-(\d+)\.npz")


@dataclass(frozen=True)
class Checkpoint:
    """Decoded frames ``[first, stop)``, and how their positions were made.

    Parameters
    ----------
    batch_size : int
        Frames per network call in the end: smaller than what was asked for where memory did not suffice.
    device, backend : str
        What the network ran on, and what computed it.
    """

    first: int
    stop: int
    batch_size: int
    device: str
    backend: str

    @property
    def name(self) -> str:
        """The file's."""
        return f"{self.first}-{self.stop}.npz"


@dataclass(frozen=True)
class CheckpointFolder:
    """The parts of one row, of all attempts that agree in what the folder's name stands for.

    Parameters
    ----------
    decoded : int
        Frames of the whole video that decode.
    batch_size : int
        Parts begin and end where batches do.
    """

    path: Path
    decoded: int
    n_bodyparts: int
    batch_size: int

    def write(self, part: Checkpoint, positions: Any) -> None:
        """Write a part, so that it is there whole or not at all, also after a power cut. The folder must be there.

        Parameters
        ----------
        positions : ndarray, (n, n_bodyparts, 3)
            float32.

        Raises
        ------
        OSError
            It cannot be written, or the folder is gone.
        """
        import numpy

        facts = json.dumps({"folder": self.path.name, **asdict(part)}).encode()
        file = io.BytesIO()
        numpy.savez(file, positions=positions, facts=numpy.frombuffer(facts, numpy.uint8))
        write_bytes_atomic(self.path / part.name, file.getvalue(), make_folder=False)

    def chain(self) -> Iterator[tuple[Checkpoint, Any]]:
        """Parts without a gap from the first frame on, each with its positions (n, n_bodyparts, 3).

        Of parts that overlap, the one that reaches furthest is taken, from where the one before ends.
        """
        names = self._names()
        done = 0
        while found := self._next(names, done):
            part, positions = found
            yield replace(part, first=done), positions[done - part.first :]
            done = part.stop

    def remove(self) -> None:
        """Remove the parts; the folder stays for others."""
        for first, stop in self._names():
            (self.path / f"{first}-{stop}.npz").unlink(missing_ok=True)

    def _names(self) -> list[tuple[int, int]]:
        """Ranges that the files' names claim, those that reach furthest first."""
        try:
            found = [NAME.fullmatch(file.name) for file in self.path.iterdir()]
        except OSError:
            return []
        return sorted(((int(name[1]), int(name[2])) for name in found if name), key=lambda each: (-each[1], each[0]))

    def _next(self, names: list[tuple[int, int]], done: int) -> tuple[Checkpoint, Any] | None:
        for first, stop in names:
            if first <= done < stop and (found := self._read(first, stop)):
                return found
        return None

    def _read(self, first: int, stop: int) -> tuple[Checkpoint, Any] | None:
        """A part with its positions; None where the file is damaged, or is not what its name and place say."""
        import numpy

        try:
            data = (self.path / f"{first}-{stop}.npz").read_bytes()  # of a damaged file, numpy leaves its handle open
            with numpy.load(io.BytesIO(data), allow_pickle=False) as content:
                facts = json.loads(content["facts"].tobytes())
                positions = content["positions"]
            folder, part = facts.pop("folder"), Checkpoint(**facts)
        except Exception:  # damage makes zipfile, numpy and json raise nearly everything
            return None
        fits = (
            (folder, part.first, part.stop) == (self.path.name, first, stop)
            and first % self.batch_size == 0
            and (stop % self.batch_size == 0 or stop == self.decoded)
            and stop <= self.decoded
            and (positions.dtype, positions.shape) == (numpy.float32, (stop - first, self.n_bodyparts, 3))
        )
        return (part, positions) if fits else None
