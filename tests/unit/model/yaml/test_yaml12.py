from __future__ import annotations

import datetime
import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from dlcctr.errors import ModelError
from dlcctr.model.yaml import yaml_reader
from dlcctr.model.yaml.yaml12 import dump_yaml, find_key, parse_yaml, read_yaml

FILE = Path("config.yaml")


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("parts: [off, no, yes, y, 'on']\nflag: true\nup: TRUE\n",
         {"parts": ["off", "no", "yes", "y", "on"], "flag": True, "up": True}),
        ("a: 1e-4\nb: .5\nc: 1.\nd: .inf\ne: 1e4\n", {"a": 1e-4, "b": 0.5, "c": 1.0, "d": float("inf"), "e": 1e4}),
        ("a: 010\nb: 0o17\nc: 0x1F\nd: 08\ne: -012\n", {"a": 10, "b": 15, "c": 31, "d": 8, "e": -12}),
        ("a: 0b11\nb: 1_000\n", {"a": 3, "b": 1000}),
        ("a:\nb: ~\nc: null\nd: ''\n", {"a": None, "b": None, "c": None, "d": ""}),
        ("a: 2018-10-30\nb: 1:30\n", {"a": datetime.date(2018, 10, 30), "b": "1:30"}),
        ('a: C:\\Users\\x\n"C:\\\\q": \'D:\\x\'\n', {"a": "C:\\Users\\x", "C:\\q": "D:\\x"}),
        ("# c\na: 1 # t\n#\nb: x#y\n", {"a": 1, "b": "x#y"}),
        ("a: &x [1]\nb: *x\n", {"a": [1], "b": [1]}),
        ("a: &x {p: 1, q: 2}\nb:\n  <<: *x\n  q: 3\n", {"a": {"p": 1, "q": 2}, "b": {"p": 1, "q": 3}}),
        ("a: 1\r\nb:\r\n- x\r\n", {"a": 1, "b": ["x"]}),
        ("%YAML 1.1\n---\na: off\nb: 010\n", {"a": False, "b": 8}),
        ('{"a": [true, null, 1E5]}', {"a": [True, None, 1e5]}),
    ],
)  # fmt: skip
def test_yaml_is_read_as_deeplabcut_reads_it(text: str, table: dict[str, Any]) -> None:
    assert YAML(typ="safe", pure=True).load(text) == table, "DeepLabCut's own reader"
    assert parse_yaml(text, FILE) == table


def test_what_deeplabcut_2_tagged_as_pythons_is_read_as_lists_and_texts() -> None:
    text = "a: !!python/tuple [1, [2]]\nb: !!python/unicode 'x'\nc: !!python/str 1\n"
    assert parse_yaml(text, FILE) == {"a": [1, [2]], "b": "x", "c": "1"}


@pytest.mark.parametrize(
    "text",
    ["", "- a\n", "a: [1\n", "a: b: c\n", "\tx: 1\n", "a:\n\tb: 1\n", "a:\t1\n", "a: *x\n", "a: @x\n", "a: \x01\n",
     "a: '\ud800'\n", "a: 1\n---\nb: 2\n", "%YAML 1.3\n---\na: 1\n", "? {a: b}\n: 1\n", "a: !!int x\n", "a: =\n",
     "a: 2018-02-31\n"],
)  # fmt: skip
def test_what_is_not_a_mapping_is_refused_by_name(text: str) -> None:
    with pytest.raises(ModelError, match=r"config\.yaml"):
        parse_yaml(text, FILE)


@pytest.mark.parametrize("text", ["a: 1\nb: 2\na: 3\n", "x:\n  a: 1\n  a: 1\n"])
def test_a_key_that_is_there_twice_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(ModelError, match=r'config\.yaml, line 3: found duplicate key "a"'):
        parse_yaml(text, FILE)


