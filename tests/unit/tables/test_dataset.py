from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas
import pyarrow
import pytest

from dlcctr.errors import OutputError, UsageError
from dlcctr.tables.dataset import Dataset, RowFile, file_of, read_footer
from tests.unit.support.fuzz import damaged

VIDEOS = (
    "day1/mouse 1.mp4",
    "ä/ö%2F=.mp4", "a=b&c?#.mp4", "..%/x", "\n\x1b[2J.mp4", "日本/猫.mp4", "1:2|3*<>\\\".mp4", "007",
)  # fmt: skip


def record(video: str, row: int = 3) -> RowFile:
    return RowFile(row, video, "model-1", "", "ab" * 32)


def blocks(*lengths: int) -> Iterator[Any]:
    for length in lengths:
        yield pyarrow.table(
            {"x": pyarrow.array([0.5] * length, pyarrow.float64()), "row": pyarrow.array([3] * length, pyarrow.int32())}
        )


def write(dataset: Dataset, video: str, *lengths: int, row: int = 3) -> Path:
    name = file_of(row, video, "model-1")
    assert dataset.write(name, record(video, row), blocks(*lengths), "zstd") == sum(lengths)
    return dataset.root / name


def test_readers_see_the_videos_name_whatever_it_is(tmp_path: Path) -> None:
    for n, video in enumerate(VIDEOS):
        write(Dataset(tmp_path / "t.parquet"), video, n + 1, row=n)
    frame = pandas.read_parquet(tmp_path / "t.parquet")
    assert frame.groupby("video", observed=True).size().to_dict() == {video: n + 1 for n, video in enumerate(VIDEOS)}
    one = pandas.read_parquet(tmp_path / "t.parquet", filters=[("video", "==", VIDEOS[1])])
    assert list(one.video.unique()) == [VIDEOS[1]]
    assert set(frame.model) == {"model-1"}


@pytest.mark.parametrize("video", ["x" * 400 + ".mp4", "日" * 120 + ".mp4", "/".join(["ordner"] * 60)])
def test_a_name_that_no_folder_can_have_is_shortened_and_stays_its_own(video: str, tmp_path: Path) -> None:
    names = {file_of(0, each, "m").parts[0] for each in (video, video + "2", "y" + video)}
    assert len(names) == 3
    assert max(len(name.encode()) for name in names) <= 255
    file = write(Dataset(tmp_path / "t.parquet"), video, 1)
    (read,) = pandas.read_parquet(tmp_path / "t.parquet").video
    assert read[:8] == video[:8]
    found = read_footer(file)
    assert found is not None
    assert found.video == video


def test_each_block_is_a_row_group_and_the_footer_says_what_it_was_made_of(tmp_path: Path) -> None:
    file = write(Dataset(tmp_path / "t.parquet"), "a.mp4", 5, 7, 0, 1)
    found = pyarrow.parquet.read_metadata(file)
    assert [found.row_group(n).num_rows for n in range(found.num_row_groups) if found.row_group(n).num_rows] == [
        5,
        7,
        1,
    ]
    assert read_footer(file) == record("a.mp4")
    assert Dataset(tmp_path / "t.parquet").files == {file.relative_to(tmp_path / "t.parquet"): record("a.mp4")}
    assert [path.name for path in tmp_path.iterdir()] == ["t.parquet"]
    mask = os.umask(0)
    os.umask(mask)
    assert file.stat().st_mode & 0o777 == 0o666 & ~mask


def test_what_raises_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "t.parquet")
    file = write(dataset, "a.mp4", 5)
    old = file.read_bytes()

    def broken() -> Iterator[Any]:
        yield from blocks(2, 2)
        raise OutputError("it ends here")

    with pytest.raises(OutputError, match="it ends here"):
        dataset.write(file.relative_to(dataset.root), record("a.mp4"), broken(), "zstd")
    assert file.read_bytes() == old
    assert [path.name for path in tmp_path.iterdir()] == ["t.parquet"]


def test_removing_a_file_removes_its_empty_folders_and_no_others(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "t.parquet")
    one, other = write(dataset, "a.mp4", 1), write(dataset, "a.mp4", 1, row=4)
    dataset.remove([one.relative_to(dataset.root)])
    assert not one.exists()
    assert other.exists()
    dataset.remove([other.relative_to(dataset.root)])
    assert list(dataset.root.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["notes.txt", "video=a/x.parquet", "row-00001.parquet", ".hidden", "video=a/model=b/row-1.parquet"]
)
def test_a_folder_that_holds_anything_else_is_refused(name: str, tmp_path: Path) -> None:
    write(Dataset(tmp_path / "t.parquet"), "a.mp4", 1)
    other = tmp_path / "t.parquet" / name
    other.parent.mkdir(parents=True, exist_ok=True)
    other.write_text("mine")
    with pytest.raises(UsageError, match="did not write"):
        Dataset(tmp_path / "t.parquet")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_text("x")
    with pytest.raises(UsageError, match="is a file"):
        Dataset(tmp_path / "t.parquet")


def test_only_what_was_being_written_is_swept(tmp_path: Path) -> None:
    for name in (
        ".t.parquet.ab12cd_4",
        ".t.parquet.lock",
        ".t.parquet.ab12cd_45",
        ".t-videos.parquet.ab12cd_4",
        "t.parquet.x",
    ):
        (tmp_path / name).write_text("")
    Dataset(tmp_path / "t.parquet").sweep()
    assert ".t.parquet.ab12cd_4" not in {path.name for path in tmp_path.iterdir()}
    assert len(list(tmp_path.iterdir())) == 4
    Dataset(tmp_path / "nowhere/t.parquet").sweep()


def test_a_damaged_footer_is_none(tmp_path: Path) -> None:
    file = write(Dataset(tmp_path / "t.parquet"), "a.mp4", 5)
    whole, refused = file.read_bytes(), 0
    for each in damaged(whole, 150):
        file.write_bytes(each)
        found = read_footer(file)
        assert found in (None, record("a.mp4"))
        refused += found is None
    assert refused > 50
    pyarrow.parquet.write_table(pyarrow.table({"x": [1]}), file)
    assert read_footer(file) is None
