"""A result takes another's place: nothing is lost, doubled or falsely whole, wherever that is cut off."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from dlcctr.campaign.config import read_campaign
from dlcctr.contract import RECEIPT_FILENAME, REPLACED_PREFIX
from dlcctr.results import commit, placing
from dlcctr.results.check import check, finished_rows
from dlcctr.results.expected import expected_of
from dlcctr.results.receipt import broken_files, read_receipt
from dlcctr.results.row_state import State
from tests.unit.support.disk_steps import DiskDiary, killed_before_each_change
from tests.unit.support.results import Bench, make_bench

OLD, NEW, MINE = b"old" * 100, b"newer" * 100, b"a person's"


def overwrite(bench: Bench, data: bytes, folder: Path, *, forced: bool = True) -> bool:
    """What `analyze --overwrite` does with files that it made in a scratch folder."""
    folder.mkdir(exist_ok=True)
    sources = [folder / "aDLC.h5", folder / "aDLC.csv"]
    for source in sources:
        source.write_bytes(data)
    return commit.commit(
        sources, bench.folder(0), lambda files: bench.receipt(0, files=files), bench.rows[0],
        expected_of(bench.campaign), overwrite=forced,
    )  # fmt: skip


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """One row with a result, and a person's file in it."""
    made = make_bench(tmp_path / "campaign", ["a.mp4"])
    overwrite(made, OLD, tmp_path / "scratch")
    (made.folder(0) / "my overlay.mp4").write_bytes(MINE)
    return made


@pytest.fixture
def _no_disk_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)


def copy_of(bench: Bench, folder: Path) -> Bench:
    """The same campaign in another place."""
    shutil.copytree(bench.manifest.parent, folder)
    manifest = folder / bench.manifest.name
    return Bench(manifest, read_campaign(manifest), bench.rows)


def left_aside(bench: Bench) -> list[Path]:
    return list(bench.folder(0).parent.glob(f"{REPLACED_PREFIX}*"))


def results(bench: Bench) -> list[Path]:
    """Folders with a receipt that somebody could take for a result."""
    files = bench.campaign.out.rglob(RECEIPT_FILENAME)
    return [file.parent for file in files if not any(part.startswith(".") for part in file.parts)]


def assert_ledger(bench: Bench) -> bytes:
    """One whole result, old or new and never of both; a person's file is in it. Returns its content."""
    folder = bench.folder(0)
    assert [row.state for row in check(bench.manifest).rows] == [State.WHOLE]
    assert results(bench) == [folder]
    assert not left_aside(bench)
    receipt = read_receipt(folder)
    assert receipt is not None
    assert broken_files(receipt, folder) == []
    assert (folder / "my overlay.mp4").read_bytes() == MINE
    assert {file.name for file in folder.iterdir()} == {"aDLC.h5", "aDLC.csv", RECEIPT_FILENAME, "my overlay.mp4"}
    contents = {(folder / name).read_bytes() for name in ("aDLC.h5", "aDLC.csv")}
    assert len(contents) == 1
    return contents.pop()


def look_by_check(bench: Bench) -> None:
    assert check(bench.manifest).totals["whole"] == 1


def look_by_submit(bench: Bench) -> None:
    assert finished_rows(bench.manifest) == {0}


def look_by_analyze(bench: Bench) -> None:
    found = commit.standing(bench.folder(0), bench.rows[0], expected_of(bench.campaign))
    assert found.state is commit.Standing.FINISHED


def look_by_analyze_again(bench: Bench) -> None:
    assert not overwrite(bench, b"third", bench.manifest.parent / "scratch", forced=False)


LOOKS = (look_by_check, look_by_submit, look_by_analyze, look_by_analyze_again)


@pytest.mark.usefixtures("_no_disk_waits")
def test_killed_anywhere_in_an_overwrite_the_next_command_finds_a_whole_result(bench: Bench, tmp_path: Path) -> None:
    root, clean = bench.manifest.parent, tmp_path / "clean"
    shutil.copytree(root, clean)
    seen, changes = set(), 0
    for changes in killed_before_each_change(lambda: overwrite(bench, NEW, tmp_path / "scratch")):  # noqa: B007
        for look in LOOKS:
            copy = copy_of(bench, tmp_path / "copy")
            look(copy)
            seen.add(assert_ledger(copy))
            shutil.rmtree(tmp_path / "copy")
        assert overwrite(bench, NEW, tmp_path / "scratch")
        assert assert_ledger(bench) == NEW
        shutil.rmtree(root)
        shutil.copytree(clean, root)
    assert seen == {OLD, NEW}
    assert changes > 20


@pytest.mark.usefixtures("_no_disk_waits")
def test_killed_anywhere_in_the_first_commit_there_is_nothing_or_all(tmp_path: Path) -> None:
    bench = make_bench(tmp_path / "campaign", ["a.mp4"])
    states = set()
    for _ in killed_before_each_change(lambda: overwrite(bench, NEW, tmp_path / "scratch", forced=False)):
        states.add(check(bench.manifest).rows[0].state)
        assert results(bench) == ([bench.folder(0)] if check(bench.manifest).totals["whole"] else [])
        shutil.rmtree(bench.campaign.out, ignore_errors=True)
    assert states == {State.UNFINISHED, State.WHOLE}


def move_aside(bench: Bench) -> Path:
    """The state between two renames."""
    aside = bench.folder(0).with_name(f"{REPLACED_PREFIX}x")
    aside.mkdir()
    bench.folder(0).rename(aside / "a.mp4")
    return aside / "a.mp4"


