from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dlcctr.campaign.manifest import read_manifest
from dlcctr.campaign.steps.spec import parse_steps
from dlcctr.contract import ExitCode, RowState
from dlcctr.quality.ratings.table import Rating, write_ratings
from dlcctr.quality.record import QUALITY_FILENAME, Flag, Quality, write_quality
from dlcctr.quality.report.collect import Video, collect, severity
from dlcctr.quality.report.methods import methods_text
from dlcctr.quality.report.page import make_page
from dlcctr.quality.report.summary import Summary, hours_text, summarise
from dlcctr.results.receipt import Receipt
from dlcctr.results.sections import DeviceUsed
from dlcctr.results.steps.receipt import Made, StepReceipt, step_failure_file
from dlcctr.slurm.status.causes import of_failure
from tests.unit.support.done_steps import do_step
from tests.unit.support.judged_campaign import make_judged_campaign
from tests.unit.support.results import Bench, make_bench


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_judged_campaign(tmp_path_factory.mktemp("mice"), 150, pictures=False)


def summary_of(manifest: Path) -> Summary:
    return summarise(collect(manifest), lambda *failure: of_failure(*failure).kind)


def flag(value: float, threshold: float = 0.1, name: str = "dark") -> Flag:
    return Flag(name, value, threshold)


def judged(bench: Bench, index: int, *flags: Flag) -> None:
    """Commit a row whose quality has these flags."""
    folder = bench.commit(index)
    write_quality(folder, Quality(20, 0.8, flags=flags))
    bench.write_receipt(index)


def test_the_worst_come_first_then_what_failed_then_what_nobody_judged(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, [f"{k}.mp4" for k in range(6)])
    judged(bench, 0)
    judged(bench, 1, flag(0.2))
    judged(bench, 2, flag(0.2), flag(5.0, name="jumps"))
    bench.commit(3)
    bench.failure_file(4).write_text(
        bench.receipt(4, state=RowState.FAILED, cause="it broke", exit_code=int(ExitCode.GPU), files=[]).to_json()
    )
    report = collect(bench.manifest)
    assert [video.row.index for video in report.videos] == [2, 1, 4, 3, 0, 5]
    assert [video.row.index for video in report.by_index] == list(range(6))
    found = summarise(report, lambda *failure: of_failure(*failure).kind)
    assert (found.judged, found.flagged, found.flags) == (3, 2, {"dark": 2, "jumps": 1})
    assert [(cause.kind, cause.count, cause.rows) for cause in found.causes] == [("gpu", 1, "4")]
    assert found.states["unfinished"] == 1


def test_a_flag_counts_by_its_distance_from_the_limit_on_either_side() -> None:
    assert severity(flag(0.1)) == 0
    assert severity(flag(0.2)) == pytest.approx(severity(flag(0.05)))
    assert severity(flag(1e9)) == severity(flag(0.0)) == 3.0


def test_quality_that_cannot_be_read_is_said_and_the_row_is_shown(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, ["a.mp4"])
    (bench.commit(0) / QUALITY_FILENAME).write_text('{"frames": NaN}')
    bench.write_receipt(0)
    (video,) = collect(bench.manifest).videos
    assert video.quality is None
    assert [note for note in video.notes if QUALITY_FILENAME in note]


def test_ratings_are_shown_and_those_that_fit_no_row_are_said(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, ["a.mp4", "b.mp4"])
    word = Rating(1, "b.mp4", bench.rows[1].fingerprint, "bad", "why", "Ada", "2026-01-01T00:00:00Z")
    write_ratings(tmp_path / "m.ratings.tsv", [word, Rating(9, "", "", "bad", "", "Ada", "2026-01-01T00:00:00Z")])
    report = collect(bench.manifest)
    assert [video.rating for video in report.by_index] == [None, word]
    assert [note for note in report.notes if "line 3" in note]


def test_a_note_that_most_rows_have_is_said_once(manifest: Path) -> None:
    report = collect(manifest)
    assert not any("no longer on this machine" in note for video in report.videos for note in video.notes)
    assert [note for note in report.notes if note.endswith("the video is no longer on this machine")]


def test_hours_and_speed_are_those_of_the_receipts(manifest: Path) -> None:
    found, videos = summary_of(manifest), collect(manifest).videos
    made: list[Video] = [video for video in videos if video.receipt]
    total_s = sum(video.attempt.total_s or 0 for video in made if video.attempt)
    assert found.row_h == pytest.approx(total_s / 3600)
    starts = [video.attempt.started or 0 for video in made if video.attempt]
    ends = [video.attempt.finished or 0 for video in made if video.attempt]
    assert found.speed_up == pytest.approx(total_s / (max(ends) - min(starts)))
    assert found.gpu_h == pytest.approx((found.row_h or 0) + found.failed_h)
    assert found.cpu_h == 0
    assert found.video_h == pytest.approx(sum(row.duration_s or 0 for row in read_manifest(manifest)) / 3600)
    assert found.analysed_h < found.video_h
    assert found.frames == sum(video.receipt.frames.decoded for video in made if video.receipt and video.receipt.frames)


