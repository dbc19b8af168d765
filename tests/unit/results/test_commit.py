from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dlcctr.contract import ATTEMPT_PREFIX, RECEIPT_FILENAME, RowState
from dlcctr.errors import ContractError, ManifestError, OutputError
from dlcctr.results import commit
from dlcctr.results.expected import Expected, expected_of
from dlcctr.results.receipt import Receipt, broken_files, read_receipt
from dlcctr.results.sections import Columns, OutputFile
from dlcctr.system import disk
from tests.unit.support.results import Bench, make_bench


@dataclass
class Case:
    """One row, files that stand for DeepLabCut's, and the call that commits them."""

    bench: Bench
    sources: list[Path]

    @property
    def folder(self) -> Path:
        return self.bench.folder(0)

    @property
    def expected(self) -> Expected:
        return expected_of(self.bench.campaign)

    def receipt(self, entries: list[OutputFile]) -> Receipt:
        return self.bench.receipt(0, files=entries)

    def commit(self, **options: Any) -> bool:
        return commit.commit(
            self.sources, self.folder, self.receipt, self.bench.rows[0], self.expected, **options
        )  # fmt: skip

    def standing(self) -> commit.ExistingResult:
        return commit.standing(self.folder, self.bench.rows[0], self.expected)

    def leftovers(self) -> list[str]:
        return [path.name for path in self.folder.parent.glob(f"{ATTEMPT_PREFIX}*")]


@pytest.fixture
def case(tmp_path: Path) -> Case:
    bench = make_bench(tmp_path, ["a.mp4"])
    sources = [tmp_path / "scratch" / name for name in ("aDLC.h5", "aDLC.csv")]
    sources[0].parent.mkdir()
    for source in sources:
        source.write_bytes(source.name.encode() * 1000)
    return Case(bench, sources)


def test_a_commit_is_whole(case: Case) -> None:
    assert case.standing().state == "absent"
    assert case.commit()
    receipt = read_receipt(case.folder)
    assert receipt is not None
    assert broken_files(receipt, case.folder) == []
    assert case.standing().state == "finished"
    assert {path.name for path in case.folder.iterdir()} == {"aDLC.h5", "aDLC.csv", RECEIPT_FILENAME}
    assert case.leftovers() == []


def test_others_of_the_group_can_read_it(case: Case) -> None:
    mask = os.umask(0o022)
    try:
        case.commit()
    finally:
        os.umask(mask)
    assert case.folder.stat().st_mode & 0o777 == 0o755
    assert {path.stat().st_mode & 0o777 for path in case.folder.iterdir()} == {0o644}


def truncate(case: Case) -> None:
    (case.folder / "aDLC.h5").write_bytes(b"half")


def half_receipt(case: Case) -> None:
    file = case.folder / RECEIPT_FILENAME
    file.write_text(file.read_text()[:100])


def no_csv(case: Case) -> None:
    (case.folder / "aDLC.csv").unlink()
    case.bench.write_receipt(0)


@pytest.mark.parametrize(
    "damage",
    [
        truncate,
        half_receipt,
        no_csv,
        lambda case: (case.folder / RECEIPT_FILENAME).unlink(),
        lambda case: (case.folder / RECEIPT_FILENAME).write_bytes(b"\xff\xfe"),
        lambda case: (case.folder / "aDLC.h5").unlink(),
        lambda case: case.bench.write_receipt(0, state=RowState.FAILED),
        lambda case: case.bench.write_receipt(0, columns=Columns(19)),
    ],
)
def test_a_broken_result_is_replaced(case: Case, damage: Callable[[Case], None]) -> None:
    case.commit()
    damage(case)
    assert case.standing().state == "broken"
    assert case.commit()
    assert case.standing().state == "finished"
    assert case.leftovers() == []


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"row": {"video": "a.mp4", "fingerprint": "v1:other"}}, "video"),
        ({"model": {"hash": "cd" * 32}}, "model"),
        ({"parameters": {"shuffle": 1, "trainset_index": 0, "crop": [0, 1, 0, 1], "csv": True}}, "crop"),
    ],
)
def test_a_whole_result_of_something_else_is_told_apart(case: Case, changes: dict[str, Any], word: str) -> None:
    case.commit()
    case.bench.write_receipt(0, **changes)
    found = case.standing()
    assert found.state == "other"
    assert word in found.detail


def test_a_result_of_something_else_that_came_meanwhile_is_not_replaced(case: Case) -> None:
    """Two campaigns with one results folder, or two rows: the slower one must not take the other's place."""
    case.commit()
    case.bench.write_receipt(0, row={"video": "a.mp4", "fingerprint": "v1:other"})
    before = (case.folder / RECEIPT_FILENAME).read_bytes()
    with pytest.raises(ManifestError, match="holds a finished result, but foreign receipt") as caught:
        case.commit()
    assert "output.root" in caught.value.hint
    assert (case.folder / RECEIPT_FILENAME).read_bytes() == before
    assert case.leftovers() == []
    assert case.commit(overwrite=True)
    assert case.standing().state == "finished"


