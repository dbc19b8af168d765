from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tests import media
from tests.benchmarks.loop import Case as Setting
from tests.gpu import page, plot
from tests.gpu.check import record_of
from tests.gpu.clips import ROOT, Clips
from tests.gpu.context import Outcome
from tests.gpu.equality import Comparison
from tests.gpu.gpu_samples import Usage
from tests.gpu.sides import environment_of
from tests.gpu.speed import speed_of, waiting_share
from tests.gpu.tolerance import CUDA

SETTING = Setting("pytorch", "ResNet-50", 640, 480, 8, 2000)
CEILINGS = {
    "network_fps": 500.0, "decode_fps": 900.0, "gflop": 80.0, "peak_gflops": 50_000.0, "peak_tf32_gflops": 320_000.0,
}  # fmt: skip


def answer(frames_s: float, on_gpu: bool = True) -> dict[str, Any]:
    gpu = {"gpu_allocated_mb": 900.0, "gpu_reserved_mb": 1200.0} if on_gpu else {}
    phases = {"decoding": frames_s * 0.2, "network": frames_s * 0.8}
    return {"frames_s": frames_s, "call_s": frames_s + 1, "peak_mb": 3000.0, "phases": phases, **gpu}


def make_speed(on_gpu: bool = True) -> dict[str, Any]:
    answers = {"stock": [answer(20, on_gpu), answer(25, on_gpu)], "own": [answer(5, on_gpu), answer(5, on_gpu)]}
    usage = {"stock": None, "own": Usage(12, 0.83, 9000.0, 350.0) if on_gpu else None}
    ceilings = CEILINGS if on_gpu else {**CEILINGS, "peak_tf32_gflops": None}
    return speed_of(SETTING, answers, usage, ceilings, "openfield-2000.mp4")


def make_results(**more: Any) -> dict[str, Any]:
    differs = Comparison("ours | stock", 2330, 27960, 8.5, 0.3, 0.01, 120.0, True, False, "not the same values")
    grid = [{"layout": "NCHW", "tf32": True, "batch_size": 64, "fps": 700.0, "max_px": 0.0013, "max_likelihood": 2e-4}]
    cases = [
        {"name": "real", "title": "Equal", "must": True, "seconds": 31.0, **record_of(Outcome([differs], ["a line"]))},
        {"name": "s", "title": "Speed", "must": False, "seconds": 40.0, **record_of(Outcome(speed=make_speed()))},
        {"name": "n", "title": "Network", "must": False, "seconds": 9.0, **record_of(Outcome(grid=grid))},
        {"name": "k", "title": "Killed", "must": True, "state": "failed", "seconds": 5.0, "why": "RowsError: x\nsaid"},
        {"name": "t", "title": "Two", "must": True, "state": "pending", "seconds": 0.0, "why": ""},
    ]
    machine = {
        "gpu": "NVIDIA H100", "processor": "EPYC", "cpus": 16, "threads": 16, "load_before": 0.5, "date": "2026-11-27",
    }  # fmt: skip
    return {
        "device": "cuda", "minutes": 8, "used_s": 90.0, "machine": machine, "tolerance": asdict(CUDA), "cases": cases,
        "verdict": page.verdict(cases, ended=False), "samples_missing": "", "plot": True, "only": [], **more,
    }  # fmt: skip


def test_the_page_of_a_check_that_is_still_running() -> None:
    text = page.render(make_results())
    lines = text.splitlines()
    assert lines[0] == "# The GPU check: NVIDIA H100"
    assert "**Not all is as it must be: real, k.**" in lines
    assert "| Equal | DOES NOT HOLD | 31 | ours \\| stock: not the same values |" in lines
    assert "| Killed | FAILED | 5 | RowsError: x |" in lines
    assert "| Two | not yet |  |  |" in lines
    assert "| ours \\| stock | 2330 | 27960 | 8.5 | 0.3 | 1.00% | 120 | NOT EQUAL: not the same values |" in lines
    assert "| NCHW | yes | 64 | 700.0 | 0.0013 | 0.0002 |" in lines
    assert "RowsError: x\nsaid" in text
    assert "rehearsal" not in text
    assert "TF32" in text


