from __future__ import annotations

import cmath
import json
import random
from pathlib import Path

import pytest

from dlcctr.errors import ModelError
from dlcctr.model.bundles.bundle import LISTING, read_listing
from dlcctr.model.bundles.pack import pack_model
from dlcctr.model.bundles.verify import verify_bundle
from dlcctr.model.files import open_tree
from dlcctr.model.inspection import inspect_model
from dlcctr.model.prior.labels import read_labels
from dlcctr.model.prior.make import find_prior, make_prior, prior_of_model, prior_text
from dlcctr.model.prior.record import PRIOR_FILENAME, PosePrior, parse_prior
from dlcctr.model.prior.shape import Pose, body_length, find_shape, side_pairs
from tests.gpu.clips import CLIP
from tests.unit.support.projects import PARTS, pytorch_project, tensorflow_project

MOUSE = (0 + 0j, -20 - 10j, -20 + 10j, -100 + 0j)
NAMES = ("snout", "leftear", "rightear", "tailbase")


def poses(n: int, seed: int = 1) -> list[Pose]:
    """A stiff mouse anywhere, looking anywhere, a pixel off."""
    rng = random.Random(seed)

    def jitter() -> complex:
        return complex(rng.gauss(0, 1), rng.gauss(0, 1))

    return [
        tuple(point * cmath.exp(1j * angle) + place + jitter() for point in MOUSE)
        for angle, place in (
            (rng.uniform(0, 7), complex(rng.uniform(200, 800), rng.uniform(200, 600))) for _ in range(n)
        )
    ]


def write_labels(project: Path, found: list[Pose], names: tuple[str, ...] = NAMES, folder: str = "v1") -> Path:
    """A CSV as DeepLabCut writes it."""
    lines = [
        ["scorer", *["lab"] * 2 * len(names)],
        ["bodyparts", *[name for name in names for _ in "xy"]],
        ["coords", *["x", "y"] * len(names)],
    ]
    for n, pose in enumerate(found):
        cells = [c for p in pose for c in (("", "") if p is None else (str(p.real), str(p.imag)))]
        lines.append([f"labeled-data/{folder}/img{n}.png", *cells])
    file = project / "labeled-data" / folder / "CollectedData_lab.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(",".join(line) for line in lines) + "\n")
    return file


def test_what_poses_look_like(tmp_path: Path) -> None:
    write_labels(tmp_path, [*poses(60), (None, *(point + 300 + 300j for point in MOUSE[1:]))])
    prior = make_prior(tmp_path, NAMES, "lab")
    assert prior is not None
    assert prior.source == "labels" and prior.poses == 61
    assert prior.body_length_px == pytest.approx(100, abs=2)
    assert prior.labelled_share == (pytest.approx(60 / 61, abs=1e-4), 1, 1, 1)
    ears = next(pair for pair in prior.distances if (pair.first, pair.second) == (1, 2))
    assert ears.quantiles[2] == pytest.approx(0.2, abs=0.01)
    assert [(side.left, side.right) for side in prior.sides] == [(1, 2)]
    assert prior.sides_agree == 1.0
    assert max(map(abs, prior.covariance)) < 0.001  # turned and moved onto each other, a stiff mouse hardly varies
    assert prior.scale[2] == pytest.approx(1, abs=0.02)
    assert parse_prior(prior_text(prior), tmp_path) == prior
    assert len(prior_text(prior)) < 4000


def test_an_animal_that_is_seen_from_both_sides_has_no_sides() -> None:
    mirrored = [
        pose if n % 2 else tuple(p.conjugate() for p in pose if p is not None) for n, pose in enumerate(poses(60))
    ]
    shape = find_shape(mirrored, 100.0, side_pairs(NAMES))
    assert shape.sides_agree < 0.9


@pytest.mark.parametrize("place", [3 + 3j, 0.5 + 0j])
def test_poses_in_one_place_are_no_shape(place: complex) -> None:
    """An animal that nobody can see, all of its parts in a corner: also where it is the first of all."""
    corner: Pose = (place,) * 4
    sound, sides = poses(60), side_pairs(NAMES)
    assert find_shape([corner, *sound, corner], 100.0, sides) == find_shape(sound, 100.0, sides)
    nearly: Pose = (place, place + 0.001, place, place)
    assert find_shape([nearly, *sound], 100.0, sides) == find_shape(sound, 100.0, sides)
    assert find_shape([corner] * 60, 100.0, sides) == find_shape([], 100.0, sides)


def test_points_that_deeplabcut_leaves_out_are_no_labels(tmp_path: Path) -> None:
    """The zeros that stand for parts that nobody can see would be an animal's pose."""
    given: list[Pose] = [(5 + 5j, 0j, 10 + 4j, 3 + 0j), (0j, 0j, 0j, 0j), (-1 + 5j, 1 + 1j, 7 + 7j, 8 + 8j)]
    write_labels(tmp_path, given)
    assert [each.points for each in read_labels(tmp_path, NAMES).poses] == [
        (5 + 5j, None, 10 + 4j, None), (None, 1 + 1j, 7 + 7j, 8 + 8j),
    ]  # fmt: skip


def test_names_of_sides() -> None:
    names = ("nose", "Left_ear", "Right_ear", "paw.L", "paw.R", "hipleft", "hipright", "tail", "left_only", "lr")
    assert [(pair.left, pair.right) for pair in side_pairs(names)] == [(1, 2), (3, 4), (5, 6)]


