from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dlcctr.cli import catch
from dlcctr.commands import version
from dlcctr.contract import ExitCode
from dlcctr.errors import UsageError
from entrypoint import app as program
from entrypoint.analyze.request import CHECKPOINT_EVERY_S, RowRequest, find_index
from entrypoint.analyze.row import analyze_row


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DLCCTR_INDEX", "DLCCTR_INDEX_OFFSET", "SLURM_ARRAY_TASK_ID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[RowRequest]:
    """What `analyze` would be asked to do."""
    asked: list[RowRequest] = []

    def run(request: RowRequest) -> ExitCode:
        asked.append(request)
        return ExitCode.OK

    monkeypatch.setattr(analyze_row, "run", run)
    return asked


def call(monkeypatch: pytest.MonkeyPatch, *argv: str) -> int:
    monkeypatch.setattr(sys, "argv", ["dlc", *argv])
    return catch(lambda: program.app(prog_name="dlc"))


def test_the_manifest_and_an_index_are_enough(monkeypatch: pytest.MonkeyPatch, requests: list[RowRequest]) -> None:
    assert call(monkeypatch, "analyze", "--index", "3", "--manifest", "m.csv") == 0
    assert requests == [RowRequest(manifest=Path("m.csv"), index=3)]


FULL = RowRequest(
    manifest=Path("m.csv"),
    index=0,
    model=Path("/model"),
    out=Path("/out"),
    video_root=Path("/videos"),
    csv=False,
    batch_size=4,
    snapshot="snapshot-200",
    shuffle=2,
    trainset_index=1,
    crop=(0, 320, 10, 200),
    device="cuda",
    precision="fp16",
    allow_cpu=True,
    overwrite=True,
    scratch=Path("/scratch"),
    path="own",
    checkpoint_s=2.5,
    trust_model=True,
)


def test_all_options(monkeypatch: pytest.MonkeyPatch, requests: list[RowRequest]) -> None:
    options = (
        "--index 0 --manifest m.csv --model /model --out /out --video-root /videos --no-csv --batch-size 4 "
        "--snapshot snapshot-200 --shuffle 2 --trainset-index 1 --crop 0,320,10,200 --device cuda --allow-cpu "
        "--overwrite --scratch /scratch --path own --checkpoint-s 2.5 --trust-model --precision fp16"
    )
    assert call(monkeypatch, "analyze", *options.split()) == 0
    assert requests == [FULL]


def test_all_options_from_the_environment(monkeypatch: pytest.MonkeyPatch, requests: list[RowRequest]) -> None:
    values: dict[str, Any] = {**vars(FULL), "csv": 0, "crop": "0 320;10,200", "allow_cpu": 1, "overwrite": 1}
    values["trust_model"] = 1
    for name, value in values.items():
        monkeypatch.setenv(f"DLCCTR_{name.upper()}", str(value))
    assert call(monkeypatch, "analyze") == 0
    assert requests == [FULL]


def test_an_empty_variable_is_none_at_all(monkeypatch: pytest.MonkeyPatch, requests: list[RowRequest]) -> None:
    for name in vars(FULL):
        monkeypatch.setenv(f"DLCCTR_{name.upper()}", "")
    assert call(monkeypatch, "analyze", "--manifest", "m.csv", "--index", "1") == 0
    assert requests == [RowRequest(manifest=Path("m.csv"), index=1)]


def test_where_the_index_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_index(7) == 7
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "5")
    assert find_index(None) == 5
    monkeypatch.setenv("DLCCTR_INDEX_OFFSET", "1000")
    assert find_index(None) == 1005
    monkeypatch.setenv("DLCCTR_INDEX", "2")
    assert find_index(None) == 2
    assert find_index(0) == 0


def test_no_index_is_a_usage_error_that_says_so(
    monkeypatch: pytest.MonkeyPatch, requests: list[RowRequest], capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "analyze", "--manifest", "m.csv") == ExitCode.USAGE
    said = capsys.readouterr().err
    for word in ("--index", "DLCCTR_INDEX", "SLURM_ARRAY_TASK_ID", "APPTAINERENV_"):
        assert word in said
    assert not requests