def test_a_choice_of_cases_is_named() -> None:
    assert "asked for" not in page.render(make_results())
    assert "Only these cases were asked for: real, kill." in page.render(make_results(only=["real", "kill"]))


def test_an_equal_result_that_could_hide_a_shift_is_marked() -> None:
    calm, moving = (asdict(Comparison("a", 12, 72, 0.0, 0.0, 0.0, 1.0, seen, True, "")) for seen in (False, True))
    assert page.equal_line(calm)[-1] == "equal, but a shift would not show"
    assert page.equal_line(moving)[-1] == "equal"


def test_tables_have_as_many_cells_as_their_heads() -> None:
    for head, line in (
        (page.SPEED_HEAD, page.speed_line(make_speed())),
        (page.MEMORY_HEAD, page.memory_line(make_speed())),
        (page.EQUAL_HEAD, page.equal_line(asdict(Comparison("a", 1, 6, 0.0, 0.0, 0.0, 0.0, True, True, "")))),
        (page.SPEED_HEAD, page.speed_line(make_speed(on_gpu=False))),
        (page.MEMORY_HEAD, page.memory_line(make_speed(on_gpu=False))),
    ):
        assert len(head) == len(line)


def test_what_was_measured_on_the_cpu_is_called_a_rehearsal_and_says_what_it_lacks() -> None:
    missing = "not measured: the check runs on the CPU"
    text = page.render(make_results(device="cpu", samples_missing=missing, plot=False))
    assert "A rehearsal without a GPU" in text
    assert f"Utilisation of the GPU: {missing}." in text
    assert "plot.png" not in text


def test_speeds_ratios_and_what_the_device_waits() -> None:
    speed = make_speed()
    assert speed["sides"]["own"]["fps"] == 400
    assert speed["sides"]["stock"]["fps"] == pytest.approx(2000 / 22.5)
    assert speed["ratios"] == [4.0, 5.0]
    assert speed["waits"] == pytest.approx(0.2)
    assert speed["gflops"] == 32_000
    assert speed["sides"]["own"]["gpu_reserved_mb"] == 1200
    assert "gpu_reserved_mb" not in make_speed(on_gpu=False)["sides"]["own"]
    line = page.speed_line(speed)
    assert line[6:9] == ["88.9", "400.0", "4.50 (4.00-5.00)"]
    assert line[-3:] == ["20%", page.NONE, "83%"]
    assert waiting_share(510, 500) == 0


def test_the_plot_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not plot.draw([], tmp_path / "plot.png")
    assert plot.draw([make_speed()], tmp_path / "plot.png")
    assert [each.name for each in tmp_path.iterdir()] == ["plot.png"]
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert not plot.draw([make_speed()], tmp_path / "other.png")


def test_long_clips_repeat_what_was_encoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from entrypoint.video.scan import scan_video

    monkeypatch.setattr("tests.gpu.clips.ENCODED", 10)
    clip = Clips(tmp_path).made(144, 96, 27)
    assert media.decode_numbers(clip) == [*range(10), *range(10), *range(7)]
    found = scan_video(clip)
    assert (found.stream, found.decoded, found.missing) == (27, 27, [])


def test_processes_see_one_gpu_or_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-1234, 3")
    assert environment_of("cuda", tmp_path, 3)["CUDA_VISIBLE_DEVICES"] == "GPU-1234"
    assert environment_of("cpu", tmp_path, 3)["CUDA_VISIBLE_DEVICES"] == "-1"
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert environment_of("cuda", tmp_path, 3)["CUDA_VISIBLE_DEVICES"] == "0"
    assert environment_of("cpu", tmp_path, 3)["OMP_NUM_THREADS"] == "3"


def test_the_check_needs_none_of_what_a_gpu_machine_without_network_lacks() -> None:
    code = (
        "import sys\n"
        "for name in ('pytest', 'tomlkit', 'docker', 'spython', 'openvino', 'tensorflow', 'hypothesis', 'torch'):\n"
        "    sys.modules[name] = None\n"
        "import tests.gpu.__main__, tests.gpu.server"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
