from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcctr.campaign.paths import CampaignPaths
from dlcctr.campaign.rows import Row
from dlcctr.errors import ManifestError
from dlcctr.quality.ratings.table import (
    COLUMNS,
    Rating,
    current_ratings,
    fitting_ratings,
    merge_ratings,
    read_ratings,
    write_ratings,
)
from dlcctr.quality.ratings.take import take_ratings
from tests.unit.support.fuzz import check_reader
from tests.unit.support.results import make_bench

NOW = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
ROWS = [
    Row(0, "a/b.mp4", fingerprint="v1:9:00"),
    Row(1, "=x\t\n.mp4", fingerprint="v1:9:11"),
    Row(4, "twice.mp4"),
    Row(5, "twice.mp4"),
]
FULL = Rating(0, "a/b.mp4", "v1:9:00", "bad", "tail\tis \\ on\nthe wall", "Ada", "2026-02-01T10:00:00Z")


def read(folder: Path, text: str, **given: str) -> list[Rating]:
    file = folder / "r.tsv"
    file.write_bytes(text.encode())
    return read_ratings(file, ROWS, now=NOW, **given)


def refusal(folder: Path, line: str, header: str = "\t".join(COLUMNS)) -> str:
    with pytest.raises(ManifestError) as caught:
        read(folder, f"{header}\n\n{line}\n")
    assert "nothing was written" in caught.value.hint
    return caught.value.message.replace(str(folder), "")


def test_what_is_written_is_read_and_a_line_is_one_rating(tmp_path: Path) -> None:
    ratings = [FULL, Rating(1, "=x\t\n.mp4", "v1:9:11", "", "", "Bo", "2026-02-01T10:00:00Z")]
    write_ratings(tmp_path / "r.tsv", ratings)
    text = (tmp_path / "r.tsv").read_text()
    assert text.count("\n") == 3
    assert "\t./=x\\t\\n.mp4\t" in text, "a spreadsheet takes =x for a formula"
    assert read_ratings(tmp_path / "r.tsv", ROWS, now=NOW) == ratings


@given(note=st.text(max_size=60), rater=st.text(min_size=1, max_size=20))
def test_any_text_comes_back(tmp_path_factory: pytest.TempPathFactory, note: str, rater: str) -> None:
    rating = replace(FULL, note=note.strip(), rater=rater.strip() or "x")
    file = tmp_path_factory.mktemp("r") / "r.tsv"
    try:
        f"{note}{rater}".encode()
    except UnicodeEncodeError:
        return
    write_ratings(file, [rating])
    assert read_ratings(file, ROWS, now=NOW) == [rating]


def test_a_table_by_hand_needs_a_rating_and_a_row_or_a_video(tmp_path: Path) -> None:
    text = "\ufeffRating\tVideo\r\nGOOD\ta/b.mp4\r\n"
    assert read(tmp_path, text, rater="Ada") == [
        Rating(0, "a/b.mp4", "v1:9:00", "good", "", "Ada", "2026-03-01T12:00:00Z")
    ]
    assert read(tmp_path, "row\trating\n5\tbad", rater="A")[0].row == 5
    assert read_ratings(tmp_path / "none.tsv", ROWS) == []


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("9\t\t\tgood\t\tA\t", "has no row '9'"),
        ("-1\t\t\tgood\t\tA\t", "has no row"),
        ("0\tother.mp4\t\tgood\t\tA\t", "row 0 is the video 'a/b.mp4', not 'other.mp4'"),
        ("\tnone.mp4\t\tgood\t\tA\t", "not in the manifest"),
        ("\ttwice.mp4\t\tgood\t\tA\t", "in several rows"),
        ("\t\t\tgood\t\tA\t", "neither a row nor a video"),
        ("0\t../b.mp4\t\tgood\t\tA\t", "leads out of its folder"),
        ("0\t\tv1:9:ff\tgood\t\tA\t", "another video now"),
        ("0\t\t\tgreat\t\tA\t", "'great' is no rating"),
        ("0\t\t\tgood\t\t\t", "--rater"),
        ("0\t\t\tgood\t\tA\tyesterday", "no time"),
        ("0\t\t\tgood\t\tA\t2026-03-03T00:00:00Z", "has not come yet"),
        ("0\t\t\tgood\t\tA\t\tmore", "8 cells, but 7 columns"),
        (f"0\t\t\tgood\t{'x' * 5000}\tA\t", "longer than"),
    ],
)
def test_a_wrong_line_is_refused_with_its_number(tmp_path: Path, line: str, says: str) -> None:
    message = refusal(tmp_path, line)
    assert message.startswith("/r.tsv, line 3: ")
    assert says in message


def test_all_wrong_lines_are_named_and_not_too_many(tmp_path: Path) -> None:
    message = refusal(tmp_path, "\n".join(["0\t\t\tgreat\t\tA\t"] * 14))
    assert message.count("line ") == 10
    assert message.endswith("and 4 more")


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "", "\n", "rating\n"])
def test_a_table_of_something_else_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ManifestError, match=r"line 1: no table of ratings"):
        read(tmp_path, text)


