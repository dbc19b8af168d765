"""Frames that were picked on the cluster come folder by folder; what is here stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dlcctr.cli import make_app
from dlcctr.errors import OutputError, UsageError
from dlcctr.outliers.written import COLUMNS
from dlcctr.transfer.fetch_outliers import OutliersFetched, fetch_outliers
from tests.unit.support.two_sides import TwoSides


@pytest.fixture
def sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TwoSides:
    return TwoSides(tmp_path, monkeypatch)


def pick(folder: Path, frames: dict[str, list[str]], base: str = "outliers") -> None:
    """Write what `outliers` writes into a folder."""
    lines = [",".join(COLUMNS)]
    for name, pictures in frames.items():
        (folder / "labeled-data" / name).mkdir(parents=True, exist_ok=True)
        (folder / "labeled-data" / name / "machinelabels-iter0.h5").write_bytes(b"points")
        for picture in pictures:
            (folder / "labeled-data" / name / picture).write_bytes(picture.encode())
            lines.append(f"{name},{picture},0,a.mp4,3,0.1,0.9,jump")
    (folder / f"{base}.csv").write_text("\n".join(lines) + "\n")
    (folder / f"{base}.html").write_text(f"page of {base}")
    (folder / f"{base}.txt").write_text(f"what to do with {base}")


def fetch(sides: TwoSides, name: str = "to-label") -> OutliersFetched:
    return fetch_outliers(sides.here.manifest, sides.far.remote, ("ssh",), name)


FRAMES = {"mouse 1": ["img003.png", "img017.png"], "b": ["img1.png"]}


def test_folders_with_their_pictures_labels_and_page_come_once(sides: TwoSides) -> None:
    there, here = sides.far.root / "to-label", sides.here.manifest.parent / "to-label"
    pick(there, FRAMES)
    (there / "labeled-data" / "own").mkdir()  # of a project: not picked, so not fetched
    done = fetch(sides)
    assert (done.taken, done.here, done.pictures, done.pages) == (list(FRAMES), [], 3, [here / "outliers.html"])
    files = {file.relative_to(here).as_posix() for file in here.rglob("*") if file.is_file()}
    pictures = {f"labeled-data/{name}/{each}" for name, some in FRAMES.items() for each in some}
    labels = {f"labeled-data/{name}/machinelabels-iter0.h5" for name in FRAMES}
    assert files == pictures | labels | {"outliers.csv", "outliers.html", "outliers.txt"}
    again = fetch(sides)
    assert (again.taken, again.here, again.pictures) == ([], list(FRAMES), 0)


def test_labels_that_were_made_here_stay_and_a_second_round_comes(sides: TwoSides) -> None:
    there, here = sides.far.root / "to-label", sides.here.manifest.parent / "to-label"
    pick(there, FRAMES)
    fetch(sides)
    labels = here / "labeled-data/b/CollectedData_me.csv"
    labels.write_text("labels")
    (here / "labeled-data/b/img1.png").unlink()
    pick(there, {"c": ["img9.png"]}, "outliers-2")
    done = fetch(sides)
    assert (done.taken, done.here) == (["c"], list(FRAMES))
    assert labels.read_text() == "labels" and not (here / "labeled-data/b/img1.png").exists()
    assert [page.name for page in done.pages] == ["outliers-2.html", "outliers.html"]


def test_a_page_of_other_frames_stays(sides: TwoSides) -> None:
    pick(sides.far.root / "to-label", FRAMES)
    own = sides.here.manifest.parent / "to-label" / "outliers.html"
    own.parent.mkdir()
    own.write_text("another round")
    done = fetch(sides)
    assert own.read_text() == "another round" and done.pages == []
    assert any("stays as it is" in note for note in done.notes)


def test_a_folder_whose_pictures_do_not_come_is_not_put_in_place(sides: TwoSides) -> None:
    there, here = sides.far.root / "to-label", sides.here.manifest.parent / "to-label"
    pick(there, FRAMES)
    (there / "labeled-data/b/img1.png").unlink()
    with pytest.raises(OutputError, match=r"b: img1\.png is not there"):
        fetch(sides)
    assert sorted(path.name for path in (here / "labeled-data").iterdir()) == ["mouse 1"]
    (there / "labeled-data/b/img1.png").write_bytes(b"")
    assert fetch(sides).taken == ["b"]  # the same command goes on


@pytest.mark.parametrize("name", ["none", "results", "/", "..", "."])
def test_a_folder_without_picked_frames_is_named(sides: TwoSides, name: str) -> None:
    (sides.far.root / "results").mkdir(exist_ok=True)
    with pytest.raises(UsageError, match=r"folder|written nothing"):
        fetch(sides, name)


@pytest.mark.parametrize("line", ["../x,img1.png,0,a,1,,1,j", "b,../img1.png,0,a,1,,1,j", ",img.png,0,a,1,,1,j"])
def test_names_that_lead_elsewhere_are_refused(sides: TwoSides, line: str) -> None:
    pick(sides.far.root / "to-label", FRAMES)
    file = sides.far.root / "to-label/outliers.csv"
    file.write_text(file.read_text() + line + "\n")
    with pytest.raises(OutputError, match=r"outliers\.csv: not a list of picked frames"):
        fetch(sides)
    assert not (sides.here.manifest.parent / "to-label" / "labeled-data").exists()


def test_what_is_printed(sides: TwoSides) -> None:
    pick(sides.far.root / "to-label", FRAMES)
    words = ["fetch", str(sides.here.manifest), f"cluster:{sides.far.root}", "--outliers", "to-label"]
    done = CliRunner().invoke(make_app(), words)
    assert done.exit_code == 0 and "fetched 3 frames of 2 videos to " in done.output
    assert "outliers.txt says what to do next" in done.output
    table = json.loads(CliRunner().invoke(make_app(), [*words, "--json"]).stdout)
    assert (table["here"], table["pictures"]) == (list(FRAMES), 0)
    refused = CliRunner().invoke(make_app(), [*words, "--rows", "0"])
    assert isinstance(refused.exception, UsageError)
