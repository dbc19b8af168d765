"""What stands for numpy's arrays and number types while a pickle of them is read, without calling what it names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

RECONSTRUCT = ("numpy.core.multiarray", "_reconstruct")
FROM_BUFFER = ("numpy.core.numeric", "_frombuffer")
DTYPE, NDARRAY = ("numpy", "dtype"), ("numpy", "ndarray")
KNOWN = (RECONSTRUCT, FROM_BUFFER, DTYPE, NDARRAY)


class UnknownForm(ValueError):
    """The pickle is damaged, or holds something else than arrays, lists and dictionaries."""


@dataclass
class Function:
    """A function or class of numpy that a pickle names; it is never called."""

    module: str
    name: str

    @property
    def key(self) -> tuple[str, str]:
        """Its name, whichever version of numpy wrote it."""
        return self.module.replace("numpy._core", "numpy.core"), self.name


@dataclass
class NumberType:
    """A numpy dtype of plain numbers, as ``<f8``."""

    name: str


@dataclass
class ArrayToFill:
    """An array that BUILD fills."""

    value: Any = None


def plain(value: Any) -> Any:
    """Arrays in place of what stood for them."""
    if isinstance(value, ArrayToFill):
        return value.value
    return [plain(each) for each in value] if isinstance(value, list) else value


def plain_type(name: object) -> str:
    """Name of a number type; raises `UnknownForm` for types of anything else, as objects."""
    import numpy

    text = str(name)
    if numpy.dtype(text).kind not in "fiub":
        raise UnknownForm(f"it holds {text[:20]!r} in place of numbers")
    return text


def make_array(data: Any, form: NumberType, shape: Any, order: str) -> Any:
    """Array over bytes of the file; raises ValueError where they do not fit."""
    import numpy

    return numpy.frombuffer(data, numpy.dtype(form.name)).reshape(shape, order=order)
