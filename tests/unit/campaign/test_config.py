from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcctr.campaign.config import (
    Campaign,
    campaign_file,
    campaign_text,
    parse_campaign,
    read_campaign,
    write_campaign,
)
from dlcctr.campaign.rows import Row, row_settings
from dlcctr.errors import ContractError, ManifestError

text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


def write(folder: Path, toml: str) -> Path:
    (folder / "campaign.toml").write_text(toml, encoding="utf-8")
    return folder / "m.csv"


def test_without_a_file_everything_has_a_default(tmp_path: Path) -> None:
    campaign = read_campaign(tmp_path / "m.csv")
    assert campaign == Campaign(file=tmp_path / "campaign.toml", video_root=tmp_path, out=tmp_path / "results")


@given(name=text, snapshot=text, parts=st.lists(text, max_size=3), crop=st.none() | st.just((0, 640, 10, 480)))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    snapshot: str,
    parts: list[str],
    crop: tuple[int, int, int, int] | None,
) -> None:
    folder = tmp_path_factory.mktemp("c")
    campaign = Campaign(
        file=folder / "campaign.toml",
        model=Path("/models") / ("m" + name),
        model_hash="00",
        model_id="m" + name.replace("/", ""),
        engine="tensorflow",
        bodyparts=tuple(parts),
        individuals=("a", "b"),
        unique_bodyparts=tuple(parts[:1]),
        video_root=folder / "videos",
        out=Path("/else") / ("r" + name),
        csv=False,
        shuffle=3,
        trainset_index=1,
        snapshot=snapshot,
        crop=crop,
        batch_size=8,
        image="dlcctr:1",
    )
    write_campaign(campaign)
    assert read_campaign(folder / "m.csv") == campaign


def test_a_campaign_is_written_for_people_to_read(tmp_path: Path) -> None:
    campaign = Campaign(
        file=tmp_path / "campaign.toml", model=Path("/m/a \"b\" \\ ü🐭\x7f\t"), model_hash="ab", model_id="x",
        engine="pytorch", bodyparts=("a", "b c", "'"), video_root=tmp_path, out=tmp_path / "r", csv=False,
        crop=(0, 640, 10, 480), batch_size=8, image="i:1",
    )  # fmt: skip
    assert (
        campaign_text(campaign)
        == """\
# Made by `dlcctr manifest`. Everything that decides this campaign's results is in this file.
contract = 2

[model]
path = "/m/a \\"b\\" \\\\ ü🐭\\u007f\\t"  # DeepLabCut project folder, or a bundle of one
hash = "ab"
id = "x"
engine = "pytorch"
bodyparts = ["a", "b c", "'"]
individuals = []
unique_bodyparts = []

[videos]
root = "."  # the manifest's `video` column is relative to this

[output]
root = "r"
csv = false  # also write DeepLabCut's .csv

[analysis]
shuffle = 1
trainset_index = 0
snapshot = ""  # empty: what the project's config.yaml says
crop = [0, 640, 10, 480]  # x1, x2, y1, y2 in px from the top left corner
batch_size = 8

[image]
name = "i:1"
"""
    )


def test_a_folder_can_move_with_its_campaign(tmp_path: Path) -> None:
    old = tmp_path / "old"
    write_campaign(Campaign(file=old / "campaign.toml", model=old / "model", video_root=old, out=old / "results"))
    old.rename(tmp_path / "new")
    moved = read_campaign(tmp_path / "new/m.csv")
    assert (moved.model, moved.video_root, moved.out) == (
        tmp_path / "new/model",
        tmp_path / "new",
        tmp_path / "new/results",
    )


