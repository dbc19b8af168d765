from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dlcctr.campaign.config import write_campaign
from dlcctr.campaign.manifest import write_manifest
from dlcctr.contract import (
    ATTEMPT_PREFIX,
    CHECKPOINTS_PREFIX,
    ELLIPSE_FIX,
    FIXES_KEY,
    RECEIPT_FILENAME,
    ExitCode,
    RowState,
)
from dlcctr.errors import ManifestError, ModelError
from dlcctr.results.check import CheckOptions, check
from dlcctr.results.row_state import Hindrance, RowResult, State
from dlcctr.results.sections import Columns, FrameCounts, ModelUsed
from tests.unit.support.results import FRAMES, MODEL_HASH, Bench, make_bench

NAMES = ["a.mp4", "b/a.mp4", "c d.avi"]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Three rows with whole results."""
    made = make_bench(tmp_path, NAMES)
    for index in range(len(NAMES)):
        made.commit(index)
    return made


def first(bench: Bench, **options: Any) -> RowResult:
    result = check(bench.manifest, CheckOptions(**options))
    assert [row.state for row in result.rows[1:]] == [State.WHOLE] * 2
    assert result.exit_code == (ExitCode.OK if result.rows[0].state is State.WHOLE else ExitCode.UNFINISHED)
    return result.rows[0]


def h5(bench: Bench, index: int = 0) -> Path:
    (file,) = bench.folder(index).glob("*.h5")
    return file


def test_whole_results_are_whole(bench: Bench) -> None:
    result = check(bench.manifest)
    assert result.exit_code == ExitCode.OK
    assert result.totals == {**{state.value: 0 for state in State}, "whole": 3}
    assert result.unwhole == result.notes == []


def test_a_result_without_an_animal_is_whole_and_says_so(bench: Bench) -> None:
    bench.write_receipt(1, remark="no animal was found in any frame")
    result = check(bench.manifest)
    assert result.exit_code == ExitCode.OK
    assert result.rows[1].notes == ("no animal was found in any frame",)
    assert result.remarks == ["row 1: no animal was found in any frame"]


def truncate(bench: Bench) -> None:
    h5(bench).write_bytes(h5(bench).read_bytes()[:-1])


def edit_a_value(bench: Bench) -> None:
    h5(bench).write_bytes(h5(bench).read_bytes().replace(b"frame 7", b"frame 9", 1))


def shift_by_a_frame(bench: Bench) -> None:
    first_frame, others = h5(bench).read_bytes().split(b"\n", 1)
    h5(bench).write_bytes(others + first_frame + b"\n")


def remove_h5(bench: Bench) -> None:
    h5(bench).unlink()


def remove_receipt(bench: Bench) -> None:
    (bench.folder(0) / RECEIPT_FILENAME).unlink()


def halve_receipt(bench: Bench) -> None:
    file = bench.folder(0) / RECEIPT_FILENAME
    file.write_text(file.read_text()[:200])


def take_another_rows_receipt(bench: Bench) -> None:
    shutil.copy(bench.folder(1) / RECEIPT_FILENAME, bench.folder(0))


def take_another_rows_result(bench: Bench) -> None:
    shutil.rmtree(bench.folder(0))
    shutil.copytree(bench.folder(1), bench.folder(0))


def take_another_models_result(bench: Bench) -> None:
    bench.write_receipt(0, model=ModelUsed("other-model", "cd" * 32))


def swap_body_parts(bench: Bench) -> None:
    names = [(part, c) for part in ("tail", "snout") for c in ("x", "y", "likelihood")]
    bench.write_receipt(0, columns=Columns(FRAMES, tuple(names)))


def swap_coordinates(bench: Bench) -> None:
    names = [(part, c) for part in ("snout", "tail") for c in ("y", "x", "likelihood")]
    bench.write_receipt(0, columns=Columns(FRAMES, tuple(names)))


def lose_a_body_part(bench: Bench) -> None:
    bench.write_receipt(0, columns=Columns(FRAMES, tuple(("snout", c) for c in ("x", "y", "likelihood"))))


def lose_a_row(bench: Bench) -> None:
    bench.write_receipt(0, columns=replace(bench.receipt(0).columns, rows=FRAMES - 1))


def add_a_row(bench: Bench) -> None:
    bench.write_receipt(0, columns=replace(bench.receipt(0).columns, rows=FRAMES + 1))


def call_a_degraded_result_ok(bench: Bench) -> None:
    bench.write_receipt(0, frames=FrameCounts(FRAMES, FRAMES, FRAMES - 2, ((3, 5),)))


def contradict_itself(bench: Bench) -> None:
    bench.write_receipt(0, state=RowState.DEGRADED, frames=FrameCounts(FRAMES, FRAMES, FRAMES - 2, ((3, 4),)))


def say_failed(bench: Bench) -> None:
    bench.write_receipt(0, state=RowState.FAILED, cause="out of memory")


def use_other_crop(bench: Bench) -> None:
    bench.write_receipt(0, parameters=replace(bench.receipt(0).parameters, crop=(0, 10, 0, 10)))


def use_other_shuffle(bench: Bench) -> None:
    bench.write_receipt(0, parameters=replace(bench.receipt(0).parameters, shuffle=2))


def list_no_csv(bench: Bench) -> None:
    bench.write_receipt(0, files=[file for file in bench.receipt(0).files if file.name.endswith(".h5")])


def list_no_h5(bench: Bench) -> None:
    bench.write_receipt(0, files=[file for file in bench.receipt(0).files if file.name.endswith(".csv")])


def change_the_video(bench: Bench) -> None:
    video = bench.campaign.video_root / bench.rows[0].video
    video.write_bytes(video.read_bytes()[:-1] + b"!")


def use_another_contract(bench: Bench) -> None:
    bench.write_receipt(0, contract=99)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (truncate, "bytes, but 310 in the receipt"),
        (edit_a_value, "was changed after it was written"),
        (shift_by_a_frame, "was changed after it was written"),
        (remove_h5, "is missing"),
        (remove_receipt, "a results folder without a receipt"),
        (halve_receipt, "not a receipt"),
        (take_another_rows_receipt, "foreign receipt"),
        (take_another_rows_result, "foreign receipt: it belongs to the video 'b/a.mp4'"),
        (take_another_models_result, "another model (other-model)"),
        (swap_body_parts, "columns are not the model's in the model's order: tail instead of snout"),
        (swap_coordinates, "not x, y, likelihood"),
        (lose_a_body_part, "columns are not the model's in the model's order: 1 instead of 2"),
        (lose_a_row, "has 19 rows for 20 frames"),
        (add_a_row, "has 21 rows for 20 frames"),
        (call_a_degraded_result_ok, "marked ok, but 2 frames did not decode"),
        (contradict_itself, "contradict each other"),
        (say_failed, "receipt says failed"),
        (use_other_crop, "made with crop [0, 10, 0, 10]"),
        (use_other_shuffle, "made with shuffle 2"),
        (list_no_csv, "lists none"),
        (list_no_h5, "exactly one .h5"),
        (change_the_video, "the video was changed"),
        (use_another_contract, "contract version 99"),
    ],
)
def test_broken_results_are_caught(bench: Bench, damage: Callable[[Bench], None], words: str) -> None:
    damage(bench)
    row = first(bench)
    assert row.state is State.BROKEN
    assert words in row.cause


@pytest.mark.parametrize("damage", [truncate, remove_h5, take_another_rows_result, lose_a_row])
def test_quick_catches_what_needs_no_hash(bench: Bench, damage: Callable[[Bench], None]) -> None:
    damage(bench)
    assert first(bench, quick=True).state is State.BROKEN


def test_quick_does_not_catch_an_edited_value(bench: Bench) -> None:
    edit_a_value(bench)
    assert first(bench, quick=True).state is State.WHOLE


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "null", "{}", '{"contract": 1}', "\x00", "[" * 100_000,
        '{"contract": 1, "state": "ok", "cause": "", "exit_code": 0, "row": [], "frames": null, "files": []}',
        '{"contract": 1, "state": "ok", "cause": "", "exit_code": 0, "row": {}, "frames": null, "files": [1]}',
        '{"contract": 1, "state": "fine", "cause": "", "exit_code": 0, "row": {}, "frames": null, "files": []}',
    ],
)  # fmt: skip
def test_a_receipt_that_is_none_is_broken(bench: Bench, text: str) -> None:
    (bench.folder(0) / RECEIPT_FILENAME).write_text(text)
    assert first(bench).state is State.BROKEN


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("columns", {"rows": "20", "names": [["snout", "x"]]}),
        ("columns", {"rows": 20, "names": [1, 2]}),
        ("columns", {}),
        ("frames", {"header": 1, "stream": "x", "decoded": 1, "missing": []}),
        ("frames", {"header": 1, "stream": 1, "decoded": 1, "missing": [[1]]}),
        ("frames", None),
        ("files", [{"name": "../b/a.mp4/x.h5", "bytes": 1, "sha256": ""}]),
        ("files", []),
        ("row", {}),
        ("model", {}),
        ("parameters", {}),
    ],
)
def test_receipts_with_odd_contents_are_broken_not_a_crash(bench: Bench, field: str, value: object) -> None:
    file = bench.folder(0) / RECEIPT_FILENAME
    file.write_text(json.dumps({**json.loads(file.read_text()), field: value}))
    assert first(bench).state is State.BROKEN


def test_degraded_rows_are_listed_unless_accepted(bench: Bench) -> None:
    frames = FrameCounts(FRAMES, FRAMES, FRAMES - 3, ((3, 5), (7, 8)))
    bench.write_receipt(0, state=RowState.DEGRADED, frames=frames)
    row = first(bench)
    assert (row.state, row.cause) == (State.DEGRADED, "3 of 20 frames did not decode")
    assert check(bench.manifest, CheckOptions(accept_degraded=True)).exit_code == ExitCode.OK


SOUND_TRACKER = {"filterpy": "1.4.5"}


def several_animals(bench: Bench) -> tuple[tuple[str, ...], ...]:
    """Make the campaign one of two animals; gives the columns of its results."""
    campaign = replace(bench.campaign, individuals=("m1", "m2"), unique_bodyparts=("corner",))
    write_campaign(campaign)
    parts = [(who, part) for who in ("m1", "m2") for part in campaign.bodyparts] + [("single", "corner")]
    return tuple((*part, c) for part in parts for c in ("x", "y", "likelihood"))


def test_tracks_of_several_animals_may_end_early(bench: Bench) -> None:
    names = several_animals(bench)
    for index in range(3):
        bench.write_receipt(index, columns=Columns(FRAMES, names), software=SOUND_TRACKER)
    assert first(bench).state is State.WHOLE
    bench.write_receipt(0, columns=Columns(FRAMES - 4, names), software=SOUND_TRACKER)
    assert first(bench).state is State.WHOLE
    bench.write_receipt(0, columns=Columns(FRAMES, (*names[3:], *names[:3])), software=SOUND_TRACKER)
    assert first(bench).state is State.BROKEN


@pytest.mark.parametrize(
    ("software", "named"), [({"filterpy": "2.0.0"}, "filterpy 2.0.0"), ({}, "before filterpy was")]
)
def test_tracks_by_the_filterpy_that_loses_animals_are_not_whole(
    software: dict[str, str], named: str, bench: Bench
) -> None:
    names = several_animals(bench)
    for index in range(3):
        bench.write_receipt(index, columns=Columns(FRAMES, names), software=SOUND_TRACKER if index else software)
    row = first(bench)
    assert row.state is State.BROKEN
    assert named in row.cause
    assert "analyse it again" in row.cause


@pytest.mark.parametrize(
    ("ending", "fixes", "state"),
    [
        ("_el", {}, State.BROKEN),
        ("_el", {FIXES_KEY: "#34930"}, State.BROKEN),
        ("_el", {FIXES_KEY: "#1 #3493"}, State.WHOLE),
        ("_bx", {}, State.WHOLE),
        ("_sk", {}, State.WHOLE),
    ],
)
def test_ellipse_tracks_that_may_hold_another_animal_s_poses_are_not_whole(
    ending: str, fixes: dict[str, str], state: State, bench: Bench
) -> None:
    names = several_animals(bench)
    for index in range(3):
        name_tracks(bench, index, ending)
        software = SOUND_TRACKER | (fixes if index == 0 else {FIXES_KEY: ELLIPSE_FIX})
        bench.write_receipt(index, columns=Columns(FRAMES, names), software=software)
    row = first(bench)
    assert row.state is state
    assert ("wrong animal" in row.cause and "#3493" in row.cause) == (state is State.BROKEN)


def name_tracks(bench: Bench, index: int, ending: str) -> None:
    """Name the files of a row as DeepLabCut names those of a tracker."""
    for file in bench.folder(index).iterdir():
        if file.name != RECEIPT_FILENAME:
            file.rename(file.with_name(file.stem + ending + file.suffix))


def test_one_animal_needs_no_tracker(bench: Bench) -> None:
    bench.write_receipt(0, software={"filterpy": "2.0.0"})
    assert first(bench).state is State.WHOLE


def test_rows_without_a_result(bench: Bench) -> None:
    shutil.rmtree(bench.folder(0))
    assert (first(bench).state, first(bench).cause) == (State.UNFINISHED, "no receipt")
    (bench.folder(0).parent / ".dlcctr-attempt-x").mkdir()
    assert "1 running or killed attempts" in first(bench).notes[0]
    failure = bench.receipt(0, state=RowState.FAILED, cause="the network exploded", exit_code=7)
    bench.failure_file(0).write_text(failure.to_json())
    assert first(bench).state is State.FAILED
    assert "the network exploded (exit code 7" in first(bench).cause
    bench.failure_file(0).write_text(replace(failure, state=RowState.QUARANTINED).to_json())
    assert first(bench).state is State.QUARANTINED


def test_the_failure_of_another_video_or_model_is_only_a_note(bench: Bench) -> None:
    shutil.rmtree(bench.folder(0))
    failure = bench.receipt(0, state=RowState.FAILED, cause="old", model=ModelUsed(hash="cd" * 32))
    bench.failure_file(0).write_text(failure.to_json())
    assert first(bench).state is State.UNFINISHED
    assert "old" in first(bench).notes[0]
    bench.failure_file(0).write_text("{")
    assert first(bench).state is State.UNFINISHED


def test_a_success_outweighs_an_older_failure(bench: Bench) -> None:
    bench.failure_file(0).write_text(bench.receipt(0, state=RowState.FAILED).to_json())
    assert first(bench).state is State.WHOLE


def test_unreadable_rows_have_their_cause(bench: Bench) -> None:
    shutil.rmtree(bench.folder(0))
    write_manifest(bench.manifest, [replace(bench.rows[0], error="cut off"), *bench.rows[1:]])
    assert (first(bench).state, first(bench).cause) == (State.UNREADABLE, "cut off")


def test_a_video_that_was_moved_away_is_a_note(bench: Bench) -> None:
    (bench.campaign.video_root / bench.rows[0].video).unlink()
    row = first(bench)
    assert (row.state, row.notes) == (State.WHOLE, ("the video is no longer on this machine",))


def test_a_manifest_made_anew_keeps_its_results(bench: Bench) -> None:
    """Another index is a note, or else `analyze` would skip the row and `check` never be content."""
    write_manifest(bench.manifest, [replace(row, index=row.index + 5) for row in bench.rows])
    result = check(bench.manifest)
    assert result.exit_code == ExitCode.OK
    assert result.rows[0].notes == ("analysed as row 0 of another manifest",)


def test_without_a_fingerprint_in_the_manifest_the_receipts_own_is_compared(bench: Bench) -> None:
    write_manifest(bench.manifest, [replace(row, fingerprint="", bytes=None) for row in bench.rows])
    assert first(bench).state is State.WHOLE
    change_the_video(bench)
    assert first(bench).state is State.BROKEN


def test_results_of_no_row_and_of_other_models_are_noted(bench: Bench) -> None:
    write_manifest(bench.manifest, bench.rows[:2])
    (bench.campaign.out / "older-model").mkdir()
    (bench.folder(0) / "my overlay.mp4").write_bytes(b"x")
    for prefix in (ATTEMPT_PREFIX, CHECKPOINTS_PREFIX):
        shutil.copytree(bench.folder(2), bench.folder(2).with_name(f"{prefix}x"))
    result = check(bench.manifest)
    assert result.exit_code == ExitCode.OK
    assert result.notes == [
        f"{bench.folder(2)}: results that belong to no row",
        f"{bench.campaign.out}: also holds results of other models: older-model",
    ]
    assert result.rows[0].notes == ("files that are not in the receipt: my overlay.mp4",)


def test_crop_of_a_row(bench: Bench) -> None:
    write_manifest(bench.manifest, [replace(bench.rows[0], crop=(0, 10, 0, 20)), *bench.rows[1:]])
    assert first(bench).state is State.BROKEN
    bench.write_receipt(0, parameters=replace(bench.receipt(0).parameters, crop=(0, 10, 0, 20)))
    assert first(bench).state is State.WHOLE


def test_a_row_with_a_model_of_its_own_that_cannot_be_read(bench: Bench) -> None:
    write_manifest(bench.manifest, [replace(bench.rows[0], model="nowhere"), *bench.rows[1:]])
    row = first(bench)
    assert row.state is State.BROKEN
    assert row.cause.startswith("its model: ")


def test_another_results_root(bench: Bench, tmp_path: Path) -> None:
    bench.campaign.out.rename(tmp_path / "moved")
    assert first(bench, out=tmp_path / "moved").state is State.WHOLE
    assert check(bench.manifest).totals["unfinished"] == 3


def test_what_check_cannot_do_without(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, ["a.mp4"], model_hash="", model_id="")
    with pytest.raises(ManifestError, match="does not say which model"):
        check(bench.manifest)
    with pytest.raises(ModelError):
        check(bench.manifest, CheckOptions(model=tmp_path / "nowhere"))
    write_manifest(bench.manifest, [])
    with pytest.raises(ManifestError):
        check(bench.manifest)


def test_no_rows_are_never_all_whole(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, [])
    with pytest.raises(ManifestError, match="has no rows"):
        check(bench.manifest)


def test_the_model_option_inspects_the_project(bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls = []

    class Info:
        id, hash, crop = bench.campaign.model_id, MODEL_HASH, None
        shuffle, trainset_index, snapshot = 1, 0, "snapshot-9"
        bodyparts, individuals, unique_bodyparts = bench.campaign.bodyparts, (), ()

    def inspect(project: Path, **options: object) -> Info:
        calls.append((project, options))
        return Info()

    monkeypatch.setattr("dlcctr.model.inspection.inspect_model", inspect)
    assert first(bench, model=tmp_path / "project").state is State.WHOLE
    assert calls == [(tmp_path / "project", {"shuffle": 1, "trainset_index": 0, "snapshot": ""})]


def test_a_root_of_the_results_that_is_not_there_is_said(bench: Bench) -> None:
    assert check(bench.manifest).notes == []
    bench.campaign.out.rename(bench.campaign.out.with_name("moved"))
    (note,) = check(bench.manifest).notes
    assert note.startswith(f"{bench.campaign.out} does not exist: ") and "[output] root" in note


def test_a_row_without_a_folder_of_its_own_is_broken_and_the_first_one_is_not(bench: Bench) -> None:
    rows = [*bench.rows, replace(bench.rows[0], index=3, crop=(0, 10, 0, 10))]
    write_manifest(bench.manifest, rows)
    result = check(bench.manifest)
    assert [row.state for row in result.rows] == [*[State.WHOLE] * 3, State.BROKEN]
    assert result.rows[3].cause.startswith("its result would have the folder of row 0 (line 2)")
    assert result.rows[3].hindrance is Hindrance.FOLDER


def test_what_stands_in_the_way_of_analysing_a_broken_row_again(bench: Bench) -> None:
    (bench.campaign.video_root / "a.mp4").write_bytes(b"another film")
    rows = [bench.rows[0], replace(bench.rows[1], fingerprint="v1:9:other"), replace(bench.rows[2], model="gone")]
    write_manifest(bench.manifest, rows)
    (bench.campaign.video_root / "b/a.mp4").unlink()
    result = check(bench.manifest)
    assert {row.state for row in result.rows} == {State.BROKEN}
    assert [row.hindrance for row in result.rows] == [Hindrance.VIDEO, Hindrance.FOREIGN, Hindrance.MODEL]


def test_that_the_file_of_an_unreadable_row_is_another_one_now_is_said(bench: Bench) -> None:
    shutil.rmtree(bench.folder(0))
    rows = [replace(bench.rows[0], error="cut off", bytes=3, fingerprint="v1:3:x"), *bench.rows[1:]]
    write_manifest(bench.manifest, rows)
    row = first(bench)
    assert (row.state, row.notes) == (State.UNREADABLE, ("the video was changed since the manifest was made",))


@pytest.mark.parametrize(
    ("named", "problem"),
    [
        ("snapshot-5", "it was made with snapshot snapshot-200, the campaign says snapshot-5"),
        ("snapshot-best-200.pt", "it was made with snapshot snapshot-200, the campaign says snapshot-best-200"),
        ("snapshot-200.index", ""),
        ("200", ""),
        ("-1", ""),
        ("best", ""),
        ("", ""),
    ],
)
def test_another_snapshot_in_campaign_toml_is_not_passed_over(bench: Bench, named: str, problem: str) -> None:
    """The hash of the model stands there, too, and somebody who edits the snapshot leaves it as it is."""
    bench.write_receipt(0, model=replace(bench.receipt(0).model, snapshot="snapshot-200"))
    write_campaign(replace(bench.campaign, snapshot=named))
    row = first(bench)
    assert (row.state, row.cause) == ((State.BROKEN, problem) if problem else (State.WHOLE, ""))
