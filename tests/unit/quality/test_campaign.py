from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import pytest

from dlcctr.cli import catch, make_app
from dlcctr.quality.campaign import JudgedRow, compare, with_campaign
from dlcctr.quality.flagging.flag_kinds import FLAG_KINDS
from dlcctr.quality.measures.scenes import flips_of
from dlcctr.quality.record import QUALITIES, QUALITY_FILENAME, Flag, Quality
from dlcctr.results.additions import add_files
from tests.unit.support.results import make_bench

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


def arena(feeder: int, seed: int = 0) -> tuple[int, ...]:
    """A round floor in darkness, the same from all sides, but for a feeder in one corner."""
    rng = random.Random(seed)
    floor = [150 if (x - 7.5) ** 2 / 56 + (y - 5.5) ** 2 / 30 < 1 else 60 for y in range(12) for x in range(16)]
    floor[17] += feeder
    return tuple(round(rng.gauss(cell, 3)) for cell in floor)


@pytest.mark.parametrize("flip", [0, 1, 2])
def test_a_flipped_camera_of_an_arena_that_is_nearly_symmetric(flip: int) -> None:
    flipped = tuple(map(round, flips_of(arena(70, seed=99), 16)[flip]))
    rows = [row(n, scene=arena(70, seed=n)) for n in range(30)]
    assert kinds(compare([*rows, row(99, scene=flipped)])) == {99: ["camera-differs"]}


def test_a_symmetric_arena_cannot_look_flipped() -> None:
    assert compare([row(n, scene=arena(0, seed=n)) for n in range(60)]) == {}


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


def test_check_shows_flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    bench = make_bench(tmp_path, [f"{n}.mp4" for n in range(3)])
    for n in range(3):
        bench.commit(n)

    def check(*options: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["dlcctr", "check", str(bench.manifest), *options])
        code = catch(make_app())
        return code, capsys.readouterr().out

    code, out = check("--flagged")
    assert code == 0 and "flag" not in out  # nobody has judged them
    add_files(bench.folder(0), {QUALITY_FILENAME: QUALITIES.text(Quality(20)).encode()})
    code, out = check("--flagged")
    assert code == 0 and "no judged row has any" in out
    odd = Quality(20, flags=(Flag("dark", 3, 12, advice="[red]\n"), Flag("jumps", 1, 0.1)))
    add_files(bench.folder(1), {QUALITY_FILENAME: QUALITIES.text(odd).encode()})
    code, out = check()
    assert code == 0 and "1 row of 2 judged flagged: 1 dark, 1 jumps" in out and "--flagged" in out
    code, out = check("--flagged")
    assert code == 20 and "dark, jumps" in out and "1.mp4" in out
    code, out = check("--flagged", "--json")
    assert code == 20
    table = json.loads(out)
    assert table["exit_code"] == 20
    assert [row["flags"] for row in table["rows"]] == [[], ["dark", "jumps"], None]
    (bench.folder(1) / QUALITY_FILENAME).write_text("{")
    code, out = check("--flagged")
    assert code == 20 and "broken" in out
