from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from dlcctr.errors import ContractError, OutputError
from dlcctr.quality.flagging.flag_kinds import FLAG_KINDS, advice_for
from dlcctr.quality.record import (
    MAX_BINS,
    QUALITIES,
    QUALITY_FILENAME,
    Flag,
    PartQuality,
    Picture,
    PriorUsed,
    Quality,
    Stretch,
    Timeline,
    finite,
    finite_summary,
    parse_quality,
    read_quality,
    write_quality,
)
from tests.unit.support.state_files import (
    assert_no_bit_counts,
    assert_refused,
    assert_refused_at_every_cut,
    unsigned,
)

QUALITY = Quality(
    frames=1200,
    duration_s=40.0,
    prior=PriorUsed("labels", "ab" * 32),
    summary={"likelihood_median": 0.98, "speed_median": 1.5},
    parts=(PartQuality("snout[bold]", "mouse\n1", 0.99, 0.01, None),),
    flags=(Flag("jumps", 0.2, 0.05, "labels", advice_for("jumps"), "snout", "", 10, 30), Flag("dark", 3.0, 20.0)),
    stretches=(Stretch(10, 30, 0.9, ("jumps",), "picture-1.jpg"),),
    timeline=Timeline((0, 600), (0.0, None), (0.9, 0.8), (None, 2.0), (0.1, 0.9), (1.0, 2.0), (3.0, None)),
    pictures=(Picture("picture-1.jpg", 12, 0.4, "jumps"),),
)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    assert read_quality(tmp_path) is None
    assert write_quality(tmp_path, QUALITY) == tmp_path / QUALITY_FILENAME
    assert read_quality(tmp_path) == QUALITY
    assert QUALITY.flag_names == ("jumps", "dark")


def test_what_its_readers_rely_on() -> None:
    table = json.loads(QUALITIES.text(QUALITY))
    assert set(table) == {
        "checksum", "contract", "frames", "duration_s", "prior", "summary", "parts", "flags", "stretches", "timeline",
        "pictures",
    }  # fmt: skip
    assert table["contract"] == 2
    assert set(table["flags"][0]) == {
        "name", "value", "threshold", "source", "advice", "part", "individual", "first", "stop"
    }  # fmt: skip
    assert table["timeline"]["time_s"] == [0.0, None]


def test_keys_of_a_later_version_are_ignored_but_not_its_meaning(tmp_path: Path) -> None:
    table = json.loads(unsigned(QUALITIES.text(QUALITY)))
    table["flags"][0]["colour"] = {"red": [1]}
    table["new"] = 1
    assert parse_quality(json.dumps(table), tmp_path) == QUALITY
    table["contract"] = 3
    with pytest.raises(ContractError, match="version 3"):
        parse_quality(json.dumps(table), tmp_path)


def test_a_damaged_file_is_refused_with_its_name(tmp_path: Path) -> None:
    file = write_quality(tmp_path, QUALITY)
    assert_no_bit_counts(lambda path: read_quality(path.parent), file, (OutputError, ContractError))


def test_a_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    file = write_quality(tmp_path, replace(QUALITY, parts=(), flags=()))
    assert_refused_at_every_cut(lambda path: read_quality(path.parent), file.read_text(), file, OutputError)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("frames", -1),
        ("frames", "many"),
        ("duration_s", [1]),
        ("summary", {"a": None}),
        ("summary", [1]),
        ("flags", {"name": "jumps"}),
        ("flags", [{"name": "jumps", "value": "x", "threshold": 1}]),
        ("stretches", [{"first": 5, "stop": 5, "score": 1}]),
        ("stretches", [{"first": -5, "stop": 5, "score": 1}]),
        ("stretches", [{"first": 0, "stop": 5, "score": 1, "picture": "../../etc/passwd"}]),
        ("stretches", [{"first": 0, "stop": 5, "score": 1}] * 21),
        ("pictures", [{"file": "/etc/passwd", "frame": 1}]),
        ("pictures", [{"file": "a/b.jpg", "frame": 1}]),
        ("timeline", {"first": [0, 1], "time_s": [0.0]}),
        ("timeline", {"first": list(range(MAX_BINS + 1))}),
        ("contract", "2"),
    ],
)
def test_a_value_that_cannot_be_is_refused(tmp_path: Path, key: str, value: object) -> None:
    table = json.loads(unsigned(QUALITIES.text(QUALITY)))
    table[key] = value
    (tmp_path / QUALITY_FILENAME).write_text(json.dumps(table))
    assert_refused(lambda path: read_quality(path.parent), tmp_path / QUALITY_FILENAME, OutputError)


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_what_is_no_number_is_refused(tmp_path: Path, word: str) -> None:
    text = unsigned(QUALITIES.text(QUALITY)).replace("1.5", word)
    with pytest.raises(OutputError, match="finite"):
        parse_quality(text, tmp_path)


def test_numbers_for_json() -> None:
    assert finite(float("nan")) is None
    assert finite(float("inf")) is None
    assert finite(None) is None
    assert finite(1 / 3) == 0.333333
    assert finite_summary([("a", float("nan")), ("b", 2)]) == {"b": 2.0}


def test_every_kind_says_what_to_do() -> None:
    assert len(FLAG_KINDS) == 18
    for kind in FLAG_KINDS.values():
        assert kind.says and kind.advice.endswith((".", "?"))
    assert advice_for("of a later version") == ""
