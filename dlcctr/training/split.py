"""Which labelled frames a shuffle was trained on: a pickle of DeepLabCut's, of which nothing is run. Needs numpy."""

from __future__ import annotations

import io
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from dlcctr.errors import ModelError
from dlcctr.system.files import read_bounded
from dlcctr.training.set_files import Frame, frame_of

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
    is_by_names : bool
        The table was made anew since, so that the numbers in the file are other rows now: the frames that trained were
        found by their names, and all others test.
    lost : int
        Frames that trained and are not in the table any more; only where `is_by_names`.
    """

    train: tuple[int, ...]
    test: tuple[int, ...]
    is_by_names: bool = False
    lost: int = 0


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


def read_split(file: Path, frames: Sequence[Frame]) -> Split:
    """Read a ``Documentation_data-….pickle``.

    DeepLabCut writes down rows of the table beside it, which all shuffles of an iteration share, and makes that table
    anew for each new shuffle. Where labels were added or removed in between, the rows are other frames; so they are
    compared with the names of the pictures that it writes down, too.

    Parameters
    ----------
    frames : sequence of (str, str)
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
        trained = _pictures(held[0])
    except Exception as error:  # of many kinds: a damaged pickle can ask for anything
        raise ModelError(f"{file}: damaged ({type(error).__name__}: {str(error)[:80]})", NO_SPLIT) from error
    if set(train) & set(test):
        raise ModelError(f"{file}: {len(set(train) & set(test))} frames are in both training and test set", NO_SPLIT)
    last = max((*train, *test), default=-1)
    is_of_all = len(trained) > len(train)  # no version of DeepLabCut is known that names those that test, too
    if last < len(frames) and (is_of_all or trained <= {frames[row] for row in train}):
        return Split(train, test)
    found = tuple(row for row, frame in enumerate(frames) if frame in trained)
    if found:
        rest = tuple(row for row, frame in enumerate(frames) if frame not in trained)
        return Split(found, rest, is_by_names=True, lost=len(trained) - len(found))
    what = f"names frame {last}" if last >= len(frames) else "names other pictures"
    raise ModelError(
        f"{file}: {what}, but the table beside it has {len(frames)} frames",
        "copy both again from where the model was trained",
    )


def _pictures(details: object) -> frozenset[Frame]:
    """Pictures that trained, as far as they have a label that counts; none where the file does not say."""
    names = [each.get("image") for each in details if isinstance(each, dict)] if isinstance(details, list) else []
    return frozenset(frame_of(name) for name in names if isinstance(name, (str, tuple)) and name)


def _numbers(values: Any) -> tuple[int, ...]:
    """Frames of one side; DeepLabCut fills up with -1 where it wants an exact fraction."""
    import numpy

    numbers = numpy.asarray(values).ravel()
    if numbers.size and numbers.dtype.kind not in "iu":
        raise ValueError("no whole numbers")
    return tuple(sorted({int(number) for number in numbers if number >= 0}))
