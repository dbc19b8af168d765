from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcctr.campaign import spreadsheet
from dlcctr.campaign.config import Campaign
from dlcctr.campaign.manifest import append_rows, read_manifest, rows_of, write_manifest
from dlcctr.campaign.rows import Row, find_row, folder_problem, parse_crop, row_settings
from dlcctr.campaign.spreadsheet import read_sheet
from dlcctr.contract import MANIFEST_COLUMNS
from dlcctr.errors import ManifestError, OutputError

HOSTILE = [
    "a b.mp4",
    'quo"te.mp4',
    "it's.mp4",
    "com,ma;semi\ttab.mp4",
    "new\nline.mp4",
    "carriage\rreturn\r\n.mp4",
    "Mäuse/日本語/🐭.mp4",
    "-x.mp4",
    "=1+1.mp4",
    "@sum.mp4",
    "$(reboot).mp4",
    "`id`.mp4",
    "100%.mp4",
    "%03d.mp4",
    " leading and trailing .mp4 ",
    "TRUE",
    "007",
    "1-2",
    "back\\slash.mp4",
    "\u2028.mp4",
    "nul-like\x01.mp4",
]

FULL = Row(
    3, "a/b.mp4", frames=2330, fps=29.97003, width=640, height=480, codec="h264", duration_s=77.744,
    bytes=2216380, fingerprint="v1:2216380:" + "0" * 32, model="../other project", shuffle=2,
    snapshot="snapshot-200", crop=(0, 640, 10, 470),
)  # fmt: skip


def read_text(folder: Path, text: str | bytes) -> list[Row]:
    file = folder / "m.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_manifest(file)


def lineless(rows: list[Row]) -> list[Row]:
    return [replace(row, line=0) for row in rows]


def test_every_field_comes_back(tmp_path: Path) -> None:
    bad = Row(4, "c.mp4", error="not a video, or: 'cut off'")
    write_manifest(tmp_path / "m.csv", [FULL, bad])
    assert lineless(read_manifest(tmp_path / "m.csv")) == [FULL, bad]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_come_back_and_no_spreadsheet_cell_is_a_formula(tmp_path: Path, name: str) -> None:
    write_manifest(tmp_path / "m.csv", [Row(0, name)])
    assert [row.video for row in read_manifest(tmp_path / "m.csv")] == [name]
    (cells,) = list(csv.reader(io.StringIO((tmp_path / "m.csv").read_bytes().decode(), newline="")))[1:]
    assert cells[1][0] not in "=+-@"


text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
part = text.filter(lambda name: name not in ("", ".", "..") and "/" not in name and not name.startswith(".dlcctr-"))
names = st.lists(part, min_size=1, max_size=3).map("/".join).filter(lambda name: name.strip() != "")
rows_strategy = st.lists(
    st.builds(
        Row,
        index=st.integers(0, 10**6),
        video=names,
        frames=st.none() | st.integers(0, 10**9),
        fps=st.none() | st.integers(1, 10**9).map(lambda n: n / 1000),
        error=text.map(str.strip),
        snapshot=text.map(str.strip),
        crop=st.none() | st.just((0, 10, 5, 20)),
    ),
    unique_by=lambda row: row.index,
    max_size=5,
)


@given(rows=rows_strategy)
def test_whatever_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, rows: list[Row]) -> None:
    file = tmp_path_factory.mktemp("m") / "m.csv"
    write_manifest(file, rows)
    assert lineless(read_manifest(file)) == sorted(rows, key=lambda row: row.index)


