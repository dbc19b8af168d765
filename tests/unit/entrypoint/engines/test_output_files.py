from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from dlcctr.errors import AnalysisError
from dlcctr.results.sections import Columns
from entrypoint.engines import output_files as outputs
from entrypoint.protocol import Job
from entrypoint.video.frame_scan import FrameScan

SCORER = "DLC_Resnet50_x"
PARTS = ["snout", "tail"]
COLUMNS = [[part, coord] for part in PARTS for coord in ("x", "y", "likelihood")]
MULTI = [["a", *column] for column in COLUMNS]


def make_job(folder: Path, *, multi: bool = False, frames: int = 12, missing: list[list[int]] | None = None) -> Job:
    missing = missing or []
    lost = sum(stop - first for first, stop in missing)
    return Job(
        path="stock", model="", config="", video=str(folder / "video.mp4"), folder=str(folder), stem="my mouse.v2",
        columns=MULTI if multi else COLUMNS,
        scan=FrameScan(frames, frames, frames - lost, missing), multianimal=multi, shuffle=1, trainset_index=0,
        device="cpu", batch_size=None, crop=None, csv=True,
    )  # fmt: skip


def write_table(job: Job, rows: int, *, columns: Any = None, first: int = 0, dtype: str = "float32") -> Any:
    names = ["scorer", "individuals", "bodyparts", "coords"] if job.multianimal else ["scorer", "bodyparts", "coords"]
    header = pandas.MultiIndex.from_tuples([(SCORER, *c) for c in columns or job.columns], names=names)
    values = np.arange(rows * len(header), dtype=dtype).reshape(rows, len(header))
    table = pandas.DataFrame(values, columns=header, index=range(first, first + rows))
    key = "tracks" if job.multianimal else "df_with_missing"
    table.to_hdf(Path(job.folder) / f"video{SCORER}.h5", key=key, format="table", mode="w")
    table.to_csv(Path(job.folder) / f"video{SCORER}.csv")
    return table


def dump(job: Job, ending: str, content: Any) -> Path:
    file = Path(job.folder) / f"video{SCORER}{ending}.pickle"
    file.write_bytes(pickle.dumps(content))
    return file


def load(file: Path) -> Any:
    return pickle.loads(file.read_bytes())


def test_a_whole_table(tmp_path: Path) -> None:
    job = make_job(tmp_path)
    write_table(job, 12)
    outputs.verify(job, SCORER)
    assert outputs.describe(job) == Columns(12, tuple(map(tuple, COLUMNS)))


@pytest.mark.parametrize("rows", [11, 13])
def test_another_number_of_rows(tmp_path: Path, rows: int) -> None:
    job = make_job(tmp_path)
    write_table(job, rows)
    with pytest.raises(outputs.ShortRead) as caught:
        outputs.verify(job, SCORER)
    assert caught.value.rows == rows


def test_a_shifted_table(tmp_path: Path) -> None:
    job = make_job(tmp_path)
    write_table(job, 12, first=1)
    with pytest.raises(AnalysisError, match="number its frames"):
        outputs.verify(job, SCORER)


@pytest.mark.parametrize("columns", [COLUMNS[3:] + COLUMNS[:3], COLUMNS[:3], [*COLUMNS, ["ear", "x"]]])
def test_columns_in_another_order(tmp_path: Path, columns: Any) -> None:
    job = make_job(tmp_path)
    write_table(job, 12, columns=columns)
    with pytest.raises(AnalysisError, match="not the model's in the model's order"):
        outputs.verify(job, SCORER)


def test_no_table_at_all(tmp_path: Path) -> None:
    with pytest.raises(AnalysisError, match=r"exactly one \.h5"):
        outputs.verify(make_job(tmp_path), SCORER)


