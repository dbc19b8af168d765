"""Convert between parsed JSON and dataclasses: every value is checked, and an error names the wrong key.

A record is a dataclass whose fields are text, numbers, booleans, None, Enums, lists, tuples and dicts of these, and
other records. `dlcctr.system.state_files` reads files that hold one.
"""

from __future__ import annotations

import json
import math
import types
from collections.abc import Callable, Iterable
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from dlcctr.system.values.numbers import WHOLE_NUMBERS

T = TypeVar("T")
Convert = Callable[[object], Any]

OMIT = {"record": "omit"}
"""Metadata of a field that is left out of the file where it has its default value."""
LOCAL = {"record": "local"}
"""Metadata of a field that is neither written nor read; it needs a default."""
SHOWN_CHARS = 60


class Open:
    """Base of records that ignore keys which this version does not know, also in the records inside; others refuse."""


class RecordError(ValueError):
    """A value does not fit its field.

    Parameters
    ----------
    what : str
        Problem with the value.
    path : str
        Key path of the value, as in ``frames.missing[2]``; empty for the whole.
    """

    def __init__(self, what: str, path: str = "") -> None:
        super().__init__(f"{path}: {what}" if path else what)
        self.what, self.path = what, path

    def below(self, key: str) -> RecordError:
        """The same error as seen from what holds the value under `key`."""
        return RecordError(self.what, key + ("." if self.path and self.path[0] != "[" else "") + self.path)


def parse_object(text: str | bytes) -> dict[str, object]:
    """Parse JSON text that must be an object; raises `RecordError`."""
    try:
        table = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"not JSON, or cut off: {error}") from error
    if not isinstance(table, dict):
        raise _unfit("an object", table)
    return table


def from_table(kind: type[T], table: object) -> T:
    """Make a record from parsed JSON.

    A key may be missing where the field has a default. Numbers are finite, a whole number stands for a float as well,
    and a boolean is never a number. A `ValueError` of the record's own constructor is reported like a wrong type.

    Raises
    ------
    RecordError
        A value is missing, unknown (see `Open`) or of another type; the first one is named.
    """
    convert: Callable[[object], T] = _converter(cast(Any, kind), False)
    return convert(table)


def to_table(value: object) -> Any:
    """Convert a record, or a value that a record may contain, to what `json.dumps` takes."""
    if is_dataclass(value) and not isinstance(value, type):
        held = ((field, getattr(value, field.name)) for field in _kept(type(value)))
        return {field.name: to_table(each) for field, each in held if not _is_omitted(field, each)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {key: to_table(each) for key, each in value.items()}
    return [to_table(each) for each in value] if isinstance(value, (list, tuple)) else value


def _kept(kind: Any) -> list[Field[Any]]:
    return [field for field in fields(kind) if field.metadata != LOCAL]


def _is_omitted(field: Field[Any], value: object) -> bool:
    default = field.default if field.default_factory is MISSING else field.default_factory()
    return field.metadata == OMIT and value == default


def _unfit(wanted: str, found: object) -> RecordError:
    shown = repr(found)
    return RecordError(f"expected {wanted}, found {shown[:SHOWN_CHARS]}{'…' if len(shown) > SHOWN_CHARS else ''}")


@cache
def _converter(kind: Any, is_open: bool) -> Convert:
    """Function that checks a parsed value and makes it one of `kind`; types are analysed once for all files."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _either([_converter(each, is_open) for each in arguments if each is not type(None)])
    if origin in (list, tuple):
        return _sequence(origin, [_converter(each, is_open) for each in arguments if each is not Ellipsis], arguments)
    if origin is dict:
        return _mapping(_converter(arguments[1], is_open))
    if is_dataclass(kind):
        return _record(kind, is_open or (isinstance(kind, type) and issubclass(kind, Open)))
    return _member(kind) if issubclass(kind, Enum) else _SCALARS[kind]


def _record(kind: Any, is_open: bool) -> Convert:
    hints = get_type_hints(kind)
    known = {field.name: _converter(hints[field.name], is_open) for field in _kept(kind)}
    needed = [f.name for f in _kept(kind) if f.default is MISSING and f.default_factory is MISSING]

    def convert(value: object) -> Any:
        if not isinstance(value, dict):
            raise _unfit("an object", value)
        if not is_open and (unknown := [key for key in value if key not in known]):
            raise RecordError("this version does not know this key", unknown[0])
        if missing := [name for name in needed if name not in value]:
            raise RecordError("missing", missing[0])
        found = _convert_items((key, known[key], each) for key, each in value.items() if key in known)
        try:
            return kind(**found)
        except ValueError as error:
            raise RecordError(str(error)) from error

    return convert


def _convert_items(items: Iterable[tuple[str, Convert, object]]) -> dict[str, Any]:
    found = {}
    for key, convert, each in items:
        try:
            found[key] = convert(each)
        except RecordError as error:
            raise error.below(key) from error
    return found


def _either(converters: list[Convert]) -> Convert:
    """Converter that takes None, or what the only other type takes."""
    (convert,) = converters
    return lambda value: None if value is None else convert(value)


def _sequence(kind: type, converters: list[Convert], arguments: tuple[Any, ...]) -> Convert:
    fixed = kind is tuple and Ellipsis not in arguments

    def convert(value: object) -> Any:
        if not isinstance(value, list) or (fixed and len(value) != len(converters)):
            raise _unfit(f"a list of {len(converters)}" if fixed else "a list", value)
        found: list[Any] = []
        try:
            found.extend(map(_apply, converters, value) if fixed else map(converters[0], value))
        except RecordError as error:  # what fits is in the list, so its length is the place of what does not
            raise error.below(f"[{len(found)}]") from error
        return kind(found)

    return convert


def _apply(convert: Convert, value: object) -> Any:
    return convert(value)


def _mapping(convert: Convert) -> Convert:
    def convert_all(value: object) -> Any:
        if not isinstance(value, dict):
            raise _unfit("an object", value)
        return _convert_items((key, convert, each) for key, each in value.items())

    return convert_all


def _member(kind: type[Enum]) -> Convert:
    by_value = {each.value: each for each in kind}

    def convert(value: object) -> Any:
        if not isinstance(value, str) or value not in by_value:
            raise _unfit(f"one of {', '.join(each or repr(each) for each in by_value)}", value)
        return by_value[value]

    return convert


def _plain(kind: type, wanted: str) -> Convert:
    def convert(value: object) -> object:
        if type(value) is not kind:
            raise _unfit(wanted, value)
        return value

    return convert


def _whole(value: object) -> int:
    if type(value) is not int:
        raise _unfit("a whole number", value)
    if value not in WHOLE_NUMBERS:
        raise RecordError("a whole number of more than 64 bits")
    return value


def _number(value: object) -> float:
    if type(value) not in (int, float):
        raise _unfit("a number", value)
    try:
        number = float(value)  # type: ignore[arg-type]
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _unfit("a finite number", value)
    return number


_SCALARS: dict[object, Convert] = {
    str: _plain(str, "text"),
    bool: _plain(bool, "true or false"),
    int: _whole,
    float: _number,
    object: lambda value: value,
}
