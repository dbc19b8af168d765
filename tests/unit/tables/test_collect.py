from __future__ import annotations

import contextlib
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest

from dlcctr.campaign.config import write_campaign
from dlcctr.campaign.manifest import write_manifest
from dlcctr.campaign.steps.spec import parse_steps
from dlcctr.contract import RowState
from dlcctr.errors import ToolMissingError, UsageError
from dlcctr.results.receipt import read_receipt
from dlcctr.results.sections import FrameCounts
from dlcctr.tables.collect import Collected, CollectOptions, collect
from tests.unit.support.collected_campaign import add_columns, finish, finish_step, make_campaign, make_positions
from tests.unit.support.disk_steps import killed_before_each_change
from tests.unit.support.results import Bench

VIDEOS = ["day1/a.mp4", "day1/b.mp4", "day2/a.mp4"]
TIMES = [n / 25 for n in range(20)]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Three rows, of which the first two are finished."""
    made = make_campaign(tmp_path, VIDEOS, {"genotype": ["wt", "ko", ""]})
    for index in (0, 1):
        finish(made, index, make_positions(20, 2, index), times=TIMES)
    return made


def run(bench: Bench, **options: Any) -> Collected:
    return collect(bench.manifest, CollectOptions(bench.manifest.with_name("t.parquet"), **options))


def counts(found: Collected) -> tuple[int, int, int]:
    return found.new, found.kept, found.removed


def read(bench: Bench) -> Any:
    return pandas.read_parquet(bench.manifest.with_name("t.parquet"))


def rows_in(bench: Bench) -> dict[int, tuple[str, int]]:
    """Video and number of lines of each row in the table."""
    return {row: (str(part.video.iloc[0]), len(part)) for row, part in read(bench).groupby("row")}


def state(bench: Bench) -> dict[str, bytes]:
    folder = bench.manifest.parent
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.glob("t[.-]*/**/*") if file.is_file()}


def test_the_table_holds_the_positions_of_finished_rows(bench: Bench) -> None:
    found = run(bench)
    assert counts(found) == (2, 0, 0)
    assert (found.lines, found.unreadable) == (80, 0)
    assert [(each.index, each.state, each.cause) for each in found.left_out] == [(2, "unfinished", "no receipt")]
    frame = read(bench)
    assert set(frame.video) == set(VIDEOS[:2])
    for index in (0, 1):
        mine = frame[frame.video == VIDEOS[index]]
        for n, part in enumerate(("snout", "tail")):
            values = mine[mine.body_part == part][["x", "y", "likelihood"]].to_numpy()
            assert numpy.array_equal(values, make_positions(20, 2, index)[:, n])
    assert set(frame[frame.row == 1].genotype) == {"ko"}
    assert found.n_bytes == sum(file.stat().st_size for file in found.table.rglob("*.parquet"))


def test_a_second_call_writes_only_what_is_new_or_has_changed(bench: Bench) -> None:
    run(bench)
    before = state(bench)
    assert counts(run(bench)) == (0, 2, 0)
    assert state(bench) == before
    finish(bench, 2, make_positions(20, 2, 2), times=TIMES)
    assert counts(run(bench)) == (1, 2, 0)
    assert rows_in(bench) == {n: (video, 40) for n, video in enumerate(VIDEOS)}
    finish(bench, 0, make_positions(20, 2, 9), times=TIMES)
    assert counts(run(bench)) == (1, 2, 0)
    assert read(bench).query("row == 0").x.iloc[0] == make_positions(20, 2, 9)[0, 0, 0]


def test_whatever_goes_into_a_row_makes_it_due(bench: Bench) -> None:
    run(bench)
    positions = make_positions(20, 2, 0)
    h5 = next(bench.folder(0).glob("*.h5")).read_bytes()

    def again(**changes: Any) -> None:
        finish(bench, 0, positions, **{"times": TIMES, **changes})
        next(bench.folder(0).glob("*.h5")).write_bytes(h5)  # PyTables writes the time of day into it
        receipt = read_receipt(bench.folder(0))
        assert receipt
        from dlcctr.results.sections import OutputFile
        from tests.unit.support.collected_campaign import write_receipt

        files = [OutputFile.of(bench.folder(0) / entry.name) for entry in receipt.files]
        write_receipt(bench.folder(0), replace(receipt, files=files))

    again()
    assert counts(run(bench)) == (0, 2, 0)  # the same once more: the receipt's dates do not count
    again(times=[time + 1 for time in TIMES])
    assert counts(run(bench)) == (1, 1, 0)
    assert read(bench).query("row == 0").time_s.min() == 1
    again(judged=False)
    assert counts(run(bench)) == (1, 1, 0)
    assert read(bench).query("row == 0").score.isna().all()
    text = bench.manifest.read_text()
    bench.manifest.write_text(text.replace(",wt\n", ",het\n"))
    assert counts(run(bench)) == (1, 1, 0)
    assert set(read(bench).query("row == 0").genotype) == {"het"}
    add_columns(bench.manifest, {"dose": ["1", "2", "3"]})
    assert counts(run(bench)) == (2, 0, 0)  # all files of a table have the same columns
    assert counts(run(bench, compression="snappy")) == (2, 0, 0)


def test_rows_that_are_no_longer_in_the_manifest_or_no_longer_whole_go(bench: Bench) -> None:
    finish(bench, 2, make_positions(20, 2, 2))
    run(bench)
    write_manifest(bench.manifest, [bench.rows[0], bench.rows[2]])
    assert counts(run(bench)) == (2, 0, 1)  # and the column genotype has gone
    assert rows_in(bench) == {0: (VIDEOS[0], 40), 2: (VIDEOS[2], 40)}
    next(bench.folder(2).glob("*.h5")).unlink()
    found = run(bench)
    assert counts(found) == (0, 1, 1)
    assert found.left_out[0].state == "broken"
    assert [path.name for path in found.table.iterdir()] == ["video=day1%2Fa.mp4"]


def test_a_row_that_changes_its_model_moves_and_is_never_there_twice(bench: Bench) -> None:
    run(bench)
    other = replace(bench.campaign, model_id="other-model", model_hash="cd" * 32)
    write_campaign(other)
    bench.campaign = other
    finish(bench, 0, make_positions(20, 2, 5), times=TIMES)
    found = run(bench)
    assert counts(found) == (1, 0, 2)
    frame = read(bench)
    assert set(frame.model) == {"other-model"}
    assert len(frame) == 40


def test_two_models_on_one_video_are_two_rows_in_two_folders(bench: Bench, tmp_path: Path) -> None:
    from dlcctr.tables.dataset import file_of

    one, two = (file_of(row, "a.mp4", model) for row, model in ((0, "m-shuffle1"), (1, "m-shuffle2")))
    assert one.parts[0] == two.parts[0] == "video=a.mp4"
    assert one.parent != two.parent


def test_frames_that_did_not_decode_are_lines_without_positions(bench: Bench) -> None:
    positions = make_positions(20, 2)
    positions[3:5] = [numpy.nan, numpy.nan, 0]
    counted = FrameCounts(20, 20, 18, ((3, 5),))
    finish(bench, 2, positions, times=TIMES, state=RowState.DEGRADED, frames=counted)
    assert [each.index for each in run(bench).left_out] == []
    frame = read(bench).query("row == 2")
    assert list(frame[frame.x.isna()].frame.unique()) == [3, 4]
    assert set(frame[frame.x.isna()].likelihood) == {0.0}
    videos = pandas.read_parquet(bench.manifest.with_name("t-videos.parquet")).set_index("row")
    assert (videos.state[2], videos.missing_frames[2], videos.in_table[2]) == ("degraded", 2, True)


def test_a_row_that_cannot_be_read_is_named_and_the_others_are_there(bench: Bench) -> None:
    run(bench)
    file = next(bench.folder(0).glob("*.h5"))
    data = file.read_bytes()
    finish(bench, 0, make_positions(20, 2, 7))
    file.write_bytes(b"x" * file.stat().st_size)  # as large as before: check --quick does not see it
    found = run(bench)
    assert (counts(found), found.unreadable) == ((0, 1, 0), 1)
    (broken, _) = found.left_out
    assert (broken.index, broken.state) == (0, "broken")
    assert "was changed after it was written" in broken.cause
    assert set(rows_in(bench)) == {1}
    assert data


def test_positions_of_a_step_are_taken_where_it_is_done(bench: Bench) -> None:
    positions = make_positions(20, 2, 8)
    finish_step(bench.folder(1), "eks", positions, [("", "snout"), ("", "tail")])
    found = run(bench, step="eks")
    assert [(each.index, each.state) for each in found.left_out] == [(0, "unfinished"), (2, "unfinished")]
    assert "eks" in found.left_out[0].cause
    frame = read(bench)
    assert set(frame.filtered) == {True}
    assert numpy.array_equal(frame[frame.body_part == "snout"].x, positions[:, 0, 0])
    assert frame.score.notna().all()
    with pytest.raises(UsageError, match="holds positions of the step eks"):
        run(bench)
    with pytest.raises(UsageError):
        run(bench, step="../up")
    with pytest.raises(UsageError, match=r"no step 'ekz', and no row holds one"):
        collect(bench.manifest, CollectOptions(bench.manifest.with_name("u.parquet"), step="ekz"))


@pytest.mark.parametrize("kind", ["csv", "label-video", "nwb"])
def test_a_step_that_gives_no_positions_is_refused_before_anything_is_written(bench: Bench, kind: str) -> None:
    finish_step(bench.folder(0), "extra", make_positions(20, 2, 8), [("", "snout"), ("", "tail")], kind=kind)
    with pytest.raises(UsageError, match=rf"'extra' is of the kind {kind}, which gives no positions"):
        run(bench, step="extra")
    assert state(bench) == {}
    write_campaign(replace(bench.campaign, steps=parse_steps([{"name": "mine", "kind": kind}])))
    with pytest.raises(UsageError, match="which gives no positions") as caught:
        run(bench, step="mine")
    assert "filter, tracks, ensemble" in caught.value.hint


def test_a_step_of_joined_rows_is_said_to_be_in_the_last_one(bench: Bench) -> None:
    rows = [
        bench.rows[0],
        replace(bench.rows[1], video=VIDEOS[0], fingerprint=bench.rows[0].fingerprint),
        bench.rows[2],
    ]
    write_manifest(bench.manifest, rows)
    write_campaign(replace(bench.campaign, steps=parse_steps([{"name": "both", "kind": "ensemble"}])))
    said = {each.index: (each.state, each.cause) for each in run(bench, step="both").left_out}
    assert said[0] == ("elsewhere", "its step both joins the rows of this video: the last of them has it")
    assert said[1][0] == "unfinished"


def test_a_step_of_an_earlier_analysis_is_left_out_though_the_campaign_has_it_no_longer(bench: Bench) -> None:
    names = [("", "snout"), ("", "tail")]
    finish_step(bench.folder(0), "eks", make_positions(20, 2, 8), names, inputs=[next(bench.folder(0).glob("*.h5"))])
    assert counts(run(bench, step="eks")) == (1, 0, 0)
    finish_step(bench.folder(0), "old", make_positions(20, 2, 8), names, inputs=[bench.manifest])
    found = collect(bench.manifest, CollectOptions(bench.manifest.with_name("old.parquet"), step="old"))
    assert "made of an earlier analysis" in found.left_out[0].cause
    assert (found.new, found.unreadable) == (0, 1)


def test_animals_that_were_tracked_anew_have_no_score_of_another_animal(tmp_path: Path) -> None:
    names = [(who, part) for who in ("m1", "m2") for part in ("snout", "tail")]
    bench = make_campaign(tmp_path, ["a.mp4"], individuals=("m1", "m2"))
    folder = finish(bench, 0, make_positions(20, 4), times=TIMES)
    exchanged = make_positions(20, 4)[:, [2, 3, 0, 1]]
    finish_step(folder, "again", exchanged, names, kind="tracks")
    finish_step(folder, "smooth", exchanged, names, of="again")
    finish_step(folder, "plain", make_positions(20, 4), names)
    finish_step(folder, "lost", exchanged, names, of="gone")
    for step, scored in (("again", False), ("smooth", False), ("plain", True), ("lost", False)):
        file = tmp_path / f"{step}.parquet"
        collect(bench.manifest, CollectOptions(file, step=step))
        frame = pandas.read_parquet(file)
        assert len(frame) == 80
        assert bool(frame.score.notna().any()) is scored, step


def test_a_table_of_another_campaign_or_without_any_result_stays(bench: Bench, tmp_path: Path) -> None:
    run(bench)
    before = state(bench)
    other = make_campaign(tmp_path / "other", ["x.mp4"])
    finish(other, 0, make_positions(5, 2))
    with pytest.raises(UsageError, match="holds another campaign"):
        collect(other.manifest, CollectOptions(bench.manifest.with_name("t.parquet")))
    hidden = bench.campaign.out.rename(tmp_path / "unmounted")
    with pytest.raises(UsageError, match="no row has a result now: nothing was removed"):
        run(bench)
    assert state(bench) == before
    hidden.rename(bench.campaign.out)
    assert counts(run(bench)) == (0, 2, 0)


def test_killed_at_any_place_the_table_can_be_read_and_the_next_call_ends_it(bench: Bench) -> None:
    run(bench)
    finish(bench, 0, make_positions(20, 2, 5), times=TIMES)
    finish(bench, 2, make_positions(20, 2, 6), times=TIMES)
    shutil.rmtree(bench.folder(1))
    wanted = {0: (VIDEOS[0], 40), 2: (VIDEOS[2], 40)}
    keep = bench.manifest.with_name("keep")
    shutil.copytree(bench.manifest.with_name("t.parquet"), keep)
    steps = 0
    for done in killed_before_each_change(lambda: run(bench)):
        steps = done
        with contextlib.suppress(FileNotFoundError):
            rows = rows_in(bench)
            assert all(video == VIDEOS[row] and lines == 40 for row, (video, lines) in rows.items())
            assert 0 in rows  # the old file or the new one
        found = run(bench)
        assert sum(counts(found)[:2]) == 2
        assert rows_in(bench) == wanted
        left = {path.name for path in bench.manifest.parent.glob(".t.parquet.*")}
        assert left == set()
        shutil.rmtree(bench.manifest.with_name("t.parquet"))
        shutil.copytree(keep, bench.manifest.with_name("t.parquet"))
    assert steps > 15


@pytest.mark.parametrize("module", ["pyarrow", "pandas", "tables"])
def test_without_pyarrow_the_remedy_is_named(module: str, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ToolMissingError) as caught:
        run(bench)
    assert "pip install pyarrow" in caught.value.hint
    assert "singularity run dlc.sif collect" in caught.value.hint


def test_an_unknown_compression_is_refused(bench: Bench) -> None:
    with pytest.raises(UsageError, match="'lzo'"):
        run(bench, compression="lzo")


def called(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    from dlcctr.cli import catch, make_app

    monkeypatch.setattr(sys, "argv", ["dlcctr", *map(str, words)])
    return catch(lambda: make_app()(prog_name="dlcctr"))


def test_the_command_says_what_became_of_the_rows(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import json

    assert called(monkeypatch, "collect", bench.manifest) == 0
    said = capsys.readouterr().out
    assert "2 rows in the table (2 written now, 0 removed), 1 left out" in said
    assert "unfinished" in said
    assert (bench.manifest.with_name("m.parquet")).is_dir()
    assert called(monkeypatch, "collect", bench.manifest, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["kind"], found["new"], found["kept"], found["left_out"][0]["index"]) == ("collect", 0, 2, 2)
    file = next(bench.folder(0).glob("*.h5"))
    finish(bench, 0, make_positions(20, 2, 7))
    file.write_bytes(b"x" * file.stat().st_size)
    assert called(monkeypatch, "collect", bench.manifest) == 20


@pytest.mark.parametrize("name", ["t.csv", "t.XLSX", "t.h5"])
def test_a_name_that_promises_another_format_is_refused(bench: Bench, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="folder of Parquet files") as caught:
        collect(bench.manifest, CollectOptions(tmp_path / name))
    assert "name it t.parquet" in caught.value.hint
    assert not list(tmp_path.glob("*t.*"))
