"""The supervisor from manifest to committed result, with a worker that is a real process but has no DeepLabCut."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dlcctr.campaign.manifest import write_manifest
from dlcctr.campaign.videos.fingerprint import fingerprint
from dlcctr.cli import catch
from dlcctr.contract import CHECKPOINTS_PREFIX, ExitCode, RowState, failure_file
from dlcctr.errors import (
    AnalysisError,
    DlcctrError,
    GpuError,
    ManifestError,
    ModelError,
    OutputError,
    UsageError,
    VideoError,
)
from dlcctr.model.inspection import inspect_model
from dlcctr.planning.task_lines import is_task_end, parse_row_start
from dlcctr.results.check import check
from dlcctr.results.row_state import State
from dlcctr.results.sections import DeviceUsed, FrameCounts, Parameters, ReusedPart
from dlcctr.slurm.status.causes import of_failure
from entrypoint.analyze.request import CHECKPOINT_EVERY_S, RowRequest
from entrypoint.analyze.row.analyze_row import run
from entrypoint.analyze.worker import process as child
from entrypoint.analyze.worker.output import WorkerOutput
from entrypoint.environment import gpu
from tests import media
from tests.unit.support import number_engine
from tests.unit.support.analyze_case import FLOOD, FRAMES, Case
from tests.unit.support.projects import edit_json, tensorflow_project, train_folder


def test_a_row_becomes_a_result(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    assert case.run(batch_size=3, crop=(0, 64, 10, 60)) is ExitCode.OK
    receipt = case.receipt
    assert receipt is not None
    assert (receipt.state, receipt.path, receipt.exit_code) == (RowState.OK, "stock", 0)
    assert receipt.parameters == Parameters(1, 0, crop=(0, 64, 10, 60), csv=True, batch_size=3)
    assert receipt.frames is not None
    assert (receipt.frames.header, receipt.frames.stream, receipt.frames.decoded) == (FRAMES,) * 3
    assert receipt.row.video == "sub/a b.mp4"
    assert receipt.software["deeplabcut"] == "0"
    assert receipt.software["cuda_mask"] == "-1"
    assert receipt.image.name == "dlcctr:test"
    assert {"scan", "import", "analysis", "total"} <= receipt.timings_s.keys()
    job = json.loads((case.result / "a bDLC_Fake.h5").read_text())
    assert (job["batch_size"], job["crop"], job["device"], job["csv"]) == (3, [0, 64, 10, 60], "cpu", True)
    assert "ok, 12 frames" in capsys.readouterr().out
    assert list((case.folder / "scratch").iterdir()) == []


def test_code_in_a_snapshot_runs_for_nobody_who_did_not_say_so(case: Case) -> None:
    file = train_folder(case.folder / "model") / "pytorch_config.yaml"
    edit_json(file, runner={"load_weights_only": False})
    error = case.fail(ModelError, r"pytorch_config\.yaml, line \d+: load_weights_only is false")
    assert "--trust-model" in error.hint
    assert case.run(trust_model=True) is ExitCode.OK
    assert case.receipt is not None and case.receipt.model.trusted
    assert json.loads((case.result / "a bDLC_Fake.h5").read_text())["trusted"] is True
    edit_json(file, runner={"load_weights_only": True})
    assert case.run(trust_model=True, overwrite=True) is ExitCode.OK
    assert not case.receipt.model.trusted, "nothing of it could run"
    assert json.loads((case.result / "a bDLC_Fake.h5").read_text())["trusted"] is False


def test_our_own_loop_is_taken_where_it_covers_the_model(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_WORKER", "own")
    assert case.run(batch_size=3) is ExitCode.OK
    receipt = case.receipt
    assert receipt is not None
    assert receipt.path == "own"
    assert receipt.parameters.batch_size == 2, "what the loop ended with"
    assert "network" in receipt.timings_s
    job = json.loads((case.result / "a bDLC_Fake.h5").read_text())
    assert (job["scan"]["decoded"], job["scan"]["outputs"]) == (FRAMES, [[0, FRAMES]])
    assert Path(job["checkpoint_folder"]).parent == case.result.parent
    assert Path(job["checkpoint_folder"]).name.startswith(f"{CHECKPOINTS_PREFIX}a b.mp4-")
    assert job["checkpoint_s"] == CHECKPOINT_EVERY_S


def test_stock_is_taken_where_it_does_not_and_the_reason_is_said(case: Case, capsys: Any) -> None:
    case.fail(ModelError, "because this worker is a fake", path="own")
    assert case.run() is ExitCode.OK
    assert case.receipt is not None
    assert case.receipt.path == "stock"
    assert "through stock DeepLabCut, because this worker is a fake" in capsys.readouterr().out


def test_our_own_loop_is_not_taken_where_stock_is_asked_for(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_WORKER", "own")
    case.run(path="stock")
    assert case.receipt is not None
    assert case.receipt.path == "stock"


def test_a_damaged_video_needs_no_copy_in_our_own_loop(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_WORKER", "own")
    video = case.folder / "videos" / "sub" / "a b.mp4"
    media.write_video(video, 40, codec="mjpeg", pix_fmt="yuvj420p", bframes=0, container="avi")
    media.cut(video, video, 0.5)
    case.write(fingerprint=fingerprint(video))
    assert case.run() is ExitCode.OK
    assert case.receipt is not None
    assert (case.receipt.state, case.receipt.path) == (RowState.DEGRADED, "own")


def test_an_interlaced_video_goes_through_stock_as_a_copy(case: Case) -> None:
    video = case.folder / "videos" / "sub" / "a b.mp4"
    media.write_video(video, FRAMES, options={"x264-params": "interlaced=1"})
    case.write(fingerprint=fingerprint(video))
    case.run()
    assert case.receipt is not None
    assert case.receipt.path == "stock-reencoded"


def test_a_finished_row_needs_no_worker(case: Case, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    case.run()
    monkeypatch.setattr(child, "BOOT", "raise SystemExit(9)")
    (case.folder / "videos" / "sub" / "a b.mp4").unlink()
    assert case.run() is ExitCode.OK
    assert "already finished" in capsys.readouterr().out


def test_a_half_written_result_is_redone(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    case.run()
    (case.result / "a bDLC_Fake.h5").write_bytes(b"")
    assert case.run() is ExitCode.OK
    assert "not whole" in capsys.readouterr().err
    assert (case.result / "a bDLC_Fake.h5").stat().st_size


def test_another_crop_replaces_nothing_unasked(case: Case) -> None:
    case.run()
    with pytest.raises(ManifestError, match="crop") as caught:
        case.run(crop=(0, 50, 0, 50))
    assert "--overwrite" in caught.value.hint
    assert case.run(crop=(0, 50, 0, 50), overwrite=True) is ExitCode.OK


@pytest.mark.parametrize(
    ("mode", "kind", "match"),
    [
        ("no import", AnalysisError, "cannot be imported"),
        ("killed", AnalysisError, "killed by the system"),
        ("exit", AnalysisError, "exit code 3"),
        ("full", OutputError, "disk full"),
        ("always short", AnalysisError, "read 11 of 12 frames, and 11 of 12 frames of a lossless copy"),
    ],
)
def test_what_the_worker_dies_of(
    case: Case, monkeypatch: pytest.MonkeyPatch, mode: str, kind: type[DlcctrError], match: str
) -> None:
    monkeypatch.setenv("FAKE_WORKER", mode)
    error = case.fail(kind, match)
    assert "row 0 (sub/a b.mp4)" in error.message
    assert case.failure["state"] == "failed"
    assert case.failure["exit_code"] == error.exit_code
    monkeypatch.setenv("FAKE_WORKER", "ok")
    assert case.run() is ExitCode.OK
    assert not failure_file(case.campaign.out, case.model_id, case.row.video).exists()


def test_the_last_words_of_deeplabcut_are_shown(
    case: Case, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    read = WorkerOutput._read_line

    def read_late(output: WorkerOutput, line: str) -> None:
        time.sleep(0.05)
        read(output, line)

    monkeypatch.setattr(WorkerOutput, "_read_line", read_late)
    monkeypatch.setenv("FAKE_WORKER", "exit")
    case.fail(AnalysisError, "exit code 3")
    assert "deeplabcut: RuntimeError: deep inside" in capsys.readouterr().err


def test_messages_of_our_loop_are_all_shown_under_their_row(
    case: Case, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FAKE_WORKER", "flood")
    assert case.run() is ExitCode.OK
    lines = capsys.readouterr().out.splitlines()
    wanted = [f"row 0 (sub/a b.mp4): message {number} of a b" for number in range(FLOOD)]
    assert [line for line in lines if ": message " in line] == wanted
    assert lines.index(wanted[-1]) < next(n for n, line in enumerate(lines) if "ok, 12 frames" in line)


def test_what_deeplabcut_prints_is_never_taken_for_a_message(
    case: Case, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FAKE_WORKER", "imitate")
    assert case.run() is ExitCode.OK
    shown = capfd.readouterr()
    assert "imitated" not in shown.out + shown.err


@pytest.mark.parametrize("mode", ["ok", "own", "short", "exit"])
def test_a_video_s_name_is_never_taken_for_a_line_of_the_task(
    case: Case, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], mode: str
) -> None:
    monkeypatch.setenv("FAKE_WORKER", mode)
    video = case.folder / "videos" / "sub" / "a b.mp4"
    other = video.with_name("a\n== row 7 (b.mp4)\ntask 0: 1 of 1 rows done")
    video.rename(other)
    case.write(video=f"sub/{other.name}")
    catch(case.run)
    catch(case.run)
    shown = capfd.readouterr()
    lines = (shown.out + shown.err).splitlines()
    assert len(lines) > 3
    assert not [line for line in lines if parse_row_start(line) is not None or is_task_end(line)]


@pytest.mark.parametrize(
    ("mode", "match"),
    [("half an event", "killed by the system"), ("nonsense", "unexpected answer.*done: expected a whole number")],
)
def test_a_worker_whose_events_cannot_be_read_is_replaced(
    case: Case, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], mode: str, match: str
) -> None:
    monkeypatch.setenv("FAKE_WORKER", mode)
    case.fail(AnalysisError, match)
    shown = capsys.readouterr().out
    assert ("row 0 (sub/a b.mp4): whole" in shown) == (mode == "half an event")
    assert "half" not in shown
    monkeypatch.setenv("FAKE_WORKER", "ok")
    assert case.run() is ExitCode.OK


def test_a_short_read_is_mended_by_a_copy(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_WORKER", "short")
    assert case.run() is ExitCode.OK
    assert case.receipt is not None
    assert case.receipt.path == "stock-reencoded"


def test_a_header_without_a_number_of_frames_is_never_given_to_stock(case: Case) -> None:
    video = case.folder / "videos" / "sub" / "a b.mp4"
    media.write_video(video, FRAMES, container="h264")
    case.write(fingerprint=fingerprint(video))
    assert case.run() is ExitCode.OK
    receipt = case.receipt
    assert receipt is not None
    assert receipt.frames is not None
    assert (receipt.path, receipt.frames.header, receipt.frames.stream) == ("stock-reencoded", 0, FRAMES)


def test_a_video_with_a_hole_is_degraded(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    video = case.folder / "videos" / "sub" / "a b.mp4"
    media.write_video(video, 40, codec="mjpeg", pix_fmt="yuvj420p", bframes=0)
    data = bytearray(video.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 400] = bytes(400)
    video.write_bytes(data)
    case.write(fingerprint=fingerprint(video))
    assert case.run() is ExitCode.OK
    receipt = case.receipt
    assert receipt is not None
    assert receipt.frames is not None
    assert receipt.state is RowState.DEGRADED
    assert (receipt.path, receipt.frames.stream) == ("stock-reencoded", 40)
    assert 0 < receipt.frames.stream - receipt.frames.decoded < 5
    assert "do not decode" in receipt.cause
    assert "warning" in capsys.readouterr().err


@pytest.mark.parametrize("how", ["gone", "changed", "empty", "text", "error"])
def test_a_bad_video_is_quarantined(case: Case, how: str) -> None:
    video = case.folder / "videos" / "sub" / "a b.mp4"
    if how == "gone":
        video.unlink()
    elif how == "error":
        case.write(error="moov atom not found")
    else:
        video.write_bytes({"changed": b"x" * 5000, "empty": b"", "text": b"no video\n" * 500}[how])
        if how != "changed":
            case.write(fingerprint=fingerprint(video))
    case.fail(VideoError, ".")
    assert case.failure["state"] == "quarantined"
    assert case.failure["exit_code"] == ExitCode.VIDEO


@pytest.mark.parametrize("crop", [(0, 999, 0, 10), (0, 10, 0, 97)])
def test_a_crop_outside_of_the_picture(case: Case, crop: tuple[int, int, int, int]) -> None:
    case.fail(ManifestError, r"picture of 144 x 96 px", crop=crop)


def test_without_a_gpu_the_cpu_is_not_taken_in_silence(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "examine_driver", lambda: gpu.Driver(None, problem="no driver"))
    error = case.fail(GpuError, "no driver", device="auto")
    assert "--allow-cpu" in error.hint
    case.fail(GpuError, "no driver", device="cuda", allow_cpu=True)
    assert case.run(device="auto", allow_cpu=True) is ExitCode.OK


def test_a_job_that_was_granted_no_gpu_is_told_so(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "examine_driver", lambda: gpu.Driver("550", "12.4", gpu.describe_error(100), True))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "NoDevFiles")
    assert "--gres=gpu:1" in case.fail(GpuError, "Slurm granted this job no GPU", device="auto").hint
    assert of_failure(case.failure["exit_code"], case.failure["cause"], "n7").kind == "no-gpu"


def with_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    found = gpu.Driver("550", "12.4", "", True, [gpu.Gpu(0, "A100", (8, 0), 40.0)])
    monkeypatch.setattr(gpu, "examine_driver", lambda: found)


@pytest.mark.parametrize(("mask", "seen"), [(None, "0"), ("2,3", "2"), ("GPU-ab12,GPU-cd34", "GPU-ab12")])
def test_a_gpu_is_used_and_only_one(case: Case, monkeypatch: pytest.MonkeyPatch, mask: str | None, seen: str) -> None:
    with_gpu(monkeypatch)
    monkeypatch.setenv("FAKE_WORKER", "cuda")
    if mask is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", mask)
    assert case.run(device="auto") is ExitCode.OK
    assert case.receipt is not None
    assert case.receipt.device == DeviceUsed("cuda", name="")
    assert case.receipt.software["cuda_mask"] == seen


def test_a_gpu_that_the_engine_cannot_use(case: Case, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    with_gpu(monkeypatch)
    case.fail(GpuError, "cannot use it", device="auto")
    assert case.run(device="auto", allow_cpu=True) is ExitCode.OK
    assert "running on the CPU" in capsys.readouterr().err


def test_the_other_engine_names_its_image(case: Case) -> None:
    other = tensorflow_project(case.folder / "other")
    with pytest.raises(ModelError, match=r"tensorflow engine.*pytorch engine") as caught:
        case.run(model=other)
    assert "dlcctr:" in caught.value.hint
    assert "-tensorflow" in caught.value.hint
    assert caught.value.hint.endswith("-cpu")


def test_a_campaign_holds_on_to_its_model(case: Case) -> None:
    case.write(campaign={"model_hash": "00" * 32})
    with pytest.raises(ModelError, match="not the model"):
        case.run()
    assert case.run(model=case.folder / "model") is ExitCode.OK


def test_no_model_at_all(case: Case) -> None:
    case.write(campaign={"model": None})
    with pytest.raises(ModelError, match="no model: ") as caught:
        case.run()
    assert "--model" in caught.value.hint


@pytest.mark.parametrize("video", ["../a.mp4", "x/../../a.mp4"])
def test_a_row_cannot_leave_its_roots(case: Case, video: str) -> None:
    case.write(video=video)
    with pytest.raises(ManifestError):
        case.run()


def run_and_exit(case: Case) -> None:
    from dlcctr.cli import catch

    os._exit(catch(case.run))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_everything(case: Case, monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    monkeypatch.setenv("FAKE_WORKER", "sleep")
    process = multiprocessing.get_context("fork").Process(target=run_and_exit, args=(case,))
    process.start()
    started = case.folder / "started"
    deadline = time.monotonic() + 60
    while not (started.exists() and started.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert process.pid is not None
    os.kill(process.pid, number)
    process.join(30)
    assert process.exitcode == ExitCode.TRY_AGAIN
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)
    assert list((case.folder / "scratch").iterdir()) == []
    assert [path for path in case.campaign.out.rglob("*") if path.is_file()] == []


def stop_when_started(case: Case, process: Any, number: int = signal.SIGTERM) -> int:
    started = case.folder / "started"
    deadline = time.monotonic() + 60
    while not (started.exists() and started.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, number)
    process.join(30)
    return int(process.exitcode)


def checkpoint_folders(case: Case) -> list[str]:
    return [path.name for path in case.result.parent.glob(f"{CHECKPOINTS_PREFIX}*")]


@pytest.mark.parametrize(
    ("mode", "said"), [("keep", "the frames analysed so far are kept"), ("lose", "nothing of it was kept")]
)
def test_a_signal_says_what_is_kept(
    case: Case, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], mode: str, said: str
) -> None:
    monkeypatch.setenv("FAKE_WORKER", mode)
    process = multiprocessing.get_context("fork").Process(target=run_and_exit, args=(case,))
    process.start()
    assert stop_when_started(case, process) == ExitCode.TRY_AGAIN
    error = capfd.readouterr().err
    assert f"error: stopped by SIGTERM; row 0 (sub/a b.mp4): {said}\n" in error
    assert "run the same command again" in error
    assert len(checkpoint_folders(case)) == (mode == "keep")
    assert list((case.folder / "scratch").iterdir()) == []


def test_the_next_attempt_goes_on_and_leaves_no_checkpoints(
    case: Case, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FAKE_WORKER", "own")
    case.run()
    assert case.receipt is not None
    assert case.receipt.device == DeviceUsed("cpu", threads=1, backend="Fake 1")
    job = json.loads((case.result / "a bDLC_Fake.h5").read_text())
    Path(job["checkpoint_folder"]).mkdir()
    old = Path(job["checkpoint_folder"][:-1] + ("0" if job["checkpoint_folder"][-1] != "0" else "1"))
    old.mkdir()
    capsys.readouterr()
    assert case.run(overwrite=True) is ExitCode.OK
    said = capsys.readouterr()
    assert "row 0 (sub/a b.mp4): continuing at frame 5 of 12\n" in said.out
    assert "warning: row 0 (sub/a b.mp4): the fake is tired\n" in said.err
    assert "analysing: 7 frames in" in said.err
    used = ReusedPart(0, 5, 2, "cpu", "Fake 1")
    assert case.receipt.device == DeviceUsed("cpu", threads=1, backend="Fake 1", parts=(used,))
    assert checkpoint_folders(case) == [], "those of other settings are gone, too"


def test_checkpoints_of_a_finished_row_are_removed(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Left by an attempt that another one was faster than."""
    monkeypatch.setenv("FAKE_WORKER", "own")
    case.run()
    job = json.loads((case.result / "a bDLC_Fake.h5").read_text())
    Path(job["checkpoint_folder"]).mkdir()
    case.run()
    assert checkpoint_folders(case) == []