def test_relative_paths_are_relative_to_the_file_not_to_the_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "c").mkdir()
    manifest = write(tmp_path / "c", '[videos]\nroot = "../videos"\n[model]\npath = "m"\n')
    monkeypatch.chdir(tmp_path)
    campaign = read_campaign(Path("c/m.csv"))
    assert (campaign.video_root, campaign.model) == (tmp_path / "videos", tmp_path / "c/m")
    assert campaign_file(manifest) == tmp_path / "c/campaign.toml"


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[model\n", "not valid TOML"),
        ("model = " + "[" * 5000, "not valid TOML: nested too deeply"),
        ("[analysis]\nshuffle = " + "9" * 5000, "not valid TOML: Exceeds the limit"),
        ("[analysis]\nshuffle = " + "9" * 50, "not valid TOML: shuffle has more than 64 bits"),
        ("model = 3\n", "[model] must be a table"),
        ("[analysis]\nshuffle = '1'\n", "analysis.shuffle must be of type int"),
        ("[analysis]\nshuffle = true\n", "analysis.shuffle must be of type int"),
        ("[analysis]\ncrop = [1, 2]\n", "analysis.crop"),
        ("[analysis]\ncrop = [5, 1, 0, 9]\n", "analysis.crop"),
        ("[analysis]\ncrop = [true, true, 0, 9]\n", "analysis.crop"),
        ("[output]\ncsv = 1\n", "output.csv must be of type bool"),
        ("[model]\nbodyparts = [1]\n", "model.bodyparts must be a list of names"),
        ("[analysis]\nbatch_size = 0\n", "analysis.batch_size"),
        ('[analysis]\nprecision = "half"\n', "analysis.precision is 'half'; it must be one of float32, fp16, bf16"),
        ("[analysis]\nshuffel = 2\n", "analysis.shuffel is not known"),
        ("[ouput]\nroot = 'x'\n", "[ouput] is not known"),
    ],
)
def test_mistakes_are_named_with_file_and_key(tmp_path: Path, toml: str, words: str) -> None:
    with pytest.raises(ManifestError) as caught:
        read_campaign(write(tmp_path, toml))
    assert str(tmp_path / "campaign.toml") in caught.value.message
    assert words in caught.value.message


def test_not_text(tmp_path: Path) -> None:
    (tmp_path / "campaign.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ManifestError, match="not UTF-8 text"):
        read_campaign(tmp_path / "m.csv")


def test_a_bom_is_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "campaign.toml").write_bytes(b"\xef\xbb\xbf[analysis]\r\nshuffle = 4\r\n")
    assert read_campaign(tmp_path / "m.csv").shuffle == 4


def test_another_contract_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="written for contract version 99"):
        read_campaign(write(tmp_path, "contract = 99\n"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[model]\nid = "../../other"', "model.id: '../../other' cannot be a folder of results: it leads to another"),
        ('[model]\nid = ".."', "it leads to another folder"),
        ('[model]\nid = "a\\u0000"', "it contains a NUL character"),
        ('[model]\nbodyparts = ["a\\u0000"]', "model.bodyparts: .* it contains a NUL character"),
        ('[videos]\nroot = "a\\u0000"', "videos.root: .* it contains a NUL character"),
        ('[output]\nroot = "a\\u0000"', "output.root: .* it contains a NUL character"),
        ('[remote]\nfolder = "a\\u0000"', "remote.folder: .* it contains a NUL character"),
    ],
)
def test_names_that_no_system_takes_are_refused_where_they_are_read(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ManifestError, match=words) as caught:
        read_campaign(write(tmp_path, text))
    assert caught.value.hint


def test_without_model_facts_keeps_the_parameters(tmp_path: Path) -> None:
    campaign = Campaign(file=tmp_path, model_hash="h", model_id="i", engine="e", bodyparts=("a",), shuffle=2)
    assert campaign.without_model_facts() == replace(campaign, model_hash="", model_id="", engine="", bodyparts=())


def test_a_campaign_that_cannot_be_read_is_no_bug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ManifestError, match="cannot be read: Permission denied"):
        read_campaign(tmp_path / "m.csv")


def test_the_projects_own_crop_holds_only_where_the_file_does_not_pin_the_project(tmp_path: Path) -> None:
    own, named = (0, 9, 0, 9), (1, 5, 1, 5)
    file = tmp_path / "campaign.toml"
    loose = parse_campaign('[model]\npath = "/p"\n', file)
    pinned = parse_campaign('[model]\npath = "/p"\nhash = "ab"\n', file)
    assert [each.crop_in_force(own) for each in (loose, pinned)] == [own, None]
    assert [replace(each, crop=named).crop_in_force(own) for each in (loose, pinned)] == [named, named]
    rows = [Row(0, "a"), Row(1, "a", shuffle=2), Row(2, "a", snapshot="snapshot-5"), Row(3, "a", model="/other")]
    assert [row_settings(row, pinned).crop_in_force(own) for row in rows] == [None, None, None, own]