def test_a_signal_between_two_renames_puts_the_old_result_back(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = placing._move_aside

    def stop(folder: Path) -> None:
        moved(folder)
        raise KeyboardInterrupt

    monkeypatch.setattr(placing, "_move_aside", stop)
    with pytest.raises(KeyboardInterrupt):
        overwrite(bench, NEW, tmp_path / "scratch")
    assert bench.folder(0).is_dir()
    assert assert_ledger(bench) == OLD


def test_what_has_appeared_meanwhile_and_is_whole_stays(bench: Bench, tmp_path: Path) -> None:
    move_aside(bench)
    bench.commit(0)
    placing.settle(bench.folder(0).parent)
    assert (bench.folder(0) / "my overlay.mp4").read_bytes() == MINE
    assert not (bench.folder(0) / "aDLC.h5").exists()
    assert not left_aside(bench)


def test_what_has_appeared_meanwhile_and_is_not_whole_makes_room(bench: Bench) -> None:
    move_aside(bench)
    bench.folder(0).mkdir()
    (bench.folder(0) / "labelled.mp4").write_bytes(b"another's")
    assert check(bench.manifest).totals["whole"] == 1
    placing.settle(bench.folder(0).parent)
    assert (bench.folder(0) / "labelled.mp4").read_bytes() == b"another's"
    assert (bench.folder(0) / "my overlay.mp4").read_bytes() == MINE
    assert not left_aside(bench)


def test_files_of_a_person_are_never_removed_for_their_name(bench: Bench) -> None:
    old = move_aside(bench)
    bench.commit(0)
    (bench.folder(0) / "my overlay.mp4").write_bytes(b"a newer one of theirs")
    placing.settle(bench.folder(0).parent)
    assert (old / "my overlay.mp4").read_bytes() == MINE
    assert (bench.folder(0) / "my overlay.mp4").read_bytes() == b"a newer one of theirs"
    (row,) = check(bench.manifest).rows
    assert row.state is State.WHOLE
    assert any(str(old) in note for note in row.notes)


def test_what_cannot_be_put_back_is_named(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a disk that is only read, or in somebody else's campaign."""
    old = move_aside(bench)

    def refuse(*_: object) -> Path:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", refuse)
    (row,) = check(bench.manifest).rows
    assert row.state is State.UNFINISHED
    assert row.notes == (
        f"a killed command left what it was replacing in {old}, and it cannot be moved back from here",
    )
    monkeypatch.undo()
    assert assert_ledger(bench) == OLD


def test_others_of_the_group_find_what_was_moved_aside(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placing, "settle", lambda _: None)
    mask = os.umask(0o022)
    try:
        overwrite(bench, NEW, tmp_path / "scratch")
    finally:
        os.umask(mask)
    (aside,) = left_aside(bench)
    assert aside.stat().st_mode & 0o777 == 0o755


def test_a_link_in_a_results_place_is_replaced_and_what_it_leads_to_stays(bench: Bench, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    bench.folder(0).rename(elsewhere)
    bench.folder(0).symlink_to(elsewhere)
    assert overwrite(bench, NEW, tmp_path / "scratch")
    assert not bench.folder(0).is_symlink()
    assert (bench.folder(0) / "aDLC.h5").read_bytes() == NEW
    assert (elsewhere / "my overlay.mp4").read_bytes() == MINE
    assert not left_aside(bench)


def test_everything_is_on_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = make_bench(tmp_path / "campaign", ["a.mp4"])
    diary = DiskDiary(monkeypatch)
    overwrite(bench, OLD, tmp_path / "scratch")
    first = [
        ("fsync", "aDLC.h5"),
        ("fsync", "aDLC.csv"),
        ("fsync", "receipt.json*"),
        ("rename", "receipt.json*", "receipt.json"),
        ("fsync", "attempt*"),
        ("rename", "attempt*", "a.mp4"),
        ("fsync", bench.folder(0).parent.name),
    ]
    assert diary.events == first
    diary.events.clear()
    overwrite(bench, NEW, tmp_path / "scratch")
    assert diary.events == [*first[:5], ("rename", "a.mp4", "a.mp4"), *first[5:]]


def test_what_is_put_back_is_on_disk_as_well(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = bench.folder(0).parent
    (parent / ".dlcctr-replaced-x").mkdir()
    bench.folder(0).rename(parent / ".dlcctr-replaced-x" / bench.folder(0).name)
    diary = DiskDiary(monkeypatch)
    placing.settle(parent)
    assert diary.events == [("rename", "a.mp4", "a.mp4"), ("fsync", parent.name)]


def overwrite_for_ever(bench: Bench, number: int, folder: Path) -> None:
    count = 0
    while True:
        count += 1
        overwrite(bench, f"{number}:{count} ".encode() * 50, folder / str(number))


@pytest.mark.usefixtures("_no_disk_waits")
def test_several_overwrite_one_row_and_are_killed_at_random(bench: Bench, tmp_path: Path) -> None:
    """Two at a time, and `check` beside them; whatever dies when, a whole result and the person's file are there."""
    chance = random.Random(20261126)
    for kill in range(40):
        children = []
        for number in range(2):
            child = os.fork()
            if child == 0:
                overwrite_for_ever(bench, number, tmp_path)
            children.append(child)
        end = time.monotonic() + chance.uniform(0.005, 0.06)
        while time.monotonic() < end:
            placing.settle(bench.folder(0).parent)
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        placing.settle(bench.folder(0).parent)
        assert assert_ledger(bench), kill