@pytest.mark.parametrize(
    "text",
    ["x: !!python/object/apply:os.getcwd []\n", "x: !!python/name:os.system\n", "x: !!python/module:os\n", "x: !y z\n"],
)
def test_no_tag_makes_an_object(text: str) -> None:
    with pytest.raises(ModelError, match="could not determine a constructor"):
        parse_yaml(text, FILE)


def test_deep_nesting_is_read_to_a_depth_and_then_refused() -> None:
    assert parse_yaml("a: " + "[" * 98 + "]" * 98, FILE)
    blocks = "".join(" " * depth + "k:\n" for depth in range(1000))
    for text, line in (("a: " + "[" * 500, 1), (blocks, 100)):
        with pytest.raises(ModelError, match=rf"config\.yaml, line {line}: nested too deeply"):
            parse_yaml(text, FILE)


LETTERS = "abcdefghi"
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in itertools.pairwise(LETTERS)
)
MERGED_LAUGHS = "a: &a {k: 1}\n" + "".join(
    f"{name}: &{name} {{<<: [{', '.join([f'*{before}'] * 9)}]}}\n" for before, name in itertools.pairwise(LETTERS)
)
LONG_TEXTS = f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 1000)}]\n"


@pytest.mark.parametrize("text", [LAUGHS, MERGED_LAUGHS, LONG_TEXTS, "a: [" + "x," * 20_000 + "]"])
def test_no_text_stands_for_more_than_a_configuration_holds(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_reader, "MAX_VALUES", 10_000)  # its time
    with pytest.raises(ModelError, match=r"config\.yaml, line \d: more than 10,000 values with all aliases expanded"):
        parse_yaml(text, FILE)


@pytest.mark.parametrize("text", ["a: 1\nb: &b [*b]\n", "a: 1\nb: &b {c: [*b]}\n", "a: 1\nb: &b {<<: *b}\n"])
def test_what_holds_itself_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(ModelError, match=r"config\.yaml, line 2: a part that contains itself"):
        parse_yaml(text, FILE)


@pytest.mark.parametrize(
    ("number", "problem"),
    [("9" * 5000, "a number of 5,000 characters"), ("1." + "0" * 5000, "a number of 5,002 characters"),
     ("0x" + "f" * 5000, "a number of 5,002 characters"), ("0b" + "1" * 70, "a number of more than 64 bits"),
     (str(1 << 64), "a number of more than 64 bits"), (str(-(1 << 63) - 1), "a number of more than 64 bits"),
     ("!!int x", "cannot be read"), ("2018-02-31", "cannot be read")],
)  # fmt: skip
def test_a_number_that_no_configuration_has_is_refused_with_its_line(number: str, problem: str) -> None:
    with pytest.raises(ModelError, match=rf"config\.yaml, line 2: {problem}"):
        parse_yaml(f"b: 1\na: {number}\n", FILE)


@pytest.mark.parametrize("text", ["a: !!set {x}\n", "a: !!binary aGk=\n", "a: !!omap [x: 1]\n", "a: !!pairs [x: 1]\n"])
def test_only_types_that_a_configuration_has_are_made(text: str) -> None:
    with pytest.raises(ModelError, match=r"config\.yaml, line 1: could not determine a constructor"):
        parse_yaml(text, FILE)


def test_a_message_stays_short_whatever_a_text_holds() -> None:
    with pytest.raises(ModelError) as caught:
        parse_yaml(f"a: 1\na: {'x' * 100_000}\n", FILE)
    assert "duplicate key" in caught.value.message and len(caught.value.message) < 300


def test_what_an_alias_stands_for_is_a_copy() -> None:
    table = parse_yaml("a: &x {p: [1]}\nb: *x\n", FILE)
    table["a"]["p"].append(2)
    assert table["b"] == {"p": [1]}