def test_several_animals_and_three_columns_of_names(tmp_path: Path) -> None:
    lines = [
        "scorer,,,lab,lab,lab,lab,lab,lab,lab,lab,lab,lab",
        "individuals,,,a,a,a,a,b,b,b,b,single,single",
        "bodyparts,,,snout,snout,tail,tail,snout,snout,tail,tail,corner,corner",
        "coords,,,x,y,x,y,x,y,x,y,x,y",
        "labeled-data,v,img0.png,1,1,31,41,,,,,5,5",
        "labeled-data,v,img1.png,1,1,31,41,10,10,40,50,5,5",
        "labeled-data,v,img2.png,0,0,30",
    ]
    file = tmp_path / "labeled-data" / "v" / "CollectedData_lab.csv"
    file.parent.mkdir(parents=True)
    file.write_text("\n".join(lines))
    labels = read_labels(tmp_path, ("snout", "tail"))
    assert [pose.points for pose in labels.poses] == [(1 + 1j, 31 + 41j), (1 + 1j, 31 + 41j), (10 + 10j, 40 + 50j)]
    assert labels.poses[0].picture == tmp_path / "labeled-data" / "v" / "img0.png"
    assert body_length([pose.points for pose in labels.poses]) == 50


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff\xfe\x00", b"a,b\n1,2\n", b"scorer,a\nbodyparts,snout\ncoords,x\nimg,1e400\n", b"x" * 200_000,
     b"bodyparts,snout,snout\ncoords,x\n", b'"' * 9 + b"\n",
     b"bodyparts,snout,snout\ncoords,x,y\nscorer,l,l\ni,nan,inf\n"],
)  # fmt: skip
def test_broken_labels_are_skipped_with_a_note(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "labeled-data" / "bad\n[red]" / "CollectedData_lab.csv"
    file.parent.mkdir(parents=True)
    file.write_bytes(data)
    assert make_prior(tmp_path, NAMES) is None
    write_labels(tmp_path, poses(20))
    prior = make_prior(tmp_path, NAMES)
    assert prior is not None and prior.poses == 20
    assert "1 file of labels skipped: " in prior.notes[0] and "\n" not in prior.notes[0]
    assert "bad" not in prior_text(prior)  # a bundle tells nothing of a project's folders
    assert [file.parent.name for file, _ in read_labels(tmp_path, NAMES).skipped] == ["bad\n[red]"]


def test_labels_of_the_projects_scorer_are_taken(tmp_path: Path) -> None:
    file = write_labels(tmp_path, poses(20))
    file.with_name("CollectedData_anna.csv").write_text("nonsense")
    assert len(read_labels(tmp_path, NAMES, "lab").poses) == 20
    assert not read_labels(tmp_path, NAMES, "").poses  # the first by name


@pytest.mark.parametrize("make", [pytorch_project, tensorflow_project])
def test_a_bundle_with_a_prior_is_the_same_model(tmp_path: Path, make: object) -> None:
    project = make(tmp_path / "p")  # type: ignore[operator]
    without = pack_model(project, tmp_path / "without")
    assert without.find(PRIOR_FILENAME) is None and find_prior(open_tree(tmp_path / "without")) is None
    write_labels(project, [(5 + 5j, 15 + 5j)] * 20, tuple(PARTS))
    listing = pack_model(project, tmp_path / "with")
    assert listing.model == without.model
    assert inspect_model(tmp_path / "with").hash == inspect_model(project).hash
    assert listing.find(PRIOR_FILENAME) is not None
    prior = find_prior(open_tree(tmp_path / "with"))
    assert prior is not None and prior.poses == 20
    assert prior_of_model(open_tree(project), PARTS) == prior
    assert not verify_bundle(tmp_path / "with").problems


def test_a_bundle_packed_again_keeps_its_prior(tmp_path: Path) -> None:
    project = pytorch_project(tmp_path / "p")
    write_labels(project, [(5 + 5j, 15 + 5j)] * 20, tuple(PARTS))
    pack_model(project, tmp_path / "folder", as_folder=True)
    pack_model(tmp_path / "folder", tmp_path / "again")
    assert find_prior(open_tree(tmp_path / "again")) == find_prior(open_tree(tmp_path / "folder"))


def test_a_changed_prior_is_seen_and_never_used(tmp_path: Path) -> None:
    project = pytorch_project(tmp_path / "p")
    write_labels(project, [(5 + 5j, 15 + 5j)] * 20, tuple(PARTS))
    pack_model(project, tmp_path / "m", as_folder=True)
    file = tmp_path / "m" / PRIOR_FILENAME
    file.write_text(file.read_text().replace('"poses":20', '"poses":21'))
    assert read_listing(tmp_path / "m" / LISTING)
    assert verify_bundle(tmp_path / "m").problems
    assert prior_of_model(open_tree(tmp_path / "m"), PARTS) is None


@pytest.mark.parametrize(
    ("key", "value"),
    [("mean", [1.0]), ("covariance", [1.0]), ("body_length_px", -1),
     ("distances", [{"first": 1, "second": 0, "quantiles": []}]),
     ("bodyparts", ["a"] * 61), ("sides", [{"left": 0, "right": 99}]), ("scale", [1]), ("poses", None)],
)  # fmt: skip
def test_a_prior_that_cannot_be_is_refused(tmp_path: Path, key: str, value: object) -> None:
    table = json.loads(prior_text(PosePrior("labels", ("a", "b"), 3)))
    del table["checksum"]
    table[key] = value
    with pytest.raises(ModelError):
        parse_prior(json.dumps(table), tmp_path)


@pytest.mark.skipif(not CLIP.is_file(), reason="the project ships no foreign labels")
def test_the_open_field_labels() -> None:
    prior = make_prior(CLIP.parents[1], NAMES, "Pranav")
    assert prior is not None
    assert prior.poses == 116 and prior.sides_agree > 0.95 and not prior.notes
    assert prior.body_length_px == pytest.approx(117, abs=2)
    assert (prior.width_px, prior.height_px, prior.appearance.pictures) == (640, 480, 40)