def test_of_each_person_the_newest_counts_and_of_all_the_newest_is_shown() -> None:
    older, newer = replace(FULL, time="2026-01-01T00:00:00Z"), replace(FULL, rating="good")
    other = replace(FULL, rater="Bo", rating="unsure", time="2026-02-03T00:00:00Z")
    assert merge_ratings([newer], [older]) == [newer]
    merged = merge_ratings([older, other], [newer])
    assert merged == [newer, other]
    assert merge_ratings(merged, merged) == merged
    assert current_ratings(merged) == {0: other}
    taken_back = replace(other, rating="", note="", time="2026-02-04T00:00:00Z")
    assert current_ratings(merge_ratings(merged, [taken_back])) == {0: newer}, "Bo takes back nothing of Ada's"
    only_noted = replace(other, rating="", note="look", time="2026-02-05T00:00:00Z")
    assert current_ratings(merge_ratings(merged, [only_noted])) == {0: newer}, "a note hides no rating"
    assert current_ratings([only_noted]) == {0: only_noted}


CELLS = ["0", "a/b.mp4", "v1:9:00", "bad", 'he said "no", twice', "Ada", "2026-02-01T10:00:00Z"]
QUOTED = replace(FULL, note='he said "no", twice')


@pytest.mark.parametrize("delimiter", ["\t", ",", ";"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_what_a_spreadsheet_has_saved_is_read(tmp_path: Path, delimiter: str, encoding: str, newline: str) -> None:
    order = [3, 6, 0, 4, 5, 1, 2]
    lines = [[COLUMNS[n].title() for n in order], [CELLS[n] for n in order], [""] * len(order)]
    cells = [delimiter.join('"' + cell.replace('"', '""') + '"' for cell in line) for line in lines[:2]]
    text = newline.join([*cells, delimiter.join(lines[2]), ""])
    (tmp_path / "r.csv").write_bytes(text.encode(encoding))
    assert read_ratings(tmp_path / "r.csv", ROWS, now=NOW) == [QUOTED]


def test_a_note_that_begins_with_a_quotation_mark_is_read_as_older_reports_wrote_it(tmp_path: Path) -> None:
    line = "0\ta/b.mp4\t\tbad\t{}\tAda\t2026-02-01T10:00:00Z"
    text = "\t".join(COLUMNS) + "\n" + line.format('"odd" tail') + "\n" + line.format('"never closed') + "\n"
    assert [each.note for each in read(tmp_path, text)] == ['"odd" tail', '"never closed']
    message = refusal(tmp_path, '0,good,"never closed,Ada', header="row,rating,note,rater")
    assert "line 3: a quotation mark is not closed" in message


def test_a_column_that_appears_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"line 1: column `rating` appears twice"):
        read(tmp_path, "row\trating\tRating\trater\n0\tgood\tbad\tAda\n")


def test_an_accent_of_its_own_is_the_same_name(tmp_path: Path) -> None:
    rows = [Row(0, unicodedata.normalize("NFC", "Käfig.mp4")), Row(1, unicodedata.normalize("NFD", "Hütte.mp4"))]
    for form in ("NFC", "NFD"):
        text = unicodedata.normalize(form, "video\trating\nKäfig.mp4\tgood\nHütte.mp4\tbad\n")
        (tmp_path / "r.tsv").write_bytes(text.encode())
        found = read_ratings(tmp_path / "r.tsv", rows, rater="Ada", now=NOW)
        assert [(each.row, each.video) for each in found] == [(0, rows[0].video), (1, rows[1].video)]


def test_lines_that_fit_no_row_any_more_are_told_to_a_reader_who_can_do_without(tmp_path: Path) -> None:
    write_ratings(tmp_path / "r.tsv", [FULL, replace(FULL, row=77)])
    found, problems = fitting_ratings(tmp_path / "r.tsv", ROWS, now=NOW)
    assert found == [FULL]
    assert len(problems) == 1 and "line 3" in problems[0]


def test_damaged_tables_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "r.tsv"
    write_ratings(file, [FULL, replace(FULL, row=4, video="twice.mp4", fingerprint="")])

    def read_bytes(data: bytes) -> object:
        file.write_bytes(data)
        return read_ratings(file, ROWS, now=NOW)

    check_reader(read_bytes, file.read_bytes(), (ManifestError,), says=str(file))


def test_ratings_are_taken_in_beside_the_manifest_once(tmp_path: Path) -> None:
    bench = make_bench(tmp_path / "c", ["a.mp4", "b.mp4"])
    table = tmp_path / "export.tsv"
    table.write_text(
        "row\trating\trater\ttime\n0\tgood\tAda\t2026-01-01T00:00:00Z\n1\tbad\tAda\t2026-01-01T00:00:00Z\n"
    )
    taken = take_ratings(bench.manifest, table)
    assert taken.file == bench.manifest.with_name("m.ratings.tsv")
    assert (taken.read, taken.new, taken.counts) == (2, 2, {"good": 1, "bad": 1})
    before = taken.file.stat().st_mtime_ns
    assert take_ratings(bench.manifest, table).new == 0
    assert taken.file.stat().st_mtime_ns == before
    table.write_text("row\trating\trater\ttime\n1\tgood\tBo\t2026-01-02T00:00:00Z\n9\tbad\tBo\t\n")
    with pytest.raises(ManifestError, match="line 3"):
        take_ratings(bench.manifest, table)
    assert len(read_ratings(CampaignPaths.of(bench.manifest).ratings, bench.rows)) == 2, "nothing of it was taken"
    with pytest.raises(ManifestError, match="does not exist"):
        take_ratings(bench.manifest, tmp_path / "none.tsv")
