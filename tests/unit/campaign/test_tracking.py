"""Names, number and tracker of the animals: for a campaign and for a row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dlcctr.campaign.config import Campaign, parse_campaign, read_campaign, write_campaign
from dlcctr.campaign.manifest import read_manifest, write_manifest
from dlcctr.campaign.rows import Row, row_settings
from dlcctr.campaign.tracking import PROJECTS_OWN, Tracking, tracking_problem
from dlcctr.contract import MANIFEST_COLUMNS
from dlcctr.errors import ManifestError
from dlcctr.model.inspection import inspect_model
from dlcctr.results.expected import expected_of, identity_problems
from dlcctr.results.receipt import Receipt
from dlcctr.results.sections import Parameters
from tests.unit.support.projects import pytorch_project

TWO = Tracking(individuals=("anna", "otto"), tracker="box", identity=True)


def write(folder: Path, text: str) -> Path:
    (folder / "m.csv").write_text(text, encoding="utf-8")
    return folder / "m.csv"


def test_a_manifest_holds_what_rows_say(tmp_path: Path) -> None:
    rows = [Row(0, "a.mp4", tracking=TWO), Row(1, "b.mp4"), Row(2, "c.mp4", tracking=Tracking(n_tracks=3))]
    write_manifest(tmp_path / "m.csv", rows)
    assert [row.tracking for row in read_manifest(tmp_path / "m.csv")] == [row.tracking for row in rows]


def test_a_manifest_without_them_has_no_such_columns(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.csv", [Row(0, "a.mp4")])
    assert (tmp_path / "m.csv").read_text().splitlines()[0] == ",".join(MANIFEST_COLUMNS)


def test_cells_as_spreadsheets_write_them(tmp_path: Path) -> None:
    file = write(tmp_path, 'index;video;individuals;n_tracks;tracker;identity\n0;a.mp4;"anna, otto ";2,0;Box;TRUE\n')
    (row,) = read_manifest(file)
    assert row.tracking == Tracking(("anna", "otto"), 2, "box", True)


@pytest.mark.parametrize(
    ("cells", "word"),
    [
        ("anna;anna,,,", "its own name"),
        ("anna;;otto,,,", "its own name"),
        ("anna;single,,,", "none may be 'single'"),
        ("anna;otto,3,,", "2 individuals are named"),
        (",0,,", "must be 1 to 1,000"),
        (",50000000,,", "must be 1 to 1,000"),
        (",two,,", "not a whole number"),
        (",,elipse,", "ellipse, skeleton, box"),
        (",,,perhaps", "neither yes nor no"),
    ],
)
def test_bad_cells_are_named_with_their_line(tmp_path: Path, cells: str, word: str) -> None:
    file = write(tmp_path, f"index,video,individuals,n_tracks,tracker,identity\n0,a.mp4,,,,\n1,b.mp4,{cells}\n")
    with pytest.raises(ManifestError, match=word) as caught:
        read_manifest(file)
    assert f"{file}, line 3: " in str(caught.value)


def test_a_campaign_says_it_for_all_rows(tmp_path: Path) -> None:
    campaign = Campaign(file=tmp_path / "campaign.toml", video_root=tmp_path, out=tmp_path / "r", tracking=TWO)
    write_campaign(campaign)
    assert read_campaign(tmp_path / "m.csv").tracking == TWO
    mine = row_settings(Row(0, "a.mp4", tracking=Tracking(n_tracks=1, tracker="ellipse")), campaign).tracking
    assert mine == Tracking((), 1, "ellipse", True)
    assert row_settings(Row(1, "b.mp4"), campaign).tracking == TWO


@pytest.mark.parametrize(
    ("text", "word"), [("n_tracks = 0", "1 to 1,000"), ('tracker = "dots"', "ellipse"), ("identity = 1", "type bool")]
)
def test_a_bad_campaign(tmp_path: Path, text: str, word: str) -> None:
    with pytest.raises(ManifestError, match=word):
        parse_campaign(f"[tracking]\n{text}\n", tmp_path / "campaign.toml")


@pytest.mark.parametrize(
    ("tracking", "names"),
    [
        (PROJECTS_OWN, ("m1", "m2")),
        (Tracking(n_tracks=1), ("m1",)),
        (Tracking(n_tracks=3), ("ind1", "ind2", "ind3")),
        (Tracking(individuals=("anna",)), ("anna",)),
    ],
)
def test_names_are_those_that_deeplabcut_gives(tracking: Tracking, names: tuple[str, ...]) -> None:
    assert tracking.names(("m1", "m2")) == names
    assert tracking.names(()) == ()


def receipt(tracking: Tracking) -> Receipt:
    from dlcctr.contract import RowState
    from dlcctr.results.sections import AnalysedRow, ModelUsed

    parameters = Parameters(shuffle=1, trainset_index=0, tracking=tracking)
    return Receipt(RowState.OK, "", 0, AnalysedRow(0, "a.mp4"), model=ModelUsed(hash="h"), parameters=parameters)


def test_other_animals_make_a_row_due_again(tmp_path: Path) -> None:
    facts: dict[str, Any] = {"model_id": "m", "model_hash": "h", "bodyparts": ("nose",), "individuals": ("m1", "m2")}
    expected = expected_of(Campaign(file=tmp_path / "campaign.toml", tracking=TWO, **facts))
    assert expected.parts == (("anna", "nose"), ("otto", "nose"))
    assert identity_problems(receipt(TWO), Row(0, "a.mp4"), expected) == []
    (problem, *_) = identity_problems(receipt(PROJECTS_OWN), Row(0, "a.mp4"), expected)
    assert "individuals" in problem
    (problem,) = identity_problems(receipt(Tracking(TWO.individuals, None, "ellipse", True)), Row(0, "a.mp4"), expected)
    assert problem == "it was made with tracker ellipse, the campaign says box"


def test_a_receipt_without_them_is_what_it_was(tmp_path: Path) -> None:
    text = receipt(PROJECTS_OWN).to_json()
    assert "tracking" not in text
    assert Receipt.from_json(receipt(TWO).to_json(), tmp_path / "r").parameters.tracking == TWO


def test_a_model_that_cannot_be_used_so(tmp_path: Path) -> None:
    one = inspect_model(pytorch_project(tmp_path / "one"))
    assert tracking_problem(PROJECTS_OWN, one) == ""
    assert "one animal" in tracking_problem(Tracking(n_tracks=2), one)
