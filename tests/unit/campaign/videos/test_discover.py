from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from dlcctr.campaign.videos.discover import discover, file_id, is_labelled, natural_key
from dlcctr.errors import UsageError, VideoError


def make(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def names(folder: Path, *inputs: str | Path, **options: Any) -> list[str]:
    found = discover([str(item) for item in inputs] or [str(folder)], **options)
    return [video.video for video in found.videos]


def test_folders_are_walked_in_natural_order(tmp_path: Path) -> None:
    make(tmp_path, "v10.mp4", "v2.mp4", "V1.MP4", "b/x.avi", "a/1/x.mkv", "a/x.h264", "notes.txt", "x.h5", "x.mp4.part")
    assert names(tmp_path) == ["V1.MP4", "a/1/x.mkv", "a/x.h264", "b/x.avi", "v2.mp4", "v10.mp4"]


def test_order_does_not_depend_on_the_order_of_inputs(tmp_path: Path) -> None:
    make(tmp_path, "a/1.mp4", "b/2.mp4", "c.mp4")
    inputs = [tmp_path / "c.mp4", tmp_path / "b", tmp_path / "a"]
    assert names(tmp_path, *inputs) == names(tmp_path, *reversed(inputs)) == ["a/1.mp4", "b/2.mp4", "c.mp4"]


def test_natural_key_is_a_total_order_on_odd_names() -> None:
    odd = ["1", "01", "a", "1a", "a1", "a01", "a1b", "", "é", "e\u0301", "A", "a/b", "a.mp4", "²", "٣"]
    backwards = odd[::-1]
    assert sorted(odd, key=natural_key) == sorted(backwards, key=natural_key)
    assert sorted(["v10", "v9", "v009"], key=natural_key) == ["v009", "v9", "v10"]


def test_root_is_the_closest_common_folder_or_the_one_given(tmp_path: Path) -> None:
    make(tmp_path, "x/a/1.mp4", "x/b/2.mp4")
    assert discover([str(tmp_path / "x/a/1.mp4")]).root == tmp_path / "x/a"
    assert discover([str(tmp_path / "x/a"), str(tmp_path / "x/b/2.mp4")]).root == tmp_path / "x"
    assert names(tmp_path, tmp_path / "x/a", root=tmp_path) == ["x/a/1.mp4"]
    with pytest.raises(UsageError, match="not below the video root"):
        discover([str(tmp_path / "x/a")], root=tmp_path / "x/b")


def test_root_through_a_symbolic_link(tmp_path: Path) -> None:
    make(tmp_path, "real/a.mp4")
    (tmp_path / "link").symlink_to("real")
    assert names(tmp_path, tmp_path / "link/a.mp4", root=tmp_path / "real") == ["a.mp4"]


def test_patterns_take_videos_and_the_ending_that_they_name(tmp_path: Path) -> None:
    make(tmp_path, "a/1.mp4", "a/1.csv", "a/1.seq", "b/deep/2.avi", "[x]*.mp4")
    assert names(tmp_path, tmp_path / "a/*") == ["1.mp4"]
    assert names(tmp_path, tmp_path / "a/*.seq") == ["1.seq"]
    assert names(tmp_path, tmp_path / "**/*.avi") == ["b/deep/2.avi"]
    assert names(tmp_path, tmp_path / "[x]*.mp4") == ["[x]*.mp4"]  # what exists is no pattern


def test_a_file_named_itself_is_taken_whatever_its_ending(tmp_path: Path) -> None:
    make(tmp_path, "a.seq", "noending", ".hidden.mp4")
    inputs = [tmp_path / name for name in ("a.seq", "noending", ".hidden.mp4")]
    assert sorted(names(tmp_path, *inputs)) == [".hidden.mp4", "a.seq", "noending"]


def test_what_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="no such file or folder"):
        discover([str(tmp_path / "none")])
    with pytest.raises(VideoError, match="matches nothing"):
        discover([str(tmp_path / "*.mp4")])


