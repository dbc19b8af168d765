"""What people say of the videos goes both ways, and nobody's word is lost on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcctr.campaign.paths import CampaignPaths
from dlcctr.quality.ratings.table import Rating, read_ratings, write_ratings
from dlcctr.transfer.carry_ratings import ratings_to_send
from tests.unit.support.results import Bench
from tests.unit.support.two_sides import TwoSides


@pytest.fixture
def sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TwoSides:
    return TwoSides(tmp_path, monkeypatch)


def said(bench: Bench, rater: str, word: str, hour: int, row: int = 0) -> Rating:
    found = bench.rows[row]
    return Rating(row, found.video, found.fingerprint, word, "", rater, f"2026-01-31T{hour:02}:00:00Z")


def file_of(bench: Bench) -> Path:
    return CampaignPaths.of(bench.manifest).ratings


def words(bench: Bench) -> dict[tuple[int, str], str]:
    return {(each.row, each.rater): each.rating for each in read_ratings(file_of(bench), bench.rows)}


def test_fetch_takes_each_person_s_newest_word(sides: TwoSides) -> None:
    here, there = sides.here, sides.there
    write_ratings(file_of(here), [said(here, "ann", "good", 12), said(here, "ben", "bad", 9)])
    more = said(there, "cy", "unsure", 1, row=2)
    write_ratings(file_of(there), [said(there, "ann", "bad", 10), said(there, "ben", "good", 11), more])
    theirs = file_of(there).read_bytes()
    done = sides.fetch()
    assert words(here) == {(0, "ann"): "good", (0, "ben"): "good", (2, "cy"): "unsure"}
    assert any("2 new ratings" in note for note in done.notes)
    assert file_of(there).read_bytes() == theirs
    before = file_of(here).read_bytes()
    assert not sides.fetch().notes
    assert file_of(here).read_bytes() == before


def test_without_ratings_there_none_appear_here(sides: TwoSides) -> None:
    assert not sides.fetch().notes
    assert not file_of(sides.here).exists()


@pytest.mark.parametrize(
    "data", [b"\xff\xfe\x00", b"no table\n", b"row\trating\n99\tgood\n", b"row\trating\trater\n0\tsplendid\tben\n"]
)
def test_a_wrong_table_there_is_said_and_harms_no_row(sides: TwoSides, data: bytes) -> None:
    sides.there.commit(0)
    file_of(sides.there).write_bytes(data)
    done = sides.fetch()
    assert done.taken == [0]
    assert len(done.notes) == 1
    assert not file_of(sides.here).exists()


def test_a_wrong_table_here_stays_as_it_is(sides: TwoSides) -> None:
    write_ratings(file_of(sides.there), [said(sides.there, "ann", "good", 1)])
    file_of(sides.here).write_text("row\trating\trater\n0\tsplendid\tben\n")
    assert "not taken" in sides.fetch().notes[0]
    assert "splendid" in file_of(sides.here).read_text()
    texts, notes = ratings_to_send(sides.far, CampaignPaths.of(sides.here.manifest), sides.here.rows)  # type: ignore[arg-type]
    assert (texts, len(notes)) == ({}, 1)


def test_what_is_sent_holds_what_is_said_there(sides: TwoSides) -> None:
    here, there = sides.here, sides.there
    write_ratings(file_of(here), [said(here, "ann", "good", 12)])
    write_ratings(file_of(there), [said(there, "ann", "bad", 10), said(there, "ben", "bad", 11)])
    paths = CampaignPaths.of(here.manifest)
    texts, notes = ratings_to_send(sides.far, paths, here.rows)  # type: ignore[arg-type]
    assert not notes
    file_of(there).write_bytes(texts[paths.ratings.name])
    assert words(there) == {(0, "ann"): "good", (0, "ben"): "bad"}
    assert ratings_to_send(sides.far, paths, here.rows) == ({}, [])  # type: ignore[arg-type]


def test_a_line_there_that_nobody_understands_is_not_overwritten(sides: TwoSides) -> None:
    write_ratings(file_of(sides.here), [said(sides.here, "ann", "good", 12)])
    file_of(sides.there).write_text("row\trating\trater\n0\tgood\tben\n77\tgood\tben\n")
    texts, notes = ratings_to_send(sides.far, CampaignPaths.of(sides.here.manifest), sides.here.rows)  # type: ignore[arg-type]
    assert texts == {}
    assert "77" in notes[0]
