"""The YAML reader behind `dlcctr.model.yaml.yaml12`: plain values, never more than a configuration can have."""

from __future__ import annotations

import re
from typing import Any

from dlcctr.system.values.numbers import WHOLE_NUMBERS

MAX_VALUES = 100_000
"""Most keys and values of a file, with all that its aliases stand for: a configuration of 25,000 videos."""
CHARS_OF_A_VALUE = 100
"""Characters of a text that count as one more value."""
MAX_DEPTH = 100
MAX_NUMBER_CHARS = 100

TAG = "tag:yaml.org,2002:"
_CONSTRUCTORS = {
    "null": "null", "bool": "bool", "int": "int", "float": "float", "timestamp": "timestamp", "map": "map",
    "seq": "seq", "python/tuple": "seq", "python/list": "seq", "str": "str", "python/unicode": "str",
    "python/str": "str",
}  # fmt: skip
"""Tags that are read, and as what. DeepLabCut 2 tagged Python's lists and texts as such."""

_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?"
_NOTATIONS_1_1 = {
    "bool": r"yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF",
    "float": r"[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?"
    r"|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
    "int": r"[-+]?(?:0b[01_]+|0[0-7_]+|0|0x[0-9a-fA-F_]+|[1-9][0-9_]*(?::[0-5]?[0-9])*)",
    "merge": "<<",
    "null": "~|null|Null|NULL|",
    "timestamp": rf"{_DATE}|{_TIME}(?:[ \t]*(?:Z|[-+][0-9]{{1,2}}(?::[0-9]{{2}})?))?",
    "value": "=",
}
"""Values that are not text in YAML 1.1, as PyYAML reads it; ruamel.yaml's own 1.1 adds `y` and `1e-4` to them."""


def make_reader(*, aliases: bool, version_1_1: bool) -> Any:
    """A `ruamel.yaml.YAML` for one text.

    Texts that it refuses raise `ruamel.yaml.error.MarkedYAMLError`, which knows the line.

    Parameters
    ----------
    aliases : bool
        Whether parts may refer to others.
    version_1_1 : bool
        Read as PyYAML does; else as ruamel.yaml does, which follows YAML 1.2.
    """
    from ruamel.yaml import YAML

    yaml: Any = YAML(typ="safe", pure=True)
    yaml.Constructor, yaml.Composer = _constructor(), _composer(aliases)
    if version_1_1:
        yaml.Resolver = _resolver_1_1()
    return yaml


def _constructor() -> Any:
    from ruamel.yaml.constructor import ConstructorError, SafeConstructor

    class Constructor(SafeConstructor):
        def construct_non_recursive_object(self, node: Any, tag: Any = None) -> Any:
            is_number = isinstance(node.value, str) and str(node.tag) in (f"{TAG}int", f"{TAG}float")
            if is_number and len(node.value) > MAX_NUMBER_CHARS:
                raise ConstructorError(None, None, f"a number of {len(node.value):,} characters", node.start_mark)
            try:
                value = super().construct_non_recursive_object(node, tag)
            except (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
                # the library's own for the 31st of February, `!!int x` and the like
                raise ConstructorError(None, None, f"cannot be read ({error})", node.start_mark) from error
            if isinstance(value, int) and value not in WHOLE_NUMBERS:
                raise ConstructorError(None, None, "a number of more than 64 bits", node.start_mark)
            return value

    Constructor.yaml_constructors = {
        **{TAG + tag: getattr(SafeConstructor, f"construct_yaml_{kind}") for tag, kind in _CONSTRUCTORS.items()},
        None: SafeConstructor.construct_undefined,
    }
    return Constructor


def _composer(aliases: bool) -> Any:
    from ruamel.yaml.composer import Composer, ComposerError
    from ruamel.yaml.events import AliasEvent
    from ruamel.yaml.nodes import ScalarNode

    class CountingComposer(Composer):
        """Counts an alias as all that it stands for: a few lines can be more than fits into memory."""

        def __init__(self, loader: Any = None) -> None:
            super().__init__(loader)
            self._count, self._levels = 0, 0
            self._size: dict[int, int] = {}

        def compose_node(self, parent: Any, index: Any) -> Any:
            mark, is_alias = self.parser.peek_event().start_mark, self.parser.check_event(AliasEvent)
            if is_alias and not aliases:
                raise ComposerError(None, None, "contains YAML aliases, which are not allowed in a bundle", mark)
            if self._levels == MAX_DEPTH:
                raise ComposerError(None, None, f"nested too deeply, {MAX_DEPTH} levels and more", mark)
            before = self._count
            self._levels += 1
            node = super().compose_node(parent, index)
            self._levels -= 1
            if is_alias and id(node) not in self._size:
                raise ComposerError(None, None, "a part that contains itself", mark)
            self._count += self._size[id(node)] if is_alias else 1
            if isinstance(node, ScalarNode) and not is_alias:
                self._count += len(node.value) // CHARS_OF_A_VALUE
            if self._count > MAX_VALUES:
                raise ComposerError(None, None, f"more than {MAX_VALUES:,} values with all aliases expanded", mark)
            self._size.setdefault(id(node), self._count - before)
            return node

    return CountingComposer


def _resolver_1_1() -> Any:
    from ruamel.yaml.nodes import ScalarNode
    from ruamel.yaml.resolver import VersionedResolver
    from ruamel.yaml.tag import Tag

    patterns = {name: re.compile(pattern) for name, pattern in _NOTATIONS_1_1.items()}

    class Resolver(VersionedResolver):
        @property
        def processing_version(self) -> Any:
            return 1, 1

        def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
            if kind is not ScalarNode:
                return super().resolve(kind, value, implicit)
            names = [name for name, pattern in patterns.items() if implicit[0] and pattern.fullmatch(value)]
            return Tag(suffix=TAG + names[0]) if names else self.DEFAULT_SCALAR_TAG

    return Resolver
