"""What is taken from the other side is held against the manifest, the model and the hashes, row by row."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dlcctr.campaign.config import write_campaign
from dlcctr.campaign.manifest import write_manifest
from dlcctr.cli import make_app
from dlcctr.contract import RECEIPT_FILENAME, REPLACED_PREFIX, ExitCode, RowState
from dlcctr.errors import ManifestError, TryAgainError
from dlcctr.model.inspection import inspect_model
from dlcctr.results import placing
from dlcctr.results.check import check, finished_rows
from dlcctr.results.row_state import State
from dlcctr.results.sections import AnalysedRow, Columns, FrameCounts, OutputFile, Parameters
from dlcctr.slurm.status.status import status
from tests.unit.support.disk_steps import DiskDiary, killed_before_each_change
from tests.unit.support.projects import pytorch_project
from tests.unit.support.results import MODEL_HASH, Bench
from tests.unit.support.state_files import unsigned
from tests.unit.support.two_sides import TwoSides


@pytest.fixture
def sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TwoSides:
    """Rows 0 and 1 are finished there, 2 is not."""
    made = TwoSides(tmp_path, monkeypatch)
    made.there.commit(0)
    made.there.commit(1)
    return made


def edit_receipt(bench: Bench, change: Callable[[dict[str, Any]], object]) -> None:
    file = bench.folder(0) / RECEIPT_FILENAME
    table = json.loads(unsigned(file.read_text()))
    change(table)
    file.write_text(json.dumps(table))


def test_finished_rows_are_taken_once(sides: TwoSides) -> None:
    done = sides.fetch()
    assert (done.taken, done.here, done.waiting, done.refused, done.exit_code) == ([0, 1], [], [2], [], ExitCode.OK)
    assert sides.content(sides.here, 0) == sides.content(sides.there, 0)
    assert check(sides.here.manifest).totals["whole"] == 2
    again = sides.fetch()
    assert (again.taken, again.here, again.waiting) == ([], [0, 1], [2])


def cut(bench: Bench) -> None:
    file = bench.folder(0) / RECEIPT_FILENAME
    file.write_bytes(file.read_bytes()[:200])


def no_text(bench: Bench) -> None:
    (bench.folder(0) / RECEIPT_FILENAME).write_bytes(b"\xff\xfe\x00")


def a_folder(bench: Bench) -> None:
    (bench.folder(0) / RECEIPT_FILENAME).unlink()
    (bench.folder(0) / RECEIPT_FILENAME).mkdir()


def of_another_row(bench: Bench) -> None:
    shutil.copy(bench.folder(1) / RECEIPT_FILENAME, bench.folder(0) / RECEIPT_FILENAME)


def with_file_name(name: str) -> Callable[[Bench], None]:
    return lambda bench: edit_receipt(bench, lambda table: table["files"][0].update(name=name))


def with_key(key: str, value: object) -> Callable[[Bench], None]:
    return lambda bench: edit_receipt(bench, lambda table: table.update({key: value}))


def with_changes(**changes: Any) -> Callable[[Bench], None]:
    return lambda bench: bench.write_receipt(0, **changes)


def of_a_video(**changes: Any) -> Callable[[Bench], None]:
    def damage(bench: Bench) -> None:
        row = bench.rows[0]
        bench.write_receipt(0, row=replace(AnalysedRow(0, row.video, row.fingerprint, row.bytes), **changes))

    return damage


BAD_RECEIPTS: dict[str, tuple[Callable[[Bench], None], str]] = {
    "cut": (cut, "not a receipt"),
    "bytes": (no_text, "not a receipt"),
    "folder": (a_folder, "cannot be read"),
    "list": (lambda bench: (bench.folder(0) / RECEIPT_FILENAME).write_text("[1]") and None, "not a receipt"),
    "version": (with_key("contract", 99), "written for contract version 99"),
    "type": (with_key("row", "0"), "not a receipt"),
    "other row": (of_another_row, "foreign receipt: it belongs to the video 'b/a.mp4'"),
    "video": (of_a_video(video="z.mp4"), "foreign receipt: it belongs to the video 'z.mp4'"),
    "content": (of_a_video(fingerprint="v1:700:" + "0" * 32), "its fingerprint is not the manifest's"),
    "no content": (of_a_video(fingerprint=""), "its fingerprint is not the manifest's"),
    "size": (of_a_video(bytes=5), "foreign receipt: it belongs to a video of 5 bytes"),
    "model": (lambda bench: edit_receipt(bench, lambda table: table["model"].update(hash="cd" * 32)), "another model"),
    "crop": (with_changes(parameters=Parameters(1, 0, (0, 5, 0, 5), csv=True)), "it was made with crop"),
    "failed": (with_changes(state=RowState.FAILED), "is in a results folder but says failed"),
    "frames": (with_changes(frames=FrameCounts(20, 20, 19)), "frame counts contradict"),
    "no frames": (with_changes(frames=None), "no frame counts"),
    "columns": (with_changes(columns=Columns(20, (("tail", "x"),))), "its columns are not the model's"),
    "no files": (with_changes(files=[]), "does not list exactly one .h5"),
    "twice": (lambda bench: edit_receipt(bench, lambda t: t["files"].append(t["files"][0])), "listed more than once"),
    "huge": (with_changes(files=[OutputFile("a.h5", 10**18, "00" * 32), OutputFile("a.csv", 1, "00" * 32)]), "TB"),
    "negative": (lambda bench: edit_receipt(bench, lambda t: t["files"][0].update(bytes=-1)), "cannot have -1 bytes"),
    "hash": (lambda bench: edit_receipt(bench, lambda t: t["files"][0].update(sha256="x")), "and the sha256 'x'"),
    "up": (with_file_name("../../../m.csv"), "leads to another folder"),
    "dots": (with_file_name(".."), "leads to another folder"),
    "absolute": (with_file_name("/etc/passwd"), "leads to another folder"),
    "empty": (with_file_name(""), "it is empty"),
    "nul": (with_file_name("a\0.h5"), "it contains a NUL character"),
    "surrogate": (with_file_name("a\ud800.h5"), "half a character"),
    "long": (with_file_name("a" * 300 + ".h5"), "longer than 255 bytes"),
    "receipt": (with_file_name(RECEIPT_FILENAME), "the name is dlcctr's own"),
    "private": (with_file_name(".dlcctr-partial"), "the name is dlcctr's own"),
}


@pytest.mark.parametrize("mine", ["none", "whole and older", "broken"])
@pytest.mark.parametrize("name", BAD_RECEIPTS)
def test_a_bad_receipt_costs_its_own_row_only(sides: TwoSides, name: str, mine: str) -> None:
    damage, words = BAD_RECEIPTS[name]
    if mine != "none":
        sides.here.commit(0, finished="1990-01-01T00:00:00+00:00")
        (sides.here.folder(0) / "my overlay.mp4").write_bytes(b"mine")
    if mine == "broken":
        next(sides.here.folder(0).glob("*.h5")).write_bytes(b"half")
    before = sides.content(sides.here, 0)
    damage(sides.there)
    done = sides.fetch()
    assert [row.index for row in done.refused] == [0]
    assert words in done.refused[0].cause
    assert str(sides.here.campaign.out) not in done.refused[0].cause
    assert (done.taken, done.waiting, done.exit_code) == ([1], [2], ExitCode.OUTPUT)
    assert sides.content(sides.here, 0) == before
    assert not any(taken.startswith("mouse-shuffle1-snapshot-9-abababab/a.mp4/") for taken in sides.far.taken)


def flip_a_byte(bench: Bench) -> None:
    file = next(bench.folder(0).glob("*.h5"))
    file.write_bytes(file.read_bytes().replace(b"7", b"8", 1))


def lose_a_file(bench: Bench) -> None:
    next(bench.folder(0).glob("*.csv")).unlink()


def truncate_a_file(bench: Bench) -> None:
    next(bench.folder(0).glob("*.h5")).write_bytes(b"half")


def link_a_file(bench: Bench) -> None:
    file = next(bench.folder(0).glob("*.csv"))
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize("damage", [flip_a_byte, lose_a_file, truncate_a_file, link_a_file])
def test_files_that_are_not_their_receipts_replace_nothing(sides: TwoSides, damage: Callable[[Bench], None]) -> None:
    sides.here.commit(0, finished="1990-01-01T00:00:00+00:00")
    before = sides.content(sides.here, 0)
    damage(sides.there)
    for _ in range(2):
        done = sides.fetch()
        assert [(row.index, row.cause) for row in done.refused] == [(0, "its files there do not match its receipt")]
        assert done.exit_code == ExitCode.OUTPUT
        assert sides.content(sides.here, 0) == before
    assert check(sides.here.manifest).totals["whole"] == 2


def test_a_row_that_is_analysed_anew_meanwhile_is_for_the_next_time(sides: TwoSides) -> None:
    take = sides.far.take

    def meanwhile(*args: Any, **options: Any) -> None:
        flip_a_byte(sides.there)
        sides.there.write_receipt(0, finished="2026-02-01T00:00:00+00:00")
        take(*args, **options)

    sides.far.take = meanwhile  # type: ignore[method-assign]
    done = sides.fetch()
    assert [(row.index, row.again) for row in done.refused] == [(0, True)]
    assert (done.taken, done.exit_code) == ([1], ExitCode.TRY_AGAIN)
    sides.far.take = take  # type: ignore[method-assign]
    assert sides.fetch().taken == [0]
    assert check(sides.here.manifest).totals["whole"] == 2


WHOLE: dict[str, Any] = {}
DEGRADED = {
    "state": RowState.DEGRADED,
    "cause": "1 of 20 frames does not decode",
    "frames": FrameCounts(20, 20, 19, ((3, 4),)),
}
EARLY, LATE = "1990-01-01T00:00:00+00:00", "2099-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("mine", "theirs", "is_taken"),
    [
        ((WHOLE, EARLY), (WHOLE, LATE), True),
        ((WHOLE, LATE), (WHOLE, EARLY), False),
        ((WHOLE, EARLY), (DEGRADED, LATE), False),
        ((WHOLE, LATE), (DEGRADED, EARLY), False),
        ((DEGRADED, LATE), (WHOLE, EARLY), True),
        ((DEGRADED, EARLY), (DEGRADED, LATE), True),
        ((DEGRADED, LATE), (DEGRADED, EARLY), False),
        ((WHOLE, "no time"), (WHOLE, LATE), True),
        ((WHOLE, LATE), (WHOLE, "no time"), False),
    ],
)
def test_whole_goes_before_degraded_and_newer_before_older(
    sides: TwoSides, mine: tuple[dict[str, Any], str], theirs: tuple[dict[str, Any], str], is_taken: bool
) -> None:
    sides.here.commit(0, finished=mine[1], **mine[0])
    sides.there.write_receipt(0, finished=theirs[1], **theirs[0])
    done = sides.fetch()
    assert (0 in done.taken, 0 in done.here) == (is_taken, not is_taken)
    assert is_taken or any("row 0: the result here is kept" in note for note in done.notes)
    assert sides.content(sides.here, 0) == sides.content(sides.there if is_taken else sides.here, 0)


@pytest.mark.parametrize("damage", [flip_a_byte, lose_a_file, cut])
def test_a_broken_result_here_is_replaced_whatever_its_clock_says(
    sides: TwoSides, damage: Callable[[Bench], None]
) -> None:
    sides.here.commit(0, finished=LATE)
    (sides.here.folder(0) / "my overlay.mp4").write_bytes(b"mine")
    damage(sides.here)
    assert sides.fetch().taken == [0, 1]
    assert check(sides.here.manifest).totals["whole"] == 2
    assert sides.content(sides.here, 0)["my overlay.mp4"] == b"mine"


def test_a_result_that_appears_here_meanwhile_is_not_replaced_by_an_older_one(sides: TwoSides) -> None:
    take = sides.far.take

    def meanwhile(*args: Any, **options: Any) -> None:
        sides.here.commit(0, finished=LATE)
        take(*args, **options)

    sides.far.take = meanwhile  # type: ignore[method-assign]
    done = sides.fetch()
    assert (done.taken, done.here) == ([1], [0])
    assert LATE in sides.content(sides.here, 0)[RECEIPT_FILENAME].decode()


def test_a_result_here_that_is_of_another_contract_is_left_alone(sides: TwoSides) -> None:
    sides.here.commit(0, contract=99)
    before = sides.content(sides.here, 0)
    done = sides.fetch()
    assert "the result here" in done.refused[0].cause
    assert done.refused[0].remedy
    assert (done.taken, sides.content(sides.here, 0)) == ([1], before)


def test_results_of_other_models_and_videos_are_not_looked_at(sides: TwoSides) -> None:
    root = sides.there.folder(0).parent
    shutil.copytree(sides.there.folder(0), root / "foreign.mp4")
    shutil.copytree(root, root.with_name("another-model"))
    assert sides.fetch().taken == [0, 1]
    assert [path.name for path in sides.here.campaign.out.glob("[!.]*")] == [root.name]


def test_another_index_of_the_same_video_is_a_note(sides: TwoSides) -> None:
    of_a_video(index=7)(sides.there)
    done = sides.fetch()
    assert (done.taken, done.notes) == ([0, 1], ["row 0: analysed as row 7 of another manifest"])


def test_a_row_whose_own_model_is_not_here_costs_itself_only(sides: TwoSides) -> None:
    sides.here.rows[0] = replace(sides.here.rows[0], model="gone")
    write_manifest(sides.here.manifest, sides.here.rows)
    done = sides.fetch()
    assert (done.taken, [row.index for row in done.refused]) == ([1], [0])
    assert "its model here" in done.refused[0].cause
    assert done.refused[0].remedy


def test_without_a_word_on_the_model_nothing_is_taken_unless_it_is_given(sides: TwoSides, tmp_path: Path) -> None:
    write_campaign(sides.here.campaign.without_model_facts())
    with pytest.raises(ManifestError, match="does not say which model"):
        sides.fetch()
    project = pytorch_project(tmp_path / "mouse")
    assert inspect_model(project).hash != MODEL_HASH
    done = sides.fetch(model=project)
    assert (done.taken, done.waiting) == ([], [0, 1, 2])


def test_files_of_an_earlier_transfer_do_not_come_along(sides: TwoSides) -> None:
    name = sides.there.folder(0).relative_to(sides.there.campaign.out)
    left = sides.here.campaign.out / ".dlcctr-fetch" / "rows" / name / "old_full.pickle"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"of a receipt that is gone")
    assert sides.fetch().taken == [0, 1]
    assert sides.content(sides.here, 0) == sides.content(sides.there, 0)


def test_one_row_that_cannot_be_placed_does_not_keep_the_others(sides: TwoSides) -> None:
    sides.here.folder(0).parent.mkdir(parents=True)
    sides.here.folder(0).write_text("somebody's")
    done = sides.fetch()
    assert (done.taken, [row.index for row in done.refused]) == ([1], [0])
    assert "cannot be put in place" in done.refused[0].cause
    assert sides.here.folder(0).read_text() == "somebody's"


def test_where_the_connection_breaks_what_is_whole_is_placed(sides: TwoSides) -> None:
    take = sides.far.take

    def broken(folder: str, target: Path, sizes: dict[str, int], **_: Any) -> None:
        take(folder, target, dict(list(sizes.items())[:4]))
        raise TryAgainError("the connection was lost", "again")

    sides.far.take = broken  # type: ignore[method-assign]
    with pytest.raises(TryAgainError):
        sides.fetch()
    assert [row.state for row in check(sides.here.manifest).rows] == [State.WHOLE, State.UNFINISHED, State.UNFINISHED]


def write_failure(bench: Bench, index: int, **changes: Any) -> None:
    file = bench.failure_file(index)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(bench.receipt(index, state=RowState.FAILED, exit_code=7, files=[], **changes).to_json())


def test_failures_come_along_unless_the_row_has_a_result_or_they_are_foreign(sides: TwoSides) -> None:
    for index in range(3):
        write_failure(sides.there, index, cause=f"cause {index}")
    done = sides.fetch()
    assert (done.taken, done.failed, done.waiting) == ([0, 1], [2], [])
    assert "cause 2" in sides.here.failure_file(2).read_text()
    assert not sides.here.failure_file(0).exists()
    sides.there.failure_file(2).write_text("{")
    assert (sides.fetch().waiting, "cause 2" in sides.here.failure_file(2).read_text()) == ([2], True)
    write_failure(sides.there, 2, row=AnalysedRow(2, "z.mp4"))
    assert sides.fetch().failed == []


def test_the_command_names_what_it_refused_and_ends_with_its_code(
    sides: TwoSides, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLCCTR_SSH", "ssh")
    flip_a_byte(sides.there)
    words = ["fetch", str(sides.here.manifest), "cluster:/scratch/my mice"]
    done = CliRunner().invoke(make_app(), words)
    assert done.exit_code == ExitCode.OUTPUT
    assert "fetched 1 row," in done.stdout
    assert "row 0 is not taken: its files there do not match its receipt\n" in done.stderr
    assert f"what to do: look at them on cluster (dlcctr check {sides.far.root}/m.csv --rows 0)" in done.stderr
    table = json.loads(CliRunner().invoke(make_app(), [*words, "--json"]).stdout)
    assert (table["exit_code"], [row["index"] for row in table["refused"]]) == (8, [0])


LOOKS: tuple[Callable[[Bench], object], ...] = (
    lambda bench: check(bench.manifest),
    lambda bench: finished_rows(bench.manifest),
    lambda bench: status(bench.manifest),
)


def one_row(bench: Bench) -> None:
    """Where a fetch was killed: one whole result and the person's file, old or new."""
    row = check(bench.manifest).rows[0]
    assert row.state is State.WHOLE
    assert list(bench.campaign.out.rglob("my overlay.mp4")) == [bench.folder(0) / "my overlay.mp4"]
    assert not list(bench.folder(0).parent.glob(f"{REPLACED_PREFIX}*"))
    names = {file.name for file in bench.folder(0).iterdir()} - {"my overlay.mp4", RECEIPT_FILENAME}
    assert names == {"aDLC_Resnet50_mouse.h5", "aDLC_Resnet50_mouse.csv"}


