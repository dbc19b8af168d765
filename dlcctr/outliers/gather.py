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
    commonness,
    good_windows,
    rating_weight,
    row_badness,
)
from dlcctr.outliers.choose import choose_frames
from dlcctr.outliers.pictures import Looks, scene_at
from dlcctr.outliers.points import different_parts, read_points
from dlcctr.outliers.poses import as_poses, as_scenes, as_shapes, labelled_points
from dlcctr.outliers.project import Project
from dlcctr.outliers.results import JudgedResult
from dlcctr.outliers.scores import Scored, find_frames, known
from dlcctr.outliers.seen import NO_VIDEO, Seen
from dlcctr.quality.cameras import camera_of
from dlcctr.results.receipt import require_unchanged
from dlcctr.system.terminal.console import plural

GOOD_SHARE = 0.1
LEAST_ROWS = 60
"""Rows whose tables are read even where few frames are wanted."""
MOST_LABELLED = 1000
"""Labelled poses that candidates are compared with, spread over all."""
SHOWN_ROWS = 5
ASSUMED_RATE = 25.0
"""Frames per second of a video whose times are not known, to tell which frames are far apart."""


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
    refused : DlcctrError or None
        Why no row at all could be used.
    """

    frames: list[Candidate]
    results: dict[int, JudgedResult]
    notes: list[str] = field(default_factory=list)
    refused: DlcctrError | None = None


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
    found = _Found(project, frozenset(before))
    n_good = round(GOOD_SHARE * n_frames)
    for each in _worst(results, max(LEAST_ROWS, 2 * n_frames)):
        found.look_at(each, bad_windows(each.quality, each.rating))
    for each in _best(results, max(4 * n_good, 4), seed) if n_good else ():
        found.look_at(each, _good(each, seed))
    seen, labelled = found.seen()
    frames = choose_frames(
        found.candidates, seen, labelled, n_frames,
        n_good=min(n_good, sum(each.is_good for each in found.candidates)), apart_s=apart_s, seed=seed,
    )  # fmt: skip
    notes = [*found.notes, *found.unseen()]
    return Chosen(frames, {each.row.index: each for each in results}, notes, found.refused)


class _Found:
    """Candidates of rows, with what is seen in them."""

    def __init__(self, project: Project, gone: Collection[tuple[str, int]]) -> None:
        self._project, self._gone = project, gone
        self._points: list[Any] = []
        self._lengths: list[float] = []
        self._scenes: list[Sequence[float]] = []
        self._unseen: dict[int, int] = {}
        self._errors: dict[int, DlcctrError] = {}
        self._used = 0
        self.candidates: list[Candidate] = []
        self.notes: list[str] = []

    @property
    def refused(self) -> DlcctrError | None:
        """Why the first row could not be used, where none could."""
        return next(iter(self._errors.values()), None) if not self._used else None

    def look_at(self, result: JudgedResult, windows: Sequence[Window]) -> None:
        """Add the candidates of a row; a note says why there are none of a row that cannot be read."""
        project, row = self._project, result.row.index
        if windows and project.pictures.is_flat(result.quality):
            self._unseen[row] = len(windows)
            return
        try:
            scored, dark = find_frames(result.folder, windows, project.pictures.least_level) if windows else ([], [])
            found = [
                each
                for each in _candidates(result, scored)
                if (each.video, each.frame) not in self._gone and not project.has_labels_of(each.video, each.frame)
            ]
            require_unchanged(result.receipt, result.folder, [result.table.name] if found else [])
            places = read_points(result.table, [each.frame for each in found], project)[..., :2]
            self._compare(result, found)
        except DlcctrError as error:
            if row not in self._errors:
                self.notes.append(f"row {row} is left out: {error.message}")
            self._errors.setdefault(row, error)
            return
        self._used += 1
        self.candidates += found
        self._points += list(places)
        self._lengths += [result.quality.summary.get("body_length_px") or 0.0] * len(found)
        self._scenes += [scene_at(result.quality, each.frame) for each in found]
        if bad := [each for each in dark if not each.is_good]:
            self._unseen[row] = len(bad)

    def _compare(self, result: JudgedResult, found: Sequence[Candidate]) -> None:
        """Note body parts that model and project do not have in common; once, since rows are of one model."""
        if not found or self.candidates:
            return
        ours, theirs = different_parts(result.table, self._project)
        if ours:
            self.notes.append(f"the model does not have {', '.join(ours[:SHOWN_ROWS])}: empty in the machine labels")
        if theirs:
            self.notes.append(f"the project does not have {', '.join(theirs[:SHOWN_ROWS])}: not in the machine labels")

    def unseen(self) -> list[str]:
        """A note about places that nobody could label."""
        if not self._unseen:
            return []
        rows = list(self._unseen)
        named = ", ".join(map(str, rows[:SHOWN_ROWS])) + (" …" if len(rows) > SHOWN_ROWS else "")
        return [
            f"{plural(sum(self._unseen.values()), 'place')} of {plural(len(rows), 'row')} left out ({named}): nearly "
            "black or without contrast beside the labelled pictures, so that nobody could label them"
        ]

    def seen(self) -> tuple[Seen, Seen]:
        """Poses and pictures of the candidates, and of what is labelled already."""
        import numpy

        project = self._project
        points = numpy.array(self._points, float).reshape(len(self.candidates), len(project.points), 2)
        animals = project.animals(points)
        usual = body_length(list(as_poses(animals.reshape(-1, *animals.shape[2:])))) or 1.0
        own = numpy.array(self._lengths, float)
        looks = Looks.of(self._scenes, [each.level for each in self.candidates])
        step = max(1, -(-len(project.labelled) // MOST_LABELLED))
        poses, known = (
            project.labelled[::step],
            project.pictures.looks[::step] or [None] * len(project.labelled[::step]),
        )
        scenes = as_scenes(labelled_points(poses, len(project.individuals), len(project.bodyparts)))
        shapes = as_shapes(scenes, body_length([each for frame in poses for each in frame]) or usual)
        labelled = Looks.of(
            [look.scene if look else () for look in known], [look.brightness if look else None for look in known]
        )
        n_known = len(poses)
        names = {name: n for n, name in enumerate(dict.fromkeys(each.video for each in self.candidates))}
        times = [each.frame / ASSUMED_RATE if each.time_s is None else each.time_s for each in self.candidates]
        return (
            Seen(
                as_shapes(as_scenes(animals), numpy.where(own > 0, own, usual)),
                looks,
                numpy.array([1 - each.score for each in self.candidates], float),
                numpy.array([names[each.video] for each in self.candidates], int),
                numpy.array(times, float),
            ),
            Seen(shapes, labelled, numpy.ones(n_known), numpy.full(n_known, NO_VIDEO), numpy.zeros(n_known)),
        )


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


def _candidates(result: JudgedResult, scored: Sequence[Scored]) -> Iterator[Candidate]:
    missing = result.receipt.frames.missing if result.receipt.frames else ()
    factor = commonness(result.quality, result.rating) * rating_weight(result.rating)
    for found in scored:
        is_good = found.window.is_good
        if any(first <= found.frame < stop for first, stop in missing) or (is_good and found.score > GOOD_SCORE):
            continue
        weight = 1.0 if is_good else (0.05 + found.score) * factor
        yield Candidate(
            result.row.index, found.frame, known(found.time_s), found.score, weight, found.window.why,
            camera_of(result.row), result.row.video, is_good=is_good, level=known(found.level),
        )  # fmt: skip
