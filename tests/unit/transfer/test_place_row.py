from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dlcctr.campaign.paths import incoming_folder
from dlcctr.contract import RECEIPT_FILENAME
from dlcctr.results.check import check
from dlcctr.results.receipt import read_receipt
from dlcctr.results.row_state import State
from dlcctr.transfer.fetch import FetchResult, rows_to_take, take_failures
from dlcctr.transfer.place_row import IncomingRow, place_row
from dlcctr.transfer.remote import Remote
from dlcctr.transfer.remote_shell import PARTIAL_FOLDER
from tests.unit.support.results import Bench, make_bench


class Sides:
    """The same campaign here and there; `arrive` does what rsync would."""

    def __init__(self, folder: Path) -> None:
        self.here = make_bench(folder / "here", ["a.mp4", "b/a.mp4"])
        self.there = make_bench(folder / "there", ["a.mp4", "b/a.mp4"])
        self.private = incoming_folder(self.here.campaign)
        self.done = FetchResult(Remote("c", "/x"))

    def mirror(self) -> list[IncomingRow]:
        for file in self.there.campaign.out.rglob("*.json"):
            target = self.private / "receipts" / file.relative_to(self.there.campaign.out)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
        return rows_to_take(self.private, self.here.campaign.out, self.here.rows, self.done)

    def arrive(self) -> IncomingRow:
        (incoming,) = self.mirror()
        shutil.copytree(self.there.campaign.out / incoming.name, incoming.private)
        return incoming

    def state(self, bench: Bench | None = None) -> State:
        return check((bench or self.here).manifest).rows[0].state


@pytest.fixture
def sides(tmp_path: Path) -> Sides:
    made = Sides(tmp_path)
    made.there.commit(0)
    return made


def test_a_whole_row_is_put_in_place(sides: Sides) -> None:
    incoming = sides.arrive()
    assert (incoming.row.index, sorted(incoming.sizes)) == (0, sorted(file.name for file in incoming.private.iterdir()))
    sides.here.failure_file(0).parent.mkdir(parents=True)
    sides.here.failure_file(0).write_text("{}")
    assert place_row(incoming)
    assert sides.state() is State.WHOLE
    assert not incoming.private.exists()
    assert not sides.here.failure_file(0).exists()
    assert sides.mirror() == []
    assert sides.done.here == [0]


def lose_a_file(incoming: IncomingRow) -> None:
    next(incoming.private.glob("*.h5")).unlink()


def truncate_a_file(incoming: IncomingRow) -> None:
    file = next(incoming.private.glob("*.h5"))
    file.write_bytes(file.read_bytes()[:-1])


def edit_a_file(incoming: IncomingRow) -> None:
    file = next(incoming.private.glob("*.h5"))
    file.write_bytes(file.read_bytes().replace(b"7", b"8", 1))


def lose_the_receipt(incoming: IncomingRow) -> None:
    (incoming.private / RECEIPT_FILENAME).unlink()


def get_another_receipt(incoming: IncomingRow) -> None:
    file = incoming.private / RECEIPT_FILENAME
    file.write_bytes(file.read_bytes() + b" ")


def hold_a_part(incoming: IncomingRow) -> None:
    (incoming.private / PARTIAL_FOLDER).mkdir()


@pytest.mark.parametrize(
    "damage", [lose_a_file, truncate_a_file, edit_a_file, lose_the_receipt, get_another_receipt, hold_a_part]
)
def test_what_is_not_whole_stays_private(sides: Sides, damage: object) -> None:
    incoming = sides.arrive()
    damage(incoming)  # type: ignore[operator]
    assert not place_row(incoming)
    assert not incoming.folder.exists()
    assert incoming.private.exists()


def test_nothing_that_arrived_is_nothing(sides: Sides) -> None:
    (incoming,) = sides.mirror()
    assert not place_row(incoming)


def test_a_newer_result_replaces_the_one_here_and_your_own_files_stay(sides: Sides) -> None:
    sides.here.commit(0, finished="2025-01-01T00:00:00+00:00")
    (sides.here.folder(0) / "my overlay.mp4").write_bytes(b"mine")
    incoming = sides.arrive()
    assert place_row(incoming)
    assert read_receipt(sides.here.folder(0)) == read_receipt(sides.there.folder(0))
    assert (sides.here.folder(0) / "my overlay.mp4").read_bytes() == b"mine"
    assert not incoming.old.exists()


def test_a_newer_result_here_is_kept(sides: Sides) -> None:
    sides.here.commit(0, finished="2027-01-01T00:00:00+00:00")
    assert sides.mirror() == []
    assert sides.done.here == [0]
    assert "is kept" in sides.done.notes[0]


def test_a_broken_result_here_is_replaced(sides: Sides) -> None:
    sides.here.commit(0, finished="2027-01-01T00:00:00+00:00")
    next(sides.here.folder(0).glob("*.h5")).unlink()
    assert place_row(sides.arrive())
    assert sides.state() is State.WHOLE


def test_killed_between_two_renames_it_goes_on(sides: Sides) -> None:
    sides.here.commit(0, finished="2025-01-01T00:00:00+00:00")
    (sides.here.folder(0) / "my overlay.mp4").write_bytes(b"mine")
    incoming = sides.arrive()
    incoming.old.parent.mkdir(parents=True)
    incoming.folder.rename(incoming.old)
    (again,) = sides.mirror()
    assert place_row(again)
    assert sides.state() is State.WHOLE
    assert (sides.here.folder(0) / "my overlay.mp4").read_bytes() == b"mine"
    assert not incoming.old.exists()


def test_a_receipt_that_is_none_is_left_there(sides: Sides) -> None:
    (sides.there.folder(0) / RECEIPT_FILENAME).write_text("{")
    assert sides.mirror() == []
    assert "row 0: left there" in sides.done.notes[0]


def test_results_of_other_videos_are_left_there(sides: Sides) -> None:
    foreign = sides.there.campaign.out / "model" / "foreign.mp4"
    shutil.copytree(sides.there.folder(0), foreign)
    assert [incoming.row.index for incoming in sides.mirror()] == [0]


def test_failures_come_along_unless_the_row_has_a_result(sides: Sides) -> None:
    for index in (0, 1):
        sides.there.failure_file(index).parent.mkdir(parents=True, exist_ok=True)
        sides.there.failure_file(index).write_text(f'{{"row": {index}}}')
    sides.mirror()
    sides.done.taken = [0]
    take_failures(sides.private / "receipts", sides.here.campaign.out, sides.here.rows, sides.done)
    assert sides.done.failed == [1]
    assert sides.here.failure_file(1).read_text() == '{"row": 1}'
    assert not sides.here.failure_file(0).exists()