@pytest.mark.parametrize(
    "name",
    [
        "m1DLC_resnet50_openfieldOct30shuffle1_200000_labeled.mp4",
        "m1DLC_Resnet18_openfieldOct30shuffle1_snapshot_best-120_p60_labeled.mp4",
        "m1DLC_resnet50_miceshuffle1_5000_el_id_p60_labeled.mp4",
        "m1DLC_resnet50_miceshuffle1_5000filtered_labeled.mp4",
        "m1DLC_dlcrnetms5_miceshuffle1_5000_full.mp4",
        "m1DLC_dlcrnetms5_miceshuffle1_5000_bp_labeled.MP4",
        "m1DeepCut_resnet50_openfieldOct30shuffle1_200000_labeled.avi",
        "m1_superanimal_topviewmouse_hrnet_w32_fasterrcnn_labeled.mp4",
    ],
)
def test_labelled_videos_never_get_a_row(tmp_path: Path, name: str) -> None:
    """A shell's own *.mp4 names them one by one, so being named is no excuse."""
    make(tmp_path, "m1.mp4", name)
    assert is_labelled(name)
    assert names(tmp_path) == ["m1.mp4"]
    found = discover([str(tmp_path / "m1.mp4"), str(tmp_path / name)])
    assert [video.video for video in found.videos] == ["m1.mp4"]
    assert [(item.path.name, item.reason) for item in found.skipped] == [(name, "a labelled video made by DeepLabCut")]


@pytest.mark.parametrize("name", ["hand_labeled.mp4", "m1DLC_resnet50_x.mp4", "DLC_full_session.mp4"])
def test_similar_names_of_ordinary_videos_do(name: str) -> None:
    assert not is_labelled(name)


def test_own_results_hidden_files_and_attempts_never_get_a_row(tmp_path: Path) -> None:
    make(
        tmp_path, "a.mp4", "results/id/a.mp4/overlay.mp4", "old/id/a.mp4/receipt.json", "old/id/a.mp4/clip.mp4",
        "old/id/.dlcctr-attempt-1/copy.avi", ".snapshot/a.mp4", "._a.mp4", "m.csv", "campaign.toml",
    )  # fmt: skip
    own = (tmp_path / "results", tmp_path / "m.csv", tmp_path / "campaign.toml")
    assert names(tmp_path, own=own) == ["a.mp4"]
    explicit = [tmp_path / "a.mp4", tmp_path / "m.csv", tmp_path / "old/id/a.mp4/clip.mp4"]
    found = discover([str(path) for path in explicit], own=own)
    assert [video.path.name for video in found.videos] == ["a.mp4"]
    assert [item.reason for item in found.skipped] == [
        "belongs to this campaign's own files",
        "is in a results folder",
    ]
    assert names(tmp_path, tmp_path / "**/*.mp4") == ["a.mp4", "results/id/a.mp4/overlay.mp4"]


def test_labelled_videos_of_steps_are_no_videos(tmp_path: Path) -> None:
    """Neither in a results folder that is walked or matched, nor copied out of it among the videos."""
    labelled, clip = "aDLC_Resnet50_mouseJan1shuffle1_labeled.mp4", "aDLC_Resnet50_mouseJan1shuffle1_clip01_labeled.mp4"
    step = "old/id/a.mp4/steps/label-video"
    make(
        tmp_path, "a.mp4", "old/id/a.mp4/receipt.json", f"{step}/receipt.json", f"{step}/{labelled}",
        f"{step}/overview.mp4", f"copied/{labelled}", f"copied/{clip}",
    )  # fmt: skip
    assert names(tmp_path) == ["a.mp4"]
    assert names(tmp_path, tmp_path / "**/*.mp4") == ["a.mp4"]
    assert names(tmp_path, tmp_path / step, tmp_path / "a.mp4") == ["a.mp4"]


def test_results_may_go_beside_the_videos(tmp_path: Path) -> None:
    make(tmp_path, "a.mp4", "id/a.mp4/receipt.json", "id/a.mp4/clip.mp4")
    assert names(tmp_path, own=(tmp_path,)) == ["a.mp4"]


