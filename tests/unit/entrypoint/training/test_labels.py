from __future__ import annotations

from pathlib import Path

import pytest

from dlcctr.errors import ModelError
from entrypoint.training.child.labels import prepare_labels
from tests.unit.support.label_folders import make_folder, make_project

ROWS = {f"img{n}.png": (1, 2, 3, 4, 5, 6) for n in range(20)}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = make_project(tmp_path / "p")
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("bodyparts:", "  /videos/v.mp4:\n    crop: 0, 64, 0, 48\nbodyparts:"))
    return folder


def test_tables_are_made_from_csv_where_they_are_missing(project: Path) -> None:
    folder = make_folder(project / "labeled-data/v", ROWS)
    found = prepare_labels(project / "config.yaml", 0.95)
    assert found.frames == len(ROWS) and found.made == (folder / "CollectedData_lab.h5",)
    assert prepare_labels(project / "config.yaml", 0.95).made == ()  # and are left as they are


def test_no_labels(project: Path) -> None:
    with pytest.raises(ModelError, match="no labels of 'lab'"):
        prepare_labels(project / "config.yaml", 0.95)


def test_a_folder_that_deeplabcut_would_not_find_is_named(project: Path) -> None:
    make_folder(project / "labeled-data/other", ROWS)
    with pytest.raises(ModelError, match=r"not in video_sets of config\.yaml: other") as caught:
        prepare_labels(project / "config.yaml", 0.95)
    assert "dlcctr labels add PROJECT PROJECT/labeled-data" in caught.value.hint


def test_folders_that_are_left_out_are_told(project: Path) -> None:
    make_folder(project / "labeled-data/v", ROWS)
    make_folder(project / "labeled-data/other", ROWS)
    make_folder(project / "labeled-data/.ipynb_checkpoints", ROWS)
    assert prepare_labels(project / "config.yaml", 0.95).unlisted == ("other",)


@pytest.mark.parametrize(("number", "fraction"), [(1, 0.95), (20, 1.0), (20, 0.0)])
def test_a_set_needs_frames_that_train_and_that_test(project: Path, number: int, fraction: float) -> None:
    make_folder(project / "labeled-data/v", dict(list(ROWS.items())[:number]))
    with pytest.raises(ModelError, match="both need one at least"):
        prepare_labels(project / "config.yaml", fraction)


def test_two_frames_are_enough(project: Path) -> None:
    make_folder(project / "labeled-data/v", dict(list(ROWS.items())[:2]))
    assert prepare_labels(project / "config.yaml", 0.95).frames == 2


def test_pictures_that_are_missing_or_broken_are_counted_and_named(project: Path) -> None:
    folder = make_folder(project / "labeled-data/v", ROWS)
    (folder / "img3.png").unlink()
    (folder / "img4.png").write_bytes(b"\x89PNG")
    with pytest.raises(ModelError, match=r"2 of 20 labelled pictures(.|\n)*img3\.png: not there(.|\n)*img4\.png"):
        prepare_labels(project / "config.yaml", 0.95)


@pytest.mark.parametrize("name", ["CollectedData_lab.csv", "CollectedData_lab.h5"])
def test_a_table_that_is_none_is_named(project: Path, name: str) -> None:
    folder = make_folder(project / "labeled-data/v", ROWS)
    (folder / name).write_bytes(b"\x00no table")
    with pytest.raises(ModelError, match=name):
        prepare_labels(project / "config.yaml", 0.95)
