from __future__ import annotations

import random

from dlcctr.quality.campaign import JudgedRow, camera_of, compare, with_campaign
from dlcctr.quality.flag_kinds import FLAG_KINDS
from dlcctr.quality.record import Flag, Quality

SCENE = tuple(40 + (n * 37) % 150 for n in range(192))


def row(index: int, camera: str = "a", scene: tuple[int, ...] = SCENE, **changes: float) -> JudgedRow:
    rng = random.Random(index)
    summary = {
        "likelihood_low_share": 0.02 + rng.gauss(0, 0.004), "brightness_low": 100 * (1 + rng.gauss(0, 0.03)),
        "sharpness": 0.5 + rng.gauss(0, 0.01), "teleport_share": 0.0, **changes,
    }  # fmt: skip
    seen = tuple(cell + rng.choice((-1, 0, 1)) for cell in scene)
    return JudgedRow(index, camera, Quality(100, summary=summary, scene=seen, scene_first=seen, scene_last=seen))


def kinds(flags: dict[int, tuple[Flag, ...]]) -> dict[int, list[str]]:
    return {index: [flag.name for flag in each] for index, each in flags.items()}


def test_a_campaign_of_equals_has_no_odd_video() -> None:
    assert compare([row(n) for n in range(40)]) == {}


def test_the_odd_ones_stand_out() -> None:
    odd = [
        row(100, likelihood_low_share=0.3), row(101, brightness_low=20.0), row(102, sharpness=0.2),
        row(103, teleport_share=0.05), row(104, scene=SCENE[::-1]),
    ]  # fmt: skip
    flags = compare([row(n) for n in range(40)] + odd)
    assert kinds(flags) == {
        100: ["low-likelihood"], 101: ["dark"], 102: ["blurred"], 103: ["jumps"], 104: ["camera-differs"]
    }  # fmt: skip
    for each in flags.values():
        for flag in each:
            assert flag.source == "campaign" and flag.advice == FLAG_KINDS[flag.name].advice
            assert flag.value != flag.threshold
    dark = flags[101][0]
    assert dark.value < dark.threshold < 100


def test_a_camera_is_compared_with_itself() -> None:
    """Two cameras that differ are no fault of either."""
    bright = [row(n, "a") for n in range(20)]
    dim = [row(n, "b", SCENE[::-1], brightness_low=30 + 0.1 * n) for n in range(20, 40)]
    assert compare(bright + dim) == {}
    assert kinds(compare([*bright, *dim, row(50, "b", SCENE, brightness_low=31.0)])) == {50: ["camera-differs"]}


def test_a_camera_of_few_videos_is_compared_with_all_but_for_its_scene() -> None:
    few = [row(n, "b", SCENE[::-1]) for n in range(3)]
    assert compare([*few, *(row(n) for n in range(10, 40))]) == {}
    assert kinds(compare([row(1, "b", sharpness=0.1), *(row(n) for n in range(10, 40))])) == {1: ["blurred"]}
    assert compare([row(n, sharpness=0.1 * n) for n in range(5)]) == {}  # too few for anything


def test_rows_without_numbers_or_pictures() -> None:
    empty = [JudgedRow(n, "a", Quality(0)) for n in range(20)]
    assert compare(empty) == {}
    assert compare([*empty, *(row(n) for n in range(30, 60))]) == {}
    assert compare([]) == {}


def test_own_flags_win() -> None:
    quality = Quality(1, flags=(Flag("dark", 3, 12),))
    both = with_campaign(quality, [Flag("dark", 3, 80, "campaign"), Flag("blurred", 1, 2, "campaign")])
    assert [(flag.name, flag.source) for flag in both.flags] == [("dark", "fixed"), ("blurred", "campaign")]


def test_the_word_for_a_camera() -> None:
    assert camera_of(640, 480, 29.97003, "day1/box2/a.mp4") == "640x480 29.97 day1/box2"
    assert camera_of(None, None, None, "a.mp4") == "?x? ? ."
    assert camera_of(640, 480, float("nan"), "a.mp4", " box 3 ") == "box 3"
