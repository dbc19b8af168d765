from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dlcctr.campaign.steps.fit import require_work
from dlcctr.campaign.steps.spec import StepSpec
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


def test_other_steps_are_always_of_use(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, ["a.mp4"])
    for kind in ("filter", "label-video", "nwb", "csv"):
        require_work(bench.campaign, bench.rows, StepSpec(kind, kind))
