"""A campaign like another one, for a new model: `dlcctr manifest --like`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dlcctr.campaign.config import read_campaign, write_campaign
from dlcctr.campaign.derive import ModelChoice, campaign_like
from dlcctr.campaign.manifest import read_manifest
from dlcctr.campaign.steps.spec import StepSpec
from dlcctr.campaign.tracking import Tracking
from dlcctr.cli import catch, make_app
from dlcctr.contract import ExitCode
from dlcctr.errors import ManifestError, UsageError
from dlcctr.results.check import check
from tests.unit.support.compare_case import Case, finish, make_case
from tests.unit.support.projects import tensorflow_project

NAMES = ["cam0/v0.mp4", "cam1/v1.mp4", "cam1/v2.mp4"]


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return make_case(tmp_path, NAMES)


def call(monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> int:
    monkeypatch.setattr("sys.argv", ["dlcctr", "manifest", *map(str, words)])
    return catch(lambda: make_app()(prog_name="dlcctr"))


def test_videos_and_settings_stay_and_the_model_is_new(case: Case) -> None:
    write_campaign(
        replace(case.campaign, crop=(0, 32, 0, 32), batch_size=3, csv=False, steps=(StepSpec("f", "filter"),))
    )
    new = case.manifest.parent / "new" / "m.csv"
    made = campaign_like(case.manifest, new, ModelChoice(case.b))
    assert read_campaign(new) == made.campaign
    old, campaign = case.campaign, made.campaign
    assert campaign.model == case.b and campaign.model_hash != old.model_hash
    kept = ("video_root", "crop", "batch_size", "csv", "steps", "tracking", "precision")
    assert [getattr(campaign, name) for name in kept] == [getattr(old, name) for name in kept]
    assert new.read_bytes() == case.manifest.read_bytes()
    assert campaign.out == new.parent / "results"


def test_results_of_both_stay_apart_below_one_root(case: Case) -> None:
    """What the layout of results promises: <root>/<model id>/<video>."""
    for row in read_manifest(case.manifest):
        finish(case.campaign, row, 0.3)
    files = {file: file.read_bytes() for file in case.campaign.out.rglob("*") if file.is_file()}
    new = case.manifest.parent / "new" / "m.csv"
    made = campaign_like(case.manifest, new, ModelChoice(case.b), out=case.campaign.out)
    assert made.campaign.out == case.campaign.out
    assert check(new).totals["unfinished"] == 3, "results of the old model are none of the new one's"
    for row in made.rows:
        finish(made.campaign, row, 0.1)
    assert check(new).totals["whole"] == 3 == check(case.manifest).totals["whole"]
    assert {file: file.read_bytes() for file in files} == files
    assert {each.name for each in case.campaign.out.iterdir()} == {case.campaign.model_id, made.campaign.model_id}


def test_a_place_that_is_taken(case: Case) -> None:
    with pytest.raises(UsageError, match=r"one campaign\.toml"):
        campaign_like(case.manifest, case.manifest.parent / "m2.csv", ModelChoice(case.b))
    new = case.manifest.parent / "new" / "m.csv"
    campaign_like(case.manifest, new, ModelChoice(case.b))
    before = new.with_name("campaign.toml").read_bytes()
    with pytest.raises(ManifestError, match="already exists"):
        campaign_like(case.manifest, new, ModelChoice(case.a))
    assert new.with_name("campaign.toml").read_bytes() == before
    campaign_like(case.manifest, new, ModelChoice(case.a), overwrite=True)
    assert read_campaign(new).model == case.a


def test_an_image_of_the_other_engine_is_left_out(case: Case, tmp_path: Path) -> None:
    write_campaign(replace(case.campaign, image="dlc-pytorch.sif"))
    same = campaign_like(case.manifest, tmp_path / "same" / "m.csv", ModelChoice(case.b))
    assert same.campaign.image == "dlc-pytorch.sif"
    other = tensorflow_project(tmp_path / "tf")
    assert campaign_like(case.manifest, tmp_path / "tfc" / "m.csv", ModelChoice(other)).campaign.image == ""


def test_animals_that_do_not_go_with_the_model(case: Case, tmp_path: Path) -> None:
    write_campaign(replace(case.campaign, tracking=Tracking(n_tracks=2)))
    with pytest.raises(UsageError):
        campaign_like(case.manifest, tmp_path / "made" / "m.csv", ModelChoice(case.b))
    assert not (tmp_path / "made").exists()


def test_an_empty_manifest(case: Case, tmp_path: Path) -> None:
    case.manifest.write_text("index,video\n")
    with pytest.raises(ManifestError, match="has no rows"):
        campaign_like(case.manifest, tmp_path / "made" / "m.csv", ModelChoice(case.b))


def test_the_command(case: Case, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    new = case.manifest.parent / "new" / "m.csv"
    like = ("--like", case.manifest, "-o", new)
    assert call(monkeypatch, *like) == ExitCode.USAGE
    assert call(monkeypatch, *like, "--model", case.b, "--crop", "0,1,0,1") == ExitCode.USAGE
    assert call(monkeypatch, *like, "--model", case.b, "--shuffle", "1,2") == ExitCode.USAGE
    assert call(monkeypatch, "videos", *like, "--model", case.b) == ExitCode.USAGE
    assert call(monkeypatch, "-o", new, "--model", case.b) == ExitCode.USAGE
    assert call(monkeypatch, *like, "--model", case.b, "--append") == ExitCode.USAGE
    assert not new.exists()
    capsys.readouterr()
    assert call(monkeypatch, *like, "--model", case.b) == 0
    assert "wrote 3 rows" in capsys.readouterr().out and len(read_manifest(new)) == 3
