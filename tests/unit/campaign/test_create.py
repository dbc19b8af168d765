from __future__ import annotations

import itertools
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dlcctr.campaign import create
from dlcctr.campaign.config import Campaign, read_campaign
from dlcctr.campaign.create import CampaignChanges, OwnModel, extend_campaign, make_campaign
from dlcctr.campaign.manifest import read_manifest, write_manifest
from dlcctr.campaign.rows import Row
from dlcctr.errors import ManifestError, UsageError, VideoError
from tests import media


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    folder = tmp_path / "videos"
    folder.mkdir()
    media.write_video(folder / "b.mp4", 10)
    (folder / "a.mp4").write_text("no video")
    return folder


def make(folder: Path, *inputs: Path, **options: bool) -> CampaignChanges:
    campaign = Campaign(file=folder / "campaign.toml", out=folder / "results")
    return make_campaign([str(item) for item in inputs], folder / "m.csv", campaign, **options)


def test_every_video_gets_a_row_the_unreadable_ones_with_their_cause(tmp_path: Path, videos: Path) -> None:
    made = make(tmp_path / "c", videos)
    rows = read_manifest(tmp_path / "c/m.csv")
    assert [(row.index, row.video, row.frames) for row in rows] == [(0, "a.mp4", None), (1, "b.mp4", 10)]
    assert rows[0].error.startswith("not a video, or a damaged one")
    assert [row.index for row in made.unreadable] == [0]
    campaign = read_campaign(tmp_path / "c/m.csv")
    assert (campaign.video_root, campaign.out) == (videos, tmp_path / "c/results")


def test_a_second_video_stream_is_said_and_is_no_column(tmp_path: Path) -> None:
    media.write_streams(tmp_path / "two.mp4", [("mpeg4", 64, 48), ("mpeg4", 128, 96)])
    made = make(tmp_path / "c", tmp_path)
    assert [(row.video, "left out: mpeg4 128x96" in note) for row, note in made.notes] == [("two.mp4", True)]
    assert not made.unreadable


def test_the_campaign_beside_its_videos_never_finds_itself(videos: Path) -> None:
    make(videos, videos)
    (videos / "results").mkdir()
    media.write_video(videos / "results/x.mp4", 5)
    before = (videos / "m.csv").read_bytes()
    made = extend_campaign([str(videos), *map(str, videos.glob("*.*"))], videos / "m.csv")
    assert made.rows == []
    assert (videos / "m.csv").read_bytes() == before


def test_an_existing_campaign_is_not_replaced_unasked(tmp_path: Path, videos: Path) -> None:
    make(tmp_path, videos)
    before = {path: path.read_bytes() for path in (tmp_path / "m.csv", tmp_path / "campaign.toml")}
    with pytest.raises(ManifestError, match="already exists") as caught:
        make(tmp_path, videos)
    assert "--append" in caught.value.hint
    (tmp_path / "m.csv").unlink()
    (tmp_path / "campaign.toml").write_text("[analysis]\nshuffle = 2\n")
    with pytest.raises(ManifestError, match=r"campaign\.toml: already exists"):
        make(tmp_path, videos)
    make(tmp_path, videos, overwrite=True)
    assert {path: path.read_bytes() for path in before} == before
    (tmp_path / "m.csv").unlink()  # as where the disk was full when its turn came
    make(tmp_path, videos)
    assert {path: path.read_bytes() for path in before} == before


def test_nothing_found_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    with pytest.raises(VideoError, match="no video in"):
        make(tmp_path, tmp_path / "videos")
    assert [entry.name for entry in tmp_path.iterdir()] == ["videos"]


def test_append_adds_new_videos_and_touches_nothing_else(tmp_path: Path, videos: Path) -> None:
    make(tmp_path, videos)
    before = (tmp_path / "m.csv").read_bytes()
    settings = (tmp_path / "campaign.toml").read_bytes()
    media.write_video(videos / "0first.mp4", 20)  # sorts before all others
    (videos / "b.mp4").rename(videos / "moved.mp4")
    media.write_video(videos / "b.mp4", 30)  # a changed one
    made = extend_campaign([str(videos)], tmp_path / "m.csv")
    assert (tmp_path / "m.csv").read_bytes().startswith(before)
    assert (tmp_path / "campaign.toml").read_bytes() == settings
    rows = read_manifest(tmp_path / "m.csv")
    assert [(row.index, row.video, row.frames) for row in rows[2:]] == [(2, "0first.mp4", 20), (3, "moved.mp4", 10)]
    assert [(new.index, old.index) for new, old in made.same_content] == [(3, 1)]
    assert extend_campaign([str(videos)], tmp_path / "m.csv").rows == []


def test_several_that_append_at_once_lose_no_row_and_give_no_index_twice(
    tmp_path: Path, videos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, videos)
    for number in range(8):
        media.write_video(videos / f"new{number}.mp4", 3)
    together = threading.Barrier(4)
    probe = create._probe

    def probe_together(*arguments: Any) -> list[Row]:
        rows = probe(*arguments)
        together.wait(60)  # all have read the manifest as it was, and none has written yet
        return rows

    monkeypatch.setattr(create, "_probe", probe_together)
    with ThreadPoolExecutor(4) as pool:
        inputs = [[str(videos / f"new{number}.mp4") for number in (2 * n, 2 * n + 1, 0)] for n in range(4)]
        made = list(pool.map(lambda names: extend_campaign(names, tmp_path / "m.csv"), inputs))
    rows = read_manifest(tmp_path / "m.csv")
    assert [row.index for row in rows] == list(range(10))
    assert sorted(row.video for row in rows[2:]) == [f"new{number}.mp4" for number in range(8)]
    assert sum(len(each.rows) for each in made) == 8
    assert not list(tmp_path.glob(".m.csv*"))


