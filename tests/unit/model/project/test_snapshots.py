from __future__ import annotations

import io
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlcctr.errors import ModelError
from dlcctr.model.inference_project import make_inference_project
from dlcctr.model.inspection import inspect_model
from dlcctr.model.project.snapshots import (
    MAX_PICKLE_BYTES,
    check_unpacked_size,
    choose_snapshot,
    code_in,
    list_snapshots,
)
from dlcctr.model.project.survey import survey_model
from tests.unit.support.projects import pytorch_project, train_folder

NAMES = ["snapshot-100", "snapshot-200", "snapshot-best-150"]


def test_hidden_files_are_no_snapshots() -> None:
    names = ["snapshot-60.index", "._snapshot-60.index", "._snapshot-99.index", ".snapshot-7.index"]
    assert list_snapshots(names, "tensorflow") == ["snapshot-60"]
    assert list_snapshots(["snapshot-60.pt", "._snapshot-60.pt", "._snapshot-99.pt"], "pytorch") == ["snapshot-60"]


@pytest.mark.parametrize(
    ("wanted", "name"), [("0", NAMES[0]), ("-1", NAMES[2]), ("-3", NAMES[0]), ("200", NAMES[1]), ("best", NAMES[2])]
)
def test_a_snapshot_is_chosen_by_place_or_name(wanted: str, name: str) -> None:
    assert choose_snapshot(Path("train"), NAMES, wanted, None) == name
    assert choose_snapshot(Path("train"), NAMES, "", wanted) == name


@pytest.mark.parametrize("wanted", ["3", "-4", "50000000", "9" * 5000, "-" + "9" * 5000, "²", "1.0", "--1"])
def test_a_place_that_is_not_there_is_refused_in_a_short_message(wanted: str) -> None:
    with pytest.raises(ModelError, match="train: no snapshot") as caught:
        choose_snapshot(Path("train"), NAMES, wanted, None)
    assert len(caught.value.message) < 200


def bomb(file: Path, size: int, members: int) -> Path:
    """A few kilobytes that become `members` pickles of `size` bytes."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(members):
            with archive.open(f"{number}/data.pkl", "w") as stream:
                for _ in range(size >> 20):
                    stream.write(bytes(1 << 20))
    return file


def test_an_archive_that_unpacks_to_much_is_not_unpacked(tmp_path: Path) -> None:
    file = bomb(tmp_path / "snapshot-1.pt", MAX_PICKLE_BYTES // 2, 3)
    assert file.stat().st_size < 1 << 20
    tracemalloc.start()
    try:
        assert code_in(file) == ["a pickle of unlikely size"]
        with pytest.raises(ModelError, match=r"snapshot-1\.pt: [\d,]+ bytes that become 100,663,296 when unpacked"):
            check_unpacked_size(file)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_no_analysis_gets_such_an_archive(tmp_path: Path) -> None:
    project = pytorch_project(tmp_path / "p")
    bomb(train_folder(project) / "snapshot-200.pt", 4 << 20, 1)
    with pytest.raises(ModelError, match=r"snapshot-200\.pt: .* when unpacked"):
        make_inference_project(inspect_model(project), tmp_path / "i")


def test_a_pickle_that_cannot_be_read_is_not_taken_for_none(tmp_path: Path) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("a/data.pkl", b"cos\nsystem\n.")
    (tmp_path / "s.pt").write_bytes(data.getvalue().replace(b"cos\nsystem\n.", b"cos\nsystex\n.", 1))
    assert code_in(tmp_path / "s.pt") == ["a pickle that cannot be read"]


@pytest.mark.parametrize(
    ("content", "words", "remedy"),
    [
        (b"", "is empty (0 bytes)", "copy the snapshot again"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
            "a pointer of Git LFS",
            "lfs pull",
        ),
        (b"<!DOCTYPE html><html>404</html>", "is a web page", "copy the snapshot again"),
        ("half", "is cut: it lacks its end", "copy the snapshot again"),
        ("nowhere", "is a link to /nowhere/s.pt, which is not there", "copy the snapshot again"),
    ],
)
def test_a_snapshot_that_was_not_copied_whole_is_no_model(
    tmp_path: Path, content: bytes | str, words: str, remedy: str
) -> None:
    project = pytorch_project(tmp_path / "p")
    file = train_folder(project) / "snapshot-200.pt"
    file.unlink()
    if content == "nowhere":
        file.symlink_to("/nowhere/s.pt")
    elif isinstance(content, str):
        whole = io.BytesIO()
        with zipfile.ZipFile(whole, "w") as archive:
            archive.writestr("archive/data.pkl", b"x" * 1000)
        file.write_bytes(whole.getvalue()[:600])
    else:
        file.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        inspect_model(project)
    assert words in caught.value.message
    assert str(file) in caught.value.message
    assert remedy in caught.value.hint
    survey = survey_model(project)
    assert survey.model is None
    assert [words in each.text for each in survey.findings if each.error] == [True]


def test_a_model_folder_that_cannot_be_read_is_not_taken_for_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = pytorch_project(tmp_path / "p")
    before = Path.iterdir

    def iterdir(self: Path) -> Iterator[Path]:
        if self.name == "train":
            raise PermissionError(13, "Permission denied", str(self))
        return before(self)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    with pytest.raises(ModelError, match=r"train: cannot be read \(Permission denied\)"):
        inspect_model(project)
