"""Every kind of model that DeepLabCut 3.0.2 knows: analysed without a download and equal to stock.

Weights are random, with the statistics of the video's pictures. Stock DeepLabCut gets what its detectors would fetch.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.integration.support.tiny_models import NETWORK, TENSORFLOW_NETWORK
from tests.integration.test_analyze_native import SUPPORT, Native, calm_video, get_native, receipt_of

BACKBONES = ("resnet_50", "resnet_101", "hrnet_w18", "hrnet_w32", "hrnet_w48", "cspnext_s", "cspnext_m", "cspnext_x")
BOTTOM_UP = (*BACKBONES, "dekr_w18", "dekr_w32", "dekr_w48", "dlcrnet_stride16_ms5", "dlcrnet_stride32_ms5")
ALWAYS_TOP_DOWN = ("rtmpose_s", "rtmpose_m", "rtmpose_x", "animaltokenpose_base")
CONDITIONAL = (
    "ctd_coam_w32", "ctd_coam_w48", "ctd_coam_w48_human", "ctd_prenet_hrnet_w32", "ctd_prenet_hrnet_w48",
    "ctd_prenet_rtmpose_s", "ctd_prenet_rtmpose_m", "ctd_prenet_rtmpose_x", "ctd_prenet_rtmpose_x_human",
)  # fmt: skip
DETECTORS = ("ssdlite", "fasterrcnn_mobilenet_v3_large_fpn", "fasterrcnn_resnet50_fpn_v2")
ALL = (
    *(f"{network}++single" for network in BACKBONES),
    *(f"{network}++multi" for network in BOTTOM_UP),
    *(f"top_down_{network}+ssdlite+multi" for network in BACKBONES),
    *(f"{network}+ssdlite+single" for network in ALWAYS_TOP_DOWN),
    *(f"top_down_resnet_50+{detector}+single" for detector in DETECTORS),
    *(f"{network}+resnet_50+multi" for network in CONDITIONAL),
    *(f"{network}+resnet_50+single" for network in CONDITIONAL[:1]),
    f"{CONDITIONAL[0]}+dlcrnet_stride16_ms5+multi",
)
USUAL = ("dekr_w18++multi", "ctd_prenet_rtmpose_s+resnet_50+multi")
TENSORFLOW = (
    "resnet_50+single", "resnet_101+single", "resnet_152+single",
    *(f"mobilenet_v2_{width}+single" for width in ("0.35", "0.5", "0.75", "1.0")),
    *(f"efficientnet-b{size}+single" for size in range(7)),
    "resnet_50+multi", "dlcr50_ms5+multi", "dlcr101_ms5+multi", "dlcr152_ms5+multi",
)  # fmt: skip
FRAMES = 12
"""Of several animals: a tracklet has ten. A third of them suffices for one."""


HEIGHT_PX = 128
"""DeepLabCut pads HRNet's pictures to multiples of 32 px at random, and so does not give the same numbers twice."""
MAX_DIFFERENCE = 0.01
DETECTED = """
import glob, json, pickle, sys, numpy
def load(folder):
    (file,) = glob.glob(folder + "/*_full.pickle")
    with open(file, "rb") as stream:
        frames = pickle.load(stream)
    return {name: [*frame["coordinates"][0], *frame["confidence"]] for name, frame in frames.items()
            if name != "metadata"}
ours, theirs = load(sys.argv[1]), load(sys.argv[2])
assert list(ours) == list(theirs)
pairs = [(numpy.asarray(a, float), numpy.asarray(b, float)) for name in ours for a, b in zip(ours[name], theirs[name])]
assert all(a.shape == b.shape and (numpy.isnan(a) == numpy.isnan(b)).all() for a, b in pairs)
print(json.dumps([sum(int((a > 0).sum()) for a, b in pairs),
                  max(float(numpy.nanmax(abs(a - b), initial=0)) for a, b in pairs)]))
"""
"""How many detected numbers are above zero, and the largest difference between two folders' _full.pickle."""