@given(
    rows=rows_strategy, delimiter=st.sampled_from(",;\t"), bom=st.booleans(), newline=st.sampled_from(["\r\n", "\n"])
)
def test_what_a_spreadsheet_saves_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], delimiter: str, bom: bool, newline: str
) -> None:
    """Written once more by another CSV writer, all cells quoted, columns in another order and one more."""
    file = tmp_path_factory.mktemp("m") / "m.csv"
    write_manifest(file, rows)
    cells = list(csv.reader(io.StringIO(file.read_bytes().decode(), newline="")))
    saved = io.StringIO(newline="")
    writer = csv.writer(saved, delimiter=delimiter, lineterminator=newline, quoting=csv.QUOTE_ALL)
    writer.writerows(["my note", *reversed(line)] for line in [cells[0], *reversed(cells[1:])])
    file.write_bytes(saved.getvalue().encode("utf-8-sig" if bom else "utf-8"))
    assert lineless(read_manifest(file)) == sorted(rows, key=lambda row: row.index)


def test_a_manifest_from_a_german_spreadsheet(tmp_path: Path) -> None:
    rows = read_text(
        tmp_path,
        "\ufeffsep=;\r\n"
        "Video;INDEX; fps ;frames;crop;mine;duration_s;error\r\n"
        'b.mp4;"1";29,97;3,00;1 2 3 4;x;1,5;\r\n'
        "a.mp4;0;30,;;;;;TRUE\r\n"
        ";;;;;;;\r\n"
        "\r\n",
    )
    assert [(row.index, row.video, row.fps, row.frames, row.crop, row.line) for row in rows] == [
        (0, "a.mp4", 30.0, None, None, 4),
        (1, "b.mp4", 29.97, 3, (1, 2, 3, 4), 3),
    ]
    assert rows[0].error == "TRUE"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_unicode_text_of_excel_is_read(tmp_path: Path, encoding: str) -> None:
    text = "index\tvideo\r\n0\tMäuse.mp4\r\n"
    assert (
        read_text(tmp_path, (text if encoding == "utf-16" else "\ufeff" + text).encode(encoding))[0].video
        == "Mäuse.mp4"
    )


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("index,video\n0,a\n0,b\n", 3, "index 0 is already on line 2"),
        ("index,video\n1,a\n0,x\n01,b\n", 4, "index 1 is already on line 2"),
        ("index,video\n,a\n", 2, "index is missing"),
        ("index,video\nfirst,a\n", 2, "index is not a whole number"),
        ("index,video\n1.5,a\n", 2, "index is not a whole number"),
        ('index,video\n"1,000",a\n', 2, "index is not a whole number"),
        ("index,video\n-1,a\n", 2, "index is not a whole number"),
        ("index,video\n0,\n", 2, "video is missing"),
        (
            "index,video\n0,../a.mp4\n",
            2,
            "cannot be a video below the video root: it leads out",
        ),
        ("index,video\n0,a/../../b.mp4\n", 2, "it leads out of its folder"),
        ("index,video\n0,/etc/passwd\n", 2, "it begins with /"),
        ("index,video\n0,..\n", 2, "it leads out of its folder"),
        ("index,video\n0,.\n", 2, "it is empty"),
        ("index,video\n0,./\n", 2, "it is empty"),
        ("index,video\n0,a/.dlcctr-attempt-x/b.mp4\n", 2, "dlcctr's own"),
        ("index,video\n0,a\n1,b\0.mp4\n", 3, "contains a NUL character"),
        ("index,video,model\n0,a,b\0\n", 2, "contains a NUL character"),
        ('index,video\n0,"a\nb"\n1,"a\nb"\nx,c\n', 6, "index is not a whole number"),
        ("index,video,fps\n0,a,30. Mrz\n", 2, "fps is not a number"),
        ("index,video,frames\n0,a,1E+05\n", 2, "frames is not a whole number"),
        ("index,video,shuffle\n0,a,TRUE\n", 2, "shuffle is not a whole number"),
        ("index,video,crop\n0,a,TRUE\n", 2, "crop"),
        ('index,video,crop\n0,a,"5,5,0,1"\n', 2, "x1 < x2"),
        ("index,video\n0,a,b.mp4\n", 2, "3 cells, but 2 columns"),
        ('index,video\n0,"a\n', 2, "not valid CSV"),
        ("index,video,index\n0,a,1\n", 1, "column `index` appears twice"),
        ("a,b\n", 1, "columns `index` and `video` are missing"),
        (b"index,video\n0,a\n1,M\xe4use.mp4\n", 3, "not UTF-8"),
    ],
)
def test_damage_is_named_with_file_and_line(tmp_path: Path, text: str | bytes, line: int, words: str) -> None:
    with pytest.raises(ManifestError) as caught:
        read_text(tmp_path, text)
    assert caught.value.message.startswith(f"{tmp_path / 'm.csv'}, line {line}: ")
    assert words in caught.value.message
    assert caught.value.hint


