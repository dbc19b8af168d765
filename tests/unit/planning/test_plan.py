"""Plans as files."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from dlcctr.errors import ContractError, ManifestError
from dlcctr.planning.plan import read_plan, write_plan
from tests.unit.support.state_files import (
    GOLDEN,
    assert_no_bit_counts,
    assert_refused,
    assert_refused_at_every_cut,
    assert_refused_with_any_wrong_leaf,
    golden,
    unsigned,
)


@pytest.mark.parametrize("file", golden("plan*.json"))
def test_plans_on_disk_are_read_and_written_as_ever(file: Path, tmp_path: Path) -> None:
    write_plan(read_plan(file), tmp_path / "p.json")
    assert unsigned((tmp_path / "p.json").read_text()) == file.read_text()
    assert read_plan(tmp_path / "p.json") == read_plan(file)


def test_no_flipped_bit_changes_a_plan(tmp_path: Path) -> None:
    write_plan(read_plan(GOLDEN / "plan-measured.json"), tmp_path / "p.json")
    assert_no_bit_counts(read_plan, tmp_path / "p.json", (ManifestError, ContractError))


def test_a_plan_changed_by_hand_says_how_the_change_counts(tmp_path: Path) -> None:
    plan, file = read_plan(GOLDEN / "plan.json"), tmp_path / "p.json"
    write_plan(plan, file)
    file.write_text(file.read_text().replace(f'"time_limit_min": {plan.time_limit_min}', '"time_limit_min": 999'))
    with pytest.raises(ManifestError, match="changed by hand") as caught:
        read_plan(file)
    assert 'remove the line "checksum" from the file' in caught.value.hint
    file.write_text(unsigned(file.read_text()))
    assert read_plan(file) == replace(plan, time_limit_min=999)


@pytest.mark.parametrize("file", golden("plan-*.json"))
def test_a_damaged_plan_is_refused_wherever_the_damage_is(file: Path, tmp_path: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert_refused_at_every_cut(read_plan, text, tmp_path / "p.json", ManifestError)
    assert_refused_with_any_wrong_leaf(read_plan, text, tmp_path / "p.json", ManifestError)


def test_facts_and_tasks_may_hold_more_than_this_version_knows_but_a_plan_may_not(tmp_path: Path) -> None:
    (file, *_) = (each.values[0] for each in golden("plan-measured.json"))
    table, copy = json.loads(file.read_text()), tmp_path / "p.json"
    table["facts"]["weather"] = table["tasks"][0]["colour"] = table["facts"]["speed"]["unit"] = "new"
    copy.write_text(json.dumps(table))
    assert read_plan(copy) == read_plan(file)
    copy.write_text(json.dumps({**table, "owner": "me"}))
    assert "(owner: this version does not know this key)" in assert_refused(read_plan, copy, ManifestError)


@pytest.mark.parametrize("name", ["", "..", "../../m", "/m", "m\0", "\ud800"])
@pytest.mark.parametrize("key", ["id", "manifest"])
def test_names_that_lead_elsewhere_are_refused(key: str, name: str, tmp_path: Path) -> None:
    (file, *_) = (each.values[0] for each in golden("plan-measured.json"))
    copy = tmp_path / "p.json"
    copy.write_text(json.dumps({**json.loads(file.read_text()), key: name}))
    assert re.search("cannot be|half a character", assert_refused(read_plan, copy, ManifestError))
