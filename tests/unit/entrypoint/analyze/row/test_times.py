"""Times on their way into a row's result: from the worker's pass, from a scan, and from the lab's own file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dlcctr.contract import FRAME_TIMES_FILENAME, RECEIPT_FILENAME, ExitCode
from dlcctr.errors import ManifestError, VideoError
from dlcctr.results.check import CheckOptions, check, finished_rows
from dlcctr.results.row_state import State
from dlcctr.results.times.frame_times import CONTAINER, HARDWARE, FrameTimes, read_frame_times, times_problems
from entrypoint.loop import row_times
from tests import media
from tests.unit.support.analyze_case import FRAMES, Case
from tests.unit.support.number_network import make_job

OWN_S = [pytest.approx(number / 25) for number in range(FRAMES)]
LAB_S = [100 + number / 10 for number in range(FRAMES)]


def write_times(case: Case, times: list[float], name: str = "ttl.csv") -> Path:
    file = case.campaign.video_root / name
    file.write_text("camera\n" + "".join(f"{time}\n" for time in times))
    return file


def times_of(case: Case) -> tuple[list[float], FrameTimes]:
    receipt = case.receipt
    assert receipt
    assert receipt.times
    assert FRAME_TIMES_FILENAME in [entry.name for entry in receipt.files]
    return list(read_frame_times(case.result / FRAME_TIMES_FILENAME)), receipt.times


def state(case: Case, **options: bool) -> tuple[State, str]:
    (found,) = check(case.folder / "m.csv", CheckOptions(**options)).rows
    return found.state, "; ".join([found.cause, *found.notes])


@pytest.fixture(params=["own", "ok"])
def both_paths(case: Case, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Case:
    """Our loop, whose worker finds the times, and stock DeepLabCut, before which the video is scanned."""
    monkeypatch.setenv("FAKE_WORKER", request.param)
    case.write(campaign={"csv": False})
    return case


def test_every_result_has_the_times_of_its_frames(both_paths: Case) -> None:
    case = both_paths
    case.run()
    found, told = times_of(case)
    assert found == OWN_S
    assert told == FrameTimes(CONTAINER, 0.0, 25.0)


def test_hardware_times_win(both_paths: Case) -> None:
    case = both_paths
    write_times(case, LAB_S)
    case.write(times="ttl.csv:camera")
    case.run()
    found, told = times_of(case)
    assert found == LAB_S
    assert (told.source, told.zero_s, told.rate, told.file) == (HARDWARE, 100, 25, "ttl.csv:camera")
    assert state(case)[0] is State.WHOLE


def test_a_damaged_video_has_times_too(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_WORKER", "own")
    whole = media.write_video(case.folder / "whole.mp4", 30, codec="mjpeg", pix_fmt="yuvj420p")
    place, size = media.packet_places(whole)[10]
    video = case.campaign.video_root / case.row.video
    media.punch_hole(whole, video, place + 20, size - 40, seed=1)
    case.write(fingerprint="", bytes=None, frames=30)
    case.run()
    found, told = times_of(case)
    assert found == pytest.approx([number / 25 for number in range(30)])
    assert told.unknown == 0


@pytest.mark.parametrize("count", [FRAMES - 1, FRAMES + 1, 1])
def test_another_number_of_times_is_found_before_the_analysis(
    both_paths: Case, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = both_paths
    monkeypatch.setenv("FAKE_WORKER", "exit")  # a job would end it
    write_times(case, [float(n) for n in range(count)])
    case.write(times="ttl.csv")
    error = case.fail(ManifestError, f"ttl.csv: has {count} times, but the video has {FRAMES} frames")
    assert "one time for each frame" in error.hint
    assert case.failure["exit_code"] == ExitCode.MANIFEST


def test_a_header_that_lies_does_not_give_wrong_times(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_WORKER", "own")
    write_times(case, LAB_S[:-2])
    case.write(times="ttl.csv", frames=FRAMES - 2)
    case.fail(ManifestError, f"has {FRAMES - 2} times, but the video has {FRAMES} frames")


@pytest.mark.parametrize(("text", "said"), [("0\n2\n1\n", "line 3: 1 s comes behind 2 s"), ("x\ny\n", "line 2")])
def test_a_wrong_file_is_found_before_anything_starts(case: Case, text: str, said: str) -> None:
    (case.campaign.video_root / "t.csv").write_text(text)
    case.write(times="t.csv")
    case.fail(ManifestError, said)
    assert not (case.folder / "started").exists()


def test_changed_times_are_stale_until_they_are_renewed(
    both_paths: Case, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    case = both_paths
    write_times(case, LAB_S)
    case.write(times="ttl.csv")
    case.run()
    receipt = case.receipt
    assert receipt
    monkeypatch.setenv("FAKE_WORKER", "exit")  # nothing is analysed again
    write_times(case, [time + 1 for time in LAB_S])
    for options in ({}, {"quick": True}):
        found, said = state(case, **options)
        assert found is State.BROKEN
        assert "its times are stale: ttl.csv was changed" in said
    assert finished_rows(case.folder / "m.csv") == set()
    case.run()
    assert "already finished, its times were renewed (ttl.csv)" in capsys.readouterr().out
    assert times_of(case)[0] == [time + 1 for time in LAB_S]
    assert state(case) == (State.WHOLE, "")
    now = case.receipt
    assert now
    assert (now.files[:-1], now.finished, bool(now.updated)) == (receipt.files[:-1], receipt.finished, True)
    case.run()
    assert "nothing to do" in capsys.readouterr().out


def test_times_may_come_and_go(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    case.write(campaign={"csv": False})
    case.run()
    monkeypatch.setenv("FAKE_WORKER", "exit")
    write_times(case, LAB_S)
    case.write(times="ttl.csv")
    assert "they are the video's own, and the manifest names ttl.csv" in state(case)[1]
    case.run()
    assert times_of(case)[0] == LAB_S
    case.write(times="")
    assert "they are of ttl.csv, which the manifest no longer names" in state(case)[1]
    case.run()
    assert times_of(case) == (OWN_S, FrameTimes(CONTAINER, 0.0, 25.0))
    assert state(case) == (State.WHOLE, "")


def test_wrong_new_times_leave_the_old_result(case: Case) -> None:
    case.write(campaign={"csv": False})
    case.run()
    before = (case.result / RECEIPT_FILENAME).read_bytes()
    write_times(case, LAB_S[1:])
    case.write(times="ttl.csv")
    with pytest.raises(ManifestError, match="has 11 times"):
        case.run()
    assert (case.result / RECEIPT_FILENAME).read_bytes() == before
    case.write(times="")
    assert state(case) == (State.WHOLE, "")


def test_a_file_that_is_on_another_machine_is_no_fault(case: Case) -> None:
    case.write(campaign={"csv": False}, times="ttl.csv")
    file = write_times(case, LAB_S)
    case.run()
    file.unlink()
    found, said = state(case)
    assert found is State.WHOLE
    assert "its times are of ttl.csv, which is no longer on this machine" in said


def test_times_of_another_video_are_not_taken(case: Case) -> None:
    case.write(campaign={"csv": False}, times="ttl.csv")
    write_times(case, LAB_S)
    case.run()
    (case.campaign.video_root / case.row.video).write_bytes(b"x")
    case.write(times="")
    with pytest.raises(VideoError, match="not the video"):
        case.run()
    assert times_of(case)[0] == LAB_S


def test_the_worker_has_the_times_whoever_knows_them(tmp_path: Path) -> None:
    job = make_job(media.write_video(tmp_path / "v.mp4", FRAMES))
    told = row_times.write(job, job.found)
    assert told
    file = Path(job.folder) / FRAME_TIMES_FILENAME
    assert list(row_times.read(job, job.found)) == OWN_S
    job = replace(job, times=str(file))
    assert list(row_times.read(job, replace(job.found, times=None))) == OWN_S
    assert row_times.write(job, job.found) is None


def test_a_deep_check_counts_them(both_paths: Case) -> None:
    case = both_paths
    case.run()
    assert times_problems(case.result / FRAME_TIMES_FILENAME, FRAMES) == []
    assert times_problems(case.result / FRAME_TIMES_FILENAME, FRAMES + 1) == [
        f"{FRAME_TIMES_FILENAME} has {FRAMES} times for {FRAMES + 1} frames"
    ]
    (problem,) = times_problems(case.result / RECEIPT_FILENAME, FRAMES)
    assert "cannot be read" in problem


def test_milliseconds_are_doubted_and_the_row_is_analysed(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    write_times(case, [40.0 * number for number in range(FRAMES)])
    case.write(campaign={"csv": False}, times="ttl.csv", fps=25.0)
    case.run()
    assert capsys.readouterr().err.count("are the times in milliseconds, or ticks?") == 1
    assert times_of(case)[0][1] == 40
