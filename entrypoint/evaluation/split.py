"""Which labelled frames a shuffle was trained on: a pickle of DeepLabCut's, of which nothing is run."""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from dlcctr.errors import ModelError
from dlcctr.system.files import read_bounded

MAX_BYTES = 512 << 20
NO_SPLIT = (
    "copy the project's training-datasets folder from where it was trained; if it is lost, make a training set anew "
    "from the labels and train again: dlcctr train run PROJECT (in the image: dlc train PROJECT)"
)


@dataclass(frozen=True)
class Split:
    """Numbers of the frames in the training set's table.

    Parameters
    ----------
    train, test : tuple of int
        In order, none twice; either may be empty.
    """

    train: tuple[int, ...]
    test: tuple[int, ...]


class _Nothing:
    """Stands for whatever else is in the pickle: it is not needed, and does nothing."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __setstate__(self, _: object) -> None:
        pass

    def __call__(self, *_: object, **__: object) -> _Nothing:
        return self


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return _array_makers().get((module.partition(".")[0], name), _Nothing)


@cache
def _array_makers() -> dict[tuple[str, str], Any]:
    """What arrays and numbers of numpy are made of, by its name; the modules have other names in numpy 1 and 2."""
    import numpy

    array, number = numpy.zeros(1), numpy.int64(1)
    makers = array.__reduce__(), array.__reduce_ex__(pickle.HIGHEST_PROTOCOL), number.__reduce__()
    functions: list[Any] = [maker[0] for maker in makers]
    found: dict[tuple[str, str], Any] = {("numpy", each.__name__): each for each in functions}
    found |= {("numpy", "ndarray"): numpy.ndarray, ("numpy", "dtype"): numpy.dtype}
    return {**found, ("_codecs", "encode"): _bytes_of}


def _bytes_of(text: str, _: str) -> bytes:
    """Bytes in a pickle of protocol 2, which has none of its own."""
    return text.encode("latin-1")


def read_split(file: Path, n_frames: int) -> Split:
    """Read a ``Documentation_data-….pickle``.

    Parameters
    ----------
    n_frames : int
        Rows of the table that it is about.

    Raises
    ------
    ModelError
        It is not there, damaged, or of another table.
    """
    try:
        data = read_bounded(file, MAX_BYTES)
    except FileNotFoundError:
        raise ModelError(f"{file}: not there: which frames the model was trained on is not known", NO_SPLIT) from None
    except OSError as error:
        raise ModelError(f"{file}: cannot be read ({error.strerror})", NO_SPLIT) from error
    try:
        held = _Unpickler(io.BytesIO(data or b"")).load()
        train, test = (_numbers(held[place]) for place in (1, 2))
    except Exception as error:  # of many kinds: a damaged pickle can ask for anything
        raise ModelError(f"{file}: damaged ({type(error).__name__}: {str(error)[:80]})", NO_SPLIT) from error
    if set(train) & set(test):
        raise ModelError(f"{file}: {len(set(train) & set(test))} frames are in both training and test set", NO_SPLIT)
    if max((*train, *test), default=-1) >= n_frames:
        raise ModelError(
            f"{file}: names frame {max(*train, *test)}, but the table beside it has {n_frames} frames",
            "copy both again from where the model was trained",
        )
    return Split(train, test)


def _numbers(values: Any) -> tuple[int, ...]:
    """Frames of one side; DeepLabCut fills up with -1 where it wants an exact fraction."""
    import numpy

    numbers = numpy.asarray(values).ravel()
    if numbers.size and numbers.dtype.kind not in "iu":
        raise ValueError("no whole numbers")
    return tuple(sorted({int(number) for number in numbers if number >= 0}))
