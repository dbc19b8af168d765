from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.rounds import page
from tests.benchmarks.rounds.pick import by_video, spread
from tests.benchmarks.rounds.settings import (
    CAMPAIGNS,
    DEEPLABCUT,
    FIRST,
    MIXED,
    OURS,
    RECIPES,
    SETTLED,
    TUNING_SEEDS,
    WAYS,
    known_videos,
)

SEEDS = CAMPAIGNS[MIXED].seeds

PX = {(OURS, 5): 4.0, (OURS, 10): 2.0, (DEEPLABCUT, 5): 6.0, (DEEPLABCUT, 10): 4.5}


def line(seed: int, way: str, frames: int, px: float) -> dict[str, Any]:
    error = {name: {"median": px, "mean": px, "over_5px": 0.1} for name in ("all", "new", "known")}
    found: dict[str, Any] = {"engine": "pytorch", "seed": seed, "way": way, "frames": frames, "error": error}
    found["iterations"] = 0 if way == FIRST else RECIPES["pytorch"].more
    if way != FIRST:
        found["picked"] = [["known/a.mp4", 1], ["dim/b.mp4", 2]]
    return {**found, "seconds": 9.0}


def lines_of(seed: int) -> list[dict[str, Any]]:
    cells = [(way, size) for way in WAYS for size in (5, 10)]
    return [line(seed, FIRST, 0, 9.0), *(line(seed, *cell, PX.get(cell, 8.0)) for cell in cells)]


def write(out: Path, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    (out / "pytorch").mkdir()
    (out / "pytorch" / "results.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    return page.read_lines(out)


def test_a_seed_counts_once_it_is_whole_and_tuning_seeds_never_do(tmp_path: Path) -> None:
    cut = [each for each in lines_of(SEEDS[1]) if (each["way"], each["frames"]) != (DEEPLABCUT, 10)]
    no_random = [each for each in lines_of(SEEDS[2]) if each["way"] != "random"]
    lines = write(tmp_path, [*lines_of(SEEDS[0]), *cut, *no_random, *lines_of(TUNING_SEEDS[0])])
    found = page.figures_of(lines)["pytorch", MIXED]
    assert found["seeds"] == [SEEDS[0], SEEDS[2]]
    assert len(found["ways"]["random"]["5"]["each_seed"]) == 1
    assert found["sizes"] == [5, 10]
    assert found["ways"][OURS]["10"]["all"]["mean"] == 2.0
    assert found["ways"][OURS]["10"]["picked_new"] == 0.5
    assert page.figures_of(cut) == {}


def test_trainings_of_other_lengths_do_not_count(tmp_path: Path) -> None:
    longer = [{**each, "iterations": 2 * each["iterations"]} for each in lines_of(SEEDS[1])]
    lines = write(tmp_path, [*lines_of(SEEDS[0]), *longer])
    assert page.figures_of(lines)["pytorch", MIXED]["seeds"] == [SEEDS[0]]


@pytest.mark.parametrize(
    ("px", "said"),
    [(4.0, "enough by the median, mean, share over 5 px"),
     (4.6, "enough by the median, share over 5 px and **not enough** by the mean")],
)  # fmt: skip
def test_the_page_says_whether_half_of_the_frames_is_enough(tmp_path: Path, px: float, said: str) -> None:
    lines = [each for seed in SEEDS[:2] for each in lines_of(seed)]
    for each in lines:
        if (each["way"], each["frames"]) == (OURS, 5):
            each["error"]["all"]["mean"] = px
    text = "\n".join(page.page_lines(page.figures_of(write(tmp_path, lines))))
    assert f"mean {px:.2f} and 4.50 px" in text
    assert f"half of the frames is {said}\n" in text
    assert "- 10 frames of ours beside 10 of DeepLabCut's choice: mean 2.00 and 4.50 px (not worse with 2 of 2" in text
    title = "### PyTorch, mixed campaign (20 videos of the known arena), 2 of 5 seeds"
    assert f"{title}, {RECIPES['pytorch'].more} iterations a round, 2 min of CPU time" in text
    assert "| 0 | first model | 2 | - | 9.00 (9.00-9.00) |" in text
    assert "PyTorch, settled campaign (60 videos of the known arena): not measured yet." in text
    assert "TensorFlow, mixed campaign (20 videos of the known arena): not measured yet." in text


def test_a_seed_says_which_campaign_it_is_of(tmp_path: Path) -> None:
    every = [*TUNING_SEEDS, *(seed for each in CAMPAIGNS.values() for seed in each.seeds)]
    assert len(set(every)) == len(every)
    assert [known_videos(CAMPAIGNS[name].seeds[0]) for name in (MIXED, SETTLED)] == [20, 60]
    assert known_videos(TUNING_SEEDS[0]) == 20
    settled = CAMPAIGNS[SETTLED].seeds
    found = page.figures_of(write(tmp_path, [*lines_of(SEEDS[0]), *lines_of(settled[1])]))
    assert {key: each["seeds"] for key, each in found.items()} == {
        ("pytorch", MIXED): [SEEDS[0]],
        ("pytorch", SETTLED): [settled[1]],
    }


def test_frames_are_spread_evenly_over_the_videos_that_have_any() -> None:
    assert spread({"a": 9, "b": 1, "c": 0, "d": 9}, 6) == {"a": 3, "b": 1, "d": 2}
    assert spread({"a": 9, "b": 9}, 1) == {"a": 1}
    assert spread({"a": 1}, 5) == {"a": 1}
    assert by_video([("a", 4), ("b", 1), ("a", 2)]) == {"a": [2, 4], "b": [1]}