def test_a_manifest_behind_a_link_stays_there_and_keeps_its_mode(tmp_path: Path, videos: Path) -> None:
    make(tmp_path / "kept", videos)
    manifest, link = tmp_path / "kept/m.csv", tmp_path / "link.csv"
    manifest.chmod(0o640)
    link.symlink_to("kept/m.csv")
    media.write_video(videos / "new.mp4", 3)
    assert len(extend_campaign([str(videos)], link).rows) == 1
    assert link.is_symlink()
    assert len(read_manifest(manifest)) == 3
    assert stat.S_IMODE(manifest.stat().st_mode) == 0o640


def test_append_takes_no_hard_link_of_a_known_file_and_never_reuses_an_index(tmp_path: Path, videos: Path) -> None:
    make(tmp_path, videos)
    lines = (tmp_path / "m.csv").read_text().splitlines(keepends=True)
    (tmp_path / "m.csv").write_text(lines[0] + lines[2].replace("1,b.mp4", "7,b.mp4"))
    os.link(videos / "b.mp4", videos / "hard.mp4")
    made = extend_campaign([str(videos)], tmp_path / "m.csv")
    assert [(row.index, row.video) for row in made.rows] == [(8, "a.mp4")]
    assert [item.path.name for item in made.skipped] == ["hard.mp4"]


def test_append_stays_below_the_video_root(tmp_path: Path, videos: Path) -> None:
    make(tmp_path, videos)
    media.write_video(tmp_path / "elsewhere.mp4", 5)
    with pytest.raises(UsageError, match="not below the video root"):
        extend_campaign([str(tmp_path / "elsewhere.mp4")], tmp_path / "m.csv")
    with pytest.raises(ManifestError, match="no such manifest"):
        extend_campaign([str(videos)], tmp_path / "other.csv")


def test_hostile_names_from_disk_to_manifest_and_back(tmp_path: Path) -> None:
    names = ["-x.mp4", "a b.mp4", "com,ma.mp4", "new\nline.mp4", "quo\"te'.mp4", "$(id).mp4", "100%d.mp4", "=é🐭.mp4"]
    folder = tmp_path / "videos"
    folder.mkdir()
    for name in names:
        media.write_video(folder / "plain.mp4", 3).rename(folder / name)
    (tmp_path / "plain").touch()
    Path(os.fsdecode(os.fsencode(folder) + b"/b\xffd.mp4")).write_bytes(b"x")
    make(tmp_path, folder)
    rows = read_manifest(tmp_path / "m.csv")
    assert {row.video for row in rows if not row.error} == set(names)
    assert all((folder / row.video).is_file() and row.frames == 3 for row in rows if not row.error)
    assert [(row.video, "not valid UTF-8" in row.error) for row in rows if row.error] == [("b\\xffd.mp4", True)]


def test_the_same_folder_gives_the_same_manifest(tmp_path: Path, videos: Path) -> None:
    one, two = make(tmp_path / "1", videos), make(tmp_path / "2", videos / "b.mp4", videos)
    assert one.rows == [replace(row) for row in two.rows]
    assert (tmp_path / "1/m.csv").read_bytes() == (tmp_path / "2/m.csv").read_bytes()


def test_several_models_give_each_video_a_row_for_each(tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    videos.mkdir()
    media.write_video(videos / "a.mp4", 10)
    media.write_video(videos / "b.mp4", 12)
    campaign = Campaign(file=tmp_path / "campaign.toml", out=tmp_path / "results")
    models = [OwnModel(), OwnModel(shuffle=2, snapshot="snapshot-7"), OwnModel(shuffle=3, snapshot="snapshot-9")]
    made = make_campaign([str(videos)], tmp_path / "m.csv", campaign, models=models)
    assert made.same_content == []
    media.write_video(videos / "c.mp4", 14)
    extend_campaign([str(videos)], tmp_path / "m.csv")
    rows = read_manifest(tmp_path / "m.csv")
    assert [(row.index, row.video, row.shuffle, row.snapshot) for row in rows] == [
        (index, video, shuffle, snapshot)
        for index, (video, (shuffle, snapshot)) in enumerate(
            itertools.product(["a.mp4", "b.mp4", "c.mp4"], [(None, ""), (2, "snapshot-7"), (3, "snapshot-9")])
        )
    ]


def test_new_videos_get_the_models_of_a_row_only_where_all_videos_have_them(tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    videos.mkdir()
    media.write_video(videos / "a.mp4", 10)
    media.write_video(videos / "b.mp4", 12)
    campaign = Campaign(file=tmp_path / "campaign.toml", out=tmp_path / "results")
    make_campaign([str(videos)], tmp_path / "m.csv", campaign)
    rows = read_manifest(tmp_path / "m.csv")
    write_manifest(tmp_path / "m.csv", [*rows, replace(rows[0], index=2, shuffle=2)])
    media.write_video(videos / "c.mp4", 14)
    made = extend_campaign([str(videos)], tmp_path / "m.csv")
    assert [(row.index, row.video, row.shuffle) for row in made.rows] == [(3, "c.mp4", None)]
