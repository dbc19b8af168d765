"""Submissions as files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dlcctr.campaign.paths import CampaignPaths
from dlcctr.errors import ContractError, ManifestError
from dlcctr.slurm.jobs.submissions import SUBMISSIONS, Submission, read_submissions, write_submission
from tests.unit.support.state_files import (
    GOLDEN,
    assert_no_bit_counts,
    assert_refused,
    assert_refused_at_every_cut,
    assert_refused_with_any_wrong_leaf,
    golden,
    unsigned,
)

FILES = golden("*submission*.json")


@pytest.fixture
def paths(tmp_path: Path) -> CampaignPaths:
    made = CampaignPaths.of(tmp_path / "m.csv")
    made.submissions.mkdir(parents=True)
    return made


@pytest.mark.parametrize("file", FILES)
def test_submissions_on_disk_are_read_and_written_as_ever(file: Path, paths: CampaignPaths) -> None:
    (paths.submissions / "old.json").write_bytes(file.read_bytes())
    (submission,) = read_submissions(paths)
    write_submission(paths, submission)
    written = paths.submission(submission.plan)
    assert unsigned(written.read_text()) == file.read_text()
    (paths.submissions / "old.json").unlink()
    assert read_submissions(paths) == [submission]


@pytest.mark.parametrize("file", FILES)
def test_no_flipped_bit_changes_what_was_submitted(file: Path, paths: CampaignPaths) -> None:
    copy = paths.submissions / "s.json"
    copy.write_text(SUBMISSIONS.text(SUBMISSIONS.read(file)), encoding="utf-8")
    assert_no_bit_counts(lambda _: read_submissions(paths), copy, (ManifestError, ContractError))


@pytest.mark.parametrize("file", FILES)
def test_a_damaged_submission_is_refused_wherever_the_damage_is(file: Path, tmp_path: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert_refused_at_every_cut(SUBMISSIONS.read, text, tmp_path / "s.json", ManifestError)
    assert_refused_with_any_wrong_leaf(SUBMISSIONS.read, text, tmp_path / "s.json", ManifestError)


def changed(file: Path, **changes: Any) -> Path:
    file.write_text(json.dumps({**json.loads((GOLDEN / "submission.json").read_text()), **changes}))
    return file


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"created": "yesterday"}, "created 'yesterday' is not a time"),
        ({"arrays": [{"name": "a", "offset": -1, "count": 1}]}, "arrays[0]: 1 tasks from number -1 on"),
        ({"arrays": [{"name": "a", "offset": 0, "count": 0}]}, "arrays[0]: 0 tasks from number 0 on"),
        ({"arrays": [{"name": "a", "offset": 0}]}, "arrays[0].count: missing"),
        ({"plan": "../m"}, "'../m' cannot be the id of a plan"),
        ({"plan": ""}, "'' cannot be the id of a plan"),
        ({"plan": "m\0"}, "it contains a NUL character"),
        ({"plan": "\ud800"}, "contains half a character (a lone surrogate)"),
        ({"logs": ".."}, "'..' cannot be a folder of logs"),
        ({"arrays": [{"name": "a", "offset": 0, "count": 1, "job_id": "../7"}]}, "cannot be the id of a job"),
        ({"arrays": [{"name": "", "offset": 0, "count": 1}]}, "cannot be the name of a job: it is empty"),
        ({"owner": "me"}, "owner: this version does not know this key"),
    ],
)
def test_values_that_no_submission_can_have(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    assert message in assert_refused(SUBMISSIONS.read, changed(tmp_path / "s.json", **changes), ManifestError)


def test_options_may_hold_more_than_this_version_knows(tmp_path: Path) -> None:
    options = json.loads((GOLDEN / "submission.json").read_text())["options"]
    options["weather"] = options["site_values"]["colour"] = "new"
    file = changed(tmp_path / "s.json", options=options)
    assert SUBMISSIONS.read(file) == SUBMISSIONS.read(GOLDEN / "submission.json")


def test_one_of_another_contract_is_not_damaged(paths: CampaignPaths) -> None:
    changed(paths.submissions / "s.json", contract=99)
    with pytest.raises(ContractError, match="written for contract version 99"):
        read_submissions(paths)


def test_the_later_one_is_later_whatever_its_name_is(paths: CampaignPaths) -> None:
    """Names begin with the local time, which in autumn comes twice: an hour later 02:10 follows on 02:50."""
    early, late = (
        ("20261025-025000-ffff", "2026-10-25T00:50:00+00:00"),
        ("20261025-021000-0000", "2026-10-25T01:10:00+00:00"),
    )
    same = [("20261025-021000-eeee", "submit"), ("20261025-021000-1111", "resubmit")]
    for plan, created in (late, early):
        write_submission(paths, Submission(plan, (), created))
    for plan, kind in same:
        write_submission(paths, Submission(plan, (), "2026-10-25T02:00:00+00:00", kind))
    found = [each.plan for each in read_submissions(paths)]
    assert found == [early[0], late[0], same[0][0], same[1][0]]
