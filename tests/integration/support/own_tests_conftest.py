"""conftest.py of DeepLabCut's own tests: animals with known tracks, in place of the recordings that they expect.

The source distribution holds the tests, but neither their conftest.py nor their data. This file stands beside them
where they run (any Python with DeepLabCut): it makes data of the same form under the same names, and writes what became
of each test to outcomes.json.
"""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
DATA = HERE / "data"
MICE, MOUSE_PARTS, MOUSE_FRAMES = 3, 12, 50
BIRDS, BIRD_PARTS, BIRD_FRAMES = 3, 4, 180
ABSENT = {0: range(60, 70), 1: range(100, 110)}
"""Frames in which a bird is away; so there are five pieces of three tracks."""
PIECES = {2: (2, 0, 180), 1: (1, 0, 100), 0: (0, 0, 60), 3: (0, 71, 180), 4: (1, 111, 180)}
"""Tracker's number to bird and frames, in the order in which DeepLabCut reports them; later ones lack a first frame."""
ODD_SIZES = {(frame, 0): 0.90 + frame / 500 for frame in range(7)} | {(6 + n, 1): 1.10 + n / 500 for n in range(7)}
"""Size of seven mice that are too small and seven that are too large, in thirteen frames."""

outcomes: dict[str, tuple[str, str]] = {}


def make_mice() -> Any:
    """Mice that run side by side: (frames, mice, body parts, 4) with x, y in px, likelihood, and -1 for no identity."""
    import numpy

    along = numpy.arange(MOUSE_PARTS) - (MOUSE_PARTS - 1) / 2
    body = numpy.stack([8 * along, 6 * numpy.cos(2 * along)], axis=1)
    mice = numpy.full((MOUSE_FRAMES, MICE, MOUSE_PARTS, 4), -1.0)
    for frame in range(MOUSE_FRAMES):
        for mouse in range(MICE):
            size = ODD_SIZES.get((frame, mouse), 1 + (frame + MOUSE_FRAMES * mouse) / 10_000)
            mice[frame, mouse, :, :2] = size * body + (100 + 2 * frame, 100 + 120 * mouse)
    mice[..., 2] = 0.999
    return mice


def make_birds() -> Any:
    """Birds that fly side by side, of which two are away for a while (NaN)."""
    import numpy

    body = numpy.array([[20.0, 0.0], [-20.0, 2.0], [3.0, 12.0], [-3.0, -12.0]])
    birds = numpy.full((BIRD_FRAMES, BIRDS, BIRD_PARTS, 4), -1.0)
    for bird in range(BIRDS):
        for frame in range(BIRD_FRAMES):
            birds[frame, bird, :, :2] = body + numpy.array([50 + 3 * frame, 100 + 150 * bird])
    birds[..., 2] = 0.997
    for bird, frames in ABSENT.items():
        birds[list(frames), bird] = numpy.nan
    return birds


def make_singles() -> dict[int, Any]:
    """The unique body part of the birds' project, by frame."""
    import numpy

    return {frame: numpy.array([[300.0, 20.0, 0.99]]) for frame in range(BIRD_FRAMES)}


def assemblies_of(animals: Any) -> dict[int, Any]:
    from deeplabcut.core.inferenceutils import Assembly

    found = {}
    for frame, poses in enumerate(animals):
        found[frame] = [Assembly.from_array(pose.copy()) for pose in poses if pose[0, 0] == pose[0, 0]]
    return found


def header(parts: list[str]) -> Any:
    import pandas

    return pandas.MultiIndex.from_product(
        [["scorer"], parts, ["x", "y", "likelihood"]], names=["scorer", "bodyparts", "coords"]
    )


def detections_of(animals: Any, parts: list[str], singles: dict[int, Any] | None = None) -> dict[str, Any]:
    """The same animals as DeepLabCut's ..._full.pickle holds them: findings of each part, and how well pairs fit."""
    import numpy

    n_parts = animals.shape[2]
    graph = [[i, j] for i in range(n_parts) for j in range(i + 1, n_parts)]
    meta = {"all_joints_names": parts, "PAFgraph": graph, "PAFinds": list(range(len(graph))), "nframes": len(animals)}
    found: dict[str, Any] = {"metadata": meta}
    for frame, poses in enumerate(animals):
        seen = poses[~numpy.isnan(poses[:, 0, 0])]
        unique = [] if singles is None else [singles[frame]]
        each = [*numpy.swapaxes(seen, 0, 1), *unique]
        fit = 0.9 * numpy.eye(len(seen))
        found[f"frame{frame:03d}"] = {
            "coordinates": ([part[:, :2] for part in each],),
            "confidence": [part[:, 2:3] for part in each],
            "costs": {pair: {"m1": fit.copy(), "distance": 1 - fit} for pair in range(len(graph))},
        }
    return found


def make_picture() -> Any:
    import numpy

    return numpy.random.default_rng(1).integers(0, 255, (480, 640, 3), numpy.uint8)


def make_maps() -> tuple[Any, list[Any], list[Any]]:
    """What a network sees of three mice: (score maps, offsets), places in px and likelihoods of each body part.

    Maps are (1, rows, columns, body parts), offsets have x and y besides. A place is its cell's, 8 px wide, and the
    offset there.
    """
    import numpy

    rows, columns = numpy.mgrid[:50, :60]
    scores = numpy.zeros((1, 50, 60, MOUSE_PARTS), numpy.float32)
    offsets = numpy.random.default_rng(2).uniform(-3, 3, (1, 50, 60, MOUSE_PARTS, 2)).round(3).astype(numpy.float32)
    places, likelihoods = [], []
    for part in range(MOUSE_PARTS):
        peaks = [(10, 12 + 2 * part, 0.9), (25, 14 + 2 * part, 0.7), (40, 13 + 2 * part, 0.8)]
        for row, column, score in peaks:
            scores[0, ..., part] += score * numpy.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 8)
        cells = [(row, column) for row, column, _ in peaks]
        places.append(numpy.array([8 * numpy.array(cell)[::-1] + 4 + offsets[(0, *cell, part)] for cell in cells]))
        likelihoods.append(numpy.array([[score] for *_, score in peaks]))
    return (scores, offsets), places, likelihoods


