"""Write one large dictionary into a pickle, part by part, so that all of it is never in memory."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from entrypoint.engines.pytorch.pickle_form import PickleForm

PROTOCOL = 3
"""The last that numbers its memo explicitly, so that entries may use the same numbers for objects of their own."""
HEAD, END = pickle.PROTO + bytes([PROTOCOL]), pickle.STOP
ENTRIES_AT_ONCE = 1000
"""How many are one part."""


class DictPickle:
    """A pickle of a dictionary with more entries than memory should hold; any `pickle.load` reads it.

    What the first entry's objects refer to (functions, number types) is written once for all.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._buffer = io.BytesIO()
        self._pickler = pickle.Pickler(self._buffer, PROTOCOL)
        self._common: dict[int, tuple[int, Any]] | None = None
        self._file.write(HEAD + pickle.EMPTY_DICT)

    def __enter__(self) -> DictPickle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._file.write(END)
        self._file.close()

    def add(self, entries: Iterable[tuple[str, Any]]) -> None:
        """Write a part; its entries can be forgotten afterwards."""
        self._file.write(pickle.MARK)
        for key, value in entries:
            self._file.write(self._entry(key, value))
        self._file.write(pickle.SETITEMS)

    def add_alike(self, names: Sequence[str], arrays: Any, make: Callable[[Any], Any]) -> None:
        """Write entries that differ in numbers only; what `add` would write of them, without pickling each.

        Parameters
        ----------
        names : sequence of str
            Keys, one for each array.
        arrays : ndarray
            An array for each entry along the first axis.
        make : callable
            Makes an entry's value of its array.
        """
        self.add((name, make(array)) for name, array in zip(names[:1], arrays[:1], strict=True))
        names, arrays = names[1:], arrays[1:]
        form = PickleForm.find(lambda name, array: self._entry(name, make(array)), names, arrays)
        for first in range(0, len(names), ENTRIES_AT_ONCE):
            some = slice(first, first + ENTRIES_AT_ONCE)
            if form is None:
                self.add((name, make(array)) for name, array in zip(names[some], arrays[some], strict=True))
            else:
                self._file.write(pickle.MARK + form.fill(names[some], arrays[some]) + pickle.SETITEMS)

    def _entry(self, key: str, value: Any) -> bytes:
        if self._common is not None:
            self._pickler.memo = self._common
        written = self._dumped(key) + self._dumped(value)
        if self._common is None:
            self._common = self._pickler.memo.copy()
        return written

    def _dumped(self, value: Any) -> bytes:
        self._buffer.seek(0)
        self._buffer.truncate()
        self._pickler.dump(value)
        return self._buffer.getvalue()[len(HEAD) : -len(END)]
