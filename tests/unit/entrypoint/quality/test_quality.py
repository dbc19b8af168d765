from __future__ import annotations

import gzip
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from dlcctr.campaign.config import write_campaign
from dlcctr.campaign.manifest import write_manifest
from dlcctr.campaign.videos.fingerprint import fingerprint
from dlcctr.cli import catch
from dlcctr.contract import FRAME_TIMES_FILENAME, RECEIPT_FILENAME, ExitCode, RowState
from dlcctr.quality.record import TABLE_FILENAME, read_quality
from dlcctr.results.additions import add_files, locked
from dlcctr.results.check import CheckOptions, check
from dlcctr.results.receipt import Receipt, read_receipt
from dlcctr.results.row_state import State
from dlcctr.results.sections import AnalysedRow, Columns, FrameCounts, Parameters
from entrypoint import app as program
from entrypoint.loop.judging.positions import positions_of
from entrypoint.quality.judge_rows import QualityRequest, judge_rows
from entrypoint.quality.look_at_video import look_at_video
from entrypoint.quality.read_track import read_times, read_track
from entrypoint.video.scan import scan_video
from tests import media
from tests.media import write_video
from tests.unit.quality.test_judge import NAMES, walk
from tests.unit.support.results import SCORER, Bench, make_bench

N_FRAMES = 60


