"""SuperAnimal bundles: the table of facts is DeepLabCut's, and results are those of `video_inference_superanimal`.

Weights are random and have the true shapes; the networks are the true ones.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from dlcctr.model.inspection import inspect_model
from dlcctr.model.superanimal.animals import ANIMALS, choose
from dlcctr.model.superanimal.make import make_bundle, pose_config
from dlcctr.model.superanimal.weights import MARKS, NETWORKS, recognise
from tests.integration.test_analyze_native import SUPPORT, Native, calm_video, receipt_of

SCRIPT = SUPPORT / "superanimal.py"
NETWORKS_RUN, DETECTOR = ("hrnet_w32", "rtmpose_s"), "ssdlite"
"""Of the detectors the one that is bearable on a CPU; all of them are compared by shapes and settings."""
MAX_PX, MAX_LIKELIHOOD = 0.01, 1e-4
CHECKED = (
    "import json, sys; sys.path.insert(0, sys.argv[1])\n"
    "from entrypoint.engines.torchvision_ops import declare_missing; declare_missing()\n"
    "from deeplabcut.pose_estimation_pytorch.config.pose import PoseConfig\n"
    "print('\\n' + json.dumps([PoseConfig.from_dict(table).to_dict(normalize=True)"
    " for table in json.load(open(sys.argv[2]))], default=str))"
)


def last_line(text: str) -> Any:
    return json.loads(text.splitlines()[-1])


@pytest.mark.real
@pytest.mark.full
def test_body_parts_networks_files_and_settings_are_deeplabcuts(native_pytorch: Path, tmp_path: Path) -> None:
    native = Native(native_pytorch, "pytorch", tmp_path, tmp_path)
    known = last_line(native.call("-I", SCRIPT, "facts").stdout)
    assert set(known) == set(ANIMALS)
    for name, animal in ANIMALS.items():
        theirs = known[name]
        assert list(animal.networks) == [each for each in MARKS if each in theirs["networks"]]
        assert list(animal.detectors) == [each for each in MARKS if each in theirs["detectors"]]
        assert set(theirs["networks"] + theirs["detectors"]) == {*animal.networks, *animal.detectors}
        for part in (*animal.networks, *animal.detectors):
            assert theirs["urls"][part] == f"{animal.repository}/{animal.file_name(part)}"
            shapes = {key: tuple(shape) for key, shape in theirs["tensors"][part].items()}
            assert recognise(shapes) == part
            if part in NETWORKS:
                assert shapes[MARKS[part].last][MARKS[part].outputs] == len(animal.bodyparts)
        choices = [choose(name, network, individuals=3) for network in animal.networks]
        choices += [choose(name, "", detector, 3) for detector in animal.detectors]
        ours = normal(native, [pose_config(choice) for choice in choices])
        for choice, mine in zip(choices, ours, strict=True):
            same_settings(mine, theirs["configs"][choice.network])
            if choice.detector in theirs["configs"]:
                same_settings(mine["detector"], theirs["configs"][choice.detector])
            for key in ("bodyparts", "individuals", "unique_bodyparts"):
                assert mine["metadata"][key] == theirs["configs"][choice.network]["metadata"][key]


def normal(native: Native, tables: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Configurations as DeepLabCut reads them, with all of its defaults."""
    file = native.folder / "tables.json"
    file.write_text(json.dumps(tables))
    found: list[dict[str, Any]] = last_line(native.call("-I", "-c", CHECKED, SUPPORT.parents[2], file).stdout)
    return found


def same_settings(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """All that an analysis reads; what only a training reads may differ."""
    for key in {"model", "net_type", "method", "inference", "with_center_keypoints"} & theirs.keys():
        assert ours[key] == theirs[key], key
    for key in theirs["data"].keys() - {"train", "loader"}:
        assert ours["data"][key] == theirs["data"][key], key


@pytest.fixture(scope="module")
def weights(native_pytorch: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    Native(native_pytorch, "pytorch", folder, folder).call(
        "-I", SCRIPT, "weights", folder, "quadruped", *NETWORKS_RUN, DETECTOR
    )
    return folder


@pytest.mark.real
@pytest.mark.full
@pytest.mark.parametrize(("network", "individuals", "frames"), [("hrnet_w32", 1, 3), ("rtmpose_s", 2, 5)])
def test_a_bundle_gives_what_deeplabcuts_own_function_detects(
    network: str, individuals: int, frames: int, native_pytorch: Path, weights: Path, tmp_path: Path
) -> None:
    """Of several animals, ours are tracked as in every other project, and what was detected before is compared."""
    choice = choose("quadruped", network, DETECTOR, individuals)
    bundle = tmp_path / "q.dlcmodel"
    network_file, detector_file = (weights / choice.animal.file_name(part) for part in choice.parts)
    make_bundle(choice, network_file, detector_file, bundle)
    native = Native(native_pytorch, "pytorch", bundle, tmp_path)
    video = calm_video(tmp_path / "calm.mp4", frames, height=128)
    row = native.analyse(video)
    receipt = receipt_of(row)
    assert receipt.path == "stock"
    assert receipt.model.origin == inspect_model(bundle).origin
    words = ("quadruped", network, DETECTOR, str(individuals))
    native.call("-I", SCRIPT, "stock", weights, *words, video, tmp_path / "s")
    (predictions,), (full,) = (tmp_path / "s").glob("*.json"), row.glob("*_full.pickle")
    found = last_line(native.call("-I", SCRIPT, "same", predictions, full).stdout)
    print(f"\nSUPERANIMAL {network} {individuals}: {json.dumps(found)} {receipt.remark}")
    assert (found["frames"], found["poses"]) == (frames, frames * individuals)
    assert found["max_px"] <= MAX_PX
    assert found["max_likelihood"] <= MAX_LIKELIHOOD
    if individuals == 1:
        (ours,), (theirs,) = row.glob("*.h5"), (tmp_path / "s").glob("*.h5")
        assert last_line(native.call("-I", SCRIPT, "table", ours, theirs).stdout) == {"equal": True}
    shutil.rmtree(tmp_path / "out")
