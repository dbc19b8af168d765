"""Frames, ends and whole videos without an animal are results: a row for each frame, and nothing is shifted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy
import pytest

from dlcctr.contract import RowState
from tests.integration.support.tiny_models import BLIND, BLIND_CONDITIONS
from tests.integration.test_analyze_native import Native, get_native, receipt_of

CALM, BLACK = "c", "b"
READ = """
import json, sys, glob, pickle
(file,) = glob.glob(sys.argv[1] + "/*_full.pickle")
frames = pickle.load(open(file, "rb"))
names = sorted(name for name in frames if name != "metadata")
print(json.dumps([max(float(score.max()) for score in frames[name]["confidence"]) for name in names]))
"""


def write_video(path: Path, kinds: str) -> Path:
    """Frames of a calm video (c) and black ones (b)."""
    import av

    background = numpy.random.default_rng(3).integers(0, 255, (15, 20, 3), numpy.uint8).repeat(8, 0).repeat(8, 1)
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("libx264", rate=25, options={"crf": "12"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for kind in kinds:
            picture = background if kind == CALM else numpy.zeros_like(background)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))
    return path


@pytest.fixture(params=[BLIND, BLIND_CONDITIONS])
def blind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Native:
    return get_native(request, request.param, tmp_path_factory.mktemp("tiny"), tmp_path)


@pytest.mark.real
def test_a_top_down_model_finds_no_animal_in_some_frames(blind: Native) -> None:
    """DeepLabCut itself gives 21 rows for these 28 frames, and shifts some (DeepLabCut#3485)."""
    kinds = "cccbbccccbcccccccccccbbbbbbb"
    folder = blind.analyse(write_video(blind.folder / "mixed.mp4", kinds))
    receipt = receipt_of(folder)
    assert (receipt.state, receipt.path, receipt.remark) == (RowState.OK, "stock", "")
    found = json.loads(blind.call("-I", "-c", READ, folder).stdout)
    assert "".join(CALM if score > 0 else BLACK for score in found) == kinds


@pytest.mark.real
def test_a_top_down_model_finds_no_animal_at_all(blind: Native) -> None:
    folder = blind.analyse(write_video(blind.folder / "black.mp4", BLACK * 13))
    receipt = receipt_of(folder)
    assert (receipt.state, receipt.remark) == (RowState.OK, "no animal was found in any frame")
    assert receipt.columns.rows == 13
    (h5,) = folder.glob("*.h5")
    assert blind.table(h5)["rows"] == 13
    assert len(list(folder.glob("*_full.pickle"))) == 1
    said = blind.analyse(blind.folder / "black.mp4")  # such rows are not repeated
    assert receipt_of(said) == receipt


@pytest.mark.real
@pytest.mark.parametrize("kind", ["pytorch-multi", "tensorflow-multi"])
def test_detections_without_a_track_are_kept(
    kind: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    plain = get_native(request, kind, tmp_path_factory.mktemp("tiny"), tmp_path)
    project = tmp_path / "project"
    shutil.copytree(plain.model, project)
    for file in project.rglob("inference_cfg.yaml"):
        file.write_text(json.dumps(json.loads(file.read_text()) | {"pcutoff": 2.0}))
    strict = Native(plain.python, plain.engine, project, tmp_path)
    # No tracklet is as long as ten frames
    folder = strict.analyse(write_video(tmp_path / "short.mp4", CALM * 9))
    receipt = receipt_of(folder)
    assert receipt.state is RowState.OK
    assert "no track could be made" in receipt.remark
    assert receipt.columns.rows == 9
    assert len(list(folder.glob("*_full.pickle"))) == len(list(folder.glob("*_assemblies.pickle"))) == 1
    assert "missing-individuals" in receipt.flags