def test_no_manifest_and_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="no such manifest"):
        read_manifest(tmp_path / "m.csv")
    with pytest.raises(ManifestError, match="is empty"):
        read_text(tmp_path, "\n\n")
    assert read_text(tmp_path, "index,video\n") == []


@pytest.mark.parametrize(
    "before",
    [
        b"index,video\n0,a.mp4\n",
        b"index,video\n0,a.mp4",
        b'\xef\xbb\xbfvideo;mine;index\r\n"a.mp4";x;0\r\n',
        "\ufeffindex\tvideo\r\n0\tä.mp4\r\n".encode("utf-16-le"),
    ],
)
def test_append_keeps_the_old_bytes_and_their_form(tmp_path: Path, before: bytes) -> None:
    file = tmp_path / "m.csv"
    file.write_bytes(before)
    append_rows(read_sheet(file), [Row(1, 'new "one";,\n.mp4', fps=25.0)])
    after = file.read_bytes()
    assert after.startswith(before)
    rows = read_manifest(file)
    assert [row.index for row in rows] == [0, 1]
    assert rows[1].video == 'new "one";,\n.mp4'
    assert (b"\r\n" in before) == (b"\r\n" in after)
    assert rows_of(read_sheet(file)) == rows


def test_manifest_columns_are_written_in_the_contract_order(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.csv", [])
    assert (tmp_path / "m.csv").read_text() == ",".join(MANIFEST_COLUMNS) + "\n"


def test_find_row_says_the_valid_range() -> None:
    rows = [Row(0, "a"), Row(2, "b")]
    assert find_row(rows, 2, Path("m.csv")).video == "b"
    with pytest.raises(ManifestError, match=r"m\.csv: no row 1: rows run from 0 to 2, with 1 missing"):
        find_row(rows, 1, Path("m.csv"))
    with pytest.raises(ManifestError, match=r"m\.csv: no row 1: its only row is 0"):
        find_row(rows[:1], 1, Path("m.csv"))
    with pytest.raises(ManifestError, match="has no rows"):
        find_row([], 0, Path("m.csv"))


def test_row_settings_override_the_campaign_and_forget_the_other_models_hash(tmp_path: Path) -> None:
    campaign = Campaign(
        file=tmp_path / "campaign.toml", model=tmp_path / "model", model_hash="h", model_id="i", engine="pytorch",
        bodyparts=("a",), crop=(0, 1, 0, 1),
    )  # fmt: skip
    assert row_settings(Row(0, "a"), campaign) == campaign
    assert row_settings(Row(0, "a", shuffle=1), campaign) == campaign
    cropped = row_settings(Row(0, "a", crop=(2, 3, 4, 5)), campaign)
    assert (cropped.crop, cropped.model_hash) == ((2, 3, 4, 5), "h")
    other = row_settings(Row(0, "a", model="other"), campaign)
    assert (other.model, other.model_hash, other.model_id, other.bodyparts) == (tmp_path / "other", "", "", ())
    assert row_settings(Row(0, "a", shuffle=2), campaign).model_hash == ""
    assert row_settings(Row(0, "a", snapshot="snapshot-1"), campaign).model_hash == ""


@pytest.mark.parametrize("text", ["1,2,3,4", "1;2;3;4", " 1 2\t3 4 ", "[1, 2, 3, 4]"])
def test_crop_is_read(text: str) -> None:
    assert parse_crop(text) == (1, 2, 3, 4)


@pytest.mark.parametrize("text", ["1,2,3", "1,2,3,4,5", "2,1,0,1", "a,b,c,d", "0,1,0,-1", "0.5,1,0,1"])
def test_bad_crop_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be|needs"):
        parse_crop(text)


def test_a_failed_write_leaves_the_old_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "m.csv"
    write_manifest(file, [FULL])
    before = file.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OutputError, match="No space"):
        write_manifest(file, [])
    assert file.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["m.csv"]


