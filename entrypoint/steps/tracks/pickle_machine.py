"""Pickles of numpy arrays, lists and dictionaries, taken apart value by value. Nothing in them can run.

DeepLabCut keeps what it found in all frames of a video in one pickled dictionary, which `pickle.load` reads at once:
some 10 GB for a day of ten animals. This machine knows the few instructions that such files consist of, remembers
where each entry of a dictionary begins, and makes any single one of them afterwards.
"""

from __future__ import annotations

import mmap
import pickle
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from entrypoint.steps.tracks.pickle_values import (
    DTYPE,
    FROM_BUFFER,
    KNOWN,
    RECONSTRUCT,
    ArrayToFill,
    Function,
    NumberType,
    UnknownForm,
    make_array,
    plain,
    plain_type,
)

SHORT_BYTES = 16
LET_GO_BYTES = 64_000_000
"""Pages that were read count as this process's own memory until it gives them back."""
MAX_COMMON = 100_000


@dataclass(frozen=True)
class Place:
    """Where an entry of a dictionary begins: its byte, and the number that its first object has in the memo."""

    start: int
    memo: int


EntryFound = Callable[[object, Place, int, bool], None]
"""Called with an entry's key, its place, the byte where it ends, and whether its dictionary is within another one."""


class Machine:
    """Reads one pickle.

    Parameters
    ----------
    data : mmap or bytes
        The file.
    common : dict, optional
        What many entries refer to (functions, number types), by number in the memo; found by `index`.
    """

    def __init__(self, data: mmap.mmap | bytes, common: dict[int, Any] | None = None) -> None:
        self._data, self._size = data, len(data)
        self.common: dict[int, Any] = {} if common is None else common
        self._do = {ord(code): getattr(self, name) for code, name in INSTRUCTIONS.items()}
        self._let_go_at = 0
        self._begin(0, 0)

    def _begin(self, position: int, memo: int) -> None:
        self._at, self._next_memo = position, memo
        self._memo: dict[int, Any] = {}
        self._stack: list[Any] = []
        self._below: list[tuple[list[Any], dict[int, Place]]] = []
        self._starts: dict[int, Place] = {}
        self._found: EntryFound | None = None

    def index(self, found: EntryFound) -> None:
        """Go through the whole pickle, and tell of each entry of its dictionary and of those within it.

        Raises
        ------
        UnknownForm
            It is no such pickle.
        """
        self._begin(0, 0)
        self._found = found
        try:
            while True:
                code = self._data[self._at]
                if code == STOP:
                    break
                self._starts[len(self._stack)] = Place(self._at, self._next_memo)
                self._at += 1
                self._do[code]()
        except UnknownForm:
            raise
        except Exception as error:
            raise self._unknown(error) from error
        if len(self._stack) != 1 or not isinstance(self._stack[0], dict):
            raise UnknownForm("it holds no dictionary")

    def entry(self, place: Place, stop: int) -> tuple[Any, Any]:
        """Key and value of an entry.

        Raises
        ------
        UnknownForm
            It is damaged.
        """
        self._begin(place.start, place.memo)
        do, data = self._do, self._data
        try:
            while self._at < stop:
                code = data[self._at]
                self._at += 1
                do[code]()
            key, value = self._stack
            self._let_go()
        except UnknownForm:
            raise
        except Exception as error:
            raise self._unknown(error) from error
        return key, plain(value)

    def _let_go(self) -> None:
        if abs(self._at - self._let_go_at) > LET_GO_BYTES and isinstance(self._data, mmap.mmap):
            self._data.madvise(getattr(mmap, "MADV_DONTNEED", mmap.MADV_NORMAL))
            self._let_go_at = self._at

    def _unknown(self, error: Exception) -> UnknownForm:
        return UnknownForm(f"it is damaged or of an unknown form at byte {self._at} ({type(error).__name__}: {error})")

    def _take(self, length: int) -> Any:
        self._at += length
        if self._at > self._size or length < 0:
            raise UnknownForm("it is cut off")
        return self._data[self._at - length : self._at]

    def _number(self, form: struct.Struct) -> Any:
        (number,) = form.unpack(self._take(form.size))
        return number

    def _skip_1(self) -> None:
        self._at += 1

    def _skip_8(self) -> None:
        self._at += 8

    def _mark(self) -> None:
        self._below.append((self._stack, self._starts))
        self._stack, self._starts = [], {}

    def _marked(self) -> list[Any]:
        values = self._stack
        self._stack, self._starts = self._below.pop()
        return values

    def _memoize(self) -> None:
        self._put(self._next_memo)

    def _put_1(self) -> None:
        self._put(self._number(U1))

    def _put_4(self) -> None:
        self._put(self._number(U4))

    def _put(self, number: int) -> None:
        value = self._stack[-1]
        self._next_memo = number + 1
        self._memo[number] = value
        if isinstance(value, (str, Function, NumberType)) or (isinstance(value, bytes) and len(value) <= SHORT_BYTES):
            if len(self.common) >= MAX_COMMON and number not in self.common:
                raise UnknownForm("its entries share too much")
            self.common[number] = value

    def _get_1(self) -> None:
        self._get(self._number(U1))

    def _get_4(self) -> None:
        self._get(self._number(U4))

    def _get(self, number: int) -> None:
        self._stack.append(self._memo[number] if number in self._memo else self.common[number])

    def _text_1(self) -> None:
        self._stack.append(bytes(self._take(self._number(U1))).decode())

    def _text_4(self) -> None:
        self._stack.append(bytes(self._take(self._number(U4))).decode())

    def _bytes_1(self) -> None:
        self._stack.append(bytes(self._take(self._number(U1))))

    def _bytes_4(self) -> None:
        self._stack.append(bytes(self._take(self._number(U4))))

    def _bytes_8(self) -> None:
        self._stack.append(bytes(self._take(self._number(U8))))

    def _int_1(self) -> None:
        self._stack.append(self._number(U1))

    def _int_2(self) -> None:
        self._stack.append(self._number(U2))

    def _int_4(self) -> None:
        self._stack.append(self._number(I4))

    def _long(self) -> None:
        self._stack.append(int.from_bytes(self._take(self._number(U1)), "little", signed=True))

    def _float(self) -> None:
        self._stack.append(self._number(F8))

    def _none(self) -> None:
        self._stack.append(None)

    def _true(self) -> None:
        self._stack.append(True)

    def _false(self) -> None:
        self._stack.append(False)

    def _empty_dict(self) -> None:
        self._stack.append({})

    def _empty_list(self) -> None:
        self._stack.append([])

    def _empty_tuple(self) -> None:
        self._stack.append(())

    def _tuple(self) -> None:
        values = tuple(self._marked())
        self._stack.append(values)

    def _tuple_1(self) -> None:
        self._stack[-1:] = [tuple(self._stack[-1:])]

    def _tuple_2(self) -> None:
        self._stack[-2:] = [tuple(self._stack[-2:])]

    def _tuple_3(self) -> None:
        self._stack[-3:] = [tuple(self._stack[-3:])]

    def _append(self) -> None:
        value = self._stack.pop()
        self._stack[-1].append(value)

    def _appends(self) -> None:
        values = self._marked()
        self._stack[-1].extend(values)

    def _set_item(self) -> None:
        key, value = self._stack[-2:]
        del self._stack[-2:]
        if self._found:
            self._found(key, self._starts[len(self._stack)], self._at - 1, bool(self._below))
        else:
            self._stack[-1][key] = value

    def _set_items(self) -> None:
        stop, starts = self._at - 1, self._starts
        values = self._marked()
        if not self._found:
            self._stack[-1].update(zip(values[::2], values[1::2], strict=True))
            return
        within = bool(self._below)
        places = [starts[n] for n in range(0, len(values), 2)]
        ends = [*(place.start for place in places[1:]), stop][: len(places)]  # a batch may be empty
        for key, place, end in zip(values[::2], places, ends, strict=True):
            self._found(key, place, end, within)
        self._memo = {}  # of a whole file only some entries are in memory
        self._let_go()

    def _global(self) -> None:
        line_1 = self._data.find(b"\n", self._at)
        line_2 = self._data.find(b"\n", line_1 + 1)
        if line_1 < 0 or line_2 < 0:
            raise UnknownForm("it is cut off")
        module, name = self._data[self._at : line_1], self._data[line_1 + 1 : line_2]
        self._at = line_2 + 1
        self._name(bytes(module).decode(), bytes(name).decode())

    def _stack_global(self) -> None:
        module, name = self._stack[-2:]
        del self._stack[-2:]
        self._name(module, name)

    def _name(self, module: object, name: object) -> None:
        function = Function(str(module), str(name))
        if function.key not in KNOWN:
            raise UnknownForm(f"it names {function.module[:40]}.{function.name[:40]}, which was not read")
        self._stack.append(function)

    def _reduce(self) -> None:
        arguments = self._stack.pop()
        function = self._stack.pop()
        if function.key == DTYPE:
            self._stack.append(NumberType(plain_type(arguments[0])))
        elif function.key == FROM_BUFFER:
            data, form, shape, order = arguments[:4]
            array = make_array(data, form, shape, "C" if order == "K" else order)
            if order == "K":  # of other axes in memory: since numpy 2.3
                array = array.transpose(arguments[4])
            self._stack.append(array)
        elif function.key == RECONSTRUCT:
            self._stack.append(ArrayToFill())
        else:
            raise UnknownForm(f"it calls {function.name}")

    def _build(self) -> None:
        state = self._stack.pop()
        target = self._stack[-1]
        if isinstance(target, NumberType):
            target.name = state[1].replace("|", "") + target.name.lstrip("<>=|")
        elif isinstance(target, ArrayToFill):
            _, shape, form, fortran, data = state
            target.value = make_array(data, form, shape, "F" if fortran else "C")
        else:
            raise UnknownForm("it fills something that is no array")


