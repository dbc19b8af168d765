from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.benchmarks.rounds.openfield import page, real
from tests.benchmarks.rounds.openfield.measured import Results, read_errors, read_losses
from tests.benchmarks.rounds.openfield.settings import NO_FRAMES, OWN, ROUNDS, SHARED
from tests.benchmarks.rounds.openfield.stretches import (
    FIRST,
    FRAMES,
    GAP_FRAMES,
    HELD_OUT,
    HELD_OUT_FOLDER,
    STRETCHES,
    campaign_stretches,
    frames_of,
    held_out,
)
from tests.benchmarks.rounds.settings import DEEPLABCUT, OURS, RANDOM
from tests.benchmarks.rounds.settings import FIRST as START_MODEL

WAYS = (START_MODEL, NO_FRAMES, *ROUNDS[OWN])
PX = {START_MODEL: 9.0, NO_FRAMES: 8.0, OURS: 3.0, DEEPLABCUT: 6.0, RANDOM: 7.0}


@pytest.mark.parametrize("split", range(8))
def test_no_held_out_frame_has_a_neighbour_that_can_be_learnt_from(split: int) -> None:
    held = frames_of(held_out(split))
    known = {*FIRST, *frames_of(campaign_stretches(split))}
    assert len(held) == len(set(held)) == HELD_OUT * len(STRETCHES[0])
    assert all(abs(one - other) > GAP_FRAMES for one in held for other in known)
    assert max(*held, *known) < FRAMES


def test_every_stretch_is_held_out_as_often_as_any_other() -> None:
    times = [sum(n in held_out(split) for split in range(len(STRETCHES))) for n in range(len(STRETCHES))]
    assert times == [HELD_OUT] * len(STRETCHES)


def line(split: int, way: str, px: float, start: str = OWN) -> dict[str, Any]:
    errors = {str(frame): [px, px, px, px + 4] for frame in frames_of(held_out(split))}
    found: dict[str, Any] = {"start": start, "split": split, "way": way, "held_out": held_out(split)}
    if way in ROUNDS[OWN]:
        found |= {"picked": frames_of(campaign_stretches(split))[:10], "losses": [[1, 0.02], [2, 0.01]]}
    return {**found, "seconds": 9, "cpu_s": 8, "errors_px": errors}


def lines_of(split: int) -> list[dict[str, Any]]:
    return [line(split, way, PX[way]) for way in WAYS]