@pytest.fixture(scope="module")
def torch_home(native_pytorch: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("torch") / "home"
    Native(native_pytorch, "pytorch", folder, folder.parent).call("-I", SUPPORT / "torch_home.py", folder)
    return folder


@pytest.mark.real
@pytest.mark.parametrize(
    "kind", [each if each in USUAL else pytest.param(each, marks=pytest.mark.full) for each in sorted(ALL)]
)
def test_a_kind_is_analysed_offline_and_equals_stock(
    kind: str, request: pytest.FixtureRequest, torch_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(torch_home))
    compare(get_native(request, NETWORK + kind, tmp_path / "models", tmp_path))


@pytest.mark.real
@pytest.mark.full
@pytest.mark.parametrize("kind", TENSORFLOW)
def test_a_kind_of_tensorflow_s(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    compare(get_native(request, TENSORFLOW_NETWORK + kind, tmp_path / "models", tmp_path))


def compare(native: Native) -> None:
    """Hold the stock path of `analyze` against stock DeepLabCut, and print what came out as a line of the table.

    Random networks see no animals that can be tracked: then stock DeepLabCut ends with an error, and what it detected
    before is compared.
    """
    frames = FRAMES if native.model.name.endswith("multi") else FRAMES // 3
    video = calm_video(native.folder / "calm.mp4", frames, height=HEIGHT_PX)
    ours = native.analyse(video, "--path", "stock")
    tracked = not receipt_of(ours).remark
    theirs = native.stock(video, code=0 if tracked else 1)
    found: dict[str, Any] = {"equal": True}
    if tracked:
        (our_h5,), (their_h5,) = ours.glob("*.h5"), theirs.glob("*.h5")
        found = native.compare(our_h5, their_h5)
    if any(theirs.glob("*_full.pickle")):  # not of TensorFlow's for one animal
        found["detected"], found["max_detected"] = json.loads(native.call("-I", "-c", DETECTED, ours, theirs).stdout)
        assert found["detected"] > 0
        assert found["max_detected"] <= MAX_DIFFERENCE
    print(f"\nKIND {native.model.name}: {json.dumps(found)} {receipt_of(ours).remark}")
    assert found["equal"]
    shutil.rmtree(native.model.parent)  # a gigabyte each


OFFLINE = """
import json, socket, sys
sys.path.insert(0, sys.argv[1])
def connect(*_): raise AssertionError("something is downloaded")
socket.socket.connect = socket.getaddrinfo = connect
from entrypoint.engines.pytorch import engine
engine.load(1)
from deeplabcut.pose_estimation_pytorch.models import DETECTORS
layers = {}
for kind, more in (("SSDLite", {"pretrained_from_imagenet": True}), ("SSDLite", {"pretrained": True}),
                   ("FasterRCNN", {"variant": "fasterrcnn_resnet50_fpn_v2"}),
                   ("FasterRCNN", {"variant": "fasterrcnn_mobilenet_v3_large_fpn", "pretrained": True})):
    built = DETECTORS.build({"type": kind, **more})
    layers["-".join([kind, *more])] = sum(value.numel() for value in built.state_dict().values())
    built.load_state_dict(built.state_dict())
print(json.dumps(layers))
"""


@pytest.mark.real
def test_detectors_are_built_without_a_download(
    native_pytorch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "empty"))
    done = Native(native_pytorch, "pytorch", tmp_path, tmp_path).call("-I", "-c", OFFLINE, SUPPORT.parents[2])
    weights = json.loads(done.stdout.splitlines()[-1])
    assert len(weights) == 4
    # the tail of the one that began with ImageNet's weights is not reduced
    assert weights["SSDLite-pretrained_from_imagenet"] > weights["SSDLite-pretrained"]


@pytest.mark.real
def test_these_are_all_kinds_that_there_are(native_pytorch: Path, tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from entrypoint.engines.torchvision_ops import declare_missing; declare_missing()\n"
        "import json\nfrom deeplabcut.pose_estimation_pytorch import available_detectors, available_models\n"
        "print(json.dumps([available_models(), available_detectors()]))"
    )
    done = Native(native_pytorch, "pytorch", tmp_path, tmp_path).call("-I", "-c", code, SUPPORT.parents[2])
    models, detectors = json.loads(done.stdout.splitlines()[-1])
    top_down = {f"top_down_{name}" for name in BACKBONES}
    assert set(models) == {*BOTTOM_UP, *ALWAYS_TOP_DOWN, *CONDITIONAL, *top_down}
    assert set(detectors) == set(DETECTORS)
