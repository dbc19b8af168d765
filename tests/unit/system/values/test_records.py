"""Between JSON and dataclasses: what fits, what does not, and which key is named."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcctr.errors import ContractError, ManifestError
from dlcctr.system.state_files import StateFile
from dlcctr.system.values.records import LOCAL, OMIT, Open, RecordError, from_table, parse_object, to_table


class Colour(str, Enum):
    RED = "red"
    BLUE = "blue"


class Trail(Enum):
    NONE = ""
    SHORT = "short"


@dataclass(frozen=True)
class Point:
    x: float
    y: float = 0.0


@dataclass(frozen=True)
class Extra(Open):
    point: Point | None = None
    note: str = field(default="", metadata=OMIT)


@dataclass(frozen=True)
class Drawing:
    name: str
    size: int
    colour: Colour = Colour.RED
    trail: Trail = Trail.NONE
    is_new: bool = False
    scale: float | None = None
    points: list[Point] = field(default_factory=list)
    corners: tuple[int, int] = (0, 0)
    layers: tuple[str, ...] = ()
    lengths: dict[str, float] = field(default_factory=dict)
    extra: Extra = field(default_factory=Extra)
    file: Path | None = field(default=None, metadata=LOCAL)


WHOLE = st.integers(-(1 << 63), (1 << 63) - 1)
finite = st.floats(allow_nan=False, allow_infinity=False)
points = st.builds(Point, finite, finite)
drawings = st.builds(
    Drawing, st.text(), WHOLE, st.sampled_from(Colour), st.sampled_from(Trail), st.booleans(),
    st.none() | finite, st.lists(points), st.tuples(WHOLE, WHOLE), st.lists(st.text()).map(tuple),
    st.dictionaries(st.text(), finite), st.builds(Extra, st.none() | points, st.text()),
)  # fmt: skip


@given(drawings)
def test_a_record_comes_back_from_its_json(drawing: Drawing) -> None:
    assert from_table(Drawing, json.loads(json.dumps(to_table(drawing)))) == drawing


def table(**changes: Any) -> dict[str, Any]:
    return {"name": "a", "size": 1, **changes}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": 1}, "name: expected text, found 1"),
        ({"size": True}, "size: expected a whole number, found True"),
        ({"size": 1.0}, "size: expected a whole number, found 1.0"),
        ({"size": None}, "size: expected a whole number, found None"),
        ({"is_new": 1}, "is_new: expected true or false, found 1"),
        ({"colour": "green"}, "colour: expected one of red, blue, found 'green'"),
        ({"colour": []}, "colour: expected one of red, blue, found []"),
        ({"trail": "long"}, "trail: expected one of '', short, found 'long'"),
        ({"scale": True}, "scale: expected a number, found True"),
        ({"scale": float("nan")}, "scale: expected a finite number, found nan"),
        ({"scale": float("inf")}, "scale: expected a finite number, found inf"),
        ({"points": {}}, "points: expected a list, found {}"),
        ({"points": [{"x": 0.0}, {"x": "y"}]}, "points[1].x: expected a number, found 'y'"),
        ({"points": [{"y": 0.0}]}, "points[0].x: missing"),
        ({"points": [{"x": 0.0, "z": 1}]}, "points[0].z: this version does not know this key"),
        ({"corners": [1]}, "corners: expected a list of 2, found [1]"),
        ({"corners": [1, "2"]}, "corners[1]: expected a whole number, found '2'"),
        ({"lengths": {"a b": "long"}}, "lengths.a b: expected a number, found 'long'"),
        ({"lengths": [1.0]}, "lengths: expected an object, found [1.0]"),
        ({"extra": {"point": {"x": []}}}, "extra.point.x: expected a number, found []"),
        ({"": 1}, "this version does not know this key"),
        ({"file": "/etc/passwd"}, "file: this version does not know this key"),
    ],
)
def test_what_does_not_fit_is_named_by_its_key(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RecordError) as caught:
        from_table(Drawing, table(**changes))
    assert message in str(caught.value)


def test_a_huge_number_is_not_a_finite_one() -> None:
    with pytest.raises(RecordError, match=r"scale: expected a finite number, found 1000+…"):
        from_table(Drawing, table(scale=10**400))


def test_a_whole_number_stands_for_a_float() -> None:
    drawing = from_table(Drawing, table(scale=2))
    assert (drawing.scale, type(drawing.scale)) == (2.0, float)


def test_an_open_record_ignores_unknown_keys_at_any_depth() -> None:
    extra = {"point": {"x": 1.0, "z": 2.0}, "more": [1]}
    assert from_table(Drawing, table(extra=extra)).extra == Extra(Point(1.0))


def test_fields_that_are_left_out() -> None:
    written = to_table(Drawing("a", 1, file=Path("b")))
    assert "file" not in written
    assert written["extra"] == {"point": None}
    assert to_table(Extra(note="n")) == {"point": None, "note": "n"}


@dataclass(frozen=True)
class Even:
    number: int

    def __post_init__(self) -> None:
        if self.number % 2:
            raise ValueError(f"{self.number} is odd")


@dataclass(frozen=True)
class Evens:
    numbers: dict[str, Even]


def test_what_a_record_itself_refuses_is_reported_alike() -> None:
    with pytest.raises(RecordError, match=r"numbers\.b: 3 is odd"):
        from_table(Evens, {"numbers": {"a": {"number": 2}, "b": {"number": 3}}})


@pytest.mark.parametrize("text", ["", "{", "[]", "1", "null", '{"a": 1} {', "[" * 100_000, "1" * 5000 + "e"])
def test_text_that_is_not_an_object(text: str) -> None:
    with pytest.raises(RecordError):
        parse_object(text)


BOXES = StateFile(Even, "a box", ManifestError, hint="make a new one", version_hint="use the other program")
PLAIN = StateFile(Even, "a box", ManifestError, hint="make a new one")


def write(file: Path, table: Mapping[str, object]) -> Path:
    file.write_text(json.dumps(table))
    return file


def test_a_state_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    for kind in (BOXES, PLAIN):
        (tmp_path / "box").write_text(kind.text(Even(2)))
        assert kind.read(tmp_path / "box") == kind.find(tmp_path / "box") == Even(2)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for missing in (tmp_path / "no", tmp_path / "file" / "no"):
        assert BOXES.find(missing) is None
        with pytest.raises(ManifestError, match="cannot be read"):
            BOXES.read(missing)
    with pytest.raises(ManifestError, match="Is a directory") as caught:
        BOXES.find(tmp_path)
    assert "owner and permissions" in caught.value.hint


@pytest.mark.parametrize("version", [None, "1", True, 1.0, [1]])
def test_a_version_is_a_whole_number(version: object, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"not a box \(contract: "):
        BOXES.read(write(tmp_path / "box", {"contract": version, "number": 2}))


def test_another_version_is_not_damage_whatever_else_the_file_holds(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="written for contract version 7") as caught:
        BOXES.read(write(tmp_path / "box", {"contract": 7, "something": "new"}))
    assert caught.value.hint == "use the other program"


def test_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "box").write_bytes(b'{"number": "\xff"}')
    with pytest.raises(ManifestError, match="box: not a box") as caught:
        BOXES.find(tmp_path / "box")
    assert caught.value.hint == "make a new one"


@pytest.mark.parametrize("number", ["9" * 20, "-" + "9" * 20, "9" * 4000])
def test_a_whole_number_has_at_most_64_bits(number: str) -> None:
    with pytest.raises(RecordError, match=r"corners\[1\]: a whole number of more than 64 bits"):
        from_table(Drawing, {**to_table(Drawing("a", 1)), "corners": [0, int(number)]})


DRAWINGS = StateFile(Drawing, "a drawing", ManifestError, hint="make a new one")


@pytest.mark.parametrize("text", ["\ud800", "a\udfff", "\udc00\ud800"])
def test_a_state_file_with_half_a_character_is_refused(text: str, tmp_path: Path) -> None:
    for table in ({"name": text, "size": 1}, {"name": "a", "size": 1, "lengths": {text: 1.0}}):
        (tmp_path / "d.json").write_text(json.dumps(table))
        with pytest.raises(ManifestError, match="half a character"):
            DRAWINGS.read(tmp_path / "d.json")


def test_a_state_file_may_escape_whole_characters(tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text(json.dumps({"name": "😀ä", "size": 1}))
    assert DRAWINGS.read(tmp_path / "d.json").name == "😀ä"
