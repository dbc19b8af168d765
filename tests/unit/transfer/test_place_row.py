from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dlcctr.campaign.paths import incoming_folder
from dlcctr.contract import RECEIPT_FILENAME
from dlcctr.results.check import check
from dlcctr.results.expected import ExpectedOfRows
from dlcctr.results.row_state import State
from dlcctr.transfer.incoming import Choice, choose_incoming
from dlcctr.transfer.place_row import IncomingRow, Outcome, place_row
from dlcctr.transfer.remote.shell import PARTIAL_FOLDER
from tests.unit.support.results import make_bench


class Sides:
    """The same campaign here and there; `arrive` does what rsync would."""

    def __init__(self, folder: Path) -> None:
        self.here = make_bench(folder / "here", ["a.mp4", "b/a.mp4"])
        self.there = make_bench(folder / "there", ["a.mp4", "b/a.mp4"])
        self.private = incoming_folder(self.here.campaign)

    def mirror(self) -> Choice:
        for file in self.there.campaign.out.rglob("*.json"):
            target = self.private / "receipts" / file.relative_to(self.there.campaign.out)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
        campaign = self.here.campaign
        return choose_incoming(self.private, campaign.out, self.here.rows, ExpectedOfRows(campaign), 10**9)

    def arrive(self) -> IncomingRow:
        (incoming,) = self.mirror().take
        shutil.copytree(self.there.campaign.out / incoming.name, incoming.private)
        return incoming


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
    assert place_row(incoming) is Outcome.PLACED
    assert check(sides.here.manifest).rows[0].state is State.WHOLE
    assert not incoming.private.exists()
    assert not sides.here.failure_file(0).exists()
    assert (sides.mirror().take, sides.mirror().here) == ([], [0])


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
def test_what_is_not_whole_stays_private(sides: Sides, damage: Callable[[IncomingRow], None]) -> None:
    incoming = sides.arrive()
    damage(incoming)
    assert place_row(incoming) is Outcome.WRONG
    assert not incoming.folder.exists()
    assert incoming.private.exists()


def test_nothing_that_arrived_is_nothing(sides: Sides) -> None:
    (incoming,) = sides.mirror().take
    assert place_row(incoming) is Outcome.WRONG
