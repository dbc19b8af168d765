from __future__ import annotations

import gzip
import itertools
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcctr.errors import OutputError
from dlcctr.outliers.candidates import (
    APART_FRAMES,
    GOOD,
    Candidate,
    Window,
    bad_windows,
    commonness,
    good_windows,
    rating_weight,
    row_badness,
)
from dlcctr.outliers.choose import choose_frames
from dlcctr.outliers.folders import FolderNames, picture_name
from dlcctr.outliers.pictures import Looks
from dlcctr.outliers.poses import FARTHEST, as_shapes, distances
from dlcctr.outliers.scores import find_frames
from dlcctr.outliers.seen import NO_VIDEO, UNKNOWN, Seen
from dlcctr.quality.record import Flag, Quality, Stretch, Timeline

N_PARTS = 4


def candidate(n: int, **changes: Any) -> Candidate:
    each = Candidate(
        n // 10, 100 * (n % 10), float(4 * (n % 10)), 0.9, 0.9, ("jumps",), f"camera {n // 40}", f"{n // 10}.mp4"
    )
    return replace(each, **changes)


def shapes(n: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(0, 0.3, (n, N_PARTS, 2))


def seen_of(poses: Any) -> Seen:
    """Poses that are trusted, without pictures."""
    n = len(poses)
    looks = Looks.of([()] * n, [None] * n)
    return Seen(poses, looks, np.ones(n), np.full(n, NO_VIDEO), np.zeros(n))


def none() -> Any:
    return np.empty((0, N_PARTS, 2))


def choose(candidates: list[Candidate], poses: Any, n: int, **changes: Any) -> list[Candidate]:
    settings: dict[str, Any] = {"n_good": 0, "apart_s": 1.0, **changes}
    known = settings.pop("known", none())
    return choose_frames(candidates, seen_of(poses), seen_of(known), n, **settings)


def test_the_same_candidates_give_the_same_frames_and_none_twice() -> None:
    candidates = [candidate(n) for n in range(80)]
    first = choose(candidates, shapes(80), 20)
    assert first == choose(candidates, shapes(80), 20)
    assert len({(each.video, each.frame) for each in first}) == 20


def test_frames_are_spread_over_videos_and_cameras() -> None:
    """One video is worst by far; it gets more than the others, but not all."""
    candidates = [candidate(n, weight=2.0 if n < 10 else 0.7) for n in range(80)]
    videos = [each.video for each in choose(candidates, shapes(80), 16)]
    assert videos.count("0.mp4") <= 4
    assert len(set(videos)) == 8
    cameras = [each.camera for each in choose([candidate(n) for n in range(80)], shapes(80), 16)]
    assert cameras.count("camera 0") == cameras.count("camera 1") == 8


def test_videos_with_one_doubtful_moment_each_do_not_take_the_labels_of_those_that_are_wrong_throughout() -> None:
    """Two of eight videos are wrong: they get what the others, about as new, would get if frames were just spread."""
    candidates = [candidate(n, weight=1.0 if n < 20 else 0.05) for n in range(80)]
    assert {each.video for each in choose(candidates, shapes(80), 12)} == {"0.mp4", "1.mp4"}
    half = [replace(each, weight=0.5 if each.weight < 1 else 1.0) for each in candidates]
    videos = [each.video for each in choose(half, shapes(80), 12)]
    assert max(map(videos.count, videos)) <= 3 and len(set(videos)) == 8


def test_of_frames_that_are_worth_the_same_chance_decides_not_their_place() -> None:
    candidates = [candidate(0, frame=100 * n, time_s=4.0 * n) for n in range(10)]
    firsts = {choose(candidates, shapes(10), 1, seed=seed)[0].frame for seed in range(20)}
    assert len(firsts) > 4
    worst = [replace(each, weight=2.0 if each.frame == 700 else 0.9) for each in candidates]
    assert {choose(worst, shapes(10), 1, seed=seed)[0].frame for seed in range(20)} == {700}


def test_of_one_video_all_frames_are_taken() -> None:
    assert (
        len(choose([candidate(n, video="one", frame=100 * n, time_s=4.0 * n) for n in range(12)], shapes(12), 10)) == 10
    )


def test_alike_poses_come_last() -> None:
    poses = np.concatenate([np.repeat(shapes(1), 8, axis=0), shapes(2, seed=9)])
    candidates = [candidate(n, video=str(n), camera="one") for n in range(10)]
    assert {each.video for each in choose(candidates, poses, 3)} >= {"8", "9"}


def test_what_is_labelled_is_not_wanted() -> None:
    poses = shapes(4)
    candidates = [candidate(n, video=str(n), weight=3.0 if n == 2 else 1.0) for n in range(4)]
    assert choose(candidates, poses, 1)[0].video == "2"
    assert "2" not in {each.video for each in choose(candidates, poses, 3, known=poses[2:3])}


def test_of_poses_that_are_not_to_be_trusted_time_says_how_unlike_they_are() -> None:
    """A lost network's poses differ from frame to frame and say nothing; trusted ones say all."""
    poses, n = shapes(4), 4
    lost = replace(
        seen_of(poses), trust=np.zeros(n), videos=np.array([0, 0, 0, 1]), times_s=np.array([0.0, 1.0, 9.0, 0.0])
    )
    same, near, far, elsewhere = lost.distances(lost, 0)
    assert same == 0 < near < elsewhere == UNKNOWN < far
    assert lost.distances(seen_of(poses), 0).tolist() == [UNKNOWN] * n  # labelled frames are of no video
    trusted = replace(lost, trust=np.ones(n))
    assert trusted.distances(trusted, 0) == pytest.approx(distances(poses, poses[0]))


def test_frames_of_a_video_are_apart_in_time() -> None:
    """By their times where they are known: frames 40 and 50 are 3 s apart in a recording with a gap."""
    times = {0: 0.0, 20: 0.8, 40: 1.6, 50: 4.6}
    candidates = [candidate(0, frame=frame, time_s=time) for frame, time in times.items()]
    assert {each.frame for each in choose(candidates, shapes(4), 4)} in ({0, 40, 50}, {20, 50})
    unknown = [replace(each, time_s=None) for each in candidates]
    assert {each.frame for each in choose(unknown, shapes(4), 4)} == set(times)
    near = [candidate(0, frame=frame, time_s=None) for frame in range(APART_FRAMES)]
    assert len(choose(near, shapes(APART_FRAMES), 4)) == 1


def test_good_frames_have_their_place_and_no_more() -> None:
    candidates = [candidate(n) for n in range(20)] + [
        candidate(n, is_good=True, why=(GOOD,), weight=1.0) for n in range(20, 40)
    ]
    chosen = choose(candidates, shapes(40), 10, n_good=2)
    assert [each.is_good for each in chosen] == [False] * 8 + [True] * 2
    few = choose(candidates[18:], shapes(22), 10, n_good=2)
    assert [each.is_good for each in few] == [False, False, True, True]


def test_poses_are_compared_in_body_lengths_wherever_they_are() -> None:
    points = np.random.default_rng(1).random((1, N_PARTS, 2)) * 100
    both = as_shapes(np.concatenate([points, 3 * points + 500]), [50.0, 150.0])
    assert distances(both[:1], both[1])[0] == pytest.approx(0, abs=1e-9)
    turned = as_shapes(points[..., ::-1], 50.0)
    assert distances(both[:1], turned[0])[0] > 0.1


def test_points_that_are_not_there_and_lengths_that_are_none() -> None:
    points = np.full((2, N_PARTS, 2), np.nan)
    points[0, 0] = 3, 4
    found = as_shapes(points, [np.nan, 0.0])
    assert distances(found, found[0]).tolist() == [FARTHEST, FARTHEST]


def quality(**changes: Any) -> Quality:
    return replace(Quality(1000, stretches=(Stretch(100, 400, 0.8, ("jumps",)), Stretch(600, 605, 0.6))), **changes)


def test_windows_are_of_stretches_and_flags() -> None:
    found = bad_windows(quality(flags=(Flag("dark", 1, 2, first=700, stop=720), Flag("jumps", 1, 2, first=1, stop=2))))
    places = [(each.first, each.stop) for each in found]
    assert places[0] == (100, 137) and places[7] == (362, 400)  # a long stretch in eight parts without a gap
    assert all(one[1] == next_one[0] for one, next_one in itertools.pairwise(places[:8]))
    assert places[8:] == [(600, 605), (700, 710), (710, 720)]
    assert [each.why for each in found][-3:] == [("probably wrong",), ("dark",), ("dark",)]


def test_what_a_person_calls_bad_is_looked_at_without_any_stretch() -> None:
    line = Timeline((0, 500), (0.0, None), (None, None), (None, None), (0.1, 0.3), (None, None), (None, None))
    plain = Quality(1000, timeline=line)
    assert not bad_windows(plain) and row_badness(plain) == 0
    assert [(each.first, each.stop) for each in bad_windows(plain, "bad")] == [(500, 1000), (0, 500)]
    assert row_badness(plain, "bad") > row_badness(quality()) > row_badness(quality(), "good") > 0
    assert rating_weight("unsure") == rating_weight("") == 1


def test_a_frame_counts_more_the_more_of_its_video_is_wrong() -> None:
    few, many = (commonness(Quality(100, summary={"score_high_share": share})) for share in (0.05, 0.8))
    assert 0 < commonness(Quality(100)) < few < many < commonness(Quality(100), "bad") == 1


@pytest.mark.parametrize("frames", [0, 1, 5])
def test_very_short_rows(frames: int) -> None:
    short = Quality(frames, flags=(Flag("dark", 1, 2, first=0, stop=9), Flag("jumps", 1, 2)))
    assert all(0 <= each.first < each.stop <= frames for each in bad_windows(short, "bad"))
    assert all(0 <= each.first < each.stop <= frames for each in good_windows(short, random.Random(1)))


def test_good_places_are_outside_of_stretches() -> None:
    found = good_windows(quality(stretches=(Stretch(0, 900, 0.9),)), random.Random(0))
    assert all(each.first >= 900 and each.is_good for each in found)


def write_table(folder: Path, scores: list[float | None], dark: range = range(0)) -> None:
    lines = [
        f"{n},{n / 25},{'' if each is None else each},1,{3 if n in dark else 120}" for n, each in enumerate(scores)
    ]
    text = "\n".join(["frame,time_s,score,likelihood,brightness", *lines]) + "\n"
    (folder / "quality.csv.gz").write_bytes(gzip.compress(text.encode()))


def test_the_worst_and_the_best_frame_of_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dlcctr.outliers.scores.BLOCK_FRAMES", 7)
    write_table(tmp_path, [n % 10 / 10 for n in range(30)] + [None] * 5)
    windows = [Window(5, 27, ("a",)), Window(3, 12, (GOOD,), is_good=True), Window(30, 35, ("b",)), Window(50, 60, ())]
    found, dark = find_frames(tmp_path, windows)
    assert [(each.frame, each.score) for each in found] == [(9, 0.9), (10, 0.0)]
    assert found[0].time_s == pytest.approx(9 / 25) and found[0].level == 120
    assert not dark


def test_of_frames_that_are_about_as_bad_the_middle_one_is_taken(tmp_path: Path) -> None:
    write_table(tmp_path, [0.1] * 4 + [0.9, 0.97, 0.9, 0.92, 0.9] + [0.1] * 4 + [0.99] + [0.1] * 6)
    found, _ = find_frames(tmp_path, [Window(0, 12, ("a",)), Window(12, 20, ("b",))])
    assert [each.frame for each in found] == [6, 13]


def test_frames_too_dark_to_be_labelled_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lamp fails at frame 12: of the first place the worst frame that can be seen, of the second none."""
    monkeypatch.setattr("dlcctr.outliers.scores.BLOCK_FRAMES", 7)
    write_table(tmp_path, [0.1] * 10 + [0.5] * 2 + [0.9] * 18, dark=range(12, 30))
    windows = [Window(5, 25, ("dark",)), Window(20, 30, ("dark",))]
    found, dark = find_frames(tmp_path, windows, least_level=10.0)
    assert [each.frame for each in found] == [11]
    assert dark == windows[1:]
    monkeypatch.undo()
    assert [each.frame for each in find_frames(tmp_path, windows)[0]] == [18, 25]


@pytest.mark.parametrize(
    "content", [b"", b"no gzip", gzip.compress(b"x,y\n1,2\n", mtime=0), gzip.compress(b"", mtime=0)]
)
def test_damaged_tables_are_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "quality.csv.gz").write_bytes(content)
    with pytest.raises(OutputError, match=r"quality\.csv\.gz"):
        find_frames(tmp_path, [Window(0, 5, ())])
    with pytest.raises(OutputError, match=r"quality\.csv\.gz"):
        find_frames(tmp_path / "none", [Window(0, 5, ())])


def test_folders_never_collide() -> None:
    names = FolderNames(["Old", "b-row3"])
    found = [
        names.new(video, row) for row, video in enumerate(["d1/a.mp4", "d2/a.avi", "old.mp4", "b/b.mp4", "c/B.mp4"])
    ]
    assert found == ["a", "a-row1", "old-row2", "b", "B-row4"]
    assert names.new("x/b.mp4", 3) == "b-row3-2"


@pytest.mark.parametrize(
    "video", ["a\nb.mp4", ".mp4", "x_labeled.mp4", "<b>.mp4", "ü" * 300 + ".mp4", ".hidden.mp4", " .mp4"]
)
def test_folder_names_are_plain(video: str) -> None:
    name = FolderNames([]).new(video, 7)
    assert name.isprintable() and "_labeled" not in name and not set(name) & set('<>:"/\\|?*')
    assert name[0] != "." and name[-1] not in ". " and len(name.encode()) < 255


@pytest.mark.parametrize(
    ("frame", "frames", "name"), [(7, 1000, "img007.png"), (7, 1001, "img0007.png"), (0, 1, "img0.png")]
)
def test_pictures_are_named_as_deeplabcut_names_them(frame: int, frames: int, name: str) -> None:
    assert picture_name(frame, frames) == name
