"""A folder takes the place of another one, killed at any step."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcctr.errors import CommandFailedError
from dlcctr.transfer.remote.shell import PARTIAL_FOLDER
from dlcctr.transfer.training.hashes import files_below, parse_hashes
from dlcctr.transfer.training.place import place_folder, settle_folders


class KilledError(BaseException):
    """Stands for SIGKILL: nothing catches it but a `finally`."""


def folders(tmp_path: Path) -> tuple[Path, Path]:
    new, old = tmp_path / "incoming/shuffle1", tmp_path / "models/shuffle1"
    for folder, text in ((new, "new"), (old, "old")):
        folder.mkdir(parents=True)
        (folder / "file").write_text(text)
    return new, old


def test_new_takes_the_place_of_old(tmp_path: Path) -> None:
    new, old = folders(tmp_path)
    place_folder(new, old)
    assert (old / "file").read_text() == "new"
    assert [path.name for path in old.parent.iterdir()] == ["shuffle1"]


def test_a_failing_rename_brings_the_old_one_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new, old = folders(tmp_path)
    real = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if self == new:
            raise OSError(28, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OSError, match="No space"):
        place_folder(new, old)
    assert (old / "file").read_text() == "old"
    assert [path.name for path in old.parent.iterdir()] == ["shuffle1"]


@pytest.mark.parametrize("is_placed", [False, True])
def test_what_was_killed_in_between_is_settled(tmp_path: Path, *, is_placed: bool) -> None:
    new, old = folders(tmp_path)
    aside = old.parent / ".dlcctr-replaced-abc"
    aside.mkdir()
    old.rename(aside / old.name)
    if is_placed:
        new.rename(old)
    settle_folders(old.parent)
    assert (old / "file").read_text() == ("new" if is_placed else "old")
    assert [path.name for path in old.parent.iterdir()] == ["shuffle1"]
    settle_folders(tmp_path / "nothing there")


def test_hashes_of_the_other_machine() -> None:
    digest = "ab" * 32
    assert parse_hashes(f"Welcome!\nsha256:{digest}\nsha256:-\n".encode(), 2) == [digest, ""]
    for odd in (b"", b"sha256:ab\n", f"sha256:{digest}\n".encode()):
        with pytest.raises(CommandFailedError):
            parse_hashes(odd, 2)


def test_parts_of_files_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "a" / PARTIAL_FOLDER).mkdir(parents=True)
    (tmp_path / "a" / PARTIAL_FOLDER / "x.pt").touch()
    (tmp_path / "a/x.pt").touch()
    (tmp_path / "a/link").symlink_to("x.pt")
    assert files_below(tmp_path) == ["a/x.pt"]