def test_own_results_through_a_link_are_still_own(tmp_path: Path) -> None:
    make(tmp_path, "videos/a.mp4", "results/id/overlay.mp4")
    (tmp_path / "videos/out").symlink_to("../results")
    assert names(tmp_path, tmp_path / "videos", own=(tmp_path / "results",)) == ["a.mp4"]


def test_links_are_followed_once_and_without_loops(tmp_path: Path) -> None:
    make(tmp_path, "real/a.mp4", "elsewhere/b.mp4")
    (tmp_path / "real/loop").symlink_to("..")
    (tmp_path / "real/self.mp4").symlink_to("a.mp4")
    (tmp_path / "real/0first").symlink_to("../elsewhere")
    found = discover([str(tmp_path / "real")])
    assert [video.video for video in found.videos] == ["0first/b.mp4", "a.mp4"]
    assert ["a.mp4" in item.reason for item in found.skipped] == [True]


def test_one_file_under_two_names_gets_one_row_and_is_reported(tmp_path: Path) -> None:
    make(tmp_path, "z.mp4")
    os.link(tmp_path / "z.mp4", tmp_path / "hard.mp4")
    (tmp_path / "a.mp4").symlink_to("z.mp4")
    found = discover([str(tmp_path), str(tmp_path / "z.mp4")])
    assert [video.video for video in found.videos] == ["hard.mp4"]
    assert sorted(item.path.name for item in found.skipped) == ["a.mp4", "z.mp4"]


def test_known_files_get_no_second_row(tmp_path: Path) -> None:
    make(tmp_path, "a.mp4", "b.mp4")
    os.link(tmp_path / "a.mp4", tmp_path / "c.mp4")
    identity = file_id(tmp_path / "a.mp4")
    assert identity
    assert names(tmp_path, known={identity: str(tmp_path / "a.mp4")}) == ["b.mp4"]


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").symlink_to("gone")
    assert names(tmp_path) == ["a.mp4"]


def test_names_that_are_no_text_get_a_row_with_the_cause(tmp_path: Path) -> None:
    make(tmp_path, "good.mp4")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/b\xffd.mp4")).write_bytes(b"x")
    found = discover([str(tmp_path)])
    assert [(video.video, bool(video.error)) for video in found.videos] == [("b\\xffd.mp4", True), ("good.mp4", False)]


def test_an_unreadable_folder_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "a.mp4", "locked/b.mp4")
    scandir = os.scandir

    def refuse(path: str | Path) -> object:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = discover([str(tmp_path)])
    assert [video.video for video in found.videos] == ["a.mp4"]
    assert "cannot be read: Permission denied" in found.skipped[0].reason


def test_a_name_of_dlcctrs_own_is_refused_before_it_has_a_row(tmp_path: Path) -> None:
    make(tmp_path, "a.mp4", ".dlcctr-attempt-x.mp4")
    assert names(tmp_path) == ["a.mp4"]
    with pytest.raises(VideoError, match="dlcctr's own") as caught:
        names(tmp_path, tmp_path / ".dlcctr-attempt-x.mp4")
    assert caught.value.hint


def test_links_that_lead_in_a_circle_or_to_a_closed_place_stop_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "a.mp4")
    (tmp_path / "self.mp4").symlink_to("self.mp4")
    (tmp_path / "closed.mp4").symlink_to("/closed/x.mp4")
    before = os.stat

    def stat(path: Any, **options: Any) -> os.stat_result:
        if "closed" in str(path) and options.get("follow_symlinks", True):
            raise PermissionError(13, "Permission denied", str(path))
        return before(path, **options)

    monkeypatch.setattr(os, "stat", stat)
    assert names(tmp_path) == ["a.mp4", "closed.mp4", "self.mp4"]
    assert names(tmp_path, tmp_path / "self.mp4") == ["self.mp4"]