def test_tracks_may_end_early_if_detection_did_not(tmp_path: Path) -> None:
    job = make_job(tmp_path, multi=True)
    write_table(job, 9)
    dump(job, "_full", {"metadata": {"nframes": 12}})
    outputs.verify(job, SCORER)
    dump(job, "_full", {"metadata": {"nframes": 9}})
    with pytest.raises(outputs.ShortRead):
        outputs.verify(job, SCORER)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_expanding_shifts_nothing(tmp_path: Path, dtype: str) -> None:
    job = make_job(tmp_path, missing=[[0, 1], [5, 7]])
    before = write_table(job, 9, dtype=dtype)
    outputs.verify(job, SCORER)
    outputs.expand(job)
    (h5,) = tmp_path.glob("*.h5")
    after = pandas.read_hdf(h5, key="df_with_missing")
    assert list(after.index) == list(range(12))
    assert list(after.columns) == list(before.columns)
    assert after.columns.names == before.columns.names
    assert {str(kind) for kind in after.dtypes} == {dtype}
    kept = [1, 2, 3, 4, 7, 8, 9, 10, 11]
    assert (after.loc[kept].to_numpy() == before.to_numpy()).all()
    lost = after.loc[[0, 5, 6]]
    assert (lost.xs("likelihood", axis=1, level="coords") == 0).all(axis=None)
    assert lost.xs("x", axis=1, level="coords").isna().all(axis=None)
    (csv,) = tmp_path.glob("*.csv")
    assert [line.split(",")[0] for line in csv.read_text().splitlines()[3:]] == [str(n) for n in range(12)]


def test_pickles_of_pytorch_move_along(tmp_path: Path) -> None:
    job = make_job(tmp_path, multi=True, frames=101, missing=[[1, 3]])
    kept = outputs.decoded_frames(101, [[1, 3]])
    frame = {
        "coordinates": ([np.ones((2, 2))],),
        "confidence": [np.ones((2, 1))],
        "costs": None,
        "bboxes": np.ones((2, 4)),
    }
    content = {
        "metadata": {"nframes": 99, "key_str_width": 2},
        **{f"frame{n:02d}": {**frame, "n": n} for n in range(99)},
    }
    full = dump(job, "_full", content)
    meta = dump(job, "_meta", {"data": {"nframes": 99, "fps": 25}})
    for file in (full, meta):
        outputs._expand_pickle(file, job, kept)
    moved = load(full)
    assert moved["metadata"] == {"nframes": 101, "key_str_width": 3}
    assert list(moved) == ["metadata", *(f"frame{n:03d}" for n in range(101))]
    assert [moved[f"frame{n:03d}"]["n"] for n in kept] == list(range(99))
    assert np.isnan(moved["frame001"]["coordinates"][0][0]).all()
    assert moved["frame002"]["confidence"][0].sum() == 0
    assert len(moved["frame002"]["bboxes"]) == 0
    assert load(meta)["data"] == {"nframes": 101, "fps": 25}


def test_tracks_and_assemblies_move_along(tmp_path: Path) -> None:
    job = make_job(tmp_path, multi=True, frames=12, missing=[[2, 4]])
    kept = outputs.decoded_frames(12, [[2, 4]])
    tracks = dump(
        job, "_el", {0: {"frame00": "a", "frame02": "b"}, 1: {"frame09": "c"}, "single": {3: "d"}, "header": "h"}
    )
    assemblies = dump(job, "_assemblies", {"single": {2: "s"}, 0: "x", 2: "y", 9: "z"})
    for file in (tracks, assemblies):
        outputs._expand_pickle(file, job, kept)
    assert load(tracks) == {
        0: {"frame00": "a", "frame04": "b"},
        1: {"frame11": "c"},
        "single": {5: "d"},
        "header": "h",
    }
    assert load(assemblies) == {"single": {4: "s"}, 0: "x", 4: "y", 11: "z"}


def test_names_are_those_of_the_video(tmp_path: Path) -> None:
    job = make_job(tmp_path)
    for ending in (".h5", ".csv", "_full.pickle"):
        (tmp_path / f"video{SCORER}{ending}").write_bytes(b"")
    assert outputs.rename(job) == [f"my mouse.v2{SCORER}{e}" for e in (".csv", ".h5", "_full.pickle")]
