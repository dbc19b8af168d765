"""Folders of labels, damaged in every way: checked, refused as ours, and the project stays whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcctr.errors import DlcctrError
from dlcctr.labels.add import add_labels
from dlcctr.labels.pictures import read_size
from dlcctr.labels.project import read_project
from dlcctr.labels.table import parse_table
from tests.unit.support.fuzz import damaged
from tests.unit.support.label_folders import CONFIG, checked, jpeg, make_folder, make_project, png

ROWS = {"img1.png": (1, 2, 3, 4, 5, 6), "img2.png": (7, 8, "", "", 9, 10)}


@pytest.mark.parametrize("which", ["back", "own"])
def test_tables(tmp_path: Path, which: str) -> None:
    project = make_project(tmp_path / "p")
    own, back = make_folder(project / "labeled-data/v", ROWS), make_folder(tmp_path / "v", ROWS)
    file = (back if which == "back" else own) / "CollectedData_lab.csv"
    sound = (own / "CollectedData_lab.csv").read_bytes()
    for data in damaged(file.read_bytes(), most=100):
        (own / "CollectedData_lab.csv").write_bytes(sound)
        file.write_bytes(data)
        found = checked(project, back)
        if not found.errors:
            add_labels(read_project(project), found, write_h5=False)
            written = parse_table((own / "CollectedData_lab.csv").read_text())
            assert {"img1.png", "img2.png"} <= {row.picture for row in written.rows} or which == "own"
        elif which == "back":
            assert (own / "CollectedData_lab.csv").read_bytes() == sound


@pytest.mark.parametrize("data", [png(), jpeg()])
def test_pictures(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "img.png"
    for each in damaged(data, most=150):
        file.write_bytes(each)
        try:
            assert read_size(file)
        except ValueError:
            continue


def test_configs(tmp_path: Path) -> None:
    back = make_folder(tmp_path / "v", ROWS)
    project = make_project(tmp_path / "p")
    for data in damaged(CONFIG.encode(), most=80):
        (project / "config.yaml").write_bytes(data)
        try:
            known = read_project(project)
            found = checked(project, back)
            if not found.errors:
                add_labels(known, found, write_h5=False)
                assert read_project(project).parts == known.parts
        except DlcctrError as error:
            assert error.hint
