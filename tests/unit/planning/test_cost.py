from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dlcctr.campaign.rows import Row
from dlcctr.contract import RowState
from dlcctr.errors import UsageError
from dlcctr.planning import cost
from dlcctr.results.receipt import Receipt
from dlcctr.results.sections import AnalysedRow, DeviceUsed, FrameCounts, ModelUsed, Parameters, ReusedPart

ROW = Row(0, "a.mp4", frames=9000, fps=30.0, width=640, height=480)
PX = 640 * 480


def test_a_speed_in_frames_per_second_means_what_it_says() -> None:
    (work,) = cost.row_work([ROW], None)
    speed = cost.speed_of_fps(90, cost.usual_px([work]), "pytorch")
    assert work.cost_s(speed) == pytest.approx(9000 / 90 + speed.fixed_per_row_s)


def test_larger_pictures_cost_more_but_not_in_proportion() -> None:
    small, large = cost.row_work([ROW, replace(ROW, width=1280, height=960)], None)
    speed = cost.speed_of_fps(90, PX, "pytorch")
    ratio = (large.cost_s(speed) - speed.fixed_per_row_s) / (small.cost_s(speed) - speed.fixed_per_row_s)
    assert 2 < ratio < 4


def test_the_published_chart_is_met() -> None:
    """DeepLabCut 3.0, RTX 2080 Ti, frames/s at squares of 128, 256 and 512 px: 228, 120, 51."""
    ratio = {side: cost.frame_work_px(side * side) / cost.frame_work_px(256 * 256) for side in (128, 512)}
    assert ratio[128] == pytest.approx(120 / 228, rel=0.25)
    assert ratio[512] == pytest.approx(120 / 51, rel=0.15)


@pytest.mark.parametrize(
    ("row_crop", "campaign_crop", "px"),
    [
        (None, None, PX),
        ((0, 100, 0, 50), None, 5000),
        ((0, 100, 0, 50), (0, 10, 0, 10), 5000),
        (None, (600, 700, 400, 500), 40 * 80),
        (None, (700, 800, 0, 10), PX),
    ],
)
def test_a_crop_counts_where_it_lies_within_the_picture(row_crop: Any, campaign_crop: Any, px: int) -> None:
    assert cost.row_px(replace(ROW, crop=row_crop), campaign_crop) == px


def test_frames_fall_back_on_the_duration() -> None:
    assert cost.row_frames(replace(ROW, frames=None, duration_s=10.0)) == 300
    assert cost.row_frames(replace(ROW, frames=0, duration_s=10.0)) == 300
    assert cost.row_frames(replace(ROW, frames=0, duration_s=0.0)) is None
    assert cost.row_frames(replace(ROW, frames=None, duration_s=10.0, fps=None)) is None


def test_what_is_not_known_is_taken_for_usual_and_said() -> None:
    rows = [replace(ROW, index=n, frames=n * 100) for n in (1, 2, 9)]
    rows += [Row(20, "b.mp4", frames=0), Row(21, "c.mp4", frames=5)]
    work = cost.row_work(rows, None)
    assert [(each.frames, each.px) for each in work[3:]] == [(150, PX), (5, PX)]
    assert cost.guess_notes(work) == [
        "row 20: length and picture size unknown; the usual value is assumed, so these rows' times are guesses",
        "row 21: picture size unknown; the usual value is assumed, so these rows' times are guesses",
    ]


def test_where_nothing_is_known_at_all_rows_cost_the_same() -> None:
    work = cost.row_work([Row(0, "a.h264"), Row(1, "b.h264")], None)
    speed = cost.speed_of_fps(30, cost.usual_px(work), "")
    assert work[0].cost_s(speed) == work[1].cost_s(speed) > 0


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf")])
def test_no_speed(fps: float) -> None:
    with pytest.raises(UsageError, match="is not a speed"):
        cost.speed_of_fps(fps, PX, "pytorch")


def receipt(frames: int, seconds: float, *, import_s: float = 12.0, device: str = "cuda", **changes: Any) -> Receipt:
    """Of a row whose frames took so long, one second of fixed costs and its import besides."""
    fixed_s = cost.fixed_per_row_s("pytorch")
    made = Receipt(
        state=RowState.OK,
        cause="",
        exit_code=0,
        row=AnalysedRow(),
        frames=FrameCounts(frames, frames, frames),
        device=DeviceUsed(device, name="Tesla V100" if device == "cuda" else None),
        timings_s={"import": import_s, "analysis": seconds, "total": import_s + fixed_s + seconds},
        parameters=Parameters(),
        model=ModelUsed(engine="pytorch"),
    )
    return replace(made, **changes)