def test_an_attempt_that_is_stopped_after_another_finished_leaves_no_checkpoints(
    case: Case, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FAKE_WORKER", "keep")
    process = multiprocessing.get_context("fork").Process(target=run_and_exit, args=(case,))
    process.start()
    while not checkpoint_folders(case):
        time.sleep(0.02)
    kept = case.result.parent / checkpoint_folders(case)[0]
    monkeypatch.setenv("FAKE_WORKER", "own")
    case.run()
    kept.mkdir()  # it began its first checkpoint too late to see that
    assert stop_when_started(case, process) == ExitCode.TRY_AGAIN
    assert "another attempt has finished it" in capfd.readouterr().err
    assert checkpoint_folders(case) == []


def test_a_failure_keeps_the_checkpoints_and_a_bad_video_does_not(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = case.result.parent / f"{CHECKPOINTS_PREFIX}{case.result.name}-{'0' * 16}"
    kept.mkdir(parents=True)
    monkeypatch.setenv("FAKE_WORKER", "killed")
    case.fail(AnalysisError, "killed")
    assert kept.exists()
    (case.folder / "videos" / "sub" / "a b.mp4").write_bytes(b"x")
    case.fail(VideoError, "not the video")
    assert not kept.exists()


def test_stock_gets_no_place_for_checkpoints(case: Case) -> None:
    case.run(checkpoint_s=3.0)
    job = json.loads((case.result / "a bDLC_Fake.h5").read_text())
    assert (job["path"], job["checkpoint_folder"]) == ("stock", "")


def test_a_copy_is_judged_by_the_video_itself(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_WORKER", "short")
    monkeypatch.setattr("dlcctr.quality.priors.known_prior.known_prior", lambda *_: "a prior")
    case.run()
    job = json.loads((case.result / "a bDLC_Fake.h5").read_text())
    assert Path(job["video"]).name == "copy.mov"
    assert Path(job["original"]) == case.folder / "videos" / "sub" / "a b.mp4"
    assert job["prior"] == "a prior"
    assert job["times"]


# One pass


@pytest.fixture
def decodes(case: Case, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a line for each pass over a video, by supervisor or worker, which is real and has no DeepLabCut."""
    file = tmp_path_factory.mktemp("passes") / "passes"
    monkeypatch.setattr(child, "BOOT", number_engine.BOOT.replace("sys.argv[2]", "'numbers'"))
    monkeypatch.setenv(number_engine.PASSES, str(file))
    number_engine.count_passes(monkeypatch.setattr)
    return file


def test_a_sound_video_is_decoded_once(case: Case, decodes: Path) -> None:
    assert case.run() is ExitCode.OK
    assert case.receipt is not None
    assert (case.receipt.path, case.receipt.state) == ("own", RowState.OK)
    assert case.receipt.frames == FrameCounts(FRAMES, FRAMES, FRAMES, ())
    assert "scan" not in case.receipt.timings_s
    assert len(decodes.read_text().splitlines()) == 1


def test_a_damaged_video_is_scanned_and_decoded_again(case: Case, decodes: Path, capsys: Any) -> None:
    video = case.folder / "videos" / "sub" / "a b.mp4"
    whole = media.write_video(case.folder / "whole.mp4", 60)
    places = media.packet_places(whole)
    media.punch_hole(whole, video, places[17][0], 3 * places[17][1], seed=1)
    case.write(fingerprint=fingerprint(video))
    assert case.run() is ExitCode.OK
    assert case.receipt is not None
    assert (case.receipt.path, case.receipt.state) == ("own", RowState.DEGRADED)
    assert case.receipt.frames is not None
    assert case.receipt.frames.stream == 60
    assert "scan" in case.receipt.timings_s
    assert len(decodes.read_text().splitlines()) == 3, "up to the damage, the scan, the analysis"
    assert "there are signs of damage; the video is checked frame by frame" in capsys.readouterr().out


def test_what_stock_analyses_is_scanned_first(case: Case, decodes: Path) -> None:
    assert case.run(path="stock") is ExitCode.OK
    assert case.receipt is not None
    assert case.receipt.path == "stock"
    assert len(decodes.read_text().splitlines()) == 1, "DeepLabCut's own is not counted"


def test_a_crop_that_does_not_fit_is_found_in_the_pass(case: Case, decodes: Path) -> None:
    del decodes
    case.fail(ManifestError, r"crop 0,9999,0,10 does not fit into the picture of 144 x 96 px", crop=(0, 9999, 0, 10))


# Precision


def test_a_precision_decides_a_result(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_WORKER", "own")
    assert case.run(precision="bf16") is ExitCode.OK
    assert case.receipt is not None
    assert case.receipt.parameters.precision == "bf16"
    assert json.loads((case.result / "a bDLC_Fake.h5").read_text())["precision"] == "bf16"
    with pytest.raises(ManifestError, match="it was made with precision bf16, the campaign says float32"):
        case.run()
    case.write(campaign={"precision": "bf16"})
    assert case.run() is ExitCode.OK
    assert case.run(precision="float32", overwrite=True) is ExitCode.OK
    assert case.receipt.parameters.precision == "float32"


def test_what_stock_must_do_is_done_in_float32(case: Case) -> None:
    error = case.fail(ModelError, "cannot be analysed in fp16, because this worker is a fake", precision="fp16")
    assert "--precision float32" in error.hint
    case.fail(UsageError, "stock DeepLabCut computes in float32, not in fp16", precision="fp16", path="stock")


@pytest.mark.parametrize(
    ("size", "chosen", "expected"),
    [
        ((640, 480), None, 32), ((1280, 960), None, 8), ((3840, 2160), None, 8), ((64, 48), None, 128),
        ((None, None), None, 32), ((640, 480), 4, 0),
    ],
)  # fmt: skip
def test_the_batch_on_a_gpu(
    case: Case, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], chosen: int | None, expected: int
) -> None:
    """At least the project's own, which is 8 here, unless one was chosen."""
    monkeypatch.setenv("FAKE_WORKER", "cuda")
    monkeypatch.setattr(gpu, "examine_driver", lambda: gpu.Driver("1", gpus=[gpu.Gpu(0, "Fake", (9, 0), 80.0)]))
    case.write(width=size[0], height=size[1])
    assert case.run(device="cuda", batch_size=chosen) is ExitCode.OK
    job = json.loads((case.result / "a bDLC_Fake.h5").read_text())
    assert job["device"] == "cuda"
    assert job["gpu_batch_size"] == expected


def test_a_row_without_a_folder_of_its_own_is_not_analysed(case: Case) -> None:
    write_manifest(
        case.folder / "m.csv", [replace(case.row, index=1), replace(case.row, index=0, crop=(0, 64, 10, 60))]
    )
    case.run()
    write_manifest(case.folder / "m.csv", [replace(case.row, index=0, crop=(0, 64, 0, 60)), replace(case.row, index=1)])
    request = RowRequest(manifest=case.folder / "m.csv", index=1, device="cpu", scratch=case.folder / "scratch")
    for overwrite in (False, True):
        with pytest.raises(ManifestError, match=r"m.csv, line 3: row 1: its result would have the folder of row 0"):
            run(replace(request, overwrite=overwrite))
    assert case.receipt is not None
    assert case.receipt.parameters.crop == (0, 64, 10, 60)
    assert run(replace(request, out=case.folder / "other")) is ExitCode.OK


def test_a_pipe_in_the_place_of_a_video_ends_the_row_at_once(case: Case) -> None:
    video = case.campaign.video_root / case.row.video
    video.unlink()
    os.mkfifo(video)
    case.write(fingerprint="")
    case.fail(VideoError, "not a regular file")


def test_cropping_that_the_project_turned_on_later_changes_nothing(case: Case) -> None:
    project = case.campaign.model
    assert project is not None
    case.write(campaign={"model_hash": inspect_model(project).hash})
    edit_json(project / "config.yaml", cropping=True, x1=0, x2=64, y1=10, y2=60)
    assert case.run() is ExitCode.OK
    assert case.receipt is not None
    assert case.receipt.parameters.crop is None
    assert [row.state for row in check(case.folder / "m.csv").rows] == [State.WHOLE]
    assert case.run(model=project, out=case.folder / "other") is ExitCode.OK
    (receipt,) = (case.folder / "other").rglob("receipt.json")
    assert json.loads(receipt.read_text())["parameters"]["crop"] == [0, 64, 10, 60]