@pytest.mark.parametrize(
    "options",
    [
        ["--manifest", "m.csv", "--index", "-1"],
        ["--manifest", "m.csv", "--index", "x"],
        ["--manifest", "m.csv", "--index", "1.5"],
        ["--index", "1"],
        ["--manifest", "m.csv", "--index", "1", "--batch-size", "0"],
        ["--manifest", "m.csv", "--index", "1", "--crop", "1,2,3"],
        ["--manifest", "m.csv", "--index", "1", "--crop", "5,2,3,4"],
        ["--manifest", "m.csv", "--index", "1", "--crop", "-5,2,3,4"],
        ["--manifest", "m.csv", "--index", "1", "--device", "cuda:1"],
        ["--manifest", "m.csv", "--index", "1", "--path", "fast"],
        ["--manifest", "m.csv", "--index", "1", "--checkpoint-s", "-1"],
        ["--manifest", "m.csv", "--index", "1", "--part-s", "soon"],
        ["--manifest", "m.csv", "--index", "1", "--backend", "fast"],
        ["--manifest", "m.csv", "--index", "1", "--backend", "openvino", "--path", "stock"],
        ["--manifest", "m.csv", "--index", "1", "--precision", "half"],
        ["--manifest", "m.csv", "--index", "1", "--no-such-option"],
    ],
)
def test_usage_errors_end_with_2(
    options: list[str], monkeypatch: pytest.MonkeyPatch, requests: list[RowRequest]
) -> None:
    assert call(monkeypatch, "analyze", *options) == ExitCode.USAGE
    assert not requests


@pytest.mark.parametrize("value", ["-3", "four", "1e3", "٣"])
def test_a_bad_index_variable_is_named(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", value)
    with pytest.raises(UsageError, match="SLURM_ARRAY_TASK_ID is"):
        find_index(None)


@pytest.mark.parametrize("text", [" 0, 10,20 ,30 ", "0;10;20;30"])
def test_crops_are_written_in_several_ways(
    text: str, monkeypatch: pytest.MonkeyPatch, requests: list[RowRequest]
) -> None:
    assert call(monkeypatch, "analyze", "--manifest", "m.csv", "--index", "1", "--crop", text) == 0
    assert requests[0].crop == (0, 10, 20, 30)


@pytest.mark.parametrize(
    ("words", "variables", "seconds"),
    [
        ("", {}, CHECKPOINT_EVERY_S),
        ("--part-s 0", {}, 0.0),
        ("", {"DLCCTR_PART_S": "3"}, 3.0),
        ("", {"DLCCTR_PART_S": "3", "DLCCTR_CHECKPOINT_S": "4"}, 4.0),
        ("--checkpoint-s 0", {"DLCCTR_PART_S": "3", "DLCCTR_CHECKPOINT_S": "4"}, 0.0),
    ],
)
def test_the_time_between_checkpoints_has_an_old_name(
    words: str,
    variables: dict[str, str],
    seconds: float,
    monkeypatch: pytest.MonkeyPatch,
    requests: list[RowRequest],
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert call(monkeypatch, "analyze", "--manifest", "m.csv", "--index", "1", *words.split()) == 0
    assert requests[0].checkpoint_s == seconds
    call(monkeypatch, "analyze", "--help")
    shown = capsys.readouterr().out
    assert "--checkpoint-s" in shown
    assert "--part-s" not in shown


def run_real(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "entrypoint", *argv], capture_output=True, text=True, timeout=60, check=False
    )


def test_the_real_program() -> None:
    done = run_real("--help")
    assert done.returncode == 0
    for name in ("analyze", "doctor", "manifest", "validate", "check", "version"):
        assert name in done.stdout
    assert " run " not in done.stdout  # host only, as is `image`
    assert run_real("nonsense").returncode == ExitCode.USAGE
    table = json.loads(run_real("version", "--json").stdout)
    assert table["kind"] == "version"
    assert table["image"] is None


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['dlc', '--help']\n"
        "from dlcctr.cli import catch; from entrypoint.app import main; catch(main)\n"
        "print([m for m in ('av', 'numpy', 'torch', 'tensorflow', 'deeplabcut', 'yaml') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_version_for_people() -> None:
    image = {
        "name": "dlcctr:0.1.0-pytorch2.7.1-cu126",
        "version": "0.1.0",
        "flavour": "pytorch-cu126",
        "engine": "pytorch",
        "versions": {"deeplabcut": "3.0.2", "torch": "2.7.1"},
        "cuda": "12.6",
        "min_driver": "525.60.13",
        "gpu_archs": ["sm_70", "sm_90"],
    }
    said = version.lines(version.collect(image))
    assert "DeepLabCut 3.0.2" in said
    assert "PyTorch 2.7.1" in said
    assert "CUDA 12.6, NVIDIA driver 525.60.13 or newer, GPU architectures sm_70, sm_90" in said
    assert "CUDA none: this flavour runs on the CPU" in version.lines(version.collect({**image, "cuda": ""}))
    assert version.collect(image)["image"] == image
    assert len(version.lines(version.collect({}))) == 3