def write(out: Path, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for start in (OWN, SHARED):
        (out / start).mkdir()
        own = [json.dumps(each) + "\n" for each in lines if each["start"] == start]
        (out / start / "results.jsonl").write_text("".join(own))
    return page.read_lines(out)


def test_a_split_counts_once_it_is_whole(tmp_path: Path) -> None:
    cut = [each for each in lines_of(1) if each["way"] != RANDOM]
    figures = page.figures_of(write(tmp_path, [*lines_of(0), *cut, *lines_of(2), line(0, OURS, 1.0, SHARED)]))
    assert list(figures) == [OWN]
    found = figures[OWN]
    assert found["splits"] == {"0": held_out(0), "2": held_out(2)}
    assert found["ways"][OURS]["mean_px"] == 4.0
    assert found["ways"][OURS]["median_px"] == 3.0
    assert found["ways"][OURS]["over_5px"] == 0.25
    assert found["ways"][OURS]["parts_px"] == {"snout": 3.0, "leftear": 3.0, "rightear": 3.0, "tailbase": 7.0}
    assert found["ways"][OURS]["start_error_there_px"] == 10.0


def test_the_page_compares_with_the_start_model_and_with_training_on(tmp_path: Path) -> None:
    figures = page.figures_of(write(tmp_path, [*lines_of(0), *lines_of(1)]))
    text = "\n".join(page.page_lines(figures))
    assert "| dlcctr | 10 | 4.00 (4.00-4.00) | 3.00 | 25% | 3.00 | 3.00 | 3.00 | 7.00 | 10.0 |" in text
    assert "- dlcctr: mean 10.00 px before, 4.00 px after (-6.00; better with 2 of 2 splits)" in text
    assert "beside training on without new frames -5.00 px (better with 2 of 2)" in text
    assert "The model that came with the data: not measured yet." in text
    page.draw(figures, tmp_path / "plot.png")
    assert cv2.imread(str(tmp_path / "plot.png")).shape[2] == 3


def test_errors_are_those_of_held_out_frames(tmp_path: Path) -> None:
    folder = tmp_path / "evaluation-results-pytorch" / "iteration-1" / "x"
    folder.mkdir(parents=True)
    lines = ["model,folder,picture,error_px"]
    lines += [f"{model},{HELD_OUT_FOLDER},img0020.png,{px}" for model, px in (("now", "1.5"), ("before", "2.5"))]
    lines += [f"now,{HELD_OUT_FOLDER},img0020.png,", "now,m4s1,img0000.png,9.0"]
    (folder / "evaluation.csv").write_text("\n".join(lines) + "\n")
    found = read_errors(tmp_path)
    assert found["now"][20][0] == 1.5
    assert np.isnan(found["now"][20][1])
    assert list(found["now"]) == [20]
    assert found["before"] == {20: [2.5]}


def test_the_newest_loss_curve_is_read(tmp_path: Path) -> None:
    for n, loss in enumerate(("0.5", "0.25")):
        folder = tmp_path / "dlc-models-pytorch" / f"iteration-{n}" / "x" / "train"
        folder.mkdir(parents=True)
        (folder / "dlcctr-losses.csv").write_text(f"network,epoch,train_loss,test_loss\npose,1,,\npose,2,{loss},\n")
    assert read_losses(tmp_path) == [(2, 0.25)]


def test_what_is_measured_is_not_done_again(tmp_path: Path) -> None:
    results = Results(tmp_path / "results.jsonl", OWN)
    assert not results.has(0, OURS)
    results.add(0, OURS, {21: [1.0, float("nan")], 20: [2.0, 3.0]}, picked=[1])
    again = Results(tmp_path / "results.jsonl", OWN)
    assert again.has(0, OURS)
    assert not again.has(1, OURS)
    assert again.lines[0]["held_out"] == held_out(0)
    assert list(again.lines[0]["errors_px"]) == ["20", "21"]


def make_data(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three labelled pictures where the real ones would be."""
    monkeypatch.setattr(real, "LABELS", folder)
    folder.mkdir()
    head = ["scorer,a,a", "bodyparts,b,b", "coords,x,y"]
    lines = [f"labeled-data/m4s1/img{n:04d}.png,{n}.5,{n}.25" for n in range(3)]
    (folder / real.TABLE).write_text("\n".join([*head, *lines]) + "\n")
    for n in range(3):
        cv2.imwrite(str(real.picture_of(n)), np.full((48, 64, 3), 60 * n + 40, np.uint8))


def test_pictures_of_a_video_get_the_labels_of_the_frames_that_they_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_data(tmp_path / "real", monkeypatch)
    real.write_labels(tmp_path / "stretch-3", {"img07.png": 1, "img12.png": 2})
    with (tmp_path / "stretch-3" / real.TABLE).open(newline="") as stream:
        lines = list(csv.reader(stream))
    assert lines[real.HEAD_LINES :] == [
        ["labeled-data/stretch-3/img07.png", "1.5", "1.25"],
        ["labeled-data/stretch-3/img12.png", "2.5", "2.25"],
    ]
    real.copy_labels(tmp_path / "held-out", [2])
    assert (tmp_path / "held-out" / "img0002.png").read_bytes() == real.picture_of(2).read_bytes()


def test_a_video_shows_each_labelled_frame_five_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.benchmarks.rounds.campaign import read_frames

    make_data(tmp_path / "real", monkeypatch)
    real.write_video(tmp_path / "v.mp4", range(3))
    frames = read_frames(tmp_path / "v.mp4", set(range(99)))
    assert len(frames) == 3 * real.HELD_FRAMES
    levels = [float(frames[n].mean()) for n in (2, 7, 12)]
    assert levels == pytest.approx([40, 100, 160], abs=4)
    assert not np.array_equal(frames[2], frames[3]), "a camera's noise"


def test_missing_data_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(real, "MODEL", tmp_path / "none")
    monkeypatch.setattr(real, "PROJECT", tmp_path)
    (tmp_path / "config.yaml").touch()
    monkeypatch.setattr(real, "LABELS", tmp_path)
    (tmp_path / real.TABLE).touch()
    assert not real.missing(with_model=False)
    assert "none/config.yaml; DLCCTR_REAL_DATA names" in real.missing()
