"""Write one large dictionary into a pickle, part by part, so that all of it is never in memory."""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

PROTOCOL = 3
"""The last that numbers its memo explicitly, so that parts may use the same numbers for objects of their own."""
HEAD, END = pickle.PROTO + bytes([PROTOCOL]), pickle.STOP


class DictPickle:
    """A pickle of a dictionary with more entries than memory should hold; any `pickle.load` reads it.

    What the first part's objects refer to (functions, number types) is written once for all parts.
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
        """Write entries; they can be forgotten afterwards."""
        self._file.write(pickle.MARK)
        for key, value in entries:
            self._write(key)
            self._write(value)
            if self._common is None:
                self._common = self._pickler.memo.copy()
        self._file.write(pickle.SETITEMS)
        if self._common is not None:
            self._pickler.memo = self._common

    def _write(self, value: Any) -> None:
        self._buffer.seek(0)
        self._buffer.truncate()
        self._pickler.dump(value)
        self._file.write(self._buffer.getbuffer()[len(HEAD) : -len(END)])