def test_a_file_longer_than_a_configuration_is_not_read_whole(tmp_path: Path) -> None:
    with (tmp_path / "config.yaml").open("wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(ModelError, match="too long for a configuration"):
        read_yaml(tmp_path / "config.yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [("yes", True), ("off", False), ("y", "y"), ("n", "n"), ("1e-4", "1e-4"), ("1.0e-4", 1e-4), ("1.0e4", "1.0e4"),
     ("1e5", "1e5"), (".5", 0.5), ("-.5", "-.5"), ("010", 8), ("08", "08"), ("0o10", "0o10"), ("0x1F", 31),
     ("1_000", 1000), ("1:30", 90), ("1:30.5", 90.5), ("2018-1-1", "2018-1-1"), ("~", None), ("'yes'", "yes")],
)  # fmt: skip
def test_yaml_1_1_is_read_as_pyyaml_reads_it(text: str, value: Any) -> None:
    assert parse_yaml(f"a: [{text}]\n", FILE, version_1_1=True) == {"a": [value]}
    assert type(parse_yaml(f"a: {text}\n", FILE, version_1_1=True)["a"]) is type(value)


def test_a_key_is_found_with_its_line_also_where_it_is_merged() -> None:
    text = "d: &d\n  'load': No\nrunner:\n  load: true\n  more: [{<<: *d}]\n"
    assert find_key(text, "load", {"no"}) == 2
    assert find_key(text, "load", {"true"}) == 4
    assert find_key(text, "load", {"x"}) is None


def test_a_text_of_unlikely_length_is_refused_unread() -> None:
    with pytest.raises(ModelError, match="too long for a configuration"):
        parse_yaml("#" * ((1 << 24) + 1), FILE)


def test_aliases_are_refused_where_they_are_not_allowed() -> None:
    text = "a: &x [1]\nb: *x\n"
    with pytest.raises(ModelError, match=r"config\.yaml, line 2: contains YAML aliases"):
        parse_yaml(text, FILE, aliases=False)
    assert parse_yaml("a: '*x'\nb: '&x'\n", FILE, aliases=False) == {"a": "*x", "b": "&x"}


WHOLE = st.integers(-(1 << 63), (1 << 64) - 1)
SCALARS = st.none() | st.booleans() | WHOLE | st.floats(allow_nan=False) | st.text() | st.sampled_from(
    ["1e-4", "010", "off", "y", "~", "null", ".inf", "1_000", "2020-01-01", "=", "<<", "0o7", "- a", "a: b", "# x"]
)  # fmt: skip
TABLES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)


@settings(max_examples=50)
@given(table=st.dictionaries(st.text(), TABLES))
def test_what_is_written_reads_the_same_in_both_versions_of_yaml(table: dict[str, Any]) -> None:
    text = dump_yaml(table)
    assert parse_yaml(text, FILE, aliases=False) == table
    assert parse_yaml(f"%YAML 1.1\n---\n{text}", FILE) == table
    assert parse_yaml(text, FILE, version_1_1=True) == table


@settings(max_examples=50)
@given(text=st.text(st.sampled_from("ab1-:?[]{},&*!|>'\"%@`#~<=. \n\t0x_eT"), max_size=40))
def test_whatever_a_text_is_it_is_read_or_refused(text: str) -> None:
    try:
        assert isinstance(parse_yaml(text, FILE), dict)
    except ModelError as error:
        assert "config.yaml" in error.message


@pytest.mark.parametrize(
    ("value", "text"),
    [("off", "'off'"), ("1e-4", "'1e-4'"), ("2018-10-30", "'2018-10-30'"), (1e-05, "1.0e-05"), (1e22, "1.0e+22"),
     ("C:\\x", "C:\\x"), ("nü 🐭", "nü 🐭"), ("a\tb", '"a\\tb"'), (None, "null"), (0.7, "0.7"), ([], "[]")],
)  # fmt: skip
def test_notation_that_every_reader_understands(value: Any, text: str) -> None:
    assert dump_yaml({"key": value}) == f"key: {text}\n"


def test_a_name_given_twice_is_read_and_nothing_of_the_file_is_printed(recwarn: pytest.WarningsRecorder) -> None:
    assert parse_yaml("a: &x [1]\nb: &x [2, someones words]\nc: *x\n", Path("config.yaml"))["c"][0] == 2
    assert not recwarn.list
