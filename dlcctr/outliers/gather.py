"""From a campaign to the frames that teach most. Reads quality files and few rows of tables; no video. Needs pandas."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from dlcctr.errors import DlcctrError
from dlcctr.model.prior.shape import body_length
from dlcctr.outliers.candidates import (
    GOOD_SCORE,
    Candidate,
    Window,
    bad_windows,
    good_windows,
    rating_weight,
    row_badness,
)
from dlcctr.outliers.choose import choose_frames
from dlcctr.outliers.points import read_points
from dlcctr.outliers.poses import as_poses, as_scenes, as_shapes, labelled_points
from dlcctr.outliers.project import Project
from dlcctr.outliers.results import JudgedResult
from dlcctr.outliers.scores import find_frames, known
from dlcctr.quality.cameras import camera_of

GOOD_SHARE = 0.1
LEAST_ROWS = 60
"""Rows whose tables are read even where few frames are wanted."""
MOST_LABELLED = 1000
"""Labelled poses that candidates are compared with, spread over all."""


@dataclass
class Chosen:
    """Frames that were chosen.

    Parameters
    ----------
    frames : list of Candidate
        In the order of choice, good ones last.
    results : dict
        Index of each row to its result.
    notes : list of str
        What could not be used.
    """

    frames: list[Candidate]
    results: dict[int, JudgedResult]
    notes: list[str] = field(default_factory=list)


def choose_outliers(
    results: Sequence[JudgedResult],
    project: Project,
    n_frames: int,
    *,
    seed: int = 0,
    apart_s: float = 1.0,
    before: Collection[tuple[str, int]] = (),
) -> Chosen:
    """Choose frames of a campaign.

    Parameters
    ----------
    results : sequence of JudgedResult
        Rows to choose from.
    seed : int
        Of what is drawn at random: places of good frames.
    apart_s : float
        Least time between two frames of one video.
    before : collection of (str, int)
        Video and frame of those that were taken before.
    """
    import numpy

    chosen = Chosen([], {each.row.index: each for each in results})
    gone = set(before)
    candidates: list[Candidate] = []
    points: list[Any] = []
    n_good = round(GOOD_SHARE * n_frames)
    most = max(LEAST_ROWS, 2 * n_frames)
    work = [(each, bad_windows(each.quality, each.rating)) for each in _worst(results, most)]
    work += [(each, _good(each, seed)) for each in _best(results, max(4 * n_good, 4), seed)] if n_good else []
    for result, windows in work:
        try:
            found = [
                each
                for each in _candidates(result, windows)
                if (each.video, each.frame) not in gone and not project.has_labels_of(each.video, each.frame)
            ]
            places = read_points(result.table, [each.frame for each in found], project)[..., :2]
        except DlcctrError as error:
            chosen.notes.append(f"row {result.row.index} is left out: {error.message}")
            continue
        candidates += found
        points += list(places)
    animals = project.animals(numpy.array(points, float).reshape(len(candidates), len(project.points), 2))
    own = [chosen.results[each.row].quality.summary.get("body_length_px") or 0.0 for each in candidates]
    usual = body_length(list(as_poses(animals.reshape(-1, *animals.shape[2:])))) or 1.0
    shapes = as_shapes(as_scenes(animals), numpy.where(numpy.array(own) > 0, own, usual))
    step = max(1, -(-len(project.labelled) // MOST_LABELLED))
    labelled = project.labelled[::step]
    scenes = as_scenes(labelled_points(labelled, len(project.individuals), len(project.bodyparts)))
    known_shapes = as_shapes(scenes, body_length([pose for poses in labelled for pose in poses]) or usual)
    chosen.frames = choose_frames(
        candidates, shapes, known_shapes, n_frames, n_good=min(n_good, sum(c.is_good for c in candidates)),
        apart_s=apart_s,
    )  # fmt: skip
    return chosen


def _worst(results: Sequence[JudgedResult], most: int) -> list[JudgedResult]:
    """The worst rows, of each camera in turn."""
    by_camera: dict[str, list[JudgedResult]] = {}
    for each in sorted(results, key=lambda each: (-row_badness(each.quality, each.rating), each.row.index)):
        if row_badness(each.quality, each.rating) > 0:
            by_camera.setdefault(camera_of(each.row), []).append(each)
    longest = max(map(len, by_camera.values()), default=0)
    turns = (each[n] for n in range(longest) for each in by_camera.values() if n < len(each))
    return [each for each, _ in zip(turns, range(most), strict=False)]


def _best(results: Sequence[JudgedResult], most: int, seed: int) -> list[JudgedResult]:
    """Rows that are rated good, then those without flags, then others; never one that is rated bad."""
    chance = random.Random(f"{seed} rows")
    ranked = [
        (each.rating != "good", bool(each.quality.flags), chance.random(), each.row.index, each)
        for each in results
        if each.rating != "bad"
    ]
    return [each for *_, each in sorted(ranked, key=lambda key: key[:4])[:most]]


def _good(result: JudgedResult, seed: int) -> list[Window]:
    return good_windows(result.quality, random.Random(f"{seed} {result.row.index}"))


def _candidates(result: JudgedResult, windows: Sequence[Window]) -> Iterator[Candidate]:
    missing = result.receipt.frames.missing if result.receipt.frames else ()
    for found in find_frames(result.folder, windows) if windows else ():
        is_good = found.window.is_good
        if any(first <= found.frame < stop for first, stop in missing) or (is_good and found.score > GOOD_SCORE):
            continue
        weight = 1.0 if is_good else (0.05 + found.score) * rating_weight(result.rating)
        yield Candidate(
            result.row.index, found.frame, known(found.time_s), found.score, weight, found.window.why,
            camera_of(result.row), result.row.video, is_good=is_good,
        )  # fmt: skip
