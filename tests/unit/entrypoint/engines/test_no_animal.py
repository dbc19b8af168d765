"""Videos in which no animal was found are results."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from entrypoint.engines import no_animal
from entrypoint.engines import output_files as outputs
from entrypoint.protocol import Job
from entrypoint.video.frame_scan import FrameScan

SCORER = "DLC_x"
PARTS = [[who, part, coord] for who, part in (("a", "nose"), ("b", "nose"), ("single", "corner"))
         for coord in ("x", "y", "likelihood")]  # fmt: skip
EMPTY = OSError("Tracklets are empty.")


def make_job(folder: Path, **other: Any) -> Job:
    fields: dict[str, Any] = {
        "path": "stock", "model": "", "config": "", "video": str(folder / "video.mp4"), "folder": str(folder),
        "stem": "mouse", "columns": PARTS, "scan": FrameScan(4, 4, 4), "multianimal": True, "shuffle": 1,
        "trainset_index": 0, "device": "cpu", "batch_size": None, "crop": None, "csv": True,
    }  # fmt: skip
    return Job(**{**fields, **other})


def write_tracklets(folder: Path, ending: str = "_el") -> Path:
    names = ["scorer", "bodyparts", "coords"]
    header = pandas.MultiIndex.from_product([[SCORER], ["nose", "corner"], ["x", "y", "likelihood"]], names=names)
    unique = {n: np.array([[1.0 + n, 2.0, 0.5, -1.0]]) for n in (0, 2)}
    file = folder / f"video{SCORER}{ending}.pickle"
    file.write_bytes(pickle.dumps({"header": header, "single": unique}))
    return file


def write_detections(folder: Path, confidence: float) -> None:
    frame = {"coordinates": ([np.zeros((1, 2))],), "confidence": [np.full((1, 1), confidence)]}
    content = {"metadata": {"nframes": 4}, **{f"frame{n}": frame for n in range(4)}}
    (folder / f"video{SCORER}_full.pickle").write_bytes(pickle.dumps(content))


def test_a_table_without_tracks_keeps_the_unique_body_parts(tmp_path: Path) -> None:
    job = make_job(tmp_path)
    write_tracklets(tmp_path)
    write_detections(tmp_path, 0.0)
    assert no_animal.write_empty_tracks(job, EMPTY) == SCORER
    outputs.verify(job, SCORER)
    table = pandas.read_hdf(tmp_path / f"video{SCORER}_el.h5", key="tracks")
    assert table.columns.names == ["scorer", "individuals", "bodyparts", "coords"]
    assert table.xs("nose", axis=1, level="bodyparts").isna().all(axis=None)
    assert table[SCORER, "single", "corner", "x"].fillna(-9).tolist() == [1.0, -9, 3.0, -9]
    assert (tmp_path / f"video{SCORER}_el.csv").exists()
    assert no_animal.remark(job) == "no animal was found in any frame"


def test_what_was_found_is_kept_and_named(tmp_path: Path) -> None:
    job = make_job(tmp_path, csv=False)
    write_tracklets(tmp_path, "_bx")
    write_detections(tmp_path, 0.3)
    no_animal.write_empty_tracks(job, ValueError("Could not reconstruct 2 tracks from the tracklets given."))
    assert "_full.pickle" in no_animal.remark(job)
    assert not list(tmp_path.glob("*.csv"))


@pytest.mark.parametrize(
    ("error", "other"), [(OSError(28, "No space left on device"), {}), (EMPTY, {"multianimal": False})]
)
def test_other_errors_stay_errors(tmp_path: Path, error: Exception, other: dict[str, Any]) -> None:
    write_tracklets(tmp_path)
    with pytest.raises(type(error)) as caught:
        no_animal.write_empty_tracks(make_job(tmp_path, **other), error)
    assert caught.value is error


def test_an_error_before_there_are_tracklets_stays_one(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="empty"):
        no_animal.write_empty_tracks(make_job(tmp_path), EMPTY)


@pytest.mark.parametrize(
    ("likelihood", "other", "said"),
    [(-1.0, {"top_down": True}, True), (np.nan, {"top_down": True}, True), (0.2, {"top_down": True}, False),
     (-1.0, {"conditional": True}, True),
     (0.0, {}, False)],
)  # fmt: skip
def test_one_animal(tmp_path: Path, likelihood: float, other: dict[str, Any], said: bool) -> None:
    columns = [["nose", coord] for coord in ("x", "y", "likelihood")]
    names = pandas.MultiIndex.from_tuples([(SCORER, *c) for c in columns], names=["scorer", "bodyparts", "coords"])
    table = pandas.DataFrame(-1.0, index=range(4), columns=names)
    table.iloc[:, 2] = [-1.0, np.nan, -1.0, likelihood]
    table.to_hdf(tmp_path / f"video{SCORER}.h5", key="df_with_missing", format="table", mode="w")
    job = make_job(tmp_path, columns=columns, multianimal=False, **other)
    assert (no_animal.remark(job) == "no animal was found in any frame") is said