U1, U2, U4, U8 = (struct.Struct(form) for form in ("<B", "<H", "<I", "<Q"))
I4, F8 = struct.Struct("<i"), struct.Struct(">d")
STOP = ord(pickle.STOP)
INSTRUCTIONS = {
    pickle.PROTO: "_skip_1", pickle.FRAME: "_skip_8", pickle.MARK: "_mark", pickle.MEMOIZE: "_memoize",
    pickle.BINPUT: "_put_1", pickle.LONG_BINPUT: "_put_4", pickle.BINGET: "_get_1", pickle.LONG_BINGET: "_get_4",
    pickle.SHORT_BINUNICODE: "_text_1", pickle.BINUNICODE: "_text_4", pickle.SHORT_BINBYTES: "_bytes_1",
    pickle.BINBYTES: "_bytes_4", pickle.BINBYTES8: "_bytes_8", pickle.BYTEARRAY8: "_bytes_8", pickle.BININT1: "_int_1",
    pickle.BININT2: "_int_2", pickle.BININT: "_int_4", pickle.LONG1: "_long", pickle.BINFLOAT: "_float",
    pickle.NONE: "_none", pickle.NEWTRUE: "_true", pickle.NEWFALSE: "_false", pickle.EMPTY_DICT: "_empty_dict",
    pickle.EMPTY_LIST: "_empty_list", pickle.EMPTY_TUPLE: "_empty_tuple", pickle.TUPLE: "_tuple",
    pickle.TUPLE1: "_tuple_1", pickle.TUPLE2: "_tuple_2", pickle.TUPLE3: "_tuple_3", pickle.APPEND: "_append",
    pickle.APPENDS: "_appends", pickle.SETITEM: "_set_item", pickle.SETITEMS: "_set_items", pickle.GLOBAL: "_global",
    pickle.STACK_GLOBAL: "_stack_global", pickle.REDUCE: "_reduce", pickle.BUILD: "_build",
}  # fmt: skip
