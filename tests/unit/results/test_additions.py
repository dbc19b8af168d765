from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dlcctr.errors import OutputError
from dlcctr.results.additions import add_files, locked
from dlcctr.results.check import check
from dlcctr.results.commit import Standing, standing
from dlcctr.results.expected import expected_of
from dlcctr.results.receipt import broken_files, read_receipt
from dlcctr.results.row_state import State
from tests.unit.support.disk_steps import killed_before_each_change
from tests.unit.support.results import Bench, make_bench


def states(bench: Bench) -> list[tuple[State, str]]:
    return [(row.state, row.cause) for row in check(bench.manifest).rows]


def test_added_files_are_part_of_the_result(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, ["a.mp4"])
    folder = bench.commit(0)
    before = read_receipt(folder)
    receipt = add_files(folder, {"quality.json": b"{}", "quality.csv.gz": b"1"})
    assert before is not None
    assert [entry.name for entry in receipt.files] == [
        *(entry.name for entry in before.files), "quality.json", "quality.csv.gz"
    ]  # fmt: skip
    assert read_receipt(folder) == receipt
    assert states(bench) == [(State.WHOLE, "")]
    (folder / "quality.json").write_bytes(b"[]")
    assert states(bench)[0][0] is State.BROKEN


def test_files_of_an_earlier_run_are_replaced_or_go(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, ["a.mp4"])
    folder = bench.commit(0)
    add_files(folder, {"quality.json": b"{}", "picture-1.jpg": b"1"})
    receipt = add_files(folder, {"quality.json": b"{ }"}, gone=["picture-1.jpg"])
    assert [entry.name for entry in receipt.files if entry.name.startswith(("q", "p"))] == ["quality.json"]
    assert not (folder / "picture-1.jpg").exists()
    assert states(bench) == [(State.WHOLE, "")]


def test_a_kill_at_any_moment_leaves_a_whole_result(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, ["a.mp4"])
    folder = bench.commit(0)
    add_files(folder, {"quality.json": b"old"})
    kept = tmp_path / "kept"
    shutil.copytree(folder, kept)
    moments = 0
    for _ in killed_before_each_change(lambda: add_files(folder, {"quality.json": b"new", "quality.csv.gz": b"1"})):
        moments += 1
        found = standing(folder, bench.rows[0], expected_of(bench.campaign))
        assert found.state is Standing.FINISHED, found
        receipt = read_receipt(folder)
        assert receipt is not None and not broken_files(receipt, folder)
        last = {entry.name for entry in receipt.files}
        shutil.rmtree(folder)
        shutil.copytree(kept, folder)
    assert moments > 8
    assert {"quality.json", "quality.csv.gz"} <= last


def test_a_folder_without_a_receipt_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no receipt"):
        add_files(tmp_path, {"quality.json": b""})


def test_one_command_at_a_time(tmp_path: Path) -> None:
    with locked(tmp_path) as first, locked(tmp_path) as second:
        assert (first, second) == (True, False)
    with locked(tmp_path) as again:
        assert again