def speed_of(*receipts: Receipt) -> cost.Speed:
    samples = [sample for each in receipts if (sample := cost.sample_of(each, ROW))]
    speed = cost.speed_of_samples(samples, PX, "pytorch")
    assert speed is not None
    return speed


def test_speed_comes_from_receipts() -> None:
    speed = speed_of(*[receipt(1000 * n, 10.0 * n) for n in range(1, 8)])
    assert speed.frames_per_s == pytest.approx(100)
    assert speed.fixed_per_task_s == 12 + cost.START_S
    assert speed.measured
    assert speed.source == "receipts of 7 finished rows on Tesla V100"


def test_a_planned_row_takes_what_its_like_took() -> None:
    (work,) = cost.row_work([replace(ROW, frames=5000)], None)
    assert work.cost_s(speed_of(receipt(5000, 77.0))) == pytest.approx(77 + cost.fixed_per_row_s("pytorch"))


def test_rows_of_one_task_import_once() -> None:
    later = [receipt(1000, 10.0, import_s=0.0) for _ in range(5)]
    speed = speed_of(receipt(1000, 10.0, import_s=18.0), *later)
    assert speed.fixed_per_task_s == 18 + cost.START_S
    assert speed.frames_per_s == pytest.approx(100)


def test_a_slow_node_and_short_rows_hardly_count() -> None:
    good = [receipt(100_000, 1000.0) for _ in range(5)]
    assert speed_of(*good, receipt(100_000, 1900.0), *[receipt(10, 30.0)] * 20).frames_per_s == pytest.approx(100)


def test_short_rows_show_what_a_row_costs_besides_its_frames() -> None:
    """Twelve seconds more than assumed, say for a GPU's first use, in short and long rows alike."""
    long = [receipt(100_000, 1000.0 + 12) for _ in range(3)]
    assert speed_of(*long).fixed_per_row_s == cost.fixed_per_row_s("pytorch")
    speed = speed_of(*long, *[receipt(100 * n, 1.0 * n + 12) for n in range(1, 7)])
    assert speed.fixed_per_row_s == pytest.approx(cost.fixed_per_row_s("pytorch") + 12, rel=0.02)
    assert speed.frames_per_s == pytest.approx(100, rel=0.02)


def test_rows_on_a_gpu_are_preferred() -> None:
    speed = speed_of(*[receipt(100, 100.0, device="cpu")] * 9, receipt(1000, 10.0))
    assert speed.frames_per_s == pytest.approx(100)
    assert speed.on_gpu
    assert not speed.measured
    slow = speed_of(receipt(100, 100.0, device="cpu"))
    assert slow.frames_per_s == pytest.approx(1)
    assert not slow.on_gpu


def test_a_cropped_row_says_how_fast_its_crop_was() -> None:
    cropped = receipt(1000, 10.0, parameters=Parameters(crop=(0, 64, 0, 48)))
    assert speed_of(cropped).frames_per_s < speed_of(receipt(1000, 10.0)).frames_per_s


@pytest.mark.parametrize(
    "changes",
    [
        {"frames": None},
        {"frames": FrameCounts(0, 0, 0)},
        {"timings_s": {}},
        {"timings_s": {"total": float("nan")}},
        {"timings_s": {"total": 1e308}},
        {"timings_s": {"total": 10.0, "import": 11.0}},
        {"device": DeviceUsed("cpu", parts=(ReusedPart(0, 8),))},
    ],
)
def test_receipts_that_say_too_little_are_passed_over(changes: dict[str, Any]) -> None:
    assert cost.sample_of(replace(receipt(10, 1.0), **changes), ROW) is None
    assert cost.sample_of(receipt(10, 1.0), Row(0, "a.mp4")) is None


def test_no_receipts_no_speed() -> None:
    assert cost.speed_of_samples([], PX, "pytorch") is None


def test_the_engine_decides_what_a_call_costs(tmp_path: Path) -> None:
    assert cost.fixed_per_row_s("pytorch") < cost.fixed_per_row_s("tensorflow") == cost.fixed_per_row_s("")
