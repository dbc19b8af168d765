"""Pictures and curves of the page: what is drawn where, and what cannot be drawn."""

from __future__ import annotations

import io
import math
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import av
import numpy as np
import pytest

from entrypoint.evaluation.figures import Points
from entrypoint.evaluation.report.curves import Curve, curves_svg
from entrypoint.evaluation.report.pictures import LONGEST_PX, draw, worst_frames
from entrypoint.video.stills import colours
from tests.unit.support.fuzz import damaged
from tests.unit.support.label_folders import jpeg, png

NAN = math.nan


def decoded(data: bytes) -> Any:
    with av.open(io.BytesIO(data), format="mjpeg") as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)


def near(picture: Any, colour: tuple[int, int, int]) -> Any:
    """Places (x, y) whose colour is about this one."""
    rows, columns = np.nonzero(np.abs(picture - np.array(colour)).sum(axis=2) < 150)
    return np.column_stack([columns, rows])


def test_a_cross_at_the_label_and_a_ring_round_the_prediction() -> None:
    grey = np.full((100, 200, 3), 90, np.uint8)
    label, predicted = np.array([[50.0, 50.0]]), np.array([[150.0, 50.0, 0.9]])
    picture = decoded(draw(grey, label, predicted, colours(1)))
    assert picture.shape[:2] == (256, LONGEST_PX), "150 x 96 px round the points, larger"
    places = near(picture, colours(1)[0])
    cross = places[np.abs(places - [68, 129]).max(axis=1) <= 8]
    assert (np.abs(cross - [68, 129]) <= 2).any(axis=1).all() and np.ptp(cross, axis=0).min() >= 10
    ring = places[(np.abs(places - [335, 129]).max(axis=1) <= 9) & (np.abs(places[:, 1] - 129) > 3)]
    distances = np.hypot(*(ring - [335.2, 129.8]).T)
    assert len(ring) > 10 and distances.min() > 3 and distances.max() < 10


@pytest.mark.parametrize(
    ("label", "predicted"),
    [
        ([[NAN, NAN]], [[5.0, 5.0, 0.9]]),  # nothing is labelled
        ([[5.0, 5.0]], [[NAN, NAN, NAN]]),  # the model has no such part
        ([[-50.0, 5.0]], [[900.0, -900.0, 0.0]]),  # far outside
        ([[0.0, 0.0]], [[63.0, 47.0, 0.1]]),
    ],
)
def test_odd_points_draw_something(label: Any, predicted: Any) -> None:
    grey = np.full((48, 64, 3), 90, np.uint8)
    assert decoded(draw(grey, np.array(label), np.array(predicted), colours(len(label)))).size


@pytest.mark.parametrize("shape", [(2, 2), (1, 500), (3000, 4000)])
def test_odd_pictures_are_small(shape: tuple[int, int]) -> None:
    picture = np.full((*shape, 3), 90, np.uint8)
    far = np.array([[0.5, 0.5], [shape[1] - 1.0, shape[0] - 1.0]])
    data = draw(picture, far, np.column_stack([far, [0.9, 0.9]]), colours(2))
    assert max(decoded(data).shape[:2]) <= LONGEST_PX and len(data) < 100_000


def points(errors: list[list[float]]) -> Points:
    label = np.full((len(errors), len(errors[0]), 2), 20.0)
    label[np.isnan(errors)] = NAN
    predicted = np.full((*label.shape[:2], 3), 20.0)
    predicted[..., 0] += np.nan_to_num(errors)
    predicted[..., 2] = 0.25
    frames = tuple(("v", f"img{n}.png") for n in range(len(errors)))
    return Points(frames, (("", "snout"), ("", "tail")), label, predicted)


def folder_of(root: Path, data: bytes, n: int = 4) -> Path:
    folder = root / "labeled-data" / "v"
    folder.mkdir(parents=True)
    for number in range(n):
        (folder / f"img{number}.png").write_bytes(data)
    return root


def test_the_worst_come_first_and_frames_without_labels_never(tmp_path: Path) -> None:
    held = points([[1, 2], [NAN, NAN], [9, NAN], [3, 8]])
    found = list(worst_frames(folder_of(tmp_path, png()), held, ["train", "test", "test", "train"], 10))
    assert [(each.frame[1], each.bodypart, each.error_px, each.split) for each in found] == [
        ("img2.png", "snout", 9.0, "test"),
        ("img3.png", "tail", 8.0, "train"),
        ("img0.png", "tail", 2.0, "train"),
    ]
    assert found[1].errors == (("tail", 8.0), ("snout", 3.0)) and found[0].errors == (("snout", 9.0),)
    assert found[0].likelihood == 0.25 and all(each.jpeg for each in found)
    assert len(list(worst_frames(tmp_path, held, [""] * 4, 2))) == 2
    assert not list(worst_frames(tmp_path, held, [""] * 4, 0))


def test_pictures_that_cannot_be_drawn_are_named_without(tmp_path: Path) -> None:
    held, whole = points([[1, 2]] * 4), png()
    project = folder_of(tmp_path, whole)
    for data in (*damaged(whole, most=20), jpeg(), png((9000, 9000))[:60], b""):
        (project / "labeled-data" / "v" / "img0.png").write_bytes(data)
        assert [each.frame[1] for each in worst_frames(project, held, [""] * 4, 1)] == ["img0.png"]


def test_curves_are_shares_of_points() -> None:
    svg = curves_svg([Curve("test", np.arange(1, 5.0)), Curve("train", np.array([])), Curve("old", np.array([2.0]))])
    ElementTree.fromstring(svg)
    assert re.findall(r"(\w+) \((\d+)\)</text>", svg) == [("test", "4"), ("old", "1")]
    line = re.findall(r'points="([^"]*)"', svg)[0].split()
    y = [float(each.split(",")[1]) for each in line]
    assert y == sorted(y, reverse=True) and y[0] > y[-1]


@pytest.mark.parametrize("errors", [[], [0.0], [0.0, 1e9]])
def test_curves_of_odd_errors(errors: list[float]) -> None:
    svg = curves_svg([Curve("test", np.array(errors))])
    assert bool(svg) == bool(errors) and "nan" not in svg
