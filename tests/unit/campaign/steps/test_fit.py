from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dlcctr.campaign.steps.fit import require_work, what_is_missing
from dlcctr.campaign.steps.spec import StepSpec, parse_step
from dlcctr.errors import UsageError
from tests.unit.support.results import make_bench

TRACKS, ENSEMBLE = StepSpec("tracks", "tracks"), StepSpec("ensemble", "ensemble")


def test_one_animal_has_no_tracks(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, ["a.mp4", "b.mp4"])
    with pytest.raises(UsageError, match="one animal") as caught:
        require_work(bench.campaign, bench.rows, TRACKS)
    assert "dlcctr steps add m.csv filter" in caught.value.hint
    require_work(replace(bench.campaign, individuals=("m1", "m2")), bench.rows, TRACKS)
    require_work(replace(bench.campaign, bodyparts=()), bench.rows, TRACKS)  # it is not known
    require_work(bench.campaign, [bench.rows[0], replace(bench.rows[1], model="/models/two")], TRACKS)


def test_an_ensemble_needs_several_rows_of_a_video(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, ["a.mp4", "b.mp4"])
    with pytest.raises(UsageError, match="no video has several rows"):
        require_work(bench.campaign, bench.rows, ENSEMBLE)
    again = replace(bench.rows[0], index=2, shuffle=2)
    require_work(bench.campaign, [*bench.rows, again], ENSEMBLE)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"bodyparts": ["snout", "nose"]}, "bodyparts names 'nose'"),
        ({"lines": [["snout", "ear"]]}, "lines names 'ear'"),
        ({"individuals": ["m3"]}, "individuals names 'm3'"),
        ({"follow": "m3", "follow_px": 64}, "follow names 'm3'"),
        ({"kind": "tracks", "ignore_bodyparts": ["nose"]}, "ignore_bodyparts names 'nose'"),
    ],
)
def test_names_that_the_model_does_not_have_are_refused_at_once(
    tmp_path: Path, table: dict[str, object], says: str
) -> None:
    campaign = replace(make_bench(tmp_path, ["a.mp4"]).campaign, individuals=("m1", "m2"), unique_bodyparts=("corner",))
    rows = make_bench(tmp_path / "b", ["a.mp4"]).rows
    step = parse_step({"name": "mine", "kind": "label-video", **table})
    with pytest.raises(UsageError, match=says) as caught:
        require_work(campaign, rows, step)
    assert caught.value.hint in ("it has: snout, tail, corner", "it has: m1, m2, single")
    require_work(campaign, [replace(rows[0], model="/another")], step)
    known = {"bodyparts": ["tail", "corner"], "individuals": ["m1", "single"], "lines": [["snout", "tail"]]}
    require_work(campaign, rows, parse_step({"name": "label-video", **known}))
    require_work(campaign, rows, parse_step({"name": "label-video", "of": "ell", "individuals": ["ind1"]}))


def test_rows_beside_each_other_need_several_of_a_video(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, ["a.mp4"])
    with pytest.raises(UsageError, match="no video has several rows, which it would show side by side"):
        require_work(bench.campaign, bench.rows, parse_step({"name": "label-video", "beside": "rows"}))


def test_other_steps_are_always_of_use(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, ["a.mp4"])
    for kind in ("filter", "label-video", "nwb", "csv"):
        require_work(bench.campaign, bench.rows, StepSpec(kind, kind))


def test_a_start_that_no_row_has_is_said(tmp_path: Path) -> None:
    rows = make_bench(tmp_path, ["a.mp4", "b.mp4", "c.mp4"]).rows
    (note,) = what_is_missing(rows, StepSpec("nwb", "nwb"))
    assert note.startswith("rows 0-2: no session_start_time") and "column 'session_start_time'" in note
    started = [replace(rows[0], own=(("begun", "2026-03-05"),)), replace(rows[1], own=(("begun", " "),)), rows[2]]
    step = parse_step({"name": "nwb", "columns": ["session_start_time=Begun"]})
    (note,) = what_is_missing([*started[:2], replace(rows[2], error="the file is empty")], step)
    assert note.startswith("row 1: no session_start_time") and "column 'begun'" in note
    for given in ({"session_start_time": "2026-03-05"}, {"pattern": "(?P<session_start_time>[0-9]{8})"}):
        assert what_is_missing(rows, parse_step({"name": "nwb", **given})) == []
    assert what_is_missing(rows, TRACKS) == []
