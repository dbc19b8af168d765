from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcctr.outliers.candidates import Candidate
from dlcctr.outliers.choose import choose_frames
from dlcctr.outliers.labelled_pictures import LabelledPictures, pictures_of_labels
from dlcctr.outliers.pictures import CELLS, Looks, scene_at
from dlcctr.outliers.seen import NO_VIDEO, Seen
from dlcctr.quality.record import Quality

N_PARTS = 4


def scene(seed: int) -> Any:
    return np.random.default_rng(seed).uniform(60, 180, CELLS)


def looks(scenes: list[Any], levels: list[float | None] | None = None) -> Looks:
    return Looks.of(scenes, levels or [120.0] * len(scenes))


def test_another_scene_is_unlike_and_the_same_one_in_less_light_a_little() -> None:
    one = scene(1)
    found = looks([one, 0.5 * one, scene(2)], [120.0, 60.0, 120.0])
    away = found.unlikeness(found.scenes[0], 120.0)
    assert away[0] == pytest.approx(0, abs=1e-9)
    assert 0.4 < away[1] < 0.6
    assert away[2] > 0.9


def test_what_is_not_known_counts_as_equal() -> None:
    found = looks([(), scene(1), ()], [None, 100.0, 100.0])
    assert found.unlikeness(found.scenes[1], 100.0).tolist() == pytest.approx([0, 0, 0])
    assert found.unlikeness(found.scenes[0], float("nan")).tolist() == [0, 0, 0]
    assert looks([np.full(CELLS, 7.0)]).scenes.any() == np.False_  # a grey wall has nothing to compare


def choose(of_video: dict[str, Looks], n: int, labelled: Looks | None = None) -> list[str]:
    """All poses are the same, so that pictures alone decide; two frames of each video, all of one camera."""
    names = [name for name in of_video for _ in range(2)]
    candidates = [Candidate(n, 50 * n, 2.0 * n, 0.9, 0.9, ("jumps",), "camera", name) for n, name in enumerate(names)]
    pose = np.random.default_rng(0).normal(0, 0.3, (1, N_PARTS, 2))
    scenes = np.repeat(np.concatenate([each.scenes for each in of_video.values()]), 2, axis=0)
    levels = np.repeat(np.concatenate([each.levels for each in of_video.values()]), 2)
    known = labelled or looks([])
    both = (
        Seen(np.repeat(pose, k, axis=0), each, np.ones(k), np.full(k, NO_VIDEO), np.zeros(k))
        for k, each in ((len(names), Looks(scenes, levels)), (len(known.levels), known))
    )
    return [each.video for each in choose_frames(candidates, *both, n, n_good=0, apart_s=1.0)]


def test_of_videos_with_one_scene_and_one_with_another_the_other_is_among_the_first_two() -> None:
    videos = {"a": looks([scene(1)]), "b": looks([scene(1)]), "c": looks([scene(1)]), "other": looks([scene(2)])}
    assert "other" in choose(videos, 2)


def test_scenes_that_are_labelled_are_wanted_less() -> None:
    videos = {"labelled": looks([scene(1)]), "new": looks([scene(2)])}
    assert choose(videos, 1, looks([scene(1)])) == ["new"]
    assert choose(videos, 1, looks([scene(2)])) == ["labelled"]


def test_a_scene_is_that_of_the_frame() -> None:
    quality = Quality(100, scene=(1,), scene_first=(2,), scene_last=(3,))
    assert [scene_at(quality, frame) for frame in (0, 24, 25, 74, 75)] == [(2,), (2,), (1,), (1,), (3,)]
    assert scene_at(replace(quality, scene_first=(), scene_last=()), 0) == (1,)


def test_what_labelled_pictures_show_says_what_nobody_could_label(tmp_path: Path) -> None:
    """A picture that cannot be read has the look of its folder; limits are a fifth of the darkest and the flattest."""
    import av

    files = []
    for name, level in (("bright", 150), ("dim", 50)):
        file = tmp_path / name / "img0.png"
        file.parent.mkdir()
        picture = np.full((96, 128, 3), level, np.uint8)
        picture[:, ::8] += 40
        encoder: Any = av.CodecContext.create("png", "w")
        encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 128, 96, "rgb24", 1
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        file.write_bytes(b"".join(map(bytes, [*encoder.encode(frame), *encoder.encode(None)])))
        files.append(file)
    found = pictures_of_labels([*files, tmp_path / "dim" / "gone.png", tmp_path / "none" / "img0.png"])
    levels = [look.brightness if look else None for look in found.looks]
    assert levels[1] == levels[2] and levels[3] is None
    assert 0.2 * 50 < found.least_level < 0.2 * 100
    assert found.is_flat(Quality(9, summary={"contrast": 1.0}))
    assert not found.is_flat(Quality(9, summary={"contrast": 30.0})) and not found.is_flat(Quality(9))
    assert pictures_of_labels([tmp_path / "none.png"]) == LabelledPictures()
