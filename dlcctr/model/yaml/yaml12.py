"""Read DeepLabCut's YAML as DeepLabCut reads it, and write it so that YAML 1.1 and 1.2 read the same."""

from __future__ import annotations

import datetime
import io
import re
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dlcctr.errors import ModelError
from dlcctr.model.yaml.yaml_reader import TAG, make_reader
from dlcctr.system.files import read_bounded

MAX_TEXT = 1 << 24
"""Longest text that is read, in bytes or characters."""
WIDTH = 1 << 16
SHOWN_CHARS = 200
MEND = "fix that line, or copy the file again from the trained project"
_AGAIN = "copy the file again from the trained project"
_TEXT = f"{TAG}str"


def read_yaml(file: Path) -> dict[str, Any]:
    """Read a YAML file whose top level is a mapping.

    Raises
    ------
    ModelError
        The file is missing, unreadable or not such a file; the message names it and the line.
    """
    return parse_yaml(read_text(file), file)


def read_text(file: Path) -> str:
    """Text of a configuration file; a byte-order mark of a Windows editor is dropped."""
    return decode(read_bytes(file), file)


def read_bytes(file: Path) -> bytes:
    """Bytes of a configuration file; `ModelError` where it cannot be read, or is longer than any."""
    try:
        data = read_bounded(file, MAX_TEXT)
    except FileNotFoundError:
        raise ModelError(
            f"{file}: no such file", "copy the whole DeepLabCut project folder, YAML files included"
        ) from None
    except OSError as error:
        raise ModelError(
            f"{file}: cannot be read ({error.strerror})", "check the file's owner and permissions"
        ) from error
    if data is None:
        raise _too_long(file)
    return data


def decode(data: bytes, file: Path) -> str:
    """Text of a configuration file's bytes, of any line end; `ModelError` where it is not UTF-8."""
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise ModelError(f"{file}: not UTF-8 text ({error.reason})", "save it as UTF-8 in a text editor") from error


def parse_yaml(text: str, file: Path, *, aliases: bool = True, version_1_1: bool = False) -> dict[str, Any]:
    """Parse YAML to plain dicts, lists, texts, numbers and dates; tags never construct anything else.

    The reader is DeepLabCut's own (ruamel.yaml, YAML 1.2: `off` and `y` are body parts, not booleans) with its safe
    types. In addition, Python's lists and texts are read, which DeepLabCut 2 tagged as such. What an alias stands for
    is a copy.

    Parameters
    ----------
    file : Path
        Where the text came from; only named in messages.
    aliases : bool
        Whether parts may refer to others.
    version_1_1 : bool
        Read as PyYAML does, with which DeepLabCut reads a TensorFlow model's pose_cfg.yaml.

    Raises
    ------
    ModelError
        The text is not a YAML mapping, has a key twice, holds itself or numbers of more than 64 bits, is nested too
        deeply, or is longer than any configuration; the message names the line.
    """
    if len(text) > MAX_TEXT:
        raise _too_long(file)
    with _named_errors(file), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a name that is given twice it would print lines of the file, as they are
        table = make_reader(aliases=aliases, version_1_1=version_1_1).load(text)
    if not isinstance(table, dict):
        raise ModelError(f"{file}: is empty or not a YAML mapping", _AGAIN)
    plain: dict[str, Any] = _plain(table, file)
    return plain


def _too_long(file: Path) -> ModelError:
    return ModelError(f"{file}: too long for a configuration (more than {MAX_TEXT:,} characters)", _AGAIN)


def _plain(value: Any, file: Path) -> Any:
    """Copy without parts that are shared, of nothing but the types that a configuration can hold."""
    if isinstance(value, dict):
        for key in value:
            if isinstance(key, tuple):
                raise ModelError(f"{file}: a list is used as a key: {str(key)[:SHOWN_CHARS]}", "use text instead")
        return {key: _plain(each, file) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each, file) for each in value]
    if isinstance(value, datetime.datetime):  # ruamel's is one that its own writer does not know
        return datetime.datetime.combine(value.date(), value.timetz())
    return value


def find_key(text: str, key: str, values: Collection[str] | None = None) -> int | None:
    """Line, from 1 on, of the first such key with one of these values (in lower case); None where there is none.

    Without `values`, it may have any value.

    The text is one that `parse_yaml` takes.
    """
    waiting, seen = [make_reader(aliases=True, version_1_1=False).compose(text)], set()
    lines = []
    while waiting:
        node = waiting.pop()
        if id(node) in seen or not isinstance(node.value, list):
            continue
        seen.add(id(node))
        for each in node.value:
            pair = each if isinstance(each, tuple) else (each,)
            waiting += pair
            fits = len(pair) == 2 if values is None else str(pair[-1].value).lower() in values
            if pair[0].value == key and fits:
                lines.append(pair[0].start_mark.line + 1)
    return min(lines, default=None)


@contextmanager
def _named_errors(file: Path) -> Iterator[None]:
    from ruamel.yaml.error import YAMLError

    try:
        yield
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "not valid YAML")
        raise ModelError(f"{file}{line}: {problem[:SHOWN_CHARS]}", MEND) from error
    except (
        ArithmeticError,
        AssertionError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        # the library's own for `%YAML 1.3` and the like
        raise ModelError(f"{file}: not valid YAML ({str(error)[:SHOWN_CHARS]})", _AGAIN) from error


def set_value(table: Any, keys: tuple[str, ...], value: Any, *, add: bool) -> None:
    """Set a value where its table is there; with `add` also where its key is not."""
    for key in keys[:-1]:
        table = table.get(key) if isinstance(table, dict) else None
    if isinstance(table, dict) and (add or keys[-1] in table):
        table[keys[-1]] = value


def dump_yaml(table: Mapping[str, Any]) -> str:
    """Text of a table; the same table gives the same text, and YAML 1.1 and 1.2 read it as the same table.

    DeepLabCut reads a TensorFlow model's pose_cfg.yaml as YAML 1.1, all other files as YAML 1.2.
    """
    stream = io.StringIO()
    _writer().dump(dict(table), stream)
    return stream.getvalue()


def _writer() -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.nodes import ScalarNode
    from ruamel.yaml.representer import SafeRepresenter

    old: Any = YAML(typ="safe", pure=True)
    old.version = (1, 1)

    class Representer(SafeRepresenter):
        def ignore_aliases(self, data: Any) -> bool:
            return True

        def represent_text(self, text: str) -> Any:
            other = old.resolver.resolve(ScalarNode, text, (True, False)) != _TEXT
            return self.represent_scalar(_TEXT, text, style='"' if not text.isprintable() else "'" if other else None)

        def represent_number(self, number: float) -> Any:
            node = self.represent_float(number)
            if "." not in node.value:  # 1e-05 is a text in YAML 1.1
                node.value = node.value.replace("e", ".0e")
            return node

    Representer.add_representer(str, Representer.represent_text)
    Representer.add_representer(float, Representer.represent_number)
    yaml: Any = YAML(typ="safe", pure=True)
    yaml.Representer, yaml.width, yaml.default_flow_style = Representer, WIDTH, False
    yaml.sort_base_mapping_type_on_output = False
    return yaml


_ABSOLUTE = re.compile(r"(?:/|\\\\|[A-Za-z]:[\\/]).*", re.DOTALL)


def is_absolute(text: str) -> bool:
    """Whether a text is an absolute path of Linux, macOS or Windows."""
    return bool(_ABSOLUTE.fullmatch(text))