def test_killed_anywhere_in_a_fetch_the_next_command_finds_a_whole_result(
    sides: TwoSides, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)
    sides.here.commit(0, finished=EARLY)
    (sides.here.folder(0) / "my overlay.mp4").write_bytes(b"mine")
    clean, seen, changes = tmp_path / "clean", set(), 0
    shutil.copytree(sides.here.campaign.out, clean)
    for changes in killed_before_each_change(lambda: sides.fetch(rows="0")):
        LOOKS[changes % len(LOOKS)](sides.here)
        one_row(sides.here)
        seen.add(sides.content(sides.here, 0)[RECEIPT_FILENAME])
        assert 0 in {*sides.fetch().taken, *sides.fetch().here}
        one_row(sides.here)
        assert sides.content(sides.there, 0).items() <= sides.content(sides.here, 0).items()
        shutil.rmtree(sides.here.campaign.out)
        shutil.copytree(clean, sides.here.campaign.out)
    assert len(seen) == 2
    assert changes > 20


def test_what_arrived_is_on_disk_before_it_has_its_name(sides: TwoSides, monkeypatch: pytest.MonkeyPatch) -> None:
    diary = DiskDiary(monkeypatch)
    sides.fetch(rows="0")
    assert diary.events == [
        ("fsync", "aDLC_Resnet50_mouse.csv"),
        ("fsync", "aDLC_Resnet50_mouse.h5"),
        ("fsync", RECEIPT_FILENAME),
        ("fsync", "a.mp4"),
        ("rename", "a.mp4", "a.mp4"),
        ("fsync", sides.here.folder(0).parent.name),
    ]


def test_both_ways_to_a_result_share_one_mechanism() -> None:
    from dlcctr.results import commit
    from dlcctr.transfer import place_row

    assert commit.put_in_place is place_row.put_in_place is placing.put_in_place
