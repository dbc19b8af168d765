"""Figures against ones that are reckoned by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from entrypoint.evaluation.figures import (
    Points,
    Threshold,
    animal_sizes,
    counted_labels,
    difference,
    make_figures,
    matched_labels,
    parse_threshold,
)
from entrypoint.evaluation.record import BEFORE, NOW

FRAMES = (("a", "1"), ("a", "2"), ("b", "1"))


def points(errors: list[list[float]], likelihood: float | list[list[float]] = 0.9) -> Points:
    """Two body parts in some frames; NaN is a part that is not labelled."""
    moved = np.array(errors)
    label = np.full((*moved.shape, 2), 10.0)
    label[:, 1] += 30, 40  # the animal is 50 px long
    predicted = np.zeros((*moved.shape, 3))
    predicted[..., :2] = label
    predicted[..., 1] += np.nan_to_num(moved)
    predicted[..., 2] = likelihood
    label[np.isnan(moved)] = np.nan
    frames = tuple((f"v{n // 2}", str(n)) for n in range(len(moved)))
    return Points(frames, (("", "x"), ("", "y")), label, predicted)


def one(held: Points, part: str = "", threshold: str = "5", frames: Any = (0, 1, 2), pcutoff: float = 0.6) -> Any:
    found = list(make_figures({NOW: held}, {"s": tuple(frames)}, pcutoff, parse_threshold(threshold)))
    return next(each for each in found if each.bodypart == part)


def test_a_mean_is_over_points_and_carries_their_number() -> None:
    held = points([[1, 2], [np.nan, 4], [9, np.nan]])
    every = one(held)
    assert (every.n, every.error_px, every.median_px) == (4, 4.0, 3.0), "over points, not over frames or parts"
    assert (one(held, "x").n, one(held, "x").error_px) == (2, 5.0)
    assert (one(held, "y").n_frames, one(held, "y").n) == (3, 2)
    assert (one(held, "x", frames=(1,)).n, one(held, "x", frames=(1,)).error_px) == (0, None)
    assert one(held, frames=()).pck is None


def test_a_point_at_the_cutoff_counts_as_sure() -> None:
    held = points([[1, 2], [3, 4], [np.nan, 100]], [[0.6, 0.59], [0.61, np.nan], [0.9, 0.1]])
    figure = one(held)
    assert (figure.n, figure.n_sure, figure.error_sure_px) == (5, 2, 2.0)


def test_a_point_at_the_threshold_is_right() -> None:
    held = points([[5, 5.1], [np.nan, 1], [4, 6]])
    assert (one(held).n_pck, one(held).pck) == (5, 0.6)
    assert one(held, threshold="6").pck == 1.0


def test_a_point_that_was_not_found_is_in_no_mean_and_is_not_right() -> None:
    held = points([[1, 2], [3, 4], [5, 1]])
    held.predicted[1, 0] = np.nan
    assert (one(held, "x").n, one(held, "x").error_px) == (2, 3.0)
    assert (one(held, "x").n_pck, one(held, "x").pck) == (3, pytest.approx(2 / 3))
    held.predicted[:, 0] = np.nan  # the model has no such part
    assert (one(held, "x").n_pck, one(held, "x").pck, one(held).n_pck) == (3, 0.0, 6), "found nowhere: wrong everywhere"
    lacking = replace(held, lacking=frozenset({"x"}))
    assert (one(lacking, "x").n_pck, one(lacking, "x").pck, one(lacking).n_pck) == (0, None, 3), "it has no such part"


def test_a_share_of_the_animals_size() -> None:
    held = points([[5, 5.1], [np.nan, 1], [4, np.nan]])
    # frame 2 is alone in its video, and one point has no size
    assert np.array_equal(animal_sizes(held), [50, 50, np.nan], equal_nan=True)
    figure = one(held, threshold="0.1")
    assert (figure.n, figure.n_pck, figure.pck) == (4, 3, pytest.approx(2 / 3))
    assert str(Threshold(0.1, True)) == "0.1 of the animal's size"


def test_sizes_are_of_each_video() -> None:
    label = np.array([[[0, 0], [3, 4]], [[0, 0], [6, 8]], [[0, 0], [30, 40]], [[1, 1], [1, 1]]], float)
    frames = [("near", "1"), ("near", "2"), ("far", "1"), ("far", "2")]
    assert np.array_equal(animal_sizes(Points(frames, (("", "x"), ("", "y")), label, label)), [7.5, 7.5, 50, 50]), (
        "two points on one spot are no size"
    )


@pytest.mark.parametrize(("x", "y", "counts"), [
    (0.0, 5.0, False), (5.0, 0.0, False), (64.0, 5.0, False), (5.0, 48.0, False), (63.9, 47.9, True),
    (-1.0, 5.0, False), (0.1, 0.1, True), (np.nan, np.nan, False),
])  # fmt: skip
def test_pytorch_counts_labels_inside_the_picture_only(x: float, y: float, counts: bool) -> None:
    xy = np.array([[[x, y]]])
    assert np.isfinite(counted_labels(xy, np.array([[64.0, 48.0]]), "pytorch")).all() == counts
    assert np.array_equal(counted_labels(xy, np.array([[64.0, 48.0]]), "tensorflow"), xy, equal_nan=True)


def test_a_picture_of_unknown_size_has_no_right_border() -> None:
    found = counted_labels(np.array([[[500.0, 5.0]], [[-1.0, 5.0]]]), np.full((2, 2), np.nan), "pytorch")
    assert np.isfinite(found).all(axis=(1, 2)).tolist() == [True, False]


def test_a_difference_is_over_points_that_both_have() -> None:
    now = points([[1, 2], [3, np.nan], [5, 6]])
    before = points([[2, 4], [3, 4], [5, 9]])
    before.predicted[2, 1] = np.nan  # a part that it does not have
    change = difference({NOW: now, BEFORE: before}, "s", (0, 1, 2))
    assert change and (change.n, change.n_frames, change.mean_px) == (4, 3, -0.75)
    assert difference({NOW: now, BEFORE: before}, "s", ()) is None


def test_the_interval_is_that_of_frames_not_of_points() -> None:
    generator = np.random.default_rng(3)
    by_frame = generator.normal(0, 2, 40)
    now = np.abs(np.tile(by_frame[:, None], 2)) + 20
    change = difference({NOW: points((now - by_frame[:, None]).tolist()), BEFORE: points(now.tolist())}, "s", range(40))
    assert change and change.low_px is not None and change.high_px is not None
    deviation = by_frame.std(ddof=1) / np.sqrt(40)
    assert change.mean_px == pytest.approx(-by_frame.mean())
    assert change.high_px - change.low_px == pytest.approx(2 * 1.96 * deviation, rel=0.15), "not / sqrt(80)"
    again = difference({NOW: points((now - by_frame[:, None]).tolist()), BEFORE: points(now.tolist())}, "s", range(40))
    assert again == change, "the same data give the same interval"


PAIR = (("one", "x"), ("one", "y"), ("two", "x"), ("two", "y"), ("single", "corner"))


def pair(errors: list[list[float]]) -> Points:
    """Two animals of two parts, 30 and 50 px long, and a corner; NaN is a part that was not found."""
    label = np.tile(np.array([[0, 0], [30, 0], [100, 0], [130, 40], [500, 500]], float), (len(errors), 1, 1))
    predicted = np.concatenate([label, np.full((*label.shape[:2], 1), 0.9)], axis=2)
    predicted[..., 1] += np.nan_to_num(errors)
    predicted[np.isnan(errors)] = np.nan
    return Points(tuple(("v", str(n)) for n in range(len(errors))), PAIR, label, predicted)


def test_a_part_of_several_animals_has_one_figure() -> None:
    held = pair([[1, 2, 3, 4, 10], [np.nan, np.nan, 5, 6, 20]])
    x, corner, every = (one(held, part, frames=(0, 1)) for part in ("x", "corner", ""))
    assert (x.n, x.error_px, x.n_pck) == (3, 3.0, 4), "an animal that was not found is in no mean, and wrong in PCK"
    assert (corner.n, corner.error_px) == (2, 15.0)
    assert (every.n, every.error_px) == (8, 51 / 8)
    sizes = animal_sizes(held)
    assert np.array_equal(sizes, [40.0, 40.0]), "the median over animals; a corner is no animal"


def test_an_animal_with_a_single_label_cannot_be_compared() -> None:
    label = pair([[0] * 5, [0] * 5]).label
    label[0, 1] = label[1, 4] = np.nan
    kept = matched_labels(label, PAIR)
    assert np.isfinite(kept).all(axis=2).tolist() == [[False, False, True, True, True], [True] * 4 + [False]]
    single = np.array([[[1.0, 2.0], [np.nan, np.nan]]])
    assert np.array_equal(matched_labels(single, (("", "x"), ("", "y"))), single, equal_nan=True)
