"""OpenVINO in the environments for CPUs: hidden from DeepLabCut, in float32, exported once for all tasks."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from dlcctr.contract import NETWORKS_FOLDER
from dlcctr.image.flavours import read_pins
from tests import media
from tests.integration.support.own_loop import OwnLoop
from tests.integration.support.tiny_models import RESNET50, make_model

ROOT = Path(__file__).resolve().parents[2]
HIDDEN = "import importlib.util; assert importlib.util.find_spec('openvino') is None; print('hidden')"
FLOAT32 = """
import sys; sys.path.insert(0, sys.argv[1])
import numpy
from entrypoint.engines import openvino, versions
ov = openvino.load()
from openvino import opset13 as ops
given = ops.parameter([-1, 3, 8, 8], numpy.float32)
generator = numpy.random.default_rng(1)
weights = generator.normal(size=(4, 3, 3, 3)).astype(numpy.float32)
made = ops.convolution(given, weights, [1, 1], [1, 1], [1, 1], [1, 1])
made.output(0).get_tensor().set_names({"head/maps"})
compiled = openvino.Compiled(ov.Model([made], [given]), (8, 8), 4)
assert compiled.compiled.get_property("INFERENCE_PRECISION_HINT") == ov.Type.f32
pictures = generator.normal(size=(7, 3, 8, 8)).astype(numpy.float32)  # the second part is not full
found = compiled(pictures)["head/maps"]
assert len(found) == 7
assert numpy.array_equal(compiled(pictures[:1])["head/maps"], found[:1])
padded = numpy.pad(pictures, ((0, 0), (0, 0), (1, 1), (1, 1))).astype(numpy.float64)
windows = numpy.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3))
expected = numpy.einsum("nchwij,ocij->nohw", windows, weights)
off = abs(found - expected).max() / abs(expected).max()
assert off < 1e-6, off
print(versions.openvino_version())
"""
GROUP_NORM = """
import sys; sys.path.insert(0, sys.argv[1])
import torch
from entrypoint.engines.pytorch import group_norm
torch.manual_seed(1)
maps = 3 * torch.randn(2, 12, 5, 7) + 10
for affine in (True, False):
    layer = torch.nn.GroupNorm(3, 12, affine=affine)
    for each in layer.parameters():
        torch.nn.init.normal_(each)
    expected = layer(maps)
    before = torch.nn.functional.group_norm
    with group_norm.in_steps():
        found = layer(maps)
    assert torch.nn.functional.group_norm is before
    assert (found - expected).abs().max() < 1e-5, affine
    assert not torch.equal(found, expected), "it was computed in the same way"
print("equal")
"""


@pytest.mark.real
def test_group_norm_in_steps_is_group_norm(native_pytorch: Path, tmp_path: Path) -> None:
    assert say(native_pytorch, GROUP_NORM, tmp_path) == "equal"


@pytest.mark.real
@pytest.mark.parametrize("engine", ["pytorch", "tensorflow"])
def test_only_our_loop_finds_it_and_it_computes_in_float32(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    python = request.getfixturevalue(f"native_{engine}")
    assert say(python, HIDDEN, tmp_path) == "hidden"
    assert say(python, FLOAT32, tmp_path) == read_pins()["OPENVINO_VERSION"]


def say(python: Path, code: str, folder: Path) -> str:
    done = subprocess.run(
        [python, "-I", "-c", code, str(ROOT)], capture_output=True, text=True, check=False, cwd=folder,
        env={**os.environ, "SLURM_CPUS_PER_TASK": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.real
def test_a_network_is_exported_once_and_a_damaged_export_is_no_harm(native_pytorch: Path, tmp_path: Path) -> None:
    case = OwnLoop(native_pytorch, make_model(native_pytorch, "pytorch-single", tmp_path / "models"), tmp_path)
    case.videos.mkdir()
    video = media.write_video(tmp_path / "once.mp4", 9)  # the encoder does not promise the same bytes a second time
    for name in ("a.mp4", "b.mp4", "c.mp4", "d.mp4"):
        case.add(shutil.copy(video, case.videos / name))
    first, second, third, fourth = case.rows
    case.analyse("own", rows=[first])
    (weights,) = (tmp_path / "own" / NETWORKS_FOLDER).glob("*/*.bin")
    made = weights.stat().st_mtime_ns
    case.analyse("own", rows=[second])
    assert weights.stat().st_mtime_ns == made

    content = bytearray(weights.read_bytes())
    content[len(content) // 2 :] = b"\x3f" * (len(content) - len(content) // 2)
    weights.write_bytes(content)
    said = case.analyse("own", rows=[third])
    assert "because OpenVINO gives other positions" in said
    case.analyse("own", rows=[fourth])
    backends = [case.receipt(row, "own").device.backend.split()[0] for row in case.rows]
    assert backends == ["OpenVINO", "OpenVINO", "PyTorch", "OpenVINO"]
    positions = [(case.result(row, "own"), case.result(first, "own"), []) for row in (second, third, fourth)]
    for row, found in zip((second, third, fourth), case.compare(positions), strict=True):
        assert found["equal"], (row.video, found)


@pytest.mark.real
def test_group_norm_by_openvino_equals_stock_also_after_frames_of_one_colour(
    native_pytorch: Path, tmp_path: Path
) -> None:
    """Those frames cannot be checked: on them PyTorch itself gives other positions in batches of another size."""
    plain = 5
    case = OwnLoop(native_pytorch, make_model(native_pytorch, RESNET50, tmp_path / "models"), tmp_path)
    case.videos.mkdir()
    case.add(media.write_video(case.videos / "plain_first.mp4", 8, width=640, height=480, plain=plain))
    case.analyse("own")
    case.stock_by_hand(case.rows, {})
    (row,) = case.rows
    assert case.receipt(row, "own").device.backend.startswith("OpenVINO")
    folders = case.result(row, "own"), case.hand_folder(row)
    (whole,) = case.compare([(*folders, [])])
    (rest,) = case.compare([(*folders, list(range(plain)))])
    print(whole, rest)
    assert rest["equal"], rest
    assert whole["max_px"] < 0.1
