"""Labels and labelled pictures, damaged in every way: the prior does without them, and packing goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcctr.model.prior.appearance import find_appearance
from dlcctr.model.prior.labels import read_labels
from dlcctr.model.prior.make import make_prior, prior_text
from dlcctr.model.prior.record import parse_prior
from tests.media import picture
from tests.unit.model.prior.test_prior import NAMES, poses, write_labels
from tests.unit.quality.measures.test_pictures import write_png
from tests.unit.support.fuzz import damaged


def test_labels(tmp_path: Path) -> None:
    file = write_labels(tmp_path, poses(10))
    for data in damaged(file.read_bytes(), most=150):
        file.write_bytes(data)
        if prior := make_prior(tmp_path, NAMES):
            assert parse_prior(prior_text(prior), tmp_path) == prior


def test_pictures(tmp_path: Path) -> None:
    file = write_png(tmp_path / "img.png", picture(3, 64, 48))
    for data in damaged(file.read_bytes(), most=60):
        file.write_bytes(data)
        found, _, notes = find_appearance([file])
        assert found.pictures + len(notes) == 1


@pytest.mark.parametrize("name", ["../../outside.png", "/etc/outside.png", "a\\..\\..\\outside.png", "c:\\outside.png"])
def test_a_picture_is_below_its_project(tmp_path: Path, name: str) -> None:
    file = write_labels(tmp_path / "p", poses(10))
    file.write_text(file.read_text().replace("labeled-data/v1/img0.png", name))
    for pose in read_labels(tmp_path / "p", NAMES).poses:
        assert pose.picture.resolve().is_relative_to(tmp_path / "p")


def test_a_playlist_is_no_picture(tmp_path: Path) -> None:
    write_png(tmp_path / "other.png", picture(3, 64, 48))
    (tmp_path / "img.png").write_text(f"ffconcat version 1.0\nfile {tmp_path / 'other.png'}\n")
    assert find_appearance([tmp_path / "img.png"])[0].pictures == 0
