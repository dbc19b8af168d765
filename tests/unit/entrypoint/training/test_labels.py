from __future__ import annotations

from pathlib import Path

import pandas
import pytest

from dlcctr.errors import ModelError
from dlcctr.labels.h5 import h5_bytes
from entrypoint.training.child.labels import prepare_labels
from tests.unit.support.label_folders import make_folder, make_project, table

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
    assert len(found.pictures) == len(ROWS) and found.made == (folder / "CollectedData_lab.h5",)
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


def test_folders_that_only_others_have_labelled_are_told(project: Path) -> None:
    make_folder(project / "labeled-data/v", ROWS)
    make_folder(project / "labeled-data/old", ROWS, scorer="otto")
    make_folder(project / "labeled-data/v", ROWS, scorer="otto")
    (project / "labeled-data/w").mkdir()
    (project / "labeled-data/w/machinelabels.csv").write_text("x")
    assert prepare_labels(project / "config.yaml", 0.95).others == ("old",)


@pytest.mark.parametrize(("number", "fraction"), [(1, 0.95), (20, 1.0), (20, 0.0)])
def test_a_set_needs_frames_that_train_and_that_test(project: Path, number: int, fraction: float) -> None:
    make_folder(project / "labeled-data/v", dict(list(ROWS.items())[:number]))
    with pytest.raises(ModelError, match="both need one at least"):
        prepare_labels(project / "config.yaml", fraction)


def test_two_frames_are_enough(project: Path) -> None:
    make_folder(project / "labeled-data/v", dict(list(ROWS.items())[:2]))
    assert len(prepare_labels(project / "config.yaml", 0.95).pictures) == 2


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


def with_h5(folder: Path, text: str | None = None) -> Path:
    """Give a folder the .h5 of its table, or of another one."""
    file = folder / "CollectedData_lab.h5"
    file.write_bytes(h5_bytes(file.with_suffix(".csv").read_text() if text is None else text))
    return file


def test_labels_that_were_corrected_in_the_csv_alone_do_not_train_as_they_were(project: Path) -> None:
    folder = make_folder(project / "labeled-data/v", ROWS)
    file = with_h5(folder)
    assert len(prepare_labels(project / "config.yaml", 0.95).pictures) == len(ROWS)
    csv = file.with_suffix(".csv")
    csv.write_text(csv.read_text().replace("img7.png,1,2", "img7.png,9,2"))
    with pytest.raises(
        ModelError, match=r"CollectedData_lab\.h5: other values than the \.csv for 'snout' in 'img7"
    ) as no:
        prepare_labels(project / "config.yaml", 0.95)
    assert "remove the .h5 if the .csv is right" in no.value.hint
    file.unlink()
    assert prepare_labels(project / "config.yaml", 0.95).made == (file,)


@pytest.mark.parametrize("has_h5", [False, True])
def test_labels_of_somebody_else_under_the_projects_name_are_not_left_out_in_silence(
    project: Path, *, has_h5: bool
) -> None:
    make_folder(project / "labeled-data/old", ROWS)
    folder = make_folder(project / "labeled-data/v", text=table(ROWS, scorer="otto"))
    if has_h5:
        with_h5(folder)
    with pytest.raises(ModelError, match=r"labels of 'otto', and config\.yaml's scorer is 'lab'") as no:
        prepare_labels(project / "config.yaml", 0.95)
    assert "--any-scorer" in no.value.hint


@pytest.mark.parametrize("has_h5", [False, True])
def test_a_folder_that_was_renamed(project: Path, *, has_h5: bool) -> None:
    """DeepLabCut looks for the pictures where the table says: elsewhere, or in another folder of the same names."""
    folder = make_folder(project / "labeled-data/v", ROWS, text=table(ROWS, folder="before"))
    if has_h5:
        with_h5(folder)
    with pytest.raises(ModelError, match=r"names 'labeled-data/before/img0\.png', and lies in labeled-data/v"):
        prepare_labels(project / "config.yaml", 0.95)


@pytest.mark.parametrize("has_h5", [False, True])
def test_a_picture_that_is_labelled_twice(project: Path, *, has_h5: bool) -> None:
    text = table(ROWS)
    folder = make_folder(project / "labeled-data/v", ROWS, text=text + text.splitlines(keepends=True)[-1])
    if has_h5:
        with_h5(folder)
    with pytest.raises(ModelError, match=r"has 'img19\.png' twice"):
        prepare_labels(project / "config.yaml", 0.95)


def test_tables_of_pictures_without_their_folder(project: Path) -> None:
    folder = make_folder(project / "labeled-data/v", ROWS, text=table(ROWS).replace("labeled-data,v,", ",,"))
    found = prepare_labels(project / "config.yaml", 0.95)
    assert found.pictures == tuple(("v", name) for name in ROWS)
    index = pandas.read_hdf(folder / "CollectedData_lab.h5").index
    assert list(index) == [("labeled-data", "v", name) for name in ROWS]


def test_a_body_part_that_was_renamed_in_the_configuration(project: Path) -> None:
    make_folder(project / "labeled-data/v", ROWS)
    config = project / "config.yaml"
    config.write_text(config.read_text().replace("- tail", "- tailbase"))
    with pytest.raises(ModelError, match=r"no table has a column of 'tailbase'(.|\n)*they have 'tail'"):
        prepare_labels(config, 0.95)


def test_a_body_part_that_was_added_is_labelled_in_one_folder_at_least(project: Path) -> None:
    config = project / "config.yaml"
    config.write_text(config.read_text().replace("- tail", "- tail\n- paw"))
    make_folder(project / "labeled-data/v", ROWS)
    with pytest.raises(ModelError, match="no table has a column of 'paw', which"):
        prepare_labels(config, 0.95)
    rows = {name: (*cells, 7, 8) for name, cells in ROWS.items()}
    make_folder(project / "labeled-data/old", rows, parts=["snout", "earLeft", "tail", "paw"])
    assert len(prepare_labels(config, 0.95).pictures) == 2 * len(ROWS)