def test_cpu_hours_count_threads(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, ["a.mp4"])
    bench.commit(0, device=DeviceUsed(type="cpu", threads=8), timings_s={"total": 1800.0})
    assert summary_of(bench.manifest).cpu_h == pytest.approx(4)
    assert summary_of(bench.manifest).speed_up is None, "one row cannot be faster than itself"


def test_steps_that_are_due_or_have_failed_leave_a_row_its_result(tmp_path: Path) -> None:
    steps = parse_steps([{"name": "filter"}])
    bench = make_bench(tmp_path, [f"{k}.mp4" for k in range(4)], steps=steps)
    for index in (0, 1, 2):
        bench.commit(index, device=DeviceUsed(type="cpu", threads=2), timings_s={"total": 1800.0})
    do_step(bench, 0, "filter")
    failed = StepReceipt(Made.FAILED, "it broke", int(ExitCode.MANIFEST), "filter", "filter", "analysis", seconds=5.0)
    failed = replace(failed, parameters=steps[0].held)
    step_failure_file(bench.folder(1), "filter").parent.mkdir()
    step_failure_file(bench.folder(1), "filter").write_text(failed.to_json())
    found = summary_of(bench.manifest)
    assert {state: n for state, n in found.states.items() if n} == {"whole": 1, "failed": 1, "unfinished": 2}
    assert (found.analysed, found.frames) == (3, 60)
    assert found.cpu_h == pytest.approx(3), "of the analyses, three of half an hour with two threads"
    assert found.row_h == pytest.approx(1.5)
    assert found.failed_h == 0
    assert [(cause.kind, cause.rows) for cause in found.causes] == [("manifest", "1")]
    assert "3 of 4 videos are complete; 1 has no result." in methods(bench.manifest)
    assert f"{found.analysed}<small> of 4</small>" in page_text(bench.manifest)


def page_text(manifest: Path) -> str:
    report = collect(manifest)
    return make_page(report, summarise(report, lambda *_: ""))


def test_the_heat_map_counts_every_judged_video_once(manifest: Path) -> None:
    found = summary_of(manifest)
    by_day, by_flag = found.maps
    assert (by_day.by, by_flag.by) == ("day", "flag")
    assert sum(judged for _, cells in by_day.lines for _, judged in cells) == found.judged
    assert sum(flagged for _, cells in by_day.lines for flagged, _ in cells) == found.flagged
    counts = dict.fromkeys(by_flag.columns, 0)
    for _, cells in by_flag.lines:
        for name, (flagged, _) in zip(by_flag.columns, cells, strict=True):
            counts[name] += flagged
    assert counts == found.flags
    assert 0 < by_day.darkest <= 1


def test_the_key_is_the_campaigns_own(tmp_path: Path) -> None:
    one = collect(make_bench(tmp_path / "a", ["a.mp4"]).manifest)
    same = collect(make_bench(tmp_path / "b", ["a.mp4"]).manifest)
    other = collect(make_bench(tmp_path / "c", ["a.mp4", "b.mp4"]).manifest)
    assert one.key == same.key != other.key


def methods(manifest: Path) -> str:
    report = collect(manifest)
    return methods_text(report, summarise(report, lambda *_: ""))


def test_the_methods_name_versions_model_parameters_and_papers(manifest: Path) -> None:
    text = methods(manifest)
    facts = ["DeepLabCut 3.0.0rc13", "SHA-256 abababababab", "PyTorch 2.7.1", "CUDA 12.6", "dlcctr 0.1.0"]
    facts += ["snapshot-200", "shuffle 1", "NVIDIA H100", "5 body parts", "Mathis A", "Nath T", "2018", "2019"]
    assert [fact for fact in facts if fact not in text] == []
    assert "differing" not in text
    assert "Lauer" not in text


def test_the_methods_say_where_rows_differ_and_cite_for_several_animals(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, ["a.mp4", "b.mp4", "c.mp4"], csv=False)
    receipt: Receipt = bench.receipt(0)
    for index, version in enumerate(("3.0.0", "3.0.0", "2.3.11")):
        model = receipt.model if index else type(receipt.model)(**{**vars(receipt.model), "individuals": ("m1", "m2")})
        bench.commit(index, software={"deeplabcut": version}, model=model)
    text = methods(bench.manifest)
    assert "DeepLabCut differing between videos: 3.0.0 (rows 0-1); 2.3.11 (row 2)" in text
    assert "Lauer J" in text
    assert "of 2 individuals" in text


def test_without_results_there_is_nothing_to_describe(tmp_path: Path) -> None:
    assert "nothing to describe" in methods(make_bench(tmp_path, ["a.mp4"]).manifest)


@pytest.mark.parametrize(("hours", "text"), [(0, "0 s"), (0.5, "30 min"), (3.5, "3 h 30 min"), (1234.4, "1,234 h")])
def test_hours_are_told_as_people_say_them(hours: float, text: str) -> None:
    assert hours_text(hours) == text
