"""Values of declared types from what JSON holds of them: the one place where such a text's types are checked."""

from __future__ import annotations

import types
from dataclasses import is_dataclass
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")


def from_plain(kind: type[T], value: object, name: str = "value") -> T:
    """Make a value of a type from dictionaries, lists, strings, numbers, booleans and None.

    Parameters
    ----------
    kind : type
        A dataclass, or ``bool``, ``int``, ``float``, ``str``, ``None``, and lists, tuples of one type, dictionaries
        with names as keys, and unions of these.
    value : object
        As `json.loads` gives it. Whole numbers are taken for ``float``, too; nothing else is converted.
    name : str
        What messages call the value.

    Raises
    ------
    ValueError
        A value of another type, a field too many, or one too few.
    """
    return cast(T, _read(kind, value, name))


def _read(kind: Any, value: object, name: str) -> Any:
    if is_dataclass(kind):
        return _read_fields(kind, value, name)
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _read_union(inner, value, name)
    if origin in (list, tuple) and isinstance(value, list):
        return origin(_read(inner[0], each, f"{name}[{place}]") for place, each in enumerate(value))
    if origin is dict and isinstance(value, dict):
        return {key: _read(inner[1], each, f"{name}.{key}") for key, each in value.items()}
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is kind:  # not isinstance: True is an int, too
        return value
    raise ValueError(f"{name} is {value!r}, not {getattr(kind, '__name__', kind)}")


def _read_fields(kind: Any, value: object, name: str) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"{name} is {value!r}, not the fields of {kind.__name__}")
    hints = get_type_hints(kind)
    if unknown := sorted(value.keys() - hints.keys()):
        raise ValueError(f"{name} has unknown fields: {', '.join(unknown)}")
    fields = {key: _read(hints[key], each, f"{name}.{key}") for key, each in value.items()}
    try:
        return kind(**fields)
    except TypeError as error:  # a field without a default is missing
        raise ValueError(f"{name}: {error}") from error


def _read_union(kinds: tuple[Any, ...], value: object, name: str) -> Any:
    for kind in kinds:
        try:
            return _read(kind, value, name)
        except ValueError:
            continue
    wanted = " or ".join(getattr(kind, "__name__", str(kind)) for kind in kinds)
    raise ValueError(f"{name} is {value!r}, not {wanted}")
