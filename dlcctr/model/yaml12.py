"""Read DeepLabCut's YAML as DeepLabCut reads it, and change single values without touching the rest of a file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dlcctr.errors import ModelError

# DeepLabCut reads YAML 1.2: `off`, `no` and `y` are names of body parts there, not booleans, and 1e-4 is a number.
_YAML12 = (
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", "-+."),
)
_PYTHON_LISTS = ("tag:yaml.org,2002:python/tuple", "tag:yaml.org,2002:python/list")
_PYTHON_TEXTS = ("tag:yaml.org,2002:python/unicode", "tag:yaml.org,2002:python/str")


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


def parse_yaml(text: str, file: Path) -> dict[str, Any]:
    """Parse text that came from `file`, which is only named in messages."""
    import yaml

    try:
        table = yaml.load(text, Loader=_loader())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not valid YAML"
        raise ModelError(f"{file}{line}: {problem}", "mend that line (indentation, colons, brackets)") from error
    except RecursionError as error:
        raise ModelError(f"{file}: nested too deeply", "copy the file again from the trained project") from error
    if not isinstance(table, dict):
        raise ModelError(f"{file}: is empty or not a YAML mapping", "copy the file again from the trained project")
    return table


def has_aliases(text: str) -> bool:
    """Whether a YAML text refers to parts of itself, by which a few lines can stand for more than fits into memory."""
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=loader))
    except yaml.YAMLError:
        return False


def replace_values(text: str, values: Mapping[tuple[str, ...], Any], *, add: bool = False) -> str:
    """Change scalar values; every other character of the text stays.

    Parameters
    ----------
    values : mapping
        Path of keys to the new value: text, number, boolean or None.
    add : bool
        Append top-level keys that are not there; otherwise they are left out.
    """
    import yaml

    root = yaml.compose(text, Loader=yaml.SafeLoader)
    edits, missing = [], []
    for path, value in values.items():
        node = _find(root, path)
        if isinstance(node, yaml.ScalarNode):
            start, stop = node.start_mark.index, node.end_mark.index
            new = json.dumps(value, ensure_ascii=False)
            edits.append((start, stop, new if stop > start else " " + new))
        elif node is None and add and len(path) == 1:
            missing.append(f"{json.dumps(path[0])}: {json.dumps(value, ensure_ascii=False)}")
    if isinstance(root, yaml.MappingNode) and root.flow_style and missing:
        place = root.start_mark.index + 1
        edits.append((place, place, ", ".join(missing) + ("," if root.value else "")))
        missing = []
    for start, stop, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[stop:]
    if missing and not text.endswith("\n"):
        text += "\n"
    return text + "".join(line + "\n" for line in missing)


def _find(node: Any, path: tuple[str, ...]) -> Any:
    import yaml

    for key in path:
        if not isinstance(node, yaml.MappingNode):
            return None
        node = next((value for name, value in node.value if getattr(name, "value", None) == key), None)
    return node


def _loader() -> Any:
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]
        yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own way

    for name, pattern, first in _YAML12:
        # YAML's empty scalar is asked for under the empty string
        letters = ["" if letter == "\0" else letter for letter in first]
        Loader.add_implicit_resolver(f"tag:yaml.org,2002:{name}", re.compile(f"^(?:{pattern})$"), letters)
    Loader.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile("^<<$"), ["<"])
    Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)
    for tag in _PYTHON_LISTS:
        Loader.add_constructor(tag, lambda loader, node: loader.construct_sequence(node, deep=True))
    for tag in _PYTHON_TEXTS:
        Loader.add_constructor(tag, lambda loader, node: loader.construct_scalar(node))
    return Loader


def _construct_int(loader: Any, node: Any) -> int:
    text = loader.construct_scalar(node)
    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)


def dump_yaml(table: Mapping[str, Any]) -> str:
    """Text of a table; the same table gives the same text, and reads as the same table."""
    import yaml

    class Dumper(yaml.SafeDumper):  # the pure one: libyaml breaks some lines elsewhere, and is not on every machine
        def ignore_aliases(self, data: Any) -> bool:
            return True

    def represent(dumper: Any, text: str) -> Any:
        # PyYAML quotes what YAML 1.1 would take for another type; 1.2 takes `1e-4` for a number
        other = any(re.fullmatch(pattern, text) for _, pattern, _ in _YAML12)
        style = '"' if not text.isprintable() else "'" if other else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, represent)
    text: str = yaml.dump(dict(table), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=1 << 16)
    return text


_ABSOLUTE = re.compile(r"(?:/|\\\\|[A-Za-z]:[\\/]).*", re.DOTALL)


def is_absolute(text: str) -> bool:
    """Whether a text is an absolute path of Linux, macOS or Windows."""
    return bool(_ABSOLUTE.fullmatch(text))