def test_another_contract_is_not_guessed_at(case: Case) -> None:
    case.commit()
    case.bench.write_receipt(0, contract=99)
    with pytest.raises(ContractError):
        case.standing()


def test_a_finished_result_stays(case: Case) -> None:
    case.commit()
    before = (case.folder / RECEIPT_FILENAME).stat().st_mtime_ns
    case.sources[0].write_bytes(b"slower")
    assert not case.commit()
    assert (case.folder / RECEIPT_FILENAME).stat().st_mtime_ns == before
    assert case.leftovers() == []


def test_overwriting_keeps_what_people_put_there(case: Case) -> None:
    case.commit()
    (case.folder / "a_labeled.mp4").write_bytes(b"a person's")
    case.sources[0].write_bytes(b"new")
    assert case.commit(overwrite=True)
    assert (case.folder / "aDLC.h5").read_bytes() == b"new"
    assert (case.folder / "a_labeled.mp4").read_bytes() == b"a person's"
    assert case.leftovers() == []


def test_a_foreign_file_in_the_way_is_not_touched(case: Case) -> None:
    case.folder.parent.mkdir(parents=True)
    case.folder.write_text("somebody's")
    with pytest.raises(OutputError, match="cannot be written"):
        case.commit(overwrite=True)
    assert case.folder.read_text() == "somebody's"


STEPS = ("copyfile", "fsync_path", "write_text_atomic", "rename")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EIO])
def test_an_error_at_any_step_leaves_nothing(
    case: Case, monkeypatch: pytest.MonkeyPatch, step: str, number: int
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    where: Any = {"copyfile": commit.shutil, "rename": Path}.get(step, commit)
    monkeypatch.setattr(where, step, fail)
    with pytest.raises(OutputError) as caught:
        case.commit()
    monkeypatch.undo()
    assert ("full" in caught.value.message) == (number in (errno.ENOSPC, errno.EDQUOT))
    assert caught.value.hint
    assert list(case.folder.parent.iterdir()) == []


def commit_in_child(case: Case, go: Any, results: Any) -> None:
    go.wait()
    results.put(case.commit())


def test_of_attempts_at_once_exactly_one_commits(case: Case) -> None:
    context = multiprocessing.get_context("fork")
    go, results = context.Event(), context.Queue()
    children = [context.Process(target=commit_in_child, args=(case, go, results)) for _ in range(6)]
    for child in children:
        child.start()
    go.set()
    won = [results.get(timeout=60) for _ in children]
    for child in children:
        child.join()
    assert sorted(won) == [False] * 5 + [True]
    assert case.standing().state == "finished"
    assert case.leftovers() == []


def make_leftover(case: Case, *, age_s: float, boot: str = "") -> Path:
    folder = case.folder.parent / f"{ATTEMPT_PREFIX}{boot or commit._boot()}-x"
    folder.mkdir(parents=True)
    (folder / "half.h5").write_bytes(b"half")
    os.utime(folder, (time.time() - age_s,) * 2)
    return folder


def test_what_a_killed_attempt_left_is_removed(case: Case) -> None:
    left = make_leftover(case, age_s=60)
    case.commit()
    assert not left.exists()


def test_what_a_living_attempt_holds_is_not(case: Case) -> None:
    living = make_leftover(case, age_s=60)
    handle = os.open(living, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    case.commit()
    assert living.exists()
    os.close(handle)


def test_what_another_machine_left_is_removed_after_a_day(case: Case) -> None:
    fresh = make_leftover(case, age_s=3600, boot="elsewhere")
    case.commit()
    assert fresh.exists()
    os.utime(fresh, (time.time() - 2 * 24 * 3600,) * 2)
    case.commit(overwrite=True)
    assert not fresh.exists()


def test_too_little_space_is_said_before_the_work(case: Case) -> None:
    with pytest.raises(OutputError, match=r"about 1000000\.0 TB needed"):
        disk.check_writable(case.folder, 10**18)


def test_a_place_below_a_file_cannot_be_written(case: Case, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file") as caught:
        disk.check_writable(tmp_path / "file" / "x" / "a.mp4", 1)
    assert "output.root" in caught.value.hint


def test_a_failure_is_noted_and_taken_back(case: Case) -> None:
    file = case.bench.failure_file(0)
    assert commit.write_failure(file, case.bench.receipt(0, state=RowState.FAILED))
    assert '"failed"' in file.read_text()
    commit.remove_failure(file)
    commit.remove_failure(file)
    assert not file.exists()


def test_a_failure_that_cannot_be_noted_is_no_second_failure(case: Case, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert not commit.write_failure(tmp_path / "file" / "a.failed.json", case.bench.receipt(0))