def table_of(xy: Any, likelihood: float = 0.97) -> Any:
    columns = [(SCORER, part, coord) for part in NAMES for coord in ("x", "y", "likelihood")]
    values = np.concatenate([xy, np.full((*xy.shape[:2], 1), likelihood)], axis=2).reshape(len(xy), -1)
    return pandas.DataFrame(
        values, columns=pandas.MultiIndex.from_tuples(columns, names=["scorer", "bodyparts", "coords"])
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Three finished rows with real videos and real tables; the last one's sides are exchanged."""
    bench = make_bench(tmp_path_factory.mktemp("made"), ["a.mp4", "b[red].mp4", "c.mp4"], bodyparts=NAMES)
    for n in range(3):
        video = write_video(bench.campaign.video_root / bench.rows[n].video, N_FRAMES)
        bench.rows[n] = replace(
            bench.rows[n], frames=N_FRAMES, width=640, height=480, bytes=video.stat().st_size,
            fingerprint=fingerprint(video),
        )  # fmt: skip
    for n in range(3):
        xy = walk(N_FRAMES, seed=n)
        finish(bench, n, xy[:, [0, 2, 1, 3]] if n == 2 else xy)
    return bench


@pytest.fixture
def bench(made: Bench, tmp_path: Path) -> Bench:
    """A copy of it."""
    shutil.copytree(made.manifest.parent, tmp_path, dirs_exist_ok=True)
    root, out = tmp_path / "videos", tmp_path / "results"
    campaign = replace(made.campaign, file=tmp_path / "campaign.toml", video_root=root, out=out)
    write_campaign(campaign)
    write_manifest(tmp_path / "m.csv", made.rows)
    return Bench(tmp_path / "m.csv", campaign, made.rows)


def finish(bench: Bench, n: int, xy: Any, **changes: Any) -> None:
    folder = bench.commit(n)
    (file,) = folder.glob("*.h5")
    table_of(xy).to_hdf(file, key="df_with_missing", format="table", mode="w")
    receipt_of(bench, n, len(xy), **changes)


def receipt_of(bench: Bench, n: int, n_frames: int, **changes: Any) -> None:
    row = bench.rows[n]
    model = replace(bench.receipt(n).model, bodyparts=NAMES)
    columns = Columns(n_frames, tuple((part, c) for part in NAMES for c in ("x", "y", "likelihood")))
    facts: dict[str, Any] = {
        "columns": columns, "frames": FrameCounts(n_frames, n_frames, n_frames), "model": model,
        "row": AnalysedRow(row.index, row.video, row.fingerprint, row.bytes), **changes,
    }  # fmt: skip
    bench.write_receipt(n, **facts)


def states(bench: Bench) -> list[State]:
    return [row.state for row in check(bench.manifest, CheckOptions(deep=True)).rows]


def run(bench: Bench, **changes: Any) -> ExitCode:
    return judge_rows(QualityRequest(bench.manifest, **changes))


def test_finished_rows_are_judged_and_stay_whole(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(bench) is ExitCode.OK
    out = capsys.readouterr().out
    assert "3 rows: 3 judged" in out and "b[red].mp4" in out
    assert states(bench) == [State.WHOLE] * 3
    quality = read_quality(bench.folder(0))
    assert quality is not None and quality.frames == N_FRAMES
    assert quality.prior.source == "campaign"
    assert len(quality.scene) == 192 and quality.summary["brightness"] > 20
    lines = gzip.decompress((bench.folder(0) / TABLE_FILENAME).read_bytes()).decode().splitlines()
    assert len(lines) == N_FRAMES + 1


def test_what_was_judged_is_not_judged_again(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    run(bench, rows="0-1")
    before = (bench.folder(0) / RECEIPT_FILENAME).read_bytes()
    capsys.readouterr()
    run(bench)
    assert "3 rows: 1 judged" in capsys.readouterr().out
    assert (bench.folder(0) / RECEIPT_FILENAME).read_bytes() == before
    run(bench, again=True)
    assert "3 judged" in capsys.readouterr().out


def test_pictures_are_looked_at_later(bench: Bench) -> None:
    run(bench, pictures=False)
    quality = read_quality(bench.folder(0))
    assert quality is not None and not quality.scene and "brightness" not in quality.summary
    run(bench)
    quality = read_quality(bench.folder(0))
    assert quality is not None and quality.scene


def test_without_the_video_positions_are_judged(bench: Bench) -> None:
    (bench.campaign.video_root / "a.mp4").unlink()
    assert run(bench, index=0) is ExitCode.OK
    quality = read_quality(bench.folder(0))
    assert quality is not None and not quality.scene and quality.parts


def test_one_bad_row_does_not_stop_the_others(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    (file,) = bench.folder(1).glob("*.h5")
    file.write_bytes(b"no table, but of some size")
    receipt_of(bench, 1, N_FRAMES)
    assert run(bench) is ExitCode.OUTPUT
    shown = capsys.readouterr()
    assert "2 judged" in shown.out and "1 failed" in shown.out
    assert "row 1: " in shown.err
    assert read_quality(bench.folder(2)) is not None


def test_unfinished_rows_are_counted(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    (bench.folder(1) / RECEIPT_FILENAME).unlink()
    assert run(bench) is ExitCode.OK
    assert "2 judged" in (out := capsys.readouterr().out) and "1 row without a whole result" in out


def test_a_row_that_another_command_is_at_is_left_alone(bench: Bench) -> None:
    with locked(bench.folder(0)):
        run(bench, index=0)
    assert read_quality(bench.folder(0)) is None


def test_the_times_of_the_frames_are_used(bench: Bench) -> None:
    times = np.arange(N_FRAMES) / 25.0
    times[40:] += 2
    lines = ["frame,time_s", *(f"{n},{'' if n == 7 else f'{time:.9f}'}" for n, time in enumerate(times))]
    add_files(bench.folder(0), {FRAME_TIMES_FILENAME: gzip.compress(("\n".join(lines) + "\n").encode())})
    receipt = read_receipt(bench.folder(0))
    assert receipt is not None
    track = read_track(bench.folder(0), receipt, bench.rows[0])
    assert np.isnan(track.times_s[7]) and track.times_s[40] == pytest.approx(3.6)
    run(bench, index=0)
    quality = read_quality(bench.folder(0))
    assert quality is not None and "dropped-frames" in quality.flag_names
    assert quality.timeline.time_s[7] is None


@pytest.mark.parametrize(
    "data",
    [b"", b"no gzip", gzip.compress(b"frame,time_s\n0,x\n"), gzip.compress(b"\xff\n" * 99)],
    ids=["empty", "no gzip", "no number", "no text"],
)
def test_broken_times_are_none(bench: Bench, data: bytes) -> None:
    add_files(bench.folder(0), {FRAME_TIMES_FILENAME: data})
    receipt = read_receipt(bench.folder(0))
    assert receipt is not None and read_times(bench.folder(0), receipt, N_FRAMES) is None


def test_bounds_are_the_crop(bench: Bench) -> None:
    receipt_of(bench, 0, N_FRAMES, parameters=Parameters(shuffle=1, trainset_index=0, crop=(10, 300, 20, 400)))
    receipt = read_receipt(bench.folder(0))
    assert receipt is not None
    assert read_track(bench.folder(0), receipt, bench.rows[0]).bounds == (0, 0, 290, 380)


def test_tables_of_several_animals() -> None:
    columns = [("s", who, part, c) for who in ("a", "b") for part in ("x1", "y1") for c in ("x", "y", "likelihood")]
    columns += [("s", "single", "corner", c) for c in ("x", "y", "likelihood")]
    values = np.arange(3 * len(columns), dtype=float).reshape(3, -1)
    found, parts, who = positions_of(pandas.DataFrame(values, columns=pandas.MultiIndex.from_tuples(columns)))
    assert (parts, who, found.shape) == (("x1", "y1"), ("a", "b"), (3, 2, 2, 3))
    assert found[1, 1, 0].tolist() == values[1, 6:9].tolist()
    with pytest.raises(ValueError, match="has no likelihood"):
        positions_of(
            pandas.DataFrame([[1.0, 2.0]], columns=pandas.MultiIndex.from_tuples([("s", "p", "x"), ("s", "p", "y")]))
        )


def test_the_command(bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["dlc", "quality", str(bench.manifest), "--rows", "0", "--no-pictures"])
    assert catch(program.app) == 0
    assert "1 row: 1 judged" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["dlc", "quality", str(bench.manifest), "--rows", "7"])
    assert catch(program.app) == ExitCode.MANIFEST


@pytest.mark.parametrize("crop", [None, (0, 40, 0, 30)])
def test_pictures_of_a_damaged_video_are_those_of_the_frames_that_were_analysed(
    tmp_path: Path, crop: tuple[int, int, int, int] | None
) -> None:
    """Its decoder puts out more pictures than are right, and some are missing."""
    whole = media.write_video(tmp_path / "a.mp4", 60, gop=10)
    place, size = media.packet_places(whole)[25]
    damaged = media.punch_hole(whole, tmp_path / "hole.mp4", place, size)
    scan = scan_video(damaged)
    missing = [n for first, stop in scan.missing for n in range(first, stop)]
    assert missing
    frames = FrameCounts(scan.header, scan.stream, scan.decoded, tuple((a, b) for a, b in scan.missing))
    made = Receipt(RowState.DEGRADED, "", 0, AnalysedRow(0, "a"), frames=frames, parameters=Parameters(crop=crop))
    found, sound = look_at_video(damaged, made), look_at_video(whole, replace(made, frames=None))
    assert np.flatnonzero(np.isnan(found.series.brightness)).tolist() == missing
    right = [n for n in range(scan.stream) if n not in missing]
    assert found.series.brightness[right] == pytest.approx(sound.series.brightness[right])
    assert found.box == sound.box == crop


def test_an_edited_table_and_another_video_are_not_judged_in_the_names_of_the_analysed_ones(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    (table,) = bench.folder(0).glob("*.h5")
    table.write_bytes(table.read_bytes()[:-1] + b"?")
    write_video(bench.campaign.video_root / bench.rows[1].video, N_FRAMES, first=500)
    assert judge_rows(QualityRequest(bench.manifest)) in (ExitCode.OUTPUT, ExitCode.VIDEO)
    said = capsys.readouterr()
    assert "1 judged" in said.out and "2 failed" in said.out
    assert "was changed after it was written" in said.err and "not the video that the manifest was made for" in said.err
    assert [read_quality(bench.folder(n)) is not None for n in range(3)] == [False, False, True]