def write_data() -> None:
    """The files that tests open themselves."""
    import cv2
    import numpy
    import pandas

    DATA.mkdir(exist_ok=True)
    mice, birds = make_mice(), make_birds()
    names = [f"mus{n + 1}" for n in range(MICE)]
    parts = [f"part{n}" for n in range(MOUSE_PARTS)]
    (DATA / "trimouse_full.pickle").write_bytes(pickle.dumps(detections_of(mice, parts)))
    bird_parts = ["head", "tail", "leftwing", "rightwing", "center"]
    (DATA / "montblanc_full.pickle").write_bytes(pickle.dumps(detections_of(birds, bird_parts, make_singles())))
    levels = ["scorer", "individuals", "bodyparts", "coords"]
    labels = pandas.DataFrame(
        mice[..., :2].reshape(MOUSE_FRAMES, -1),
        columns=pandas.MultiIndex.from_product([["scorer"], names, parts, ["x", "y"]], names=levels),
        index=[f"labeled-data/trimouse/img{n:03d}.png" for n in range(MOUSE_FRAMES)],
    )
    labels.to_hdf(DATA / "trimouse_calib.h5", key="df_with_missing")
    flock = [("scorer", f"bird{n}", part, c) for n in range(BIRDS) for part in bird_parts[:-1] for c in "xyl"]
    flock += [("scorer", "single", "center", c) for c in "xyl"]
    values = numpy.c_[birds[..., :3].reshape(BIRD_FRAMES, -1), numpy.concatenate(list(make_singles().values()))]
    tracks = pandas.DataFrame(values, columns=pandas.MultiIndex.from_tuples(flock, names=levels))
    tracks.to_hdf(DATA / "montblanc_tracks.h5", key="tracks")
    picture = make_picture()
    cv2.imwrite(str(DATA / "image.png"), picture)
    picture = picture[:374, :416]
    video = cv2.VideoWriter(str(DATA / "vid.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 30, (416, 374))
    for frame in range(256):
        video.write(cv2.circle(picture // 4, (frame, 100), 9, (255, 255, 255), -1))
    video.release()


@pytest.fixture(scope="session")
def test_data_dir() -> str:
    return str(DATA)


@pytest.fixture
def sample_image() -> Any:
    return make_picture()


@pytest.fixture
def sample_keypoints() -> Any:
    return make_mice()[0, ..., :2].reshape(-1, 2)


@pytest.fixture
def model_outputs() -> tuple[Any, Any, Any]:
    import numpy

    scores, offsets = make_maps()[0]
    pairs = MOUSE_PARTS * (MOUSE_PARTS - 1) // 2
    return scores, offsets, numpy.zeros((*scores.shape[:3], pairs, 2), numpy.float32)


@pytest.fixture
def ground_truth_detections() -> list[dict[str, Any]]:
    _, places, likelihoods = make_maps()
    return [{"coordinates": [places], "confidence": likelihoods, "costs": {}}]


@pytest.fixture
def real_assemblies() -> dict[int, Any]:
    return assemblies_of(make_mice())


@pytest.fixture
def real_assemblies_montblanc() -> tuple[dict[int, Any], dict[int, Any]]:
    return assemblies_of(make_birds()), make_singles()


@pytest.fixture
def real_tracklets() -> dict[Any, Any]:
    mice = make_mice()
    found: dict[Any, Any] = {
        mouse: {f"frame{n:02d}": mice[n, mouse].copy() for n in range(MOUSE_FRAMES)} for mouse in range(MICE)
    }
    return found | {"header": header([f"part{n}" for n in range(MOUSE_PARTS)])}


@pytest.fixture
def real_tracklets_montblanc() -> dict[Any, Any]:
    birds = make_birds()
    found: dict[Any, Any] = {"single": copy.deepcopy(make_singles())}
    for number, (bird, first, stop) in PIECES.items():
        found[number] = {f"frame{n:03d}": birds[n, bird].copy() for n in range(first, stop)}
    return found | {"header": header(["head", "tail", "leftwing", "rightwing", "center"])}


def pytest_sessionstart() -> None:
    """Let DeepLabCut be as `analyze` has it."""
    from entrypoint.engines.ellipse_tracker import mend
    from entrypoint.engines.torchvision_ops import declare_missing, supply_operators

    if declare_missing():
        supply_operators()
    mend()
    write_data()


def pytest_collectreport(report: Any) -> None:
    if report.outcome != "passed":
        note(report, "error" if report.failed else report.outcome)


def pytest_runtest_logreport(report: Any) -> None:
    if report.when == "call" or report.outcome != "passed":
        note(report, "error" if report.failed and report.when != "call" else report.outcome)


def note(report: Any, outcome: str) -> None:
    # A test that failed before stays so, whatever its teardown says
    if outcomes.get(report.nodeid, ("",))[0] not in ("failed", "error"):
        outcomes[report.nodeid] = (outcome, str(report.longrepr or "")[-1500:])


def pytest_sessionfinish() -> None:
    (HERE / "outcomes.json").write_text(json.dumps(outcomes))
