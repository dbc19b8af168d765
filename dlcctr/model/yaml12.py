"""Read DeepLabCut's YAML as DeepLabCut reads it, change values in it, and write it so that YAML 1.1 reads the same."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dlcctr.errors import ModelError

MAX_TEXT = 1 << 24
"""Longest text that is parsed, in bytes or characters: a configuration of some hundred thousand videos."""
WIDTH = 1 << 16
_AGAIN = "copy the file again from the trained project"
_PYTHON_LISTS = ("tag:yaml.org,2002:python/tuple", "tag:yaml.org,2002:python/list")
_PYTHON_TEXTS = ("tag:yaml.org,2002:python/unicode", "tag:yaml.org,2002:python/str")
_TEXT, _FLOAT = "tag:yaml.org,2002:str", "tag:yaml.org,2002:float"


def read_yaml(file: Path) -> dict[str, Any]:
    """Read a YAML file whose top level is a mapping.

    Raises
    ------
    ModelError
        It is missing, unreadable or not such a file; the message names it and the line.
    """
    return parse_yaml(read_text(file), file)


def read_text(file: Path) -> str:
    """Text of a configuration file; a byte-order mark of a Windows editor is dropped."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ModelError(
            f"{file}: no such file", "copy the whole DeepLabCut project folder, YAML files included"
        ) from None
    except UnicodeDecodeError as error:
        raise ModelError(f"{file}: not UTF-8 text ({error.reason})", "save it as UTF-8 in a text editor") from error
    except OSError as error:
        raise ModelError(f"{file}: cannot be read ({error.strerror})", "look at the file's owner and rights") from error


def parse_yaml(text: str, file: Path, *, aliases: bool = True) -> dict[str, Any]:
    """Parse YAML to plain dicts, lists, texts and numbers; tags never construct anything else.

    The reader is DeepLabCut's own (ruamel.yaml, YAML 1.2: `off` and `y` are body parts, not booleans) with its safe
    types. In addition, Python's lists and texts are read, which DeepLabCut 2 tagged as such.

    Parameters
    ----------
    file : Path
        Where the text came from; only named in messages.
    aliases : bool
        Whether parts may refer to others, by which a few lines can stand for more than fits into memory.

    Raises
    ------
    ModelError
        The text is not a YAML mapping, has a key twice, is nested too deeply or longer than `MAX_TEXT`.
    """
    if len(text) > MAX_TEXT:
        raise ModelError(f"{file}: too long for a configuration ({len(text):,} characters)", _AGAIN)
    with _named_errors(file):
        table = _reader(aliases=aliases).load(text)
    if not isinstance(table, dict):
        raise ModelError(f"{file}: is empty or not a YAML mapping", _AGAIN)
    return table


@contextmanager
def _named_errors(file: Path) -> Iterator[None]:
    from ruamel.yaml.error import YAMLError

    try:
        yield
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "not valid YAML"
        raise ModelError(f"{file}{line}: {problem}", "fix that line (indentation, colons, brackets)") from error
    except RecursionError as error:
        raise ModelError(f"{file}: nested too deeply", _AGAIN) from error
    except (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
        # the library's own for the 31st of February, `!!int x`, `%YAML 1.3` and the like
        raise ModelError(f"{file}: not valid YAML ({error})", _AGAIN) from error


def _reader(*, aliases: bool) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.composer import Composer, ComposerError
    from ruamel.yaml.constructor import SafeConstructor
    from ruamel.yaml.events import AliasEvent

    class Constructor(SafeConstructor):
        pass

    class AliasRefuser(Composer):
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.parser.check_event(AliasEvent):
                mark = self.parser.peek_event().start_mark
                raise ComposerError(None, None, "holds YAML aliases, which no bundle does", mark)
            return super().compose_node(parent, index)

    for tag in _PYTHON_LISTS:
        Constructor.add_constructor(tag, SafeConstructor.construct_yaml_seq)
    for tag in _PYTHON_TEXTS:
        Constructor.add_constructor(tag, SafeConstructor.construct_yaml_str)
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = Constructor
    if not aliases:
        yaml.Composer = AliasRefuser
    return yaml


def edit_yaml(text: str, values: Mapping[tuple[str, ...], Any], file: Path, *, add: bool = False) -> str:
    """Change values of a YAML text; comments, order, quotes and the notation of all other values stay.

    Parameters
    ----------
    values : mapping
        Path of keys to the new value: text, number, boolean or None. Where a path leads to nothing, it is left out.
    file : Path
        Where the text came from; only named in messages.
    add : bool
        Append top-level keys that are not there.

    Raises
    ------
    ModelError
        As in `parse_yaml`.
    """
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    yaml, stream = _editor(), io.StringIO()
    with _named_errors(file):
        table = yaml.load(text)
        for keys, value in values.items():
            quoted = DoubleQuotedScalarString(value) if isinstance(value, str) else value
            set_value(table, keys, quoted, add=add and len(keys) == 1)
        yaml.dump(table, stream)
    return stream.getvalue()


def _editor() -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.constructor import RoundTripConstructor
    from ruamel.yaml.representer import RoundTripRepresenter

    class Number(str):
        """Notation of a float: ruamel's own floats do not always keep the last digit."""

    class Constructor(RoundTripConstructor):
        pass

    class Representer(RoundTripRepresenter):
        pass

    Constructor.add_constructor(_FLOAT, lambda _, node: Number(node.value))
    Representer.add_representer(Number, lambda representer, number: representer.represent_scalar(_FLOAT, number))
    yaml = YAML(typ="rt", pure=True)
    yaml.Constructor, yaml.Representer = Constructor, Representer
    yaml.preserve_quotes, yaml.width = True, WIDTH
    return yaml


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
