"""What DeepLabCut found in each frame of a video: its `_assemblies.pickle`, frame by frame from the disk."""

from __future__ import annotations

import contextlib
import mmap
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcctr.campaign.tracking import UNIQUE_OWNER
from dlcctr.errors import OutputError
from entrypoint.steps.tracks.pickle_machine import Machine, Place
from entrypoint.steps.tracks.pickle_values import Function, NumberType, UnknownForm

INDEX_FILE = "index.npz"
HINT = "see with `check` whether the file is the one that was made; analyse the row again with --overwrite"
FIELDS = ("frame", "start", "stop", "memo")
POSE_AXES, POSE_VALUES = 3, (3, 4)
"""A frame's poses: animals, parts, and x, y, likelihood with or without an identity."""


@dataclass
class _Entries:
    """Where the entries of one dictionary are, by frame; ascending."""

    frame: Any
    start: Any
    stop: Any
    memo: Any

    def find(self, frame: int) -> tuple[Place, int] | None:
        n = int(self.frame.searchsorted(frame))
        if n == len(self.frame) or self.frame[n] != frame:
            return None
        return Place(int(self.start[n]), int(self.memo[n])), int(self.stop[n])


class Detections:
    """Animals and unique body parts of each frame; see `open_detections`.

    Parameters
    ----------
    frames : int
        Frames of the video.
    """

    def __init__(self, file: Path, machine: Machine, animals: _Entries, unique: _Entries, frames: int) -> None:
        self._file, self._machine, self._animals, self._unique = file, machine, animals, unique
        self.frames = frames

    @property
    def detected_frames(self) -> int:
        """Number of frames that have an entry."""
        return len(self._animals.frame)

    def animals(self, frame: int) -> Any:
        """Poses that were found in a frame.

        Returns
        -------
        numpy.ndarray or None
            Float, (animals, parts, 4): x, y in px, likelihood, identity; a new array. None where there is none.
        """
        import numpy

        value = self._read(self._animals, frame)
        if value is None:
            return None
        try:
            poses = numpy.stack(list(value)) if len(value) else None
        except (TypeError, ValueError) as error:
            raise OutputError(f"{self._file}: frame {frame} holds no poses ({error})", HINT) from error
        if poses is not None and (poses.ndim != POSE_AXES or poses.shape[-1] not in POSE_VALUES):
            raise OutputError(f"{self._file}: frame {frame} has poses of the form {poses.shape}", HINT)
        return poses if poses is None or poses.dtype.kind == "f" else poses.astype(float)

    def unique(self, frame: int) -> Any:
        """Unique body parts in a frame, (parts, 3 or 4); None where they were not found."""
        import numpy

        value = self._read(self._unique, frame)
        if value is None:
            return None
        if not isinstance(value, numpy.ndarray) or value.ndim != POSE_AXES - 1 or value.shape[-1] not in POSE_VALUES:
            raise OutputError(f"{self._file}: frame {frame} has unique body parts of an unknown form", HINT)
        return value

    def _read(self, entries: _Entries, frame: int) -> Any:
        place = entries.find(frame)
        if place is None:
            return None
        try:
            key, value = self._machine.entry(*place)
        except UnknownForm as error:
            raise OutputError(f"{self._file}: cannot be read: {error}", HINT) from error
        if key != frame:
            raise OutputError(f"{self._file}: changed while it was read", HINT)
        return value


@contextlib.contextmanager
def open_detections(file: Path, frames: int, kept: Path) -> Iterator[Detections]:
    """Open an `_assemblies.pickle`, whoever of DeepLabCut's engines wrote it.

    The TensorFlow engine writes frames in the order in which its processes were ready, so the whole file is gone
    through once; what was learnt is kept.

    Parameters
    ----------
    frames : int
        Frames of the video.
    kept : Path
        Folder of the step's checkpoints.

    Raises
    ------
    OutputError
        It is damaged, or of another form.
    """
    with contextlib.ExitStack() as closing:
        try:
            handle = closing.enter_context(file.open("rb"))
            data = closing.enter_context(mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ))
        except (OSError, ValueError) as error:
            raise OutputError(f"{file}: cannot be read: {error}", HINT) from error
        machine = Machine(data)
        index = kept / INDEX_FILE
        found = _read_index(index, machine)
        if found is None:
            try:
                found = _make_index(machine, frames)
            except UnknownForm as error:
                raise OutputError(f"{file}: cannot be read: {error}", HINT) from error
            _write_index(index, machine, found)
        yield Detections(file, machine, *found, frames)


def _make_index(machine: Machine, frames: int) -> tuple[_Entries, _Entries]:
    columns = {within: [array("q") for _ in FIELDS] for within in (False, True)}

    def found(key: object, place: Place, stop: int, within: bool) -> None:
        if key == UNIQUE_OWNER and not within:
            return
        if not isinstance(key, int) or not 0 <= key < frames:
            raise UnknownForm(f"it has an entry {str(key)[:40]!r}, which is no frame of the video")
        for column, value in zip(columns[within], (key, place.start, stop, place.memo), strict=True):
            column.append(value)

    machine.index(found)
    return _sorted(columns[False]), _sorted(columns[True])


def _sorted(columns: list[array[int]]) -> _Entries:
    import numpy

    held = [numpy.array(each, dtype=numpy.int64) for each in columns]
    order = numpy.argsort(held[0], kind="stable")
    return _Entries(*(each[order] for each in held))


def _write_index(file: Path, machine: Machine, found: tuple[_Entries, _Entries]) -> None:
    import numpy

    from entrypoint.steps.tracks.kept_arrays import write_arrays

    arrays = {f"{n}{name}": getattr(entries, name) for n, entries in enumerate(found) for name in FIELDS}
    write_arrays(
        file,
        numbers=numpy.array(list(machine.common), dtype=numpy.int64),
        common=numpy.array(["\n".join(_held(value)) for value in machine.common.values()], dtype=numpy.str_),
        **arrays,
    )


def _read_index(file: Path, machine: Machine) -> tuple[_Entries, _Entries] | None:
    from entrypoint.steps.tracks.kept_arrays import read_arrays

    held = read_arrays(file)
    if held is None:
        return None
    try:
        machine.common.update(
            {int(n): _value(*str(text).split("\n")) for n, text in zip(held["numbers"], held["common"], strict=True)}
        )
        return tuple(_Entries(*(held[f"{n}{name}"] for name in FIELDS)) for n in (0, 1))  # type: ignore[return-value]
    except (KeyError, ValueError, TypeError):
        return None


def _held(value: Any) -> tuple[str, ...]:
    if isinstance(value, Function):
        return "function", value.module, value.name
    if isinstance(value, NumberType):
        return "type", value.name
    return ("bytes", value.hex()) if isinstance(value, bytes) else ("text", value.encode().hex())


def _value(kind: str, text: str, more: str = "") -> Any:
    if kind == "function":
        return Function(text, more)
    if kind == "type":
        return NumberType(text)
    held = bytes.fromhex(text)
    return held if kind == "bytes" else held.decode()