@pytest.mark.parametrize(
    ("column", "text"),
    [("index", "9" * 5000), ("index", "9" * 5000 + ".0"), ("frames", "9" * 16), ("bytes", "9" * 5000), ("fps", "1e999"),
     ("duration_s", "9" * 5000), ("shuffle", "9" * 5000), ("crop", "0,1,0," + "9" * 5000)],
)  # fmt: skip
def test_a_number_that_nothing_has_is_refused_in_a_short_message(tmp_path: Path, column: str, text: str) -> None:
    cells = {"index": "0", "video": "a.mp4", column: f'"{text}"'}
    (tmp_path / "m.csv").write_text(",".join(cells) + "\n" + ",".join(cells.values()) + "\n")
    with pytest.raises(ManifestError, match=rf"m\.csv, line 2: {column}") as caught:
        read_manifest(tmp_path / "m.csv")
    assert len(caught.value.message) < 400


def test_a_manifest_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "m.csv"
    with file.open("wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(ManifestError, match=r"m\.csv: too long for a manifest"):
        read_manifest(file)
    monkeypatch.setattr(spreadsheet, "MAX_LINES", 3)
    file.write_text("index,video\n\n\n\n0,a.mp4\n1,b.mp4\n")
    assert len(read_manifest(file)) == 2
    file.write_text("index,video\n0,a.mp4\n1,b.mp4\n2,c.mp4\n")
    with pytest.raises(ManifestError, match=r"m\.csv, line 5: more than 3 rows"):
        read_manifest(file)


def test_a_cell_without_end_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("index,video\n0,a.mp4\n1," + "x" * 200_000 + "\n")
    with pytest.raises(ManifestError, match=r"m\.csv, line 3: .*field larger than field limit"):
        read_manifest(tmp_path / "m.csv")


def test_lines_of_blanks_are_left_out(tmp_path: Path) -> None:
    rows = read_text(tmp_path, "index;video\r\n0;a.mp4\r\n ; \r\n\t;\r\n1;b.mp4\r\n;;;\r\n \r\n")
    assert [(row.index, row.video, row.line) for row in rows] == [(0, "a.mp4", 2), (1, "b.mp4", 5)]


def test_rows_of_one_video_and_model_that_differ_in_crop_or_animals_have_one_folder(tmp_path: Path) -> None:
    text = "index,video,shuffle,crop,n_tracks\n"
    text += '0,a.mp4,,,\n1,./a.mp4,,"0,9,0,9",\n2,a.mp4,2,,\n3,a.mp4,,,\n4,a.mp4,2,,3\n5,b.mp4,,,3\n'
    rows = read_text(tmp_path, text)
    assert {row.index: row.first.index for row in rows if row.first} == {1: 0, 4: 2}
    assert "row 0 (line 2)" in folder_problem(rows[1])
    assert folder_problem(rows[0]) == folder_problem(rows[3]) == ""


@pytest.mark.parametrize("start", [b"PK\x03\x04\x14\x00\x06\x00", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"])
def test_a_workbook_is_told_from_a_text(tmp_path: Path, start: bytes) -> None:
    with pytest.raises(ManifestError, match="is a workbook of a spreadsheet, not CSV") as caught:
        read_text(tmp_path, start + bytes(range(256)))
    assert "CSV UTF-8" in caught.value.hint
