"""Read a result's .h5 so that nothing in it can run. Needs pandas and PyTables: in the image, not on every host.

HDF5 knows no Python objects, so PyTables keeps them as pickles, and unpickles every attribute of a node as soon as it
opens that node: a file that came from elsewhere would run code before anybody has asked for a value. What pandas
keeps there are names of columns: texts, numbers, lists and dicts. So pickles of these are read, and no others.
"""

from __future__ import annotations

import contextlib
import io
import pickle
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from dlcctr.errors import ToolMissingError

PLAIN = (
    "MARK STOP PROTO FRAME NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 FLOAT BINFLOAT STRING BINSTRING "
    "SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE LIST EMPTY_LIST APPEND APPENDS TUPLE EMPTY_TUPLE TUPLE1 "
    "TUPLE2 TUPLE3 DICT EMPTY_DICT SETITEM SETITEMS PUT BINPUT LONG_BINPUT GET BINGET LONG_BINGET MEMOIZE"
)
"""Pickle's instructions that make texts, numbers, lists, tuples and dicts. Those that find classes, call something or
allocate what they only announce are not among them."""
INSTRUCTIONS = {code[0]: name for name, code in vars(pickle).items() if name.isupper() and isinstance(code, bytes)}
"""Byte of an instruction to its name, all of them."""
_PICKLES = threading.Lock()


class UnsafeTableError(Exception):
    """The file holds what could run, or claims to be larger than it is."""


def import_pandas() -> Any:
    """Import pandas with PyTables, or raise `ToolMissingError` with the remedy."""
    try:
        import pandas
        import tables
    except ImportError as error:
        raise ToolMissingError(
            f"--deep reads .h5 files with pandas and PyTables, which cannot be imported ({error})",
            "run it from the image: docker run … check m.csv --deep, or singularity run dlc.sif check m.csv --deep",
        ) from error
    return pandas if tables else None


def read_table(file: Path) -> Any:
    """Read the one table of a file.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    UnsafeTableError
        It holds a pickle of something else than plain values, or a dataset larger than the file; nothing was run.
    ToolMissingError
        Without pandas and PyTables.
    Exception
        Of many kinds, by PyTables: the file is damaged.
    """
    pandas = import_pandas()
    with plain_pickles(), pandas.HDFStore(file, mode="r") as store:
        check_sizes(store._handle, file.stat().st_size)
        return pandas.read_hdf(store)


def check_sizes(handle: Any, most: int) -> None:
    """Refuse an open file of `most` bytes that announces a larger table; raises `UnsafeTableError`.

    DeepLabCut's tables are not compressed: one that is larger than its file would only fill the memory.
    """
    for leaf in handle.walk_nodes("/", "Leaf"):
        if leaf.size_in_memory > most:
            raise UnsafeTableError(
                f"its {leaf._v_pathname} claims {leaf.size_in_memory} bytes, but the file has only {most}"
            )


@contextlib.contextmanager
def plain_pickles() -> Iterator[None]:
    """Let PyTables, which is not made for threads either, unpickle plain values only.

    Raises
    ------
    UnsafeTableError
        It was to unpickle something else.
    """
    with _PICKLES, _refusing() as refused:
        try:
            yield
        finally:
            if refused:
                raise UnsafeTableError(f"holds a pickled object ({refused[0]}), which could run code: it was not read")


@contextlib.contextmanager
def _refusing() -> Iterator[list[str]]:
    import tables.atom
    import tables.attributeset

    places, instead = (tables.atom, tables.attributeset), _PlainPickle()
    before = [place.pickle for place in places]
    try:
        for place in places:
            place.pickle = instead
        yield instead.refused
    finally:
        for place, module in zip(places, before, strict=True):
            place.pickle = module


class _PlainPickle:
    """Stands for the module `pickle` where PyTables uses it."""

    dumps = staticmethod(pickle.dumps)
    HIGHEST_PROTOCOL = pickle.HIGHEST_PROTOCOL

    def __init__(self) -> None:
        self.refused: list[str] = []

    def loads(self, data: Any, **options: Any) -> Any:
        try:
            return _PlainUnpickler(io.BytesIO(bytes(data)), **options).load()
        except KeyError as error:  # of an instruction; a text that only ends like a pickle begins with none of them
            if name := INSTRUCTIONS.get(error.args[0]):
                self.refused.append(name)
            raise pickle.UnpicklingError("not of plain values") from error


class _PlainUnpickler(pickle._Unpickler):  # the one in Python: its instructions can be chosen
    dispatch: ClassVar[dict[int, Any]] = {
        code: pickle._Unpickler.dispatch[code] for code in (getattr(pickle, name)[0] for name in PLAIN.split())
    }
